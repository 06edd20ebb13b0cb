//! A limit on log lines that would repeat without end.

use std::time::Duration;

use vrrp_common::time::Time;

/// How often a repeated fault is logged.
const REPEAT_EVERY: Duration = Duration::from_secs(60);

/// A fault that may repeat without end: the first is logged, then one a minute with the number of those between.
#[derive(Clone, Copy, Debug, Default)]
pub struct RateLimit {
    quiet_until: Time,
    swallowed: u64,
}

impl RateLimit {
    /// How many were swallowed since the last one that was logged, if this one is to be logged.
    pub fn admit(&mut self, now: Time) -> Option<u64> {
        if now < self.quiet_until {
            self.swallowed += 1;
            return None;
        }
        self.quiet_until = now + REPEAT_EVERY;
        Some(std::mem::take(&mut self.swallowed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repeated_fault_is_logged_once_a_minute_with_its_count() {
        let mut limit = RateLimit::default();
        let at = |seconds: u64| Time::from_nanos(seconds * 1_000_000_000);
        assert_eq!(limit.admit(at(100)), Some(0));
        assert_eq!(limit.admit(at(101)), None);
        assert_eq!(limit.admit(at(159)), None);
        assert_eq!(limit.admit(at(160)), Some(2));
        assert_eq!(limit.admit(at(161)), None);
    }
}
