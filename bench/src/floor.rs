//! What the machine itself can do: a real-time thread that has nothing to do but to wake up in time.

use std::{
    num::NonZeroU64,
    thread,
    time::{Duration, Instant},
};

use ::tests::Lab;
use anyhow::{Result, anyhow};
use rustix::{
    thread::{clock_nanosleep_absolute, set_current_timer_slack},
    time::{ClockId, Timespec, clock_gettime},
};

use crate::{load::Load, process::real_time};

/// That of vrrpd's protocol thread.
const PRIORITY: i32 = 40;
const PERIOD: Duration = Duration::from_millis(10);
const WAKE_UPS: u32 = 50;

/// How late so many wake-ups are, in ms. No daemon can be earlier; where this is late, the machine is.
pub(crate) fn lateness_ms(lab: &Lab, load: Load) -> Result<Vec<f64>> {
    let _loaded = load.start(lab)?;
    measure()
}

fn measure() -> Result<Vec<f64>> {
    let measured = thread::spawn(|| {
        // Without the right to it, it is as late as any other thread.
        let _ = real_time(PRIORITY);
        let _ = set_current_timer_slack(NonZeroU64::new(1));
        (0..WAKE_UPS).map(|_| one_wake_up()).collect()
    });
    measured.join().map_err(|_| anyhow!("the measuring thread died"))
}

fn one_wake_up() -> f64 {
    let (started, now) = (Instant::now(), clock_gettime(ClockId::Monotonic));
    let nanos = now.tv_nsec + i64::from(PERIOD.subsec_nanos());
    let due = Timespec { tv_sec: now.tv_sec + nanos / 1_000_000_000, tv_nsec: nanos % 1_000_000_000 };
    // Interrupted: early, and so not late.
    let _ = clock_nanosleep_absolute(ClockId::Monotonic, &due);
    started.elapsed().saturating_sub(PERIOD).as_secs_f64() * 1e3
}

#[cfg(test)]
mod tests {
    #[test]
    fn no_wake_up_is_early_and_none_takes_a_second() {
        let late = super::measure().unwrap();
        assert_eq!(late.len(), super::WAKE_UPS as usize);
        assert!(late.iter().all(|ms| (0.0..1000.0).contains(ms)), "{late:?}");
    }
}
