//! What must hold in every run. The checkers see the wire, the doors and the states, and compute on their own.
//!
//! The bounds on two hosts that answer at once, with `D` the longest way of an advert and `W` the time in which a
//! running daemon reads it and acts:
//!
//! - Never when the one that opens had heard the last advert of the other since it began to listen, and was to
//!   follow it, whatever has become of the other: crash, pause, loss, partition, clocks that run apart by 2 %.
//! - At a preemption, a contention or a handover between running daemons: `D + W` when the opening one ranks
//!   higher, `2 (D + W)` when the older one must first answer it, and the grace of a handover.
//! - When the older one is paused or dead at the moment in which it is preempted: its lease, less than three
//!   intervals after its last advert. Likewise while adverts are lost.
//!
//! Where hosts are configured differently, some of them as keepalived that discards what differs, two answer for no longer than the
//! evidence takes by which one gives way ([`alone`]).
//!
//! And nobody answers for no longer than a takeover takes, whoever says farewell how often.

use std::{fmt, time::Duration};

use vrrp_common::{
    election::{ANNOUNCEMENT_GRACE, HANDOVER_GRACE, Input, Settings, Transition},
    receive::Advert,
    types::Priority,
};

use crate::{
    host::Host,
    network::Network,
    scenario::Scenario,
    trace::Moment,
    world::{STORE, WAKE},
};

mod alone;
mod answered;
mod door;
mod port;
mod role;
mod wire;

/// What is to be seen of a run.
pub(crate) enum Seen {
    /// A new daemon.
    Started { by: usize },
    /// An advert that passes the ladder was stamped or queued.
    Heard { to: usize, from: usize, serial: u64, advert: Advert },
    /// A state has changed; whether the door was open before.
    Changed { by: usize, transition: Transition, input: Input, was_open: bool },
    /// An advert left.
    Advertised { by: usize, serial: u64, advert: Advert },
    /// A turn of the loop is over.
    Turned { by: usize, configured: bool },
    /// Something began or ended from outside.
    Trouble { host: usize },
    /// Time has passed.
    Tick,
    /// The run is over.
    End,
}

/// The run at this moment.
pub(crate) struct View<'a> {
    pub(crate) now: Moment,
    pub(crate) hosts: &'a [Host],
    pub(crate) scenario: &'a Scenario,
    pub(crate) network: &'a Network,
    /// Who answers, a bit for each host: nearly every checker asks at every event, and each door is a clock to be read.
    open: u32,
}

impl<'a> View<'a> {
    pub(crate) fn new(now: Moment, hosts: &'a [Host], scenario: &'a Scenario, network: &'a Network) -> Self {
        let bits = hosts.iter().enumerate().map(|(index, host)| u32::from(host.open(now)) << index);
        Self { now, hosts, scenario, network, open: bits.sum() }
    }

    const fn open(&self, host: usize) -> bool {
        self.open >> host & 1 == 1
    }

    fn reach(&self, from: usize, to: usize) -> bool {
        self.network.is_clear(from, to)
    }

    /// Whether a box that is no host says that it is master, and is one: it is to be followed, if only for a while or because it
    /// would not hear, or outranks.
    fn is_claimed(&self, seen: &Seen) -> bool {
        let Seen::Heard { to, from, advert, .. } = *seen else { return false };
        let host = &self.hosts[to];
        let lesser = self.scenario.mixed || !host.settings.preempt_delay.is_zero();
        let counts = lesser || must_follow(host, advert) || outranks(advert, self.own(to));
        from >= self.hosts.len() && advert.priority != Priority::RELEASE && counts
    }

    fn own(&self, host: usize) -> Advert {
        let Settings { address: source, priority, interval, .. } = self.hosts[host].settings;
        crate::host::advert(source, priority, interval)
    }
}

/// What does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Who found it.
    pub checker: &'static str,
    /// In words.
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}] {}", self.checker, self.what)
    }
}

pub(crate) trait Checker {
    fn name(&self) -> &'static str;

    /// # Errors
    /// What does not hold.
    fn see(&mut self, view: &View<'_>, seen: &Seen) -> Result<(), String>;
}

pub(crate) fn all(scenario: &Scenario) -> Vec<Box<dyn Checker>> {
    let hosts = scenario.plans.len();
    if scenario.mixed {
        return vec![
            Box::new(door::Lease::new(hosts)),
            Box::new(alone::Alone::new(hosts)),
            Box::new(alone::Unpreempted::new(hosts)),
            Box::new(alone::Served::new(scenario)),
            Box::new(role::Silence::new(hosts)),
            Box::new(role::Change::default()),
            Box::new(wire::Flood::new(hosts)),
        ];
    }
    vec![
        Box::new(door::Lease::new(hosts)),
        Box::new(door::Followed::new(hosts)),
        Box::new(door::Outranked::default()),
        Box::new(door::Overlap::new(hosts)),
        Box::new(door::Handover::default()),
        Box::new(answered::Answered::default()),
        Box::new(port::Port::new(hosts)),
        Box::new(role::Takeover::new(hosts)),
        Box::new(alone::Probed::default()),
        Box::new(role::Silence::new(hosts)),
        Box::new(role::Change::default()),
        Box::new(role::Convergence),
        Box::new(wire::Answer::new(hosts)),
        Box::new(wire::Flood::new(hosts)),
        Box::new(wire::Idle::new(hosts)),
    ]
}

fn ns(span: Duration) -> u64 {
    span.as_nanos() as u64
}

/// `W`: from the arrival of an advert to its effect in the map, with room for clocks that run apart.
const ACT: u64 = WAKE + STORE + 2_000;

/// How long a leaving master answers on after it has heard its successor. A flipped bit in the source address, which
/// no checksum of VRRP's covers, makes one that has its own MAC of it.
fn grace(successor: Advert) -> u64 {
    let grace = if successor.from_virtual_mac { HANDOVER_GRACE } else { ANNOUNCEMENT_GRACE };
    ns(grace) + WAKE
}

fn outranks(advert: Advert, own: Advert) -> bool {
    advert.priority != Priority::RELEASE && (advert.priority, advert.source) > (own.priority, own.source)
}

/// Whether a backup with the settings of `host` has to let this master be.
fn must_follow(host: &Host, advert: Advert) -> bool {
    let own = &host.settings;
    let preempts = own.preempt || own.priority == Priority::OWNER;
    advert.priority != Priority::RELEASE && (advert.priority >= own.priority || !preempts)
}

fn ensure(holds: bool, what: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(what()) }
}
