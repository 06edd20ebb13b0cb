//! Secondary interfaces: those that carry addresses of a router and are not that of its adverts. The data plane of such an
//! interface holds the router too, as a visitor, in the slot of its VRID, and its door there opens and closes with the one at
//! home. So the kernel there is as silent when this host is not master (I3), and the virtual MAC is the same (I8).

use std::{io, sync::Arc};

use crate::{
    engine::Engine,
    outside::{Outside, Plane},
    port::{self, PortId},
    roster::RouterId,
};

impl<O: Outside> Engine<O> {
    /// Finds out on which other interfaces the router has addresses. What it leaves behind elsewhere is
    /// [settled](Self::settle) there.
    pub(crate) fn find_secondaries(&mut self, id: RouterId) {
        self.unsettle(id);
        let Some(router) = self.roster.get(id) else { return };
        let home = router.home;
        let mut secondaries = Vec::new();
        let resources = Arc::clone(&router.resources);
        for binding in resources.bindings.iter().filter(|binding| binding.interface != "lo") {
            let port = self.ports.named(&binding.interface);
            if port != home && !secondaries.contains(&port) {
                secondaries.push(port);
            }
        }
        let Some(router) = self.roster.get_mut(id) else { return };
        let before = std::mem::replace(&mut router.secondaries, secondaries.into());
        let slot = router.slot;
        for port in before {
            if let Some(port) = self.ports.get_mut(port) {
                port.visitors.remove(&slot);
            }
        }
        self.register_visitor(id);
        self.unsettle(id);
    }

    /// Makes the router the visitor of its slot on its secondary interfaces.
    pub(crate) fn register_visitor(&mut self, id: RouterId) {
        let Some(router) = self.roster.get(id) else { return };
        for port in &router.secondaries {
            if let Some(port) = self.ports.get_mut(*port) {
                port.visitors.insert(router.slot, id);
            }
        }
    }

    /// Makes a router known to every data plane that is concerned and attached. Its addresses follow when the tables
    /// are [settled](Self::settle).
    pub(crate) fn install(&mut self, id: RouterId) {
        self.unsettle(id);
        let Some(router) = self.roster.get(id) else { return };
        for port in router.stations().collect::<Vec<_>>() {
            if let Err(error) = self.install_on(port, id)
                && let Some(router) = self.roster.get(id)
            {
                tracing::error!(router = %router.config.name, %error, "the data plane does not take the router");
            }
        }
    }

    fn install_on(&mut self, port: PortId, id: RouterId) -> io::Result<()> {
        let now = self.outside.now();
        let (Some(router), Some(port)) = (self.roster.get_mut(id), self.ports.get_mut(port)) else {
            return Ok(());
        };
        let is_visitor =
            port.residents.get(router.slot as usize).is_none_or(|resident| *resident != Some(id));
        // Slot and MAC address are those of a router at home here.
        if is_visitor && port.has_resident(router.slot) {
            return Ok(());
        }
        let Some(link) = &port.link else { return Ok(()) };
        if !is_visitor {
            router.set_interface_mac(link.mac);
        }
        let mac = router.mac_on(link.mac);
        let Some(plane) = port.plane.as_mut() else { return Ok(()) };
        if router.uses_vmac() {
            plane.accept(mac)?;
        }
        port::install(plane, router, mac, is_visitor, now)?;
        // The door here opens and closes with that at home, for which an advert has left.
        let lease = router.election.lease();
        if is_visitor && lease.until > now && router.held().is_some() {
            plane.open(router.slot, lease, now);
        }
        Ok(())
    }
}
