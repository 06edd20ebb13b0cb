//! Which routers there are and which of them can take part: what changes when an interface, a data plane or the
//! configuration does.

use vrrp_common::{
    abi,
    election::{Input, State, StateName},
    time::Time,
};

use super::{
    Place, Request,
    effects::{places, source},
    port::Interface,
    router::Router,
    run::Loop,
};
use crate::{
    clock::now,
    config::{self, Config},
};

impl Loop {
    pub(super) fn add_router(&mut self, config: config::Router) {
        let position = self.interfaces.iter().position(|interface| interface.name == config.interface);
        let position = position.unwrap_or_else(|| {
            self.interfaces.push(Interface::new(config.interface.clone()));
            self.interfaces.len() - 1
        });
        self.routers.push(Router::new(config, position));
        let index = self.routers.len() - 1;
        self.index_slots();
        self.install(index);
        self.revisit(index);
    }

    fn index_slots(&mut self) {
        for interface in &mut self.interfaces {
            interface.by_slot.fill(None);
        }
        for (index, router) in self.routers.iter().enumerate() {
            let by_slot = self.interfaces.get_mut(router.interface).map(|interface| &mut interface.by_slot);
            if let Some(entry) = by_slot.and_then(|by_slot| by_slot.get_mut(router.slot as usize)) {
                *entry = Some(index);
            }
        }
    }

    /// Makes a router known to the data plane of its interface, if there is one.
    pub(super) fn install(&mut self, index: usize) {
        let Some(router) = self.routers.get_mut(index) else { return };
        let Some(interface) = self.interfaces.get_mut(router.interface) else { return };
        if let Some(link) = &interface.link {
            router.set_interface_mac(link.mac);
        }
        let Some(port) = interface.port.as_mut() else { return };
        let accepted = if router.config.use_vmac { port.socket.accept(router.mac()) } else { Ok(()) };
        if let Err(error) = accepted.and_then(|()| port.install(router)) {
            tracing::error!(router = %router.config.name, %error, "the data plane does not take the router");
        }
    }

    /// Takes out of the data plane what an earlier daemon left there and nobody has configured now.
    pub(super) fn retire_unknown_slots(&mut self, position: usize) {
        let Some(interface) = self.interfaces.get_mut(position) else { return };
        let Some(port) = interface.port.as_mut() else { return };
        let unknown = |slot: &u32| interface.by_slot.get(*slot as usize).is_none_or(Option::is_none);
        let unknown: Vec<_> = port.tables.configured_slots().filter(unknown).collect();
        for slot in unknown {
            if let Err(error) = port.tables.remove(slot) {
                tracing::error!(interface = %interface.name, slot, %error, "an earlier daemon's router stays");
            }
        }
    }

    pub(super) fn revisit_interface(&mut self, position: usize) {
        for index in 0..self.routers.len() {
            if self.routers.get(index).is_some_and(|router| router.interface == position) {
                self.revisit(index);
            }
        }
    }

    /// Starts a router that can take part now, faults one that cannot, and hands on a changed source address.
    pub(super) fn revisit(&mut self, index: usize) {
        let at = now();
        let Some(router) = self.routers.get_mut(index) else { return };
        if router.retired || at < router.blocked_until {
            return;
        }
        let Some(interface) = self.interfaces.get(router.interface) else { return };
        if !interface.known {
            return;
        }
        let (address, mac) = match interface.readiness(router) {
            Ok(ready) => ready,
            Err(fault) => return self.feed(index, at, at, Input::Fault(fault), None),
        };
        let lease_until =
            interface.port.as_ref().map(|port| port.tables.router(router.slot)).and_then(|entry| {
                (entry.role == abi::role::MASTER).then_some(Time::from_nanos(entry.lease_until_ns))
            });
        if source(router) != Some(address) || router.interface_mac() != mac {
            let input = router.set_source(address, mac);
            self.feed(index, at, at, input, None);
            self.install(index);
        }
        let Some(router) = self.routers.get(index) else { return };
        if matches!(router.election.state(), State::Initialize(_)) {
            let first = match router.config.start {
                config::Start::Master => Input::Start,
                config::Start::Backup => Input::Listen,
            };
            let input = lease_until.map_or(first, |lease_until| Input::Adopt { lease_until });
            self.feed(index, at, at, input, None);
        }
    }

    /// Makes the running routers those of `config`. A router is the same if its interface, family and VRID are; what
    /// else has changed is changed in place and does not move the role (I9).
    pub(super) fn reload(&mut self, config: Config) {
        self.router_id = config.router_id;
        let same = |a: &config::Router, b: &config::Router| {
            (&a.interface, a.family, a.vrid) == (&b.interface, b.family, b.vrid)
        };
        let at = now();
        for index in 0..self.routers.len() {
            let Some(router) = self.routers.get_mut(index) else { break };
            if !config.routers.iter().any(|new| same(new, &router.config)) {
                router.retired = true;
                self.feed(index, at, at, Input::Stop, None);
            }
        }
        for new in config.routers {
            match self.routers.iter().position(|router| same(&new, &router.config)) {
                Some(index) => self.reconfigure(index, new),
                None => self.add_router(new),
            }
        }
    }

    fn reconfigure(&mut self, index: usize, new: config::Router) {
        let at = now();
        let Some(router) = self.routers.get_mut(index) else { return };
        if router.config == new && !router.retired {
            return;
        }
        let before = places(router);
        let revived = std::mem::take(&mut router.retired);
        let input = router.reconfigure(new);
        let after = places(router);
        let master = router.election.name() == StateName::Master;
        let gone: Vec<Place> = before.iter().filter(|place| !after.contains(place)).cloned().collect();
        router.lingering.extend(gone.iter().map(|place| place.address.address));
        let new_addresses = after.iter().any(|place| !before.contains(place));
        tracing::info!(router = %router.config.name, revived, "reconfigured");
        if master && new_addresses {
            router.announcements.start(at);
        }
        self.install(index);
        self.feed(index, at, at, input, None);
        if !gone.is_empty() {
            self.request_addresses(index, gone.into(), false);
        }
        if master {
            self.request_addresses(index, after, true);
        }
        self.revisit(index);
    }

    /// The kernel has no address any more that is not configured: the data plane need not guard it.
    pub(super) fn addresses_gone(&mut self, name: &str) {
        let Some(index) = self.routers.iter().position(|router| router.config.name == name) else { return };
        let Some(router) = self.routers.get_mut(index) else { return };
        router.removals = router.removals.saturating_sub(1);
        if router.removals == 0 && !std::mem::take(&mut router.lingering).is_empty() {
            self.install(index);
        }
    }

    /// Forgets routers that have stopped, for good or because they are no longer wanted. Those are guarded until the
    /// kernel has none of their addresses; at the very end the supervisor sees to that.
    pub(super) fn bury(&mut self) {
        let stopping = self.stopping;
        let stopped = |router: &Router| {
            router.election.name() == StateName::Stopped
                && (stopping || (router.retired && router.removals == 0))
        };
        if !self.routers.iter().any(stopped) {
            return;
        }
        for router in self.routers.iter().filter(|router| stopped(router) && router.retired) {
            let port =
                self.interfaces.get_mut(router.interface).and_then(|interface| interface.port.as_mut());
            if let Some(port) = port {
                if let Err(error) = port.tables.remove(router.slot) {
                    tracing::error!(router = %router.config.name, %error, "the data plane keeps the router");
                }
                if router.config.use_vmac
                    && let Err(error) = port.socket.refuse(router.mac())
                {
                    tracing::warn!(router = %router.config.name, %error, "the filter for the virtual MAC stays");
                }
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
        for (position, interface) in self.interfaces.iter_mut().enumerate() {
            let vacant = !self.routers.iter().any(|router| router.interface == position);
            if vacant && interface.port.take().is_some() {
                let request = Request::Vacant { interface: interface.name.clone() };
                if let Err(error) = self.requests.try_send(request) {
                    tracing::error!(%error, "the supervisor does not keep up; a data plane stays attached");
                }
            }
        }
    }
}
