//! Packet sockets: the only file of the laboratory that speaks to the kernel in pointers.

use std::{
    ffi::{CStr, c_int},
    fs::File,
    io,
    mem::{self, size_of},
    os::{
        fd::{AsRawFd as _, FromRawFd as _, OwnedFd},
        unix::fs::OpenOptionsExt as _,
    },
    time::Duration,
};

use anyhow::{Context as _, Result};

use crate::{Mac, Stamp};

/// Bytes that the kernel may hold back for a capture: some 100,000 small frames.
const RECEIVE_BUFFER: c_int = 128 << 20;

/// Frames that are sent in one call.
pub const BATCH: usize = 64;

/// Source of frames that are too many to be looked at one by one, and the front of it.
pub const FLOOD_MAC: Mac = Mac([2, 0xf1, 0, 0, 0xd0, 0x0d]);
const FLOOD_MAC_HEAD: u32 = 0x02f1_0000;

/// An `AF_PACKET` socket in the network namespace of the thread that opened it.
#[derive(Debug)]
pub struct PacketSocket(OwnedFd);

/// What comes with a frame.
#[derive(Clone, Copy, Debug)]
pub struct Arrival {
    /// Bytes in the buffer.
    pub length: usize,
    /// The kernel's stamp.
    pub at: Stamp,
    /// The interface.
    pub interface: u32,
    /// Whether this host sent it.
    pub outgoing: bool,
}

impl PacketSocket {
    /// Hears ARP, VRRP, IGMP and what stations send to themselves on all interfaces of the namespace, with kernel timestamps; sent frames too if `outgoing`.
    ///
    /// # Errors
    /// Without root.
    pub fn capture(outgoing: bool) -> Result<Self> {
        // Silent until the filter is there, so that no other frame slips in.
        let socket = open()?;
        socket.option(libc::SOL_SOCKET, libc::SO_RCVBUFFORCE, &RECEIVE_BUFFER)?;
        socket.option(libc::SOL_SOCKET, libc::SO_TIMESTAMPNS, &1_i32)?;
        socket.option(libc::SOL_PACKET, libc::PACKET_IGNORE_OUTGOING, &c_int::from(!outgoing))?;
        socket.filter()?;
        socket.bind(0, libc::ETH_P_ALL)?;
        Ok(socket)
    }

    /// Sends on one interface and hears nothing.
    ///
    /// # Errors
    /// Without root, or if there is no such interface.
    pub fn sender(interface: &str) -> Result<Self> {
        let socket = open()?;
        let index = rustix::net::netdevice::name_to_index(&socket.0, interface)
            .with_context(|| format!("interface {interface}"))?;
        socket.bind(index, 0)?;
        Ok(socket)
    }

    /// Sends one frame.
    ///
    /// # Errors
    /// As the kernel says: the link may be down.
    pub fn send(&self, frame: &[u8]) -> io::Result<()> {
        // SAFETY: pointer and length are those of a live slice.
        let sent = unsafe { libc::send(self.0.as_raw_fd(), frame.as_ptr().cast(), frame.len(), 0) };
        if sent < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }

    /// Sends on one interface, past its queue, and hears nothing: for many frames.
    ///
    /// # Errors
    /// Without root, or if there is no such interface.
    pub fn flooder(interface: &str) -> Result<Self> {
        let socket = Self::sender(interface)?;
        socket.option(libc::SOL_PACKET, libc::PACKET_QDISC_BYPASS, &1_i32)?;
        Ok(socket)
    }

    /// Sends up to [`BATCH`] frames in one call. Says how many the kernel took.
    ///
    /// # Errors
    /// As the kernel says of the first.
    pub fn send_batch(&self, frames: &[Vec<u8>]) -> io::Result<usize> {
        // SAFETY: null pointers with length zero are valid in both.
        let (mut parts, mut messages): ([libc::iovec; BATCH], [libc::mmsghdr; BATCH]) =
            unsafe { mem::zeroed() };
        let mut count = 0;
        for ((part, message), frame) in parts.iter_mut().zip(&mut messages).zip(frames) {
            part.iov_base = frame.as_ptr().cast_mut().cast();
            part.iov_len = frame.len();
            message.msg_hdr.msg_iov = std::ptr::from_mut(part);
            message.msg_hdr.msg_iovlen = 1;
            count += 1;
        }
        // SAFETY: the first `count` messages point to live vectors, and those to live frames, which are only read.
        let sent = unsafe { libc::sendmmsg(self.0.as_raw_fd(), messages.as_mut_ptr(), count, 0) };
        usize::try_from(sent).map_err(|_negative| io::Error::last_os_error())
    }

    /// Waits for frames, at most this long. Says whether there are any.
    ///
    /// # Errors
    /// As `poll`.
    pub fn wait(&self, limit: Duration) -> io::Result<bool> {
        let mut poll = libc::pollfd { fd: self.0.as_raw_fd(), events: libc::POLLIN, revents: 0 };
        let limit = c_int::try_from(limit.as_millis()).unwrap_or(c_int::MAX);
        // SAFETY: one live `pollfd`.
        match unsafe { libc::poll(&raw mut poll, 1, limit) } {
            0 => Ok(false),
            n if n > 0 => Ok(true),
            _ => match io::Error::last_os_error() {
                error if error.kind() == io::ErrorKind::Interrupted => Ok(false),
                error => Err(error),
            },
        }
    }

    /// Takes the next frame, without waiting.
    ///
    /// # Errors
    /// As `recvmsg`; an interface that went down is no error.
    pub fn receive(&self, buffer: &mut [u8]) -> io::Result<Option<Arrival>> {
        // SAFETY: all zeros is a valid `sockaddr_ll` and a valid `msghdr`.
        let (mut from, mut message): (libc::sockaddr_ll, libc::msghdr) =
            unsafe { (mem::zeroed(), mem::zeroed()) };
        let mut vector = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
        // `u64`s, so that control messages are aligned.
        let mut control = [0_u64; 16];
        message.msg_name = (&raw mut from).cast();
        message.msg_namelen = size_of::<libc::sockaddr_ll>() as u32;
        message.msg_iov = &raw mut vector;
        message.msg_iovlen = 1;
        message.msg_control = control.as_mut_ptr().cast();
        message.msg_controllen = size_of_val(&control);
        // SAFETY: every pointer in `message` is to a live local or to `buffer`, with its true length.
        let received = unsafe { libc::recvmsg(self.0.as_raw_fd(), &raw mut message, libc::MSG_DONTWAIT) };
        let Ok(length) = usize::try_from(received) else {
            let error = io::Error::last_os_error();
            return match error.raw_os_error() {
                Some(libc::EAGAIN | libc::EINTR | libc::ENETDOWN) => Ok(None),
                _ => Err(error),
            };
        };
        let interface = u32::try_from(from.sll_ifindex).unwrap_or(0);
        let outgoing = from.sll_pkttype == libc::PACKET_OUTGOING;
        Ok(Some(Arrival { length, at: stamp(&message), interface, outgoing }))
    }

    /// Frames that the kernel dropped since the last call because nobody took them.
    ///
    /// # Errors
    /// As `getsockopt`.
    pub fn dropped(&self) -> io::Result<u32> {
        let mut statistics = libc::tpacket_stats { tp_packets: 0, tp_drops: 0 };
        let mut length = size_of::<libc::tpacket_stats>() as u32;
        // SAFETY: a live `tpacket_stats` and its length.
        let failed = unsafe {
            libc::getsockopt(
                self.0.as_raw_fd(),
                libc::SOL_PACKET,
                libc::PACKET_STATISTICS,
                (&raw mut statistics).cast(),
                &raw mut length,
            )
        };
        if failed == 0 { Ok(statistics.tp_drops) } else { Err(io::Error::last_os_error()) }
    }

    fn bind(&self, interface: u32, protocol: c_int) -> Result<()> {
        // SAFETY: all zeros is a valid `sockaddr_ll`.
        let mut address: libc::sockaddr_ll = unsafe { mem::zeroed() };
        address.sll_family = libc::AF_PACKET as u16;
        address.sll_protocol = (protocol as u16).to_be();
        address.sll_ifindex = c_int::try_from(interface)?;
        // SAFETY: a live `sockaddr_ll` and its length.
        let failed = unsafe {
            libc::bind(self.0.as_raw_fd(), (&raw const address).cast(), size_of::<libc::sockaddr_ll>() as u32)
        };
        if failed == 0 { Ok(()) } else { Err(io::Error::last_os_error()).context("binding a packet socket") }
    }

    fn option<T>(&self, level: c_int, name: c_int, value: &T) -> Result<()> {
        // SAFETY: `value` is live and its size is given; the callers pass the type that the option takes.
        let failed = unsafe {
            libc::setsockopt(
                self.0.as_raw_fd(),
                level,
                name,
                std::ptr::from_ref(value).cast(),
                size_of::<T>() as u32,
            )
        };
        if failed == 0 { Ok(()) } else { Err(io::Error::last_os_error()).context("setting a socket option") }
    }

    /// ARP, loopback, and IPv4 with protocol 112 or 2 pass; everything else stays in the kernel, and what a flood sends too.
    fn filter(&self) -> Result<()> {
        let instruction = |code: u32, jt, jf, k| libc::sock_filter { code: code as u16, jt, jf, k };
        let load_half = libc::BPF_LD | libc::BPF_H | libc::BPF_ABS;
        let load_byte = libc::BPF_LD | libc::BPF_B | libc::BPF_ABS;
        let equal = libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K;
        let back = libc::BPF_RET | libc::BPF_K;
        let load_word = libc::BPF_LD | libc::BPF_W | libc::BPF_ABS;
        let mut code = [
            instruction(load_word, 0, 0, 6),
            instruction(equal, 8, 0, FLOOD_MAC_HEAD),
            instruction(load_half, 0, 0, 12),
            instruction(equal, 5, 0, 0x0806),
            instruction(equal, 4, 0, 0x9000),
            instruction(equal, 0, 4, 0x0800),
            instruction(load_byte, 0, 0, 23),
            instruction(equal, 1, 0, 112),
            instruction(equal, 0, 1, 2),
            instruction(back, 0, 0, 0x4_0000),
            instruction(back, 0, 0, 0),
        ];
        let program = libc::sock_fprog { len: code.len() as u16, filter: code.as_mut_ptr() };
        self.option(libc::SOL_SOCKET, libc::SO_ATTACH_FILTER, &program)
    }
}

/// A network card that takes a frame, queues it and returns, in the network namespace of the thread that made it. What is written
/// to the file arrives at the card, what leaves the card is read from it, without waiting; it goes with the file.
///
/// # Errors
/// Without root, or if there is such an interface already.
pub fn card(interface: &str) -> Result<File> {
    let mut options = File::options();
    options.read(true).write(true).custom_flags(libc::O_NONBLOCK);
    let file = options.open("/dev/net/tun").context("opening /dev/net/tun")?;
    // SAFETY: all zeros is a valid `ifreq`.
    let mut request: libc::ifreq = unsafe { mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().take(libc::IFNAMSIZ - 1).zip(interface.bytes()) {
        *to = from as libc::c_char;
    }
    request.ifr_ifru.ifru_flags = (libc::IFF_TAP | libc::IFF_NO_PI) as libc::c_short;
    // SAFETY: a live `ifreq`, which the call takes.
    let failed = unsafe { libc::ioctl(file.as_raw_fd(), libc::TUNSETIFF, &raw mut request) };
    if failed == 0 { Ok(file) } else { Err(io::Error::last_os_error()).context("making a card") }
}

fn open() -> Result<PacketSocket> {
    // SAFETY: no pointers.
    let fd = unsafe { libc::socket(libc::AF_PACKET, libc::SOCK_RAW | libc::SOCK_CLOEXEC, 0) };
    if fd < 0 {
        return Err(io::Error::last_os_error()).context("opening a packet socket (needs root)");
    }
    // SAFETY: the descriptor is new and nobody else's.
    Ok(PacketSocket(unsafe { OwnedFd::from_raw_fd(fd) }))
}

/// The kernel's stamp; the present if there is none.
fn stamp(message: &libc::msghdr) -> Stamp {
    // SAFETY: `message` is as the kernel filled it in, and its control buffer is live.
    let mut control = unsafe { libc::CMSG_FIRSTHDR(message) };
    while !control.is_null() {
        // SAFETY: not null, and within the control buffer as the macros promise.
        let header = unsafe { &*control };
        if header.cmsg_level == libc::SOL_SOCKET && header.cmsg_type == libc::SCM_TIMESTAMPNS {
            // SAFETY: this control message holds a `timespec`, perhaps unaligned.
            let time = unsafe { libc::CMSG_DATA(control).cast::<libc::timespec>().read_unaligned() };
            let realtime_ns = time.tv_sec.unsigned_abs() * 1_000_000_000 + time.tv_nsec.unsigned_abs();
            return Stamp::from_realtime(realtime_ns);
        }
        // SAFETY: as above.
        control = unsafe { libc::CMSG_NXTHDR(message, control) };
    }
    Stamp::now()
}

/// The name of an interface of this thread's namespace.
#[must_use]
pub fn interface_name(index: u32) -> Option<String> {
    let mut name = [0; libc::IF_NAMESIZE];
    // SAFETY: the buffer has the length that the call demands.
    let found = unsafe { libc::if_indextoname(index, name.as_mut_ptr()) };
    if found.is_null() {
        return None;
    }
    // SAFETY: on success the kernel has written a terminated string.
    let name = unsafe { CStr::from_ptr(name.as_ptr()) };
    Some(name.to_string_lossy().into_owned())
}
