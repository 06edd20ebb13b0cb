//! The data plane: answers ARP for the virtual addresses, recognises adverts, and opens or closes the door for
//! traffic to them. Runs at XDP ingress and at tc egress of one interface, for all its virtual routers; and at tc
//! ingress of every interface, against a kernel that answers there.
//!
//! Nothing here decides an election: the daemon writes who is master and until when, and this obeys.

#![cfg_attr(target_arch = "bpf", no_std, no_main)]
#![expect(clippy::needless_pass_by_value, reason = "entry points take their context as the macros give it")]

mod advert;
mod arp;
mod door;
mod egress;
mod gate;
mod guard;
mod maps;
mod message;
mod packet;
mod settling;

use aya_ebpf::{
    bindings::{TC_ACT_SHOT, TC_ACT_UNSPEC, xdp_action},
    macros::{classifier, xdp},
    programs::{TcContext, XdpContext},
};
use vrrp_common::abi::Verdict;

use crate::{
    maps::Cpu,
    packet::{ETHER_ARP, ETHER_IPV4, Frame},
};

/// What becomes of every frame that arrives. This screen is the security policy.
#[xdp]
fn vrrp_ingress(context: XdpContext) -> u32 {
    let Some(cpu) = Cpu::this() else { return xdp_action::XDP_ABORTED };
    let mut frame = Frame::new(context.ctx);
    settling::note(&frame);
    let verdict = judge(&mut frame, cpu);
    cpu.count(verdict);
    match verdict {
        Verdict::ArpAnswered => xdp_action::XDP_TX,

        Verdict::NotOurs
        | Verdict::ArpAdmitted
        | Verdict::ArpMasterClaim
        | Verdict::AdvertExpected
        | Verdict::AdvertJudged
        | Verdict::AdvertUnknownVrid
        | Verdict::AdvertUnreadable
        | Verdict::VmacAdmitted
        | Verdict::VipAdmitted => xdp_action::XDP_PASS,

        Verdict::TagsTooDeep
        | Verdict::ArpNotMaster
        | Verdict::ArpLeaseLapsed
        | Verdict::ArpConflict
        | Verdict::ArpConflictLimited
        | Verdict::ArpOwnClaim
        | Verdict::ArpMalformed
        | Verdict::AdvertLimited
        | Verdict::AdvertRingFull
        | Verdict::AdvertUnknownPeer
        | Verdict::AdvertTtl
        | Verdict::AdvertIpHeader
        | Verdict::AdvertVersion
        | Verdict::AdvertType
        | Verdict::AdvertLength
        | Verdict::AdvertChecksum
        | Verdict::VmacNotMaster
        | Verdict::VmacLeaseLapsed
        | Verdict::VipNotMaster
        | Verdict::VipLeaseLapsed
        | Verdict::VipNotAccepted
        // Never an arrival's.
        | Verdict::EgressCorrected
        | Verdict::EgressDropped => xdp_action::XDP_DROP,
    }
}

/// What becomes of every frame that leaves. Frames that are let go as they are go on to the next program.
#[classifier]
fn vrrp_egress(context: TcContext) -> i32 {
    let Some(verdict) = egress::judge(context.skb.skb) else { return TC_ACT_UNSPEC };
    if let Some(cpu) = Cpu::this() {
        cpu.count(verdict);
    }
    if verdict == Verdict::EgressDropped { TC_ACT_SHOT } else { TC_ACT_UNSPEC }
}

/// What becomes of every frame on its way to the kernel, on all interfaces. See [`guard`].
#[classifier]
fn vrrp_guard(context: TcContext) -> i32 {
    if guard::refuses(context.skb.skb) { TC_ACT_SHOT } else { TC_ACT_UNSPEC }
}

#[inline(always)]
fn judge(frame: &mut Frame, cpu: Cpu) -> Verdict {
    let ether_type = match frame.untag() {
        Ok(ether_type) => ether_type,
        Err(verdict) => return verdict,
    };
    if ether_type == ETHER_ARP {
        return arp::judge(frame, cpu);
    }
    if let Some(verdict) = gate::virtual_mac(frame, ether_type, cpu) {
        return verdict;
    }
    if ether_type != ETHER_IPV4 {
        return Verdict::NotOurs;
    }
    let Some(ip) = frame.ipv4() else { return Verdict::NotOurs };
    match advert::judge(frame, ip) {
        Some(verdict) => verdict,
        None => gate::virtual_address(frame, ip, cpu),
    }
}

#[cfg(target_arch = "bpf")]
#[panic_handler]
fn panic(_info: &core::panic::PanicInfo) -> ! {
    // The verifier refuses a program in which this can be reached.
    loop {}
}

/// The kernel offers some helpers only to programs under a licence like this one.
#[unsafe(no_mangle)]
#[unsafe(link_section = "license")]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";

/// For the compiler of the host, which only checks the code.
#[cfg(not(target_arch = "bpf"))]
fn main() {}
