//! Property of this daemon in the kernel, and what is to be done so that the kernel has what its masters say (I13).
//!
//! Pure: what routers [hold](Holdings), what was [seen](crate::address::KernelAddress) and what is on [record](Record) go in, and
//! [operations](Operation) come out, in an order that loses nothing of others. By comparison and not by events: it is
//! asked after every change, also of the daemon's own making, and what it does not say is as it shall be.
//!
//! An address is ours if it has our mark *and* is on record: in the tables of an interface whose pins this daemon has
//! locked. Another daemon in the same network namespace has its own record.

mod foreign;
mod plan;
mod record;

#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
};

pub(crate) use self::{
    foreign::{Again, ForeignHand},
    plan::{Operation, plan, remaining},
    record::Record,
};
use crate::address::{Spot, Traits};
use vrrp_config::VirtualAddress;
use vrrp_engine::{Resources, Routing};

/// The traits that the configuration asks for, and the kernel's where it says nothing.
pub(crate) fn traits_of(vip: &VirtualAddress, interface: &str) -> Traits {
    Traits {
        broadcast: vip.broadcast.or_else(|| default_broadcast(vip)),
        label: vip.label.as_deref().unwrap_or(interface).to_owned(),
        scope: vip.scope,
    }
}

/// As `ip address add` has it with `brd +`; a network of one or two addresses has none.
fn default_broadcast(vip: &VirtualAddress) -> Option<Ipv4Addr> {
    match vip.address {
        IpAddr::V4(address) => {
            let host_bits = u32::MAX.checked_shr(vip.prefix_len.into()).filter(|_| vip.prefix_len < 31)?;
            Some(Ipv4Addr::from(u32::from(address) | host_bits))
        }
        // IPv6 knows no broadcast.
        IpAddr::V6(_) => None,
    }
}

/// Claim of one router to a spot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Claim<K> {
    /// The only one that holds it, and that may withdraw it.
    pub(crate) holder: K,
    /// Name of the router.
    pub(crate) router: String,
    pub(crate) vip: VirtualAddress,
}

/// Resources that each router has on this host now. `K` tells routers apart.
#[derive(Debug)]
pub(crate) struct Holdings<K> {
    routers: BTreeMap<K, (String, Arc<Resources>)>,
}

impl<K> Default for Holdings<K> {
    fn default() -> Self {
        Self { routers: BTreeMap::new() }
    }
}

impl<K: Copy + Ord> Holdings<K> {
    /// From now on a router has these, and nothing else.
    pub(crate) fn hold(&mut self, router: K, name: String, resources: Option<Arc<Resources>>) {
        match resources {
            Some(resources) => drop(self.routers.insert(router, (name, resources))),
            None => drop(self.routers.remove(&router)),
        }
    }

    /// Nobody has anything any more.
    pub(crate) fn clear(&mut self) {
        self.routers.clear();
    }

    /// The addresses, each with the one router that holds it: the first of those that want it there.
    pub(crate) fn claims(&self) -> BTreeMap<Spot, Claim<K>> {
        let mut claims = BTreeMap::new();
        for (holder, (router, resources)) in &self.routers {
            for binding in &resources.bindings {
                let VirtualAddress { address, prefix_len, .. } = binding.address;
                let spot = Spot { interface: binding.interface.clone(), address, prefix_len };
                claims.entry(spot).or_insert_with(|| Claim {
                    holder: *holder,
                    router: router.clone(),
                    vip: binding.address.clone(),
                });
            }
        }
        claims
    }

    /// Routes, then rules, of each router in its order, each once, with the name of a router that wants it.
    pub(crate) fn routing(&self) -> Vec<(&str, &Routing)> {
        let mut seen = std::collections::HashSet::new();
        let all = self.routers.values().flat_map(|(router, resources)| {
            resources.routing.iter().map(move |routing| (router.as_str(), routing))
        });
        all.filter(|(_, routing)| seen.insert(*routing)).collect()
    }

    /// Tells whether an address is held on this interface.
    pub(crate) fn is_on(&self, interface: &str) -> bool {
        let mut resources = self.routers.values().map(|(_, resources)| resources);
        resources.any(|one| one.bindings.iter().any(|binding| binding.interface == interface))
    }
}
