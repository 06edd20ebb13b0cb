//! Adverts to peers by their addresses, where there is no multicast.

use std::net::IpAddr;

/// `unicast_peer` with `unicast_src_ip`: who is sent to and heard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unicast {
    /// `unicast_src_ip`: source address of the adverts; the interface's first address that is not virtual if `None`.
    pub source: Option<IpAddr>,
    /// `unicast_ttl`: TTL of the adverts that are sent. 1..=255; 255 unless given.
    pub ttl: u8,
    /// `unicast_peer`, 1..=254, each once. Adverts of other hosts are dropped and counted.
    pub peers: Vec<UnicastPeer>,
}

/// One entry of `unicast_peer`: `"192.0.2.2"` or `{ address = "192.0.2.2", min_ttl = 254, max_ttl = 255 }`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnicastPeer {
    /// Address of the peer.
    pub address: IpAddr,
    /// Adverts with less are dropped. 0..=255; 0 unless given, as in keepalived: peers may be routed.
    pub min_ttl: u8,
    /// Adverts with more are dropped. 255 unless given.
    pub max_ttl: u8,
}
