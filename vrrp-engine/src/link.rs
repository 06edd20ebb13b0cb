//! Interfaces, as far as the engine is told of them.

use std::net::IpAddr;

use vrrp_common::types::Mac;

use crate::suitable::Nature;

/// State of an interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The kernel's index of it.
    pub index: u32,
    /// Its own MAC address.
    pub mac: Mac,
    /// Administratively up, with carrier; later by the delays that are configured.
    pub up: bool,
    /// Whether it is so at this moment.
    pub carrier: bool,
    /// How often it has come up.
    pub carrier_ups: u32,
    /// What does not depend on its state.
    pub nature: Nature,
    /// Its addresses, primary ones first, in the kernel's order.
    pub addresses: Vec<IpAddr>,
}
