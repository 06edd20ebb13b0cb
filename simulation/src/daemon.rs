//! The process of a host: the engine that ships, with a clock that the run sets and the model of a kernel as its data plane.

use std::{
    cell::RefCell,
    collections::{BTreeSet, VecDeque},
    net::IpAddr,
    rc::Rc,
    sync::{Arc, OnceLock},
    time::{Duration, SystemTime},
};

use vrrp_common::{
    election::{Effects, Election, Input, StateName, Transition},
    time::Time,
    types::Mac,
    wire::vrrp::ChecksumForm,
};
use vrrp_config::{Checksum, Config, Garp, Router, Start, VirtualAddress};
use vrrp_engine::{
    Attached, Command, Effect, Engine, Link, Nature, Outside, Request, RouterKey, Share, Standing, Tracking,
    Trackings,
};

use crate::{
    host::{addresses, password},
    kernel::{Kernel, SharedKernel},
    mutation::{Mutation, Subject},
    scenario::Plan,
};

use vrrp_common::election::Settings;

/// The interface that all hosts have on the LAN.
pub(crate) const INTERFACE: &str = "eth0";
/// The router that all hosts are of.
pub(crate) const ROUTER: &str = "VI";

/// What operators, netlink and checks tell a daemon.
#[derive(Debug)]
pub(crate) enum Order {
    Stop,
    /// As the interface is now.
    Link {
        link: Option<Link>,
        jammed: bool,
    },
    /// Another configuration, and whether a check of its router fails.
    Configure {
        settings: Settings,
        list: usize,
        faulty: bool,
    },
    /// A check of its router fails, or does not any more.
    Check {
        faulty: bool,
    },
    Attach,
}

/// A process.
#[derive(Debug)]
pub(crate) struct Daemon {
    engine: Engine<Surroundings>,
    orders: VecDeque<Order>,
    plan: Plan,
    settings: Settings,
}

/// What a turn of the daemon has done, besides the map.
#[derive(Debug, Default)]
pub(crate) struct Done {
    pub(crate) transitions: Vec<(Transition, Input)>,
    /// As the operator wants them now.
    pub(crate) configured: Option<Settings>,
    /// The address of the interface, as it was told of.
    pub(crate) source: Option<IpAddr>,
    /// Nothing could leave.
    pub(crate) jammed: bool,
}

impl Daemon {
    pub(crate) fn new(
        plan: Plan,
        (settings, list): (Settings, usize),
        kernel: &Rc<RefCell<Kernel>>,
        now: Time,
        mutation: Option<Mutation>,
    ) -> Self {
        let kernel = Rc::clone(kernel);
        let subject = Subject::new(settings, mutation);
        let surroundings =
            Surroundings { now, kernel, subject, transitions: Vec::new(), answers: Vec::new() };
        let config = config(&plan, &settings, list);
        let engine = Engine::new(surroundings, config, Trackings::new(), Duration::ZERO);
        Self { engine, orders: VecDeque::new(), plan, settings }
    }

    pub(crate) fn order(&mut self, order: Order) {
        self.orders.push_back(order);
    }

    pub(crate) fn has(&self, mutation: Mutation) -> bool {
        self.engine.outside().subject.has(mutation)
    }

    /// Its only router's election; `None` when it has stopped and is gone.
    pub(crate) fn election(&self) -> Option<&Election> {
        self.engine.election(ROUTER)
    }

    pub(crate) fn name(&self) -> StateName {
        self.election().map_or(StateName::Stopped, Election::name)
    }

    pub(crate) fn deadline(&self) -> Time {
        self.engine.deadline()
    }

    /// Whether it was told something that it has not taken in.
    pub(crate) fn has_orders(&self) -> bool {
        !self.orders.is_empty()
    }

    /// A turn: with what it was told next, if there is something.
    pub(crate) fn turn(&mut self, now: Time) -> Done {
        let mut done = Done::default();
        self.engine.outside_mut().now = now;
        if self.has(Mutation::RingNotDrained) {
            self.withhold(true);
            self.engine.turn(None);
            self.withhold(false);
        }
        let command = self.orders.pop_front().map(|order| self.command(order, &mut done));
        self.engine.turn(command);
        self.engine.outside().kernel.borrow_mut().jammed = false;
        let answers = std::mem::take(&mut self.engine.outside_mut().answers);
        answers.into_iter().for_each(|answer| self.engine.turn(Some(answer)));
        done.transitions = std::mem::take(&mut self.engine.outside_mut().transitions);
        done
    }

    fn withhold(&self, withheld: bool) {
        self.engine.outside().kernel.borrow_mut().withheld = withheld;
    }

    fn command(&mut self, order: Order, done: &mut Done) -> Command<SharedKernel> {
        let kernel = Rc::clone(&self.engine.outside().kernel);
        match order {
            Order::Stop => Command::Stop { at_once: false },
            Order::Link { link, jammed } => {
                kernel.borrow_mut().jammed = jammed;
                done.jammed = jammed;
                done.source = link.as_ref().and_then(|link| link.addresses.first().copied());
                Command::Link { interface: INTERFACE.into(), link }
            }
            Order::Configure { settings, list, faulty } => {
                done.configured = Some(settings);
                self.settings = settings;
                let config = config(&self.plan, &settings, list);
                Command::Reload(Box::new(config), self.trackings(faulty))
            }
            Order::Check { faulty } => Command::Tracked(self.trackings(faulty)),
            Order::Attach => {
                let attached =
                    Attached { index: 1, mode: String::new(), pins: String::new(), inherited: Vec::new() };
                Command::Plane {
                    interface: INTERFACE.into(),
                    attached: Some((SharedKernel(kernel), attached)),
                }
            }
        }
    }

    fn trackings(&self, faulty: bool) -> Trackings {
        let share = Share { subject: "a check".into(), standing: Standing::Bad, effect: Effect::Fault };
        let shares: Arc<[Share]> = if faulty { [share].into() } else { [].into() };
        [(ROUTER.into(), Tracking { priority: self.settings.priority, shares })].into()
    }
}

/// What the engine has beside itself.
#[derive(Debug)]
struct Surroundings {
    now: Time,
    kernel: Rc<RefCell<Kernel>>,
    subject: Subject,
    transitions: Vec<(Transition, Input)>,
    /// What a supervisor answers to requests.
    answers: Vec<Command<SharedKernel>>,
}

impl Outside for Surroundings {
    type Plane = SharedKernel;

    fn now(&self) -> Time {
        self.now
    }

    fn wall(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH
    }

    fn decide(&mut self, _router: RouterKey, election: &mut Election, now: Time, input: Input) -> Effects {
        let effects = self.subject.handle(election, now, input);
        // The store after a send comes a moment later.
        self.kernel.borrow_mut().after_send = matches!(input, Input::Sent { .. });
        self.transitions.extend(effects.transition.map(|transition| (transition, input)));
        effects
    }

    fn deadline_of(&self, _router: RouterKey, election: &Election) -> Time {
        self.subject.deadline(election, self.now)
    }

    fn request(&mut self, request: Request) -> Result<(), Request> {
        // The kernel has nothing that nobody holds.
        if let Request::Look { ticket } = request {
            self.answers.push(Command::Settled { ticket, left: BTreeSet::new() });
        }
        Ok(())
    }
}

/// The interface as netlink shows it.
pub(crate) fn link(source: IpAddr, is_up: bool, carrier_ups: u32) -> Link {
    Link {
        index: 1,
        mac: Mac([2, 0, 0, 0, 0, 0xfe]),
        up: is_up,
        carrier: is_up,
        carrier_ups,
        nature: Nature::default(),
        addresses: vec![source],
    }
}

/// The file of a host.
fn config(plan: &Plan, settings: &Settings, list: usize) -> Config {
    let Settings { version, priority, interval, preempt, preempt_delay, probe_limit, .. } = *settings;
    let template = template();
    let address = template.routers[0].addresses[0].clone();
    let with = |v4| VirtualAddress { address: IpAddr::V4(v4), ..address.clone() };
    let router = Router {
        version,
        priority,
        advert_int: interval,
        preempt,
        preempt_delay,
        auth_pass: password(version, plan.password),
        v3_checksum: match plan.checksum {
            ChecksumForm::PseudoHeader => Checksum::Rfc5798,
            ChecksumForm::MessageOnly => Checksum::Rfc9568,
        },
        rfc_discards: plan.rfc_discards,
        probe_before_takeover: probe_limit > 0,
        probe_limit,
        addresses: addresses(list).into_iter().map(with).collect(),
        ..(*template.routers[0]).clone()
    };
    Config { routers: vec![Arc::new(router)], ..template.clone() }
}

/// What all files have in common. Gratuitous ARP is nothing that elections hear.
fn template() -> &'static Config {
    static TEMPLATE: OnceLock<Config> = OnceLock::new();
    TEMPLATE.get_or_init(|| {
        let text = format!(
            "[vrrp_instance.{ROUTER}]\ninterface = \"{INTERFACE}\"\nvirtual_router_id = 51\n\
             virtual_ipaddress = [\"10.77.0.100/24\"]\n"
        );
        let mut config = vrrp_config::parse("simulation", &text).unwrap_or_else(|_problems| unreachable!());
        let silent = Garp {
            repeat: 0,
            delay: Duration::ZERO,
            refresh: Duration::ZERO,
            lower_prio_repeat: 0,
            lower_prio_delay: Duration::ZERO,
        };
        let routers = config
            .routers
            .iter()
            .map(|router| Arc::new(Router { garp: silent, start: Start::Master, ..(**router).clone() }));
        config.routers = routers.collect();
        config
    })
}
