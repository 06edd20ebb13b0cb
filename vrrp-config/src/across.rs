//! What no two routers may share, and what they must.

use crate::place::Place;
use std::{collections::HashMap, net::IpAddr};

use super::{
    VirtualAddress, XdpMode,
    keys::At,
    problem::{Findings, Problem},
    raw::Instance,
};

/// Reports what goes wrong between routers, at the later one, with the earlier one shown.
pub(super) fn check(instances: &[Instance], findings: &mut Findings) {
    virtual_router_ids(instances, findings);
    addresses(instances, findings);
    sources(instances, findings);
    xdp_modes(instances, findings);
}

/// One VRID on an interface and family is one router: those that speak there, and those that keep an address there.
fn virtual_router_ids(instances: &[Instance], findings: &mut Findings) {
    let mut first: HashMap<(&str, u8), (usize, Place)> = HashMap::new();
    for (index, instance) in instances.iter().enumerate() {
        let (Some(interface), Some(vrid)) =
            (instance.own.interface.given(), instance.own.virtual_router_id.given())
        else {
            continue;
        };
        let Some((_, earlier)) = first.get(&(interface.value.as_str(), vrid.value)) else {
            first.insert((&interface.value, vrid.value), (index, vrid.place));
            continue;
        };
        let title = format!("virtual_router_id {} twice on {} with IPv4", vrid.value, interface.value);
        let problem = Problem::new(title, vrid.place, "again here").also(*earlier, "first here");
        findings.push(problem.help("give each router of an interface its own, 1 to 255"));
    }
    for (index, at) in all_addresses(instances) {
        let (Some(vrid), Some(dev)) = (instances[index].own.virtual_router_id.given(), device(at)) else {
            continue;
        };
        let (owner, earlier) = first.entry((dev, vrid.value)).or_insert((index, at.place));
        if *owner != index {
            let title = format!(
                "{} on {dev}, where virtual_router_id {} is another router's",
                at.value.address, vrid.value
            );
            let label =
                format!("`{}` needs the virtual MAC of {} there", instances[index].name.value, vrid.value);
            let problem = Problem::new(title, at.place, label)
                .also(*earlier, format!("`{}` has it", instances[*owner].name.value));
            findings.push(problem.help("give one of the two another virtual_router_id, or another dev"));
        }
    }
}

/// The interface that an address is kept on if it is another one that neighbours are on.
fn device(at: &At<VirtualAddress>) -> Option<&str> {
    at.value.dev.as_deref().filter(|dev| *dev != "lo")
}

/// An address belongs to one router.
fn addresses(instances: &[Instance], findings: &mut Findings) {
    let mut first: HashMap<IpAddr, (usize, Place)> = HashMap::new();
    for (index, at) in all_addresses(instances) {
        let address = at.value.address;
        let (owner, earlier) = first.entry(address).or_insert((index, at.place));
        if *owner != index {
            let title = format!("{address} in two routers");
            let label = format!("in `{}` as well", instances[index].name.value);
            let problem = Problem::new(title, at.place, label)
                .also(*earlier, format!("in `{}`", instances[*owner].name.value));
            findings.push(problem.help("leave it to one of them"));
        }
    }
}

/// Addresses in adverts and those in none, each with the index of its router.
fn all_addresses(instances: &[Instance]) -> impl Iterator<Item = (usize, &At<VirtualAddress>)> {
    instances.iter().enumerate().flat_map(|(index, instance)| {
        let lists = [&instance.own.virtual_ipaddress, &instance.role.virtual_ipaddress_excluded];
        let all = lists.into_iter().filter_map(|list| list.given()).flat_map(|at| &at.value);
        all.map(move |at| (index, at))
    })
}

/// The source of adverts stays when the role moves, so it is no virtual address. Nor is a peer.
fn sources(instances: &[Instance], findings: &mut Findings) {
    let virtual_ones: HashMap<IpAddr, Place> =
        all_addresses(instances).map(|(_, at)| (at.value.address, at.place)).collect();
    let mut report = |what: &str, address: IpAddr, place: Place, label: &str, help: &str| {
        let Some(earlier) = virtual_ones.get(&address) else { return };
        let problem = Problem::new(format!("{what} the virtual address {address}"), place, label)
            .also(*earlier, "moves with the role");
        findings.push(problem.help(help));
    };
    let help = "name an address that the interface has of its own, or leave the key out";
    for instance in instances {
        if let Some(at) = instance.own.mcast_src_ip.given() {
            report("`mcast_src_ip` is", at.value.into(), at.place, "must stay on this host", help);
        }
        if let Some(at) = instance.role.unicast_src_ip.given() {
            report("`unicast_src_ip` is", at.value.into(), at.place, "must stay on this host", help);
        }
        for at in instance.role.unicast_peer.given().into_iter().flat_map(|list| &list.value) {
            let help = "name an address that the other box has of its own";
            report("`unicast_peer` has", at.value.address, at.place, "must stay on its host", help);
        }
    }
}

/// One program serves all routers of an interface, and all that keep addresses there.
fn xdp_modes(instances: &[Instance], findings: &mut Findings) {
    let mut first: HashMap<&str, (XdpMode, Place)> = HashMap::new();
    let homes = instances
        .iter()
        .filter_map(|instance| Some((instance, instance.own.interface.given()?.value.as_str())));
    let away = all_addresses(instances).filter_map(|(index, at)| Some((&instances[index], device(at)?)));
    for (instance, interface) in homes.chain(away) {
        let Some(mode) = instance.own.xdp_mode.or(XdpMode::Auto) else { continue };
        let place = instance.own.xdp_mode.given().map_or(instance.name.place, |at| at.place);
        let (earlier_mode, earlier) = first.entry(interface).or_insert((mode, place));
        if *earlier_mode != mode && *earlier != place {
            let title = format!("different `xdp_mode` on {interface}");
            let problem =
                Problem::new(title, place, mode.to_string()).also(*earlier, earlier_mode.to_string());
            findings
                .push(problem.help("one program serves an interface: use the same mode in all its routers"));
        }
    }
}
