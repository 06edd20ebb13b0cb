//! Addresses of a router on other interfaces than that of its adverts: the data plane of such an interface holds the
//! router too, as a guest, in the slot of its VRID, and its door there opens and closes with the one at home. So the
//! kernel there is as silent when this host is not master (I3), and the virtual MAC is the same (I8).

use std::{io, sync::Arc};

use super::{RouterKey, run::Loop};

impl Loop {
    /// Finds out on which other interfaces the router has addresses, or may still have some that are no longer
    /// configured, and takes it out of the data planes of the rest.
    pub(super) fn settle_guests(&mut self, index: usize) {
        let Some(router) = self.routers.get(index) else { return };
        let home = router.interface;
        let mut guests = if router.lingering.is_empty() { Vec::new() } else { router.guests.clone() };
        let belongings = Arc::clone(&router.belongings);
        for place in belongings.places.iter().filter(|place| place.interface != "lo") {
            let position = self.position_of(&place.interface);
            if position != home && !guests.contains(&position) {
                guests.push(position);
            }
        }
        let Some(router) = self.routers.get_mut(index) else { return };
        let before = std::mem::replace(&mut router.guests, guests);
        let (slot, after) = (router.slot, &router.guests);
        let left: Vec<_> = before.into_iter().filter(|position| !after.contains(position)).collect();
        for interface in left {
            self.remove_from(RouterKey { interface, slot }, index);
            self.interfaces.get_mut(interface).map(|interface| interface.guests.remove(&slot));
        }
        self.index_guests(index);
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

    /// Makes a router known to every data plane that is concerned and attached.
    pub(super) fn install(&mut self, index: usize) {
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
        if router.config.use_vmac {
            port.socket.accept(mac)?;
        }
        port.install(router, mac, guest)
    }

    /// Takes the router at `index` out of the data plane of this interface.
    pub(super) fn remove_from(&mut self, key: RouterKey, index: usize) {
        let Some(router) = self.routers.get(index) else { return };
        let Some(interface) = self.interfaces.get_mut(key.interface) else { return };
        if interface.by_slot.get(key.slot as usize).copied().flatten().is_some_and(|home| home != index) {
            return;
        }
        let mac = router.mac_on(interface.link.as_ref().map(|link| link.mac).unwrap_or_default());
        let Some(port) = interface.port.as_mut() else { return };
        if let Err(error) = port.tables.remove(key.slot) {
            tracing::error!(router = %router.config.name, %error, "the data plane keeps the router");
        }
        if router.config.use_vmac
            && let Err(error) = port.socket.refuse(mac)
        {
            tracing::warn!(router = %router.config.name, %error, "the filter for the virtual MAC stays");
        }
    }
}
