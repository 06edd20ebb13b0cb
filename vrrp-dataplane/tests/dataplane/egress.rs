//! What leaves: no neighbour ever learns another MAC than the router's for a virtual address.

use vrrp_common::{
    abi::{self, Verdict},
    types::{Family, Mac, Vrid},
    wire::arp,
};

use crate::{
    frames::{Arp, ipv4},
    rig::{NIC, Rig, entry, now, v4_slot},
};

const VIP: &str = "192.0.2.51";
const CLIENT_IP: &str = "192.0.2.200";
const NEXT: u32 = u32::MAX;
const SHOT: u32 = 2;

fn rig() -> (Rig, Mac) {
    let mut rig = Rig::new();
    rig.router(&entry(51, true, true), &[VIP]);
    (rig, Mac::virtual_router(Family::V4, Vrid::new(51).unwrap()))
}

#[test]
fn the_hosts_own_question_leaves_with_the_virtual_mac() {
    let (mut rig, vmac) = rig();
    rig.open(51);
    for question in [
        Arp::request(NIC, VIP, CLIENT_IP),
        Arp { from: vmac, ..Arp::request(NIC, VIP, CLIENT_IP) },
        Arp { from: NIC, ..Arp::request(vmac, VIP, CLIENT_IP) },
        Arp::reply(NIC, VIP, Mac([2, 0, 0, 0, 0, 1]), CLIENT_IP),
    ] {
        let outcome = rig.leave(&question.bytes());
        let corrected = Arp { from: vmac, sender_mac: vmac, ..question };
        assert_eq!((outcome.action, outcome.verdict), (NEXT, Some(Verdict::EgressCorrected)));
        assert_eq!(outcome.frame, corrected.bytes());
    }
}

#[test]
fn a_closed_door_lets_no_claim_out() {
    let (mut rig, vmac) = rig();
    for mac in [NIC, vmac] {
        for question in [Arp::request(mac, VIP, VIP), Arp::request(mac, VIP, CLIENT_IP)] {
            rig.tables().close(v4_slot(51), now());
            let outcome = rig.leave(&question.bytes());
            assert_eq!((outcome.action, outcome.verdict), (SHOT, Some(Verdict::EgressDropped)));
            rig.lapse(51);
            assert_eq!(rig.leave(&question.bytes()).action, SHOT);
        }
    }
}

/// Said by the daemon when it has yielded the role.
#[test]
fn that_an_address_is_elsewhere_is_let_out_by_its_mark() {
    let (mut rig, _) = rig();
    rig.tables().close(v4_slot(51), now());
    let frame = arp::elsewhere(NIC, Mac([2, 0, 0, 0, 0, 9]), VIP.parse().unwrap());
    assert_eq!(rig.leave(&frame).action, SHOT);
    let outcome = rig.leave_marked(&frame, abi::ELSEWHERE_MARK);
    assert_eq!((outcome.action, outcome.verdict, outcome.frame), (NEXT, None, frame.to_vec()));
}

#[test]
fn everything_else_leaves_as_it_is() {
    let (mut rig, vmac) = rig();
    rig.open(51);
    for frame in [
        Arp::request(vmac, VIP, VIP).bytes(),
        Arp::request(NIC, "192.0.2.1", VIP).bytes(),
        ipv4(Mac::BROADCAST, VIP, CLIENT_IP, 17, 64, &[], &[0; 20]),
    ] {
        let outcome = rig.leave(&frame);
        assert_eq!((outcome.action, outcome.verdict, outcome.frame), (NEXT, None, frame));
    }
}
