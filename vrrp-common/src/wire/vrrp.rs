//! VRRP messages, versions 2 and 3 (RFC 9568 §5.2, RFC 3768 §5.3, RFC 2338 §5.3.6).

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{checksum::Sum, ipv4};
use crate::types::{AdvertInterval, Family, Priority, Version, Vrid};

/// Bytes before the first address, in both versions.
pub const HEADER_LEN: usize = 8;
/// Bytes of authentication data after the last address, in version 2 always there (RFC 3768 §5.3.10).
pub const AUTH_LEN: usize = 8;
/// Most addresses of one message.
pub const MAX_ADDRESSES: usize = 255;
/// The longest message for IPv4.
pub const MAX_LEN_V4: usize = HEADER_LEN + 4 * MAX_ADDRESSES + AUTH_LEN;

/// Type of the only message there is.
pub const ADVERTISEMENT: u8 = 1;
/// No authentication (RFC 3768 §5.3.6).
pub const AUTH_NONE: u8 = 0;
/// Simple text password (RFC 2338 §5.3.6.2).
pub const AUTH_PASS: u8 = 1;

/// Over what the checksum of an IPv4 message of version 3 was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChecksumForm {
    /// The message after a pseudo-header: what keepalived, FRR and VPP send, reading RFC 5798 §5.2.8.
    PseudoHeader,
    /// The message alone: RFC 9568 §5.2.8 for IPv4, and version 2.
    MessageOnly,
}

/// The fixed fields, as they stand in the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// First half byte.
    pub version: u8,
    /// Second half byte.
    pub kind: u8,
    /// Virtual router identifier.
    pub vrid: u8,
    /// Priority.
    pub priority: u8,
    /// Number of addresses.
    pub count: u8,
    /// Version 2: authentication type and interval in seconds. Version 3: four reserved bits, then the interval in
    /// centiseconds.
    pub timing: [u8; 2],
}

impl Header {
    /// The fields of a message; `None` when it is shorter than they are.
    #[must_use]
    pub fn parse(message: &[u8]) -> Option<Self> {
        let h = message.first_chunk::<HEADER_LEN>()?;
        Some(Self {
            version: h[0] >> 4,
            kind: h[0] & 0x0f,
            vrid: h[1],
            priority: h[2],
            count: h[3],
            timing: [h[4], h[5]],
        })
    }

    /// Bytes of the whole message, by its version and number of addresses.
    #[must_use]
    pub const fn message_len(&self, version: Version, family: Family) -> usize {
        let auth = match version {
            Version::V2 => AUTH_LEN,
            Version::V3 => 0,
        };
        HEADER_LEN + self.count as usize * family.address_len() + auth
    }

    /// The interval; `None` for 0.
    #[must_use]
    pub const fn interval(&self, version: Version) -> Option<AdvertInterval> {
        match version {
            Version::V2 => AdvertInterval::from_seconds(self.timing[1]),
            Version::V3 => {
                let [high, low] = self.timing;
                AdvertInterval::from_centiseconds(u16::from_be_bytes([high & 0x0f, low]))
            }
        }
    }
}

/// The addresses of a message, in its order.
pub fn addresses(message: &[u8], family: Family, count: u8) -> impl Iterator<Item = IpAddr> + '_ {
    let list = message.get(HEADER_LEN..).unwrap_or_default();
    list.chunks_exact(family.address_len()).take(count.into()).filter_map(move |bytes| match family {
        Family::V4 => <[u8; 4]>::try_from(bytes).ok().map(|b| IpAddr::V4(Ipv4Addr::from(b))),
        Family::V6 => <[u8; 16]>::try_from(bytes).ok().map(|b| IpAddr::V6(Ipv6Addr::from(b))),
    })
}

/// An IPv4 advert to be sent.
#[derive(Clone, Copy, Debug)]
pub struct AdvertV4<'a> {
    /// Version of the message.
    pub version: Version,
    /// Virtual router.
    pub vrid: Vrid,
    /// Priority; [`Priority::RELEASE`] when leaving.
    pub priority: Priority,
    /// Interval. Version 2 sends its whole seconds.
    pub interval: AdvertInterval,
    /// Source address.
    pub source: Ipv4Addr,
    /// Where it goes: [`ipv4::GROUP`], or a peer.
    pub destination: Ipv4Addr,
    /// [`ipv4::TTL`], or less to a peer.
    pub ttl: u8,
    /// Version 2: the password, or `None` for no authentication.
    pub auth: Option<[u8; AUTH_LEN]>,
    /// Version 3: how the checksum is taken.
    pub checksum: ChecksumForm,
    /// 1..=255 of them; those beyond are not sent.
    pub addresses: &'a [Ipv4Addr],
}

impl AdvertV4<'_> {
    /// Bytes of IPv4 header and message.
    #[must_use]
    pub fn len(&self) -> usize {
        let auth = match self.version {
            Version::V2 => AUTH_LEN,
            Version::V3 => 0,
        };
        ipv4::HEADER_LEN + HEADER_LEN + 4 * self.addresses.len().min(MAX_ADDRESSES) + auth
    }

    /// Whether there is nothing to send. There always is.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        false
    }

    /// Writes IPv4 header and message to the front of `buffer` and returns what it wrote; `None` when `buffer` has
    /// fewer than [`len`](Self::len) bytes.
    pub fn emit<'b>(&self, buffer: &'b mut [u8]) -> Option<&'b mut [u8]> {
        let packet = buffer.get_mut(..self.len())?;
        let (header, message) = packet.split_first_chunk_mut::<{ ipv4::HEADER_LEN }>()?;
        *header = ipv4::advert_header_to(self.destination, self.ttl, self.source, message.len() as u16);
        self.emit_message(message);
        Some(packet)
    }

    fn emit_message(&self, message: &mut [u8]) {
        let count = self.addresses.len().min(MAX_ADDRESSES) as u8;
        let timing = match self.version {
            Version::V2 => {
                let auth_type = if self.auth.is_some() { AUTH_PASS } else { AUTH_NONE };
                [auth_type, self.interval.as_seconds().unwrap_or(u8::MAX)]
            }
            Version::V3 => self.interval.as_centiseconds().min(0x0fff).to_be_bytes(),
        };
        let first = self.version.as_u8() << 4 | ADVERTISEMENT;
        let fixed = [first, self.vrid.as_u8(), self.priority.as_u8(), count, timing[0], timing[1], 0, 0];
        let auth = self.auth.unwrap_or_default();
        let octets = self.addresses.iter().take(count.into()).flat_map(Ipv4Addr::octets);
        let bytes = fixed.into_iter().chain(octets).chain(auth);
        message.iter_mut().zip(bytes).for_each(|(to, byte)| *to = byte);

        let before = match (self.version, self.checksum) {
            (Version::V3, ChecksumForm::PseudoHeader) => {
                Sum::pseudo_header(self.source, self.destination, message.len() as u16)
            }
            (Version::V2, _) | (Version::V3, ChecksumForm::MessageOnly) => Sum::new(),
        };
        let checksum = before.with(message).finish();
        if let Some(field) = message.get_mut(6..8) {
            field.copy_from_slice(&checksum.to_be_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{vec, vec::Vec};

    fn emitted(advert: &AdvertV4<'_>) -> Vec<u8> {
        let mut buffer = vec![0u8; 1100];
        advert.emit(&mut buffer).unwrap().to_vec()
    }

    const V3: AdvertV4<'static> = AdvertV4 {
        version: Version::V3,
        vrid: Vrid::new(1).unwrap(),
        priority: Priority::DEFAULT,
        interval: AdvertInterval::DEFAULT,
        source: Ipv4Addr::new(192, 168, 0, 30),
        destination: ipv4::GROUP,
        ttl: ipv4::TTL,
        auth: None,
        checksum: ChecksumForm::PseudoHeader,
        addresses: &[Ipv4Addr::new(192, 168, 0, 1)],
    };

    #[test]
    fn version_3_with_pseudo_header() {
        let bytes = emitted(&V3);
        // By hand: 3101+6401+0064+c0a8+0001 = 5610, pseudo-header c0a8+001e+e000+0012+0070+000c = a155, ~f765 = 089a.
        assert_eq!(bytes[20..], [0x31, 1, 100, 1, 0, 100, 0x08, 0x9a, 192, 168, 0, 1]);
    }

    #[test]
    fn version_3_without_pseudo_header() {
        let bytes = emitted(&AdvertV4 { checksum: ChecksumForm::MessageOnly, ..V3 });
        assert_eq!(Sum::new().with(&bytes[20..]).finish(), 0);
    }

    #[test]
    fn version_2_with_password_always_ends_in_eight_bytes_of_authentication() {
        let advert = AdvertV4 {
            version: Version::V2,
            auth: Some(*b"1111\0\0\0\0"),
            checksum: ChecksumForm::MessageOnly,
            ..V3
        };
        let bytes = emitted(&advert);
        assert_eq!(bytes[20..26], [0x21, 1, 100, 1, AUTH_PASS, 1]);
        assert_eq!(bytes[28..], *b"\xc0\xa8\0\x011111\0\0\0\0");
        assert_eq!(Sum::new().with(&bytes[20..]).finish(), 0);
        let open = emitted(&AdvertV4 { auth: None, ..advert });
        assert_eq!((open[24], &open[32..]), (AUTH_NONE, [0; 8].as_slice()));
    }

    #[test]
    fn two_hundred_and_fifty_five_addresses_fit() {
        let many = [Ipv4Addr::new(10, 0, 0, 1); 255];
        let bytes = emitted(&AdvertV4 { addresses: &many, ..V3 });
        assert_eq!(bytes.len(), 20 + 8 + 1020);
        assert_eq!(addresses(&bytes[20..], Family::V4, 255).count(), 255);
    }

    #[test]
    fn intervals_mean_the_same_in_both_directions() {
        for centiseconds in [1, 100, 4095] {
            let interval = AdvertInterval::from_centiseconds(centiseconds).unwrap();
            let bytes = emitted(&AdvertV4 { interval, ..V3 });
            assert_eq!(Header::parse(&bytes[20..]).unwrap().interval(Version::V3), Some(interval));
        }
        let header = Header { version: 3, kind: 1, vrid: 1, priority: 1, count: 1, timing: [0xf0, 0] };
        assert_eq!(header.interval(Version::V3), None, "reserved bits are not interval");
    }
}
