//! A master that cannot hear this one (I11).
//!
//! Two boxes whose versions differ, or in version 2 their intervals or addresses, discard each other's adverts by RFC 3768 §7.1 and
//! in keepalived, and are both master. A router here hears the other one all the same. If it is the better one, the other would have
//! to give way, and never will: so this one does, once it is evident that the other goes on, answers, and does not hear. Boxes that
//! hear each other decide by the ordinary order at the first advert, so that two never give way to each other.

use core::time::Duration;

use super::{Cause, Effects, Election, Expect, Master, Settings, State};
use crate::{
    receive::Advert,
    time::Time,
    types::{Mac, Priority},
};

/// For how long it has to go on, in the longer of both intervals.
const INTERVALS: u32 = 3;
/// And at least.
const SHORTEST: Duration = Duration::from_secs(1);
/// How many adverts of ours it has to let pass.
const OUTRANKING: u8 = 3;

/// What speaks for it that another master cannot hear this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deaf {
    /// Its last advert.
    pub advert: Advert,
    /// When its first one was heard.
    pub since: Time,
    /// When its last one was heard.
    pub heard_at: Time,
    /// How many adverts of ours have left since the first, each of which outranks it.
    pub outranked: u8,
    /// When it was asked by ARP, and was expected to answer if it serves.
    pub asked_at: Option<Time>,
}

impl Deaf {
    /// An advert of ours has left.
    pub(super) fn outranked(self) -> Self {
        Self { outranked: self.outranked.saturating_add(1), ..self }
    }

    /// For how long it has to go on, and may not be silent.
    fn patience(&self, settings: &Settings) -> Duration {
        INTERVALS * settings.interval.span().max(self.advert.interval.span())
    }

    fn is_due(&self, settings: &Settings) -> bool {
        let went_on = self.heard_at.since(self.since) >= self.patience(settings).max(SHORTEST);
        went_on && self.outranked >= OUTRANKING
    }
}

impl Master {
    /// Takes note of an advert that loses against ours. Whom to ask whether it answers.
    pub(super) fn weigh(&mut self, settings: &Settings, advert: Advert, at: Time) -> Option<Mac> {
        let lives = |deaf: &Deaf| at.since(deaf.heard_at) <= deaf.patience(settings);
        let known = self.deaf.filter(lives);
        let counts = advert.deaf && advert.priority != Priority::RELEASE && !settings.owner();
        self.deaf = match known {
            Some(known) if known.advert.source != advert.source => Some(known),
            Some(known) if counts => Some(Deaf { advert, heard_at: known.heard_at.max(at), ..known }),
            None if counts => Some(Deaf { advert, since: at, heard_at: at, outranked: 0, asked_at: None }),
            Some(_) | None => None,
        };
        let deaf = self.deaf.as_mut().filter(|deaf| deaf.advert.source == advert.source)?;
        if !deaf.is_due(settings) {
            return None;
        }
        deaf.asked_at = Some(at);
        Some(advert.mac)
    }
}

impl Election {
    /// From when on neighbours may be told that the addresses are here: not while another master may be about to be yielded to. One
    /// that hears this router is silent by its next advert; one that does not answer is not waited for.
    #[must_use]
    pub fn announces_from(&self) -> Time {
        let State::Master(Master { deaf: Some(deaf), .. }) = &self.state else { return Time::BOOT };
        let interval = deaf.advert.interval.span();
        let longest = 2 * deaf.patience(&self.settings).max(SHORTEST);
        (deaf.heard_at + interval + interval / 16).min(deaf.since + longest)
    }

    /// Whether something hangs on the answer to a question.
    #[must_use]
    pub fn is_asking(&self) -> bool {
        match &self.state {
            State::Backup(backup) => backup.probe.asked_at.is_some(),
            State::Master(master) => master.deaf.is_some_and(|deaf| deaf.asked_at.is_some()),
            State::Initialize(_) | State::Leaving { .. } | State::Stopped => false,
        }
    }

    /// Who was asked answers. Neither a farewell nor anything else that would make a third box take over.
    pub(super) fn answered(&mut self, now: Time, at: Time, mac: Mac) -> Effects {
        match &mut self.state {
            State::Backup(backup) => {
                backup.probe.answered |= backup.probe.asked_at.is_some_and(|asked| at >= asked);
                Effects::default()
            }
            State::Master(Master { deaf: Some(deaf), .. })
                if deaf.asked_at.is_some_and(|asked| at >= asked) =>
            {
                let Deaf { advert, heard_at, .. } = *deaf;
                let mut backup = self.silent_backup(now);
                backup.follow(&self.settings, advert, heard_at);
                let effects = self.become_backup(backup, Cause::Unheard(advert));
                Effects { expect: Some(Expect::Nothing), moved_to: Some(mac), ..effects }
            }
            State::Initialize(_) | State::Master(_) | State::Leaving { .. } | State::Stopped => {
                Effects::default()
            }
        }
    }
}
