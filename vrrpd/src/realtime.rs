//! Real-time scheduling and locked memory for the protocol thread, where permitted.

use std::{
    io,
    mem::zeroed,
    sync::atomic::{AtomicBool, Ordering},
};

use rustix::mm::{MlockAllFlags, mlockall, munlockall};

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
    match lock_memory() {
        Ok(()) => {
            LOCKED.store(true, Ordering::Release);
            tracing::info!("memory is locked");
        }
        Err(error) => tracing::warn!(
            error = %io::Error::from(error),
            "memory may be swapped out; give the process CAP_IPC_LOCK, or a larger RLIMIT_MEMLOCK"
        ),
    }
}

/// Whether it was permitted.
static LOCKED: AtomicBool = AtomicBool::new(false);

fn lock_memory() -> rustix::io::Result<()> {
    mlockall(MlockAllFlags::CURRENT | MlockAllFlags::FUTURE | MlockAllFlags::ONFAULT)
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

/// To be called before data planes are attached: for that the types of the whole kernel are read, 16 MiB of them, and
/// what is locked can be freed but not given back.
pub(crate) fn unlock_memory() {
    #[cfg(target_env = "gnu")]
    // SAFETY: it takes no pointers. Otherwise the threshold grows with what is freed, and nothing is given back.
    let _set = unsafe { libc::mallopt(libc::M_TRIM_THRESHOLD, TRIM_THRESHOLD) };
    if LOCKED.load(Ordering::Acquire) {
        let _never = munlockall();
    }
}

/// The C library's own at the start of a process.
#[cfg(target_env = "gnu")]
const TRIM_THRESHOLD: libc::c_int = 128 << 10;

/// Gives the kernel back what attaching has freed, and locks the rest again.
pub(crate) fn give_memory_back() {
    #[cfg(target_env = "gnu")]
    // SAFETY: it takes no pointers, and locks what it touches.
    let _released = unsafe { libc::malloc_trim(0) };
    if LOCKED.load(Ordering::Acquire)
        && let Err(error) = lock_memory()
    {
        tracing::warn!(error = %io::Error::from(error), "memory is no longer locked");
    }
}
