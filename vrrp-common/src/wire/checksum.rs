//! The Internet checksum (RFC 1071) and the pseudo-header that goes before some messages.

use core::net::Ipv4Addr;

/// Protocol number of VRRP.
pub const VRRP: u8 = 112;

/// A sum under way. Add pieces of even length only, except for the last.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sum(u64);

impl Sum {
    /// An empty sum.
    #[must_use]
    pub const fn new() -> Self {
        Self(0)
    }

    /// The IPv4 pseudo-header of a VRRP message of `length` bytes (RFC 5798 §5.2.8).
    #[must_use]
    pub fn pseudo_header(source: Ipv4Addr, destination: Ipv4Addr, length: u16) -> Self {
        let length = length.to_be_bytes();
        Self::new().with(&source.octets()).with(&destination.octets()).with(&[0, VRRP, length[0], length[1]])
    }

    /// Goes on with `bytes`; an odd last byte is padded with zero.
    #[must_use]
    pub fn with(self, bytes: &[u8]) -> Self {
        let pairs = bytes.chunks(2).map(|pair| match *pair {
            [high, low] => u64::from(u16::from_be_bytes([high, low])),
            [high] => u64::from(high) << 8,
            _ => 0,
        });
        Self(self.0 + pairs.sum::<u64>())
    }

    /// What goes into the checksum field. Over data that holds its own right checksum this is 0.
    #[must_use]
    pub const fn finish(self) -> u16 {
        let mut sum = self.0;
        while sum > 0xffff {
            sum = (sum & 0xffff) + (sum >> 16);
        }
        !(sum as u16)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_rfc_1071() {
        assert_eq!(Sum::new().with(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]).finish(), !0xddf2);
    }

    #[test]
    fn an_odd_byte_is_padded_with_zero() {
        assert_eq!(Sum::new().with(&[1, 2, 3]).finish(), Sum::new().with(&[1, 2, 3, 0]).finish());
    }
}
