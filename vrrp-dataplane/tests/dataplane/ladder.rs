//! The kernel recognises, the host's receive ladder judges: on every frame the two agree.

use std::net::{IpAddr, Ipv4Addr};

use vrrp_common::{
    abi::Verdict,
    receive::{Discard, Local, Peer, Received, receive},
    types::{AdvertInterval, Family, Mac, Priority, Version, Vrid},
    wire::{
        ethernet, ipv4,
        vrrp::{AdvertV4, ChecksumForm},
    },
};

use crate::{
    frames::mend,
    random::Random,
    rig::{Rig, entry, v4_slot},
};
use vrrp_dataplane::RouterEntry;

const FRAMES: usize = 10_000;
const DROP: u32 = 1;
const VRID: Vrid = Vrid::new(51).unwrap();
const PEER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);
const VIPS: [Ipv4Addr; 2] = [Ipv4Addr::new(192, 0, 2, 51), Ipv4Addr::new(192, 0, 2, 61)];
const ADDRESSES: [IpAddr; 2] = [IpAddr::V4(VIPS[0]), IpAddr::V4(VIPS[1])];

/// Whether adverts go to the group, or to this host from its peers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    Multicast,
    Unicast,
}

const PEERS: [Peer; 1] = [Peer { address: IpAddr::V4(PEER), min_ttl: 254, max_ttl: 255 }];

fn local(version: Version, by: By) -> Local<'static> {
    Local {
        version,
        vrid: VRID,
        address: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
        interval: AdvertInterval::DEFAULT,
        auth: (version == Version::V2).then_some(*b"1111\0\0\0\0"),
        addresses: &ADDRESSES,
        peers: (by == By::Unicast).then_some(&PEERS),
        owner: false,
        rfc_discards: false,
    }
}

/// An advert that the ladder accepts.
fn advert(version: Version, by: By) -> Vec<u8> {
    let mut buffer = [0u8; 200];
    let packet = AdvertV4 {
        version,
        vrid: VRID,
        priority: Priority::DEFAULT,
        interval: AdvertInterval::DEFAULT,
        source: PEER,
        destination: if by == By::Unicast { Ipv4Addr::new(192, 0, 2, 1) } else { ipv4::GROUP },
        ttl: ipv4::TTL,
        auth: local(version, by).auth,
        checksum: ChecksumForm::PseudoHeader,
        addresses: &VIPS,
    }
    .emit(&mut buffer)
    .unwrap();
    let mac = Mac::virtual_router(Family::V4, VRID);
    [ethernet::header(Mac::VRRP_GROUP_V4, mac, ethernet::IPV4).as_slice(), packet].concat()
}

/// Half of the frames stay adverts: fields that neither side looks at, padding, another sender or priority with its
/// checksums mended. The rest is broken anywhere.
fn mutated(random: &mut Random, original: &[u8]) -> Vec<u8> {
    let mut frame = original.to_vec();
    match random.below(8) {
        0 => {}
        1 => frame.resize(original.len() + random.below(30), random.next() as u8),
        2 => mend(&mut frame, 15 + random.below(1), random.next() as u8),
        3 => mend(&mut frame, 18 + random.below(2), random.next() as u8),
        4 => mend(&mut frame, 26 + random.below(4), random.next() as u8),
        5 => mend(&mut frame, 22, random.one_of(&[255, 254, 1, 0])),
        6 => {
            frame[34 + 2] = random.next() as u8;
            mend(&mut frame, 15, 0);
        }
        _ => {
            let at = random.below(frame.len());
            frame[at] ^= 1 << random.below(8);
        }
    }
    if random.below(10) == 0 {
        frame.truncate(14 + random.below(original.len() - 14));
    }
    frame
}

/// Whether the ladder takes it, for an advert like the expected one, byte for byte.
fn alike(received: &Received<'_>, expected: &[u8]) -> bool {
    received.advert.source == IpAddr::V4(PEER) && received.message == &expected[34..]
}

/// Whatever version, password, interval and addresses this router had, the way being that of `local`.
fn no_configuration_accepts(frame: &[u8], way: &Local<'_>) -> bool {
    let listed: Vec<IpAddr> = (0..64)
        .filter_map(|n| frame.get(42 + 4 * n..46 + 4 * n))
        .map(|bytes| IpAddr::from([bytes[0], bytes[1], bytes[2], bytes[3]]))
        .collect();
    let password = frame.len().checked_sub(8).and_then(|start| frame[start..].try_into().ok());
    let intervals =
        [frame.get(39).copied(), Some(1)].into_iter().flatten().filter_map(AdvertInterval::from_seconds);
    let intervals: Vec<_> = intervals.collect();
    let any = |version| {
        intervals.iter().any(|interval| {
            (0..=listed.len()).any(|count| {
                [None, password].into_iter().any(|auth| {
                    let local =
                        Local { version, auth, interval: *interval, addresses: &listed[..count], ..*way };
                    receive(frame, frame.len(), &local).is_ok()
                })
            })
        })
    };
    !any(Version::V2) && !any(Version::V3)
}

fn agree(rig: &mut Rig, local: &Local<'_>, frame: &[u8], expected: &[u8]) -> Verdict {
    let outcome = rig.arrive(frame);
    let verdict = outcome.verdict.unwrap();
    let judged = receive(frame, frame.len(), local).map_err(|discarded| discarded.reason);
    match verdict {
        Verdict::AdvertExpected => {
            assert_eq!(judged.map(|received| alike(&received, expected)), Ok(true), "stamped: {frame:02x?}");
        }
        Verdict::AdvertJudged => {
            let event = outcome.events.first().unwrap();
            assert_eq!(&event.frame[..event.captured as usize], frame, "the daemon judges what came");
            assert!(
                !judged.is_ok_and(|received| alike(&received, expected)) || frame[14] != 0x45,
                "not recognised: {frame:02x?}"
            );
        }
        Verdict::AdvertLimited => {}
        Verdict::AdvertTtl
        | Verdict::AdvertIpHeader
        | Verdict::AdvertVersion
        | Verdict::AdvertType
        | Verdict::AdvertLength
        | Verdict::AdvertChecksum => {
            assert_eq!(outcome.action, DROP);
            assert!(no_configuration_accepts(frame, local), "{verdict:?} for {frame:02x?}");
        }
        Verdict::AdvertUnreadable => {
            assert!(matches!(
                judged,
                Err(Discard::IpFragment
                    | Discard::IpTruncated
                    | Discard::IpHeader
                    | Discard::IpChecksum
                    | Discard::Length)
            ));
        }
        other => assert!(judged.is_err(), "{other:?} for an advert: {frame:02x?}"),
    }
    verdict
}

#[test]
fn the_kernel_stamps_exactly_what_the_ladder_accepts_and_expects() {
    let seed = std::env::var("VRRPD_TEST_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(0x1add3);
    println!("VRRPD_TEST_SEED={seed}");
    let mut random = Random::new(seed);
    let mut rig = Rig::new();
    let cases =
        [Version::V2, Version::V3].map(|version| [By::Multicast, By::Unicast].map(|by| (version, by)));
    for (version, by) in cases.into_iter().flatten() {
        let original = advert(version, by);
        let local = local(version, by);
        let received = receive(&original, original.len(), &local).unwrap();
        let unicast = by == By::Unicast;
        let router = RouterEntry { unicast, ..entry(VRID.as_u8(), true, true) };
        rig.router(&router, &["192.0.2.51", "192.0.2.61"]);
        rig.tables().set_peers(v4_slot(VRID.as_u8()), local.peers.unwrap_or_default()).unwrap();
        let destination = if unicast { local.address.to_string() } else { ipv4::GROUP.to_string() };
        rig.expect_at(VRID.as_u8(), &PEER.to_string(), &destination, received.message);
        let mut stamped = 0;
        for _ in 0..FRAMES / 4 {
            let frame = mutated(&mut random, &original);
            stamped += usize::from(agree(&mut rig, &local, &frame, &original) == Verdict::AdvertExpected);
        }
        assert!((FRAMES / 32..FRAMES / 4).contains(&stamped), "{stamped} of {} stamped", FRAMES / 4);
    }
}
