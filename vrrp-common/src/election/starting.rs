//! The beginning of a router's part (RFC 9568 §6.4.1), and its beginning anew.

use super::{
    Backup, Cause, Effects, Election, Expect, Master, Preemption, Probe, Settings, State, Superiors,
};
use crate::{lease::Lease, time::Time};

impl Election {
    /// Starts the router (RFC 9568 §6.4.1). In a group even an owner waits for the others.
    pub(super) fn start(&mut self, now: Time) -> Effects {
        if let Some(effects) = self.resume(now) {
            return effects;
        }
        if !matches!(self.state, State::Initialize(_)) || !self.settings.owner() || self.settings.grouped {
            return self.start_listening(now);
        }
        self.since = Some(now);
        if self.owner_waits(now) {
            return self.listen_unsettled(now, Cause::Started);
        }
        self.become_master(now, Cause::Owner)
    }

    /// Starts the router as one that listens, an owner too.
    pub(super) fn start_listening(&mut self, now: Time) -> Effects {
        if let Some(effects) = self.resume(now) {
            return effects;
        }
        if !matches!(self.state, State::Initialize(_)) {
            return Effects::default();
        }
        self.since = Some(now);
        self.listen(now, Cause::Started)
    }

    /// Goes on with an earlier daemon's lease. One that is over, or that nobody can have granted, is worth nothing: the router
    /// starts like any other.
    pub(super) fn adopt(&mut self, now: Time, lease: Lease) -> Effects {
        if !matches!(self.state, State::Initialize(_)) || !lease.is_running(now) {
            return self.start(now);
        }
        self.go_on(now, lease, Cause::Adopted)
    }

    /// Goes on as the master that was granted this lease.
    pub(super) fn go_on(&mut self, now: Time, lease: Lease, cause: Cause) -> Effects {
        let effects = self.become_master(now, cause);
        self.lease = lease;
        // The earlier daemon's last advert counts, with the interval that it told, so that I6 holds across the change.
        self.since = lease.granted_at();
        let advert_at = now + self.settings.interval.span();
        self.state =
            State::Master(Master { silent_at: lease.silent_at(), changed: true, ..Master::until(advert_at) });
        effects
    }

    /// Listens first, and contends like anybody else: at the start, and after a silence as master.
    pub(super) fn listen(&mut self, now: Time, cause: Cause) -> Effects {
        let effects = self.become_backup(self.silent_backup(now), cause);
        Effects { expect: Some(Expect::Nothing), ..effects }
    }

    /// Makes a backup that has heard nobody since `at`.
    pub(super) fn silent_backup(&self, at: Time) -> Backup {
        let Settings { version, priority, interval, .. } = self.settings;
        Backup {
            master_down_at: at + interval.master_down(version, priority),
            heard_at: at,
            interval,
            master: None,
            superiors: Superiors::NONE,
            beside: None,
            rival: None,
            preemption: Preemption::Idle,
            released: false,
            held: false,
            yielded_to: None,
            probe: Probe::default(),
        }
    }
}
