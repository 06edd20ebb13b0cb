//! Ways for frames into the kernel's network layer.

use netlink_packet_route::link::{InfoPortKind, LinkAttribute, LinkFlags, LinkInfo, LinkMessage};

/// Tells whether the interface hands frames to the kernel's network layer: all do but the loopback, and ports of bridges, bonds
/// and the like, whose frames come in by those, or only pass through this host.
pub(super) fn is_entrance(message: &LinkMessage) -> bool {
    !message.header.flags.contains(LinkFlags::Loopback) && !is_port(message)
}

/// Tells whether its frames are taken by what it is a port of. Those of a port of a VRF are the kernel's as any others.
fn is_port(message: &LinkMessage) -> bool {
    message.attributes.iter().any(|attribute| {
        let LinkAttribute::LinkInfo(infos) = attribute else { return false };
        infos.iter().any(|info| matches!(info, LinkInfo::PortKind(kind) if *kind != InfoPortKind::Vrf))
    })
}
