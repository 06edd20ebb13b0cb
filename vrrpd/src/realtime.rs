//! Real-time scheduling and locked memory for the protocol thread, where permitted.

use std::{
    fs, io,
    mem::zeroed,
    ops::Range,
    sync::atomic::{AtomicBool, Ordering},
};

use rustix::mm::{MlockAllFlags, MlockFlags, mlock_with, mlockall, munlock};

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

/// Says whether it was permitted.
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

/// Memory that was freed goes back to the kernel from here on: the C library would otherwise keep as much as was once freed in
/// one piece. To be called once a configuration was read, which takes many times what is kept of it, and before there are
/// other threads: they wait meanwhile if they need memory.
pub fn give_memory_back() {
    #[cfg(target_env = "gnu")]
    // SAFETY: they take no pointers.
    let _set = unsafe {
        libc::mallopt(libc::M_TRIM_THRESHOLD, FREED_AT_ONCE);
        libc::mallopt(libc::M_MMAP_THRESHOLD, FREED_AT_ONCE);
        libc::malloc_trim(0)
    };
}

/// The C library's own at the start of a process.
#[cfg(target_env = "gnu")]
const FREED_AT_ONCE: libc::c_int = 128 << 10;

/// Gives the kernel back what the C library keeps of memory that the main thread has freed. What is locked can be freed but not
/// given back, so that thread's heap, in which the protocol thread makes nothing, is not locked for the milliseconds that
/// this takes.
pub(crate) fn tidy_up() {
    let locked = LOCKED.load(Ordering::Acquire);
    if locked && let Some(heap) = heap() {
        // SAFETY: changes no memory.
        let _best_effort = unsafe { munlock(heap.start as *mut _, heap.len()) };
    }
    #[cfg(target_env = "gnu")]
    // SAFETY: it takes no pointers.
    let _released = unsafe { libc::malloc_trim(0) };
    if locked && let Some(heap) = heap() {
        // SAFETY: changes no memory.
        let again = unsafe { mlock_with(heap.start as *mut _, heap.len(), MlockFlags::ONFAULT) };
        if let Err(error) = again {
            tracing::warn!(error = %io::Error::from(error), "the main thread's memory is no longer locked");
        }
    }
}

/// Tells where the main thread's heap is: what the kernel calls so.
fn heap() -> Option<Range<usize>> {
    let maps = fs::read_to_string("/proc/self/maps").ok()?;
    let heaps = maps.lines().filter(|line| line.ends_with("[heap]"));
    let ranges = heaps.filter_map(|line| {
        let (start, end) = line.split_whitespace().next()?.split_once('-')?;
        Some(usize::from_str_radix(start, 16).ok()?..usize::from_str_radix(end, 16).ok()?)
    });
    ranges.reduce(|all, next| all.start.min(next.start)..all.end.max(next.end))
}

/// Tells how much of this process is in memory, in bytes.
pub(crate) fn resident() -> Option<usize> {
    let pages = fs::read_to_string("/proc/self/statm").ok()?;
    let resident: usize = pages.split_whitespace().nth(1)?.parse().ok()?;
    // SAFETY: it takes no pointers.
    let page = usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).ok()?;
    Some(resident * page)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_heap_is_found_and_holds_what_was_made_on_it() {
        // As the main thread would, where this one has an arena of its own.
        // SAFETY: asks for the end of the heap and moves nothing.
        let end = unsafe { libc::sbrk(0) } as usize;
        let heap = heap().unwrap();
        assert!(heap.start < end && end <= heap.end, "{heap:x?} {end:x}");
        assert!(resident().unwrap() > 1 << 20);
    }
}
