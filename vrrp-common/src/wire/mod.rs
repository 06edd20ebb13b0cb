//! Wire formats: field offsets, parsing without panics, emission.
//!
//! Parsing here only says what stands in the bytes; [`receive`](crate::receive) says whether it is acceptable.

pub mod arp;
pub mod checksum;
pub mod ipv4;
pub mod loopback;
pub mod vrrp;

/// Ethernet II header: destination, source, type.
pub mod ethernet {
    use crate::types::Mac;

    /// Bytes of an untagged header.
    pub const HEADER_LEN: usize = 14;
    /// Bytes of the shortest frame, without its checksum.
    pub const MIN_LEN: usize = 60;
    /// EtherType of IPv4.
    pub const IPV4: u16 = 0x0800;
    /// EtherType of ARP.
    pub const ARP: u16 = 0x0806;
    /// EtherType of the Ethernet Configuration Testing Protocol, also called loopback.
    pub const LOOPBACK: u16 = 0x9000;

    /// The header's bytes.
    #[must_use]
    pub const fn header(destination: Mac, source: Mac, ether_type: u16) -> [u8; HEADER_LEN] {
        let (d, s, t) = (destination.0, source.0, ether_type.to_be_bytes());
        [d[0], d[1], d[2], d[3], d[4], d[5], s[0], s[1], s[2], s[3], s[4], s[5], t[0], t[1]]
    }

    /// Type and payload of an untagged frame; `None` when it is shorter than its header.
    #[must_use]
    pub fn payload(frame: &[u8]) -> Option<(u16, &[u8])> {
        let (header, payload) = frame.split_first_chunk::<HEADER_LEN>()?;
        Some((u16::from_be_bytes([header[12], header[13]]), payload))
    }
}
