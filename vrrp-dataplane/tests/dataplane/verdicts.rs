//! Every verdict: the state, the frame, and what becomes of it.

use std::{collections::BTreeSet, thread::sleep, time::Duration};

use vrrp_common::{
    abi::{Verdict, event},
    types::{Family, Mac, Vrid},
};

use crate::{
    frames::{Arp, REPLY, advert, ethernet, ipv4, mend, message, tagged},
    rig::{LONG, NIC, Rig, entry, now, until, v4_slot},
};

const DROP: u32 = 1;
const PASS: u32 = 2;
const TX: u32 = 3;

const VRID: u8 = 51;
const VIP: &str = "192.0.2.51";
/// A second router, always backup, whose addresses are another's.
const OTHER_VIP: &str = "192.0.2.52";
const CLIENT: Mac = Mac([0x02, 0, 0, 0, 0, 0xc1]);
const CLIENT_IP: &str = "192.0.2.200";

fn vmac(vrid: u8) -> Mac {
    Mac::virtual_router(Family::V4, Vrid::new(vrid).unwrap())
}

fn rig() -> Rig {
    let mut rig = Rig::new();
    rig.router(&entry(VRID, true, true), &[VIP]);
    rig.router(&entry(VRID + 1, true, true), &[OTHER_VIP]);
    rig
}

#[derive(Clone, Copy, Debug)]
enum State {
    Master,
    Backup,
    Lapsed,
}

fn set(rig: &mut Rig, state: State) {
    match state {
        State::Master => rig.open(VRID),
        State::Backup => rig.tables().close(v4_slot(VRID), now()),
        State::Lapsed => rig.lapse(VRID),
    }
}

/// Each with what it is at master, backup, and with the lease over.
type Row = (&'static str, Vec<u8>, [(u32, Verdict); 3]);

#[expect(clippy::too_many_lines, reason = "a table")]
fn rows() -> Vec<Row> {
    use Verdict::*;
    let everywhere = |action, verdict| [(action, verdict); 3];
    let door = |action, open, not_master, lapsed| [(action, open), (DROP, not_master), (DROP, lapsed)];
    let asked = |answered| door(TX, answered, ArpNotMaster, ArpLeaseLapsed);
    let claimed = |claim| [(DROP, claim), (PASS, ArpMasterClaim), (DROP, ArpLeaseLapsed)];
    let ask = Arp::request(CLIENT, CLIENT_IP, VIP);
    let to = |to| Arp { to, ..ask };
    let with = |arp: Arp| arp.bytes();
    let patched = |offset: usize, byte: u8| {
        let mut frame = ask.bytes();
        frame[offset] = byte;
        frame
    };
    vec![
        ("request to all", with(ask), asked(ArpAnswered)),
        ("request, padded", [ask.bytes(), vec![0; 18]].concat(), asked(ArpAnswered)),
        ("request to the virtual MAC", with(to(vmac(VRID))), asked(ArpAnswered)),
        ("request to the NIC", with(to(NIC)), asked(ArpAnswered)),
        ("request to another host", with(to(CLIENT)), everywhere(PASS, NotOurs)),
        ("probe", with(Arp { sender: [0; 4].into(), ..ask }), asked(ArpAnswered)),
        ("IEEE 802 hardware", with(Arp { hardware: 6, ..ask }), asked(ArpAnswered)),
        ("other hardware", with(Arp { hardware: 7, ..ask }), everywhere(PASS, NotOurs)),
        ("hardware length 5", patched(18, 5), everywhere(PASS, NotOurs)),
        ("protocol length 6", patched(19, 6), everywhere(PASS, NotOurs)),
        ("another protocol", patched(16, 0x86), everywhere(PASS, NotOurs)),
        ("operation 3", with(Arp { operation: 3, ..ask }), everywhere(DROP, ArpMalformed)),
        (
            "sender's MAC of a group",
            with(Arp { sender_mac: Mac::BROADCAST, ..ask }),
            everywhere(DROP, ArpMalformed),
        ),
        (
            "sender's MAC zero",
            with(Arp { sender_mac: Mac::default(), ..ask }),
            everywhere(DROP, ArpMalformed),
        ),
        ("cut short", ask.bytes()[..41].to_vec(), everywhere(PASS, NotOurs)),
        (
            "for another address",
            with(Arp::request(CLIENT, CLIENT_IP, "192.0.2.7")),
            everywhere(PASS, NotOurs),
        ),
        ("below a priority tag", tagged(&ask.bytes(), 0xe000), asked(ArpAnswered)),
        ("below two priority tags", tagged(&tagged(&ask.bytes(), 0), 0), asked(ArpAnswered)),
        ("below three", tagged(&tagged(&tagged(&ask.bytes(), 0), 0), 0), everywhere(DROP, TagsTooDeep)),
        ("in a VLAN", tagged(&ask.bytes(), 7), everywhere(PASS, NotOurs)),
        ("in a VLAN below a priority tag", tagged(&tagged(&ask.bytes(), 7), 0), everywhere(PASS, NotOurs)),
        ("claim as request", with(Arp::request(CLIENT, VIP, CLIENT_IP)), claimed(ArpConflict)),
        ("claim as announcement", with(Arp::request(CLIENT, VIP, VIP)), claimed(ArpConflict)),
        (
            "claim as announcing reply",
            with(Arp { operation: REPLY, ..Arp::request(CLIENT, VIP, VIP) }),
            claimed(ArpConflict),
        ),
        ("claim as reply", with(Arp::reply(CLIENT, VIP, NIC, CLIENT_IP)), claimed(ArpConflict)),
        ("own claim", with(Arp::request(vmac(VRID), VIP, VIP)), claimed(ArpOwnClaim)),
        (
            "asked by a virtual address that is another's",
            with(Arp::request(vmac(52), OTHER_VIP, VIP)),
            asked(ArpAnswered),
        ),
        (
            "reply to the virtual MAC",
            with(Arp::reply(CLIENT, CLIENT_IP, vmac(VRID), VIP)),
            door(PASS, ArpAdmitted, ArpNotMaster, ArpLeaseLapsed),
        ),
        (
            "reply to the NIC",
            with(Arp::reply(CLIENT, CLIENT_IP, NIC, VIP)),
            door(PASS, ArpAdmitted, ArpNotMaster, ArpLeaseLapsed),
        ),
        (
            "to the virtual MAC",
            ipv4(vmac(VRID), CLIENT_IP, VIP, 17, 64, &[], &[0; 20]),
            door(PASS, VmacAdmitted, VmacNotMaster, VmacLeaseLapsed),
        ),
        (
            "routed through the virtual MAC",
            ipv4(vmac(VRID), CLIENT_IP, "198.51.100.1", 17, 64, &[], &[0; 20]),
            door(PASS, VmacAdmitted, VmacNotMaster, VmacLeaseLapsed),
        ),
        (
            "IPv6 to the virtual MAC",
            ethernet(vmac(VRID), CLIENT, 0x86dd),
            door(PASS, VmacAdmitted, VmacNotMaster, VmacLeaseLapsed),
        ),
        ("to a virtual MAC that is not here", ethernet(vmac(77), CLIENT, 0x0800), everywhere(PASS, NotOurs)),
        (
            "to the virtual address at the NIC",
            ipv4(NIC, CLIENT_IP, VIP, 6, 64, &[], &[0; 20]),
            door(PASS, VipAdmitted, VipNotMaster, VipLeaseLapsed),
        ),
        ("to the host", ipv4(NIC, CLIENT_IP, "192.0.2.1", 6, 64, &[], &[0; 20]), everywhere(PASS, NotOurs)),
        ("IPv6", ethernet(NIC, CLIENT, 0x86dd), everywhere(PASS, NotOurs)),
        ("IPv4, cut short", ethernet(NIC, CLIENT, 0x0800), everywhere(PASS, NotOurs)),
        ("advert", advert("192.0.2.2", &message(VRID, 100)), everywhere(PASS, AdvertJudged)),
        ("advert of nobody here", advert("192.0.2.2", &message(9, 100)), everywhere(PASS, AdvertUnknownVrid)),
        ("advert without a VRID", advert("192.0.2.2", &[0x31]), everywhere(PASS, AdvertUnreadable)),
    ]
}

#[test]
fn every_frame_gets_its_verdict_in_every_state() {
    let mut rig = rig();
    for (index, state) in [State::Master, State::Backup, State::Lapsed].into_iter().enumerate() {
        set(&mut rig, state);
        for (what, frame, expected) in rows() {
            let (action, verdict) = expected[index];
            let outcome = rig.arrive(&frame);
            assert_eq!((outcome.action, outcome.verdict), (action, Some(verdict)), "{what}, {state:?}");
            let event = match verdict {
                Verdict::AdvertJudged => Some(event::ADVERT),
                Verdict::ArpConflict => Some(event::CONFLICT),
                _ => None,
            };
            assert_eq!(outcome.events.first().map(|event| event.kind), event, "{what}, {state:?}");
            if action == PASS
                && !matches!(verdict, Verdict::ArpAdmitted | Verdict::VmacAdmitted | Verdict::NotOurs)
            {
                assert_eq!(outcome.frame, frame, "{what}, {state:?}: passed as it came");
            }
        }
    }
}

/// An answer is reported whatever the role and whatever MAC it names, while it is asked for, and judged as ever.
#[test]
fn what_this_host_has_asked_for_is_reported() {
    let mut rig = rig();
    for mac in [CLIENT, vmac(VRID)] {
        let answer = Arp::reply(mac, VIP, NIC, "0.0.0.0").bytes();
        for state in [State::Backup, State::Lapsed, State::Master] {
            set(&mut rig, state);
            rig.tables().set_asking(v4_slot(VRID), false);
            let before = rig.arrive(&answer);
            rig.tables().set_asking(v4_slot(VRID), true);
            let outcome = rig.arrive(&answer);
            assert_eq!((outcome.action, outcome.verdict), (before.action, before.verdict), "{state:?}");
            let kinds: Vec<_> = outcome.events.iter().map(|event| (event.kind, event.slot)).collect();
            assert_eq!(kinds, [(event::CONFLICT, v4_slot(VRID))], "{state:?}, {mac}");
        }
        rig.tables().close(v4_slot(VRID), now());
        let others = [Arp::reply(mac, "192.0.2.9", NIC, "0.0.0.0"), Arp::request(mac, VIP, VIP)];
        for other in others {
            assert!(rig.arrive(&other.bytes()).events.is_empty(), "{other:?}");
        }
    }
}

#[test]
fn the_answer_says_the_virtual_mac_and_nothing_else() {
    let mut rig = rig();
    rig.open(VRID);
    for hardware in [1, 6] {
        let ask = Arp { hardware, ..Arp::request(CLIENT, CLIENT_IP, VIP) };
        let padding = vec![0x5a; 18];
        let answer = Arp { hardware, from: vmac(VRID), ..Arp::reply(vmac(VRID), VIP, CLIENT, CLIENT_IP) };
        let outcome = rig.arrive(&[ask.bytes(), padding.clone()].concat());
        assert_eq!(outcome.frame, [answer.bytes(), padding].concat());
    }
    // Whatever the Ethernet source says, the answer goes to who asked.
    let relayed = Arp { from: Mac([0x02, 9, 9, 9, 9, 9]), ..Arp::request(CLIENT, CLIENT_IP, VIP) };
    assert_eq!(&rig.arrive(&relayed.bytes()).frame[..12], &[CLIENT.0, vmac(VRID).0].concat());
}

#[test]
fn what_is_let_in_comes_to_the_interfaces_own_mac() {
    let mut rig = rig();
    rig.open(VRID);
    let reply = Arp::reply(CLIENT, CLIENT_IP, vmac(VRID), VIP);
    let traffic = ipv4(vmac(VRID), CLIENT_IP, VIP, 17, 64, &[], &[7; 20]);
    for frame in [reply.bytes(), traffic] {
        let outcome = rig.arrive(&frame);
        assert_eq!(outcome.frame, [&NIC.0, &frame[6..]].concat());
    }
}

#[test]
fn a_priority_tag_is_gone_from_what_is_passed() {
    let mut rig = rig();
    let frame = ipv4(NIC, CLIENT_IP, "192.0.2.1", 6, 64, &[], &[3; 20]);
    let outcome = rig.arrive(&tagged(&frame, 0xa000));
    assert_eq!((outcome.action, outcome.frame), (PASS, frame));
}

#[test]
fn without_accept_mode_packets_to_the_address_are_dropped_and_others_routed() {
    let mut rig = Rig::new();
    rig.router(&entry(VRID, true, false), &[VIP]);
    rig.open(VRID);
    let to = |mac, address| ipv4(mac, CLIENT_IP, address, 17, 64, &[], &[0; 20]);
    for (frame, expected) in [
        (to(vmac(VRID), VIP), Verdict::VipNotAccepted),
        (to(NIC, VIP), Verdict::VipNotAccepted),
        (to(vmac(VRID), "198.51.100.1"), Verdict::VmacAdmitted),
    ] {
        assert_eq!(rig.arrive(&frame).verdict, Some(expected));
    }
    assert_eq!(rig.arrive(&Arp::request(CLIENT, CLIENT_IP, VIP).bytes()).verdict, Some(Verdict::ArpAnswered));
}

#[test]
fn without_a_virtual_mac_the_interfaces_own_answers() {
    let mut rig = Rig::new();
    rig.router(&entry(VRID, false, true), &[VIP]);
    rig.open(VRID);
    let outcome = rig.arrive(&Arp::request(CLIENT, CLIENT_IP, VIP).bytes());
    let answer = Arp { from: NIC, ..Arp::reply(NIC, VIP, CLIENT, CLIENT_IP) };
    assert_eq!((outcome.action, outcome.frame), (TX, answer.bytes()));
    let traffic = ipv4(vmac(VRID), CLIENT_IP, VIP, 17, 64, &[], &[0; 20]);
    assert_eq!(rig.arrive(&traffic).verdict, Some(Verdict::VipAdmitted));
}

#[test]
fn the_door_closes_by_itself_when_the_lease_is_over() {
    let mut rig = rig();
    let lease = now() + Duration::from_millis(50);
    rig.tables().open(v4_slot(VRID), until(lease), now());
    let ask = Arp::request(CLIENT, CLIENT_IP, VIP).bytes();
    let mut seen = BTreeSet::new();
    while now() < lease + Duration::from_millis(20) {
        let before = now();
        let verdict = rig.arrive(&ask).verdict.unwrap();
        let after = now();
        seen.insert(verdict);
        match verdict {
            Verdict::ArpAnswered => assert!(before < lease, "answered after the lease was over"),
            _ => assert!(after >= lease, "{verdict:?} while the lease was good"),
        }
        sleep(Duration::from_micros(200));
    }
    assert_eq!(seen, BTreeSet::from([Verdict::ArpAnswered, Verdict::ArpLeaseLapsed]));
    rig.tables().renew(v4_slot(VRID), until(now() + LONG));
    assert_eq!(rig.arrive(&ask).verdict, Some(Verdict::ArpAnswered));
}

#[test]
fn the_expected_advert_is_stamped_and_wakes_nobody() {
    let mut rig = rig();
    let slot = v4_slot(VRID);
    let message = message(VRID, 100);
    rig.expect(VRID, "192.0.2.2", &message);
    let frame = advert("192.0.2.2", &message);
    for (padding, heard) in [(0, 1), (14, 2)] {
        let before = now();
        let outcome = rig.arrive(&[frame.clone(), vec![0xee; padding]].concat());
        assert_eq!((outcome.action, outcome.verdict), (PASS, Some(Verdict::AdvertExpected)));
        assert!(outcome.events.is_empty());
        let (at, count) = rig.tables().last_heard(slot);
        assert!(at.is_some_and(|at| before <= at && at <= now()), "the stamp is CLOCK_BOOTTIME");
        assert_eq!(count, heard);
    }
    let router = rig.tables().router(slot);
    assert_eq!(router.master_priority, 100);
    rig.tables().forget(slot);
    assert_eq!(rig.arrive(&frame).verdict, Some(Verdict::AdvertJudged));
}

#[test]
fn one_changed_byte_of_an_expected_advert_goes_to_the_daemon() {
    let mut rig = rig();
    let slot = v4_slot(VRID);
    let message = message(VRID, 100);
    rig.expect(VRID, "192.0.2.2", &message);
    let frame = advert("192.0.2.2", &message);
    // Whoever checks what is in between is the kernel's IP: version and IHL, length, TTL, addresses, checksum, message.
    for offset in (14..frame.len()).filter(|offset| *offset != 23 && *offset != 35) {
        let mut changed = frame.clone();
        changed[offset] ^= 0x10;
        let outcome = rig.arrive(&changed);
        assert_ne!(outcome.verdict, Some(Verdict::AdvertExpected), "byte {offset}");
    }
    assert_eq!(rig.tables().last_heard(slot), (None, 0));
    let short = frame[..frame.len() - 1].to_vec();
    assert_eq!(rig.arrive(&short).verdict, Some(Verdict::AdvertLength), "a frame without its last byte");
}

#[test]
fn messages_of_every_length_are_recognised_up_to_the_bound() {
    let mut rig = rig();
    for addresses in [0, 1, 2, 61, 62, 63, 255] {
        let mut message = message(VRID, 100)[..8].to_vec();
        message.extend((0..addresses * 4).map(|byte| byte as u8));
        rig.expect(VRID, "192.0.2.2", &message);
        let outcome = rig.arrive(&advert("192.0.2.2", &message));
        let expected = if addresses <= 62 { Verdict::AdvertExpected } else { Verdict::AdvertJudged };
        assert_eq!(outcome.verdict, Some(expected), "{addresses} addresses");
    }
}

#[test]
fn the_event_carries_the_frame_as_it_came() {
    let mut rig = rig();
    let options = [0x94, 4, 0, 0];
    for payload in [8, 12, 1028, 1480, 1600] {
        let mut message = message(VRID, 100)[..8].to_vec();
        // No addresses: what follows is something behind the message.
        message[3] = 0;
        message.resize(payload, 0x77);
        let frame = ipv4(Mac::VRRP_GROUP_V4, "192.0.2.2", "224.0.0.18", 112, 255, &options, &message);
        let before = now();
        let outcome = rig.arrive(&frame);
        assert_eq!(outcome.verdict, Some(Verdict::AdvertJudged), "{payload} bytes");
        let [event] = &outcome.events[..] else { panic!("{} events", outcome.events.len()) };
        let captured = frame.len().min(event.frame.len());
        assert_eq!((event.kind, event.slot), (event::ADVERT, v4_slot(VRID)));
        assert_eq!((event.frame_length as usize, event.captured as usize), (frame.len(), captured));
        assert_eq!(event.frame[..captured], frame[..captured]);
        assert!(before.as_nanos() <= event.at_ns && event.at_ns <= now().as_nanos());
    }
}

#[test]
fn fragments_are_judged_by_nobody() {
    let mut rig = rig();
    for (high, low) in [(0x20, 0), (0, 1), (0x1f, 0xff)] {
        let mut frame = advert("192.0.2.2", &message(VRID, 100));
        (frame[20], frame[21]) = (high, low);
        let outcome = rig.arrive(&frame);
        assert_eq!((outcome.action, outcome.verdict), (PASS, Some(Verdict::AdvertUnreadable)));
    }
    let mut frame = advert("192.0.2.2", &message(VRID, 100));
    mend(&mut frame, 20, 0x40);
    assert_eq!(rig.arrive(&frame).verdict, Some(Verdict::AdvertJudged), "\"don't fragment\" is no fragment");
}
