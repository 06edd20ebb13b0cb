//! Links that come up, and what is heard on them since: what silence is worth is for the elections to say.

use std::time::Duration;

use vrrp_common::{
    abi::Seen,
    election::{Input, Settling},
    lease::Lease,
    time::Time,
};

use crate::{
    Link,
    engine::Engine,
    outside::{Outside, Plane},
    port::{Port, PortId},
    roster::RouterId,
    router::VirtualRouter,
};

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
    fn settling(self, router: &VirtualRouter) -> Settling {
        let limit = router.config.link_settle;
        match self.since {
            None if router.config.dont_track_primary => Settling { limit, ..Settling::SETTLED },
            since => Settling {
                since,
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

impl<P: Plane> Port<P> {
    /// The data plane is another. One with a master in it that an earlier daemon has left is known to let frames through.
    pub(crate) fn watch_anew(&mut self, now: Time) {
        let Some(plane) = &mut self.plane else { return };
        let is_master = |slot: u32| plane.running_lease(slot, now).is_some();
        if self.uplink == Uplink::default() && plane.configured_slots().any(is_master) {
            self.uplink = Uplink::SETTLED;
        }
        if self.uplink.seen.forwarded.is_some() {
            plane.unwatch();
        } else {
            plane.watch();
        }
    }

    /// The link is like this from now on. While it is down what comes first is waited for already; one that has gone and come
    /// back unseen is looked at anew.
    pub(crate) fn follow_link(&mut self, link: Option<&Link>, now: Time) {
        let ups = |link: Option<&Link>| link.filter(|link| link.carrier).map(|link| link.carrier_ups);
        let (former, ups) = (ups(self.link.as_ref()), ups(link));
        if self.known && former == ups {
            return;
        }
        match ups {
            None => self.look_anew(Uplink::DOWN),
            Some(_) if !self.known && self.uplink == Uplink::SETTLED => {}
            Some(_) if !self.known || former.is_some() => {
                let (since, came_up) = (Some(now), self.known);
                self.look_anew(Uplink { since, came_up, ..Uplink::DOWN });
            }
            Some(_) => (self.uplink.since, self.uplink.came_up) = (Some(now), true),
        }
    }

    /// A frame of a spanning tree that was seen, and nothing since, may have come after the change that is told of only now: it
    /// counts on, until something has come through.
    fn look_anew(&mut self, uplink: Uplink) {
        let unsettled = self.plane.as_ref().filter(|_| self.uplink.seen.forwarded.is_none());
        let seen = unsettled.map(Plane::seen).filter(|seen| seen.forwarded.is_none());
        self.uplink = uplink;
        self.uplink.seen.bpdu = seen.and_then(|seen| seen.bpdu);
        if let Some(plane) = &mut self.plane {
            plane.watch();
        }
    }

    /// Whether something was heard that was not known.
    fn look_at_uplink(&mut self) -> bool {
        let Some(plane) = self.plane.as_mut().filter(|_| self.uplink.seen.forwarded.is_none()) else {
            return false;
        };
        let Seen { forwarded, bpdu } = plane.seen();
        if forwarded.is_some() {
            plane.unwatch();
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
pub(crate) fn starts_at(now: Time, delay: Duration) -> Option<Time> {
    let starts_at = (!delay.is_zero()).then(|| now + delay)?;
    tracing::info!(?delay, "no router takes part yet (vrrp_startup_delay)");
    Some(starts_at)
}

impl<O: Outside> Engine<O> {
    /// Lets the routers take part when it is time.
    pub(crate) fn start_at(&mut self, at: Time) {
        if self.starts_at.is_none_or(|starts_at| at < starts_at) {
            return;
        }
        self.starts_at = None;
        self.roster.ids().iter().for_each(|id| self.revisit(*id));
    }

    /// Whether a router stays out of the election for a while. One that goes on with the lease of an earlier daemon does not: it
    /// was well a moment ago, and waiting would cost it the role (I9).
    pub(crate) fn is_held_back(&self, router: &VirtualRouter, running: Option<Lease>) -> bool {
        running.is_none() && (self.starts_at.is_some() || router.waits_for_a_check())
    }

    /// Tells the routers at home on each interface what has been heard there since its link came up.
    pub(crate) fn look_at_uplinks(&mut self) {
        for port in self.ports.ids() {
            if self.ports.get_mut(port).is_some_and(Port::look_at_uplink) {
                self.settle_at(port);
            }
        }
    }

    pub(crate) fn settle_at(&mut self, home: PortId) {
        for id in self.roster.ids().iter().copied() {
            if self.roster.get(id).is_some_and(|router| router.home == home) {
                self.settle_router(id);
            }
        }
    }

    /// Tells a router what is known of its way to others, if it does not know it yet.
    pub(crate) fn settle_router(&mut self, id: RouterId) {
        let at = self.outside.now();
        let Some(router) = self.roster.get(id) else { return };
        let Some(port) = self.ports.get(router.home) else { return };
        let settling = port.uplink.settling(router);
        if *router.election.settling() != settling {
            self.feed(id, at, at, Input::Settle(settling), None);
        }
    }
}
