//! Addresses of a router on other interfaces than that of its adverts: the data plane of such an interface holds the
//! router too, as a guest, in the slot of its VRID, and its door there opens and closes with the one at home. So the
//! kernel there is as silent when this host is not master (I3), and the virtual MAC is the same (I8).

use std::{io, sync::Arc};

use super::run::Loop;
use crate::clock::now;

impl Loop {
    /// Finds out on which other interfaces the router has addresses. What it leaves behind elsewhere is
    /// [settled](Self::settle) there.
    pub(super) fn settle_guests(&mut self, index: usize) {
        self.unsettle(index);
        let Some(router) = self.routers.get(index) else { return };
        let home = router.interface;
        let mut guests = Vec::new();
        let belongings = Arc::clone(&router.belongings);
        for place in belongings.places.iter().filter(|place| place.interface != "lo") {
            let position = self.position_of(&place.interface);
            if position != home && !guests.contains(&position) {
                guests.push(position);
            }
        }
        let Some(router) = self.routers.get_mut(index) else { return };
        let before = std::mem::replace(&mut router.guests, guests);
        let slot = router.slot;
        for interface in before {
            if let Some(interface) = self.interfaces.get_mut(interface) {
                interface.guests.remove(&slot);
            }
        }
        self.index_guests(index);
        self.unsettle(index);
    }

    /// After the router has moved in the list, or has come to other interfaces.
    pub(super) fn index_guests(&mut self, index: usize) {
        let Some(router) = self.routers.get(index) else { return };
        for position in &router.guests {
            if let Some(interface) = self.interfaces.get_mut(*position) {
                interface.guests.insert(router.slot, index);
            }
        }
    }

    /// Makes a router known to every data plane that is concerned and attached. Its addresses follow when the tables
    /// are [settled](Self::settle).
    pub(super) fn install(&mut self, index: usize) {
        self.unsettle(index);
        let Some(router) = self.routers.get(index) else { return };
        for position in router.stations().collect::<Vec<_>>() {
            if let Err(error) = self.install_on(position, index)
                && let Some(router) = self.routers.get(index)
            {
                tracing::error!(router = %router.config.name, %error, "the data plane does not take the router");
            }
        }
    }

    fn install_on(&mut self, position: usize, index: usize) -> io::Result<()> {
        let (Some(router), Some(interface)) =
            (self.routers.get_mut(index), self.interfaces.get_mut(position))
        else {
            return Ok(());
        };
        let guest = position != router.interface;
        // Slot and MAC address are those of a router at home here.
        if guest && interface.houses(router.slot) {
            return Ok(());
        }
        let Some(link) = &interface.link else { return Ok(()) };
        if !guest {
            router.set_interface_mac(link.mac);
        }
        let mac = router.mac_on(link.mac);
        let Some(port) = interface.port.as_mut() else { return Ok(()) };
        if router.uses_vmac() {
            port.socket.accept(mac)?;
        }
        port.install(router, mac, guest)?;
        // The door here opens and closes with that at home, for which an advert has left.
        let lease = router.election.lease();
        if guest && lease.until > now() && router.held().is_some() {
            port.tables.open(router.slot, lease, now());
        }
        Ok(())
    }
}
