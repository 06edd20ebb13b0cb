//! What leaves: no ARP goes out that speaks as a virtual address with another MAC, or while the door is closed.
//!
//! The kernel sends such frames when this host uses a virtual address as its own: every neighbour would learn the
//! interface's MAC for it.

use core::mem::offset_of;

use aya_ebpf::{bindings::__sk_buff, helpers::generated::bpf_skb_store_bytes};
use vrrp_common::abi::{ELSEWHERE_MARK, Verdict};

use crate::{
    arp,
    door::Door,
    maps::{self, Cpu},
    packet::{self, Arp, ETHER_ARP, Mac},
};

/// `None`: let go as it is.
#[inline(always)]
pub(crate) fn judge(skb: *mut __sk_buff) -> Option<Verdict> {
    // SAFETY: the kernel's context. With a tag in the buffer the frame belongs to a VLAN.
    let (protocol, tagged, mark) = unsafe { ((*skb).protocol, (*skb).vlan_present, (*skb).mark) };
    if protocol != u32::from(ETHER_ARP) || tagged != 0 || mark == ELSEWHERE_MARK {
        return None;
    }
    let arp = packet::leaving_arp(skb)?;
    if !arp::is_ipv4_on_ethernet(arp) {
        return None;
    }
    let (_slot, router) = maps::owner_of(arp.sender)?;
    if Cpu::this().is_none_or(|cpu| Door::of(router, cpu) != Door::Open) {
        return Some(Verdict::EgressDropped);
    }
    let mac = router.mac();
    if Mac::from_bytes(arp.source) == mac && Mac::from_bytes(arp.sender_mac) == mac {
        return None;
    }
    let written = store(skb, offset_of!(Arp, source), mac) && store(skb, offset_of!(Arp, sender_mac), mac);
    Some(if written { Verdict::EgressCorrected } else { Verdict::EgressDropped })
}

/// By helper: a program that writes to buffers itself makes the kernel copy the header of every frame that is shared,
/// which is every TCP segment.
#[inline(always)]
fn store(skb: *mut __sk_buff, offset: usize, mac: Mac) -> bool {
    let bytes = mac.bytes();
    // SAFETY: the kernel's context, and six readable bytes.
    unsafe { bpf_skb_store_bytes(skb, offset as u32, bytes.as_ptr().cast(), bytes.len() as u32, 0) == 0 }
}
