//! The port of the switch that a host is on, as far as a slow one goes: it comes up, speaks a spanning tree, and lets nothing
//! through for a while.

use vrrp_common::{election::Settling, time::Time};

/// The port of one host.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Port {
    /// Whether it lets nothing through.
    pub(crate) shut: bool,
    /// What a daemon on it knows of that.
    pub(crate) settling: Settling,
}

/// The link is down.
pub(crate) const DOWN: Settling =
    Settling { since: None, came_up: false, forwarded: None, spanning_tree: false, limit: None };

impl Port {
    pub(crate) const FORWARDS: Self = Self { shut: false, settling: Settling::SETTLED };

    pub(crate) fn is_down(&self) -> bool {
        self.settling.since.is_none()
    }

    /// A daemon that starts cannot know since when the link is up, nor what was heard on it before. One that goes on with a lease
    /// takes it for one that forwards.
    pub(crate) fn restart(&mut self, now: Time, leased: bool) {
        if self.is_down() {
            return;
        }
        self.settling = if leased { Settling::SETTLED } else { Settling { since: Some(now), ..DOWN } };
    }

    /// Something has come through. Whether that is new.
    pub(crate) fn let_through(&mut self, now: Time) -> bool {
        let new = self.settling.forwarded.is_none() && !self.is_down();
        if new {
            self.settling.forwarded = Some(now);
        }
        new
    }
}
