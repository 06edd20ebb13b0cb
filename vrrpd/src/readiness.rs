//! Waiting for file descriptors that become readable.

use std::{io, os::fd::AsRawFd};

use tokio::io::{Interest, unix::AsyncFd};

/// Registers what becomes readable with the current runtime.
pub(crate) fn watch<T: AsRawFd>(inner: T) -> io::Result<AsyncFd<T>> {
    // SAFETY: what is watched here owns its descriptor, and gives out the same one as long as it lives.
    Ok(unsafe { AsyncFd::register_with_interest(inner, Interest::READABLE) }?)
}
