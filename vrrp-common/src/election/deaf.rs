//! A master that cannot hear this one (I11).
//!
//! Two boxes whose versions differ, or in version 2 their intervals or addresses, discard each other's adverts by RFC 3768 §7.1 and
//! in keepalived, and are both master. A router here hears the other one all the same. If it is the better one, the other would have
//! to give way, and never will: so this one does, once it is evident that the other goes on, answers, and does not hear. Boxes that
//! hear each other decide by the ordinary order at the first advert, so that two never give way to each other.
//!
//! That it goes on is told by its answers to ARP. Its adverts are no measure: a keepalived that is master puts its next advert off
//! with each advert that it discards, and is silent for as long as it is spoken to.

use core::time::Duration;

use super::{
    ANNOUNCEMENT_GRACE, Cause, Effects, Election, Expect, Master, Settings, State,
    farewell::until_next_advert,
};
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
/// How often it is asked at most.
const BETWEEN_QUESTIONS: Duration = Duration::from_millis(250);
/// An answer takes no longer on a LAN.
const ANSWER: Duration = Duration::from_millis(50);

/// What speaks for it that another master cannot hear this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deaf {
    /// Its last advert.
    pub advert: Advert,
    /// When its first one was heard.
    pub since: Time,
    /// When anything was heard of it last.
    pub heard_at: Time,
    /// How many adverts of ours have left since the first, each of which outranks it.
    pub outranked: u8,
    /// When it was asked by ARP last, if it was; it answers if it serves.
    pub asked_at: Option<Time>,
    /// When it answered last.
    pub answered_at: Option<Time>,
}

impl Deaf {
    /// One that this router takes the role from, and that may not hear it. It is asked with the next advert.
    pub(super) fn preempted(advert: Advert, now: Time) -> Option<Self> {
        let suspect =
            Self { advert, since: now, heard_at: now, outranked: 0, asked_at: None, answered_at: None };
        advert.may_be_deaf().then_some(suspect)
    }

    /// An advert of ours has left.
    pub(super) fn outranked(self) -> Self {
        Self { outranked: self.outranked.saturating_add(1), ..self }
    }

    /// For how long it has to go on, and may not be silent.
    fn patience(&self, settings: &Settings) -> Duration {
        INTERVALS * settings.interval.span().max(self.advert.interval.span())
    }

    fn is_silent(&self, settings: &Settings, now: Time) -> bool {
        now.since(self.heard_at) > self.patience(settings).max(2 * BETWEEN_QUESTIONS)
    }

    /// Whether it has not answered the last two questions: it is not master any more.
    fn is_mute(&self, settings: &Settings, now: Time) -> bool {
        let between = settings.interval.span().max(BETWEEN_QUESTIONS);
        now.since(self.answered_at.unwrap_or(self.since)) > 2 * between
    }

    /// Whether it has evidently not heard this router, which it has answered just now.
    fn is_evident(&self, settings: &Settings, now: Time) -> bool {
        now.since(self.since) >= self.patience(settings).max(SHORTEST) && self.outranked >= OUTRANKING
    }
}

impl Master {
    /// Takes note of an advert that loses against ours. Whom to ask whether it answers.
    pub(super) fn weigh(&mut self, settings: &Settings, advert: Advert, at: Time) -> Option<Mac> {
        let known = self.deaf.filter(|deaf| !deaf.is_silent(settings, at));
        let counts = advert.may_be_deaf() && advert.priority != Priority::RELEASE && !settings.owner();
        // One that does not answer makes room for another that speaks.
        let known = known
            .filter(|known| known.advert.source == advert.source || !counts || !known.is_mute(settings, at));
        match known {
            Some(known) if known.advert.source != advert.source => None,
            Some(known) if counts => {
                self.deaf = Some(Deaf { advert, heard_at: known.heard_at.max(at), ..known });
                None
            }
            None if counts => {
                let (since, heard_at, asked_at) = (at, at, Some(at));
                self.deaf = Some(Deaf { advert, since, heard_at, asked_at, outranked: 0, answered_at: None });
                Some(advert.mac)
            }
            Some(_) | None => {
                self.deaf = None;
                None
            }
        }
    }

    /// Asks again, or forgets one that is gone. Whom to ask.
    pub(super) fn look_again(&mut self, settings: &Settings, now: Time) -> Option<Mac> {
        self.deaf = self.deaf.filter(|deaf| !deaf.is_silent(settings, now));
        let again = |asked_at: Time| now.since(asked_at) >= BETWEEN_QUESTIONS;
        let deaf = self.deaf.as_mut().filter(|deaf| deaf.asked_at.is_none_or(again))?;
        deaf.asked_at = Some(now);
        Some(deaf.advert.mac)
    }
}

impl Election {
    /// From when on neighbours may be told that the addresses are here: not while another master goes on that may have to be yielded
    /// to. One that hears this router does not answer any more when it is asked again.
    #[must_use]
    pub fn announces_from(&self) -> Time {
        let State::Master(Master {
            deaf: Some(Deaf { asked_at: Some(asked_at), answered_at, since, .. }),
            ..
        }) = self.state
        else {
            return Time::BOOT;
        };
        // With the first advert that is due after that.
        let again = BETWEEN_QUESTIONS + until_next_advert(self.settings.interval);
        let answers = answered_at.is_some_and(|answered_at| answered_at >= asked_at);
        // A box says that it is master first, and has the addresses added then.
        let is_early = asked_at < since + ANNOUNCEMENT_GRACE;
        if answers || is_early { asked_at + again + ANSWER } else { asked_at + ANSWER }
    }

    /// Whether something hangs on the answer to a question.
    #[must_use]
    pub const fn is_asking(&self) -> bool {
        match &self.state {
            State::Backup(backup) => backup.probe.asked_at.is_some(),
            State::Master(master) => master.deaf.is_some(),
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
                if deaf.asked_at.is_none_or(|asked| at >= asked) =>
            {
                (deaf.heard_at, deaf.answered_at) = (deaf.heard_at.max(at), Some(at));
                let Deaf { advert, heard_at, .. } = *deaf;
                if !deaf.is_evident(&self.settings, at) {
                    return Effects::default();
                }
                let mut backup = self.silent_backup(now);
                backup.follow(&self.settings, advert, heard_at);
                backup.yielded_to = Some(advert.source);
                let effects = self.become_backup(backup, Cause::Unheard(advert));
                Effects { expect: Some(Expect::Nothing), moved_to: Some(mac), ..effects }
            }
            State::Initialize(_) | State::Master(_) | State::Leaving { .. } | State::Stopped => {
                Effects::default()
            }
        }
    }
}
