//! Which routers there are and which of them can take part: what changes when an interface, a data plane or the
//! configuration does.

use std::{
    collections::{BTreeSet, HashSet},
    net::IpAddr,
    sync::Arc,
};

use vrrp_common::{
    abi,
    election::{Fault, Input, StateName},
    time::Time,
    types::Mac,
};

use super::{Request, RouterKey, Trackings, effects::source, port::Interface, router::Router, run::Loop};
use crate::{
    clock::now,
    config::{self, Config},
};

impl Loop {
    pub(super) fn add_router(&mut self, config: config::Router) {
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
        self.inherit_slot(key);
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

    /// Asks for the removal of every address that an earlier daemon left in the data plane of this interface, and maybe
    /// in the kernel, and that nobody has configured now. They are guarded until the kernel has none of them (I3).
    pub(super) fn inherit(&mut self, position: usize) {
        let Some(interface) = self.interfaces.get_mut(position) else { return };
        interface.abandoned.clear();
        let slots: Vec<_> = interface.port.iter().flat_map(|port| port.tables.configured_slots()).collect();
        slots.into_iter().for_each(|slot| self.inherit_slot(RouterKey { interface: position, slot }));
    }

    fn inherit_slot(&mut self, key: RouterKey) {
        let index = self.find_or_guest(key);
        let Some(interface) = self.interfaces.get_mut(key.interface) else { return };
        let Some(port) = interface.port.as_mut() else { return };
        let mut addresses: Vec<_> = port.tables.vips(key.slot).collect();
        if let Some(router) = index.and_then(|index| self.routers.get_mut(index)) {
            interface.abandoned.remove(&key.slot);
            let moving: HashSet<_> = router.moving().collect();
            addresses.retain(|address| !moving.contains(address));
            if addresses.is_empty() {
                return;
            }
            router.lingering.extend(&addresses);
            router.removals += 1;
        } else {
            port.tables.close(key.slot, now());
            interface.abandoned.insert(key.slot);
        }
        tracing::info!(
            interface = %interface.name, slot = key.slot, ?addresses,
            "an earlier daemon's addresses are not configured any more; removing them"
        );
        let interface = interface.name.clone();
        self.request(Request::Abandoned { router: key, interface, addresses });
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
        if let Some(input) = router.starting(running).filter(|_| !router.waits_for_a_check(running)) {
            self.feed(index, at, at, input, None);
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
        let ready = guests.try_for_each(Interface::guest_readiness);
        Some(ready.and_then(|()| interface.readiness(router)))
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
        let waits = router.election.name() == StateName::Init && router.waits_for_a_check(None);
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

    pub(super) fn key_of(&mut self, router: &config::Router) -> RouterKey {
        let interface = self.position_of(&router.interface);
        RouterKey { interface, slot: abi::slot(router.family, router.vrid) }
    }

    fn reconfigure(&mut self, index: usize, new: config::Router) {
        let at = now();
        let tracking = self.tracking_of(&new);
        let Some(router) = self.routers.get_mut(index) else { return };
        if router.config == new && router.tracking == tracking && !router.retired {
            return;
        }
        let before = Arc::clone(&router.belongings);
        let revived = std::mem::take(&mut router.retired);
        let input = router.reconfigure(new, tracking);
        let after = Arc::clone(&router.belongings);
        let master = router.election.name() == StateName::Master;
        let gone = before.without(&after);
        router.lingering.extend(gone.places.iter().map(|place| place.address.address));
        let new_addresses = !after.without(&before).places.is_empty();
        tracing::info!(router = %router.config.name, revived, "reconfigured");
        if master && new_addresses {
            router.announcements.start(at);
        }
        self.settle_guests(index);
        self.install(index);
        self.feed(index, at, at, input, None);
        if !gone.is_empty() {
            self.request_belongings(index, gone.into(), false);
        }
        if master {
            self.request_belongings(index, after, true);
        }
        self.revisit(index);
    }

    /// The kernel has no address any more that is not configured: the data plane need not guard it.
    pub(super) fn addresses_gone(&mut self, keys: &[RouterKey]) {
        keys.iter().for_each(|key| self.addresses_of_one_gone(*key));
        // A data plane may have been kept for them alone.
        if !self.stopping {
            self.vacate();
        }
    }

    fn addresses_of_one_gone(&mut self, key: RouterKey) {
        let Some(index) = self.find_or_guest(key) else { return self.forget_abandoned(key) };
        let Some(router) = self.routers.get_mut(index) else { return };
        router.removals = router.removals.saturating_sub(1);
        if router.removals == 0 && !std::mem::take(&mut router.lingering).is_empty() {
            self.settle_guests(index);
            self.install(index);
        }
    }

    fn forget_abandoned(&mut self, key: RouterKey) {
        let Some(interface) = self.interfaces.get_mut(key.interface) else { return };
        if !interface.abandoned.remove(&key.slot) {
            return;
        }
        let removed = interface.port.as_mut().map_or(Ok(()), |port| port.tables.remove(key.slot));
        if let Err(error) = removed {
            tracing::error!(interface = %interface.name, slot = key.slot, %error, "an earlier daemon's router stays");
        }
    }

    /// Forgets routers that have stopped, for good or because they are no longer wanted. Those are guarded until the
    /// kernel has none of their addresses; at the very end the supervisor sees to that.
    pub(super) fn bury(&mut self) {
        if self.tell_again_at != Time::NEVER {
            return;
        }
        let stopping = self.stopping;
        let stopped = |router: &Router| {
            router.election.name() == StateName::Stopped
                && (stopping || (router.retired && router.removals == 0))
        };
        if !self.routers.iter().any(stopped) {
            return;
        }
        for index in 0..self.routers.len() {
            let Some(router) = self.routers.get(index).filter(|router| stopped(router) && router.retired)
            else {
                continue;
            };
            let slot = router.slot;
            for interface in router.stations().collect::<Vec<_>>() {
                self.remove_from(RouterKey { interface, slot }, index);
            }
        }
        self.routers.retain(|router| !stopped(router));
        self.index_slots();
        if !self.stopping {
            self.vacate();
        }
    }

    /// Lets go of data planes that no router uses.
    fn vacate(&mut self) {
        let used: BTreeSet<_> = self.routers.iter().flat_map(Router::stations).collect();
        for (position, interface) in self.interfaces.iter_mut().enumerate() {
            let vacant = interface.abandoned.is_empty() && !used.contains(&position);
            if vacant && interface.port.take().is_some() {
                let request = Request::Vacant { interface: interface.name.clone() };
                if let Err(error) = self.requests.try_send(request) {
                    tracing::error!(%error, "the supervisor does not keep up; a data plane stays attached");
                }
            }
        }
    }
}
