//! Masters that outrank the one that is followed, and were followed before it.
//!
//! They may be alive: two boxes speak at once until the lesser one has heard the better one. So they are waited for, each by its own
//! interval: otherwise one advert of a lesser box that says a short interval would take the role from a better master.

use core::net::IpAddr;

use super::{Backup, Settings, farewell::next_advert};
use crate::{receive::Advert, time::Time, types::Priority};

/// Number of masters that are remembered. Besides the cluster's own one, two boxes that should not be there may speak, now higher
/// and now lower, each of which would make it forgotten by itself.
const REMEMBERED: usize = 3;

/// A master that is heard beside the one that is followed, and outranks it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Superior {
    /// Last advert of that master, as far as it was judged.
    pub advert: Advert,
    /// Time at which it was heard last.
    pub heard_at: Time,
}

/// The best of the masters that outrank the one that is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Superiors([Option<Superior>; REMEMBERED]);

/// Tells that `one` is another master than `other`, and goes before it.
pub(super) fn outranks(one: Advert, other: Advert) -> bool {
    one.source != other.source && (one.priority, one.source) > (other.priority, other.source)
}

impl Superior {
    /// Time at which the next advert is there, if the master is alive and not late by more than a sixteenth of its interval. It
    /// may be the one that is followed, under its former address.
    pub(super) fn due(self) -> Time {
        next_advert(self.heard_at, self.advert.interval)
    }

    fn rank(self) -> (Priority, IpAddr) {
        (self.advert.priority, self.advert.source)
    }
}

impl Superiors {
    /// No master.
    pub const NONE: Self = Self([None; REMEMBERED]);

    /// Iterates over the masters, in no order.
    pub fn iter(&self) -> impl Iterator<Item = Superior> {
        self.0.into_iter().flatten()
    }

    /// Time at which the next advert of each is there, if all of them are alive; `None`: there are none.
    pub(super) fn due(&self) -> Option<Time> {
        self.iter().map(Superior::due).max()
    }

    /// Drops the master at `source`, which has left, and tells whether there was one.
    pub(super) fn forget(&mut self, source: IpAddr) -> bool {
        let known = self.iter().any(|superior| superior.advert.source == source);
        for place in &mut self.0 {
            *place = place.filter(|superior| superior.advert.source != source);
        }
        known
    }

    /// Puts a master into a free place, or into that of the least one, if that is outranked.
    fn insert(&mut self, superior: Superior) {
        let least = self.0.iter_mut().min_by_key(|place| place.map(Superior::rank));
        if let Some(place) = least
            && place.map(Superior::rank) < Some(superior.rank())
        {
            *place = Some(superior);
        }
    }
}

impl Backup {
    /// Remembers who outranks `next`, which is followed from `at` on: the best ones that have not left, and were not silent for
    /// as long as a dead master is.
    pub(super) fn remember_superiors(&mut self, settings: &Settings, next: Advert, at: Time) {
        let mut known = Superiors::NONE;
        self.superiors
            .iter()
            .chain(self.living_master())
            .filter(|superior| outranks(superior.advert, next) && at < self.down_at_of(settings, *superior))
            .for_each(|superior| known.insert(superior));
        self.superiors = known;
    }
}
