//! What silence is worth on a port whose link has come up.
//!
//! A switch port lets nothing through at first: 30 seconds where a spanning tree is spoken, a few where links are joined to
//! one. Who takes the role in that time takes it from a master that lives, and what it sends teaches the switch a way that
//! leads nowhere. So silence counts from when a frame was heard that came through the port, or a bound is over.

use core::time::Duration;

use super::{
    Backup, Cause, Effects, Election, Fault, Master, Preemption, State, farewell::until_next_advert,
};
use crate::{lease::Lease, time::Time};

/// How long a port is waited for that speaks a spanning tree: twice its usual forward delay, and a second or two of its
/// hellos.
pub const SPANNING_TREE: Duration = Duration::from_secs(35);

/// What is known of the way to the other hosts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settling {
    /// Since when the link is up, or is looked at; `None` while it is down.
    pub since: Option<Time>,
    /// Whether it was seen to come up. If not, it may have been up for long.
    pub came_up: bool,
    /// When the first frame was heard since then that only a port which forwards lets through.
    pub forwarded: Option<Time>,
    /// Whether a frame of a spanning tree was heard since then.
    pub spanning_tree: bool,
    /// How long to wait at most, if that is configured. Otherwise it is Master_Down_Interval, or [`SPANNING_TREE`].
    pub limit: Option<Duration>,
}

impl Settling {
    /// A port that is known to forward.
    pub const SETTLED: Self = Self {
        since: Some(Time::BOOT),
        came_up: false,
        forwarded: Some(Time::BOOT),
        spanning_tree: false,
        limit: None,
    };

    /// When it is waited for no longer.
    fn over_at(&self, master_down: Duration) -> Time {
        let usual = if self.spanning_tree { SPANNING_TREE.max(master_down) } else { master_down };
        self.since.map_or(Time::NEVER, |since| since + self.limit.unwrap_or(usual))
    }

    /// Whether it is known to forward, or is waited for no longer.
    fn is_over(&self, now: Time, master_down: Duration) -> bool {
        self.forwarded.is_some() || now >= self.over_at(master_down)
    }
}

impl Election {
    /// Takes in what is known now.
    pub(super) fn settle(&mut self, now: Time, settling: Settling) -> Effects {
        let former = core::mem::replace(&mut self.settling, settling);
        match &mut self.state {
            State::Backup(backup) => {
                backup.held = false;
                Effects::default()
            }
            State::Master(master) => {
                let master = *master;
                self.settle_as_master(now, master, former)
            }
            State::Initialize(_) | State::Leaving { .. } | State::Stopped => Effects::default(),
        }
    }

    /// A master whose switch keeps the port shut is heard by nobody: it listens like who starts. One whose link is back says at
    /// once that it is there.
    fn settle_as_master(&mut self, now: Time, mut master: Master, former: Settling) -> Effects {
        let since = self.settling.since;
        if since.is_none() || master.was_silent(now) {
            return Effects::default();
        }
        if self.is_shut(now) {
            return self.listen_unsettled(now, Cause::PortBlocked);
        }
        let is_back = self.settling.came_up && since != former.since;
        if is_back {
            master.advert_at = now + self.settings.interval.span();
            self.state = State::Master(master);
        }
        Effects { send: is_back.then_some(self.settings.priority), ..Effects::default() }
    }

    /// Whether the switch is known to keep the port shut.
    fn is_shut(&self, now: Time) -> bool {
        self.settling.spanning_tree && !self.settling.is_over(now, self.master_down())
    }

    /// Whether even an owner waits before it says anything. At the start of the daemon, without a setting, it does not: the
    /// link may have been up for long.
    pub(super) fn owner_waits(&self, now: Time) -> bool {
        let Settling { came_up, limit, spanning_tree, .. } = self.settling;
        (came_up || spanning_tree || limit.is_some()) && !self.settling.is_over(now, self.master_down())
    }

    /// Listens until the port is known to forward. An owner has nothing else to wait for.
    pub(super) fn listen_unsettled(&mut self, now: Time, cause: Cause) -> Effects {
        let effects = self.listen(now, cause);
        if let State::Backup(backup) = &mut self.state
            && self.settings.owner()
        {
            backup.master_down_at = now;
            // Whoever is master meanwhile.
            backup.preemption = Preemption::Due;
        }
        effects
    }

    /// When the master of a backup counts as dead. What was heard of one since the link came up shows that the port forwards;
    /// without that, its silence counts from the first frame that does, and so does what others are waited for after a farewell.
    /// An owner need not listen any longer then.
    pub(super) fn down_at(&self, backup: &Backup) -> Time {
        let Settling { since, spanning_tree, limit, .. } = self.settling;
        let heard_since = since.is_some_and(|since| backup.heard_at >= since);
        let waits = spanning_tree || limit.is_some();
        if heard_since && (backup.master.is_some() || (backup.released && !waits)) {
            return backup.master_down_at;
        }
        let master_down = backup.interval.master_down(self.settings.version, self.settings.priority);
        let silence = if self.settings.owner() {
            Duration::ZERO
        } else if heard_since && backup.released {
            until_next_advert(backup.interval)
        } else {
            master_down
        };
        let over_at = self.settling.over_at(master_down);
        let settled_at = self.settling.forwarded.map_or(over_at, |at| over_at.min(at + silence));
        backup.master_down_at.max(settled_at)
    }

    /// Why a backup takes the role whose master counts as dead.
    pub(super) fn cause_of_takeover(&self, backup: &Backup) -> Cause {
        let preempts = backup.preemption == Preemption::Due && backup.master.is_none();
        if preempts && self.settings.owner() { Cause::Owner } else { backup.why_down(&self.settings) }
    }

    fn master_down(&self) -> Duration {
        self.settings.interval.master_down(self.settings.version, self.settings.priority)
    }

    /// What a fault of the link leaves to a master: nobody has heard of it, so nobody can have taken over before its lease is
    /// over.
    pub(super) fn interrupt(&mut self, fault: Fault) {
        let is_master = matches!(self.state, State::Master(_));
        if is_master {
            self.interrupted = if is_of_the_link(fault) { self.lease } else { Lease::NONE };
        }
    }

    /// Goes on as the master that it was, if its link was away for less than its lease, and may let it through.
    pub(super) fn resume(&mut self, now: Time) -> Option<Effects> {
        if !matches!(self.state, State::Initialize(_)) || self.settings.grouped {
            return None;
        }
        let lease = core::mem::replace(&mut self.interrupted, Lease::NONE);
        (lease.is_running(now) && !self.is_shut(now)).then(|| self.go_on(now, lease, Cause::Resumed))
    }
}

/// Whether nothing can be sent because of it.
pub(super) const fn is_of_the_link(fault: Fault) -> bool {
    match fault {
        Fault::InterfaceDown | Fault::InterfaceMissing => true,
        Fault::Unsuitable(_)
        | Fault::NoAddress
        | Fault::NoSource(_)
        | Fault::DataPlane
        | Fault::VirtualAddress
        | Fault::Check
        | Fault::Group => false,
    }
}
