//! IPv4 header (RFC 791), as far as an advert needs it.

use core::net::Ipv4Addr;

use super::checksum::{Sum, VRRP};
use crate::types::Family;

/// Bytes of a header without options.
pub const HEADER_LEN: usize = 20;
/// Where adverts go (RFC 9568 §5.1.1.2).
pub const GROUP: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 18);
/// The family of all that is in such packets.
pub const FAMILY: Family = Family::V4;
/// The TTL that shows that a packet has crossed no router (RFC 9568 §5.1.1.3).
pub const TTL: u8 = 255;

/// What stands in a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    /// Time to live.
    pub ttl: u8,
    /// Protocol number.
    pub protocol: u8,
    /// Source address.
    pub source: Ipv4Addr,
    /// Destination address.
    pub destination: Ipv4Addr,
    /// Whether this is one piece of a fragmented packet.
    pub fragment: bool,
    /// What follows the header and its options, up to the header's total length: Ethernet's padding is not in it.
    pub payload: &'a [u8],
}

/// Why bytes are no IPv4 packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// Fewer bytes than the header, or than its total length, says.
    Truncated,
    /// Not version 4, or a header length below 20 or beyond the total length.
    Header,
    /// The header's checksum is wrong.
    Checksum,
}

/// Reads a packet from what followed the Ethernet header.
///
/// # Errors
/// [`Malformed`], by the first check that fails.
pub fn parse(bytes: &[u8]) -> Result<Packet<'_>, Malformed> {
    let fixed = bytes.first_chunk::<HEADER_LEN>().ok_or(Malformed::Truncated)?;
    let header_len = usize::from(fixed[0] & 0x0f) * 4;
    let total_len = usize::from(u16::from_be_bytes([fixed[2], fixed[3]]));
    if fixed[0] >> 4 != 4 || header_len < HEADER_LEN || header_len > total_len {
        return Err(Malformed::Header);
    }
    let packet = bytes.get(..total_len).ok_or(Malformed::Truncated)?;
    let (header, payload) = packet.split_at_checked(header_len).ok_or(Malformed::Truncated)?;
    if Sum::new().with(header).finish() != 0 {
        return Err(Malformed::Checksum);
    }
    let flags_and_offset = u16::from_be_bytes([fixed[6], fixed[7]]);
    Ok(Packet {
        ttl: fixed[8],
        protocol: fixed[9],
        source: Ipv4Addr::new(fixed[12], fixed[13], fixed[14], fixed[15]),
        destination: Ipv4Addr::new(fixed[16], fixed[17], fixed[18], fixed[19]),
        fragment: flags_and_offset & 0x3fff != 0,
        payload,
    })
}

/// The source that stands in a header, whatever else is wrong with it.
#[must_use]
pub fn source(bytes: &[u8]) -> Option<Ipv4Addr> {
    let (_, [a, b, c, d]) = bytes.first_chunk::<16>()?.split_last_chunk()?;
    Some(Ipv4Addr::new(*a, *b, *c, *d))
}

/// The header of an advert to the group whose message has `message_len` bytes: precedence "internetwork control", not
/// to be fragmented, without options.
#[must_use]
pub fn advert_header(source: Ipv4Addr, message_len: u16) -> [u8; HEADER_LEN] {
    advert_header_to(GROUP, TTL, source, message_len)
}

/// The same to one peer, which may be behind routers.
#[must_use]
pub fn advert_header_to(
    destination: Ipv4Addr,
    ttl: u8,
    source: Ipv4Addr,
    message_len: u16,
) -> [u8; HEADER_LEN] {
    let total = (HEADER_LEN as u16).saturating_add(message_len).to_be_bytes();
    let (s, d) = (source.octets(), destination.octets());
    let mut header = [
        0x45, 0xc0, total[0], total[1], 0, 0, 0x40, 0, ttl, VRRP, 0, 0, s[0], s[1], s[2], s[3], d[0], d[1],
        d[2], d[3],
    ];
    let checksum = Sum::new().with(&header).finish().to_be_bytes();
    header[10] = checksum[0];
    header[11] = checksum[1];
    header
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_emitted_parses() {
        let mut bytes = [0u8; 28];
        bytes[..20].copy_from_slice(&advert_header(Ipv4Addr::new(10, 0, 0, 1), 8));
        let packet = parse(&bytes).unwrap();
        assert_eq!((packet.ttl, packet.protocol, packet.destination), (255, 112, GROUP));
        assert_eq!(packet.payload.len(), 8);
        assert!(!packet.fragment, "the don't-fragment bit is no fragment");
    }

    #[test]
    fn padding_is_not_payload() {
        let mut bytes = [0u8; 46];
        bytes[..20].copy_from_slice(&advert_header(Ipv4Addr::new(10, 0, 0, 1), 12));
        assert_eq!(parse(&bytes).unwrap().payload.len(), 12);
    }

    #[test]
    fn each_malformation_has_its_reason() {
        let header = advert_header(Ipv4Addr::new(10, 0, 0, 1), 0);
        let with = |index: usize, value: u8| {
            let mut bytes = header;
            bytes[index] = value;
            bytes
        };
        assert_eq!(parse(&header[..19]), Err(Malformed::Truncated));
        assert_eq!(parse(&with(3, 21)), Err(Malformed::Truncated));
        assert_eq!(parse(&with(0, 0x65)), Err(Malformed::Header));
        assert_eq!(parse(&with(0, 0x44)), Err(Malformed::Header));
        assert_eq!(parse(&with(0, 0x46)), Err(Malformed::Header));
        assert_eq!(parse(&with(8, 254)), Err(Malformed::Checksum));
    }
}
