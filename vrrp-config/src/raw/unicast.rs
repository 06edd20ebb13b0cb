//! Peers by their addresses.

use crate::tree::Node;
use std::net::{IpAddr, Ipv4Addr};

use super::super::{
    UnicastPeer, address,
    keys::{At, Field, Keys, entry, number},
    problem::{Findings, Problem},
};

/// The `unicast` keys of a router.
pub(crate) struct Unicast {
    pub(crate) unicast_src_ip: Field<Ipv4Addr>,
    pub(crate) unicast_ttl: Field<u8>,
    pub(crate) unicast_peer: Field<Vec<At<UnicastPeer>>>,
}

const EXAMPLE: &str = "unicast_peer = [\"192.0.2.2\", { address = \"192.0.2.3\", min_ttl = 254 }]";

impl Unicast {
    pub(super) fn read(keys: &mut Keys<'_, '_>) -> Self {
        Self {
            unicast_src_ip: keys.read("unicast_src_ip", address::source),
            unicast_ttl: keys.read("unicast_ttl", number(1..=255)),
            unicast_peer: keys.list("unicast_peer", 1..=254, EXAMPLE, peer),
        }
    }
}

fn peer(value: &Node, findings: &mut Findings) -> Option<At<UnicastPeer>> {
    let Some(table) = value.value.as_table() else {
        let At { value: address, place } = entry("unicast_peer", value, findings, address::peer)?;
        let value = UnicastPeer { address: IpAddr::V4(address), min_ttl: 0, max_ttl: 255 };
        return Some(At { value, place });
    };
    let mut keys = Keys::new("unicast_peer", table, findings);
    let address = keys.read("address", address::peer);
    let min_ttl = keys.read("min_ttl", number(0..=255));
    let max_ttl = keys.read("max_ttl", number(0..=255));
    if matches!(address, Field::Absent) {
        let problem = Problem::new("`unicast_peer` has no address", value.place, "no `address` in here");
        keys.findings.push(problem.help(format!("write {EXAMPLE}")).absence());
    }
    if let (Some(min), Some(max)) = (min_ttl.or(0), max_ttl.or(255))
        && min > max
    {
        let title = format!("`min_ttl` {min} is more than `max_ttl` {max}");
        let problem = Problem::new(title, value.place, "no advert could ever pass");
        keys.findings.push(problem.help("turn them round, or leave one out"));
    }
    keys.finish();
    let At { value: ip, place } = address.given()?.clone();
    let value = UnicastPeer { address: IpAddr::V4(ip), min_ttl: min_ttl.or(0)?, max_ttl: max_ttl.or(255)? };
    Some(At { value, place })
}
