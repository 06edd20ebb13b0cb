//! The election of one virtual router (RFC 9568 §6.4, RFC 3768 §6.4).
//!
//! Pure: what happened goes in as an [`Input`] with the time at which it happened, what is to be done comes out as
//! [`Effects`]. Deadlines are part of the state, so a timer that belongs to an earlier state cannot be expressed, and
//! a spurious or late [`Input::Timeout`] is harmless: it is held against the deadline and against what the kernel has
//! heard.
//!
//! ```text
//!                 start                       master_down_at
//!   Initialize ──────────► Backup ─────────────────────────────► Master
//!      ▲                    ▲  ▲   higher advert, or silent for    │ │
//!      │ fault (from any)   │  └──── three intervals ──────────────┘ │ stop
//!      └────────────────────┘                                        ▼
//!                                      Stopped ◄── successor ── Leaving
//! ```

use core::{net::IpAddr, time::Duration};

use crate::{
    lease::Lease,
    time::Time,
    types::{AdvertInterval, Priority, Version},
};

mod backup;
mod cause;
mod clash;
mod deaf;
mod effects;
mod farewell;
mod input;
mod leaving;
mod outgoing;
mod probe;
mod settling;
mod starting;
mod state;
mod superior;
mod transitions;
mod unsuitable;

pub use cause::{Cause, Fault, StateName, Transition};
pub use clash::Clash;
pub use deaf::Deaf;
pub use effects::{Door, Effects, Expect, Remark};
pub use input::Input;
pub use outgoing::Outgoing;
pub use probe::Probe;
pub use settling::{SPANNING_TREE, Settling};
pub use state::{Backup, Master, Preemption, State};
pub use superior::{Superior, Superiors};

#[cfg(test)]
mod tests;

pub use unsuitable::Unsuitable;

/// Time for which a leaving master goes on answering after it has heard its successor, whose door opens only when its
/// advert is out. Both answer with the same MAC meanwhile.
pub const HANDOVER_GRACE: Duration = Duration::from_micros(500);

/// Time for which a leaving master goes on answering where its successor speaks with its own MAC, as keepalived does without
/// `use_vmac`. Such a successor adds the addresses after its first advert, which takes a busy host milliseconds, and announces
/// them ([`Input::Claimed`]) when they are there. Nobody else answers until then.
pub const ANNOUNCEMENT_GRACE: Duration = Duration::from_millis(50);

/// Losing adverts that a master answers at once, in each of its intervals. More are discarded: a flood of them shall
/// not make us flood.
const READVERTS_PER_INTERVAL: u8 = 3;

/// Configuration of an election.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Protocol version.
    pub version: Version,
    /// Effective priority, 1..=255.
    pub priority: Priority,
    /// Interval of our adverts.
    pub interval: AdvertInterval,
    /// Source address of our adverts, which breaks ties.
    pub address: IpAddr,
    /// Permission to take the role from a master of lower priority. An owner always preempts.
    pub preempt: bool,
    /// Time for which a master of lower priority is left alone.
    pub preempt_delay: Duration,
    /// Membership in a sync group: the router takes the role only when it is told to ([`Input::Promote`]).
    pub grouped: bool,
    /// Intervals for which a master that is silent and still answers ARP is left alone; 0: nobody is asked.
    pub probe_limit: u8,
}

impl Settings {
    fn owner(&self) -> bool {
        self.priority == Priority::OWNER
    }
}

/// The election of one virtual router.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Election {
    settings: Settings,
    state: State,
    lease: Lease,
    /// Beginning of this router's part: an advert from before was meant for an earlier daemon. `None` before the start, and where
    /// that daemon's last advert is of an unknown time: then every advert counts.
    since: Option<Time>,
    /// Boxes whose lists had an address of ours.
    acquaintances: clash::Acquaintances,
    /// Another cluster with the same VRID.
    clash: Option<Clash>,
    settling: Settling,
    /// Lease that a fault of its link has left to a master.
    interrupted: Lease,
}

impl Election {
    /// A router that waits for [`Input::Start`].
    #[must_use]
    pub const fn new(settings: Settings) -> Self {
        Self {
            settings,
            state: State::Initialize(None),
            lease: Lease::NONE,
            since: None,
            acquaintances: clash::Acquaintances::NONE,
            clash: None,
            settling: Settling::SETTLED,
            interrupted: Lease::NONE,
        }
    }

    /// Configuration that the election goes by.
    #[must_use]
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// State of the election, with its data.
    #[must_use]
    pub const fn state(&self) -> &State {
        &self.state
    }

    /// Name of the state.
    #[must_use]
    pub const fn name(&self) -> StateName {
        match self.state {
            State::Initialize(None) => StateName::Init,
            State::Initialize(Some(_)) => StateName::Fault,
            State::Backup(_) => StateName::Backup,
            State::Master(_) => StateName::Master,
            State::Leaving { .. } => StateName::Leaving,
            State::Stopped => StateName::Stopped,
        }
    }

    /// Knowledge about the way to other hosts.
    #[must_use]
    pub const fn settling(&self) -> &Settling {
        &self.settling
    }

    /// Lease of the door, with the interval that the last advert told.
    #[must_use]
    pub const fn lease(&self) -> Lease {
        self.lease
    }

    /// End of the lease. In the past when the door is closed.
    #[must_use]
    pub const fn lease_until(&self) -> Time {
        self.lease.until
    }

    /// Time at which [`Input::Timeout`] is wanted next; [`Time::NEVER`] if not at all.
    #[must_use]
    pub fn deadline(&self) -> Time {
        match self.state {
            State::Initialize(_) | State::Stopped => Time::NEVER,
            State::Backup(backup) if backup.held => Time::NEVER,
            State::Backup(backup) => {
                let down_at = self.down_at(&backup);
                let due = down_at.min(backup.ask_at(&self.settings, down_at));
                match backup.preemption {
                    Preemption::Waiting { until } => until.min(due),
                    Preemption::Idle | Preemption::Due => due,
                }
            }
            State::Master(master) => master.advert_at,
            State::Leaving { until, .. } => until,
        }
    }

    /// Takes in what happened and says what is to be done. `now` never goes back.
    pub fn handle(&mut self, now: Time, input: Input) -> Effects {
        let effects = match input {
            Input::Start => self.start(now),
            Input::Listen => self.start_listening(now),
            Input::Adopt(lease) => self.adopt(now, lease),
            Input::Advert { advert, at, last_heard } => {
                self.advert(now, advert, at.min(now), last_heard.map(|at| at.min(now)))
            }
            Input::Timeout { last_heard } => self.timeout(now, last_heard.map(|at| at.min(now))),
            Input::Sent { at } => self.sent(at.min(now)),
            Input::Claimed { at } => self.claimed(at.min(now)),
            Input::Answered { at, mac } => self.answered(now, at.min(now), mac),
            Input::Fault(fault) => self.fault(now, fault),
            Input::Stop => self.stop(now),
            Input::Halt => self.halt(now),
            Input::Promote => self.promote(now),
            Input::Yield => self.yield_role(now),
            Input::Configure(settings) => self.configure(now, settings),
            Input::Settle(settling) => self.settle(now, settling),
        };
        debug_assert!(self.looks_back(now), "{:?} at {now}", self.state);
        self.since = self.since.map(|since| since.min(now));
        effects
    }

    /// Checks that all times that are taken for past are: an advert from before [`since`](Self::since) is not judged, and a
    /// silence is counted from when something was heard.
    fn looks_back(&self, now: Time) -> bool {
        let heard_at = match self.state {
            State::Backup(backup) => Some(backup.heard_at),
            State::Initialize(_) | State::Master(_) | State::Leaving { .. } | State::Stopped => None,
        };
        self.since.into_iter().chain(heard_at).all(|at| at <= now)
    }
}
