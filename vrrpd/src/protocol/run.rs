//! The loop itself: what is looked at, in which order.

use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    io,
    net::{IpAddr, Ipv4Addr},
    time::Duration,
};

use tokio::{io::unix::AsyncFd, sync::mpsc};
use vrrp_common::{
    abi,
    election::{Fault, Input, StateName},
    receive::receive,
    time::Time,
    wire::arp,
};

use super::{
    Command, Link, Request, RouterKey, Ticket, Trackings,
    guarded::Guarded,
    note::{note, note_discard},
    port::{Interface, OpenPort, Port},
    router::{Reacted, Router},
    settling::starts_at,
    sync::Group,
    unheard,
    wait::wait,
};
use crate::{
    clock::{Timer, now},
    readiness::watch,
};
use vrrp_config::Config;

/// Events taken from one ring in one turn.
const EVENTS_PER_TURN: usize = 4_096;

/// How long a router stays in FAULT after one of its addresses could not be added.
const ADDRESS_RETRY: Duration = Duration::from_secs(10);

/// Everything the protocol thread has.
#[derive(Debug)]
pub(super) struct Loop {
    pub(super) router_id: String,
    pub(super) interfaces: Vec<Interface>,
    /// Where an interface is in that list, by its name.
    pub(super) positions: HashMap<String, usize>,
    pub(super) routers: Vec<Router>,
    pub(super) groups: Vec<Group>,
    /// The sources of adverts that the configuration names and this host has.
    pub(super) sources: BTreeSet<IpAddr>,
    /// As last told.
    pub(super) trackings: Trackings,
    /// Routers with an advert to be sent before the turn ends.
    pub(super) outbox: Vec<usize>,
    /// Transitions to be told of before the turn ends.
    pub(super) transitioned: Vec<(usize, Reacted)>,
    /// Gratuitous ARP to be sent: router, interface, address.
    pub(super) announcements: VecDeque<(RouterKey, usize, Ipv4Addr)>,
    pub(super) requests: mpsc::Sender<Request>,
    commands: mpsc::Receiver<Command>,
    timer: AsyncFd<Timer>,
    /// When what found no room on its way to the supervisor is to be told again.
    pub(super) tell_again_at: Time,
    /// Of the addresses that have come to linger last.
    pub(super) ticket: Ticket,
    /// When the claims of others were looked at last.
    pub(super) looked_at_claims: Time,
    /// The last that the supervisor was asked to look for.
    pub(super) looked: Ticket,
    /// Before that no router takes part but with a lease that is running.
    pub(super) starts_at: Option<Time>,
    pub(super) stopping: bool,
}

impl Loop {
    pub(super) fn new(
        config: Config,
        trackings: Trackings,
        commands: mpsc::Receiver<Command>,
        requests: mpsc::Sender<Request>,
        delay: Duration,
    ) -> io::Result<Self> {
        let mut new = Self {
            router_id: config.router_id,
            interfaces: Vec::new(),
            positions: HashMap::new(),
            routers: Vec::new(),
            groups: Vec::new(),
            sources: BTreeSet::new(),
            trackings,
            outbox: Vec::new(),
            transitioned: Vec::new(),
            announcements: VecDeque::new(),
            requests,
            commands,
            timer: watch(Timer::new()?)?,
            tell_again_at: Time::NEVER,
            ticket: Ticket::default(),
            looked: Ticket::default(),
            looked_at_claims: Time::BOOT,
            starts_at: starts_at(delay),
            stopping: false,
        };
        let keys: Vec<_> = config.routers.iter().map(|router| new.key_of(router)).collect();
        new.regroup(&config.sync_groups, &keys, now());
        new.routers.reserve_exact(config.routers.len());
        for router in config.routers {
            new.add_router(router);
        }
        Ok(new)
    }

    /// Runs until all routers have stopped.
    pub(super) async fn run(mut self) -> io::Result<()> {
        loop {
            self.timer.get_ref().arm(self.deadline())?;
            let command = wait(&self.timer, &self.interfaces, &mut self.commands).await?;
            self.drain_rings();
            if let Some(command) = command {
                self.command(command);
            }
            let at = now();
            if at >= self.deadline() {
                // What arrived before `at` is judged before anything is decided about silence (I6).
                self.drain_rings();
                self.timeouts(at);
            }
            self.start_at(at);
            self.look_at_claims(at);
            self.revive();
            self.sync(at);
            self.settle();
            self.flush();
            self.tell();
            self.tell_again(at);
            self.tell_holdings();
            self.announce(at);
            self.teach(at);
            self.bury();
            self.ask_to_look();
            if self.stopping && self.routers.is_empty() {
                return Ok(());
            }
        }
    }

    fn deadline(&self) -> Time {
        let routers = self.routers.iter().map(|router| {
            let blocked = if router.blocked_until == Time::BOOT { Time::NEVER } else { router.blocked_until };
            let announcing = router.announces_at().min(router.teaches_at());
            router.election.deadline().min(announcing).min(blocked)
        });
        let announcing = if self.announcements.is_empty() { Time::NEVER } else { Time::BOOT };
        routers
            .min()
            .unwrap_or(Time::NEVER)
            .min(announcing)
            .min(self.tell_again_at)
            .min(self.next_look_at_claims())
            .min(self.starts_at.unwrap_or(Time::NEVER))
    }

    /// Hands every router its timeout, due or not: a backup thus learns what the kernel has heard meanwhile, and all
    /// deadlines move out of the way together.
    fn timeouts(&mut self, at: Time) {
        self.look_at_uplinks();
        for index in 0..self.routers.len() {
            let Some(router) = self.routers.get_mut(index) else { return };
            let due = router.election.deadline();
            if router.blocked_until != Time::BOOT && at >= router.blocked_until {
                router.blocked_until = Time::BOOT;
                self.revisit(index);
            }
            let last_heard = self.last_heard(index);
            self.feed(index, at, due.min(at), Input::Timeout { last_heard }, None);
            self.routers.get_mut(index).into_iter().for_each(|router| unheard::look(router, at));
            if self.routers.get(index).is_some_and(Router::has_own_mac) {
                self.choose_mac(index);
            }
        }
    }

    /// When the kernel last saw the advert that this router expects.
    fn last_heard(&self, index: usize) -> Time {
        let router = self.routers.get(index);
        let heard = router.and_then(|router| {
            let port = self.interfaces.get(router.interface)?.port.as_ref()?;
            Some(port.tables.last_heard(router.slot).0)
        });
        heard.unwrap_or(Time::BOOT)
    }

    fn drain_rings(&mut self) {
        for interface in 0..self.interfaces.len() {
            for _ in 0..EVENTS_PER_TURN {
                let Some(event) = self.next_event(interface) else { break };
                self.event(interface, &event);
            }
        }
    }

    fn next_event(&mut self, interface: usize) -> Option<abi::Event> {
        let port = self.interfaces.get_mut(interface)?.port.as_mut()?;
        port.events.get_mut().next_event()
    }

    fn event(&mut self, interface: usize, event: &abi::Event) {
        if matches!(event.kind, abi::event::FORWARDED | abi::event::BPDU) {
            return self.look_at_uplinks();
        }
        let key = RouterKey { interface, slot: event.slot };
        // Adverts are heard at home only.
        let index = if event.kind == abi::event::ADVERT { self.find(key) } else { self.find_or_guest(key) };
        let Some(index) = index else { return };
        let at = Time::from_nanos(event.at_ns);
        let frame = event.captured_frame();
        match event.kind {
            abi::event::ADVERT => self.advert(index, at, frame, event.frame_length as usize),
            abi::event::CONFLICT => self.conflict(index, at, frame),
            kind => tracing::error!(kind, "event of an unknown kind"),
        }
    }

    fn advert(&mut self, index: usize, at: Time, frame: &[u8], frame_length: usize) {
        let Some(router) = self.routers.get_mut(index) else { return };
        let judged = receive(frame, frame_length, &router.local());
        let source =
            judged.map_or_else(|discarded| discarded.source, |received| Some(received.advert.source));
        source.into_iter().for_each(|source| unheard::hear(router, source));
        match judged {
            Ok(received) => {
                note(router, &received);
                let was_master = router.election.name() == StateName::Master;
                let last_heard = self.last_heard(index);
                let input = Input::Advert { advert: received.advert, at, last_heard };
                let decided = now();
                self.feed(index, decided, at, input, Some(&received));
                self.heal(index, &received.advert, was_master, decided);
            }
            Err(discarded) => note_discard(router, discarded),
        }
    }

    fn conflict(&mut self, index: usize, at: Time, frame: &[u8]) {
        if self.take_answer(index, at, frame) {
            return;
        }
        self.feed(index, now(), at, Input::Claimed { at }, None);
        let Some(router) = self.routers.get_mut(index) else { return };
        // The successor, most likely.
        if router.election.name() == StateName::Leaving {
            return;
        }
        router.statistics.address_conflicts += 1;
        let Some(claim) = arp::claim(frame) else { return };
        if let Some(repeated) = router.remarks.conflict.admit(now()) {
            let (name, address, mac) = (&router.config.name, claim.address, claim.mac);
            tracing::warn!(router = %name, %address, %mac, repeated, "another host claims a virtual address");
        }
    }

    fn command(&mut self, command: Command) {
        match command {
            Command::Link { interface, link } => self.link(&interface, link),
            Command::Sources(sources) => self.take_sources(sources),
            Command::Port { interface, port } => self.port(&interface, port),
            Command::Deaf { interface } => self.deaf(&interface),
            Command::AddressFailed { router } => self.address_failed(router),
            Command::Settled { ticket, left } => self.settled(ticket, &left),
            // Once told to stop, nothing begins any more.
            Command::Reload(..) if self.stopping => {}
            Command::Reload(config, trackings) => self.reload(*config, trackings),
            Command::Tracked(changed) => self.tracked(changed),
            // The asker may have gone.
            Command::Status(answer) => drop(answer.send(self.status())),
            Command::Stop { at_once } => self.stop(at_once),
        }
    }

    fn link(&mut self, name: &str, link: Option<Link>) {
        let Some(position) = self.positions.get(name).copied() else { return };
        let Some(interface) = self.interfaces.get_mut(position) else { return };
        if let (Some(link), Some(port)) = (&link, interface.port.as_mut()) {
            port.tables.set_mac(link.mac);
        }
        interface.follow_link(link.as_ref());
        interface.known = true;
        let appeared = interface.link.is_none() && link.is_some();
        let before = std::mem::replace(&mut interface.link, link);
        if appeared {
            // The data plane may have been attached before.
            self.install_at(position);
        }
        self.settle_at(position);
        self.revisit_interface(position);
        self.show_again(position, before.as_ref(), now());
    }

    fn port(&mut self, name: &str, port: Option<Box<Port>>) {
        let position = self.position_of(name);
        let inherited = port.as_ref().map(|port| port.inherited.clone()).unwrap_or_default();
        let opened = port.map(|port| OpenPort::new(*port)).transpose();
        let opened = opened.unwrap_or_else(|error| {
            tracing::error!(interface = name, %error, "the data plane's events cannot be waited for");
            None
        });
        let Some(interface) = self.interfaces.get_mut(position) else { return };
        interface.port = opened;
        interface.watch_anew();
        interface.offered = false;
        interface.unsettled = true;
        self.ticket = self.ticket.next();
        interface.guarded = Guarded::inherited(inherited, self.ticket);
        self.install_at(position);
        self.revisit_interface(position);
    }

    /// Says farewell to the peers by what is still attached: the socket.
    fn deaf(&mut self, name: &str) {
        let Some(position) = self.positions.get(name).copied() else { return };
        let Some(interface) = self.interfaces.get_mut(position) else { return };
        if let Some(port) = interface.port.as_mut() {
            port.deaf = true;
        }
        self.revisit_interface(position);
    }

    fn address_failed(&mut self, key: RouterKey) {
        let Some(index) = self.find(key) else { return };
        let Some(router) = self.routers.get_mut(index) else { return };
        if router.election.name() == StateName::Master {
            let at = now();
            router.blocked_until = at + ADDRESS_RETRY;
            self.feed(index, at, at, Input::Fault(Fault::VirtualAddress), None);
        }
    }

    fn stop(&mut self, at_once: bool) {
        self.stopping = true;
        let at = now();
        for index in 0..self.routers.len() {
            self.feed(index, at, at, if at_once { Input::Halt } else { Input::Stop }, None);
        }
    }
}
