//! The kernel's addresses, as `net/ipv4/devinet.c` keeps them: an address in a network that the interface has already is
//! secondary to the first of it, and goes with it unless secondary addresses are promoted.

use std::collections::{BTreeMap, BTreeSet};

use super::super::Operation;
use crate::address::{KernelAddress, Spot, Traits};

pub(super) fn spot(interface: &str, address: &str, prefix_len: u8) -> Spot {
    Spot { interface: interface.to_owned(), address: address.parse().unwrap(), prefix_len }
}

#[derive(Debug, Default)]
pub(super) struct Kernel {
    /// In the kernel's order.
    addresses: Vec<KernelAddress>,
    promote: BTreeMap<String, bool>,
    /// What the operator has added and not deleted, and how they left the switch.
    others: BTreeSet<Spot>,
    left: BTreeMap<String, bool>,
}

impl Kernel {
    pub(super) fn seen(&self) -> Vec<KernelAddress> {
        self.addresses.clone()
    }

    pub(super) fn has(&self, spot: &Spot) -> bool {
        self.addresses.iter().any(|seen| seen.spot == *spot)
    }

    pub(super) fn promoting(&self) -> BTreeSet<String> {
        self.promote.iter().filter(|(_, on)| **on).map(|(interface, _)| interface.clone()).collect()
    }

    pub(super) fn add_foreign(&mut self, spot: &Spot) {
        if !self.has(spot) {
            self.add(spot, false);
            self.others.insert(spot.clone());
        }
    }

    /// With what goes with it, which is the doing of who deletes it.
    pub(super) fn delete_by_hand(&mut self, spot: &Spot) {
        for gone in self.delete(spot) {
            self.others.remove(&gone);
        }
    }

    pub(super) fn set_promote(&mut self, interface: &str, on: bool) {
        self.promote.insert(interface.to_owned(), on);
        self.left.insert(interface.to_owned(), on);
    }

    pub(super) fn carry_out(&mut self, operation: &Operation) {
        match operation {
            Operation::Mark(spot) => {
                self.addresses
                    .iter_mut()
                    .filter(|seen| seen.spot == *spot)
                    .for_each(|seen| seen.marked = true);
                self.others.remove(spot);
            }
            Operation::Add(spot) => self.add(spot, true),
            Operation::Remove { spot, .. } => drop(self.delete(spot)),
            Operation::Promote { interface, on } => drop(self.promote.insert(interface.clone(), *on)),
        }
    }

    /// Nothing of others is lost, and the switch is as they left it.
    pub(super) fn check(&self) -> Result<(), String> {
        if let Some(lost) = self.others.iter().find(|spot| !self.has(spot)) {
            return Err(format!("{lost:?} of others is lost"));
        }
        let is_on = |switches: &BTreeMap<String, bool>, name| switches.get(name).copied().unwrap_or(false);
        match self.promote.keys().find(|name| is_on(&self.promote, *name) != is_on(&self.left, *name)) {
            Some(name) => Err(format!("promote_secondaries of {name} is not as it was")),
            None => Ok(()),
        }
    }

    fn add(&mut self, spot: &Spot, marked: bool) {
        if self.has(spot) {
            return;
        }
        let secondary = self.addresses.iter().any(|seen| same_network(&seen.spot, spot));
        let host = u32::MAX.checked_shr(spot.prefix_len.into()).unwrap_or(0);
        let broadcast = (spot.prefix_len < 31).then(|| (number(spot) | host).into());
        let traits = Traits { broadcast, label: spot.interface.clone(), scope: 0 };
        self.addresses.push(KernelAddress { spot: spot.clone(), marked, secondary, traits });
    }

    /// All that is gone afterwards.
    fn delete(&mut self, spot: &Spot) -> Vec<Spot> {
        let Some(position) = self.addresses.iter().position(|seen| seen.spot == *spot) else {
            return Vec::new();
        };
        let deleted = self.addresses.remove(position);
        if deleted.secondary {
            return vec![deleted.spot];
        }
        let follows = |seen: &KernelAddress| same_network(&seen.spot, spot);
        if self.promote.get(&spot.interface).copied().unwrap_or(false) {
            if let Some(next) = self.addresses.iter_mut().find(|seen| follows(seen)) {
                next.secondary = false;
            }
            return vec![deleted.spot];
        }
        let (gone, kept) = std::mem::take(&mut self.addresses).into_iter().partition::<Vec<_>, _>(follows);
        self.addresses = kept;
        gone.into_iter().map(|seen| seen.spot).chain([deleted.spot]).collect()
    }
}

fn number(spot: &Spot) -> u32 {
    let std::net::IpAddr::V4(address) = spot.address else { unreachable!("IPv4 only") };
    address.into()
}

fn same_network(one: &Spot, other: &Spot) -> bool {
    let host = u32::MAX.checked_shr(one.prefix_len.into()).unwrap_or(0);
    one.interface == other.interface
        && one.prefix_len == other.prefix_len
        && (number(one) ^ number(other)) & !host == 0
}
