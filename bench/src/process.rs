//! What processes cost, as the kernel counts it.

use std::fs;

use anyhow::{Context as _, Result};
use rustix::process::Pid;

/// Nanoseconds that the threads of processes have run, in user and kernel mode.
///
/// From the scheduler's own account, which is exact; `utime + stime` is the same sum in ticks of 10 ms.
pub(crate) fn ran_ns(pids: &[Pid]) -> Result<u64> {
    let mut total = 0;
    for pid in pids {
        let tasks = format!("/proc/{}/task", pid.as_raw_nonzero());
        for task in fs::read_dir(&tasks).with_context(|| format!("reading {tasks}"))? {
            // A thread may end between the two looks.
            let Ok(text) = fs::read_to_string(task?.path().join("schedstat")) else { continue };
            let first = text.split_whitespace().next().context("an empty schedstat")?;
            total += first.parse::<u64>().context("schedstat")?;
        }
    }
    Ok(total)
}

/// Memory of processes together, in KiB: a field of `smaps_rollup`, such as `Pss` or `Rss`.
pub(crate) fn memory_kib(pids: &[Pid], field: &str) -> Result<u64> {
    let mut total = 0;
    for pid in pids {
        let path = format!("/proc/{}/smaps_rollup", pid.as_raw_nonzero());
        let text = fs::read_to_string(&path).with_context(|| format!("reading {path}"))?;
        let line = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
        let words = line.with_context(|| format!("{path} has no {field}"))?.split_whitespace().next();
        total += words.context("no number")?.parse::<u64>()?;
    }
    Ok(total)
}

/// Gives the calling thread, and those that it will make, SCHED_FIFO.
pub(crate) fn real_time(priority: libc::c_int) -> std::io::Result<()> {
    let parameter = libc::sched_param { sched_priority: priority };
    // SAFETY: 0 is the calling thread, and the pointer is to a live sched_param.
    if unsafe { libc::sched_setscheduler(0, libc::SCHED_FIFO, &raw const parameter) } == 0 {
        Ok(())
    } else {
        Err(std::io::Error::last_os_error())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_runs_and_has_memory() {
        let own = [rustix::process::getpid()];
        let before = ran_ns(&own).unwrap();
        let end = std::time::Instant::now() + std::time::Duration::from_millis(50);
        while std::time::Instant::now() < end {}
        assert!(ran_ns(&own).unwrap() > before);
        assert!(memory_kib(&own, "Rss").unwrap() >= memory_kib(&own, "Pss").unwrap());
    }
}
