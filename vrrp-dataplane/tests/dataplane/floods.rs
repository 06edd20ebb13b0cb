//! Who can use up what of the way to the daemon.

use std::net::Ipv4Addr;

use vrrp_common::{
    abi::{
        BUDGETS, EVENT_FRAME_BYTES, EVENT_ROOMS, EVENTS_BURST, EVENTS_BYTES, EVENTS_RESERVED_BYTES, Event,
        SOURCE_BURST, Verdict,
    },
    receive::Peer,
    types::{Mac, Priority},
};

use crate::{
    frames::{Arp, advert, ipv4, mend, message, summed},
    random::Random,
    rig::{NIC, Rig, entry, v4_slot},
};
use vrrp_dataplane::RouterEntry;

const VRID: u8 = 51;
const VIP: &str = "192.0.2.51";
const MASTER: &str = "192.0.2.2";
const DROP: u32 = 1;

fn rig() -> Rig {
    let mut rig = Rig::new();
    rig.router(&entry(VRID, true, true), &[VIP]);
    rig.router(&entry(VRID + 1, true, true), &["192.0.2.52"]);
    rig
}

/// A losing advert of another host each time.
fn stranger(number: u32) -> Vec<u8> {
    let source = Ipv4Addr::from(0xc633_6400 + number).to_string();
    advert(&source, &message(VRID, 50))
}

fn judged(rig: &mut Rig, frame: &[u8]) -> bool {
    rig.arrive(frame).verdict == Some(Verdict::AdvertJudged)
}

/// Every message that is wrong in one way, with the verdict on it.
fn wrong() -> Vec<(&'static str, Vec<u8>, Verdict)> {
    let message = message(VRID, 255);
    let with = |at: usize, value: u8| {
        let mut changed = message.clone();
        changed[at] = value;
        advert(MASTER, &summed(changed))
    };
    let ip = |at, value| {
        let mut frame = advert(MASTER, &message);
        mend(&mut frame, at, value);
        frame
    };
    let patched = |at: usize, bit: u8| {
        let mut frame = advert(MASTER, &message);
        frame[at] ^= bit;
        frame
    };
    let version_2 = summed([&[0x21][..], &message[1..]].concat());
    vec![
        ("TTL 254", ip(22, 254), Verdict::AdvertTtl),
        ("TTL 64", ip(22, 64), Verdict::AdvertTtl),
        ("IP version 5", ip(14, 0x55), Verdict::AdvertIpHeader),
        ("IP checksum", patched(24, 1), Verdict::AdvertIpHeader),
        ("version 1", with(0, 0x11), Verdict::AdvertVersion),
        ("version 4", with(0, 0x41), Verdict::AdvertVersion),
        ("type 2", with(0, 0x32), Verdict::AdvertType),
        ("more addresses than there are", with(3, 2), Verdict::AdvertLength),
        ("version 2 without its last eight bytes", advert(MASTER, &version_2), Verdict::AdvertLength),
        ("total length cut", ip(17, 31), Verdict::AdvertLength),
        ("cut short", advert(MASTER, &message)[..45].to_vec(), Verdict::AdvertLength),
        ("checksum", patched(40, 0x80), Verdict::AdvertChecksum),
        ("an address", patched(45, 4), Verdict::AdvertChecksum),
    ]
}

#[test]
fn what_no_configuration_can_accept_uses_up_nothing() {
    let mut rig = rig();
    for (what, frame, verdict) in wrong() {
        for _ in 0..2 * EVENTS_BURST {
            let outcome = rig.arrive(&frame);
            assert_eq!((outcome.action, outcome.verdict), (DROP, Some(verdict)), "{what}");
        }
    }
    // The very same sender, and the very kind of advert.
    assert!(judged(&mut rig, &advert(MASTER, &message(VRID, 255))));
}

#[test]
fn the_bounds_of_a_peer_are_those_of_its_adverts() {
    let mut rig = Rig::new();
    rig.router(&RouterEntry { unicast: true, ..entry(VRID, true, true) }, &[VIP]);
    let peer = Peer { address: MASTER.parse().unwrap(), min_ttl: 60, max_ttl: 64 };
    rig.tables().set_peers(v4_slot(VRID), &[peer]).unwrap();
    for (ttl, expected) in [
        (59, Verdict::AdvertTtl),
        (60, Verdict::AdvertJudged),
        (64, Verdict::AdvertJudged),
        (65, Verdict::AdvertTtl),
        (255, Verdict::AdvertTtl),
    ] {
        let frame = ipv4(NIC, MASTER, "192.0.2.1", 112, ttl, &[], &message(VRID, 100));
        assert_eq!(rig.arrive(&frame).verdict, Some(expected), "{ttl}");
    }
}

/// What is longer, has a trailer or options is left to the daemon, right or wrong.
#[test]
fn what_is_not_cheap_to_check_is_judged_by_the_daemon() {
    let mut rig = rig();
    let broken = |mut message: Vec<u8>| {
        message[6] ^= 0x55;
        message
    };
    let with_addresses = |count: u8| {
        let mut message = message(VRID, 100);
        message[3] = count;
        message.resize(8 + 4 * usize::from(count), 7);
        broken(summed(message))
    };
    let trailer = [broken(message(VRID, 100)), vec![0x5a; 20]].concat();
    let options = [1, 1, 1, 0];
    let group = Mac::VRRP_GROUP_V4;
    for (what, frame, expected) in [
        ("62 addresses", advert(MASTER, &with_addresses(62)), Verdict::AdvertChecksum),
        ("63 addresses", advert(MASTER, &with_addresses(63)), Verdict::AdvertJudged),
        ("a trailer", advert(MASTER, &trailer), Verdict::AdvertJudged),
        (
            "options",
            ipv4(group, MASTER, "224.0.0.18", 112, 255, &options, &broken(message(VRID, 100))),
            Verdict::AdvertJudged,
        ),
    ] {
        assert_eq!(rig.arrive(&frame).verdict, Some(expected), "{what}");
    }
}

#[test]
fn both_forms_of_the_checksum_are_right_and_in_version_2_one() {
    let mut rig = rig();
    let pseudo_header = |mut message: Vec<u8>| {
        message[6..8].fill(0);
        let length = message.len() as u16;
        let header = [&[192, 0, 2, 2, 224, 0, 0, 18, 0, 112][..], &length.to_be_bytes()].concat();
        let sum = crate::frames::checksum(&[header, message.clone()].concat());
        message[6..8].copy_from_slice(&sum.to_be_bytes());
        message
    };
    let version_3 = message(VRID, 100);
    let version_2 = [&[0x21][..], &version_3[1..], &[0; 8]].concat();
    for (message, expected) in [
        (version_3.clone(), Verdict::AdvertJudged),
        (pseudo_header(version_3), Verdict::AdvertJudged),
        (summed(version_2.clone()), Verdict::AdvertJudged),
        (pseudo_header(version_2), Verdict::AdvertChecksum),
    ] {
        assert_eq!(rig.arrive(&advert(MASTER, &message)).verdict, Some(expected), "{message:02x?}");
    }
}

#[test]
fn a_flood_of_adverts_is_limited_for_each_host_and_router_and_conflicts_apart_from_it() {
    let mut rig = rig();
    rig.open(VRID);
    let frame = advert("192.0.2.9", &message(VRID, 50));
    let verdicts: Vec<_> = (0..1000).map(|_| rig.arrive(&frame).verdict.unwrap()).collect();
    assert!(verdicts[..SOURCE_BURST as usize].iter().all(|&verdict| verdict == Verdict::AdvertJudged));
    assert!(verdicts.contains(&Verdict::AdvertLimited));
    assert!(judged(&mut rig, &stranger(1)), "another host");
    assert!(judged(&mut rig, &advert("192.0.2.9", &message(VRID + 1, 50))), "another router");

    let claim = Arp::request(Mac([0x02, 0, 0, 0, 0, 0xc1]), VIP, VIP).bytes();
    let conflicts: Vec<_> = (0..100).map(|_| rig.arrive(&claim).verdict.unwrap()).collect();
    assert_eq!(conflicts[0], Verdict::ArpConflict);
    assert!(conflicts.contains(&Verdict::ArpConflictLimited));
}

#[test]
fn no_flood_of_strangers_starves_the_master_nor_who_outranks() {
    let mut rig = rig();
    let slot = v4_slot(VRID);
    rig.expect(VRID, MASTER, &message(VRID, 200));
    let mut random = Random::new(0xf100d);
    let mut passed = 0;
    for round in 0..200 {
        // Adverts that lose, from more hosts than there are budgets, a hundred in the time of one of the others.
        for _ in 0..100 {
            passed += u32::from(judged(&mut rig, &stranger(random.below(8 * BUDGETS) as u32)));
        }
        if round % 20 == 0 {
            let [farewell, changed] = [0, 180].map(|priority| advert(MASTER, &message(VRID, priority)));
            assert!(judged(&mut rig, &farewell) && judged(&mut rig, &changed), "the master, round {round}");
            for priority in [100, 101, 255] {
                assert!(
                    judged(&mut rig, &advert("192.0.2.7", &message(VRID, priority))),
                    "{priority}, round {round}"
                );
            }
        }
    }
    let strangers = rig.counters().of(Verdict::AdvertLimited);
    println!("{passed} of the strangers' adverts were judged, {strangers} limited");
    assert!(strangers > 10_000, "no flood: {strangers} limited");
    // As high as our own priority is what counts, whatever that is now.
    rig.tables().set_priority(slot, Priority::new(101));
    let verdicts: Vec<_> = (0..2 * EVENTS_BURST as u32)
        .map(|number| {
            let source = Ipv4Addr::from(0xc633_6400 + number).to_string();
            rig.arrive(&advert(&source, &message(VRID, 100))).verdict.unwrap()
        })
        .collect();
    assert!(verdicts.contains(&Verdict::AdvertLimited), "a priority of 100 is now one of the others'");
    assert!(judged(&mut rig, &advert("192.0.2.8", &message(VRID, 101))));
}

/// What a frame of the longest kind takes of the ring, with the kernel's own eight bytes.
const LONGEST: usize = size_of::<Event>() + 8;

/// A frame that is as long as any.
fn padded(mut frame: Vec<u8>) -> Vec<u8> {
    frame.resize(EVENT_FRAME_BYTES, 0);
    frame
}

/// A ring that were full of the longest would not hold one advert of every router.
#[test]
fn a_frame_takes_of_the_ring_what_it_needs() {
    let mut rig = Rig::new();
    let routers: Vec<u8> = (1..=255).collect();
    for &vrid in &routers {
        rig.router(&entry(vrid, true, true), &[]);
    }
    assert!(routers.len() > EVENTS_BYTES / LONGEST);
    let [small, middle, large, _any] = EVENT_ROOMS;
    for (length, times) in [(small, 7), (middle, 2), (large, 1)] {
        for &vrid in &routers {
            let mut frame = advert(MASTER, &message(vrid, 100));
            frame.resize(length, 0);
            rig.burst(&frame, times);
        }
        let taken = rig.events();
        assert_eq!(taken.len(), times as usize * routers.len(), "of {length} bytes");
        assert!(taken.iter().all(|event| event.captured_frame().len() == length));
        assert_eq!(rig.counters().of(Verdict::AdvertRingFull), 0, "of {length} bytes");
    }
}

/// A flood over all routers fills half of the ring at most.
#[test]
fn others_leave_half_of_the_ring_to_who_must_be_heard() {
    let mut rig = Rig::new();
    let routers: Vec<u8> = (1..=50).collect();
    for &vrid in &routers {
        rig.router(&entry(vrid, true, true), &[]);
    }
    let room = (EVENTS_RESERVED_BYTES as usize / LONGEST, EVENTS_BYTES / LONGEST);
    // Nobody reads while these run.
    for &vrid in &routers {
        rig.burst(&padded(advert("192.0.2.9", &message(vrid, 50))), SOURCE_BURST as u32);
    }
    let counted =
        |rig: &Rig| [Verdict::AdvertJudged, Verdict::AdvertRingFull].map(|of| rig.counters().of(of) as usize);
    let [judged, full] = counted(&rig);
    assert!(
        (room.0 - 5..=room.0 + 1).contains(&judged) && full > 0,
        "{judged} of {room:?} taken, {full} not"
    );
    rig.expect(1, MASTER, &message(1, 200));
    rig.repeat(&advert(MASTER, &message(1, 0)), 1);
    rig.repeat(&advert("192.0.2.7", &message(2, 200)), 1);
    assert_eq!(counted(&rig), [judged + 2, full]);
}

#[test]
fn a_full_ring_is_counted_and_the_advert_dropped() {
    let mut rig = Rig::new();
    let routers: Vec<u8> = (1..=50).collect();
    for &vrid in &routers {
        rig.router(&entry(vrid, true, true), &[]);
    }
    // Nobody reads while these run: fifty bursts are more than fit.
    assert!(routers.len() * SOURCE_BURST as usize > EVENTS_BYTES / LONGEST);
    for &vrid in &routers {
        rig.burst(&padded(advert(MASTER, &message(vrid, 100))), SOURCE_BURST as u32);
    }
    assert!(rig.counters().of(Verdict::AdvertRingFull) > 0);
    assert_eq!(rig.counters().of(Verdict::AdvertLimited), 0);
}
