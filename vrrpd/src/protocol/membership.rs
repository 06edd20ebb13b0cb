//! Which routers there are and which of them can take part: what changes when an interface, a data plane or the
//! configuration does.

use std::{collections::BTreeSet, net::IpAddr, sync::Arc};

use vrrp_common::{
    abi,
    election::{Fault, Input, StateName},
    time::Time,
    types::Mac,
};

use super::{Request, RouterKey, Trackings, effects::source, port::Interface, router::Router, run::Loop};
use crate::clock::now;
use vrrp_config::Config;

impl Loop {
    pub(super) fn add_router(&mut self, config: Arc<vrrp_config::Router>) {
        let position = self.position_of(&config.interface);
        let tracking = self.tracking_of(&config);
        let mut router = Router::new(config, tracking, position);
        if let Some(input) = router.join(self.is_grouped(router.key())) {
            // It has not started: there are no effects.
            router.election.handle(now(), input);
        }
        let (key, index) = (router.key(), self.routers.len());
        self.routers.push(router);
        self.index_slot(key, Some(index));
        self.settle_guests(index);
        self.install(index);
        self.revisit(index);
    }

    /// Where the interface of that name is in the list: at its end if it was not there.
    pub(super) fn position_of(&mut self, name: &str) -> usize {
        if let Some(position) = self.positions.get(name) {
            return *position;
        }
        self.interfaces.push(Interface::new(name.to_owned()));
        self.positions.insert(name.to_owned(), self.interfaces.len() - 1);
        self.interfaces.len() - 1
    }

    /// After routers have moved in the list.
    fn index_slots(&mut self) {
        for interface in &mut self.interfaces {
            interface.by_slot.fill(None);
            interface.guests.clear();
        }
        (0..self.routers.len()).for_each(|index| self.index_guests(index));
        let keys: Vec<_> = self.routers.iter().map(Router::key).collect();
        keys.into_iter().enumerate().for_each(|(index, key)| self.index_slot(key, Some(index)));
    }

    fn index_slot(&mut self, key: RouterKey, index: Option<usize>) {
        let by_slot = self.interfaces.get_mut(key.interface).map(|interface| &mut interface.by_slot);
        if let Some(entry) = by_slot.and_then(|by_slot| by_slot.get_mut(key.slot as usize)) {
            *entry = index;
        }
    }

    /// Where the router is in the list.
    pub(super) fn find(&self, key: RouterKey) -> Option<usize> {
        *self.interfaces.get(key.interface)?.by_slot.get(key.slot as usize)?
    }

    /// The same, also of one that only has addresses on the key's interface.
    pub(super) fn find_or_guest(&self, key: RouterKey) -> Option<usize> {
        self.find(key).or_else(|| self.interfaces.get(key.interface)?.guests.get(&key.slot).copied())
    }

    /// Makes the routers that are at home on an interface known to their data planes.
    pub(super) fn install_at(&mut self, position: usize) {
        for index in 0..self.routers.len() {
            if self.routers.get(index).is_some_and(|router| router.interface == position) {
                self.install(index);
            }
        }
    }

    pub(super) fn revisit_interface(&mut self, position: usize) {
        for index in 0..self.routers.len() {
            let Some(router) = self.routers.get(index) else { return };
            if router.guests.contains(&position) {
                self.install(index);
                self.revisit(index);
            } else if router.interface == position {
                self.revisit(index);
            }
        }
    }

    /// Starts a router that can take part now, faults one that cannot, and hands on a changed source address.
    pub(super) fn revisit(&mut self, index: usize) {
        let at = now();
        let Some(router) = self.routers.get(index) else { return };
        if router.retired || at < router.blocked_until {
            return;
        }
        let (address, mac) = match self.readiness(index) {
            None => return,
            Some(Ok(ready)) => ready,
            Some(Err(fault)) => return self.feed(index, at, at, Input::Fault(fault), None),
        };
        let Some(interface) = self.interfaces.get(router.interface) else { return };
        let running =
            interface.port.as_ref().and_then(|port| port.tables.router(router.slot).running_lease(at));
        if source(router) != Some(address) || router.interface_mac() != mac {
            let Some(router) = self.routers.get_mut(index) else { return };
            let input = router.set_source(address, mac);
            self.feed(index, at, at, input, None);
            self.install(index);
        }
        let Some(router) = self.routers.get(index) else { return };
        if router.tracking.faults().next().is_some() {
            return self.feed(index, at, at, Input::Fault(Fault::Check), None);
        }
        if self.kept_out(index, at) {
            return self.feed(index, at, at, Input::Fault(Fault::Group), None);
        }
        self.settle_router(index);
        let Some(router) = self.routers.get(index) else { return };
        if let Some(input) = router.starting(running).filter(|_| !self.is_held_back(router, running)) {
            self.feed(index, at, at, input, None);
        }
    }

    /// Takes which of the configured sources of adverts this host has now.
    pub(super) fn take_sources(&mut self, sources: BTreeSet<IpAddr>) {
        self.sources = sources;
        for index in 0..self.routers.len() {
            if self.routers.get(index).is_some_and(|router| router.config.source().is_some()) {
                self.revisit(index);
            }
        }
    }

    /// From which address the router can take part, as far as its interfaces go. `None` while those are not known.
    fn readiness(&self, index: usize) -> Option<Result<(IpAddr, Mac), Fault>> {
        let router = self.routers.get(index)?;
        let interface = self.interfaces.get(router.interface)?;
        let mut guests = router.guests.iter().filter_map(|position| self.interfaces.get(*position));
        if !interface.known || guests.clone().any(|guest| !guest.known) {
            return None;
        }
        let ready = guests.try_for_each(|guest| guest.guest_readiness(router));
        Some(ready.and_then(|()| interface.readiness(router, &self.sources)))
    }

    /// Whether something of the router's own keeps it out. `None` while that is not known.
    pub(super) fn own_fault(&self, index: usize, at: Time) -> Option<Result<(), Fault>> {
        let router = self.routers.get(index)?;
        if at < router.blocked_until {
            return Some(Err(Fault::VirtualAddress));
        }
        if let Err(fault) = self.readiness(index)? {
            return Some(Err(fault));
        }
        if router.tracking.faults().next().is_some() {
            return Some(Err(Fault::Check));
        }
        let waits = router.election.name() == StateName::Init && self.is_held_back(router, None);
        (!waits).then_some(Ok(()))
    }

    /// Makes the running routers those of `config`. A router is the same if its interface, family and VRID are; what
    /// else has changed is changed in place and does not move the role (I9).
    pub(super) fn reload(&mut self, config: Config, trackings: Trackings) {
        self.trackings = trackings;
        self.router_id = config.router_id;
        let keys: Vec<_> = config.routers.iter().map(|router| self.key_of(router)).collect();
        let wanted: BTreeSet<_> = keys.iter().copied().collect();
        let at = now();
        for index in 0..self.routers.len() {
            let Some(router) = self.routers.get_mut(index) else { break };
            if !wanted.contains(&router.key()) {
                router.retired = true;
                self.feed(index, at, at, Input::Stop, None);
            }
        }
        // Before a new member could take the role by itself.
        let groups = config.sync_groups;
        self.regroup(&groups, &keys, at);
        for (key, new) in keys.iter().copied().zip(config.routers) {
            match self.find(key) {
                Some(index) => self.reconfigure(index, new),
                None => self.add_router(new),
            }
        }
    }

    pub(super) fn key_of(&mut self, router: &vrrp_config::Router) -> RouterKey {
        let interface = self.position_of(&router.interface);
        RouterKey { interface, slot: abi::slot(router.family, router.vrid) }
    }

    fn reconfigure(&mut self, index: usize, new: Arc<vrrp_config::Router>) {
        let at = now();
        let tracking = self.tracking_of(&new);
        let Some(router) = self.routers.get_mut(index) else { return };
        if router.config == new && router.tracking == tracking && !router.retired {
            return;
        }
        let before = Arc::clone(&router.belongings);
        let revived = std::mem::take(&mut router.retired);
        let input = router.reconfigure(new, tracking);
        let master = router.election.name() == StateName::Master;
        tracing::info!(router = %router.config.name, revived, "reconfigured");
        if master && router.belongings.adds_addresses_to(&before) {
            router.announcements.start(at);
        }
        self.settle_guests(index);
        self.install(index);
        self.feed(index, at, at, input, None);
        self.settle_router(index);
        self.revisit(index);
    }

    /// Lets routers begin anew that were put back into the configuration while they left.
    pub(super) fn revive(&mut self) {
        if self.stopping {
            return;
        }
        for index in 0..self.routers.len() {
            let Some(router) = self.routers.get_mut(index) else { return };
            if router.election.name() == StateName::Stopped && !router.retired {
                router.begin_anew();
                self.install(index);
                self.revisit(index);
            }
        }
    }

    /// Forgets routers that have stopped for good, once the supervisor knows that they have nothing any more. Their
    /// addresses linger until the kernel has none of them; at the very end the supervisor sees to that.
    pub(super) fn bury(&mut self) {
        if self.tell_again_at != Time::NEVER {
            return;
        }
        let stopped = |router: &Router| router.election.name() == StateName::Stopped;
        let buried: Vec<_> =
            (0..self.routers.len()).filter(|index| self.routers.get(*index).is_some_and(stopped)).collect();
        if !buried.is_empty() {
            buried.into_iter().for_each(|index| self.unsettle(index));
            self.routers.retain(|router| !stopped(router));
            self.index_slots();
            self.install_guests();
        }
        if !self.stopping {
            self.settle();
            self.offer_vacant();
        }
    }

    /// A guest may have waited for the slot of a router that is gone.
    fn install_guests(&mut self) {
        for index in 0..self.routers.len() {
            if self.routers.get(index).is_some_and(|router| !router.guests.is_empty()) {
                self.install(index);
            }
        }
    }

    /// Says which data planes nobody uses. They are used again if a router comes before they are taken away.
    fn offer_vacant(&mut self) {
        let used: BTreeSet<_> = self.routers.iter().flat_map(Router::stations).collect();
        for position in 0..self.interfaces.len() {
            let Some(interface) = self.interfaces.get_mut(position) else { return };
            let vacant =
                interface.port.is_some() && interface.guarded.is_empty() && !used.contains(&position);
            if !vacant {
                interface.offered = false;
                continue;
            }
            let name = interface.name.clone();
            if !std::mem::replace(&mut interface.offered, true)
                && !self.request(Request::Vacant { interface: name })
                && let Some(interface) = self.interfaces.get_mut(position)
            {
                interface.offered = false;
            }
        }
    }
}
