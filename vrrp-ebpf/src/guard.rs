//! The guard at tc ingress of every interface: while the kernel has a virtual address and its door is shut, no question
//! and no packet for it reaches the kernel, whichever interface it comes in on. Everything else goes on untouched.

use core::ptr;

use aya_ebpf::{
    bindings::{
        __sk_buff, BPF_F_MMAPABLE, BPF_F_NO_PREALLOC, BPF_FIB_LKUP_RET_FWD_DISABLED,
        BPF_FIB_LKUP_RET_NOT_FWDED,
    },
    btf_maps::{Array, ArrayOfMaps, HashMap, PerCpuArray},
    helpers::generated::{bpf_fib_lookup, bpf_skb_load_bytes_relative},
    macros::btf_map,
};
use vrrp_common::abi::{
    self, SLOTS, Vip,
    guard::{Dropped, ENTRIES, Guarded, PLANES, near},
    role,
};

use crate::{
    arp::REQUEST,
    door::now,
    packet::{ETHER_ARP, ETHER_IPV4, ETHER_SERVICE_VLAN, ETHER_VLAN, PRIORITY_TAGS, VLAN_ID},
};

#[btf_map]
static GUARD: HashMap<Vip, Guarded, ENTRIES, { BPF_F_NO_PREALLOC as usize }> = HashMap::new();
#[btf_map]
static GUARD_PLANES: ArrayOfMaps<Array<abi::Router, SLOTS, { BPF_F_MMAPABLE as usize }>, PLANES> =
    ArrayOfMaps::new();
#[btf_map]
static GUARD_NEAR: Array<u64, 1, { BPF_F_MMAPABLE as usize }> = Array::new();
#[btf_map]
static GUARD_COUNTERS: PerCpuArray<Dropped, 1> = PerCpuArray::new();

/// Offsets are from the header of the network layer: what lies before it differs from interface to interface.
const FROM_NETWORK_HEADER: u32 = 1;
/// Where the destination is in an IPv4 header (RFC 791).
const IPV4_DESTINATION: u32 = 16;
/// Bytes of ARP before the addresses (RFC 826).
const ARP_HEADER: u32 = 8;
/// Of an IPv4 address.
const IPV4_LENGTH: u8 = 4;
/// The kernel throws away what is for another station.
const OTHER_HOST: u32 = 3;
const AF_INET: u8 = 2;

/// Whether the frame must not go on.
#[inline(always)]
pub(crate) fn refuses(skb: *mut __sk_buff) -> bool {
    // SAFETY: the kernel's context.
    let protocol = unsafe { (*skb).protocol } as u16;
    if protocol != ETHER_IPV4 && protocol != ETHER_ARP && !is_tag(protocol) {
        return false;
    }
    // SAFETY: an entry of an array, which lives as long as the program; the daemon writes it as one word.
    let guarded = GUARD_NEAR.get_ptr(0).map_or(0, |near| unsafe { ptr::read_volatile(near) });
    // SAFETY: the kernel's context.
    if guarded == 0 || unsafe { (*skb).pkt_type } == OTHER_HOST {
        return false;
    }
    let Some((protocol, offset)) = below_priority_tags(skb, protocol) else { return false };
    match protocol {
        ETHER_IPV4 => refuses_ipv4(skb, offset, guarded),
        ETHER_ARP => refuses_arp(skb, offset, guarded),
        // The kernel would look beneath them.
        _ if is_tag(protocol) => {
            count(|dropped| &mut dropped.tags_too_deep);
            true
        }
        _ => false,
    }
}

#[inline(always)]
fn is_tag(protocol: u16) -> bool {
    protocol == ETHER_VLAN || protocol == ETHER_SERVICE_VLAN
}

/// The EtherType below priority tags (VLAN 0), which the kernel takes for no tag at all, and where its header begins.
/// `None` for the frame of a VLAN, which is another interface's or nobody's.
#[inline(always)]
fn below_priority_tags(skb: *mut __sk_buff, protocol: u16) -> Option<(u16, u32)> {
    // SAFETY: the kernel's context. The outermost tag is not in the frame any more.
    let (tagged, tag) = unsafe { ((*skb).vlan_present, (*skb).vlan_tci) };
    if tagged != 0 && tag & u32::from(u16::from_be(VLAN_ID)) != 0 {
        return None;
    }
    let (mut protocol, mut offset) = (protocol, 0);
    for _ in 0..PRIORITY_TAGS {
        if !is_tag(protocol) {
            break;
        }
        let tag: [u16; 2] = load(skb, offset)?;
        if tag[0] & VLAN_ID != 0 {
            return None;
        }
        (protocol, offset) = (tag[1], offset + 4);
    }
    Some((protocol, offset))
}

#[inline(always)]
fn refuses_ipv4(skb: *mut __sk_buff, offset: u32, guarded: u64) -> bool {
    let Some(destination) = load::<[u8; 4]>(skb, offset + IPV4_DESTINATION) else { return false };
    let refused = guarded & near(destination) != 0 && is_shut(destination) && is_local(skb, destination);
    if refused {
        count(|dropped| &mut dropped.ipv4);
    }
    refused
}

/// A question for the address. An announcement (RFC 5227) asks nothing: whoever has the address now is to be learned.
#[inline(always)]
fn refuses_arp(skb: *mut __sk_buff, offset: u32, guarded: u64) -> bool {
    let Some([_hardware, protocol, lengths, operation]) = load::<[u16; 4]>(skb, offset) else { return false };
    let [hardware_length, protocol_length] = lengths.to_ne_bytes();
    if protocol != ETHER_IPV4 || protocol_length != IPV4_LENGTH || operation != REQUEST {
        return false;
    }
    // Whatever the hardware addresses are: those of InfiniBand have 20 bytes.
    let sender = offset + ARP_HEADER + u32::from(hardware_length);
    let target = sender + u32::from(IPV4_LENGTH) + u32::from(hardware_length);
    let (Some(sender), Some(target)) = (load::<[u8; 4]>(skb, sender), load::<[u8; 4]>(skb, target)) else {
        return false;
    };
    let refused = guarded & near(target) != 0
        && u32::from_ne_bytes(sender) != u32::from_ne_bytes(target)
        && is_shut(target)
        && is_local(skb, target);
    if refused {
        count(|dropped| &mut dropped.arp);
    }
    refused
}

/// A [`Vip`] as the stack must hold it.
#[repr(C, align(8))]
struct VipWords([u32; 4]);

/// Whether the kernel must not answer for the address now: it is guarded, and its router is not master or its lease is
/// over.
#[inline(always)]
fn is_shut(address: [u8; 4]) -> bool {
    let words = VipWords([0, 0, 0xffff_u32.to_be(), u32::from_ne_bytes(address)]);
    // SAFETY: both are sixteen plain bytes, and a `Vip` has no alignment.
    let vip: &Vip = unsafe { &*ptr::from_ref(&words).cast() };
    // SAFETY: the map keeps a removed entry until the program has ended: it is not preallocated.
    let Some(&Guarded { plane, slot }) = (unsafe { GUARD.get(vip) }) else { return false };
    let Some(router) = GUARD_PLANES.get_value_ptr_mut(plane, &slot) else { return true };
    // SAFETY: an entry of an array, which lives as long as the program; the daemon writes these words whole.
    let (role, until) = unsafe {
        (
            ptr::read_volatile(&raw const (*router).role),
            ptr::read_volatile(&raw const (*router).lease_until_ns),
        )
    };
    role != role::MASTER || now() >= until
}

/// What `bpf_fib_lookup` takes and changes.
#[repr(C, align(8))]
struct FibWords([u32; 16]);

/// Whether the kernel has the address itself. Where it has not, packets to it may be on their way to who has; where
/// nothing is forwarded it does not matter.
#[inline(always)]
fn is_local(skb: *mut __sk_buff, address: [u8; 4]) -> bool {
    let mut fib = FibWords([0; 16]);
    fib.0[0] = u32::from_ne_bytes([AF_INET, 0, 0, 0]);
    // SAFETY: the kernel's context.
    fib.0[2] = unsafe { (*skb).ifindex };
    fib.0[8] = u32::from_ne_bytes(address);
    // SAFETY: the kernel's context, and as many readable and writable bytes as said.
    let result = unsafe {
        bpf_fib_lookup(skb.cast(), ptr::from_mut(&mut fib).cast(), size_of::<FibWords>() as i32, 0)
    };
    result == i64::from(BPF_FIB_LKUP_RET_NOT_FWDED) || result == i64::from(BPF_FIB_LKUP_RET_FWD_DISABLED)
}

/// Some bytes behind the start of the network header. `T` is made of integers.
#[inline(always)]
fn load<T: Copy + Default>(skb: *mut __sk_buff, offset: u32) -> Option<T> {
    let mut value = T::default();
    // SAFETY: the kernel's context, and as many writable bytes as said, any of which are a `T`.
    let result = unsafe {
        bpf_skb_load_bytes_relative(
            skb.cast(),
            offset,
            ptr::from_mut(&mut value).cast(),
            size_of::<T>() as u32,
            FROM_NETWORK_HEADER,
        )
    };
    (result == 0).then_some(value)
}

#[inline(always)]
fn count(counter: impl FnOnce(&mut Dropped) -> &mut u64) {
    if let Some(dropped) = GUARD_COUNTERS.get_ptr_mut(0) {
        // SAFETY: of this processor alone, and programs run one after the other.
        *counter(unsafe { &mut *dropped }) += 1;
    }
}
