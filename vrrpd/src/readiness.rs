//! Waiting for file descriptors that become readable.

use std::{
    io,
    os::fd::{AsFd, AsRawFd},
};

use tokio::io::{Interest, unix::AsyncFd};

/// Registers what becomes readable with the current runtime. What is watched owns its descriptor: a bare number, which is an
/// `AsRawFd` too, may be closed behind the runtime's back and is another's then.
pub(crate) fn watch<T: AsFd + AsRawFd + 'static>(inner: T) -> io::Result<AsyncFd<T>> {
    // SAFETY: the descriptor is open as long as `inner` lives, which `AsFd` says of it, and the registration ends with it.
    Ok(unsafe { AsyncFd::register_with_interest(inner, Interest::READABLE) }?)
}
