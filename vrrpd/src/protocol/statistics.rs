//! What is counted for each router, by RFC 8347's names where it has one.

use std::time::Duration;

use vrrp_common::{
    receive::Discard,
    time::{Time, nanos},
    wire::vrrp::ChecksumForm,
};

/// How often a repeated fault is logged.
const REPEAT_EVERY: Duration = Duration::from_secs(60);

/// Counters of one router since the daemon started. They wrap after centuries.
#[derive(Clone, Debug, Default)]
pub(crate) struct Statistics {
    pub(crate) master_transitions: u64,
    pub(crate) adverts_judged: u64,
    pub(crate) adverts_sent: u64,
    pub(crate) send_failures: u64,
    pub(crate) priority_zero_received: u64,
    pub(crate) priority_zero_sent: u64,
    pub(crate) announcements_sent: u64,
    pub(crate) checksums_with_pseudo_header: u64,
    pub(crate) checksums_of_message_only: u64,
    pub(crate) interval_differs: u64,
    pub(crate) address_list_differs: u64,
    pub(crate) address_conflicts: u64,
    discards: [u64; Discard::ALL.len()],
}

impl Statistics {
    pub(crate) fn count_checksum(&mut self, form: ChecksumForm) {
        match form {
            ChecksumForm::PseudoHeader => self.checksums_with_pseudo_header += 1,
            ChecksumForm::MessageOnly => self.checksums_of_message_only += 1,
        }
    }

    pub(crate) fn count_discard(&mut self, discard: Discard) {
        if let Some(count) = self.discards.get_mut(discard as usize) {
            *count += 1;
        }
    }

    /// Every reason with its count, zeros included.
    pub(crate) fn discards(&self) -> impl Iterator<Item = (Discard, u64)> + '_ {
        Discard::ALL.iter().copied().zip(self.discards.iter().copied())
    }
}

/// A fault that may repeat without end: the first is logged, then one a minute with the number of those between.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Muffle {
    quiet_until: Time,
    swallowed: u64,
}

impl Muffle {
    /// How many were swallowed since the last one that was logged, if this one is to be logged.
    pub(crate) fn admit(&mut self, now: Time) -> Option<u64> {
        if now < self.quiet_until {
            self.swallowed += 1;
            return None;
        }
        self.quiet_until = now + REPEAT_EVERY;
        Some(std::mem::take(&mut self.swallowed))
    }
}

/// Microseconds with three digits after the point, for logs.
pub(crate) fn micros(span: Duration) -> f64 {
    nanos(span) as f64 / 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repeated_fault_is_logged_once_a_minute_with_its_count() {
        let mut muffle = Muffle::default();
        let at = |seconds: u64| Time::from_nanos(seconds * 1_000_000_000);
        assert_eq!(muffle.admit(at(100)), Some(0));
        assert_eq!(muffle.admit(at(101)), None);
        assert_eq!(muffle.admit(at(159)), None);
        assert_eq!(muffle.admit(at(160)), Some(2));
        assert_eq!(muffle.admit(at(161)), None);
    }
}
