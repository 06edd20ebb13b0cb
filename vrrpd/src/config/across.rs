//! What no two routers may share, and what they must.

use std::{collections::HashMap, net::IpAddr};

use super::{
    XdpMode,
    problem::{Findings, Problem, Span},
    raw::Instance,
};

/// Reports what goes wrong between routers, at the later one, with the earlier one shown.
pub(super) fn check(instances: &[Instance], findings: &mut Findings) {
    virtual_router_ids(instances, findings);
    addresses(instances, findings);
    sources(instances, findings);
    xdp_modes(instances, findings);
}

/// One VRID on an interface and family is one router.
fn virtual_router_ids(instances: &[Instance], findings: &mut Findings) {
    let mut first: HashMap<(&str, u8), Span> = HashMap::new();
    for instance in instances {
        let (Some(interface), Some(vrid)) = (instance.interface.given(), instance.virtual_router_id.given())
        else {
            continue;
        };
        let Some(earlier) = first.get(&(interface.value.as_str(), vrid.value)) else {
            first.insert((&interface.value, vrid.value), vrid.span.clone());
            continue;
        };
        let title = format!("virtual_router_id {} twice on {} with IPv4", vrid.value, interface.value);
        let problem =
            Problem::new(title, vrid.span.clone(), "again here").also(earlier.clone(), "first here");
        findings.push(problem.help("give each router of an interface its own, 1 to 255"));
    }
}

/// An address belongs to one router.
fn addresses(instances: &[Instance], findings: &mut Findings) {
    let mut first: HashMap<IpAddr, (usize, Span)> = HashMap::new();
    for (index, at) in all_addresses(instances) {
        let address = at.value.address;
        let (owner, earlier) = first.entry(address).or_insert((index, at.span.clone()));
        if *owner != index {
            let title = format!("{address} in two routers");
            let label = format!("in `{}` as well", instances[index].name.value);
            let problem = Problem::new(title, at.span.clone(), label)
                .also(earlier.clone(), format!("in `{}`", instances[*owner].name.value));
            findings.push(problem.help("leave it to one of them"));
        }
    }
}

fn all_addresses(
    instances: &[Instance],
) -> impl Iterator<Item = (usize, &super::keys::At<super::VirtualAddress>)> {
    instances.iter().enumerate().flat_map(|(index, instance)| {
        let list = instance.virtual_ipaddress.given().map_or(&[][..], |at| &at.value);
        list.iter().map(move |at| (index, at))
    })
}

/// The source of adverts stays when the role moves, so it is no virtual address.
fn sources(instances: &[Instance], findings: &mut Findings) {
    let virtual_ones: HashMap<IpAddr, &Span> =
        all_addresses(instances).map(|(_, at)| (at.value.address, &at.span)).collect();
    for at in instances.iter().filter_map(|instance| instance.mcast_src_ip.given()) {
        let Some(earlier) = virtual_ones.get(&IpAddr::V4(at.value)) else { continue };
        let title = format!("`mcast_src_ip` is the virtual address {}", at.value);
        let problem = Problem::new(title, at.span.clone(), "must stay on this host")
            .also((*earlier).clone(), "moves with the role");
        findings
            .push(problem.help("name an address that the interface has of its own, or leave the key out"));
    }
}

/// One program serves all routers of an interface.
fn xdp_modes(instances: &[Instance], findings: &mut Findings) {
    let mut first: HashMap<&str, (XdpMode, Span)> = HashMap::new();
    for instance in instances {
        let (Some(interface), Some(mode)) = (instance.interface.given(), instance.xdp_mode.or(XdpMode::Auto))
        else {
            continue;
        };
        let place = instance.xdp_mode.given().map_or(&instance.name.span, |at| &at.span);
        let (earlier_mode, earlier) = first.entry(interface.value.as_str()).or_insert((mode, place.clone()));
        if *earlier_mode != mode {
            let title = format!("different `xdp_mode` on {}", interface.value);
            let problem = Problem::new(title, place.clone(), mode.to_string())
                .also(earlier.clone(), earlier_mode.to_string());
            findings
                .push(problem.help("one program serves an interface: use the same mode in all its routers"));
        }
    }
}
