//! Others who undo what this daemon does. It does it again at once, and does not get into a fight.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Duration,
};

use vrrp_common::time::Time;

/// Number of times, within [`WINDOW`], that is a coincidence.
const COINCIDENCES: usize = 3;
/// Time in which [`COINCIDENCES`] are counted.
const WINDOW: Duration = Duration::from_secs(10);
/// Pause between two meetings of somebody who does it more often.
const PAUSE: Duration = Duration::from_secs(1);

/// Advice about a thing that is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Again {
    /// The thing was not there before: put it there.
    First,
    /// Somebody has taken it away: put it back.
    Lost,
    /// Somebody has taken it away: put it back, and it is time to say that somebody does it again and again.
    Fought,
    /// Wait until then.
    Wait(Time),
}

/// Things of one kind that this daemon keeps in the kernel, and who else had a hand in them.
#[derive(Debug)]
pub(crate) struct ForeignHand<T> {
    there: BTreeSet<T>,
    undone: BTreeMap<T, VecDeque<Time>>,
}

impl<T> Default for ForeignHand<T> {
    fn default() -> Self {
        Self { there: BTreeSet::new(), undone: BTreeMap::new() }
    }
}

impl<T: Clone + Ord> ForeignHand<T> {
    /// `thing` is wanted, and is not there.
    pub(crate) fn missing(&mut self, thing: &T, now: Time) -> Again {
        if let Again::Wait(until) = self.peek(thing, now) {
            return Again::Wait(until);
        }
        if !self.there.remove(thing) {
            return Again::First;
        }
        let times = self.undone.entry(thing.clone()).or_default();
        while times.front().is_some_and(|first| now >= *first + WINDOW) {
            times.pop_front();
        }
        times.push_back(now);
        match times.len().cmp(&COINCIDENCES) {
            std::cmp::Ordering::Less => Again::Lost,
            std::cmp::Ordering::Equal => Again::Fought,
            std::cmp::Ordering::Greater => {
                times.pop_front();
                Again::Lost
            }
        }
    }

    /// Tells whether `thing` is to be left alone for a while if it should be missing.
    pub(crate) fn peek(&self, thing: &T, now: Time) -> Again {
        let times = self.undone.get(thing).filter(|times| times.len() >= COINCIDENCES);
        let last = times.and_then(VecDeque::back).filter(|last| now < **last + PAUSE);
        last.map_or(Again::First, |last| Again::Wait(*last + PAUSE))
    }

    /// `thing` is there.
    pub(crate) fn found(&mut self, thing: &T) {
        self.there.insert(thing.clone());
    }

    /// These are wanted; those that are there have been seen.
    pub(crate) fn seen<'a>(&mut self, wanted: impl Iterator<Item = (&'a T, bool)>)
    where
        T: 'a,
    {
        let mut known = BTreeSet::new();
        for (thing, there) in wanted {
            known.insert(thing.clone());
            if there {
                self.there.insert(thing.clone());
            }
        }
        self.there.retain(|thing| known.contains(thing));
        self.undone.retain(|thing, times| known.contains(thing) && !times.is_empty());
    }

    /// Whatever is not there now has gone for a reason of its own, like the end of its interface.
    pub(crate) fn excuse(&mut self, gone: impl Fn(&T) -> bool) {
        self.there.retain(|thing| !gone(thing));
    }
}
