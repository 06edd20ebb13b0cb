//! Whether a silent master still answers (`probe_before_takeover`): then adverts are lost on their way, and a takeover would make two.

use core::time::Duration;

use super::{Backup, Cause, Effects, Preemption, Remark, Settings};
use crate::{time::Time, types::Mac};

/// An answer takes no longer on a LAN. Less than the shortest skew with which anybody is asked.
const SHORTEST_WAIT: Duration = Duration::from_millis(1);

/// How it stands with the question.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Probe {
    /// When it was asked, in this round.
    pub asked_at: Option<Time>,
    /// An answer has come.
    pub answered: bool,
    /// In how many rounds before there was an answer.
    pub rounds: u8,
}

impl Backup {
    /// When to ask: after three intervals, when the lease of a dead vrrpd is over. Who has said that it leaves is not asked: it
    /// answers until it hears its successor. Nor is one that is to be preempted, silent or not. `down_at`: when the master counts as
    /// dead.
    pub(super) fn ask_at(&self, settings: &Settings, down_at: Time) -> Time {
        let wanted = !self.released && !self.preempts_its_master(settings) && down_at != Time::NEVER;
        let asks = settings.probe_limit > 0 && wanted && self.probe.asked_at.is_none();
        let skew = self.interval.skew(settings.version, settings.priority);
        if asks && self.probe.rounds < settings.probe_limit { down_at - skew } else { Time::NEVER }
    }

    /// Asks, or looks at what has come of it; `None` if nothing of that is due.
    pub(super) fn probe(&mut self, settings: &Settings, now: Time, down_at: Time) -> Option<Effects> {
        if now >= self.ask_at(settings, down_at) {
            // Who is late waits for the answer all the same.
            self.master_down_at = self.master_down_at.max(now + SHORTEST_WAIT);
            self.probe.asked_at = Some(now);
            let ask = Some(self.master.map_or(Mac::BROADCAST, |master| master.mac));
            return Some(Effects { ask, ..Effects::default() });
        }
        let counts = self.probe.answered && !self.released && !self.preempts_its_master(settings);
        if now < down_at || !counts {
            return None;
        }
        let rounds = self.probe.rounds + 1;
        self.probe = Probe { rounds, ..Probe::default() };
        if rounds >= settings.probe_limit {
            return None;
        }
        let skew = self.interval.skew(settings.version, settings.priority);
        self.master_down_at = now + self.interval.span().max(skew + SHORTEST_WAIT);
        Some(Effects { remark: Some(Remark::SilentMasterAnswers), ..Effects::default() })
    }

    /// Whether the silence of who was master is awaited only to preempt it. Others that are outranked change nothing about a
    /// master that is not.
    fn preempts_its_master(&self, settings: &Settings) -> bool {
        let outranked = self.master.is_none_or(|master| master.priority < settings.priority);
        self.preemption == Preemption::Due && outranked
    }

    /// Why the master counts as dead.
    pub(super) fn why_down(&self, settings: &Settings) -> Cause {
        if self.released {
            Cause::MasterReleased
        } else if settings.probe_limit > 0 && self.probe.rounds >= settings.probe_limit {
            Cause::ProbeLimit
        } else {
            Cause::MasterDown
        }
    }
}
