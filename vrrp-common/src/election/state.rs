//! Where a router is, and what it knows there.

use core::net::IpAddr;

use super::{Deaf, Fault, Probe, Superior, Superiors};
use crate::{receive::Advert, time::Time, types::AdvertInterval};

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

impl Master {
    /// One whose next advert is due then, and of whom nothing else is known.
    pub(super) const fn until(advert_at: Time) -> Self {
        Self { advert_at, silent_at: advert_at, readverts: 0, changed: false, deaf: None }
    }

    /// Whether so much time has passed since the last advert that a peer may have taken over (I6).
    pub(super) fn was_silent(&self, now: Time) -> bool {
        now >= self.silent_at
    }
}
