//! What the programs cost, and that they stay small.

use aya::programs::ProgramInfo;
use vrrp_common::types::Mac;

use crate::{
    frames::{Arp, advert, ethernet, ipv4, message},
    rig::{NIC, Rig, entry},
};

const REPEAT: u32 = 200_000;

/// What the verifier may look at, in instructions. Its own bound is a million.
const INGRESS_BUDGET: u32 = 20_000;
const EGRESS_BUDGET: u32 = 2_000;

#[test]
fn the_verifiers_work_is_within_the_budget() {
    let rig = Rig::new();
    let verified = |info: ProgramInfo| info.verified_instruction_count().unwrap();
    let (ingress, egress) = (verified(rig.xdp().info().unwrap()), verified(rig.tc().info().unwrap()));
    println!(
        "verified instructions: ingress {ingress} of {INGRESS_BUDGET}, egress {egress} of {EGRESS_BUDGET}"
    );
    assert!(ingress <= INGRESS_BUDGET && egress <= EGRESS_BUDGET);
}

#[test]
fn nanoseconds_for_each_verdict() {
    let mut rig = Rig::new();
    rig.router(&entry(51, true, true), &["192.0.2.51"]);
    rig.router(&entry(52, true, true), &["192.0.2.52"]);
    rig.open(51);
    let message = message(52, 100);
    rig.expect(52, "192.0.2.2", &message);
    let vmac = Mac([0, 0, 0x5e, 0, 1, 51]);
    for (what, frame) in [
        ("IPv6, not ours", ethernet(NIC, NIC, 0x86dd)),
        ("IPv4 to the host", ipv4(NIC, "192.0.2.2", "192.0.2.1", 6, 64, &[], &[0; 20])),
        ("IPv4 to the VIP", ipv4(NIC, "192.0.2.2", "192.0.2.51", 6, 64, &[], &[0; 20])),
        ("to the virtual MAC", ipv4(vmac, "192.0.2.2", "192.0.2.51", 6, 64, &[], &[0; 20])),
        ("ARP not ours", Arp::request(NIC, "192.0.2.2", "192.0.2.1").bytes()),
        ("ARP, not master", Arp::request(NIC, "192.0.2.2", "192.0.2.52").bytes()),
        ("expected advert", advert("192.0.2.2", &message)),
    ] {
        println!("{what:20} {:4} ns", rig.repeat(&frame, REPEAT));
    } // An answer is no question any more, so that each run needs a new frame: the median of single runs, beside that of
    // a frame that is only looked at.
    let singles = |frame: &[u8]| {
        let mut runs: Vec<_> = (0..5_000).map(|_| rig.repeat(frame, 1)).collect();
        runs.sort_unstable();
        runs[runs.len() / 2]
    };
    let (answered, ignored) = (
        singles(&Arp::request(NIC, "192.0.2.2", "192.0.2.51").bytes()),
        singles(&ethernet(NIC, NIC, 0x86dd)),
    );
    println!("ARP answered alone   {answered:4} ns, a frame that is not ours {ignored} ns");
}
