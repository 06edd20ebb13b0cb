//! Ethernet addresses.

use std::{fmt, str::FromStr};

use anyhow::{Context as _, Result};

/// An Ethernet address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mac(pub [u8; 6]);

impl Mac {
    /// Every host.
    pub const BROADCAST: Self = Self([0xff; 6]);
    /// None: the target of an ARP request.
    pub const ZERO: Self = Self([0; 6]);

    /// The address of an IPv4 virtual router (RFC 9568 §7.3).
    #[must_use]
    pub const fn virtual_v4(vrid: u8) -> Self {
        Self([0x00, 0x00, 0x5e, 0x00, 0x01, vrid])
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl FromStr for Mac {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let mut bytes = [0; 6];
        let mut parts = text.split(':');
        for byte in &mut bytes {
            let part = parts.next().with_context(|| format!("{text}: six bytes make a MAC address"))?;
            *byte = u8::from_str_radix(part, 16).with_context(|| format!("{text}: not a MAC address"))?;
        }
        anyhow::ensure!(parts.next().is_none(), "{text}: six bytes make a MAC address");
        Ok(Self(bytes))
    }
}
