//! Waiting for what the wire shows, instead of sleeping and hoping.

use std::{
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use anyhow::{Result, bail};

use crate::{Frame, Timeline};

/// Most frames of one capture. A longer run loses the rest, and its count of lost frames says so.
const MOST_FRAMES: usize = 4_000_000;

/// How often a condition is looked at while frames pour in.
const PAUSE: Duration = Duration::from_millis(1);

/// Frames of the past and the bell for those to come.
#[derive(Debug, Default)]
pub struct Log {
    frames: Mutex<Frames>,
    bell: Condvar,
}

#[derive(Debug, Default)]
struct Frames {
    list: Vec<Frame>,
    /// How many came before the first of the list.
    forgotten: usize,
    lost: u64,
}

impl Frames {
    fn end(&self) -> Mark {
        Mark(self.forgotten + self.list.len())
    }
}

/// A position in the log: what came before is out of sight.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark(usize);

impl Log {
    /// Adds frames, and counts those that the kernel lost.
    pub fn extend(&self, frames: &mut Vec<Frame>, lost: u64) {
        let mut log = self.lock();
        let room = MOST_FRAMES.saturating_sub(log.list.len()).min(frames.len());
        log.lost += lost + (frames.len() - room) as u64;
        log.list.extend(frames.drain(..).take(room));
        drop(log);
        self.bell.notify_all();
    }

    /// The present end.
    #[must_use]
    pub fn mark(&self) -> Mark {
        self.lock().end()
    }

    /// Forgets the frames before `mark`, so that a long run does not come to the most that are kept.
    pub fn forget(&self, mark: Mark) {
        let mut log = self.lock();
        let count = mark.0.saturating_sub(log.forgotten).min(log.list.len());
        drop(log.list.drain(..count));
        log.forgotten += count;
    }

    /// Frames that the capture missed. Not 0: its silence proves nothing.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.lock().lost
    }

    /// Looks at the frames from `mark` on.
    pub fn look<T>(&self, mark: Mark, look: impl FnOnce(Timeline<'_>) -> T) -> T {
        let log = self.lock();
        look(Timeline(log.list.get(mark.0.saturating_sub(log.forgotten)..).unwrap_or_default()))
    }

    /// Looks at the frames from `mark` on, again whenever there are more, until there is an answer.
    ///
    /// # Errors
    /// After `limit`, with the last frames.
    pub fn until<T>(
        &self,
        what: &str,
        mark: Mark,
        limit: Duration,
        mut condition: impl FnMut(Timeline<'_>) -> Option<T>,
    ) -> Result<T> {
        let end = Instant::now() + limit;
        loop {
            let seen = self.mark();
            if let Some(answer) = self.look(mark, &mut condition) {
                return Ok(answer);
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                bail!("{what}: not seen within {limit:?}. The last frames:\n{}", self.tail(mark, 12));
            }
            let log = self.lock();
            if log.end() == seen {
                drop(self.bell.wait_timeout(log, left).unwrap_or_else(PoisonError::into_inner));
            } else {
                drop(log);
            }
            std::thread::sleep(PAUSE);
        }
    }

    /// The last frames, one a line.
    #[must_use]
    pub fn tail(&self, mark: Mark, count: usize) -> String {
        self.look(mark, |timeline| {
            let skip = timeline.0.len().saturating_sub(count);
            let lines: Vec<_> = timeline.0[skip..].iter().map(ToString::to_string).collect();
            if lines.is_empty() { "(none)".to_owned() } else { lines.join("\n") }
        })
    }

    fn lock(&self) -> MutexGuard<'_, Frames> {
        self.frames.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Looks again every few milliseconds until there is an answer: for what is not on the wire.
///
/// # Errors
/// After `limit`, or that of `condition`.
pub fn poll<T>(what: &str, limit: Duration, mut condition: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    let end = Instant::now() + limit;
    loop {
        if let Some(answer) = condition()? {
            return Ok(answer);
        }
        if Instant::now() > end {
            bail!("{what}: not so within {limit:?}");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}
