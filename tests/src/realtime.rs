//! Threads that other programs cannot hold up, as those of a machine of their own would be.

use std::io;

/// Gives the calling thread, and those that it will make, SCHED_FIFO with a priority of 1..=99.
///
/// # Errors
/// Without the right to it (`EPERM`).
pub fn enter(priority: libc::c_int) -> io::Result<()> {
    let parameter = libc::sched_param { sched_priority: priority };
    // SAFETY: 0 is the calling thread, and the pointer is to a live sched_param.
    if unsafe { libc::sched_setscheduler(0, libc::SCHED_FIFO, &raw const parameter) } == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}
