//! Farewells, adverts with priority 0: when a master says one, and whose a backup believes (RFC 9568 §5.2.4, §6.4.2).
//!
//! The RFC has a backup believe all of them. A stranger with ten lines of code could so take the role away from a master
//! that lives, or keep the address dead. So a farewell counts from the master that was followed last, or is about to be preempted,
//! and from anybody where nobody has been followed since the start, once a master that lives would have been heard since. Where
//! another master that outranks the leaving one was heard before it, that one's next advert is waited for first. Who forges the master's own address is stopped by authentication only.

use core::{net::IpAddr, time::Duration};

use super::{Backup, Effects, Election, Expect, Probe, Settings, State, Superior, superior::outranks};
use crate::{
    receive::Advert,
    time::Time,
    types::{AdvertInterval, Priority},
};

impl Election {
    /// Farewell of a master: an advert first, where peers may know it otherwise than it is now. A master that was silent says
    /// nothing: it may be master no more.
    pub(super) fn farewell(&self, now: Time) -> Effects {
        match self.state {
            State::Master(master) if !master.was_silent(now) => Effects {
                first: master.changed.then_some(self.settings.priority),
                send: Some(Priority::RELEASE),
                ..Effects::default()
            },
            State::Initialize(_)
            | State::Backup(_)
            | State::Master(_)
            | State::Leaving { .. }
            | State::Stopped => Effects::default(),
        }
    }
}

impl Backup {
    /// Takes in the farewell that `source` said at that time. The order to the kernel, if the master has left.
    pub(super) fn take_farewell(&mut self, settings: &Settings, source: IpAddr, at: Time) -> Option<Expect> {
        // From before the last advert: it says nothing about the master of now.
        if at < self.heard_at {
            return None;
        }
        let Some(awaited) = self.awaited_before(settings, source, at) else {
            let waited_for = self.superiors.forget(source);
            // What the one that is followed says is stamped, and wakes nobody who would reckon anew. A question that is under way
            // runs on.
            if waited_for && !self.released && self.probe == Probe::default() {
                self.master_down_at = self.silent_until(settings);
            }
            return None;
        };
        self.heard_at = at;
        let skew = self.interval.skew(settings.version, settings.priority);
        let due = (at + skew).max(awaited);
        // It never postpones the end, or a flood of them would keep the address dead; but an end that is long over was slept
        // through, and says nothing.
        let running = at < self.master_down_at + skew;
        self.master_down_at = if running { self.master_down_at.min(due) } else { due };
        self.released = true;
        self.held = false;
        Some(Expect::Nothing)
    }

    /// Takes note of an advert that does not count. The priority of the master that was followed last is what it says now, and
    /// its earlier advert is expected no longer: said again, it is to be judged, and not only stamped. An advert of anybody else
    /// changes nothing about what is expected.
    pub(super) fn contend_with(&mut self, advert: Advert) -> Option<Expect> {
        self.rival = Some(advert);
        let of_master = self.master.is_some_and(|master| master.source == advert.source);
        if of_master {
            self.master = Some(advert);
        }
        of_master.then_some(Expect::Nothing)
    }

    /// Time until which others are waited for before a farewell of `source`, heard at `at`, counts; `None`: it never does. A
    /// master that is about to be preempted is believed too, unless a better one is followed.
    fn awaited_before(&self, settings: &Settings, source: IpAddr, at: Time) -> Option<Time> {
        // A master that lives is heard within its interval.
        let Some(master) = self.master else { return Some(next_advert(self.heard_at, self.interval)) };
        if master.source == source {
            return Some(self.superiors.due().unwrap_or(at));
        }
        let rival =
            self.rival.filter(|rival| rival.source == source && master.priority < settings.priority)?;
        let better = outranks(master, rival).then_some(Superior { advert: master, heard_at: self.heard_at });
        Some(better.map_or(at, Superior::due))
    }
}

/// Time at which a master's next advert is there, if its last one was before `last` and it is not late by more than a sixteenth.
pub(super) fn next_advert(last: Time, interval: AdvertInterval) -> Time {
    last + until_next_advert(interval)
}

/// Time from one advert to the next, with a sixteenth for its lateness.
pub(super) fn until_next_advert(interval: AdvertInterval) -> Duration {
    interval.span() + interval.span() / 16
}
