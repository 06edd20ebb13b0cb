//! The socket that adverts to unicast peers leave by. The kernel routes them and finds the peers' MAC addresses, which
//! may be behind routers.
//!
//! Nothing is received here: adverts reach the daemon through the data plane.

use std::{io, net::Ipv4Addr, net::SocketAddrV4};

use socket2::{Domain, Protocol, SockFilter, Socket, Type};
use vrrp_common::wire::checksum::VRRP;

/// A raw socket on one interface.
#[derive(Debug)]
pub(crate) struct UnicastSocket {
    socket: Socket,
}

impl UnicastSocket {
    /// Opens it on the interface with this name.
    ///
    /// It is one of protocol 112, so that the kernel does not tell peers by ICMP that nobody here speaks it, and its
    /// filter takes nothing.
    pub(crate) fn open(interface: &str) -> io::Result<Self> {
        let socket = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::from(i32::from(VRRP))))?;
        let nothing = SockFilter::new((libc::BPF_RET | libc::BPF_K) as u16, 0, 0, 0);
        socket.attach_filter(&[nothing])?;
        socket.bind_device(Some(interface.as_bytes()))?;
        socket.set_header_included_v4(true)?;
        socket.set_nonblocking(true)?;
        Ok(Self { socket })
    }

    /// Sends each packet, which begins with its IPv4 header, and returns how many the kernel took.
    ///
    /// # Errors
    /// It took none; the error of the last.
    pub(crate) fn send(&self, packets: &[(Ipv4Addr, Vec<u8>)]) -> io::Result<usize> {
        let mut sent = 0;
        let mut failed = Ok(());
        for (peer, packet) in packets {
            match self.socket.send_to(packet, &SocketAddrV4::new(*peer, 0).into()) {
                Ok(_) => sent += 1,
                Err(error) => failed = Err(error),
            }
        }
        if sent == 0 { failed.map(|()| 0) } else { Ok(sent) }
    }
}
