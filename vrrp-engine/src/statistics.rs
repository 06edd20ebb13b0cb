//! What is counted for each router, by RFC 8347's names where it has one.

use std::time::Duration;

use vrrp_common::{receive::Discard, time::nanos, wire::vrrp::ChecksumForm};

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
    pub(crate) virtual_mac_shown: u64,
    pub(crate) checksums_with_pseudo_header: u64,
    pub(crate) checksums_of_message_only: u64,
    pub(crate) version_differs: u64,
    pub(crate) interval_differs: u64,
    pub(crate) address_list_differs: u64,
    pub(crate) address_conflicts: u64,
    pub(crate) adverts_of_other_clusters: u64,
    pub(crate) other_owners: u64,
    pub(crate) questions_sent: u64,
    pub(crate) silent_masters_that_answer: u64,
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

/// Microseconds with three digits after the point, for logs.
pub(crate) fn micros(span: Duration) -> f64 {
    nanos(span) as f64 / 1_000.0
}
