//! Routes.

use std::{io, net::IpAddr};

use netlink_packet_route::{
    AddressFamily, RouteNetlinkMessage,
    route::{
        RouteAddress, RouteAttribute, RouteFlags, RouteHeader, RouteMessage, RouteMetric, RouteProtocol,
        RouteScope, RouteType,
    },
};

use super::{Change, Netlink, errno};
use vrrp_config::{RouteKind, VirtualRoute};

/// Protocol of routes that name none: keepalived's in `/etc/iproute2/rt_protos`.
pub(crate) const DEFAULT_PROTOCOL: u8 = 18;

impl Netlink {
    /// Adds a route, through the link with index `dev` if it names one. Whether it was missing.
    ///
    /// # Errors
    /// As the kernel says: `ENETUNREACH` for a gateway that is on no link, `EINVAL` for a source address that the host
    /// does not have, `ENETDOWN`.
    pub(crate) async fn add_route(
        &self,
        route: &VirtualRoute,
        dev: Option<u32>,
    ) -> Result<bool, rtnetlink::Error> {
        let message = RouteNetlinkMessage::NewRoute(message(route, dev, Change::Add));
        match self.request(message, Change::Add.flags(false)).await {
            Err(error) if errno(&error) == Some(libc::EEXIST) => Ok(false),
            result => result.map(|()| true),
        }
    }

    /// Removes a route. One that is not there needs nothing.
    ///
    /// # Errors
    /// As the kernel says.
    pub(crate) async fn remove_route(
        &self,
        route: &VirtualRoute,
        dev: Option<u32>,
    ) -> Result<(), rtnetlink::Error> {
        let message = RouteNetlinkMessage::DelRoute(message(route, dev, Change::Remove));
        match self.request(message, Change::Remove.flags(false)).await {
            Err(error) if matches!(errno(&error), Some(libc::ESRCH | libc::ENODEV)) => Ok(()),
            result => result,
        }
    }
}

fn message(route: &VirtualRoute, dev: Option<u32>, change: Change) -> RouteMessage {
    let mut message = RouteMessage::default();
    let table = route.table.unwrap_or_else(|| u32::from(RouteHeader::RT_TABLE_MAIN));
    message.header = RouteHeader {
        address_family: family(route.to.address),
        destination_prefix_length: route.to.length,
        table: u8::try_from(table).unwrap_or(RouteHeader::RT_TABLE_UNSPEC),
        protocol: RouteProtocol::from(route.protocol.unwrap_or(DEFAULT_PROTOCOL)),
        scope: scope(route, change),
        kind: kind(route.kind),
        flags: if route.onlink { RouteFlags::Onlink } else { RouteFlags::empty() },
        ..RouteHeader::default()
    };
    let mtu = route.mtu.map(|mtu| RouteAttribute::Metrics(vec![RouteMetric::Mtu(mtu)]));
    message.attributes = [
        Some(RouteAttribute::Table(table)),
        (route.to.length > 0).then(|| RouteAttribute::Destination(RouteAddress::from(route.to.address))),
        route.via.map(|via| RouteAttribute::Gateway(RouteAddress::from(via))),
        dev.map(RouteAttribute::Oif),
        route.src.map(|src| RouteAttribute::PrefSource(RouteAddress::from(src))),
        route.metric.map(RouteAttribute::Priority),
        mtu,
    ]
    .into_iter()
    .flatten()
    .collect();
    message
}

/// As `ip route` has it: what needs no gateway is on the link; what is removed may have any.
fn scope(route: &VirtualRoute, change: Change) -> RouteScope {
    match (route.scope, change) {
        (Some(scope), _) => RouteScope::from(scope),
        (None, Change::Remove) => RouteScope::NoWhere,
        (None, Change::Add) if route.kind == RouteKind::Unicast && route.via.is_none() => RouteScope::Link,
        (None, Change::Add) => RouteScope::Universe,
    }
}

const fn kind(kind: RouteKind) -> RouteType {
    match kind {
        RouteKind::Unicast => RouteType::Unicast,
        RouteKind::Blackhole => RouteType::BlackHole,
        RouteKind::Unreachable => RouteType::Unreachable,
        RouteKind::Prohibit => RouteType::Prohibit,
    }
}

pub(super) const fn family(address: IpAddr) -> AddressFamily {
    match address {
        IpAddr::V4(_) => AddressFamily::Inet,
        IpAddr::V6(_) => AddressFamily::Inet6,
    }
}

/// Tells what the kernel's number means for a route, in words that help.
pub(crate) fn explain(error: &rtnetlink::Error) -> String {
    match errno(error) {
        Some(libc::ENETUNREACH) => "its gateway is on no network of this host".into(),
        Some(libc::ENETDOWN) => "its interface is down".into(),
        Some(libc::EINVAL) => "the kernel refuses it; does the host have its `src`?".into(),
        Some(code) => io::Error::from_raw_os_error(code).to_string(),
        None => error.to_string(),
    }
}
