//! Record of the addresses that this daemon has, or had before it was started again, in the tables of its data planes.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use crate::address::KernelAddress;

/// The interface that carries addresses and has no tables: neighbours are on none such.
const TABLELESS: &str = "lo";

/// The record, by interface.
#[derive(Debug, Default)]
pub(crate) struct Record {
    here: BTreeMap<String, BTreeSet<IpAddr>>,
    everywhere: BTreeSet<IpAddr>,
    /// From a daemon that did not say whose its pins are: what they name is ours without the mark.
    unmarked: BTreeMap<String, BTreeSet<IpAddr>>,
}

impl Record {
    /// The tables of this interface name these addresses, or did when they were taken over.
    pub(crate) fn enter(&mut self, interface: &str, addresses: impl IntoIterator<Item = IpAddr>) {
        let here = self.here.entry(interface.to_owned()).or_default();
        for address in addresses {
            here.insert(address);
            self.everywhere.insert(address);
        }
    }

    /// Enters those of a daemon older than the mark of whose pins they are, until [`marked`](Self::marked).
    pub(crate) fn enter_unmarked(&mut self, interface: &str, addresses: impl IntoIterator<Item = IpAddr>) {
        self.unmarked.entry(interface.to_owned()).or_default().extend(addresses);
    }

    /// All that is ours has the mark from now on.
    pub(crate) fn marked(&mut self) {
        self.unmarked.clear();
    }

    /// Tells whether an address that the kernel has is ours. Where there are no tables, as on `lo`, all of them count.
    pub(super) fn owns(&self, seen: &KernelAddress) -> bool {
        let (interface, address) = (&seen.spot.interface, &seen.spot.address);
        let here = if interface == TABLELESS { Some(&self.everywhere) } else { self.here.get(interface) };
        let named = here.is_some_and(|here| here.contains(address));
        let unmarked = self.unmarked.get(interface).is_some_and(|named| named.contains(address));
        seen.marked && named || unmarked
    }
}
