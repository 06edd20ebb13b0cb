//! What a frame shows about the port that it came through.

use vrrp_common::{
    abi::{Verdict, event},
    types::Mac,
};

use crate::{
    frames::{Arp, advert, ethernet, ipv4, message, tagged},
    rig::{NIC, Rig, entry, now},
};

const PEER: Mac = Mac([0x02, 0, 0, 0, 0, 0x0b]);
const SWITCH: Mac = Mac([0x02, 0, 0, 0, 0, 0x5c]);

/// What is noted of one frame: the events, and which stamps are set.
fn noted(rig: &mut Rig, frame: &[u8]) -> (Vec<u32>, [bool; 2]) {
    rig.tables().watch().start();
    let before = now();
    let events = rig.arrive(frame).events;
    let kinds = events.iter().map(|event| event.kind).filter(|kind| *kind >= event::FORWARDED).collect();
    let seen = rig.tables().watch().seen();
    for at in [seen.forwarded, seen.bpdu].into_iter().flatten() {
        assert!(before <= at && at <= now(), "the stamp is the time of its arrival");
    }
    (kinds, [seen.forwarded.is_some(), seen.bpdu.is_some()])
}

/// IEEE 802.3: a length where others have a type, and LLC.
fn control(to: [u8; 6]) -> Vec<u8> {
    [ethernet(Mac(to), SWITCH, 38), vec![0x42, 0x42, 0x03], vec![0; 43]].concat()
}

#[test]
fn what_a_switch_says_itself_shows_no_port_that_forwards() {
    let mut rig = Rig::new();
    let switch = |last| [0x01, 0x80, 0xc2, 0, 0, last];
    let cisco = |last| [0x01, 0, 0x0c, 0xcc, 0xcc, last];
    let trees = [switch(0x00), switch(0x08), cisco(0xcd)];
    for to in (0x00..=0x0f).chain(0x20..=0x2f).map(switch).chain((0xc0..=0xcf).map(cisco)) {
        let tree = trees.contains(&to);
        let expected = (if tree { vec![event::BPDU] } else { vec![] }, [false, tree]);
        assert_eq!(noted(&mut rig, &control(to)), expected, "{to:02x?}");
    }
    for to in [switch(0x10), switch(0x14), switch(0x1f), switch(0x30), cisco(0xbf), cisco(0xd0)] {
        assert_eq!(noted(&mut rig, &control(to)), (vec![event::FORWARDED], [true, false]), "{to:02x?}");
    }
}

#[test]
fn what_came_through_a_port_shows_that_it_forwards() {
    let mut rig = Rig::new();
    rig.router(&entry(51, true, true), &["192.0.2.51"]);
    let forwarded = (vec![event::FORWARDED], [true, false]);
    for (what, frame) in [
        ("a question", Arp::request(PEER, "192.0.2.2", "192.0.2.1").bytes()),
        ("a question for the address", Arp::request(PEER, "192.0.2.2", "192.0.2.51").bytes()),
        ("an advert for a router here", advert("192.0.2.2", &message(51, 100))),
        ("an advert of another", advert("192.0.2.2", &message(77, 100))),
        ("IPv6", ethernet(Mac([0x33, 0x33, 0, 0, 0, 1]), PEER, 0x86dd)),
        ("to another station", ipv4(SWITCH, "192.0.2.2", "192.0.2.7", 17, 64, &[], &[0; 8])),
        ("with a priority", tagged(&Arp::request(PEER, "192.0.2.2", "192.0.2.1").bytes(), 0)),
    ] {
        assert_eq!(noted(&mut rig, &frame), forwarded, "{what}");
    }
}

#[test]
fn what_may_not_have_come_through_this_port_shows_nothing() {
    let mut rig = Rig::new();
    let question = Arp::request(PEER, "192.0.2.2", "192.0.2.1").bytes();
    for (what, frame) in [
        ("its own, by a loop", Arp::request(NIC, "192.0.2.2", "192.0.2.1").bytes()),
        ("to its own sender", ethernet(SWITCH, SWITCH, 0x9000)),
        ("of a VLAN", tagged(&question, 7)),
        ("of a VLAN, priority 5", tagged(&question, 5 << 13 | 7)),
    ] {
        assert_eq!(noted(&mut rig, &frame), (vec![], [false, false]), "{what}");
    }
}

#[test]
fn each_is_noted_once_and_only_while_it_is_asked_for() {
    let mut rig = Rig::new();
    let question = Arp::request(PEER, "192.0.2.2", "192.0.2.1").bytes();
    let bpdu = control([0x01, 0x80, 0xc2, 0, 0, 0]);
    assert!(rig.arrive(&question).events.is_empty(), "nobody asks");
    rig.tables().watch().start();
    let kinds = |rig: &mut Rig, frame: &[u8]| -> Vec<u32> {
        rig.arrive(frame).events.iter().map(|event| event.kind).collect()
    };
    assert_eq!(kinds(&mut rig, &bpdu), [event::BPDU]);
    let first = rig.tables().watch().seen();
    assert!(kinds(&mut rig, &bpdu).is_empty());
    assert_eq!(kinds(&mut rig, &question), [event::FORWARDED]);
    let both = rig.tables().watch().seen();
    assert_eq!(both.bpdu, first.bpdu);
    assert!(kinds(&mut rig, &question).is_empty() && kinds(&mut rig, &bpdu).is_empty());
    assert_eq!(rig.tables().watch().seen(), both);
    rig.tables().watch().start();
    assert_eq!(rig.tables().watch().seen(), vrrp_dataplane::Seen::default(), "asked anew");
    rig.tables().watch().stop();
    assert!(kinds(&mut rig, &question).is_empty() && kinds(&mut rig, &bpdu).is_empty());
    let verdict = rig.arrive(&bpdu).verdict;
    assert_eq!(verdict, Some(Verdict::NotOurs), "and the frame goes its way");
}
