//! What a backup makes of the adverts that it hears: whom it follows, and for how long it waits.

use super::{Backup, Preemption, Probe, Settings, Superior};
use crate::{
    receive::Advert,
    time::Time,
    types::{AdvertInterval, Priority, Version},
};

impl Backup {
    /// Tells that this advert keeps the router a backup.
    pub(super) fn yields_to(&mut self, settings: &Settings, advert: Advert, at: Time) -> bool {
        // Who discards our adverts would go on as master beside us (I11).
        let cannot_hear = advert.deaf || (self.yielded_to == Some(advert.source) && advert.may_be_deaf());
        if advert.priority >= settings.priority || cannot_hear {
            self.preemption = Preemption::Idle;
            return true;
        }
        if !settings.preempt && !settings.owner() {
            return true;
        }
        self.preemption = match self.preemption {
            Preemption::Idle if settings.preempt_delay.is_zero() => Preemption::Due,
            Preemption::Idle => Preemption::Waiting { until: at + settings.preempt_delay },
            Preemption::Waiting { .. } | Preemption::Due => self.preemption,
        };
        matches!(self.preemption, Preemption::Waiting { until } if at < until)
    }

    /// Learns from the master: its interval, and that it lives.
    pub(super) fn follow(&mut self, settings: &Settings, advert: Advert, at: Time) {
        self.remember_superiors(settings, advert, at);
        self.remember_beside(advert);
        self.interval = self.patience(settings, Some(advert.interval));
        self.master = Some(advert);
        self.released = false;
        self.held = false;
        self.probe = Probe::default();
        self.heard_at = at.max(self.heard_at);
        self.master_down_at = self.silent_until(settings);
    }

    /// Takes in what the kernel has heard since it was last asked.
    pub(super) fn take_stamp(&mut self, settings: &Settings, last_heard: Option<Time>) {
        if let Some(last_heard) = last_heard
            && last_heard > self.heard_at
        {
            self.heard_at = last_heard;
            self.released = false;
            self.held = false;
            self.probe = Probe::default();
            self.master_down_at = self.silent_until(settings);
        }
    }

    /// Interval by which a silent master is waited for: its own in version 3, which says it for that; the longer one in version 2,
    /// where both are to be the same.
    pub(super) fn patience(&self, settings: &Settings, masters: Option<AdvertInterval>) -> AdvertInterval {
        match (settings.version, masters) {
            (Version::V3, Some(theirs)) => theirs,
            (Version::V2, Some(theirs)) => theirs.max(settings.interval),
            (Version::V2 | Version::V3, None) => settings.interval,
        }
    }

    /// A master that discards our adverts cannot be preempted: lowering its priority does not do what its operator wants.
    pub(super) fn hands_over_in_vain(&self, advert: Advert) -> bool {
        let before = self.master.filter(|master| master.source == advert.source);
        let lowered = before.is_some_and(|before| advert.priority < before.priority);
        lowered && advert.deaf && advert.priority != Priority::RELEASE
    }

    /// The master that is followed, unless it has left.
    pub(super) fn living_master(&self) -> Option<Superior> {
        let master = self.master.filter(|_| !self.released);
        master.map(|advert| Superior { advert, heard_at: self.heard_at })
    }

    /// Remembers the master before `next` where neither may hear the other: when one gives way, the other one is waited for.
    pub(super) fn remember_beside(&mut self, next: Advert) {
        let candidates = [self.living_master(), self.beside].into_iter().flatten();
        self.beside = candidates
            .filter(|other| other.advert.source != next.source && other.advert.may_be_deaf())
            .max_by_key(|other| other.heard_at);
    }

    /// Time from which on the master counts as dead if nothing more is heard, with those that outrank it or go on beside it.
    pub(super) fn silent_until(&self, settings: &Settings) -> Time {
        let down = self.interval.master_down(settings.version, settings.priority);
        let others = self.superiors.iter().chain(self.beside);
        others.map(|other| self.down_at_of(settings, other)).fold(self.heard_at + down, Time::max)
    }

    /// Time from which on another master than the one that is followed counts as dead.
    pub(super) fn down_at_of(&self, settings: &Settings, other: Superior) -> Time {
        let interval = self.patience(settings, Some(other.advert.interval));
        other.heard_at + interval.master_down(settings.version, settings.priority)
    }
}
