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
    receive::Advert,
    time::Time,
    types::{AdvertInterval, Mac, Priority, Version},
};

mod backup;
mod cause;
mod clash;
mod deaf;
mod farewell;
mod outgoing;
mod probe;
mod settling;
mod superior;
mod transitions;
mod unsuitable;

pub use cause::{Cause, Fault, StateName, Transition};
pub use clash::Clash;
pub use deaf::Deaf;
pub use outgoing::Outgoing;
pub use probe::Probe;
pub use settling::{SPANNING_TREE, Settling};
pub use superior::{Superior, Superiors};

#[cfg(test)]
mod tests;

pub use unsuitable::Unsuitable;

/// How long a leaving master goes on answering after it has heard its successor, whose door opens only when its
/// advert is out. Both answer with the same MAC meanwhile.
pub const HANDOVER_GRACE: Duration = Duration::from_micros(500);

/// The same for a successor that speaks with its own MAC, as keepalived does without `use_vmac`: it adds the addresses
/// after its first advert, which takes a busy host milliseconds, and announces them ([`Input::Claimed`]) when they are
/// there. Until then nobody else answers.
pub const ANNOUNCEMENT_GRACE: Duration = Duration::from_millis(50);

/// Losing adverts that a master answers at once, in each of its intervals. More are discarded: a flood of them shall
/// not make us flood.
const READVERTS_PER_INTERVAL: u8 = 3;

/// What the election goes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Protocol version.
    pub version: Version,
    /// Effective priority, 1..=255.
    pub priority: Priority,
    /// Our own interval.
    pub interval: AdvertInterval,
    /// Source address of our adverts, which breaks ties.
    pub address: IpAddr,
    /// Whether a master of lower priority loses its role to us. An owner always preempts.
    pub preempt: bool,
    /// How long a master of lower priority is left alone.
    pub preempt_delay: Duration,
    /// Whether it takes the role only together with others, when it is told to ([`Input::Promote`]).
    pub grouped: bool,
    /// For how many intervals a master that is silent and still answers ARP is left alone; 0: nobody is asked.
    pub probe_limit: u8,
}

impl Settings {
    fn owner(&self) -> bool {
        self.priority == Priority::OWNER
    }
}

/// Where a router is, with the deadlines that belong there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Not taking part; `None` before the first start.
    Initialize(Option<Fault>),
    /// Another router is master, or will be unless it is heard no more.
    Backup(Backup),
    /// This router is master.
    Master(Master),
    /// Was master and has said that it leaves; its door stays open until the successor is heard, or until then.
    Leaving {
        /// When the door closes at last.
        until: Time,
        /// Who takes over, once heard.
        successor: Option<Advert>,
    },
    /// Left for good.
    Stopped,
}

/// What a backup knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backup {
    /// When the master counts as dead.
    pub master_down_at: Time,
    /// Since when its silence counts: the last advert that mattered, or the start.
    pub heard_at: Time,
    /// The master's interval (version 3 learns it).
    pub interval: AdvertInterval,
    /// The master that was followed last; `None`: nobody was since the start.
    pub master: Option<Advert>,
    /// Others that outrank it, and were followed before.
    pub superiors: Superiors,
    /// One that was followed before it and may not hear it, so that both may go on.
    pub beside: Option<Superior>,
    /// The last advert that did not count, because this router is to be master in its sender's place.
    pub rival: Option<Advert>,
    /// How it stands with a master of lower priority.
    pub preemption: Preemption,
    /// The master has said that it leaves.
    pub released: bool,
    /// In a group: the master counts as dead, and the others are waited for. Over with the next advert that counts.
    pub held: bool,
    /// The master that the role was given up to because it cannot hear: it is followed like a better one.
    pub yielded_to: Option<IpAddr>,
    /// How it stands with the question whether the silent master still answers.
    pub probe: Probe,
}

/// How a backup stands to a master of lower priority.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preemption {
    /// There is none.
    Idle,
    /// It is followed like any other until then (`preempt_delay`).
    Waiting {
        /// When its adverts stop to count.
        until: Time,
    },
    /// Its adverts do not count.
    Due,
}

/// What a master knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Master {
    /// When the next advert is due.
    pub advert_at: Time,
    /// From when on a peer may have taken over, unless an advert leaves before: three of the intervals that the last
    /// one told, not of those configured since.
    pub silent_at: Time,
    /// Losing adverts answered in this interval.
    pub readverts: u8,
    /// Peers may know this master by another source address or interval than an advert would tell them now, because none
    /// has left since these have changed.
    pub changed: bool,
    /// Another master that goes on and, by all that it sends, cannot hear this one.
    pub deaf: Option<Deaf>,
}

/// What happened. Times lie at or before the `now` that goes with them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// The interface is ready. An owner is master at once (RFC 9568 §6.4.1).
    Start,
    /// The interface is ready, and even an owner is to listen for Master_Down_Interval first.
    Listen,
    /// The interface is ready, and an earlier daemon's lease is still running: go on as the master that it was.
    Adopt(Lease),
    /// An advert passed the receive ladder.
    Advert {
        /// The advert.
        advert: Advert,
        /// When it reached the host.
        at: Time,
        /// When the kernel last saw the expected advert; [`Time::BOOT`] if never.
        last_heard: Time,
    },
    /// A deadline may have passed. All adverts that had arrived by now were handed in before.
    Timeout {
        /// When the kernel last saw the expected advert; [`Time::BOOT`] if never.
        last_heard: Time,
    },
    /// An advert with our priority, or the farewell, has left.
    Sent {
        /// Read from the clock before it was handed to the kernel.
        at: Time,
    },
    /// Another host says by ARP that it has one of the virtual addresses.
    Claimed {
        /// When that reached the host.
        at: Time,
    },
    /// The same, in answer to a question of ours ([`Effects::ask`]).
    Answered {
        /// When that reached the host.
        at: Time,
        /// Where it says that the address is.
        mac: Mac,
    },
    /// The router cannot take part any more.
    Fault(Fault),
    /// Leave, handing over if master.
    Stop,
    /// Leave at once.
    Halt,
    /// In a group: all members would take the role. Does nothing unless this one would too.
    Promote,
    /// In a group: another member has lost the role.
    Yield,
    /// Priority, interval, or preemption have changed.
    Configure(Settings),
    /// The link has come up or gone down, or something was heard since.
    Settle(Settling),
}

/// What is to be done, in this order: close, send, expect, tell. A door opens only in answer to [`Input::Sent`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Effects {
    /// The door of the data plane.
    pub door: Option<Door>,
    /// An advert to send, with this priority.
    pub send: Option<Priority>,
    /// One to send before it, which is a farewell: that is believed only from whom peers know.
    pub first: Option<Priority>,
    /// What the kernel may recognise without asking.
    pub expect: Option<Expect>,
    /// The state has changed.
    pub transition: Option<Transition>,
    /// To ask by ARP who has the addresses that are in both lists: this station, or all.
    pub ask: Option<Mac>,
    /// To tell by ARP, once, that those addresses are at this MAC: the role was given up to one that cannot be told by an advert.
    pub moved_to: Option<Mac>,
    /// What an operator is to be told.
    pub remark: Option<Remark>,
}

/// What is no change of state, and an operator is to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remark {
    /// The advert was of another cluster with the same VRID, and did not count.
    Clash,
    /// The master that is followed has lowered its priority, to hand over, and does not hear that this router would take over.
    HandsOverInVain,
    /// The master is silent, and answers ARP: adverts are lost on their way. It is left alone.
    SilentMasterAnswers,
}

/// Whether the data plane answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    /// Answer for that long.
    Open(Lease),
    /// Be silent.
    Close,
}

/// What the kernel may recognise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// The advert that was just handed in.
    This,
    /// Nothing: every advert is to be judged.
    Nothing,
}

/// The election of one virtual router.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Election {
    settings: Settings,
    state: State,
    lease: Lease,
    /// Since when this router takes part. What came before was meant for an earlier daemon.
    since: Time,
    /// Those whose lists had an address of ours.
    acquaintances: clash::Acquaintances,
    /// Another cluster with the same VRID.
    clash: Option<Clash>,
    settling: Settling,
    /// What a fault of its link has left to a master.
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
            since: Time::BOOT,
            acquaintances: clash::Acquaintances::NONE,
            clash: None,
            settling: Settling::SETTLED,
            interrupted: Lease::NONE,
        }
    }

    /// What it goes by.
    #[must_use]
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Where it is.
    #[must_use]
    pub const fn state(&self) -> &State {
        &self.state
    }

    /// Where it is, in a word.
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

    /// What it knows of its way to other hosts.
    #[must_use]
    pub const fn settling(&self) -> &Settling {
        &self.settling
    }

    /// How long the door may be open, and what the last advert told.
    #[must_use]
    pub const fn lease(&self) -> Lease {
        self.lease
    }

    /// Until when the door may be open. In the past when it is closed.
    #[must_use]
    pub const fn lease_until(&self) -> Time {
        self.lease.until
    }

    /// When [`Input::Timeout`] is wanted next; [`Time::NEVER`] if not at all.
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
                self.advert(now, advert, at.min(now), last_heard.min(now))
            }
            Input::Timeout { last_heard } => self.timeout(now, last_heard.min(now)),
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
        self.since = self.since.min(now);
        effects
    }

    /// Whether what it takes for past is: an advert from before [`since`](Self::since) is not judged, and a silence is
    /// counted from when something was heard.
    fn looks_back(&self, now: Time) -> bool {
        let heard_at = match self.state {
            State::Backup(backup) => backup.heard_at,
            State::Initialize(_) | State::Master(_) | State::Leaving { .. } | State::Stopped => Time::BOOT,
        };
        self.since <= now && heard_at <= now
    }
}
