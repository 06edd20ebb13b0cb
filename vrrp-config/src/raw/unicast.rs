//! Peers by their addresses.

use std::net::IpAddr;

use serde_json::Value as Json;

use super::super::{
    UnicastPeer, address,
    keys::set,
    place::Place,
    problem::{Findings, Problem},
    schema::either,
    table::Peer,
    tree::{Node, Table, Value},
    types::{Inline, List, Type, keys_within, place_of, within},
};

const EXAMPLE: &str = "unicast_peer = [\"192.0.2.2\", { address = \"192.0.2.3\", min_ttl = 254 }]";

/// An address, or a table with one.
pub(crate) struct PeerType;

/// The other boxes.
pub(crate) const PEER: List<PeerType> =
    List { of: PeerType, lengths: 1..=254, text: "list of 1 to 254 addresses or tables", example: EXAMPLE };

impl Type for PeerType {
    type Out = UnicastPeer;

    fn read(
        &self,
        key: &'static str,
        path: &str,
        node: &Node,
        findings: &mut Findings,
    ) -> Option<UnicastPeer> {
        let table = node.value.as_table();
        let keys = within::<Peer>(key, table.unwrap_or(&Table::default()), findings);
        let address = if table.is_some() {
            keys.address.value()
        } else {
            address::PEER.read(key, path, node, findings)
        };
        if keys.address.is_absent() && table.is_some() {
            let problem = Problem::new("`unicast_peer` has no address", node.place, "no `address` in here");
            findings.push(problem.help(format!("write {EXAMPLE}")).absence());
        }
        let (min_ttl, max_ttl) = (keys.min_ttl.value()?, keys.max_ttl.value()?);
        if min_ttl > max_ttl {
            let title = format!("`min_ttl` {min_ttl} is more than `max_ttl` {max_ttl}");
            let problem = Problem::new(title, node.place, "no advert could ever pass");
            findings.push(problem.help("turn them round, or leave one out"));
        }
        Some(UnicastPeer { address: IpAddr::V4(address?), min_ttl, max_ttl })
    }

    fn write(&self, peer: &UnicastPeer) -> Value {
        let address = address::v4(peer.address);
        let keys = Peer { address: address.into(), min_ttl: set(peer.min_ttl), max_ttl: set(peer.max_ttl) };
        Inline::<Peer>::new(EXAMPLE).write(&keys)
    }

    fn place(&self, node: &Node) -> Place {
        place_of("address", node)
    }

    fn text(&self) -> String {
        "address or table".to_owned()
    }

    fn schema(&self) -> Json {
        either(&address::PEER, &Inline::<Peer>::new(EXAMPLE))
    }

    fn words(&self) -> Vec<String> {
        keys_within::<Peer>()
    }
}
