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

use vrrp_common::{abi, time::Time, types::Mac};

use crate::{
    Ticket,
    engine::Engine,
    outside::{Outside, Plane},
    port::{Port, PortId},
    roster::RouterId,
    router::VirtualRouter,
};

impl<O: Outside> Engine<O> {
    /// Has the tables of every interface on which the router is, or was, looked at before this turn ends.
    pub(crate) fn unsettle(&mut self, id: RouterId) {
        let Some(router) = self.roster.get(id) else { return };
        for port in router.stations() {
            if let Some(port) = self.ports.get_mut(port) {
                port.unsettled = true;
            }
        }
    }

    /// Settles all data planes about which something may have changed.
    pub(crate) fn settle(&mut self) {
        let now = self.outside.now();
        for id in self.ports.ids() {
            let unsettled = self.ports.get_mut(id).map(|port| std::mem::take(&mut port.unsettled));
            if unsettled != Some(true) {
                continue;
            }
            let wanted = self.wanted_at(id);
            // Every address that loses its router now is named by the same ticket.
            let ticket = self.supervisor.ticket.next();
            let Some(port) = self.ports.get_mut(id) else { continue };
            match port.settle(&wanted, ticket, now) {
                Ok(false) => {}
                Ok(true) => self.supervisor.ticket = ticket,
                Err(error) => {
                    tracing::error!(interface = %port.name, %error, "the data plane does not take everything");
                    // What did lose its router before it failed is to be looked for all the same.
                    self.supervisor.ticket = ticket;
                }
            }
        }
    }

    /// The supervisor has looked: of all that were left over up to `ticket` the kernel has nothing but `left`.
    pub(crate) fn settled(&mut self, ticket: Ticket, left: &BTreeSet<(String, IpAddr)>) {
        for port in self.ports.iter_mut() {
            let is_left = |address: &IpAddr| left.contains(&(port.name.clone(), *address));
            port.unsettled |= port.guarded.confirm(ticket, is_left);
        }
    }

    /// What the tables of an interface are to hold for its routers. Where two of them claim the same, one that is
    /// configured goes before one that has been taken out and still hands over.
    fn wanted_at(&self, id: PortId) -> Wanted {
        let mut wanted = Wanted::default();
        let Some(port) = self.ports.get(id) else { return wanted };
        for retired in [false, true] {
            for router in self.roster.iter().filter(|router| router.retired == retired) {
                wanted.take(router, id, port);
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
    fn take<P>(&mut self, router: &VirtualRouter, id: PortId, port: &Port<P>) {
        if !router.stations().any(|station| station == id) {
            return;
        }
        // Slot and MAC address are those of a router at home here: until that one is gone the visitor waits outside.
        let waits = id != router.home && port.has_resident(router.slot);
        let slot = if waits { abi::CLOSED_SLOT } else { router.slot };
        if !waits {
            self.slots.insert(slot);
            if let Some(link) = port.link.as_ref().filter(|_| router.config.use_vmac) {
                self.macs.entry(slot).or_insert_with(|| router.mac_on(link.mac));
            }
        }
        for address in router.moving() {
            self.addresses.entry(address).or_insert(slot);
        }
    }
}

impl<P: Plane> Port<P> {
    /// Makes the tables hold what is wanted, and what is left over. Whether anything has lost its router with this ticket.
    fn settle(&mut self, wanted: &Wanted, ticket: Ticket, now: Time) -> io::Result<bool> {
        let Self { name, plane: Some(plane), guarded, .. } = self else { return Ok(false) };
        let named: Vec<_> = plane.vips().collect();
        let (addresses, new) = guarded.assign(&wanted.addresses, named.into_iter(), ticket);
        if !new.is_empty() {
            tracing::info!(interface = %name, addresses = ?new, "not configured any more; removing them");
        }
        let closed = addresses.values().any(|slot| *slot == abi::CLOSED_SLOT);
        if closed {
            plane.shut(abi::CLOSED_SLOT, now);
        }
        plane.assign(&addresses)?;
        retain(plane, wanted, closed)?;
        Ok(!new.is_empty())
    }
}

/// Forgets routers and filters that are not wanted. No address is theirs any more.
fn retain(plane: &mut impl Plane, wanted: &Wanted, closed: bool) -> io::Result<()> {
    let keeps = |slot: u32| wanted.slots.contains(&slot) || closed && slot == abi::CLOSED_SLOT;
    let stale: Vec<_> = plane.configured_slots().filter(|slot| !keeps(*slot)).collect();
    for slot in stale {
        plane.remove(slot)?;
    }
    let macs: BTreeSet<Mac> = wanted.macs.values().copied().collect();
    plane.retain(&macs)
}
