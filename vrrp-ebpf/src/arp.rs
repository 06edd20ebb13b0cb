//! ARP about the virtual addresses. None of it may reach a kernel that would answer: it is answered here, or dropped.

use vrrp_common::abi::{Verdict, event};

use crate::{
    advert,
    door::{Door, now},
    maps::{self, Cpu, Router},
    packet::{Arp, ETHER_IPV4, Frame, Mac},
};

/// Hardware types that the kernel takes for Ethernet: Ethernet's own, and that of IEEE 802.
const HARDWARE_ETHERNET: u16 = 1_u16.to_be();
const HARDWARE_IEEE_802: u16 = 6_u16.to_be();

pub(crate) const REQUEST: u16 = 1_u16.to_be();
const REPLY: u16 = 2_u16.to_be();

/// Judges any frame with the EtherType of ARP.
#[inline(always)]
pub(crate) fn judge(frame: &mut Frame, cpu: Cpu) -> Verdict {
    let Some(arp) = frame.arp() else { return Verdict::NotOurs };
    if !is_ipv4_on_ethernet(arp) {
        return Verdict::NotOurs;
    }
    let target = owner(arp, arp.target);
    let sender = owner(arp, arp.sender);
    if target.is_none() && sender.is_none() {
        return Verdict::NotOurs;
    }
    let operation = u16::from_ne_bytes(arp.operation);
    let sender_mac = Mac::from_bytes(arp.sender_mac);
    if (operation != REQUEST && operation != REPLY) || sender_mac.is_group() || sender_mac.is_zero() {
        return Verdict::ArpMalformed;
    }

    let announces = u32::from_ne_bytes(arp.sender) == u32::from_ne_bytes(arp.target);
    if let Some((slot, router)) = sender {
        let door = Door::of(router, cpu);
        let claims = matches!(door, Door::Open) && sender_mac != router.mac();
        // What this host has asked for is wanted whatever its role.
        let answers = operation == REPLY && router.is_asking();
        let told = (claims || answers) && report(frame, slot, router);
        match door {
            Door::Open if !claims => return Verdict::ArpOwnClaim,
            Door::Open if told => return Verdict::ArpConflict,
            Door::Open => return Verdict::ArpConflictLimited,
            Door::NotMaster if announces || target.is_none() => return Verdict::ArpMasterClaim,
            Door::Lapsed if announces || target.is_none() => return Verdict::ArpLeaseLapsed,
            // One virtual address speaks to another: what it wants decides.
            Door::NotMaster | Door::Lapsed => {}
        }
    }
    let Some((_slot, router)) = target else { return Verdict::NotOurs };
    match Door::of(router, cpu) {
        Door::NotMaster => Verdict::ArpNotMaster,
        Door::Lapsed => Verdict::ArpLeaseLapsed,
        Door::Open if operation == REQUEST => answer(frame, sender_mac, router.mac()),
        Door::Open => admit(frame, router),
    }
}

/// What the kernel would look at: it drops the rest by itself.
#[inline(always)]
pub(crate) fn is_ipv4_on_ethernet(arp: &Arp) -> bool {
    let hardware = u16::from_ne_bytes(arp.hardware);
    (hardware == HARDWARE_ETHERNET || hardware == HARDWARE_IEEE_802)
        && u16::from_ne_bytes(arp.protocol) == ETHER_IPV4
        && arp.hardware_length == 6
        && arp.protocol_length == 4
}

/// The router that has `address`, if the frame was sent to this host or to all.
#[inline(always)]
fn owner(arp: &Arp, address: [u8; 4]) -> Option<(u32, Router)> {
    let (slot, router) = maps::owner_of(address)?;
    maps::is_here(Mac::from_bytes(arp.destination), router).then_some((slot, router))
}

/// Somebody speaks as a virtual address of this router. Whether the daemon will hear of it.
#[inline(always)]
fn report(frame: &Frame, slot: u32, router: Router) -> bool {
    let now = now();
    router.may_report_conflict(now) && advert::report(frame, event::CONFLICT, slot, now)
}

/// Turns the question round (RFC 826): who asked is told that the address is at `mac` (RFC 9568 §8.1.2).
#[inline(always)]
fn answer(frame: &mut Frame, asker: Mac, mac: Mac) -> Verdict {
    frame.edit_arp(|arp| {
        let address = arp.target;
        arp.destination = asker.bytes();
        arp.source = mac.bytes();
        arp.operation = REPLY.to_ne_bytes();
        arp.target_mac = asker.bytes();
        arp.target = arp.sender;
        arp.sender_mac = mac.bytes();
        arp.sender = address;
    });
    Verdict::ArpAnswered
}

/// The answer to a question that this host asked as the virtual address. The kernel only listens to its own MAC.
#[inline(always)]
fn admit(frame: &mut Frame, router: Router) -> Verdict {
    if frame.destination() == Some(router.mac())
        && let Some(mac) = maps::interface_mac()
    {
        frame.set_destination(mac);
    }
    Verdict::ArpAdmitted
}
