//! A packet socket at the other end of the wire.

use std::{
    mem,
    os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd},
    time::{Duration, Instant},
};

use crate::rig::index;

const ARP: u16 = 0x0806;

pub(crate) struct PacketSocket(OwnedFd);

impl PacketSocket {
    /// For ARP on this interface of the thread's namespace.
    pub(crate) fn arp(interface: &str) -> Self {
        // SAFETY: no memory is touched; a new descriptor is nobody else's.
        let socket = unsafe {
            let fd = libc::socket(libc::AF_PACKET, libc::SOCK_RAW, i32::from(ARP.to_be()));
            assert!(fd >= 0, "{}", std::io::Error::last_os_error());
            OwnedFd::from_raw_fd(fd)
        };
        // SAFETY: zero bytes are a valid address.
        let mut address: libc::sockaddr_ll = unsafe { mem::zeroed() };
        address.sll_family = libc::AF_PACKET as u16;
        address.sll_protocol = ARP.to_be();
        address.sll_ifindex = index(interface) as i32;
        let length = size_of_val(&address) as u32;
        // SAFETY: an address of that length, which outlives the call.
        let bound = unsafe { libc::bind(socket.as_raw_fd(), (&raw const address).cast(), length) };
        assert_eq!(bound, 0, "{}", std::io::Error::last_os_error());
        Self(socket)
    }

    pub(crate) fn send(&self, frame: &[u8]) {
        // SAFETY: the frame outlives the call.
        let sent = unsafe { libc::send(self.0.as_raw_fd(), frame.as_ptr().cast(), frame.len(), 0) };
        assert_eq!(sent, frame.len() as isize, "{}", std::io::Error::last_os_error());
    }

    /// Whether an ARP reply comes in that time.
    pub(crate) fn answer_within(&self, time: Duration) -> bool {
        let end = Instant::now() + time;
        let mut frame = [0_u8; 128];
        loop {
            let left = end.saturating_duration_since(Instant::now()).as_millis() as i32;
            let mut poll = libc::pollfd { fd: self.0.as_raw_fd(), events: libc::POLLIN, revents: 0 };
            // SAFETY: one structure, which outlives the call.
            if unsafe { libc::poll(&raw mut poll, 1, left) } <= 0 {
                return false;
            }
            // SAFETY: a buffer of that length, which outlives the call.
            let got = unsafe { libc::recv(self.0.as_raw_fd(), frame.as_mut_ptr().cast(), frame.len(), 0) };
            if got >= 42 && frame[20..22] == [0, 2] {
                return true;
            }
        }
    }
}
