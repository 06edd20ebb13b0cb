//! Which routers there are and which of them can take part: what changes when an interface or a data plane does.

use std::{collections::BTreeSet, net::IpAddr, sync::Arc};

use vrrp_common::{
    election::{Fault, Input, StateName},
    time::Time,
    types::Mac,
};

use crate::{
    Request,
    engine::Engine,
    outside::{Outside, Plane},
    port::PortId,
    roster::RouterId,
    router::VirtualRouter,
};

impl<O: Outside> Engine<O> {
    pub(crate) fn add_router(&mut self, config: Arc<vrrp_config::Router>) {
        let home = self.ports.named(&config.interface);
        let tracking = self.tracking_of(&config);
        let mut router = VirtualRouter::new(config, tracking, home, self.outside.wall());
        let key = router.key();
        if let Some(input) = router.join(self.is_grouped(key)) {
            // It has not started: there are no effects.
            let now = self.outside.now();
            self.outside.decide(key, &mut router.election, now, input);
        }
        let id = self.roster.add(router);
        self.ports.set_resident(key, Some(id));
        self.find_secondaries(id);
        self.install(id);
        self.revisit(id);
    }

    /// Makes the routers that are at home on an interface known to their data planes.
    pub(crate) fn install_at(&mut self, home: PortId) {
        for id in self.roster.ids().iter().copied() {
            if self.roster.get(id).is_some_and(|router| router.home == home) {
                self.install(id);
            }
        }
    }

    /// Looks anew at all routers that have to do with an interface.
    pub(crate) fn revisit_port(&mut self, port: PortId) {
        for id in self.roster.ids().iter().copied() {
            let Some(router) = self.roster.get(id) else { continue };
            if router.secondaries.contains(&port) {
                self.install(id);
                self.revisit(id);
            } else if router.home == port {
                self.revisit(id);
            }
        }
    }

    /// Starts a router that can take part now, faults one that cannot, and hands on a changed source address.
    pub(crate) fn revisit(&mut self, id: RouterId) {
        let at = self.outside.now();
        let Some(router) = self.roster.get(id) else { return };
        if router.retired || router.is_blocked(at) {
            return;
        }
        let (address, mac) = match self.readiness(id) {
            None => return,
            Some(Ok(ready)) => ready,
            Some(Err(fault)) => return self.feed(id, at, at, Input::Fault(fault), None),
        };
        let running = self.ports.plane(router.home).and_then(|plane| plane.running_lease(router.slot, at));
        if router.source() != Some(address) || router.interface_mac() != mac {
            let Some(router) = self.roster.get_mut(id) else { return };
            let input = router.set_source(address, mac);
            self.feed(id, at, at, input, None);
            self.install(id);
        }
        let Some(router) = self.roster.get(id) else { return };
        if router.tracking.faults().next().is_some() {
            return self.feed(id, at, at, Input::Fault(Fault::Check), None);
        }
        if self.kept_out(id, at) {
            return self.feed(id, at, at, Input::Fault(Fault::Group), None);
        }
        self.settle_router(id);
        let Some(router) = self.roster.get(id) else { return };
        if let Some(input) = router.starting(running).filter(|_| !self.is_held_back(router, running)) {
            self.feed(id, at, at, input, None);
        }
    }

    /// Takes which of the configured sources of adverts this host has now.
    pub(crate) fn take_sources(&mut self, sources: BTreeSet<IpAddr>) {
        self.sources = sources;
        for id in self.roster.ids().iter().copied() {
            if self.roster.get(id).is_some_and(|router| router.config.source().is_some()) {
                self.revisit(id);
            }
        }
    }

    /// From which address the router can take part, as far as its interfaces go. `None` while those are not known.
    fn readiness(&self, id: RouterId) -> Option<Result<(IpAddr, Mac), Fault>> {
        let router = self.roster.get(id)?;
        let home = self.ports.get(router.home)?;
        let mut secondaries = router.secondaries.iter().filter_map(|port| self.ports.get(*port));
        if !home.known || secondaries.clone().any(|port| !port.known) {
            return None;
        }
        let ready = secondaries.try_for_each(|port| port.readiness_for_visitor(router));
        Some(ready.and_then(|()| home.readiness(router, &self.sources)))
    }

    /// Whether something of the router's own keeps it out. `None` while that is not known.
    pub(crate) fn own_fault(&self, id: RouterId, at: Time) -> Option<Result<(), Fault>> {
        let router = self.roster.get(id)?;
        if router.is_blocked(at) {
            return Some(Err(Fault::VirtualAddress));
        }
        if let Err(fault) = self.readiness(id)? {
            return Some(Err(fault));
        }
        if router.tracking.faults().next().is_some() {
            return Some(Err(Fault::Check));
        }
        let waits = router.election.name() == StateName::Init && self.is_held_back(router, None);
        (!waits).then_some(Ok(()))
    }

    /// Lets routers begin anew that were put back into the configuration while they left.
    pub(crate) fn revive(&mut self) {
        if self.stopping {
            return;
        }
        for id in self.roster.ids().iter().copied() {
            let Some(router) = self.roster.get_mut(id) else { continue };
            if router.election.name() == StateName::Stopped && !router.retired {
                router.begin_anew();
                self.install(id);
                self.revisit(id);
            }
        }
    }

    /// Takes out routers that have stopped for good, once the supervisor knows that they have nothing any more. Their
    /// addresses stay behind the closed door until the kernel has none of them; at the very end the supervisor sees to that.
    pub(crate) fn remove_stopped(&mut self) {
        if self.supervisor.tell_again_at.is_some() {
            return;
        }
        let is_stopped = |router: &VirtualRouter| router.election.name() == StateName::Stopped;
        if self.roster.iter().any(is_stopped) {
            for router in self.roster.take_out(is_stopped) {
                self.leave_ports(&router);
            }
            self.install_visitors();
        }
        if !self.stopping {
            self.settle();
            self.offer_vacant();
        }
    }

    fn leave_ports(&mut self, router: &VirtualRouter) {
        self.ports.set_resident(router.key(), None);
        for id in router.stations() {
            let Some(port) = self.ports.get_mut(id) else { continue };
            port.unsettled = true;
            if id != router.home {
                port.visitors.remove(&router.slot);
            }
        }
    }

    /// A visitor may have waited for the slot of a router that is gone.
    fn install_visitors(&mut self) {
        for id in self.roster.ids().iter().copied() {
            if self.roster.get(id).is_some_and(|router| !router.secondaries.is_empty()) {
                self.register_visitor(id);
                self.install(id);
            }
        }
    }

    /// Says which data planes nobody uses. They are used again if a router comes before they are taken away.
    fn offer_vacant(&mut self) {
        for id in self.ports.ids() {
            let Some(port) = self.ports.get_mut(id) else { continue };
            let is_vacant = port.plane.is_some() && port.guarded.is_empty() && !port.is_used();
            let is_new = is_vacant && !port.offered;
            port.offered = is_vacant;
            if !is_new {
                continue;
            }
            let request = Request::Vacant { interface: port.name.clone() };
            let is_told = self.request(request);
            if let Some(port) = self.ports.get_mut(id) {
                port.offered = is_told;
            }
        }
    }
}
