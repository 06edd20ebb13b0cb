//! Membership in the multicast group of the adverts: the kernel tells switches that listen (IGMP snooping) that the group
//! is wanted here, again whenever one asks, and when the link comes back. The packet socket has the card take the frames in,
//! and tells nobody.
//!
//! The adverts that come to the kernel with that find the sockets of [`unicast`](crate::unicast), whose filter takes none.

use std::io;

use socket2::{Domain, InterfaceIndexOrAddress, Socket, Type};
use vrrp_common::{types::Family, wire::ipv4};

/// A socket that nothing comes to. The membership ends with it.
#[derive(Debug)]
pub(crate) struct Membership {
    _socket: Socket,
    index: u32,
}

impl Membership {
    /// Joins the group of a family on the interface with this index, with or without an address there, up or down.
    ///
    /// # Errors
    /// As the kernel says; `ENODEV`: it does not speak that family. `Unsupported`: adverts of the family are not heard.
    pub(crate) fn join(index: u32, family: Family) -> io::Result<Self> {
        let socket = match family {
            Family::V4 => Socket::new(Domain::IPV4, Type::DGRAM, None)?,
            Family::V6 => return Err(io::Error::new(io::ErrorKind::Unsupported, "no adverts by IPv6")),
        };
        socket.join_multicast_v4_n(&ipv4::GROUP, &InterfaceIndexOrAddress::Index(index))?;
        Ok(Self { _socket: socket, index })
    }

    /// The index of the interface.
    pub(crate) fn index(&self) -> u32 {
        self.index
    }
}
