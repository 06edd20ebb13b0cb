//! Links with what is on them.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use futures_util::TryStreamExt;
use netlink_packet_route::link::{
    AfSpecInet, AfSpecUnspec, InfoData, InfoKind, InfoMacVlan, LinkAttribute, LinkFlags, LinkInfo,
    LinkLayerType, LinkMessage, MacVlanMode,
};
use vrrp_common::types::Mac;

use super::{Addresses, Netlink, entrances::is_entrance};

/// An interface, as netlink shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Device {
    pub(crate) index: u32,
    pub(crate) mac: Mac,
    /// Administratively up, with carrier.
    pub(crate) running: bool,
    /// Number of times that it has come up.
    pub(crate) carrier_ups: u32,
    pub(crate) kind: DeviceKind,
    /// Flag NOARP.
    pub(crate) no_arp: bool,
    /// Addresses on it, primary ones first, in the kernel's order, without those that a vrrpd has added.
    pub(crate) addresses: Vec<IpAddr>,
}

/// Kinds of interfaces, as far as they differ in what they can be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DeviceKind {
    Ethernet,
    Loopback,
    /// Frames without an Ethernet header.
    NotEthernet,
    /// Macvtap and ipvtap.
    Tap,
    /// Macvlan in any mode but passthru.
    Macvlan,
    Ipvlan,
}

/// Links and addresses, as they are at one moment.
#[derive(Debug, Default)]
pub(crate) struct Observed {
    /// Links that were asked for, by name.
    pub(crate) devices: BTreeMap<String, Device>,
    /// Names of all links, by their index.
    pub(crate) names: BTreeMap<u32, String>,
    /// Links whose secondary addresses stay when the first one of their network goes.
    pub(crate) promoting: BTreeSet<String>,
    /// Names of the links that hand frames to the kernel's network layer, by their index.
    pub(crate) entrances: BTreeMap<u32, String>,
    pub(crate) addresses: Addresses,
}

impl Observed {
    /// Finds the index of the link with this name.
    pub(crate) fn index(&self, name: &str) -> Option<u32> {
        self.names.iter().find(|(_, known)| *known == name).map(|(index, _)| *index)
    }
}

impl Netlink {
    /// Looks at what is there now, with the links of these names.
    ///
    /// # Errors
    /// As the kernel says.
    pub(crate) async fn observe(&self, names: &BTreeSet<String>) -> Result<Observed, rtnetlink::Error> {
        let mut observed = Observed::default();
        let mut dump = self.handle.link().get().execute();
        while let Some(message) = dump.try_next().await? {
            let Some((name, device)) = parse(&message) else { continue };
            observed.names.insert(device.index, name.clone());
            if is_entrance(&message) {
                observed.entrances.insert(device.index, name.clone());
            }
            if promotes_secondaries(&message) {
                observed.promoting.insert(name.clone());
            }
            if names.contains(&name) {
                observed.devices.insert(name, device);
            }
        }
        observed.addresses = self.addresses().await?;
        for device in observed.devices.values_mut() {
            device.addresses = observed.addresses.own(device.index).collect();
        }
        Ok(observed)
    }
}

fn parse(message: &LinkMessage) -> Option<(String, Device)> {
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
    let running = message.header.flags.contains(LinkFlags::Up | LinkFlags::Running);
    let carrier_ups = message.attributes.iter().find_map(|attribute| {
        if let LinkAttribute::CarrierUpCount(ups) = attribute { Some(*ups) } else { None }
    });
    let no_arp = message.header.flags.contains(LinkFlags::Noarp);
    let (index, carrier_ups, kind) = (message.header.index, carrier_ups.unwrap_or_default(), kind(message));
    Some((name?, Device { index, mac, running, carrier_ups, kind, no_arp, addresses: Vec::new() }))
}

fn kind(message: &LinkMessage) -> DeviceKind {
    let infos = || {
        let infos = message.attributes.iter().filter_map(|attribute| {
            if let LinkAttribute::LinkInfo(infos) = attribute { Some(infos) } else { None }
        });
        infos.flatten()
    };
    let is = |kind: &InfoKind| infos().any(|info| *info == LinkInfo::Kind(kind.clone()));
    let passthru = infos().any(|info| {
        let LinkInfo::Data(InfoData::MacVlan(data)) = info else { return false };
        data.contains(&InfoMacVlan::Mode(MacVlanMode::Passthrough))
    });
    if message.header.flags.contains(LinkFlags::Loopback) {
        DeviceKind::Loopback
    } else if message.header.link_layer_type != LinkLayerType::Ether {
        DeviceKind::NotEthernet
    } else if is(&InfoKind::MacVtap) || is(&InfoKind::IpVtap) {
        DeviceKind::Tap
    } else if is(&InfoKind::MacVlan) && !passthru {
        DeviceKind::Macvlan
    } else if is(&InfoKind::IpVlan) {
        DeviceKind::Ipvlan
    } else {
        DeviceKind::Ethernet
    }
}

/// Reads the link's own switch; that of all links is beside it in /proc/sys, and only makes more of them stay.
fn promotes_secondaries(message: &LinkMessage) -> bool {
    let specs = message.attributes.iter().filter_map(|attribute| {
        if let LinkAttribute::AfSpecUnspec(specs) = attribute { Some(specs) } else { None }
    });
    let inet = specs
        .flatten()
        .filter_map(|spec| if let AfSpecUnspec::Inet(inet) = spec { Some(inet) } else { None });
    inet.flatten()
        .any(|conf| if let AfSpecInet::DevConf(conf) = conf { conf.promote_secondaries != 0 } else { false })
}
