//! The signals that the daemon is steered by.
//!
//! They are blocked from its first moment on, in every thread, and read from a file descriptor. So none is ever too
//! early, and one that has not been read stays with the process, also while it becomes another program.

use nix::sys::signal::{SigSet, Signal};

/// SIGTERM, SIGINT, SIGHUP and SIGUSR2.
#[must_use]
pub(crate) fn steering() -> SigSet {
    [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP, Signal::SIGUSR2].into_iter().collect()
}

/// Blocks them for this thread and those that it will start. To be called before there are others.
pub fn hold() {
    // It cannot fail: the set and the request are valid.
    let _held = steering().thread_block();
}

/// Lets them have their usual effect on this thread: for commands that are no daemon.
pub fn release() {
    let _released = steering().thread_unblock();
}
