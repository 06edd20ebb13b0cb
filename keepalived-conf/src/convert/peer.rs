//! `unicast_peer`.

use std::net::Ipv4Addr;

use vrrp_config::{Node, Place, Table};

use super::{Context, address::argument};
use crate::tree::Statement;

/// One peer.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    pub(super) address: Ipv4Addr,
    pub(super) place: Place,
    /// `min_ttl` and `max_ttl`.
    bounds: Table,
}

/// The peers of a block; those of IPv6 are in the report.
pub(super) fn peers(statement: &Statement, context: &mut Context<'_>) -> Vec<Peer> {
    let Some(block) = context.block(statement) else { return Vec::new() };
    context.extra(statement, statement.arguments());
    let mut found = Vec::new();
    for line in block {
        context.no_block(line);
        found.extend(peer(statement.keyword(), line, context));
    }
    found
}

/// `ADDRESS [min_ttl N] [max_ttl N]`.
fn peer(keyword: &str, line: &Statement, context: &mut Context<'_>) -> Option<Peer> {
    let (address, options) = line.words.split_first()?;
    let address = context.host(keyword, address)?;
    let mut bounds = Table::default();
    let mut options = options.iter();
    while let Some(option) = options.next() {
        let key = option.text.as_str();
        if !["min_ttl", "max_ttl"].contains(&key) {
            context.wrong(option, "expected min_ttl, max_ttl or the end of the line: one peer to a line");
            return None;
        }
        let value = argument(option, &mut options, context)?;
        bounds.replace(key, Node::new(context.number(value, 0..=255)?, line.place));
    }
    Some(Peer { address, place: line.place, bounds })
}

impl Peer {
    /// Tells whether keepalived would look at the source of the peer's adverts for its bounds alone.
    pub(super) fn has_bounds(&self) -> bool {
        !self.bounds.is_empty()
    }

    /// Its entry in the list.
    pub(super) fn into_node(self, context: &Context<'_>) -> Node {
        context.entry("address", self.address.to_string(), self.bounds, self.place)
    }
}
