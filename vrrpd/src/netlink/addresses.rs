//! Addresses on links.

use std::net::{IpAddr, Ipv4Addr};

use futures_util::TryStreamExt;
use netlink_packet_route::address::{
    AddressAttribute, AddressHeaderFlags, AddressMessage, AddressProtocol, AddressScope,
};
use rtnetlink::AddressMessageBuilder;

use super::{Netlink, errno};
use crate::config::VirtualAddress;

/// The mark of what this adds (`ip address show proto 112`; since Linux 5.18): the protocol number of VRRP.
const ADDED_BY_VRRPD: AddressAttribute = AddressAttribute::Protocol(AddressProtocol::Other(112));

impl Netlink {
    /// All IPv4 addresses, primary ones first, otherwise in the kernel's order.
    pub(super) async fn addresses(&self) -> Result<Vec<AddressMessage>, rtnetlink::Error> {
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
        if let Some(broadcast) = vip.broadcast {
            message.attributes.retain(|attribute| !matches!(attribute, AddressAttribute::Broadcast(_)));
            message.attributes.push(AddressAttribute::Broadcast(broadcast));
        }
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

pub(super) fn local_address(message: &AddressMessage) -> Option<IpAddr> {
    message.attributes.iter().find_map(|attribute| {
        if let AddressAttribute::Local(address) = attribute { Some(*address) } else { None }
    })
}
