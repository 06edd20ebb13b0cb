//! Real-time scheduling and locked memory for the protocol thread, where permitted.

use std::{io, mem::zeroed};

use rustix::mm::{MlockAllFlags, mlockall};

/// Above ordinary work, below the kernel's own threads that matter (their default is 50).
const PRIORITY: libc::c_int = 40;

/// Gives the calling thread SCHED_FIFO and keeps the process's memory from being swapped out. Where that is not
/// permitted it goes on without and says so: adverts may then be late on a busy machine.
pub(crate) fn enter() {
    match set_fifo() {
        Ok(()) => tracing::info!(priority = PRIORITY, "protocol thread runs with SCHED_FIFO"),
        Err(error) => tracing::warn!(
            %error,
            "protocol thread runs without real-time priority: adverts may be late on a busy machine; \
             give the process CAP_SYS_NICE"
        ),
    }
    match mlockall(MlockAllFlags::CURRENT | MlockAllFlags::FUTURE | MlockAllFlags::ONFAULT) {
        Ok(()) => tracing::info!("memory is locked"),
        Err(error) => tracing::warn!(
            error = %io::Error::from(error),
            "memory may be swapped out; give the process CAP_IPC_LOCK, or a larger RLIMIT_MEMLOCK"
        ),
    }
}

fn set_fifo() -> io::Result<()> {
    // SAFETY: an all-zero sched_param is valid.
    let mut parameter: libc::sched_param = unsafe { zeroed() };
    parameter.sched_priority = PRIORITY;
    // Children, such as scripts, do not inherit it.
    let policy = libc::SCHED_FIFO | libc::SCHED_RESET_ON_FORK;
    // SAFETY: 0 is the calling thread, and the pointer is to a sched_param.
    if unsafe { libc::sched_setscheduler(0, policy, &raw const parameter) } == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// Gives the kernel back what loading has freed: the types of the whole kernel are read for it.
pub(crate) fn give_memory_back() {
    #[cfg(target_env = "gnu")]
    // SAFETY: it takes no pointers, and locks what it touches.
    let _released = unsafe { libc::malloc_trim(0) };
}
