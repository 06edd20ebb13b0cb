//! What the machine itself can do, all the time: a real-time thread on each processor that has nothing to do but to
//! wake up in time. No daemon can be earlier, so what is late here is allowed there, and said.

use std::{
    num::NonZeroU64,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use rustix::thread::{CpuSet, sched_setaffinity, set_current_timer_slack};

use crate::{Stamp, asker::sleep_until, realtime};

/// That of vrrpd's protocol thread.
const PRIORITY: libc::c_int = 40;
const PERIOD: Duration = Duration::from_millis(1);
/// What is less than this is every timer's.
const ORDINARY: Duration = Duration::from_micros(500);
/// Most processors that are watched.
const PROCESSORS: usize = 64;

/// One late wake-up.
#[derive(Clone, Copy, Debug)]
struct Stall {
    due: Stamp,
    woken: Stamp,
}

/// The late wake-ups of all processors, until it is dropped.
#[derive(Debug)]
pub struct Floor {
    stalls: Arc<Mutex<Vec<Stall>>>,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Floor {
    /// Starts the threads.
    #[must_use]
    pub fn start() -> Self {
        let (stalls, stop) = (Arc::new(Mutex::default()), Arc::new(AtomicBool::new(false)));
        let processors = thread::available_parallelism().map_or(1, usize::from).min(PROCESSORS);
        let threads = (0..processors)
            .map(|processor| {
                let (stalls, stop) = (Arc::clone(&stalls), Arc::clone(&stop));
                thread::spawn(move || watch(processor, &stalls, &stop))
            })
            .collect();
        Self { stalls, stop, threads }
    }

    /// How long processors were held up in a window, all together: what a chain of events in it may be late.
    #[must_use]
    pub fn stalled(&self, from: Stamp, to: Stamp) -> Duration {
        let stalls = self.stalls.lock().unwrap_or_else(PoisonError::into_inner);
        let within = stalls.iter().filter(|stall| stall.due <= to && stall.woken >= from);
        within.map(|stall| stall.woken - stall.due).sum()
    }

    /// Forgets what was before.
    pub fn forget(&self, before: Stamp) {
        let mut stalls = self.stalls.lock().unwrap_or_else(PoisonError::into_inner);
        stalls.retain(|stall| stall.woken >= before);
    }
}

impl Drop for Floor {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

fn watch(processor: usize, stalls: &Mutex<Vec<Stall>>, stop: &AtomicBool) {
    // Without the right to it, it is as late as any other thread.
    let _ = realtime::enter(PRIORITY);
    let _ = set_current_timer_slack(NonZeroU64::new(1));
    let mut set = CpuSet::new();
    set.set(processor);
    let _ = sched_setaffinity(None, &set);
    while !stop.load(Ordering::Relaxed) {
        let due = Stamp::now() + PERIOD;
        sleep_until(due);
        let woken = Stamp::now();
        if woken - due > ORDINARY {
            stalls.lock().unwrap_or_else(PoisonError::into_inner).push(Stall { due, woken });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_stalls_of_the_window_count_and_are_added_up() {
        let ms = |ms: u64| Stamp::from_nanos(ms * 1_000_000);
        let floor = Floor { stalls: Arc::default(), stop: Arc::default(), threads: Vec::new() };
        for (due, woken) in [(10, 12), (20, 23), (30, 34)] {
            floor.stalls.lock().unwrap().push(Stall { due: ms(due), woken: ms(woken) });
        }
        assert_eq!(floor.stalled(ms(11), ms(29)), Duration::from_millis(5));
        assert_eq!(floor.stalled(ms(0), ms(100)), Duration::from_millis(9));
        floor.forget(ms(24));
        assert_eq!(floor.stalled(ms(0), ms(100)), Duration::from_millis(4));
    }
}
