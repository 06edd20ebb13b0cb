//! The engine itself: what is looked at, in which order.

use std::{
    collections::{BTreeSet, VecDeque},
    net::IpAddr,
    time::Duration,
};

use vrrp_common::{
    abi,
    election::{Election, Fault, Input, StateName},
    receive::receive,
    time::Time,
    wire::arp,
};
use vrrp_config::Config;

use crate::{
    Attached, Command, Link, RouterKey, Ticket, Trackings,
    announce::Announcement,
    effects::{Queued, Reacted},
    guarded::Guarded,
    note::{note, note_discard},
    outside::{Outside, Plane},
    port::{PortId, Ports},
    roster::{Roster, RouterId},
    settling::starts_at,
    sync::{Group, Standings},
    unheard,
};

/// Frames taken from one data plane in one turn, so that a flood on one interface does not hold up the others for ever.
const EVENTS_PER_TURN: usize = 4_096;

/// How long a router stays in FAULT after one of its addresses could not be added.
const ADDRESS_RETRY: Duration = Duration::from_secs(10);

/// All virtual routers of a daemon, with their interfaces and groups.
#[derive(Debug)]
pub struct Engine<O: Outside> {
    pub(crate) outside: O,
    pub(crate) router_id: String,
    pub(crate) roster: Roster,
    pub(crate) ports: Ports<O::Plane>,
    pub(crate) groups: Vec<Group>,
    pub(crate) standings: Standings,
    /// The sources of adverts that the configuration names and this host has.
    pub(crate) sources: BTreeSet<IpAddr>,
    /// As last told.
    pub(crate) trackings: Trackings,
    pub(crate) outbox: Outbox,
    pub(crate) supervisor: Supervisor,
    /// When the claims of others were looked at last.
    pub(crate) looked_at_claims: Option<Time>,
    /// Before that no router takes part but with a lease that is running.
    pub(crate) starts_at: Option<Time>,
    pub(crate) stopping: bool,
}

/// What is to be done before the turn ends.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    /// Routers with an advert to be sent.
    pub(crate) due: Vec<RouterId>,
    /// Room for those whose adverts are ready: kept, so that a turn that only sends allocates nothing.
    pub(crate) ready: Vec<Queued>,
    /// Transitions to be told of.
    pub(crate) transitions: Vec<(RouterId, Reacted)>,
    /// Gratuitous ARP; what is not sent in this turn is in the next ones.
    pub(crate) announcements: VecDeque<Announcement>,
}

/// How it stands with what the supervisor is told and asked.
#[derive(Debug, Default)]
pub(crate) struct Supervisor {
    /// When what found no room on its way is to be told again.
    pub(crate) tell_again_at: Option<Time>,
    /// Of the addresses that were the last to have no router any more.
    pub(crate) ticket: Ticket,
    /// The last that the supervisor was asked to look for.
    pub(crate) looked: Ticket,
}

impl<O: Outside> Engine<O> {
    /// Makes the routers of a configuration, which do not take part before `delay` is over.
    pub fn new(outside: O, config: Config, trackings: Trackings, delay: Duration) -> Self {
        let now = outside.now();
        let mut new = Self {
            outside,
            router_id: config.router_id,
            roster: Roster::default(),
            ports: Ports::default(),
            groups: Vec::new(),
            standings: Standings::default(),
            sources: BTreeSet::new(),
            trackings,
            outbox: Outbox::default(),
            supervisor: Supervisor::default(),
            looked_at_claims: None,
            starts_at: starts_at(now, delay),
            stopping: false,
        };
        let keys: Vec<_> = config.routers.iter().map(|router| new.key_of(router)).collect();
        new.regroup(&config.sync_groups, &keys, now);
        new.roster.reserve(config.routers.len());
        for router in config.routers {
            new.add_router(router);
        }
        new
    }

    /// Takes in what the data planes have and the command, if there is one, and does all that follows or is due.
    ///
    /// The order is what the invariants hang on. Frames come before the clock is read, so that an advert that has arrived counts
    /// however late this turn is (I6). Doors close in [`feed`](Self::feed) at once; they open in [`flush`](Self::flush), after an
    /// advert has left (I2). Whatever takes time comes after that.
    pub fn turn(&mut self, command: Option<Command<O::Plane>>) {
        self.drain_planes();
        if let Some(command) = command {
            self.command(command);
        }
        let at = self.outside.now();
        if at >= self.deadline() {
            // What arrived before `at` is judged before anything is decided about silence (I6).
            self.drain_planes();
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
        self.remove_stopped();
        self.ask_to_look();
    }

    /// When [`turn`](Self::turn) is wanted next, whatever else happens; [`Time::NEVER`] if not at all.
    #[must_use]
    pub fn deadline(&self) -> Time {
        let due = |time: Option<Time>| time.unwrap_or(Time::NEVER);
        let routers = self.roster.iter().map(|router| {
            let announcing = router.announces_at().min(router.teaches_at());
            let deadline = self.outside.deadline_of(router.key(), &router.election);
            deadline.min(announcing).min(due(router.blocked_until))
        });
        // At once.
        let announcing = if self.outbox.announcements.is_empty() { Time::NEVER } else { Time::BOOT };
        routers
            .min()
            .unwrap_or(Time::NEVER)
            .min(announcing)
            .min(due(self.supervisor.tell_again_at))
            .min(self.next_look_at_claims())
            .min(due(self.starts_at))
    }

    /// Whether it was told to stop, and all routers have.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.stopping && self.roster.is_empty()
    }

    /// Its surroundings.
    pub const fn outside(&self) -> &O {
        &self.outside
    }

    /// Its surroundings, to be changed.
    pub const fn outside_mut(&mut self) -> &mut O {
        &mut self.outside
    }

    /// The election of the router of that name, to be looked at.
    pub fn election(&self, router: &str) -> Option<&Election> {
        let mut named = self.roster.iter().filter(|one| one.config.name == router);
        named.next().map(|router| &router.election)
    }

    /// All data planes that are attached.
    pub fn planes(&self) -> impl Iterator<Item = &O::Plane> + Clone {
        self.ports.iter().filter_map(|port| port.plane.as_ref())
    }

    /// Hands every router its timeout, due or not: a backup thus learns what the kernel has heard meanwhile, and all
    /// deadlines move out of the way together.
    fn timeouts(&mut self, at: Time) {
        self.look_at_uplinks();
        for id in self.roster.ids().iter().copied() {
            let Some(router) = self.roster.get_mut(id) else { continue };
            let due = self.outside.deadline_of(router.key(), &router.election);
            if router.blocked_until.is_some_and(|until| at >= until) {
                router.blocked_until = None;
                self.revisit(id);
            }
            let last_heard = self.last_heard(id);
            self.feed(id, at, due.min(at), Input::Timeout { last_heard }, None);
            let Some(router) = self.roster.get_mut(id) else { continue };
            unheard::look(router, at);
            if router.has_own_mac() {
                self.choose_mac(id);
            }
        }
    }

    /// When the kernel last saw the advert that this router expects.
    fn last_heard(&self, id: RouterId) -> Option<Time> {
        let router = self.roster.get(id)?;
        self.ports.plane(router.home)?.last_heard(router.slot).0
    }

    /// Whether routers at home there cannot have started, because an interface of theirs was not told of yet. What is read then
    /// is lost on them: among it may be the advert of a better master than the one that they go on as.
    fn is_early(&self, port: PortId) -> bool {
        let is_known = |port: PortId| self.ports.get(port).is_none_or(|port| port.known);
        let mut here = self.roster.iter().filter(|router| router.home == port);
        !is_known(port) || here.any(|router| !router.stations().all(is_known))
    }

    fn drain_planes(&mut self) {
        let all_are_known = self.ports.iter().all(|port| port.known);
        for port in self.ports.ids() {
            if !all_are_known && self.is_early(port) {
                continue;
            }
            for _ in 0..EVENTS_PER_TURN {
                let event = self.ports.plane_mut(port).and_then(Plane::next_event);
                let Some(event) = event else { break };
                self.event(port, &event);
            }
        }
    }

    fn event(&mut self, port: PortId, event: &abi::Event) {
        if matches!(event.kind, abi::event::FORWARDED | abi::event::BPDU) {
            return self.look_at_uplinks();
        }
        let key = RouterKey { port, slot: event.slot };
        let is_advert = event.kind == abi::event::ADVERT;
        // Adverts are heard at home only.
        let id = if is_advert { self.ports.resident(key) } else { self.ports.resident_or_visitor(key) };
        // Its router may have been taken out since the frame came.
        let Some(id) = id else { return };
        let at = Time::from_nanos(event.at_ns);
        let frame = event.captured_frame();
        match event.kind {
            abi::event::ADVERT => self.advert(id, at, frame, event.frame_length as usize),
            abi::event::CONFLICT => self.conflict(id, at, frame),
            kind => tracing::error!(kind, "event of an unknown kind"),
        }
    }

    fn advert(&mut self, id: RouterId, at: Time, frame: &[u8], frame_length: usize) {
        let now = self.outside.now();
        let last_heard = self.last_heard(id);
        let Some(router) = self.roster.get_mut(id) else { return };
        let judged = receive(frame, frame_length, &router.local());
        let source =
            judged.map_or_else(|discarded| discarded.source, |received| Some(received.advert.source));
        if let Some(source) = source {
            unheard::hear(router, source);
        }
        match judged {
            Ok(received) => {
                note(router, &received, now);
                let was_master = router.election.name() == StateName::Master;
                let input = Input::Advert { advert: received.advert, at, last_heard };
                self.feed(id, now, at, input, Some(&received));
                self.heal(id, &received.advert, was_master, now);
            }
            Err(discarded) => note_discard(router, discarded, now),
        }
    }

    fn conflict(&mut self, id: RouterId, at: Time, frame: &[u8]) {
        if self.take_answer(id, at, frame) {
            return;
        }
        let now = self.outside.now();
        self.feed(id, now, at, Input::Claimed { at }, None);
        let Some(router) = self.roster.get_mut(id) else { return };
        // The successor, most likely.
        if router.election.name() == StateName::Leaving {
            return;
        }
        router.statistics.address_conflicts += 1;
        let Some(claim) = arp::claim(frame) else { return };
        if let Some(repeated) = router.remarks.conflict.admit(now) {
            let (name, address, mac) = (&router.config.name, claim.address, claim.mac);
            tracing::warn!(router = %name, %address, %mac, repeated, "another host claims a virtual address");
        }
    }

    fn command(&mut self, command: Command<O::Plane>) {
        match command {
            Command::Link { interface, link } => self.link(&interface, link),
            Command::Sources(sources) => self.take_sources(sources),
            Command::Plane { interface, attached } => self.attach(&interface, attached),
            Command::Detached { interface } => self.detached(&interface),
            Command::AddressFailed { router } => self.address_failed(router),
            Command::Settled { ticket, left } => self.settled(ticket, &left),
            // Once told to stop, nothing begins any more.
            Command::Reload(..) if self.stopping => {}
            Command::Reload(config, trackings) => self.reload(*config, trackings),
            Command::Tracked(changed) => self.tracked(changed),
            Command::Stop { at_once } => self.stop(at_once),
        }
    }

    fn link(&mut self, name: &str, link: Option<Link>) {
        let now = self.outside.now();
        // The supervisor looks at more interfaces than those of routers.
        let Some(id) = self.ports.find(name) else { return };
        let Some(port) = self.ports.get_mut(id) else { return };
        if let (Some(link), Some(plane)) = (&link, port.plane.as_mut()) {
            plane.set_mac(link.mac);
        }
        port.follow_link(link.as_ref(), now);
        port.known = true;
        let appeared = port.link.is_none() && link.is_some();
        let before = std::mem::replace(&mut port.link, link);
        if appeared {
            // The data plane may have been attached before.
            self.install_at(id);
        }
        self.settle_at(id);
        self.revisit_port(id);
        self.show_again(id, before.as_ref(), now);
    }

    fn attach(&mut self, name: &str, attached: Option<(O::Plane, Attached)>) {
        let now = self.outside.now();
        let id = self.ports.named(name);
        let Some(port) = self.ports.get_mut(id) else { return };
        let (plane, attachment) = attached.unzip();
        self.supervisor.ticket = self.supervisor.ticket.next();
        let inherited = attachment.as_ref().map(|attachment| attachment.inherited.clone());
        port.guarded = Guarded::inherited(inherited.unwrap_or_default(), self.supervisor.ticket);
        (port.plane, port.attachment, port.detached) = (plane, attachment, false);
        port.watch_anew(now);
        port.offered = false;
        port.unsettled = true;
        self.install_at(id);
        self.revisit_port(id);
    }

    /// Says farewell to the peers by what is still attached: the socket.
    fn detached(&mut self, name: &str) {
        let Some(id) = self.ports.find(name) else { return };
        if let Some(port) = self.ports.get_mut(id) {
            port.detached = true;
        }
        self.revisit_port(id);
    }

    fn address_failed(&mut self, key: RouterKey) {
        // It may have been taken out meanwhile.
        let Some(id) = self.ports.resident(key) else { return };
        let Some(router) = self.roster.get_mut(id) else { return };
        if router.election.name() == StateName::Master {
            let at = self.outside.now();
            router.blocked_until = Some(at + ADDRESS_RETRY);
            self.feed(id, at, at, Input::Fault(Fault::VirtualAddress), None);
        }
    }

    fn stop(&mut self, at_once: bool) {
        self.stopping = true;
        let at = self.outside.now();
        for id in self.roster.ids().iter().copied() {
            self.feed(id, at, at, if at_once { Input::Halt } else { Input::Stop }, None);
        }
    }
}
