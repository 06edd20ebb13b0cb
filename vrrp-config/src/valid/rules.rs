//! What the values of one router must not be together.

use crate::place::Place;
use std::{
    collections::HashMap,
    net::{IpAddr, Ipv4Addr},
};

use super::super::{
    Start, UnicastPeer, VirtualAddress,
    keys::{At, Field},
    problem::{Findings, Problem},
    raw::Instance,
    table::Role,
};

/// Reports contradictions to `preempt = false` and `preempt_delay`: starting as master, owning the addresses, each other.
pub(super) fn preemption(instance: &Instance, findings: &mut Findings) {
    let never = instance.own.preempt.given().filter(|at| !at.value);
    let delay = instance.own.preempt_delay.given().filter(|at| !at.value.is_zero());
    let master = instance.own.state.given().filter(|at| at.value == Start::Master);
    let owner = instance.own.priority.given().filter(|at| at.value == 255);
    if let (Some(never), Some(master)) = (never, master) {
        let title = "`preempt = false` with `state = \"MASTER\"`";
        let problem = Problem::new(title, never.place, "waits for the present master to go")
            .also(master.place, "takes the role at start, whoever has it");
        findings.push(problem.help("use state = \"BACKUP\" on both boxes (keepalived drops nopreempt here)"));
    }
    if let (Some(never), Some(owner)) = (never, owner) {
        let problem = Problem::new("`preempt = false` with priority 255", never.place, "has no effect")
            .also(owner.place, "the owner of the addresses always preempts");
        findings.push(problem.help("use a priority up to 254, or remove preempt"));
    }
    let Some(delay) = delay else { return };
    let contradiction = [
        never.map(|at| (at.place, "preempt = false", "there is no preemption to delay")),
        master.map(|at| (at.place, "state = \"MASTER\"", "takes the role at start, without delay")),
        owner.map(|at| (at.place, "priority 255", "the owner of the addresses preempts at once")),
    ];
    for (place, with, why) in contradiction.into_iter().flatten() {
        let problem = Problem::new(format!("`preempt_delay` with {with}"), delay.place, "has no effect");
        findings.push(problem.also(place, why).help("remove one of the two"));
    }
}

/// An address is in one of the two lists, and there once.
pub(super) fn each_address_once(instance: &Instance, findings: &mut Findings) {
    let lists = [&instance.own.virtual_ipaddress, &instance.role.virtual_ipaddress_excluded];
    let all = lists.into_iter().filter_map(Field::given).flat_map(|at| &at.value);
    let mut first: HashMap<IpAddr, &At<VirtualAddress>> = HashMap::new();
    for at in all {
        let address = at.value.address;
        if let Some(earlier) = first.get(&address) {
            let title = format!("{address} twice in `{}`", instance.name.value);
            let problem = Problem::new(title, at.place, "again here");
            findings.push(problem.also(earlier.place, "first here").help("remove one of them"));
        } else {
            first.insert(address, at);
        }
    }
}

/// The kernel tells routes apart by where they lead, their metric and their table.
pub(super) fn each_route_once(instance: &Instance, findings: &mut Findings) {
    let Some(list) = instance.role.virtual_routes.given() else { return };
    let mut first: HashMap<_, Place> = HashMap::new();
    for At { value: route, place } in &list.value {
        let key = (route.to.address, route.to.length, route.metric, route.table.unwrap_or(254));
        if let Some(earlier) = first.insert(key, *place) {
            let problem = Problem::new("two routes to one destination", *place, "again here");
            let problem = problem.also(earlier, "first here");
            findings.push(problem.help("remove one of them, or give them different metrics"));
        }
    }
}

/// Peers are others, each once, and who has peers sends to nobody else.
pub(super) fn unicast(instance: &Instance, findings: &mut Findings) {
    let Role { unicast_src_ip, unicast_ttl, unicast_peer, .. } = &instance.role;
    if unicast_peer.is_absent() {
        let idle = [
            unicast_src_ip.given().map(|at| ("unicast_src_ip", at.place)),
            unicast_ttl.given().map(|at| ("unicast_ttl", at.place)),
        ];
        for (key, place) in idle.into_iter().flatten() {
            let problem = Problem::new(format!("`{key}` without `unicast_peer`"), place, "has no effect");
            let help = "add unicast_peer = [\"192.0.2.2\"]; with multicast the source is mcast_src_ip";
            findings.push(problem.help(help).absence());
        }
    }
    let Some(peers) = unicast_peer.given() else { return };
    if let Some(at) = instance.own.mcast_src_ip.given() {
        let problem = Problem::new("`mcast_src_ip` with `unicast_peer`", at.place, "nothing is multicast")
            .also(peers.place, "adverts go to these alone");
        findings.push(problem.help("write unicast_src_ip instead"));
    }
    peers_once(&peers.value, unicast_src_ip, findings);
}

fn peers_once(peers: &[At<UnicastPeer>], source: &Field<Ipv4Addr>, findings: &mut Findings) {
    let mut first: HashMap<IpAddr, Place> = HashMap::new();
    for At { value: UnicastPeer { address, .. }, place } in peers {
        if let Some(own) = source.given().filter(|at| at.value == *address) {
            let title = format!("the peer {address} is this router");
            let problem = Problem::new(title, *place, "adverts to oneself");
            let problem = problem.also(own.place, "its own source");
            findings.push(problem.help("name the other boxes only: the file differs on each"));
        }
        if let Some(earlier) = first.insert(*address, *place) {
            let problem = Problem::new(format!("the peer {address} twice"), *place, "again here");
            findings.push(problem.also(earlier, "first here").help("remove one of them"));
        }
    }
}
