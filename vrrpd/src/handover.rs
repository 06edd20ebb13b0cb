//! State that the program hands over to the one that takes its place (SIGUSR2): environment variables, some of which name
//! open file descriptors. They are for that program alone.

use std::{
    ffi::OsString,
    io,
    os::fd::{AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd, RawFd},
};

use rustix::io::{FdFlags, dup, fcntl_getfd, fcntl_setfd};

/// The notify FIFO: descriptor, and whether the daemon made it.
pub(crate) const FIFO: &str = "VRRPD_FIFO";
/// The other one, of `vrrp_notify_fifo`.
pub(crate) const VRRP_FIFO: &str = "VRRPD_VRRP_FIFO";
/// The control socket: descriptors of the socket and of its lock.
pub(crate) const CONTROL: &str = "VRRPD_CONTROL";

/// The standings of the checks, as JSON. Always left, so that it says that this program takes the place of another.
pub(crate) const STANDINGS: &str = "VRRPD_STANDINGS";
/// The value that `ip_nonlocal_bind` had before the daemon turned it on.
pub(crate) const NONLOCAL_BIND: &str = "VRRPD_NONLOCAL_BIND_FOUND";
/// All variables of the state.
pub(crate) const NAMES: [&str; 5] = [STANDINGS, NONLOCAL_BIND, FIFO, VRRP_FIFO, CONTROL];

/// Tells whether this program takes the place of another one of its kind.
pub(crate) fn is_successor() -> bool {
    std::env::var_os(STANDINGS).is_some()
}

/// One variable of the state. Descriptors that it names stay open as long as this lives, also in the next program.
#[derive(Debug)]
pub(crate) struct HandoverState {
    pub(crate) name: &'static str,
    pub(crate) value: String,
    _open: Vec<OwnedFd>,
}

impl HandoverState {
    /// Makes a variable with a text of its own.
    pub(crate) const fn text(name: &'static str, value: String) -> Self {
        Self { name, value, _open: Vec::new() }
    }

    /// Makes a variable whose value is the numbers of these descriptors, and a note beside them.
    pub(crate) fn descriptors(name: &'static str, open: &[BorrowedFd<'_>], note: &str) -> io::Result<Self> {
        // These are not closed when another program is executed.
        let open = open.iter().map(dup).collect::<rustix::io::Result<Vec<_>>>()?;
        let numbers = open.iter().map(|one| one.as_raw_fd().to_string());
        let words: Vec<String> = numbers.chain((!note.is_empty()).then(|| note.to_owned())).collect();
        Ok(Self { name, value: words.join(" "), _open: open })
    }
}

/// Takes the descriptor that the program before has left open under this number.
pub(crate) fn descriptor(number: &str) -> Option<OwnedFd> {
    let number: RawFd = number.parse().ok().filter(|number| *number > 2)?;
    // SAFETY: it is only asked whether there is such a descriptor.
    let borrowed = unsafe { BorrowedFd::borrow_raw(number) };
    let flags = fcntl_getfd(borrowed).ok()?;
    // Everything that this program has opened itself is closed when another is executed; so this is not one of those.
    if flags.contains(FdFlags::CLOEXEC) {
        return None;
    }
    fcntl_setfd(borrowed, flags | FdFlags::CLOEXEC).ok()?;
    // SAFETY: it was left to this program, and from here on it has an owner.
    Some(unsafe { OwnedFd::from_raw_fd(number) })
}

/// Makes the environment of the next program: this one's, without what it was handed itself, with what it hands over.
pub(crate) fn environment(handed_over: &[HandoverState]) -> Vec<OsString> {
    let own = std::env::vars_os().filter(|(name, _)| !NAMES.iter().any(|left| name == *left));
    let left = handed_over.iter().map(|one| (one.name.into(), one.value.clone().into()));
    let assignment = |(mut name, value): (OsString, OsString)| {
        name.push("=");
        name.push(value);
        name
    };
    own.chain(left).map(assignment).collect()
}

#[cfg(test)]
mod tests {
    use std::{fs::File, os::fd::AsFd as _};

    use super::*;

    #[test]
    fn a_descriptor_is_taken_once_and_only_if_it_was_left() {
        let own = File::open("/dev/null").unwrap();
        assert!(descriptor(&own.as_raw_fd().to_string()).is_none(), "one of this program's own");
        assert!(descriptor("1").is_none() && descriptor("12345").is_none() && descriptor("x").is_none());
        let left = HandoverState::descriptors(FIFO, &[own.as_fd()], "made").unwrap();
        let (number, note) = left.value.split_once(' ').unwrap();
        assert_eq!(note, "made");
        let taken = descriptor(number).unwrap();
        assert!(descriptor(number).is_none(), "taken already");
        // The test has both ends of the inheritance.
        std::mem::forget(taken);
    }

    #[test]
    fn the_next_program_gets_the_environment_and_what_is_left_to_it() {
        let left = environment(&[HandoverState::text(NONLOCAL_BIND, "0".into())]);
        assert!(left.contains(&"VRRPD_NONLOCAL_BIND_FOUND=0".into()));
        assert!(left.iter().any(|variable| variable.to_string_lossy().starts_with("PATH=")));
    }
}
