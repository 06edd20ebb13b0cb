//! One function for each input, one match arm for each state that it matters in.

use super::{
    Backup, Cause, Deaf, Door, Effects, Election, Expect, Master, Preemption, Probe, READVERTS_PER_INTERVAL,
    Remark, Settings, State, Transition,
};
use crate::{
    lease::Lease,
    receive::Advert,
    time::Time,
    types::{Priority, Version},
};

impl Election {
    pub(super) fn advert(
        &mut self,
        now: Time,
        advert: Advert,
        at: Time,
        last_heard: Option<Time>,
    ) -> Effects {
        match self.state {
            State::Initialize(_) | State::Stopped => return Effects::default(),
            State::Backup(_) | State::Master(_) | State::Leaving { .. }
                if self.since.is_some_and(|since| at < since) =>
            {
                return Effects::default();
            }
            State::Backup(_) | State::Master(_) | State::Leaving { .. } => {}
        }
        if self.is_of_another_cluster(advert, at, last_heard) {
            return Effects { remark: Some(Remark::Clash), ..Effects::default() };
        }
        match self.state {
            State::Backup(backup) => self.advert_as_backup(backup, advert, at, last_heard),
            State::Master(master) => self.advert_as_master(now, master, advert, at),
            State::Leaving { until, .. } => self.advert_as_leaving(until, advert, at),
            State::Initialize(_) | State::Stopped => Effects::default(),
        }
    }

    /// Judges an advert by RFC 9568 §6.4.2.
    fn advert_as_backup(
        &mut self,
        mut backup: Backup,
        advert: Advert,
        at: Time,
        last_heard: Option<Time>,
    ) -> Effects {
        let settings = &self.settings;
        backup.take_stamp(settings, last_heard);
        let remark = backup.hands_over_in_vain(advert).then_some(Remark::HandsOverInVain);
        let expect = if advert.priority == Priority::RELEASE {
            backup.take_farewell(settings, advert.source, at)
        } else if backup.yields_to(settings, advert, at) {
            backup.follow(settings, advert, at);
            Some(Expect::This)
        } else {
            backup.contend_with(advert)
        };
        self.state = State::Backup(backup);
        Effects { expect, remark, ..Effects::default() }
    }

    /// Judges an advert by RFC 9568 §6.4.3.
    fn advert_as_master(&mut self, now: Time, mut master: Master, advert: Advert, at: Time) -> Effects {
        let own = (self.settings.priority, self.settings.address);
        if advert.priority != Priority::RELEASE && (advert.priority, advert.source) > own {
            // From now on: if we are late, what else came since it did may be lost.
            let mut backup = self.silent_backup(now);
            backup.follow(&self.settings, advert, at);
            let effects = self.become_backup(backup, Cause::Outranked(advert));
            return Effects { expect: Some(Expect::This), ..effects };
        }
        if master.was_silent(now) {
            let effects = self.listen(now, Cause::Silent);
            let expect = self.advert(now, advert, at, None).expect.or(effects.expect);
            return Effects { expect, ..effects };
        }
        let ask = master.weigh(&self.settings, advert, at);
        let answered = master.readverts >= READVERTS_PER_INTERVAL;
        if !answered {
            master.readverts += 1;
            if advert.priority == Priority::RELEASE {
                master.advert_at = now + self.settings.interval.span();
            }
        }
        self.state = State::Master(master);
        let send = (!answered).then_some(self.settings.priority);
        Effects { send, ask, ..Effects::default() }
    }

    pub(super) fn timeout(&mut self, now: Time, last_heard: Option<Time>) -> Effects {
        match self.state {
            State::Backup(backup) => self.timeout_as_backup(now, backup, last_heard),
            State::Master(master) => self.timeout_as_master(now, master),
            State::Leaving { until, successor } if now >= until => {
                self.become_stopped(successor.map_or(Cause::NoSuccessor, Cause::Succeeded))
            }
            State::Initialize(_) | State::Leaving { .. } | State::Stopped => Effects::default(),
        }
    }

    /// Looks at the kernel's stamp first: an advert that reached the host in time counts, however late we are, and one that
    /// reached it late still shows that the master lives.
    fn timeout_as_backup(&mut self, now: Time, mut backup: Backup, last_heard: Option<Time>) -> Effects {
        backup.take_stamp(&self.settings, last_heard);
        let due = matches!(backup.preemption, Preemption::Waiting { until } if now >= until);
        if due {
            backup.preemption = Preemption::Due;
        }
        let expect = due.then_some(Expect::Nothing);
        let down_at = self.down_at(&backup);
        if let Some(effects) = backup.probe(&self.settings, now, down_at) {
            self.state = State::Backup(backup);
            return Effects { expect, ..effects };
        }
        let down = now >= down_at;
        if down && self.settings.grouped {
            // From now on every advert is to be judged: one that counts ends it.
            let expect = (!backup.held).then_some(Expect::Nothing);
            backup.held = true;
            self.state = State::Backup(backup);
            return Effects { expect, ..Effects::default() };
        }
        backup.held = false;
        if down {
            return self.succeed(now, backup);
        }
        self.state = State::Backup(backup);
        Effects { expect, ..Effects::default() }
    }

    /// Lets a backup take the role together with its group, if it would have by itself.
    pub(super) fn promote(&mut self, now: Time) -> Effects {
        match self.state {
            State::Backup(backup) if backup.held && now >= self.down_at(&backup) => self.succeed(now, backup),
            State::Initialize(_)
            | State::Backup(_)
            | State::Master(_)
            | State::Leaving { .. }
            | State::Stopped => Effects::default(),
        }
    }

    /// Sends the next advert. Adverts that are due within a sixteenth of the interval leave with those that are due now, so that many
    /// routers fall into step and leave in one batch.
    fn timeout_as_master(&mut self, now: Time, mut master: Master) -> Effects {
        let interval = self.settings.interval.span();
        if now + interval / 16 < master.advert_at {
            return Effects::default();
        }
        if master.was_silent(now) {
            return self.listen(now, Cause::Silent);
        }
        let in_step = master.advert_at.min(now) + interval;
        master.advert_at = if in_step > now { in_step } else { now + interval };
        master.readverts = 0;
        let ask = master.look_again(&self.settings, now);
        self.state = State::Master(master);
        Effects { send: Some(self.settings.priority), ask, ..Effects::default() }
    }

    /// Takes or renews the lease, which nothing else does (I2).
    pub(super) fn sent(&mut self, at: Time) -> Effects {
        self.lease = match &mut self.state {
            State::Master(master) => {
                let lease = Lease::granted(at, self.settings.interval);
                master.silent_at = lease.silent_at();
                master.changed = false;
                master.deaf = master.deaf.map(Deaf::outranked);
                lease
            }
            // Who hears the farewell waits for its skew, which is less than an interval.
            State::Leaving { until, .. } => self.lease.cut_short(*until),
            State::Initialize(_) | State::Backup(_) | State::Stopped => return Effects::default(),
        };
        Effects { door: Some(Door::Open(self.lease)), ..Effects::default() }
    }

    /// Takes in another configuration. A change never moves the role by itself (I9); a master advertises it at once.
    pub(super) fn configure(&mut self, now: Time, settings: Settings) -> Effects {
        if self.settings == settings {
            return Effects::default();
        }
        let before = core::mem::replace(&mut self.settings, settings);
        let known_otherwise = (before.address, before.interval) != (settings.address, settings.interval);
        let patience_changed =
            (before.preempt, before.preempt_delay) != (settings.preempt, settings.preempt_delay);
        match &mut self.state {
            State::Master(master) => {
                let master = *master;
                if master.was_silent(now) {
                    return self.listen(now, Cause::Silent);
                }
                let advert_at = now + settings.interval.span();
                let changed = master.changed || known_otherwise;
                self.state = State::Master(Master { advert_at, changed, ..master });
                Effects { send: Some(settings.priority), ..Effects::default() }
            }
            State::Backup(backup) => {
                let own = backup.patience(&settings, None);
                backup.interval = match (settings.version, backup.master) {
                    (Version::V2, master) => backup.patience(&settings, master.map(|master| master.interval)),
                    (Version::V3, None) => own,
                    (Version::V3, Some(_)) => backup.interval,
                };
                if !backup.released {
                    backup.master_down_at = backup.silent_until(&settings);
                }
                // Otherwise the next advert tells how it stands now, and a delay that is running runs on.
                if patience_changed {
                    backup.preemption = Preemption::Idle;
                }
                backup.held = false;
                backup.probe = Probe::default();
                Effects { expect: Some(Expect::Nothing), ..Effects::default() }
            }
            State::Initialize(_) | State::Leaving { .. } | State::Stopped => Effects::default(),
        }
    }

    pub(super) fn become_backup(&mut self, backup: Backup, cause: Cause) -> Effects {
        self.leave(State::Backup(backup), cause)
    }

    /// Takes the place of the master that was silent, has left, or is preempted. A master that has not left may live, and not hear.
    fn succeed(&mut self, now: Time, backup: Backup) -> Effects {
        let effects = self.become_master(now, self.cause_of_takeover(&backup));
        let before = backup.rival.or(backup.master).filter(|_| !backup.released && !self.settings.owner());
        if let State::Master(master) = &mut self.state {
            master.deaf = before.and_then(|advert| Deaf::preempted(advert, now));
        }
        effects
    }

    /// Takes the role. The advert goes first; the door opens when it is out.
    pub(super) fn become_master(&mut self, now: Time, cause: Cause) -> Effects {
        let from = self.name();
        let interval = self.settings.interval.span();
        let (advert_at, silent_at) = (now + interval, now + interval * 3);
        self.state = State::Master(Master { silent_at, ..Master::until(advert_at) });
        Effects {
            send: Some(self.settings.priority),
            expect: Some(Expect::Nothing),
            transition: Some(Transition { from, to: self.name(), cause }),
            ..Effects::default()
        }
    }

    pub(super) fn become_stopped(&mut self, cause: Cause) -> Effects {
        let effects = self.leave(State::Stopped, cause);
        Effects { expect: Some(Expect::Nothing), ..effects }
    }

    /// Moves to a state in which the door is closed.
    pub(super) fn leave(&mut self, to: State, cause: Cause) -> Effects {
        let from = self.name();
        self.state = to;
        self.lease = Lease::NONE;
        let transition = Transition { from, to: self.name(), cause };
        Effects { door: Some(Door::Close), transition: Some(transition), ..Effects::default() }
    }
}
