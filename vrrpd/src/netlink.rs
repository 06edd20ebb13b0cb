//! Interfaces and addresses, by rtnetlink.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    net::{IpAddr, Ipv4Addr},
};

use futures_util::{StreamExt, TryStreamExt, stream::BoxStream};
use netlink_packet_route::{
    address::{AddressAttribute, AddressHeaderFlags, AddressMessage, AddressProtocol, AddressScope},
    link::{LinkAttribute, LinkFlags, LinkMessage},
};
use rtnetlink::{AddressMessageBuilder, Handle, MulticastGroup, new_multicast_connection};
use vrrp_common::types::Mac;

use crate::{config::VirtualAddress, protocol::Link};

/// The mark of what this adds (`ip address show proto 112`; since Linux 5.18): the protocol number of VRRP.
const ADDED_BY_VRRPD: AddressAttribute = AddressAttribute::Protocol(AddressProtocol::Other(112));

/// A connection to rtnetlink.
#[derive(Clone, Debug)]
pub(crate) struct Netlink {
    handle: Handle,
}

/// Something about a link or an address has changed. What, is to be looked up: messages may be lost.
pub(crate) type Changes = BoxStream<'static, ()>;

impl Netlink {
    /// Connects, with notice of changes. The connection lives on the current runtime.
    pub(crate) fn connect() -> io::Result<(Self, Changes)> {
        let groups = [MulticastGroup::Link, MulticastGroup::Ipv4Ifaddr];
        let (connection, handle, messages) = new_multicast_connection(&groups)?;
        tokio::spawn(connection);
        Ok((Self { handle }, messages.map(|_message| ()).boxed()))
    }

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

    /// All IPv4 addresses, primary ones first, otherwise in the kernel's order.
    async fn addresses(&self) -> Result<Vec<AddressMessage>, rtnetlink::Error> {
        let mut addresses: Vec<AddressMessage> = self.handle.address().get().execute().try_collect().await?;
        addresses.retain(|address| matches!(local_address(address), Some(IpAddr::V4(_))));
        addresses.sort_by_key(|address| address.header.flags.contains(AddressHeaderFlags::Secondary));
        Ok(addresses)
    }

    /// Adds an address to the link with this index. One that is there already is as good.
    pub(crate) async fn add(&self, index: u32, vip: &VirtualAddress) -> Result<(), rtnetlink::Error> {
        let IpAddr::V4(address) = vip.address else { return Ok(()) };
        let mut message =
            AddressMessageBuilder::<Ipv4Addr>::new().index(index).address(address, vip.prefix_len).build();
        message.header.scope = AddressScope::from(vip.scope);
        message.attributes.push(ADDED_BY_VRRPD);
        if let Some(label) = &vip.label {
            message.attributes.push(AddressAttribute::Label(label.clone()));
        }
        let mut request = self.handle.address().add(index, vip.address, vip.prefix_len);
        *request.message_mut() = message;
        match request.execute().await {
            Err(error) if errno(&error) == Some(libc::EEXIST) => Ok(()),
            result => result,
        }
    }

    /// Removes all addresses that are `unwanted`, whatever their prefix and label: it is asked for each with the index
    /// of its link, and whether a vrrpd has added it.
    pub(crate) async fn remove(
        &self,
        unwanted: impl Fn(u32, IpAddr, bool) -> bool,
    ) -> Result<(), rtnetlink::Error> {
        for message in self.addresses().await? {
            let ours = message.attributes.contains(&ADDED_BY_VRRPD);
            if !local_address(&message).is_some_and(|local| unwanted(message.header.index, local, ours)) {
                continue;
            }
            match self.handle.address().del(message).execute().await {
                // Gone meanwhile, alone or with its primary address or its link.
                Err(error) if matches!(errno(&error), Some(libc::EADDRNOTAVAIL | libc::ENODEV)) => {}
                result => result?,
            }
        }
        Ok(())
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

fn local_address(message: &AddressMessage) -> Option<IpAddr> {
    message.attributes.iter().find_map(|attribute| {
        if let AddressAttribute::Local(address) = attribute { Some(*address) } else { None }
    })
}

fn errno(error: &rtnetlink::Error) -> Option<i32> {
    if let rtnetlink::Error::NetlinkError(message) = error { Some(-message.raw_code()) } else { None }
}
