//! What the programs cost, and that they stay small.

use aya::programs::{ProgramInfo, Xdp};
use vrrp_common::{abi::name, types::Mac};

use crate::{
    frames::{Arp, advert, ethernet, ipv4, message, summed},
    rig::{NIC, Rig, entry, repeated},
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

/// Beside those of version 0.1.0, on the same maps and in turns, so that both have the same machine.
#[test]
fn what_was_fast_has_not_become_slower() {
    const TURNS: usize = 15;
    let mut rig = Rig::new();
    rig.router(&entry(51, true, true), &["192.0.2.51"]);
    rig.router(&entry(52, true, true), &["192.0.2.52"]);
    rig.open(51);
    let message = message(52, 100);
    rig.expect(52, "192.0.2.2", &message);
    let former = rig.former();
    let former: &Xdp = former.program(name::INGRESS).unwrap().try_into().unwrap();
    let vmac = Mac([0, 0, 0x5e, 0, 1, 51]);
    for (what, frame, repeat) in [
        ("IPv6, not ours", ethernet(NIC, NIC, 0x86dd), REPEAT / 4),
        ("IPv4 to the host", ipv4(NIC, "192.0.2.2", "192.0.2.1", 6, 64, &[], &[0; 20]), REPEAT / 4),
        ("to the virtual MAC", ipv4(vmac, "192.0.2.2", "192.0.2.51", 6, 64, &[], &[0; 20]), REPEAT / 4),
        ("ARP, not master", Arp::request(NIC, "192.0.2.2", "192.0.2.52").bytes(), REPEAT / 4),
        ("expected advert", advert("192.0.2.2", &message), REPEAT / 4),
        // An answer is no question any more.
        ("ARP answered", Arp::request(NIC, "192.0.2.2", "192.0.2.51").bytes(), 1),
    ] {
        let runs = if repeat == 1 { 300 * TURNS } else { TURNS };
        let (mut before, mut now) = (Vec::new(), Vec::new());
        for _ in 0..runs {
            before.push(repeated(former, &frame, repeat));
            now.push(rig.repeat(&frame, repeat));
        }
        let median = |runs: &mut Vec<u128>| {
            runs.sort_unstable();
            runs[runs.len() / 2]
        };
        let (before, now) = (median(&mut before), median(&mut now));
        let ratio = now as f64 / before as f64;
        println!("{what:20} 0.1.0 {before:4} ns, now {now:4} ns: {ratio:.2}");
        assert!(ratio < 1.5, "{what}: {now} ns, {before} ns in 0.1.0");
    }
}

#[test]
fn nanoseconds_for_each_verdict() {
    let mut rig = Rig::new();
    rig.router(&entry(51, true, true), &["192.0.2.51"]);
    rig.router(&entry(52, true, true), &["192.0.2.52"]);
    rig.open(51);
    let message = message(52, 100);
    rig.expect(52, "192.0.2.2", &message);
    let wrong = [&message[..11], &[99]].concat();
    let losing = summed([&message[..2], &[50], &message[3..]].concat());
    let vmac = Mac([0, 0, 0x5e, 0, 1, 51]);
    for (what, frame) in [
        ("IPv6, not ours", ethernet(NIC, NIC, 0x86dd)),
        ("IPv4 to the host", ipv4(NIC, "192.0.2.2", "192.0.2.1", 6, 64, &[], &[0; 20])),
        ("IPv4 to the VIP", ipv4(NIC, "192.0.2.2", "192.0.2.51", 6, 64, &[], &[0; 20])),
        ("to the virtual MAC", ipv4(vmac, "192.0.2.2", "192.0.2.51", 6, 64, &[], &[0; 20])),
        ("ARP not ours", Arp::request(NIC, "192.0.2.2", "192.0.2.1").bytes()),
        ("ARP, not master", Arp::request(NIC, "192.0.2.2", "192.0.2.52").bytes()),
        ("expected advert", advert("192.0.2.2", &message)),
        ("advert, TTL 64", ipv4(Mac::VRRP_GROUP_V4, "192.0.2.2", "224.0.0.18", 112, 64, &[], &message)),
        ("advert, checksum", advert("192.0.2.2", &wrong)),
        ("advert, limited", advert("192.0.2.7", &losing)),
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
