//! What is emitted parses to what went in, and parsing anything stays within its bytes.

use std::net::{IpAddr, Ipv4Addr};

use arbitrary::{Result, Unstructured};
use vrrp_common::{
    receive::{Advert, Lists, Local, Peer, receive},
    types::{AdvertInterval, Family, Mac, Priority, Version, Vrid},
    wire::{
        arp, ethernet, ipv4,
        vrrp::{self, AdvertV4, ChecksumForm},
    },
};

pub(crate) fn run(data: &[u8]) {
    parses_within_its_bytes(data);
    // Too few bytes for an advert: nothing to emit.
    let _few = emitted_is_received(&mut Unstructured::new(data));
}

fn parses_within_its_bytes(data: &[u8]) {
    let within = |part: &[u8]| {
        let (all, part) = (data.as_ptr_range(), part.as_ptr_range());
        assert!(part.start >= all.start && part.end <= all.end);
    };
    if let Some((_, payload)) = ethernet::payload(data) {
        within(payload);
    }
    if let Ok(packet) = ipv4::parse(data) {
        within(packet.payload);
        assert!(packet.payload.len() + ipv4::HEADER_LEN <= data.len());
    }
    if let Some(header) = vrrp::Header::parse(data) {
        for family in [Family::V4, Family::V6] {
            let listed = vrrp::addresses(data, family, header.count).count();
            assert!(listed <= usize::from(header.count));
            assert!(vrrp::HEADER_LEN + listed * family.address_len() <= data.len());
        }
    }
    if let Some(claim) = arp::claim(data) {
        assert_eq!(data[12..14], [8, 6]);
        assert_eq!(data[28..32], claim.address.octets());
        assert_eq!(arp::claim(&arp::gratuitous(claim.mac, claim.address)), Some(claim));
    }
}

fn emitted_is_received(input: &mut Unstructured<'_>) -> Result<()> {
    let version = if input.arbitrary()? { Version::V2 } else { Version::V3 };
    let interval = match version {
        Version::V2 => AdvertInterval::from_seconds(input.int_in_range(1..=255)?),
        Version::V3 => AdvertInterval::from_centiseconds(input.int_in_range(1..=4095)?),
    };
    let vrid = Vrid::new(input.int_in_range(1..=255)?);
    let (Some(interval), Some(vrid)) = (interval, vrid) else { panic!("within their ranges") };
    let auth = if version == Version::V2 { input.arbitrary::<Option<[u8; 8]>>()? } else { None };
    let checksum = if input.arbitrary()? { ChecksumForm::PseudoHeader } else { ChecksumForm::MessageOnly };
    let (source, own) =
        (Ipv4Addr::from(input.arbitrary::<u32>()?), Ipv4Addr::from(input.arbitrary::<u32>()?));
    let priority = Priority::new(input.arbitrary()?);
    let count = input.int_in_range(1..=255)?;
    let unicast = input.arbitrary()?;
    let (destination, ttl) = if unicast { (own, input.arbitrary()?) } else { (ipv4::GROUP, ipv4::TTL) };
    let list =
        (0..count).map(|_| Ok(Ipv4Addr::from(input.arbitrary::<u32>()?))).collect::<Result<Vec<_>>>()?;
    let advert = AdvertV4 {
        version,
        vrid,
        priority,
        interval,
        source,
        destination,
        ttl,
        auth,
        checksum,
        addresses: &list,
    };
    if source == own {
        return Ok(());
    }
    let mut configured: Vec<_> = list.iter().copied().map(IpAddr::V4).collect();
    configured.sort();
    configured.dedup();
    let peers = [Peer { address: source.into(), min_ttl: ttl, max_ttl: ttl }];
    let peers = unicast.then_some(&peers[..]);
    let local = Local {
        version,
        vrid,
        address: own.into(),
        interval,
        auth,
        addresses: &configured,
        peers,
        owner: false,
        rfc_discards: true,
    };
    check(&advert, &local, configured.len() == list.len());
    Ok(())
}

/// In a buffer that is just large enough, and in none that is smaller.
fn check(advert: &AdvertV4<'_>, local: &Local<'_>, each_once: bool) {
    let mut buffer = vec![0xa5; advert.len()];
    let short = advert.len() - 1;
    assert!(advert.emit(&mut buffer[..short]).is_none());
    assert!(advert.emit(&mut buffer).is_some());
    let mac = Mac::virtual_router(Family::V4, advert.vrid);
    let frame = [&ethernet::header(Mac::VRRP_GROUP_V4, mac, ethernet::IPV4), &buffer[..]].concat();
    let judged = receive(&frame, frame.len(), local);
    // Version 2 takes a list that is not its own from the owner only; one that names an address twice is not.
    if advert.version == Version::V2 && !each_once && advert.priority != Priority::OWNER {
        assert!(judged.is_err());
        return;
    }
    let received =
        judged.unwrap_or_else(|discarded| panic!("our own kind of advert is discarded: {discarded:?}"));
    let Advert { source, priority, interval, from_virtual_mac, lists, .. } = received.advert;
    assert_eq!((source, priority, interval), (advert.source.into(), advert.priority, advert.interval));
    assert!(from_virtual_mac && !received.interval_differs);
    assert_eq!(lists == Lists::Same, each_once);
    assert_eq!(received.message, &buffer[ipv4::HEADER_LEN..]);
}
