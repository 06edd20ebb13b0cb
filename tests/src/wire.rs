//! Frames as they are on the wire: ARP and IPv4 VRRP, decoded and made.
//!
//! Written from the RFCs and independent of the daemon's own decoder, which it is there to check.

use std::{net::Ipv4Addr, time::Duration};

use crate::Mac;

/// Protocol number of VRRP.
pub const VRRP: u8 = 112;
/// Where adverts go.
pub const GROUP: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 18);

const ETHERNET: usize = 14;
const ETHERTYPE_IPV4: u16 = 0x0800;
const ETHERTYPE_ARP: u16 = 0x0806;
const ETHERTYPE_LOOPBACK: u16 = 0x9000;
/// Protocol number of IGMP.
const IGMP: u8 = 2;

/// What a frame carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// ARP for IPv4 on Ethernet.
    Arp(Arp),
    /// An IPv4 advert.
    Advert(Advert),
    /// A membership query or report of IGMP.
    Igmp(Igmp),
    /// A frame of the Ethernet Configuration Testing Protocol.
    Loopback,
    /// Anything else, and what is too short or malformed.
    Other,
}

/// An ARP packet (RFC 826).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arp {
    /// 1 request, 2 reply.
    pub operation: u16,
    /// Sender's hardware address.
    pub sha: Mac,
    /// Sender's protocol address.
    pub spa: Ipv4Addr,
    /// Target's hardware address.
    pub tha: Mac,
    /// Target's protocol address.
    pub tpa: Ipv4Addr,
}

impl Arp {
    /// Whether the sender announces its own address.
    #[must_use]
    pub fn is_gratuitous(&self) -> bool {
        self.spa == self.tpa
    }
}

/// An advert, with the IPv4 header that brought it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advert {
    /// 2 or 3.
    pub version: u8,
    /// Virtual router.
    pub vrid: u8,
    /// 0: the master is leaving.
    pub priority: u8,
    /// Whole seconds in version 2, centiseconds in version 3.
    pub interval: Duration,
    /// Virtual addresses in order.
    pub addresses: Vec<Ipv4Addr>,
    /// Who sent it.
    pub source: Ipv4Addr,
    /// Where to.
    pub destination: Ipv4Addr,
    /// Time to live.
    pub ttl: u8,
    /// What the checksum covers.
    pub checksum: Checksum,
    /// Authentication of version 2: type and data.
    pub auth: Option<(u8, [u8; 8])>,
}

/// An IGMP message (RFC 2236, RFC 3376).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Igmp {
    /// Which groups are listened to, or whether this one is.
    Query(Option<Ipv4Addr>),
    /// Groups that the sender listens to.
    Joined(Vec<Ipv4Addr>),
    /// Groups that it listens to no longer.
    Left(Vec<Ipv4Addr>),
}

/// What the checksum of an advert is right for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checksum {
    /// The message alone.
    Message,
    /// The message with a pseudo-header.
    PseudoHeader,
    /// Neither.
    Wrong,
}

/// The frame's destination, source and contents; `None` if it is shorter than its Ethernet header.
#[must_use]
pub fn decode(frame: &[u8]) -> Option<(Mac, Mac, Kind)> {
    let destination = Mac(*frame.first_chunk()?);
    let source = Mac(*frame.get(6..)?.first_chunk()?);
    let kind = match be16(frame, 12)? {
        ETHERTYPE_ARP => decode_arp(frame.get(ETHERNET..)?).map(Kind::Arp),
        ETHERTYPE_IPV4 => {
            let packet = frame.get(ETHERNET..)?;
            decode_advert(packet).map(Kind::Advert).or_else(|| decode_igmp(packet).map(Kind::Igmp))
        }
        ETHERTYPE_LOOPBACK => Some(Kind::Loopback),
        _ => None,
    };
    Some((destination, source, kind.unwrap_or(Kind::Other)))
}

fn decode_arp(packet: &[u8]) -> Option<Arp> {
    if packet.get(..6)? != [0, 1, 8, 0, 6, 4] {
        return None;
    }
    Some(Arp {
        operation: be16(packet, 6)?,
        sha: Mac(*packet.get(8..)?.first_chunk()?),
        spa: address(packet, 14)?,
        tha: Mac(*packet.get(18..)?.first_chunk()?),
        tpa: address(packet, 24)?,
    })
}

fn decode_advert(packet: &[u8]) -> Option<Advert> {
    let header = usize::from(packet.first()? & 0x0f) * 4;
    let total = usize::from(be16(packet, 2)?);
    if packet[0] >> 4 != 4 || header < 20 || *packet.get(9)? != VRRP {
        return None;
    }
    let message = packet.get(header..total)?;
    let (source, destination) = (address(packet, 12)?, address(packet, 16)?);
    let version = message.first()? >> 4;
    let count = usize::from(*message.get(3)?);
    let addresses: Option<Vec<_>> = (0..count).map(|index| address(message, 8 + 4 * index)).collect();
    let (interval, auth) = if version == 2 {
        let data = message.get(8 + 4 * count..).and_then(<[u8]>::first_chunk);
        (Duration::from_secs(u64::from(*message.get(5)?)), data.map(|data| (message[4], *data)))
    } else {
        (Duration::from_millis(u64::from(be16(message, 4)? & 0x0fff) * 10), None)
    };
    Some(Advert {
        version,
        vrid: *message.get(1)?,
        priority: *message.get(2)?,
        interval,
        addresses: addresses?,
        source,
        destination,
        ttl: *packet.get(8)?,
        checksum: checksum_of(message, source, destination),
        auth,
    })
}

fn decode_igmp(packet: &[u8]) -> Option<Igmp> {
    let header = usize::from(packet.first()? & 0x0f) * 4;
    if packet[0] >> 4 != 4 || header < 20 || *packet.get(9)? != IGMP {
        return None;
    }
    let message = packet.get(header..usize::from(be16(packet, 2)?))?;
    let group = address(message, 4)?;
    match message[0] {
        0x11 => Some(Igmp::Query(Some(group).filter(|group| !group.is_unspecified()))),
        0x12 | 0x16 => Some(Igmp::Joined(vec![group])),
        0x17 => Some(Igmp::Left(vec![group])),
        0x22 => decode_records(message),
        _ => None,
    }
}

/// A report of version 3 says of several groups what is excluded (all else is listened to) or included (nothing else is).
fn decode_records(message: &[u8]) -> Option<Igmp> {
    let (mut joined, mut left) = (Vec::new(), Vec::new());
    let mut at = 8;
    for _ in 0..be16(message, 6)? {
        let (kind, sources, group) = (*message.get(at)?, be16(message, at + 2)?, address(message, at + 4)?);
        let excludes = matches!(kind, 2 | 4);
        if excludes || sources > 0 {
            joined.push(group);
        } else {
            left.push(group);
        }
        at += 8 + 4 * usize::from(sources) + 4 * usize::from(*message.get(at + 1)?);
    }
    Some(if joined.is_empty() { Igmp::Left(left) } else { Igmp::Joined(joined) })
}

fn checksum_of(message: &[u8], source: Ipv4Addr, destination: Ipv4Addr) -> Checksum {
    if sum(&[message]) == 0 {
        Checksum::Message
    } else if sum(&[&pseudo_header(message.len(), source, destination), message]) == 0 {
        Checksum::PseudoHeader
    } else {
        Checksum::Wrong
    }
}

fn pseudo_header(length: usize, source: Ipv4Addr, destination: Ipv4Addr) -> [u8; 12] {
    let [a, b, c, d] = source.octets();
    let [e, f, g, h] = destination.octets();
    let [high, low] = u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes();
    [a, b, c, d, e, f, g, h, 0, VRRP, high, low]
}

/// The Internet checksum (RFC 1071) over parts of even length: 0 if a checksum among them is right.
#[must_use]
pub fn sum(parts: &[&[u8]]) -> u16 {
    let mut total = 0_u64;
    for pair in parts.iter().flat_map(|part| part.chunks(2)) {
        total += u64::from(pair[0]) << 8 | u64::from(pair.get(1).copied().unwrap_or(0));
    }
    while total > 0xffff {
        total = (total & 0xffff) + (total >> 16);
    }
    !(total as u16)
}

/// An ARP frame of 60 bytes.
#[must_use]
pub fn arp_frame(destination: Mac, source: Mac, arp: &Arp) -> Vec<u8> {
    let mut frame = Vec::with_capacity(60);
    frame.extend(destination.0);
    frame.extend(source.0);
    frame.extend(ETHERTYPE_ARP.to_be_bytes());
    frame.extend([0, 1, 8, 0, 6, 4]);
    frame.extend(arp.operation.to_be_bytes());
    frame.extend(arp.sha.0);
    frame.extend(arp.spa.octets());
    frame.extend(arp.tha.0);
    frame.extend(arp.tpa.octets());
    frame.resize(60, 0);
    frame
}

/// A correct version 3 advert with the pseudo-header in its checksum, to be mutated and sent.
#[must_use]
pub fn advert_frame(
    vrid: u8,
    priority: u8,
    interval: Duration,
    source: Ipv4Addr,
    vips: &[Ipv4Addr],
) -> Vec<u8> {
    let centiseconds = u16::try_from(interval.as_millis() / 10).unwrap_or(0x0fff) & 0x0fff;
    let count = u8::try_from(vips.len()).unwrap_or(u8::MAX);
    let mut message = vec![0x31, vrid, priority, count];
    message.extend(centiseconds.to_be_bytes());
    message.extend([0, 0]);
    message.extend(vips.iter().take(usize::from(count)).flat_map(Ipv4Addr::octets));
    let checksum = sum(&[&pseudo_header(message.len(), source, GROUP), &message]);
    message[6..8].copy_from_slice(&checksum.to_be_bytes());

    let total = u16::try_from(20 + message.len()).unwrap_or(u16::MAX);
    let mut header = vec![0x45, 0xc0];
    header.extend(total.to_be_bytes());
    header.extend([0, 0, 0, 0, 255, VRRP, 0, 0]);
    header.extend(source.octets());
    header.extend(GROUP.octets());
    let checksum = sum(&[&header]);
    header[10..12].copy_from_slice(&checksum.to_be_bytes());

    let mut frame = vec![0x01, 0x00, 0x5e, 0x00, 0x00, 0x12];
    frame.extend(Mac::virtual_v4(vrid).0);
    frame.extend(ETHERTYPE_IPV4.to_be_bytes());
    frame.extend(header);
    frame.extend(message);
    frame
}

fn be16(bytes: &[u8], offset: usize) -> Option<u16> {
    Some(u16::from_be_bytes(*bytes.get(offset..)?.first_chunk()?))
}

fn address(bytes: &[u8], offset: usize) -> Option<Ipv4Addr> {
    Some(Ipv4Addr::from_octets(*bytes.get(offset..)?.first_chunk()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// tcpdump's `vrrp.pcap`-like vector: version 2, VRID 1, priority 100, 1 s, no authentication, 192.168.0.1.
    #[test]
    fn a_version_2_message_is_read_field_by_field() {
        let mut packet = vec![0x45, 0xc0, 0, 40, 0, 0, 0, 0, 255, 112, 0, 0, 192, 168, 0, 30, 224, 0, 0, 18];
        packet.extend([0x21, 1, 100, 1, 0, 1, 0xba, 0x52, 192, 168, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
        let advert = decode_advert(&packet).unwrap();
        assert_eq!((advert.version, advert.vrid, advert.priority, advert.ttl), (2, 1, 100, 255));
        assert_eq!(advert.interval, Duration::from_secs(1));
        assert_eq!(advert.addresses, [Ipv4Addr::new(192, 168, 0, 1)]);
        assert_eq!(advert.checksum, Checksum::Message);
        assert_eq!(advert.auth, Some((0, [0; 8])));
    }

    #[test]
    fn what_is_made_is_read_back() {
        let vips = [Ipv4Addr::new(192, 0, 2, 51), Ipv4Addr::new(192, 0, 2, 52)];
        let frame = advert_frame(51, 90, Duration::from_millis(30), Ipv4Addr::new(192, 0, 2, 1), &vips);
        let (_, source, Kind::Advert(advert)) = decode(&frame).unwrap() else { panic!("no advert") };
        assert_eq!(source, Mac::virtual_v4(51));
        assert_eq!((advert.version, advert.vrid, advert.priority), (3, 51, 90));
        assert_eq!(advert.interval, Duration::from_millis(30));
        assert_eq!(advert.addresses, vips);
        assert_eq!(advert.checksum, Checksum::PseudoHeader);
    }

    #[test]
    fn igmp_is_read_in_all_its_versions() {
        let group = Ipv4Addr::new(224, 0, 0, 18);
        let read = |message: &[u8]| {
            let total = 24 + message.len() as u8;
            let mut packet = vec![0x46, 0xc0, 0, total, 0, 0, 0, 0, 1, IGMP, 0, 0, 0, 0, 0, 0, 224, 0, 0, 22];
            packet.extend([0x94, 4, 0, 0]);
            packet.extend(message);
            decode_igmp(&packet)
        };
        assert_eq!(read(&[0x11, 0, 0, 0, 0, 0, 0, 0]), Some(Igmp::Query(None)));
        assert_eq!(read(&[0x16, 0, 0, 0, 224, 0, 0, 18]), Some(Igmp::Joined(vec![group])));
        assert_eq!(read(&[0x17, 0, 0, 0, 224, 0, 0, 18]), Some(Igmp::Left(vec![group])));
        let record = |kind: u8| [0x22, 0, 0, 0, 0, 0, 0, 1, kind, 0, 0, 0, 224, 0, 0, 18];
        assert_eq!(read(&record(4)), Some(Igmp::Joined(vec![group])));
        assert_eq!(read(&record(3)), Some(Igmp::Left(vec![group])));
        assert_eq!(read(&record(4)[..12]), None);
    }

    #[test]
    fn truncated_frames_are_other_and_never_panic() {
        let frame = advert_frame(51, 90, Duration::from_secs(1), Ipv4Addr::LOCALHOST, &[Ipv4Addr::LOCALHOST]);
        for length in 0..frame.len() {
            if let Some((_, _, kind)) = decode(&frame[..length]) {
                assert_eq!(kind, Kind::Other, "{length} bytes");
            }
        }
    }
}
