//! System calls that no library here offers: what a link is attached to, who holds an interface, a driver's name,
//! and the host's mount namespace.

use std::{
    ffi::{CStr, CString},
    fs::File,
    io, mem,
    os::{
        fd::{AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd},
        unix::ffi::OsStrExt as _,
    },
    path::Path,
};

/// Commands of bpf(2).
const MAP_LOOKUP_ELEM: libc::c_long = 1;
const OBJ_PIN: libc::c_long = 6;
const OBJ_GET: libc::c_long = 7;
const OBJ_GET_INFO_BY_FD: libc::c_long = 15;
const LINK_DETACH: libc::c_long = 34;

/// The start of `struct bpf_link_info`, for the kinds of links that have an interface.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub(crate) struct LinkInfo {
    kind: u32,
    id: u32,
    program: u32,
    _padding: u32,
    /// Index of the interface that it is attached to; 0 when that is gone.
    pub(crate) ifindex: u32,
    /// The union's other fields, as far as the kernel fills them.
    _rest: [u32; 11],
}

/// `union bpf_attr` for the commands here: 32 bytes are the longest of them.
#[derive(Default)]
#[repr(C, align(8))]
struct Attributes([u32; 8]);

fn bpf(command: libc::c_long, attributes: &mut Attributes) -> io::Result<i32> {
    // SAFETY: the attributes are as long as said, and what they point to outlives the call: see the callers.
    let result =
        unsafe { libc::syscall(libc::SYS_bpf, command, &raw mut *attributes, size_of::<Attributes>()) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result as i32) }
}

fn split(pointer: *const libc::c_void) -> [u32; 2] {
    let bytes = (pointer as usize as u64).to_ne_bytes();
    let [a, b, c, d, e, f, g, h] = bytes;
    [u32::from_ne_bytes([a, b, c, d]), u32::from_ne_bytes([e, f, g, h])]
}

fn c_path(path: &Path) -> io::Result<CString> {
    Ok(CString::new(path.as_os_str().as_bytes())?)
}

/// Opens a pin.
pub(crate) fn open_pin(path: &Path) -> io::Result<OwnedFd> {
    let path = c_path(path)?;
    let [low, high] = split(path.as_ptr().cast());
    let fd = bpf(OBJ_GET, &mut Attributes([low, high, 0, 0, 0, 0, 0, 0]))?;
    // SAFETY: a new descriptor, which is nobody else's.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Pins a map, program or link.
pub(crate) fn pin(object: BorrowedFd<'_>, path: &Path) -> io::Result<()> {
    let path = c_path(path)?;
    let [low, high] = split(path.as_ptr().cast());
    bpf(OBJ_PIN, &mut Attributes([low, high, object.as_raw_fd() as u32, 0, 0, 0, 0, 0])).map(drop)
}

/// Reads what a link is attached to.
pub(crate) fn link_info(link: BorrowedFd<'_>) -> io::Result<LinkInfo> {
    let mut info = LinkInfo::default();
    let [low, high] = split((&raw mut info).cast());
    bpf(
        OBJ_GET_INFO_BY_FD,
        &mut Attributes([link.as_raw_fd() as u32, size_of::<LinkInfo>() as u32, low, high, 0, 0, 0, 0]),
    )?;
    Ok(info)
}

/// Detaches a link now, whoever else holds it. Removing its last pin would do so some time later.
pub(crate) fn detach(link: BorrowedFd<'_>) -> io::Result<()> {
    bpf(LINK_DETACH, &mut Attributes([link.as_raw_fd() as u32, 0, 0, 0, 0, 0, 0, 0])).map(drop)
}

/// Reads what each processor has at `key` of a per-CPU array whose values have `size` bytes, in words.
pub(crate) fn values_by_cpu(map: BorrowedFd<'_>, key: u32, size: usize) -> io::Result<Vec<Vec<u64>>> {
    // The kernel gives a value for each that there may ever be, each in steps of eight bytes.
    let cpus = aya::util::nr_cpus().map_err(|(_, error)| error)?;
    let words = size.div_ceil(8);
    let mut values = vec![0_u64; cpus * words];
    let [key_low, key_high] = split((&raw const key).cast());
    let [low, high] = split(values.as_mut_ptr().cast());
    bpf(MAP_LOOKUP_ELEM, &mut Attributes([map.as_raw_fd() as u32, 0, key_low, key_high, low, high, 0, 0]))?;
    Ok(values.chunks(words.max(1)).map(<[u64]>::to_vec).collect())
}

/// Mounts a BPF file system.
pub(crate) fn mount_bpffs(dir: &Path) -> io::Result<()> {
    let dir = c_path(dir)?;
    let (kind, data) = (c"bpf", c"mode=0700");
    // SAFETY: strings that end with a zero and outlive the call.
    let result = unsafe { libc::mount(kind.as_ptr(), dir.as_ptr(), kind.as_ptr(), 0, data.as_ptr().cast()) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Moves this thread, and no other, into a mount namespace.
pub(crate) fn enter_mounts(namespace: &File) -> io::Result<()> {
    // SAFETY: neither touches memory. The first gives the thread a root and working directory of its own, without
    // which the kernel refuses the second.
    let result = unsafe {
        if libc::unshare(libc::CLONE_FS) == 0 {
            libc::setns(namespace.as_raw_fd(), libc::CLONE_NEWNS)
        } else {
            -1
        }
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// The name of the interface with this index in this thread's network namespace, if there is one.
pub(crate) fn interface_name(index: u32) -> Option<CString> {
    let mut name = [0_u8; libc::IF_NAMESIZE];
    // SAFETY: the buffer is as long as the call wants it.
    let found = unsafe { libc::if_indextoname(index, name.as_mut_ptr().cast()) };
    if found.is_null() {
        return None;
    }
    CStr::from_bytes_until_nul(&name).ok().map(CStr::to_owned)
}

/// The name of an interface's driver.
pub(crate) fn driver(interface: &str) -> io::Result<String> {
    const GDRVINFO: u32 = 3;
    /// Bytes of `struct ethtool_drvinfo`, and where in it the driver's name is.
    const DRVINFO: usize = 196;
    const NAME: std::ops::Range<usize> = 4..36;

    let mut info = [0_u8; DRVINFO];
    info[..4].copy_from_slice(&GDRVINFO.to_ne_bytes());
    ethtool(interface, &mut info)?;
    let name = info[NAME].split(|&byte| byte == 0).next().unwrap_or_default();
    Ok(String::from_utf8_lossy(name).into_owned())
}

/// Tells whether the driver takes VLAN tags off before a program sees the frame (`ethtool -k`: rx-vlan-offload).
pub(crate) fn strips_vlan_tags(interface: &str) -> io::Result<bool> {
    const GFLAGS: u32 = 0x25;
    const FLAG_RXVLAN: u32 = 1 << 8;

    let mut value = [0_u8; 8];
    value[..4].copy_from_slice(&GFLAGS.to_ne_bytes());
    ethtool(interface, &mut value)?;
    let [.., a, b, c, d] = value;
    Ok(u32::from_ne_bytes([a, b, c, d]) & FLAG_RXVLAN != 0)
}

/// Carries out a command of `SIOCETHTOOL`, whose structure is `argument`, as long as the command has it.
fn ethtool(interface: &str, argument: &mut [u8]) -> io::Result<()> {
    const SIOCETHTOOL: libc::Ioctl = 0x8946;

    // SAFETY: zero bytes are a valid `ifreq`.
    let mut request: libc::ifreq = unsafe { mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(interface.as_bytes().iter().take(libc::IFNAMSIZ - 1)) {
        *to = *from as libc::c_char;
    }
    request.ifr_ifru.ifru_data = argument.as_mut_ptr().cast();
    let socket = std::net::UdpSocket::bind("0.0.0.0:0")?;
    // SAFETY: the request and what it points to are as the call expects them, and outlive it.
    let result = unsafe { libc::ioctl(socket.as_raw_fd(), SIOCETHTOOL, &raw mut request) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
