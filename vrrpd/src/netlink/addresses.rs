//! Addresses on links.

use std::{
    collections::{BTreeMap, HashSet},
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use futures_util::TryStreamExt;
use netlink_packet_route::{
    address::{AddressAttribute, AddressHeaderFlags, AddressMessage, AddressProtocol, AddressScope},
    link::{AfSpecInet, AfSpecUnspec, LinkAttribute, LinkMessage},
};
use rtnetlink::{AddressMessageBuilder, packet_core::DefaultNla};

use super::{Netlink, errno, unless_there};
use crate::address::{KernelAddress, Spot, Traits};
use vrrp_config::VirtualAddress;

/// The mark of what this adds (`ip address show proto 112`; since Linux 5.18): the protocol number of VRRP.
const ADDED_BY_VRRPD: AddressAttribute = AddressAttribute::Protocol(AddressProtocol::Other(112));

/// `IFLA_INET_CONF`, in which the kernel takes single switches of a link.
const IFLA_INET_CONF: u16 = 1;
/// `IPV4_DEVCONF_PROMOTE_SECONDARIES`.
const PROMOTE_SECONDARIES: u16 = 20;

/// Reasons for which an address was not added.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AddressError {
    /// vrrpd adds no IPv6 addresses. Said, so that no router believes that it has one.
    #[error("{0} is an IPv6 address, which vrrpd does not add")]
    Ipv6(Ipv6Addr),
    /// The kernel's word.
    #[error(transparent)]
    Kernel(#[from] rtnetlink::Error),
}

impl AddressError {
    /// Tells whether the address is there already, and was not to be replaced.
    pub(crate) fn is_there(&self) -> bool {
        match self {
            Self::Ipv6(_) => false,
            Self::Kernel(error) => errno(error) == Some(libc::EEXIST),
        }
    }
}

/// The IPv4 addresses that the kernel has, primary ones first, otherwise in its own order.
#[derive(Debug, Default)]
pub(crate) struct Addresses {
    messages: Vec<AddressMessage>,
}

impl Addresses {
    /// Lists the addresses on links that have a name here.
    pub(crate) fn seen(&self, names: &BTreeMap<u32, String>) -> Vec<KernelAddress> {
        self.messages.iter().filter_map(|message| seen(message, names)).collect()
    }

    /// Lists the addresses of one link that no vrrpd has added.
    pub(super) fn own(&self, index: u32) -> impl Iterator<Item = IpAddr> + '_ {
        let here = self.messages.iter().filter(move |message| message.header.index == index);
        here.filter(|message| !message.attributes.contains(&ADDED_BY_VRRPD)).filter_map(local_address)
    }

    /// Collects all addresses.
    pub(crate) fn all(&self) -> HashSet<IpAddr> {
        self.messages.iter().filter_map(local_address).collect()
    }

    /// Finds what the kernel says about the address at a spot of the link with this index.
    pub(crate) fn message(&self, index: u32, spot: &Spot) -> Option<&AddressMessage> {
        self.messages.iter().find(|message| {
            message.header.index == index
                && message.header.prefix_len == spot.prefix_len
                && local_address(message) == Some(spot.address)
        })
    }
}

impl Netlink {
    pub(crate) async fn addresses(&self) -> Result<Addresses, rtnetlink::Error> {
        let mut messages: Vec<AddressMessage> = self.handle.address().get().execute().try_collect().await?;
        messages.retain(|address| match local_address(address) {
            Some(IpAddr::V4(_)) => true,
            // No router has IPv6 addresses, so whatever is here is the host's own business.
            Some(IpAddr::V6(_)) | None => false,
        });
        messages.sort_by_key(is_secondary);
        Ok(Addresses { messages })
    }

    /// Adds an address with our mark to the link with this index, or gives the mark to the one that is there
    /// (`replace`).
    ///
    /// # Errors
    /// See [`AddressError`]: among them that it [is there](AddressError::is_there), and was not to be replaced.
    pub(crate) async fn add(
        &self,
        index: u32,
        vip: &VirtualAddress,
        replace: bool,
    ) -> Result<(), AddressError> {
        let address = match vip.address {
            IpAddr::V4(address) => address,
            IpAddr::V6(address) => return Err(AddressError::Ipv6(address)),
        };
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
        let request = self.handle.address().add(index, vip.address, vip.prefix_len);
        let mut request = if replace { request.replace() } else { request };
        *request.message_mut() = message;
        Ok(request.execute().await?)
    }

    /// Removes one address. One that is not there needs nothing.
    ///
    /// # Errors
    /// As the kernel says.
    pub(crate) async fn remove(&self, message: AddressMessage) -> Result<(), rtnetlink::Error> {
        match self.handle.address().del(message).execute().await {
            // Gone meanwhile, alone or with its primary address or its link.
            Err(error) if matches!(errno(&error), Some(libc::EADDRNOTAVAIL | libc::ENODEV)) => Ok(()),
            result => result,
        }
    }

    /// Adds an address as it was. One that is there needs nothing.
    ///
    /// # Errors
    /// As the kernel says.
    pub(crate) async fn put_back(&self, message: AddressMessage) -> Result<(), rtnetlink::Error> {
        // One without is no address of a link that anything could hang on: the kernel has listed none such.
        let Some(address) = local_address(&message) else { return Ok(()) };
        let mut request = self.handle.address().add(message.header.index, address, message.header.prefix_len);
        *request.message_mut() = message;
        request.execute().await.or_else(unless_there)
    }

    /// Sets whether the secondary addresses of a link stay when the first one of their network goes
    /// (`net.ipv4.conf.IFACE.promote_secondaries`, which needs no /proc/sys this way).
    ///
    /// # Errors
    /// As the kernel says.
    pub(crate) async fn promote_secondaries(&self, index: u32, on: bool) -> Result<(), rtnetlink::Error> {
        let mut message = LinkMessage::default();
        message.header.index = index;
        // A nested attribute: its length, its kind, and the value as 32 bits.
        let mut switch = Vec::from(8_u16.to_ne_bytes());
        switch.extend(PROMOTE_SECONDARIES.to_ne_bytes());
        switch.extend(u32::from(on).to_ne_bytes());
        let conf = AfSpecInet::Other(DefaultNla::new(IFLA_INET_CONF, switch));
        message.attributes.push(LinkAttribute::AfSpecUnspec(vec![AfSpecUnspec::Inet(vec![conf])]));
        self.handle.link().set(message).execute().await
    }
}

fn seen(message: &AddressMessage, names: &BTreeMap<u32, String>) -> Option<KernelAddress> {
    let interface = names.get(&message.header.index)?.clone();
    let address = local_address(message)?;
    let mut traits = Traits { broadcast: None, label: interface.clone(), scope: message.header.scope.into() };
    for attribute in &message.attributes {
        if let AddressAttribute::Broadcast(broadcast) = attribute {
            traits.broadcast = Some(*broadcast);
        } else if let AddressAttribute::Label(label) = attribute {
            traits.label.clone_from(label);
        }
    }
    Some(KernelAddress {
        spot: Spot { interface, address, prefix_len: message.header.prefix_len },
        marked: message.attributes.contains(&ADDED_BY_VRRPD),
        secondary: is_secondary(message),
        traits,
    })
}

fn is_secondary(message: &AddressMessage) -> bool {
    message.header.flags.contains(AddressHeaderFlags::Secondary)
}

fn local_address(message: &AddressMessage) -> Option<IpAddr> {
    message.attributes.iter().find_map(|attribute| {
        if let AddressAttribute::Local(address) = attribute { Some(*address) } else { None }
    })
}
