//! States of a router, and what is known in each.

use core::net::IpAddr;

use super::{Deaf, Fault, Probe, Superior, Superiors};
use crate::{receive::Advert, time::Time, types::AdvertInterval};

/// State of a router, with the deadlines that belong to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// The router does not take part; `None` before the first start.
    Initialize(Option<Fault>),
    /// Another router is master, or will be unless it is heard no more.
    Backup(Backup),
    /// This router is master.
    Master(Master),
    /// The router was master and has said that it leaves. Its door stays open until the successor is heard.
    Leaving {
        /// Time at which the door closes at last.
        until: Time,
        /// Advert of the successor, once heard.
        successor: Option<Advert>,
    },
    /// The router has left for good.
    Stopped,
}

/// Knowledge of a backup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backup {
    /// Time from which on the master counts as dead.
    pub master_down_at: Time,
    /// Beginning of the master's silence: the last advert that mattered, or the start.
    pub heard_at: Time,
    /// The master's interval (version 3 learns it).
    pub interval: AdvertInterval,
    /// The master that was followed last; `None`: nobody was since the start.
    pub master: Option<Advert>,
    /// Masters that outrank that one, and were followed before it.
    pub superiors: Superiors,
    /// Master that was followed before that one and may not hear it, so that both may go on.
    pub beside: Option<Superior>,
    /// The last advert that did not count, because this router is to be master in its sender's place.
    pub rival: Option<Advert>,
    /// Attitude to a master of lower priority.
    pub preemption: Preemption,
    /// The master has said that it leaves.
    pub released: bool,
    /// Wait of a group's member for the others: the master counts as dead. Over with the next advert that counts.
    pub held: bool,
    /// The master that the role was given up to because it cannot hear: it is followed like a better one.
    pub yielded_to: Option<IpAddr>,
    /// State of the question whether the silent master still answers.
    pub probe: Probe,
}

/// Attitude of a backup to a master of lower priority.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preemption {
    /// No such master is known.
    Idle,
    /// The master is followed like any other for a while (`preempt_delay`).
    Waiting {
        /// Time from which on its adverts do not count.
        until: Time,
    },
    /// The master's adverts do not count.
    Due,
}

/// Knowledge of a master.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Master {
    /// Time at which the next advert is due.
    pub advert_at: Time,
    /// Time from which on a peer may have taken over, unless an advert leaves before: three of the intervals that the last
    /// one told, not of those configured since.
    pub silent_at: Time,
    /// Losing adverts answered in this interval.
    pub readverts: u8,
    /// Peers may know this master by another source address or interval than an advert would tell them now, because none
    /// has left since these have changed.
    pub changed: bool,
    /// Evidence that another master goes on and cannot hear this one.
    pub deaf: Option<Deaf>,
}

impl Master {
    /// Makes a master whose next advert is due at `advert_at`, and of whom nothing else is known.
    pub(super) const fn until(advert_at: Time) -> Self {
        Self { advert_at, silent_at: advert_at, readverts: 0, changed: false, deaf: None }
    }

    /// Tells that a peer may have taken over, since so much time has passed after the last advert (I6).
    pub(super) fn was_silent(&self, now: Time) -> bool {
        now >= self.silent_at
    }
}
