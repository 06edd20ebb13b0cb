//! The packet socket of an interface: adverts and gratuitous ARP leave by it, and the filters for the virtual MAC
//! addresses and the multicast group hang on it, so that they vanish with the process.
//!
//! Nothing is received here: frames reach the daemon through the data plane.

use std::{
    collections::BTreeSet,
    io,
    mem::{size_of, zeroed},
    os::fd::{AsRawFd, FromRawFd, OwnedFd},
    ptr,
};

use vrrp_common::{abi, types::Mac};

/// Frames handed to the kernel in one call.
pub(crate) const BATCH: usize = 32;

/// A packet socket bound to one interface.
#[derive(Debug)]
pub(crate) struct PacketSocket {
    fd: OwnedFd,
    index: u32,
    accepted: BTreeSet<Mac>,
}

impl PacketSocket {
    /// Opens it on the interface with this index. It receives nothing, since it asks for protocol 0.
    pub(crate) fn open(index: u32) -> io::Result<Self> {
        let kind = libc::SOCK_RAW | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
        // SAFETY: no pointers; a new descriptor or -1 comes back.
        let fd = check(unsafe { libc::socket(libc::AF_PACKET, kind, 0) })?;
        // SAFETY: the descriptor was made above and nobody else has it.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        // SAFETY: an all-zero sockaddr_ll is valid.
        let mut address: libc::sockaddr_ll = unsafe { zeroed() };
        address.sll_family = libc::AF_PACKET as u16;
        address.sll_ifindex = index_as_int(index)?;
        // SAFETY: the pointer is to a sockaddr_ll, and the length is its own.
        check(unsafe {
            libc::bind(fd.as_raw_fd(), ptr::from_ref(&address).cast(), size_of::<libc::sockaddr_ll>() as u32)
        })?;
        let socket = Self { fd, index, accepted: BTreeSet::new() };
        socket.member(libc::PACKET_ADD_MEMBERSHIP, libc::PACKET_MR_MULTICAST, Mac::VRRP_GROUP_V4)?;
        Ok(socket)
    }

    /// Lets the interface accept frames to `mac`, by its own filter where it has one, else by promiscuous mode.
    pub(crate) fn accept(&mut self, mac: Mac) -> io::Result<()> {
        if self.accepted.contains(&mac) {
            return Ok(());
        }
        self.member(libc::PACKET_ADD_MEMBERSHIP, libc::PACKET_MR_UNICAST, mac)
            .or_else(|_no_filter| self.member(libc::PACKET_ADD_MEMBERSHIP, libc::PACKET_MR_PROMISC, mac))?;
        self.accepted.insert(mac);
        Ok(())
    }

    /// Takes [`accept`](Self::accept) back for all but these.
    ///
    /// # Errors
    /// What the kernel says to the first that it does not let go.
    pub(crate) fn retain(&mut self, macs: &BTreeSet<Mac>) -> io::Result<()> {
        for mac in self.accepted.difference(macs).copied().collect::<Vec<_>>() {
            self.accepted.remove(&mac);
            self.member(libc::PACKET_DROP_MEMBERSHIP, libc::PACKET_MR_UNICAST, mac).or_else(
                |_no_filter| self.member(libc::PACKET_DROP_MEMBERSHIP, libc::PACKET_MR_PROMISC, mac),
            )?;
        }
        Ok(())
    }

    fn member(&self, option: libc::c_int, kind: libc::c_int, mac: Mac) -> io::Result<()> {
        let mut address = [0u8; 8];
        address[..6].copy_from_slice(&mac.0);
        let request = libc::packet_mreq {
            mr_ifindex: index_as_int(self.index)?,
            mr_type: kind as u16,
            mr_alen: 6,
            mr_address: address,
        };
        // SAFETY: the pointer is to a packet_mreq, and the length is its own.
        check(unsafe {
            libc::setsockopt(
                self.fd.as_raw_fd(),
                libc::SOL_PACKET,
                option,
                ptr::from_ref(&request).cast(),
                size_of::<libc::packet_mreq>() as u32,
            )
        })?;
        Ok(())
    }

    /// Sends frames that the data plane lets go although they speak for addresses whose door is closed.
    ///
    /// # Errors
    /// The mark could not be set, or the first frame not be sent.
    pub(crate) fn send_past_the_door<'a, F>(&self, frames: impl Iterator<Item = &'a F>) -> io::Result<usize>
    where
        F: AsRef<[u8]> + ?Sized + 'a,
    {
        self.mark(abi::ELSEWHERE_MARK)?;
        let sent = self.send(frames);
        self.mark(0)?;
        sent
    }

    fn mark(&self, mark: u32) -> io::Result<()> {
        // SAFETY: the pointer is to a u32, and the length is its own.
        let result = unsafe {
            libc::setsockopt(
                self.fd.as_raw_fd(),
                libc::SOL_SOCKET,
                libc::SO_MARK,
                ptr::from_ref(&mark).cast(),
                size_of::<u32>() as u32,
            )
        };
        check(result).map(drop)
    }

    /// Sends up to [`BATCH`] frames in one call and returns how many left; those beyond that are to be sent again.
    ///
    /// # Errors
    /// The first frame could not be sent.
    pub(crate) fn send<'a, F>(&self, frames: impl Iterator<Item = &'a F>) -> io::Result<usize>
    where
        F: AsRef<[u8]> + ?Sized + 'a,
    {
        // SAFETY: all-zero iovec and mmsghdr are valid: null pointers with length zero.
        let (mut parts, mut messages): ([libc::iovec; BATCH], [libc::mmsghdr; BATCH]) = unsafe { zeroed() };
        let mut count = 0;
        for ((part, message), frame) in parts.iter_mut().zip(&mut messages).zip(frames) {
            let frame = frame.as_ref();
            part.iov_base = frame.as_ptr().cast_mut().cast();
            part.iov_len = frame.len();
            message.msg_hdr.msg_iov = ptr::from_mut(part);
            message.msg_hdr.msg_iovlen = 1;
            count += 1;
        }
        if count == 0 {
            return Ok(0);
        }
        let mut send = || {
            // SAFETY: the first `count` messages point to live iovecs, and those to live frames, which are only read.
            check(unsafe { libc::sendmmsg(self.fd.as_raw_fd(), messages.as_mut_ptr(), count, 0) })
        };
        let sent = match send() {
            // Told once of a link that was down, when it may be up again.
            Err(error) if error.raw_os_error() == Some(libc::ENETDOWN) => send()?,
            result => result?,
        };
        Ok(usize::try_from(sent).unwrap_or(0))
    }
}

fn check(result: libc::c_int) -> io::Result<libc::c_int> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

fn index_as_int(index: u32) -> io::Result<libc::c_int> {
    libc::c_int::try_from(index).map_err(|_too_large| io::Error::from(io::ErrorKind::InvalidInput))
}
