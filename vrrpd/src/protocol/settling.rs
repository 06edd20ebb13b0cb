//! Links that come up, and what is heard on them since: what silence is worth is for the elections to say.

use std::time::Duration;

use vrrp_common::{
    election::{Input, Settling},
    lease::Lease,
    time::Time,
};
use vrrp_dataplane::Seen;

use super::{Link, port::Interface, router::Router, run::Loop};
use crate::clock::now;

/// The way from an interface to other hosts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Uplink {
    /// Since when the link is up, or was first looked at; `None` while it is down, or nothing is known.
    since: Option<Time>,
    /// Whether it was seen to come up.
    came_up: bool,
    /// What was heard since.
    seen: Seen,
}

impl Uplink {
    const DOWN: Self = Self { since: None, came_up: false, seen: Seen { forwarded: None, bpdu: None } };

    /// An earlier daemon was master here a moment ago, or this one has heard what came through.
    const SETTLED: Self = Self {
        since: Some(Time::BOOT),
        came_up: false,
        seen: Seen { forwarded: Some(Time::BOOT), bpdu: None },
    };

    /// What a router at home here is to know. One that may go on without the link does not wait for it, nor stop because a switch
    /// keeps a port shut.
    fn settling(self, router: &Router) -> Settling {
        let limit = router.config.link_settle;
        match self.since {
            None if router.config.dont_track_primary => Settling { limit, ..Settling::SETTLED },
            since => Settling {
                since: since.unwrap_or(Time::NEVER),
                came_up: self.came_up,
                forwarded: self.seen.forwarded,
                spanning_tree: self.seen.bpdu.is_some() && !router.config.dont_track_primary,
                limit,
            },
        }
    }
}

impl Default for Uplink {
    fn default() -> Self {
        Self::DOWN
    }
}

impl Interface {
    /// The data plane is another. One with a master in it that an earlier daemon has left is known to let frames through.
    pub(super) fn watch_anew(&mut self) {
        let at = now();
        let Some(port) = &mut self.port else { return };
        let is_master = |slot: u32| port.tables.router(slot).running_lease(at).is_some();
        if self.uplink == Uplink::default() && port.tables.configured_slots().any(is_master) {
            self.uplink = Uplink::SETTLED;
        }
        if self.uplink.seen.forwarded.is_some() {
            port.tables.watch().stop();
        } else {
            port.tables.watch().start();
        }
    }

    /// The link is like this from now on. While it is down what comes first is waited for already; one that has gone and come
    /// back unseen is looked at anew.
    pub(super) fn follow_link(&mut self, link: Option<&Link>) {
        let ups = |link: Option<&Link>| link.filter(|link| link.carrier).map(|link| link.carrier_ups);
        let (former, ups) = (ups(self.link.as_ref()), ups(link));
        if self.known && former == ups {
            return;
        }
        match ups {
            None => self.look_anew(Uplink::DOWN),
            Some(_) if !self.known && self.uplink == Uplink::SETTLED => {}
            Some(_) if !self.known || former.is_some() => {
                let (since, came_up) = (Some(now()), self.known);
                self.look_anew(Uplink { since, came_up, ..Uplink::DOWN });
            }
            Some(_) => (self.uplink.since, self.uplink.came_up) = (Some(now()), true),
        }
    }

    fn look_anew(&mut self, uplink: Uplink) {
        self.uplink = uplink;
        if let Some(port) = &mut self.port {
            port.tables.watch().start();
        }
    }

    /// Whether something was heard that was not known.
    fn look_at_uplink(&mut self) -> bool {
        let Some(port) = self.port.as_mut().filter(|_| self.uplink.seen.forwarded.is_none()) else {
            return false;
        };
        let Seen { forwarded, bpdu } = port.tables.watch().seen();
        if forwarded.is_some() {
            port.tables.watch().stop();
        }
        let seen = Seen { forwarded, bpdu: self.uplink.seen.bpdu.or(bpdu) };
        let former = std::mem::replace(&mut self.uplink.seen, seen);
        let is_new = seen != former;
        if is_new && seen.bpdu.is_some() {
            let forwards = forwarded.is_some();
            tracing::info!(interface = %self.name, forwards, "the switch speaks a spanning tree, which lets nothing through at first");
        }
        is_new
    }
}

/// When routers begin to take part, if that is later (`vrrp_startup_delay`).
pub(super) fn starts_at(delay: Duration) -> Option<Time> {
    let starts_at = (!delay.is_zero()).then(|| now() + delay)?;
    tracing::info!(?delay, "no router takes part yet (vrrp_startup_delay)");
    Some(starts_at)
}

impl Loop {
    /// Lets the routers take part when it is time.
    pub(super) fn start_at(&mut self, at: Time) {
        if self.starts_at.is_none_or(|starts_at| at < starts_at) {
            return;
        }
        self.starts_at = None;
        (0..self.routers.len()).for_each(|index| self.revisit(index));
    }

    /// Whether a router stays out of the election for a while. One that goes on with the lease of an earlier daemon does not: it
    /// was well a moment ago, and waiting would cost it the role (I9).
    pub(super) fn is_held_back(&self, router: &Router, running: Option<Lease>) -> bool {
        running.is_none() && (self.starts_at.is_some() || router.waits_for_a_check())
    }

    /// Tells the routers at home on each interface what has been heard there since its link came up.
    pub(super) fn look_at_uplinks(&mut self) {
        for position in 0..self.interfaces.len() {
            if self.interfaces.get_mut(position).is_some_and(Interface::look_at_uplink) {
                self.settle_at(position);
            }
        }
    }

    pub(super) fn settle_at(&mut self, position: usize) {
        for index in 0..self.routers.len() {
            if self.routers.get(index).is_some_and(|router| router.interface == position) {
                self.settle_router(index);
            }
        }
    }

    /// Tells a router what is known of its way to others, if it does not know it yet.
    pub(super) fn settle_router(&mut self, index: usize) {
        let at = now();
        let Some(router) = self.routers.get(index) else { return };
        let Some(interface) = self.interfaces.get(router.interface) else { return };
        let settling = interface.uplink.settling(router);
        if *router.election.settling() != settling {
            self.feed(index, at, at, Input::Settle(settling), None);
        }
    }
}
