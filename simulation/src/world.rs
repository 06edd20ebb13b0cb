//! The queue of what happens next, and the loop that takes it from there.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap},
    net::{IpAddr, Ipv4Addr},
};

use vrrp_common::{election::Settings, types::Priority};

use crate::{
    checkers::{self, Checker, Seen, View, Violation},
    faults::{Change, Kind, Trouble},
    host::{Host, overlap},
    mutation::Mutation,
    network::Network,
    random::Random,
    scenario::Scenario,
    trace::{Moment, Trace},
};

mod port;
mod stranger;

/// How long a running daemon takes to wake up, at most.
pub(crate) const WAKE: u64 = 100_000;
/// How long it takes from the send to the map, at most.
pub(crate) const STORE: u64 = 60_000;

/// Who is no router.
const STRANGER: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 77);

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Next {
    Arrive {
        to: usize,
        from: usize,
        serial: u64,
    },
    Wake(usize),
    WriteDoor {
        host: usize,
        epoch: u32,
    },
    LeaseOver(usize),
    Start(usize),
    Begin(usize),
    End(usize),
    /// A stranger speaks, in the trouble of that number.
    Stray(usize),
    /// A stranger's box does, likewise.
    Rival(usize),
    /// `from` asks `to` by ARP who has the addresses.
    Question {
        to: usize,
        from: usize,
    },
    /// `from` has answered.
    Answer {
        to: usize,
        from: usize,
    },
    /// The switch speaks its spanning tree, in the trouble of that number.
    Hello(usize),
    /// A port begins to let everything through, likewise.
    Forward(usize),
    /// A host hears a frame that is no advert.
    Chatter(usize),
    Finish,
}

/// A run under way.
pub(crate) struct World<'a> {
    scenario: &'a Scenario,
    mutation: Option<Mutation>,
    hosts: Vec<Host>,
    network: Network,
    random: Random,
    queue: BinaryHeap<Reverse<(Moment, u64, Next)>>,
    /// Frames on their way, by the number of their event.
    frames: HashMap<u64, Vec<u8>>,
    order: u64,
    serial: u64,
    now: Moment,
    checkers: Vec<Box<dyn Checker>>,
    trace: Trace,
}

/// How a run ended.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// What broke, and ended it.
    pub violation: Option<Violation>,
    /// One line per event, if they were to be kept.
    pub trace: Vec<String>,
    /// How many things happened.
    pub events: u64,
}

/// Runs a scenario to its end or to the first violation.
#[must_use]
pub fn run(scenario: &Scenario, mutation: Option<Mutation>, keep_trace: bool) -> Outcome {
    let mut world = World {
        scenario,
        mutation,
        hosts: scenario.plans.iter().copied().map(Host::new).collect(),
        network: Network::new(scenario.plans.len(), scenario.quality),
        random: Random::new(!scenario.seed),
        queue: BinaryHeap::new(),
        frames: HashMap::new(),
        order: 0,
        serial: 0,
        now: 0,
        checkers: checkers::all(scenario),
        trace: Trace::kept(keep_trace),
    };
    world.plan();
    let violation = world.go().err();
    if let Some(violation) = &violation {
        world.trace.line(world.now, || format!("VIOLATION {violation}"));
    }
    Outcome { violation, events: world.order, trace: world.trace.into_lines() }
}

impl World<'_> {
    fn plan(&mut self) {
        for (host, plan) in self.scenario.plans.iter().enumerate() {
            self.at(plan.starts, Next::Start(host));
        }
        for (index, trouble) in self.scenario.troubles.iter().enumerate() {
            self.at(trouble.begins, Next::Begin(index));
            if let Some(ends) = trouble.ends {
                self.at(ends, Next::End(index));
            }
        }
        self.at(self.scenario.end, Next::Finish);
    }

    fn at(&mut self, moment: Moment, next: Next) {
        self.order += 1;
        self.queue.push(Reverse((moment, self.order, next)));
    }

    fn go(&mut self) -> Result<(), Violation> {
        while let Some(Reverse((moment, order, next))) = self.queue.pop() {
            self.now = moment;
            if self.network.quality.is_calm() != (moment >= self.scenario.quiet)
                && moment >= self.scenario.quiet
            {
                self.network.quality = crate::network::Quality::calm(self.network.quality.max_delay);
            }
            match next {
                Next::Arrive { to, from, serial } => self.arrive(order, to, from, serial)?,
                Next::Wake(host) => self.wake(host)?,
                Next::WriteDoor { host, epoch } => self.write_door(host, epoch),
                Next::LeaseOver(host) => self.lease_over(host),
                Next::Start(host) => self.start(host)?,
                Next::Begin(index) => self.begin(index)?,
                Next::End(index) => self.end(index)?,
                Next::Stray(index) => self.stray(index),
                Next::Rival(index) => self.rival(index),
                Next::Question { to, from } => self.question(to, from),
                Next::Answer { to, from } => self.answer(to, from),
                Next::Hello(index) => self.hello(index),
                Next::Forward(index) => self.forward(index)?,
                Next::Chatter(host) => self.chatter(host),
                Next::Finish => {
                    self.see(&Seen::Tick)?;
                    return self.see(&Seen::End);
                }
            }
            self.see(&Seen::Tick)?;
        }
        Ok(())
    }

    fn see(&mut self, seen: &Seen) -> Result<(), Violation> {
        let view = View::new(self.now, &self.hosts, self.scenario, &self.network);
        for checker in &mut self.checkers {
            let name = checker.name();
            checker.see(&view, seen).map_err(|what| Violation { checker: name, what })?;
        }
        Ok(())
    }

    fn arrive(&mut self, order: u64, to: usize, from: usize, serial: u64) -> Result<(), Violation> {
        let Some(frame) = self.frames.remove(&order) else { return Ok(()) };
        let now = self.now;
        self.let_through(to);
        let host = &mut self.hosts[to];
        let judged = host.judge(&frame).map(|received| received.advert);
        let taken = host.receive(now, &frame);
        if host.runs() && host.has_events() {
            self.wake_within(to, now);
        }
        self.trace.line(now, || match judged {
            Ok(advert) => format!("{to} hears {from}: priority {}", advert.priority),
            Err(discard) => format!("{to} discards what {from} sent: {discard}"),
        });
        match judged {
            Ok(advert) if taken => self.see(&Seen::Heard { to, from, serial, advert }),
            _ => Ok(()),
        }
    }

    fn wake_within(&mut self, host: usize, moment: Moment) {
        if moment == Moment::MAX {
            return;
        }
        let moment = moment.max(self.now) + self.random.within(1_000, WAKE);
        if moment < self.hosts[host].wake_at {
            self.hosts[host].wake_at = moment;
            self.at(moment, Next::Wake(host));
        }
    }

    fn wake(&mut self, index: usize) -> Result<(), Violation> {
        let now = self.now;
        let host = &mut self.hosts[index];
        if host.wake_at != now {
            return Ok(());
        }
        host.wake_at = Moment::MAX;
        if !host.runs() {
            return Ok(());
        }
        let was_open = host.open(now);
        let turn = host.turn(now);
        for (transition, input) in turn.transitions {
            self.trace.line(now, || {
                format!("{index} {} → {}: {}", transition.from, transition.to, transition.cause)
            });
            self.see(&Seen::Changed { by: index, transition, input, was_open })?;
        }
        for (advert, frame) in turn.frames {
            self.serial += 1;
            let serial = self.serial;
            self.trace.line(now, || {
                format!("{index} advertises priority {} ({})", advert.priority, advert.interval)
            });
            self.see(&Seen::Advertised { by: index, serial, advert })?;
            self.transmit(index, serial, &frame);
            let moment = now + self.random.within(1_000, STORE);
            let epoch = self.hosts[index].epoch;
            self.at(moment, Next::WriteDoor { host: index, epoch });
        }
        turn.asked.into_iter().for_each(|whom| self.ask(index, whom));
        self.see(&Seen::Turned { by: index, configured: turn.configured })?;
        self.sleep(index);
        Ok(())
    }

    /// Until the deadline.
    fn sleep(&mut self, index: usize) {
        let host = &self.hosts[index];
        if let Some(daemon) = &host.daemon {
            let moment = if daemon.has_orders() { self.now } else { host.moment(daemon.deadline()) };
            self.wake_within(index, moment);
        }
    }

    /// The host whose address that is, or all, if nobody is known.
    fn ask(&mut self, from: usize, whom: Option<IpAddr>) {
        for to in (0..self.hosts.len()).filter(|to| *to != from) {
            if whom.is_none_or(|whom| self.hosts[to].settings.address == whom) {
                self.trace.line(self.now, || format!("{from} asks {to} who has the addresses"));
                self.send_arp(from, to, Next::Question { to, from });
            }
        }
    }

    fn send_arp(&mut self, from: usize, to: usize, next: Next) {
        if let Some(delay) = self.network.carry_one(&mut self.random, (from, to)) {
            self.at(self.now + delay, next);
        }
    }

    /// Answered in the data plane.
    fn question(&mut self, to: usize, from: usize) {
        if self.hosts[to].open(self.now) && overlap(self.hosts[to].list, self.hosts[from].list) {
            self.send_arp(to, from, Next::Answer { to: from, from: to });
        }
    }

    fn answer(&mut self, to: usize, from: usize) {
        self.trace.line(self.now, || format!("{from} answers {to}"));
        self.hosts[to].answer(self.now, from as u8);
        if self.hosts[to].runs() {
            self.wake_within(to, self.now);
        }
    }

    fn transmit(&mut self, from: usize, serial: u64, frame: &[u8]) {
        for to in (0..self.hosts.len()).filter(|to| *to != from) {
            let copies = self.network.carry(&mut self.random, self.now, (from, to), frame);
            if copies.is_empty() {
                self.trace.line(self.now, || format!("{to} will not hear that: lost"));
            }
            for (moment, frame) in copies {
                self.at(moment, Next::Arrive { to, from, serial });
                self.frames.insert(self.order, frame);
            }
        }
    }

    /// A process that is stopped between send and store makes its store when it goes on.
    fn write_door(&mut self, index: usize, epoch: u32) {
        let host = &mut self.hosts[index];
        if host.paused || host.epoch != epoch {
            return;
        }
        host.write_door();
        let (open, over) = (host.open(self.now), host.moment(host.lease_until()));
        self.trace.line(self.now, || format!("{index} door {}", if open { "open" } else { "closed" }));
        if open {
            self.at(over, Next::LeaseOver(index));
        }
    }

    /// Nothing happens but the time: the lease that this one was, if there is no later one.
    fn lease_over(&mut self, index: usize) {
        let host = &self.hosts[index];
        if host.moment(host.lease_until()) == self.now {
            self.trace.line(self.now, || format!("{index} lease over"));
        }
    }

    fn start(&mut self, index: usize) -> Result<(), Violation> {
        if self.hosts[index].daemon.is_some() {
            return Ok(());
        }
        self.trace.line(self.now, || format!("{index} starts"));
        self.hosts[index].start(self.now, self.mutation);
        self.wake_within(index, self.now);
        self.see(&Seen::Started { by: index })
    }

    fn begin(&mut self, index: usize) -> Result<(), Violation> {
        let Trouble { kind, host, .. } = self.scenario.troubles[index];
        self.trace.line(self.now, || format!("BEGIN host {host} {kind}"));
        let settings = self.hosts[host].settings;
        match kind {
            Kind::Kill => self.hosts[host].kill(),
            Kind::PowerOff => self.hosts[host].power_off(),
            Kind::Restart { change, silent } => {
                self.hosts[host].kill();
                self.hosts[host].configure(change.apply(settings));
                self.set_list(host, change);
                if silent {
                    self.hosts[host].forget_interval();
                }
            }
            Kind::Pause if self.hosts[host].daemon.is_some() => self.hosts[host].pause(true),
            Kind::Pause => {}
            Kind::Stop => self.tell(host, Host::stop),
            Kind::Fault => self.tell(host, |host| host.check(true)),
            Kind::MoveAndStop => {
                self.tell(host, |host| host.move_and_stop(Change::Move.apply(settings)));
            }
            // Nothing that befalls the host.
            Kind::Stranger { .. } => {
                self.stray(index);
                return Ok(());
            }
            Kind::Rival { .. } => {
                self.rival(index);
                return Ok(());
            }
            Kind::OneWay { to } => self.network.block(host, to, true),
            Kind::Lossy { to, per_mille } => self.network.lose(host, to, per_mille),
            Kind::Sleep => self.fall_asleep(host),
            Kind::Gap => self.hear_nobody(host, true),
            Kind::Filtered => self.network.filter(host, true),
            Kind::SlowPort { .. } => self.unplug(host),
            Kind::Configure(change) => {
                self.set_list(host, change);
                self.tell(host, |host| host.configure(change.apply(settings)));
            }
        }
        self.see(&Seen::Trouble { host })
    }

    fn end(&mut self, index: usize) -> Result<(), Violation> {
        let Trouble { kind, host, .. } = self.scenario.troubles[index];
        self.trace.line(self.now, || format!("END   host {host} {kind}"));
        match kind {
            Kind::Stranger { .. } => return Ok(()),
            Kind::Rival { speech, .. } => {
                self.leave_or_not(host, speech);
                return Ok(());
            }
            Kind::Stop | Kind::MoveAndStop => {
                // The old process has ended by now, or is killed.
                self.hosts[host].kill();
                if kind == Kind::MoveAndStop {
                    let address = self.scenario.plans[host].settings.address;
                    let settings = Settings { address, ..self.hosts[host].settings };
                    self.hosts[host].configure(settings);
                }
                self.start(host)?;
            }
            Kind::Kill | Kind::PowerOff | Kind::Restart { .. } => self.start(host)?,
            Kind::Pause => {
                self.hosts[host].pause(false);
                self.wake_within(host, self.now);
            }
            Kind::Fault => self.tell(host, |host| host.check(false)),
            Kind::OneWay { to } => self.network.block(host, to, false),
            Kind::Lossy { to, .. } => self.network.lose(host, to, 0),
            Kind::Sleep => self.wake_up(host),
            Kind::Gap => self.hear_nobody(host, false),
            Kind::Filtered => self.network.filter(host, false),
            Kind::SlowPort { .. } => self.plug(index, host),
            Kind::Configure(change) => {
                if matches!(change, Change::List(_)) {
                    self.hosts[host].list = self.scenario.plans[host].list;
                }
                let settings = self.scenario.plans[host].settings;
                self.tell(host, |host| host.configure(settings));
            }
        }
        self.see(&Seen::Trouble { host })
    }

    fn hear_nobody(&mut self, host: usize, deaf: bool) {
        (0..self.hosts.len()).for_each(|from| self.network.block(from, host, deaf));
    }

    fn set_list(&mut self, host: usize, change: Change) {
        if let Change::List(list) = change {
            self.hosts[host].list = list;
        }
    }

    /// The stranger says that it leaves, and goes on with that until its trouble ends.
    fn stray(&mut self, index: usize) {
        let Trouble { kind: Kind::Stranger { period }, host, ends, .. } = self.scenario.troubles[index]
        else {
            return;
        };
        let settings = Settings { address: STRANGER.into(), ..self.scenario.plans[host].settings };
        self.hear_stranger(host, &settings, Priority::RELEASE);
        let next = self.now + period;
        if ends.is_some_and(|ends| next < ends) {
            self.at(next, Next::Stray(index));
        }
    }

    /// Something that the daemon of a host is told, if one runs.
    fn tell(&mut self, host: usize, tell: impl FnOnce(&mut Host)) {
        tell(&mut self.hosts[host]);
        if self.hosts[host].runs() {
            self.wake_within(host, self.now);
        }
    }
}
