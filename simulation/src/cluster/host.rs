//! A host of a cluster: two interfaces, the engine that ships, and a supervisor that makes its kernel have what routers hold.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet, VecDeque},
    net::{IpAddr, Ipv4Addr},
    rc::Rc,
    sync::Arc,
    time::{Duration, SystemTime},
};

use vrrp_common::{
    election::{Effects, Election, Fault, Input},
    time::Time,
    types::Mac,
};
use vrrp_config::Config;
use vrrp_engine::{
    Attached, Command, Effect, Engine, Link, Nature, Outside, Request, Resources, RouterKey, Share, Standing,
    Tracking, Trackings,
};

use super::{
    flaw::Flaw,
    plan::{File, PORTS, Plan},
};
use crate::kernel::{Kernel, SharedKernel};

/// What an address is of.
type Place = (String, IpAddr);

/// A process.
#[derive(Debug)]
struct Process {
    engine: Engine<Around>,
    commands: VecDeque<Command<SharedKernel>>,
}

/// A host.
#[derive(Debug)]
pub(super) struct Host {
    number: usize,
    pub(super) file: File,
    config: Config,
    process: Option<Process>,
    pub(super) kernels: [Rc<RefCell<Kernel>>; 2],
    up: [bool; 2],
    ups: [u32; 2],
    attached: [bool; 2],
    /// Routers of which a check fails.
    faulty: BTreeSet<usize>,
    /// Addresses that the kernel has of this daemon's and of earlier ones.
    pub(super) addresses: BTreeSet<Place>,
    /// Changes with each process.
    pub(super) epoch: u32,
    flaw: Option<Flaw>,
}

impl Host {
    pub(super) fn new(plan: &Plan, number: usize, flaw: Option<Flaw>) -> Self {
        let file = plan.files[number].clone();
        let kernels = [0, 1].map(|_port| Rc::new(RefCell::new(Kernel::with_flaw(flaw))));
        Self {
            number,
            config: parsed(plan, number, &file),
            file,
            process: None,
            kernels,
            up: [true; 2],
            ups: [1; 2],
            attached: [true; 2],
            faulty: BTreeSet::new(),
            addresses: BTreeSet::new(),
            epoch: 0,
            flaw,
        }
    }

    pub(super) const fn runs(&self) -> bool {
        self.process.is_some()
    }

    pub(super) fn is_up(&self, port: usize) -> bool {
        self.up[port]
    }

    /// Whether the file has a router.
    pub(super) fn has(&self, router: usize) -> bool {
        !self.file.without.contains(&router)
    }

    /// Whether a router could take part, as far as the host goes.
    pub(super) fn is_fit(&self, plan: &Plan, router: usize) -> bool {
        let of = &plan.routers[router];
        let ports = if of.secondary { vec![0, 1] } else { vec![of.home] };
        self.runs()
            && self.has(router)
            && !self.faulty.contains(&router)
            && ports.iter().all(|port| self.attached[*port])
            && self.up[of.home]
    }

    /// Whether a check of the router has failed, or its carrier is gone.
    pub(super) fn is_kept_out(&self, plan: &Plan, router: usize) -> bool {
        self.faulty.contains(&router) || !self.up[plan.routers[router].home]
    }

    /// The state of a router, in words.
    pub(super) fn state(&self, router: usize) -> &'static str {
        let process = self.process.as_ref();
        let election = process.and_then(|process| process.engine.election(&format!("R{router}")));
        election.map_or("none", |election| election.name().as_str())
    }

    pub(super) fn start(&mut self, now: Time) {
        self.epoch += 1;
        let around = Around { now, flaw: self.flaw, held: BTreeMap::new(), requests: Vec::new() };
        let engine = Engine::new(around, self.config.clone(), self.trackings(), Duration::ZERO);
        let mut process = Process { engine, commands: VecDeque::new() };
        for port in 0..PORTS.len() {
            // As the supervisor does: an interface is known once it is attached.
            if self.attached[port] {
                process.commands.push_back(self.plane(port));
            }
            process.commands.push_back(self.link(port));
        }
        self.process = Some(process);
    }

    pub(super) fn kill(&mut self) {
        self.epoch += 1;
        self.process = None;
        self.kernels.iter().for_each(|kernel| kernel.borrow_mut().abandon());
    }

    pub(super) fn tell(&mut self, command: Command<SharedKernel>) {
        if let Some(process) = &mut self.process {
            process.commands.push_back(command);
        }
    }

    pub(super) fn reload(&mut self, plan: &Plan, file: &File) {
        self.file.clone_from(file);
        self.config = parsed(plan, self.number, file);
        let command = Command::Reload(Box::new(self.config.clone()), self.trackings());
        self.tell(command);
    }

    pub(super) fn check(&mut self, router: usize, fails: bool) {
        if fails {
            self.faulty.insert(router);
        } else {
            self.faulty.remove(&router);
        }
        let command = Command::Tracked(self.trackings());
        self.tell(command);
    }

    pub(super) fn set_carrier(&mut self, port: usize, is_up: bool) {
        self.ups[port] += u32::from(is_up && !self.up[port]);
        self.up[port] = is_up;
        let command = self.link(port);
        self.tell(command);
    }

    pub(super) fn set_attached(&mut self, port: usize, is_attached: bool) {
        self.attached[port] = is_attached;
        let command =
            if is_attached { self.plane(port) } else { Command::Detached { interface: PORTS[port].into() } };
        self.tell(command);
    }

    fn link(&self, port: usize) -> Command<SharedKernel> {
        let link = Link {
            index: port as u32 + 1,
            mac: Mac([2, 0, 0, 0, port as u8, self.number as u8]),
            up: self.up[port],
            carrier: self.up[port],
            carrier_ups: self.ups[port],
            nature: Nature::default(),
            addresses: vec![Plan::own(self.number, port).into()],
        };
        Command::Link { interface: PORTS[port].into(), link: Some(link) }
    }

    fn plane(&self, port: usize) -> Command<SharedKernel> {
        let inherited = self.kernels[port].borrow().named().collect();
        let attached =
            Attached { index: port as u32 + 1, mode: String::new(), pins: String::new(), inherited };
        let plane = SharedKernel(Rc::clone(&self.kernels[port]));
        Command::Plane { interface: PORTS[port].into(), attached: Some((plane, attached)) }
    }

    fn trackings(&self) -> Trackings {
        let share = || Share { subject: "a check".into(), standing: Standing::Bad, effect: Effect::Fault };
        let routers = self.config.routers.iter();
        routers
            .map(|router| {
                let fails = self.faulty.iter().any(|index| router.name == format!("R{index}"));
                let shares: Arc<[Share]> = if fails { [share()].into() } else { [].into() };
                (router.name.clone(), Tracking { priority: router.priority, shares })
            })
            .collect()
    }

    pub(super) fn deadline(&self) -> Option<Time> {
        let process = self.process.as_ref()?;
        let at_once =
            !process.commands.is_empty() || self.kernels.iter().any(|one| one.borrow().has_events());
        Some(if at_once { Time::BOOT } else { process.engine.deadline() })
    }

    /// A turn, and what the supervisor does about its requests. What has left, by interface: frames to all, packets to one.
    #[expect(clippy::type_complexity, reason = "read in one place")]
    pub(super) fn turn(&mut self, now: Time) -> [(Vec<Vec<u8>>, Vec<(Ipv4Addr, Vec<u8>)>); 2] {
        let Some(process) = &mut self.process else { return Default::default() };
        let command = process.commands.pop_front();
        process.engine.outside_mut().now = now;
        process.engine.turn(command);
        if process.engine.is_over() {
            self.process = None;
            self.epoch += 1;
            // The supervisor sees to that at the end.
            self.addresses.clear();
        }
        [0, 1].map(|port| {
            let mut kernel = self.kernels[port].borrow_mut();
            (std::mem::take(&mut kernel.sent), std::mem::take(&mut kernel.sent_to_peers))
        })
    }

    /// Whether its supervisor was asked for something.
    pub(super) fn is_asked(&self) -> bool {
        self.process.as_ref().is_some_and(|process| !process.engine.outside().requests.is_empty())
    }

    /// Makes the kernel have what routers hold and nothing else, and says what is left.
    pub(super) fn supervise(&mut self) {
        let Some(process) = &mut self.process else { return };
        let outside = process.engine.outside_mut();
        let requests = std::mem::take(&mut outside.requests);
        if requests.is_empty() {
            return;
        }
        let held = outside.held.values().flat_map(|resources| resources.bindings.iter());
        self.addresses = held.map(|binding| (binding.interface.clone(), binding.address.address)).collect();
        for request in requests {
            if let Request::Look { ticket } = request {
                process.commands.push_back(Command::Settled { ticket, left: BTreeSet::new() });
            }
        }
    }
}

fn parsed(plan: &Plan, number: usize, file: &File) -> Config {
    let text = plan.text(number, file);
    vrrp_config::parse("simulation", &text).unwrap_or_else(|problems| unreachable!("{problems}\n{text}"))
}

/// What the engine has beside itself.
#[derive(Debug)]
struct Around {
    now: Time,
    flaw: Option<Flaw>,
    held: BTreeMap<RouterKey, Arc<Resources>>,
    requests: Vec<Request>,
}

impl Outside for Around {
    type Plane = SharedKernel;

    fn now(&self) -> Time {
        self.now
    }

    fn wall(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH
    }

    fn decide(&mut self, _router: RouterKey, election: &mut Election, now: Time, input: Input) -> Effects {
        let is_odd = election.settings().priority.as_u8() % 2 == 1;
        let is_lost = match (self.flaw, input) {
            (Some(Flaw::MemberStaysAlone), Input::Fault(Fault::Group) | Input::Yield) => true,
            (Some(Flaw::MemberLeavesAlone), Input::Promote) => true,
            (Some(Flaw::StopUnheard), Input::Stop) => is_odd,
            (Some(Flaw::CheckUnheard), Input::Fault(Fault::Check)) => true,
            _ => false,
        };
        match (self.flaw, input) {
            _ if is_lost => Effects::default(),
            (Some(Flaw::LeaseNotAdopted), Input::Adopt(_)) => election.handle(now, Input::Listen),
            _ => election.handle(now, input),
        }
    }

    fn request(&mut self, request: Request) -> Result<(), Request> {
        match &request {
            Request::Holding { .. } if self.flaw == Some(Flaw::HoldingLost) => return Ok(()),
            Request::Holding { router, resources: Some(resources), .. } => {
                self.held.insert(*router, Arc::clone(resources));
            }
            Request::Holding { router, resources: None, .. } => drop(self.held.remove(router)),
            Request::Look { .. } | Request::Changed(_) | Request::Vacant { .. } => {}
        }
        self.requests.push(request);
        Ok(())
    }
}
