//! The one clock of the laboratory.

use std::{
    fmt,
    ops::{Add, Sub},
    sync::atomic::{AtomicI64, Ordering},
    time::Duration,
};

use rustix::time::{ClockId, Timespec, clock_gettime};

/// A moment on `CLOCK_BOOTTIME`, in nanoseconds: the clock of the daemon's lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stamp(u64);

impl Stamp {
    /// The present.
    #[must_use]
    pub fn now() -> Self {
        Self(nanoseconds(clock_gettime(ClockId::Boottime)))
    }

    /// The moment that a `CLOCK_REALTIME` stamp of the last half second stands for.
    ///
    /// Exact to some 100 ns, also when somebody has set the clock by more than half a second since the stamp was taken.
    #[must_use]
    pub fn from_realtime(realtime_ns: u64) -> Self {
        let realtime_now = nanoseconds(clock_gettime(ClockId::Realtime));
        let now = Self::now();
        let present = now.0.cast_signed() - realtime_now.cast_signed();
        let past = remember(present);
        let by = |offset: i64| Self(realtime_ns.saturating_add_signed(offset));
        let recent = |stamp: Self| stamp <= now + JITTER && now - stamp <= RECENT;
        if recent(by(present)) || !recent(by(past)) { by(present) } else { by(past) }
    }

    /// Nanoseconds since boot.
    #[must_use]
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// The moment that many nanoseconds after boot.
    #[must_use]
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Milliseconds from `other` to here; negative if this is the earlier one.
    #[must_use]
    pub fn ms_since(self, other: Self) -> f64 {
        match self.0.checked_sub(other.0) {
            Some(after) => Duration::from_nanos(after).as_secs_f64() * 1e3,
            None => -Duration::from_nanos(other.0 - self.0).as_secs_f64() * 1e3,
        }
    }
}

/// Younger stamps are believed to be of the clock as it was before it was set.
const RECENT: Duration = Duration::from_millis(500);
/// Between reading the one clock and the other.
const JITTER: Duration = Duration::from_millis(50);

/// What is to be added to `CLOCK_REALTIME` now; returns what it was before the clock was last set.
fn remember(present: i64) -> i64 {
    static PRESENT: AtomicI64 = AtomicI64::new(0);
    static PAST: AtomicI64 = AtomicI64::new(0);
    let before = PRESENT.swap(present, Ordering::Relaxed);
    if (present - before).unsigned_abs() > 2 * JITTER.as_nanos() as u64 && before != 0 {
        PAST.store(before, Ordering::Relaxed);
    }
    PAST.load(Ordering::Relaxed)
}

fn nanoseconds(time: Timespec) -> u64 {
    u64::try_from(time.tv_sec).unwrap_or(0) * 1_000_000_000 + u64::try_from(time.tv_nsec).unwrap_or(0)
}

impl Add<Duration> for Stamp {
    type Output = Self;

    fn add(self, rhs: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(rhs.as_nanos()).unwrap_or(u64::MAX)))
    }
}

impl Sub<Duration> for Stamp {
    type Output = Self;

    fn sub(self, rhs: Duration) -> Self {
        Self(self.0.saturating_sub(u64::try_from(rhs.as_nanos()).unwrap_or(u64::MAX)))
    }
}

impl Sub for Stamp {
    type Output = Duration;

    /// Zero if `rhs` is later.
    fn sub(self, rhs: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(rhs.0))
    }
}

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:09}", self.0 / 1_000_000_000, self.0 % 1_000_000_000)
    }
}
