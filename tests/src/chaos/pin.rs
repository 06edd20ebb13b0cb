//! What the kernel says about a pinned link, whatever the age of `bpftool`.

use std::{
    ffi::CString,
    fs, io,
    os::{
        fd::{AsRawFd as _, FromRawFd as _, OwnedFd},
        unix::ffi::OsStrExt as _,
    },
    path::Path,
};

/// Command of bpf(2).
const OBJ_GET: libc::c_long = 7;

/// The attributes of that command: a path, which descriptor it is relative to, and flags.
#[repr(C, align(8))]
struct Attributes {
    path: u64,
    _zero: [u32; 4],
}

/// The index of the interface that a pinned link is attached to; 0 if it is detached.
///
/// # Errors
/// If there is no such pin, or without root.
pub(super) fn attached_to(pin: &Path) -> io::Result<u32> {
    let link = open(pin)?;
    let text = fs::read_to_string(format!("/proc/thread-self/fdinfo/{}", link.as_raw_fd()))?;
    let line = text.lines().find_map(|line| line.strip_prefix("ifindex:"));
    Ok(line.and_then(|index| index.trim().parse().ok()).unwrap_or(0))
}

fn open(pin: &Path) -> io::Result<OwnedFd> {
    let path = CString::new(pin.as_os_str().as_bytes())?;
    let mut attributes = Attributes { path: path.as_ptr() as u64, _zero: [0; 4] };
    // SAFETY: the attributes are as long as said, and the string that they point to outlives the call.
    let fd = unsafe { libc::syscall(libc::SYS_bpf, OBJ_GET, &raw mut attributes, size_of::<Attributes>()) };
    let Ok(fd) = i32::try_from(fd) else { return Err(io::ErrorKind::InvalidData.into()) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: a new descriptor, which is nobody else's.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}
