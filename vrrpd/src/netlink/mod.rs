//! Interfaces, addresses, routes and rules, by rtnetlink.
//!
//! Knows nothing of roles: it is told what to add and what to remove.

mod addresses;
mod entrances;
mod links;
mod routes;
mod rules;

#[cfg(test)]
mod tests;

pub(crate) use addresses::Addresses;
pub(crate) use links::{Device, DeviceKind, Observed};
pub(crate) use routes::{DEFAULT_PROTOCOL, explain};

use std::io;

use futures_util::{StreamExt, stream, stream::BoxStream};
use netlink_packet_route::RouteNetlinkMessage;
use rtnetlink::{
    Handle, MulticastGroup, new_connection, new_multicast_connection,
    packet_core::{NLM_F_ACK, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REQUEST, NetlinkMessage, NetlinkPayload},
};

/// A connection to rtnetlink.
#[derive(Clone, Debug)]
pub(crate) struct Netlink {
    handle: Handle,
}

/// Notices of what has changed. Just what about it is to be looked up: messages may be lost.
pub(crate) type Changes = BoxStream<'static, Changed>;

/// Kind of thing that has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Changed {
    /// A link or an address.
    Link,
    /// A route with this protocol number has gone.
    RouteGone(u8),
    /// A rule has gone, or a message was lost.
    Unknown,
}

/// Action on a route or a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    Add,
    Remove,
}

impl Change {
    /// A route goes before others to the same destination with the same metric, as keepalived's does.
    const fn flags(self, exclusive: bool) -> u16 {
        match self {
            Self::Add if exclusive => NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL,
            Self::Add => NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE,
            Self::Remove => NLM_F_REQUEST | NLM_F_ACK,
        }
    }
}

impl Netlink {
    /// Connects, with notice of changes. The connections live on the current runtime.
    ///
    /// What is asked for goes by a socket of its own: a notice about something that this process has done bears the
    /// number of the request, and would be taken for an answer to it.
    pub(crate) fn connect() -> io::Result<(Self, Changes)> {
        let (connection, handle, _) = new_connection()?;
        tokio::spawn(connection);
        Ok((Self { handle }, stream::select(changes()?, removals()?).boxed()))
    }

    async fn request(&self, message: RouteNetlinkMessage, flags: u16) -> Result<(), rtnetlink::Error> {
        let mut request = NetlinkMessage::from(message);
        request.header.flags = flags;
        let mut answers = self.handle.clone().request(request)?;
        while let Some(answer) = answers.next().await {
            if let NetlinkPayload::Error(error) = answer.payload {
                return Err(rtnetlink::Error::NetlinkError(error));
            }
        }
        Ok(())
    }
}

/// Tells of links and addresses that have changed.
fn changes() -> io::Result<Changes> {
    // No IPv6 address is kept here, so that their coming and going, of which hosts have plenty, wakes nobody.
    let groups = [MulticastGroup::Link, MulticastGroup::Ipv4Ifaddr];
    let (connection, handle, messages) = new_multicast_connection(&groups)?;
    tokio::spawn(connection);
    let changes = messages.map(move |_message| {
        // The connection ends with its last handle.
        let _keep = &handle;
        Changed::Link
    });
    Ok(changes.boxed())
}

/// Routes and rules that have gone. On a socket of its own, so that a full table that comes and goes drowns no news of
/// links.
fn removals() -> io::Result<Changes> {
    let groups = [
        MulticastGroup::Ipv4Route,
        MulticastGroup::Ipv6Route,
        MulticastGroup::Ipv4Rule,
        MulticastGroup::Ipv6Rule,
    ];
    let (connection, handle, messages) = new_multicast_connection(&groups)?;
    tokio::spawn(connection);
    let gone = messages.filter_map(move |(message, _)| {
        // The connection ends with its last handle.
        let _keep = &handle;
        std::future::ready(gone(&message.payload))
    });
    Ok(gone.boxed())
}

fn gone(payload: &NetlinkPayload<RouteNetlinkMessage>) -> Option<Changed> {
    if let NetlinkPayload::InnerMessage(RouteNetlinkMessage::DelRoute(route)) = payload {
        Some(Changed::RouteGone(route.header.protocol.into()))
    } else if matches!(
        payload,
        NetlinkPayload::InnerMessage(RouteNetlinkMessage::DelRule(_)) | NetlinkPayload::Overrun(_)
    ) {
        Some(Changed::Unknown)
    } else {
        None
    }
}

/// No error if what was to be added is there already.
fn unless_there(error: rtnetlink::Error) -> Result<(), rtnetlink::Error> {
    if errno(&error) == Some(libc::EEXIST) { Ok(()) } else { Err(error) }
}

fn errno(error: &rtnetlink::Error) -> Option<i32> {
    if let rtnetlink::Error::NetlinkError(message) = error { Some(-message.raw_code()) } else { None }
}
