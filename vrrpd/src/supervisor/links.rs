//! Links as the protocol thread is told of them, from what netlink shows.

use std::collections::BTreeMap;

use crate::netlink::{Device, DeviceKind};
use vrrp_engine::{Kind, Link, Nature};

/// Makes links of these devices. Each counts as it is at this moment; delays come after.
pub(super) fn of(devices: BTreeMap<String, Device>) -> BTreeMap<String, Link> {
    devices.into_iter().map(|(name, device)| (name, link(device))).collect()
}

fn link(device: Device) -> Link {
    let Device { index, mac, running, carrier_ups, kind, no_arp, addresses } = device;
    let nature = Nature { kind: kind_of(kind), no_arp };
    Link { index, mac, up: running, carrier: running, carrier_ups, nature, addresses }
}

const fn kind_of(kind: DeviceKind) -> Kind {
    match kind {
        DeviceKind::Ethernet => Kind::Ethernet,
        DeviceKind::Loopback => Kind::Loopback,
        DeviceKind::NotEthernet => Kind::NotEthernet,
        DeviceKind::Tap => Kind::Tap,
        DeviceKind::Macvlan => Kind::Macvlan,
        DeviceKind::Ipvlan => Kind::Ipvlan,
    }
}
