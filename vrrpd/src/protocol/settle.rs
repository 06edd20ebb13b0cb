//! What each data plane holds, made equal to what its routers say: addresses, slots, filters for virtual MAC addresses.
//!
//! By comparison and not by events: whatever has changed, and whatever an earlier daemon has left, the tables are held
//! against all routers of the interface. So an address that moves from one router to another is the new one's, whoever
//! was asked first; and one that no router has any more is guarded behind the [closed slot](abi::CLOSED_SLOT) until the
//! supervisor has seen that the kernel does not have it (I3).

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    io,
    net::IpAddr,
};

use vrrp_common::{abi, types::Mac};

use super::{
    Ticket,
    port::{Interface, OpenPort},
    router::Router,
    run::Loop,
};
use crate::clock::now;

impl Loop {
    /// Has the tables of every interface on which the router is, or was, looked at before this turn ends.
    pub(super) fn unsettle(&mut self, index: usize) {
        let Some(router) = self.routers.get(index) else { return };
        for position in router.stations() {
            if let Some(interface) = self.interfaces.get_mut(position) {
                interface.unsettled = true;
            }
        }
    }

    /// Settles all data planes about which something may have changed.
    pub(super) fn settle(&mut self) {
        for position in 0..self.interfaces.len() {
            let unsettled = self.interfaces.get_mut(position).map(|one| std::mem::take(&mut one.unsettled));
            if unsettled != Some(true) {
                continue;
            }
            let wanted = self.wanted_at(position);
            // Every address that comes to linger now is named by the same ticket.
            let ticket = self.ticket.next();
            let Some(interface) = self.interfaces.get_mut(position) else { continue };
            match interface.settle(&wanted, ticket) {
                Ok(false) => {}
                Ok(true) => self.ticket = ticket,
                Err(error) => {
                    tracing::error!(interface = %interface.name, %error, "the data plane does not take everything");
                    // What did linger before it failed is to be looked for all the same.
                    self.ticket = ticket;
                }
            }
        }
    }

    /// The supervisor has looked: of all that lingered up to `ticket` the kernel has nothing but `left`.
    pub(super) fn settled(&mut self, ticket: Ticket, left: &BTreeSet<(String, IpAddr)>) {
        for interface in &mut self.interfaces {
            let is_left = |address: &IpAddr| left.contains(&(interface.name.clone(), *address));
            interface.unsettled |= interface.guarded.confirm(ticket, is_left);
        }
    }

    /// What the tables of an interface are to hold for its routers. Where two of them claim the same, one that is
    /// configured goes before one that has been taken out and still hands over, and a router at home before a guest.
    fn wanted_at(&self, position: usize) -> Wanted {
        let mut wanted = Wanted::default();
        let Some(interface) = self.interfaces.get(position) else { return wanted };
        for retired in [false, true] {
            for router in self.routers.iter().filter(|router| router.retired == retired) {
                wanted.take(router, position, interface);
            }
        }
        wanted
    }
}

/// What the tables of one interface are to hold.
#[derive(Debug, Default)]
struct Wanted {
    addresses: HashMap<IpAddr, u32>,
    slots: BTreeSet<u32>,
    macs: BTreeMap<u32, Mac>,
}

impl Wanted {
    fn take(&mut self, router: &Router, position: usize, interface: &Interface) {
        if !router.stations().any(|station| station == position) {
            return;
        }
        // Slot and MAC address are those of a router at home here: until that one is gone the guest waits outside.
        let elsewhere = position != router.interface && interface.houses(router.slot);
        let slot = if elsewhere { abi::CLOSED_SLOT } else { router.slot };
        if !elsewhere {
            self.slots.insert(slot);
            if let Some(link) = interface.link.as_ref().filter(|_| router.config.use_vmac) {
                self.macs.entry(slot).or_insert_with(|| router.mac_on(link.mac));
            }
        }
        for address in router.moving() {
            self.addresses.entry(address).or_insert(slot);
        }
    }
}

impl Interface {
    /// Makes the tables hold what is wanted, and what lingers. Whether anything has come to linger with this ticket.
    fn settle(&mut self, wanted: &Wanted, ticket: Ticket) -> io::Result<bool> {
        let Self { name, port: Some(port), guarded, .. } = self else { return Ok(false) };
        let named: Vec<_> = port.tables.vips().map(|(address, _)| address).collect();
        let (addresses, new) = guarded.assign(&wanted.addresses, named.into_iter(), ticket);
        if !new.is_empty() {
            tracing::info!(interface = %name, addresses = ?new, "not configured any more; removing them");
        }
        let closed = addresses.values().any(|slot| *slot == abi::CLOSED_SLOT);
        if closed {
            port.tables.shut(abi::CLOSED_SLOT, now());
        }
        port.tables.assign(&addresses)?;
        port.retain(wanted, closed)?;
        Ok(!new.is_empty())
    }
}

impl OpenPort {
    /// Forgets routers and filters that are not wanted. No address is theirs any more.
    fn retain(&mut self, wanted: &Wanted, closed: bool) -> io::Result<()> {
        let keeps = |slot: u32| wanted.slots.contains(&slot) || closed && slot == abi::CLOSED_SLOT;
        let stale: Vec<_> = self.tables.configured_slots().filter(|slot| !keeps(*slot)).collect();
        for slot in stale {
            self.tables.remove(slot)?;
        }
        let macs: BTreeSet<Mac> = wanted.macs.values().copied().collect();
        self.socket.retain(&macs)
    }
}
