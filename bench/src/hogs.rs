//! Programs that want every processor all the time.

use std::{
    hint,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

/// How many threads spin.
const HOGS: usize = 8;

/// They give up after this, whatever happens to their owner.
const BOUND: Duration = Duration::from_secs(60);

/// How often a hog looks at its clock.
const SPINS: u32 = 10_000;

/// Eight spinning threads of ordinary priority, until it is dropped.
#[derive(Debug)]
pub(crate) struct Hogs {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Hogs {
    pub(crate) fn start() -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let threads = (0..HOGS)
            .map(|_| {
                let stop = Arc::clone(&stop);
                thread::spawn(move || spin(&stop))
            })
            .collect();
        Self { stop, threads }
    }
}

fn spin(stop: &AtomicBool) {
    let end = Instant::now() + BOUND;
    while !stop.load(Ordering::Relaxed) && Instant::now() < end {
        for _ in 0..SPINS {
            hint::spin_loop();
        }
    }
}

impl Drop for Hogs {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}
