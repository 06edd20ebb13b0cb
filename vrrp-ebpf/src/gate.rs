//! The door for traffic: to the virtual MAC, and to the virtual addresses at any other.

use vrrp_common::{abi::Verdict, types::Family};

use crate::{
    door::Door,
    maps::{self, Cpu, Router},
    packet::{ETHER_IPV4, Frame, Ipv4, Mac},
};

/// Frames to the virtual MAC of a router here: turned to the interface's own, which the kernel listens to.
#[inline(always)]
pub(crate) fn virtual_mac(frame: &mut Frame, ether_type: u16, cpu: Cpu) -> Option<Verdict> {
    let vrid = frame.destination()?.virtual_router_v4()?;
    let (_slot, router) = Router::with_vrid(Family::V4, vrid)?;
    if !router.uses_virtual_mac() {
        return None;
    }
    Some(match Door::of(router, cpu) {
        Door::NotMaster => Verdict::VmacNotMaster,
        Door::Lapsed => Verdict::VmacLeaseLapsed,
        Door::Open => admit(frame, ether_type, router),
    })
}

#[inline(always)]
fn admit(frame: &mut Frame, ether_type: u16, router: Router) -> Verdict {
    if !router.accepts()
        && ether_type == ETHER_IPV4
        && let Some(ip) = frame.ipv4()
        && maps::owner_of(ip.destination).is_some()
    {
        return Verdict::VipNotAccepted;
    }
    if let Some(mac) = maps::interface_mac() {
        frame.set_destination(mac);
    }
    Verdict::VmacAdmitted
}

/// IPv4 to a virtual address at another MAC of this host, or at that of any virtual router. What is for another station
/// passes: a bridge that the interface is in forwards it, and the kernel does not listen to it.
#[inline(always)]
pub(crate) fn virtual_address(frame: &Frame, ip: &Ipv4, cpu: Cpu) -> Verdict {
    let Some((_slot, router)) = maps::owner_of(ip.destination) else { return Verdict::NotOurs };
    let destination = frame.destination();
    let here = |mac: Mac| mac.virtual_router_v4().is_some() || maps::is_here(mac, router);
    if !destination.is_some_and(here) {
        return Verdict::NotOurs;
    }
    match Door::of(router, cpu) {
        Door::NotMaster => Verdict::VipNotMaster,
        Door::Lapsed => Verdict::VipLeaseLapsed,
        Door::Open if router.accepts() => Verdict::VipAdmitted,
        Door::Open => Verdict::VipNotAccepted,
    }
}
