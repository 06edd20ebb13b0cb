//! `unicast_peer`.

use std::net::Ipv4Addr;

use super::{Context, address::argument, write::Item};
use crate::{text::Place, tree::Statement};
use vrrp_config::quote;

/// One peer.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    address: Ipv4Addr,
    min_ttl: Option<i64>,
    max_ttl: Option<i64>,
    place: Place,
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
    let mut peer = Peer { address, min_ttl: None, max_ttl: None, place: line.place };
    let mut options = options.iter();
    while let Some(option) = options.next() {
        let field = match option.text.as_str() {
            "min_ttl" => &mut peer.min_ttl,
            "max_ttl" => &mut peer.max_ttl,
            _ => {
                context.wrong(option, "expected min_ttl, max_ttl or the end of the line: one peer to a line");
                return None;
            }
        };
        *field = Some({
            let value = argument(option, &mut options, context)?;
            context.number(value, 0..=255)?
        });
    }
    Some(peer)
}

impl Peer {
    /// Whether keepalived would look at the source of its adverts for this alone.
    pub(super) fn has_bounds(&self) -> bool {
        self.min_ttl.is_some() || self.max_ttl.is_some()
    }

    pub(super) const fn address(&self) -> Ipv4Addr {
        self.address
    }

    pub(super) const fn place(&self) -> Place {
        self.place
    }

    pub(super) fn to_item(&self) -> Item {
        let address = quote(&self.address.to_string());
        let bound = |key: &str, ttl: Option<i64>| ttl.map(|ttl| format!(", {key} = {ttl}"));
        let more: String =
            [bound("min_ttl", self.min_ttl), bound("max_ttl", self.max_ttl)].into_iter().flatten().collect();
        let toml = if more.is_empty() { address } else { format!("{{ address = {address}{more} }}") };
        Item { toml, place: self.place }
    }
}
