//! Addresses as the kernel has them: plain data, which netlink reads and the comparison with what routers hold goes by.

use std::net::{IpAddr, Ipv4Addr};

/// Place of an address in the kernel. The same address may be there twice, with two prefixes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Spot {
    pub(crate) interface: String,
    pub(crate) address: IpAddr,
    pub(crate) prefix_len: u8,
}

impl Spot {
    /// Tells whether other addresses may hang on it in the kernel.
    pub(crate) fn has_network(&self) -> bool {
        match self.address {
            IpAddr::V4(_) => self.prefix_len < 32,
            // The kernel makes no IPv6 address secondary to another.
            IpAddr::V6(_) => false,
        }
    }
}

/// An address that the kernel has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KernelAddress {
    pub(crate) spot: Spot,
    /// Says that it has the mark of what vrrpd adds.
    pub(crate) marked: bool,
    /// Says that it goes when the first address of its network goes, unless the kernel promotes it.
    pub(crate) secondary: bool,
    pub(crate) traits: Traits,
}

/// Properties of an address beside its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Traits {
    pub(crate) broadcast: Option<Ipv4Addr>,
    pub(crate) label: String,
    pub(crate) scope: u8,
}
