//! Links with what is on them.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::TryStreamExt;
use netlink_packet_route::link::{LinkAttribute, LinkFlags, LinkMessage};
use vrrp_common::types::Mac;

use super::{Netlink, addresses::local_address};
use crate::protocol::Link;

impl Netlink {
    /// The links with these names that exist.
    pub(crate) async fn links(
        &self,
        names: &BTreeSet<String>,
    ) -> Result<BTreeMap<String, Link>, rtnetlink::Error> {
        let mut links: BTreeMap<String, Link> = BTreeMap::new();
        let mut dump = self.handle.link().get().execute();
        while let Some(message) = dump.try_next().await? {
            if let Some((name, link)) = parse_link(&message).filter(|(name, _)| names.contains(name)) {
                links.insert(name, link);
            }
        }
        for address in self.addresses().await? {
            let link = links.values_mut().find(|link| link.index == address.header.index);
            if let (Some(link), Some(local)) = (link, local_address(&address)) {
                link.addresses.push(local);
            }
        }
        Ok(links)
    }
}

fn parse_link(message: &LinkMessage) -> Option<(String, Link)> {
    let mut name = None;
    let mut mac = Mac::default();
    for attribute in &message.attributes {
        if let LinkAttribute::IfName(text) = attribute {
            name = Some(text.clone());
        } else if let LinkAttribute::Address(bytes) = attribute
            && let Ok(bytes) = bytes.as_slice().try_into()
        {
            mac = Mac(bytes);
        }
    }
    let up = message.header.flags.contains(LinkFlags::Up | LinkFlags::Running);
    Some((name?, Link { index: message.header.index, mac, up, addresses: Vec::new() }))
}
