//! From what is and what shall be to what is to be done about addresses.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use super::{Claim, Record, traits_of};
use crate::address::{KernelAddress, Spot};

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    /// Give the mark to an address that is ours without it.
    Mark(Spot),
    /// Add what is claimed there.
    Add(Spot),
    /// Remove what was seen there. If the kernel does not promote secondary addresses, these go with it and are to be
    /// put back.
    Remove { spot: Spot, dependents: Vec<Spot> },
    /// Have the kernel keep the secondary addresses of an interface when a first one goes, or not any more.
    Promote { interface: String, on: bool },
}

/// Tells what is to be done, in this order. `promoting` are the interfaces whose secondary addresses stay by themselves when a
/// first one goes.
///
/// An address whose prefix changes is there with the new one before it goes with the old one. What was not added by a
/// vrrpd, or by another daemon than this one, is left alone; where it is what is claimed, it will do.
pub(crate) fn plan<K>(
    claims: &BTreeMap<Spot, Claim<K>>,
    seen: &[KernelAddress],
    record: &Record,
    promoting: &BTreeSet<String>,
) -> Vec<Operation> {
    let ours = || seen.iter().filter(|seen| record.owns(seen));
    let suits = |seen: &&KernelAddress| {
        let claim = claims.get(&seen.spot);
        claim.is_some_and(|claim| traits_of(&claim.vip, &seen.spot.interface) == seen.traits)
    };
    let marks =
        ours().filter(|seen| !seen.marked && suits(seen)).map(|seen| Operation::Mark(seen.spot.clone()));

    let mut stale: Vec<&KernelAddress> = ours().filter(|seen| !suits(seen)).collect();
    // Those that go with others first, so that they do not go twice.
    stale.sort_by_key(|seen| !seen.secondary);
    let going: BTreeSet<&Spot> = stale.iter().map(|seen| &seen.spot).collect();
    let staying: BTreeSet<&Spot> =
        seen.iter().map(|seen| &seen.spot).filter(|spot| !going.contains(spot)).collect();
    let missing: Vec<&Spot> = claims.keys().filter(|spot| !staying.contains(spot)).collect();

    // Claimed there with another prefix only: it is to be there all the time.
    let stays_otherwise =
        |spot: &Spot| !claims.contains_key(spot) && claims.keys().any(|other| same_place(spot, other));
    let (late, early): (Vec<&KernelAddress>, _) =
        stale.into_iter().partition(|seen| stays_otherwise(&seen.spot));
    let early: Vec<_> = early.into_iter().map(|seen| remove(seen, staying.iter().copied())).collect();
    let beside = || staying.iter().copied().chain(missing.iter().copied());
    let late: Vec<_> = late.into_iter().map(|seen| remove(seen, beside())).collect();
    let adds: Vec<_> = missing.iter().map(|spot| Operation::Add((*spot).clone())).collect();

    let endangered = early.iter().chain(&late).filter_map(|operation| match operation {
        // Also where none hangs on it yet: somebody may add one meanwhile, the host's own address, say.
        Operation::Remove { spot, dependents } if !dependents.is_empty() || spot.has_network() => {
            Some(&spot.interface)
        }
        Operation::Remove { .. } | Operation::Mark(_) | Operation::Add(_) | Operation::Promote { .. } => None,
    });
    let endangered: BTreeSet<_> = endangered.filter(|name| !promoting.contains(*name)).cloned().collect();
    let promote = |on| endangered.iter().cloned().map(move |interface| Operation::Promote { interface, on });
    let removing =
        promote(true).chain(early.iter().cloned()).chain(adds.iter().cloned()).chain(late.iter().cloned());
    marks.chain(removing).chain(promote(false)).collect()
}

/// Tells what of ours the kernel has and nobody claims, by interface.
pub(crate) fn remaining<K>(
    claims: &BTreeMap<Spot, Claim<K>>,
    seen: &[KernelAddress],
    record: &Record,
) -> BTreeSet<(String, IpAddr)> {
    let unclaimed = seen.iter().filter(|seen| record.owns(seen) && !claims.contains_key(&seen.spot));
    unclaimed.map(|seen| (seen.spot.interface.clone(), seen.spot.address)).collect()
}

fn remove<'a>(seen: &KernelAddress, beside: impl Iterator<Item = &'a Spot>) -> Operation {
    let dependents = if seen.secondary {
        Vec::new()
    } else {
        beside.filter(|other| same_network(&seen.spot, other)).cloned().collect()
    };
    Operation::Remove { spot: seen.spot.clone(), dependents }
}

fn same_place(one: &Spot, other: &Spot) -> bool {
    one.interface == other.interface && one.address == other.address
}

/// Tells whether the kernel makes one of them secondary to the other.
fn same_network(one: &Spot, other: &Spot) -> bool {
    let network = |spot: &Spot| match spot.address {
        IpAddr::V4(address) => {
            Some(u32::from(address) & !u32::MAX.checked_shr(spot.prefix_len.into()).unwrap_or(0))
        }
        // Nor does it with an IPv6 address.
        IpAddr::V6(_) => None,
    };
    // Numbers first: there may be thousands of each.
    one.prefix_len == other.prefix_len
        && network(one).is_some()
        && network(one) == network(other)
        && one.interface == other.interface
}
