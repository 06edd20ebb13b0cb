//! Each rung of the ladder: what it lets through, and what it stops.

use proptest::prelude::*;
use std::{net::Ipv4Addr, vec, vec::Vec};

use super::*;
use crate::{
    types::{Family, Mac},
    wire::vrrp::{AdvertV4, MAX_LEN_V4},
};

const VRID: Vrid = Vrid::new(51).unwrap();
const PEER: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 2);
const VIPS_V4: [Ipv4Addr; 2] = [Ipv4Addr::new(10, 77, 0, 100), Ipv4Addr::new(10, 77, 0, 101)];
const VIPS: [IpAddr; 2] = [IpAddr::V4(VIPS_V4[0]), IpAddr::V4(VIPS_V4[1])];
const PASSWORD: [u8; 8] = *b"1111\0\0\0\0";

const LOCAL: Local<'static> = Local {
    version: Version::V3,
    vrid: VRID,
    address: IpAddr::V4(Ipv4Addr::new(10, 77, 0, 1)),
    interval: AdvertInterval::DEFAULT,
    auth: None,
    addresses: &VIPS,
    peers: None,
    owner: false,
    rfc_discards: false,
};
const LOCAL_V2: Local<'static> = Local { version: Version::V2, auth: Some(PASSWORD), ..LOCAL };
/// As the RFC has it.
const STRICT: Local<'static> = Local { rfc_discards: true, ..LOCAL };
const STRICT_V2: Local<'static> = Local { rfc_discards: true, ..LOCAL_V2 };

/// Takes adverts from PEER alone, over up to two routers.
const UNICAST: Local<'static> =
    Local { peers: Some(&[Peer { address: IpAddr::V4(PEER), min_ttl: 253, max_ttl: 255 }]), ..LOCAL };

const V3: AdvertV4<'static> = AdvertV4 {
    version: Version::V3,
    vrid: VRID,
    priority: Priority::DEFAULT,
    interval: AdvertInterval::DEFAULT,
    source: PEER,
    destination: ipv4::GROUP,
    ttl: ipv4::TTL,
    auth: None,
    checksum: ChecksumForm::PseudoHeader,
    addresses: &VIPS_V4,
};
const V2: AdvertV4<'static> =
    AdvertV4 { version: Version::V2, auth: Some(PASSWORD), checksum: ChecksumForm::MessageOnly, ..V3 };

const TO_US: AdvertV4<'static> = AdvertV4 { destination: Ipv4Addr::new(10, 77, 0, 1), ttl: 253, ..V3 };

fn frame(advert: &AdvertV4<'_>) -> Vec<u8> {
    let mut buffer = vec![0u8; 20 + MAX_LEN_V4];
    let mut frame =
        ethernet::header(Mac::VRRP_GROUP_V4, Mac::virtual_router(Family::V4, advert.vrid), ethernet::IPV4)
            .to_vec();
    frame.extend_from_slice(advert.emit(&mut buffer).unwrap());
    frame
}

/// Changes bytes of the IP header and mends its checksum, and those of the message and mends its checksum.
fn patched(advert: &AdvertV4<'_>, patches: &[(usize, u8)]) -> Vec<u8> {
    let mut frame = frame(advert);
    for (index, value) in patches {
        frame[*index] = *value;
    }
    frame[24..26].fill(0);
    let ip = Sum::new().with(&frame[14..34]).finish().to_be_bytes();
    frame[24..26].copy_from_slice(&ip);
    frame[40..42].fill(0);
    let message = Sum::new().with(&frame[34..]).finish().to_be_bytes();
    frame[40..42].copy_from_slice(&message);
    frame
}

fn judged<'a>(frame: &'a [u8], local: &Local<'_>) -> Result<Received<'a>, Discard> {
    receive(frame, frame.len(), local).map_err(|discarded| discarded.reason)
}

#[test]
fn both_checksum_forms_of_version_3_are_accepted_and_told_apart() {
    for checksum in [ChecksumForm::PseudoHeader, ChecksumForm::MessageOnly] {
        let frame = frame(&AdvertV4 { checksum, ..V3 });
        let received = judged(&frame, &LOCAL).unwrap();
        assert_eq!(received.checksum, checksum);
        assert_eq!(received.advert.source, IpAddr::V4(PEER));
        assert_eq!(
            (received.advert.lists, received.interval_differs, received.advert.deaf),
            (Lists::Same, false, false)
        );
    }
}

#[test]
fn a_peer_is_heard_by_unicast_with_both_checksum_forms() {
    for checksum in [ChecksumForm::PseudoHeader, ChecksumForm::MessageOnly] {
        let frame = frame(&AdvertV4 { checksum, ..TO_US });
        assert_eq!(judged(&frame, &UNICAST).unwrap().checksum, checksum);
    }
    let v2 = AdvertV4 { destination: TO_US.destination, ..V2 };
    assert!(judged(&frame(&v2), &Local { peers: UNICAST.peers, ..LOCAL_V2 }).is_ok());
}

#[test]
fn version_2_with_the_right_password_is_accepted() {
    assert_eq!(judged(&frame(&V2), &LOCAL_V2).unwrap().advert.priority, Priority::DEFAULT);
}

#[test]
fn a_pseudo_header_is_no_checksum_of_version_2() {
    let mut bytes = frame(&V2);
    bytes[40..42].fill(0);
    let sum = Sum::pseudo_header(PEER, ipv4::GROUP, (bytes.len() - 34) as u16).with(&bytes[34..]).finish();
    bytes[40..42].copy_from_slice(&sum.to_be_bytes());
    assert_eq!(judged(&bytes, &LOCAL_V2), Err(Discard::Checksum));
}

#[test]
fn ethernet_padding_is_not_message() {
    let mut bytes = frame(&AdvertV4 { addresses: &VIPS_V4[..1], ..V3 });
    bytes.resize(60, 0xee);
    assert_eq!(judged(&bytes, &LOCAL).unwrap().message.len(), 12);
}

#[test]
fn ip_options_are_stepped_over() {
    let plain = frame(&V3);
    let mut bytes = plain[..34].to_vec();
    bytes.extend([1, 1, 1, 0]);
    bytes.extend(&plain[34..]);
    bytes[14] = 0x46;
    bytes[17] += 4;
    bytes[24..26].fill(0);
    let ip = Sum::new().with(&bytes[14..38]).finish().to_be_bytes();
    bytes[24..26].copy_from_slice(&ip);
    assert!(judged(&bytes, &LOCAL).is_ok());
}

#[test]
fn trailing_bytes_after_the_addresses_are_let_be() {
    let mut bytes = frame(&V3);
    bytes.extend([0xaa; 28]);
    bytes[17] += 28;
    bytes[24..26].fill(0);
    let ip = Sum::new().with(&bytes[14..34]).finish().to_be_bytes();
    bytes[24..26].copy_from_slice(&ip);
    assert!(judged(&bytes, &LOCAL).is_ok());
}

/// What fails only one rung, for every rung that a single change can fail.
type Case = (&'static str, Vec<u8>, &'static Local<'static>, Discard);

/// The rungs of the IP stack.
fn ip_cases() -> Vec<Case> {
    vec![
        (
            "a VLAN tag",
            [&frame(&V3)[..12], &[0x81, 0, 0, 7], &frame(&V3)[12..]].concat(),
            &LOCAL,
            Discard::EtherType,
        ),
        ("half an IP header", frame(&V3)[..30].to_vec(), &LOCAL, Discard::IpTruncated),
        ("IP version 6", patched(&V3, &[(14, 0x65)]), &LOCAL, Discard::IpHeader),
        (
            "a flipped bit in the IP header",
            {
                let mut f = frame(&V3);
                f[18] ^= 1;
                f
            },
            &LOCAL,
            Discard::IpChecksum,
        ),
        ("more fragments", patched(&V3, &[(20, 0x20)]), &LOCAL, Discard::IpFragment),
        ("a fragment offset", patched(&V3, &[(21, 1)]), &LOCAL, Discard::IpFragment),
        ("protocol 51", patched(&V3, &[(23, 51)]), &LOCAL, Discard::NotAnAdvert),
        ("another group", patched(&V3, &[(33, 19)]), &LOCAL, Discard::NotAnAdvert),
        ("to the group, where there are peers", frame(&V3), &UNICAST, Discard::NotAnAdvert),
        ("by unicast, where there are no peers", frame(&TO_US), &LOCAL, Discard::NotAnAdvert),
        (
            "by unicast from a stranger",
            frame(&AdvertV4 { source: Ipv4Addr::new(10, 77, 0, 3), ..TO_US }),
            &UNICAST,
            Discard::UnknownPeer,
        ),
        ("from too far away", frame(&AdvertV4 { ttl: 252, ..TO_US }), &UNICAST, Discard::Ttl),
    ]
}

/// The rungs of VRRP.
fn vrrp_cases() -> Vec<Case> {
    const OPEN_V2: &Local<'_> = &Local { auth: None, ..LOCAL_V2 };
    vec![
        ("TTL 254", patched(&V3, &[(22, 254)]), &LOCAL, Discard::Ttl),
        ("TTL 0", patched(&V3, &[(22, 0)]), &LOCAL, Discard::Ttl),
        ("version 2 for version 3", frame(&AdvertV4 { auth: None, ..V2 }), &STRICT, Discard::Version),
        ("version 4", patched(&V3, &[(34, 0x41)]), &LOCAL, Discard::Version),
        ("version 3 for version 2", frame(&V3), &LOCAL_V2, Discard::Version),
        ("type 2", patched(&V3, &[(34, 0x32)]), &LOCAL, Discard::Type),
        ("one address too many counted", patched(&V3, &[(37, 3)]), &LOCAL, Discard::Length),
        (
            "a flipped bit in the message",
            {
                let mut f = frame(&V3);
                f[43] ^= 1;
                f
            },
            &LOCAL,
            Discard::Checksum,
        ),
        ("VRID 52", patched(&V3, &[(35, 52)]), &LOCAL, Discard::Vrid),
        (
            "our own address",
            frame(&AdvertV4 { source: Ipv4Addr::new(10, 77, 0, 1), ..V3 }),
            &LOCAL,
            Discard::OwnAdvert,
        ),
        ("no address", frame(&AdvertV4 { addresses: &[], ..V3 }), &LOCAL, Discard::NoAddress),
        ("no password", frame(&AdvertV4 { auth: None, ..V2 }), &LOCAL_V2, Discard::AuthType),
        ("a password not asked for", frame(&V2), OPEN_V2, Discard::AuthType),
        ("authentication type 2", patched(&V2, &[(38, 2)]), &LOCAL_V2, Discard::AuthType),
        (
            "another password",
            frame(&AdvertV4 { auth: Some(*b"1112\0\0\0\0"), ..V2 }),
            &LOCAL_V2,
            Discard::AuthPassword,
        ),
        ("interval 0 in version 3", patched(&V3, &[(38, 0), (39, 0)]), &LOCAL, Discard::Interval),
        ("interval 0 in version 2", patched(&V2, &[(39, 0)]), &LOCAL_V2, Discard::Interval),
        ("interval 2 s in version 2", patched(&V2, &[(39, 2)]), &STRICT_V2, Discard::Interval),
        (
            "other addresses in version 2",
            frame(&AdvertV4 { addresses: &VIPS_V4[..1], ..V2 }),
            &STRICT_V2,
            Discard::AddressList,
        ),
    ]
}

#[test]
fn each_rung_stops_its_own_fault() {
    let cases = [ip_cases(), vrrp_cases()].concat();
    for (name, bytes, local, expected) in &cases {
        assert_eq!(judged(bytes, local), Err(*expected), "{name}");
    }
    assert_eq!(
        receive(&frame(&V3), 1514, &LOCAL),
        Err(Discarded { reason: Discard::FrameTruncated, source: Some(PEER.into()) })
    );
    let stopped: Vec<Discard> = cases.iter().map(|case| case.3).chain([Discard::FrameTruncated]).collect();
    for reason in Discard::ALL {
        assert!(stopped.contains(reason), "no case for {reason}");
    }
}

#[test]
fn what_is_discarded_says_where_it_came_from_as_far_as_it_goes() {
    let source = |bytes: &[u8]| receive(bytes, bytes.len(), &LOCAL).unwrap_err().source;
    let bad = patched(&V3, &[(22, 254)]);
    assert_eq!(source(&bad), Some(PEER.into()), "another TTL");
    assert_eq!(source(&bad[..30]), Some(PEER.into()), "just so far");
    assert_eq!(source(&bad[..29]), None);
    let tagged = [&bad[..12], &[0x81, 0, 0, 7], &bad[12..]].concat();
    assert_eq!(source(&tagged), None, "it is not read as if it had no tag");
    assert_eq!(source(&[]), None);
}

#[test]
fn no_ipv4_packet_is_for_an_ipv6_router() {
    let address = IpAddr::V6(core::net::Ipv6Addr::LOCALHOST);
    let peers = Some(&[Peer { address: PEER.into(), min_ttl: 255, max_ttl: 255 }][..]);
    for local in [Local { address, ..LOCAL }, Local { address, peers, ..LOCAL }] {
        assert_eq!(judged(&frame(&V3), &local), Err(Discard::EtherType));
    }
}

#[test]
fn checks_come_in_the_order_of_rfc_9568() {
    // Everything from the TTL on is wrong; mend one after the other.
    let wrong = |patches: &[(usize, u8)]| judged(&patched(&V3, patches), &LOCAL).unwrap_err();
    assert_eq!(wrong(&[(22, 1), (34, 0x42), (35, 9), (37, 9)]), Discard::Ttl);
    assert_eq!(wrong(&[(34, 0x42), (35, 9), (37, 9)]), Discard::Version);
    assert_eq!(wrong(&[(34, 0x32), (35, 9), (37, 9)]), Discard::Type);
    assert_eq!(wrong(&[(35, 9), (37, 9)]), Discard::Length);
    assert_eq!(wrong(&[(35, 9), (39, 0)]), Discard::Vrid);
}

const OTHERS: [Ipv4Addr; 2] = [Ipv4Addr::new(10, 77, 0, 110), Ipv4Addr::new(10, 77, 0, 111)];

/// What a peer may have set otherwise, what is made of it here, and what the RFC does.
#[test]
fn an_advert_that_differs_is_heard_and_said_to_be_deaf_where_its_sender_discards_ours() {
    const OPEN_V2: &Local<'_> = &Local { auth: None, ..LOCAL_V2 };
    const OWNER_V2: &Local<'_> = &Local { owner: true, ..LOCAL_V2 };
    let open_v2 = AdvertV4 { auth: None, ..V2 };
    let slow = AdvertInterval::from_seconds(2).unwrap();
    let (one, others) = (&VIPS_V4[..1], &OTHERS[..]);
    type Case<'a> = (&'a str, AdvertV4<'a>, &'a Local<'a>, (bool, Lists), Option<Discard>);
    let cases: [Case<'_>; 11] = [
        ("the same", V3, &LOCAL, (false, Lists::Same), None),
        ("version 2 for version 3", open_v2, &LOCAL, (true, Lists::Same), Some(Discard::Version)),
        ("version 3 for version 2", V3, OPEN_V2, (true, Lists::Same), Some(Discard::Version)),
        ("interval 3", AdvertV4 { interval: slow, ..V3 }, &LOCAL, (false, Lists::Same), None),
        (
            "interval 2",
            AdvertV4 { interval: slow, ..V2 },
            &LOCAL_V2,
            (true, Lists::Same),
            Some(Discard::Interval),
        ),
        ("list 3", AdvertV4 { addresses: one, ..V3 }, &LOCAL, (false, Lists::Overlap), None),
        (
            "list 2",
            AdvertV4 { addresses: one, ..V2 },
            &LOCAL_V2,
            (true, Lists::Overlap),
            Some(Discard::AddressList),
        ),
        (
            "list 2, here is the owner",
            AdvertV4 { addresses: one, ..V2 },
            OWNER_V2,
            (false, Lists::Overlap),
            Some(Discard::AddressList),
        ),
        (
            "list 2 of the owner",
            AdvertV4 { addresses: one, priority: Priority::OWNER, ..V2 },
            &LOCAL_V2,
            (true, Lists::Overlap),
            None,
        ),
        ("another cluster 3", AdvertV4 { addresses: others, ..V3 }, &LOCAL, (false, Lists::Apart), None),
        (
            "another cluster 2",
            AdvertV4 { addresses: others, ..V2 },
            &LOCAL_V2,
            (true, Lists::Apart),
            Some(Discard::AddressList),
        ),
    ];
    for (name, advert, local, expected, by_the_rfc) in cases {
        let bytes = frame(&advert);
        let received = judged(&bytes, local).unwrap();
        assert_eq!((received.advert.deaf, received.advert.lists), expected, "{name}");
        assert_eq!(received.version, advert.version, "{name}");
        assert_eq!(judged(&bytes, &Local { rfc_discards: true, ..*local }).err(), by_the_rfc, "{name}");
    }
}

#[test]
fn a_password_keeps_other_versions_out() {
    assert_eq!(judged(&frame(&V3), &LOCAL_V2), Err(Discard::Version));
    assert_eq!(judged(&frame(&V2), &LOCAL), Err(Discard::AuthType));
}

#[test]
fn another_interval_is_learned_whatever_the_version() {
    let interval = AdvertInterval::from_seconds(2).unwrap();
    for (advert, local) in [(V3, &LOCAL), (V2, &LOCAL_V2), (AdvertV4 { auth: None, ..V2 }, &LOCAL)] {
        let bytes = frame(&AdvertV4 { interval, ..advert });
        let received = judged(&bytes, local).unwrap();
        assert_eq!((received.advert.interval, received.interval_differs), (interval, true));
    }
}

#[test]
fn lists_are_compared_as_sets_and_by_what_they_share() {
    let lists = |listed: &[Ipv4Addr]| {
        judged(&frame(&AdvertV4 { addresses: listed, ..V3 }), &LOCAL).unwrap().advert.lists
    };
    assert_eq!(lists(&[VIPS_V4[1], VIPS_V4[0]]), Lists::Same, "the order does not matter");
    assert_eq!(lists(&[VIPS_V4[0], VIPS_V4[0]]), Lists::Overlap, "an address counts once");
    assert_eq!(lists(&[VIPS_V4[0], OTHERS[0]]), Lists::Overlap);
    assert_eq!(lists(&OTHERS), Lists::Apart);
    let nothing = Local { addresses: &[], ..LOCAL };
    assert_eq!(
        judged(&frame(&AdvertV4 { addresses: &[], ..V3 }), &nothing).unwrap().advert.lists,
        Lists::Same
    );
    assert_eq!(judged(&frame(&V3), &nothing).unwrap().advert.lists, Lists::Apart);
}

/// A CARP advertisement: same protocol number, same group, same first byte, 36 bytes.
#[test]
fn carp_is_not_taken_for_vrrp() {
    let mut carp = [0u8; 36];
    carp[..6].copy_from_slice(&[0x21, 51, 100, 7, 0, 1]);
    let sum = Sum::new().with(&carp).finish().to_be_bytes();
    carp[6..8].copy_from_slice(&sum);
    let mut bytes = frame(&V2)[..14].to_vec();
    bytes.extend(ipv4::advert_header(PEER, 36));
    bytes.extend(carp);
    assert_eq!(judged(&bytes, &LOCAL_V2), Err(Discard::Length));
    assert_eq!(judged(&bytes, &Local { auth: None, ..LOCAL_V2 }), Err(Discard::Length));
}

proptest! {
    #[test]
    fn no_frame_panics(bytes in proptest::collection::vec(any::<u8>(), 0..1600), length in 0usize..2000) {
        let _ = receive(&bytes, length, &LOCAL);
        let _ = receive(&bytes, length, &LOCAL_V2);
    }

    #[test]
    fn no_mutated_advert_panics_and_no_single_flip_changes_the_election(
        flip in 0usize..(34 + 16) * 8,
    ) {
        let original = frame(&V3);
        let mut bytes = original.clone();
        bytes[flip / 8] ^= 1 << (flip % 8);
        if let (Ok(before), Ok(after)) = (judged(&original, &LOCAL), judged(&bytes, &LOCAL)) {
            // The Ethernet source, which nothing protects, says only how long a leaving master waits.
            let Advert { mac, from_virtual_mac, .. } = before.advert;
            let after = Advert { mac, from_virtual_mac, ..after.advert };
            prop_assert_eq!(before.advert, after);
        }
    }

    #[test]
    fn what_is_sent_is_accepted(
        priority in 0u8..=255,
        centiseconds in 1u16..=4095,
        checksum in prop_oneof![Just(ChecksumForm::PseudoHeader), Just(ChecksumForm::MessageOnly)],
    ) {
        let interval = AdvertInterval::from_centiseconds(centiseconds).unwrap();
        let bytes = frame(&AdvertV4 { priority: Priority::new(priority), interval, checksum, ..V3 });
        let received = judged(&bytes, &LOCAL).unwrap();
        prop_assert_eq!(received.advert.interval, interval);
        prop_assert_eq!(received.advert.priority.as_u8(), priority);
    }
}
