//! How long a master may answer, and what its last advert told its peers.

use crate::{time::Time, types::AdvertInterval};

/// A lease (I2). It goes by the interval that the last advert told, which need not be the one configured since.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lease {
    /// End of the lease.
    pub until: Time,
    /// The interval in the advert that granted it; `None`: not known. A farewell shortens a lease and grants none.
    pub told: Option<AdvertInterval>,
}

impl Lease {
    /// No lease.
    pub const NONE: Self = Self { until: Time::BOOT, told: None };

    /// Makes the one that an advert with this interval grants, which left at `at`.
    #[must_use]
    pub fn granted(at: Time, told: AdvertInterval) -> Self {
        Self { until: at + told.lease(), told: Some(told) }
    }

    /// Shortens the lease to `end`, if it were not over before.
    #[must_use]
    pub fn cut_short(self, end: Time) -> Self {
        Self { until: self.until.min(end), ..self }
    }

    /// Tells that the lease is running, and that an advert can have granted it: one that reaches further than any advert of its
    /// interval was never granted, whoever wrote it.
    #[must_use]
    pub fn is_running(self, now: Time) -> bool {
        let longest = self.told.unwrap_or(AdvertInterval::MAX_V2).lease();
        now < self.until && self.until <= now + longest
    }

    /// Time at which the advert left that granted the lease, if it was not cut short since: then it was later. `None`: unknown.
    #[must_use]
    pub fn granted_at(self) -> Option<Time> {
        self.told.map(|told| self.until - told.lease())
    }

    /// Time from which on a peer may have taken over that heard nothing since: three intervals after that advert. Where they
    /// are not known, no later than the lease ends.
    #[must_use]
    pub fn silent_at(self) -> Time {
        self.granted_at().zip(self.told).map_or(self.until, |(granted_at, told)| granted_at + told.span() * 3)
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;

    const NOW: Time = Time::from_nanos(5_000_000_000_000);
    const TEN_SECONDS: AdvertInterval = AdvertInterval::from_seconds(10).unwrap();

    #[test]
    fn a_lease_that_no_advert_can_have_granted_is_none() {
        let nanosecond = Duration::from_nanos(1);
        for told in [AdvertInterval::DEFAULT, TEN_SECONDS, AdvertInterval::MAX_V2] {
            let lease = Lease::granted(NOW, told);
            assert!(lease.is_running(NOW) && lease.is_running(lease.until - nanosecond));
            assert!(!lease.is_running(lease.until), "over");
            assert!(!lease.is_running(NOW - nanosecond), "granted in the future");
            assert!(Lease { told: None, ..lease }.is_running(NOW), "any interval may have been told");
        }
        for told in [None, Some(TEN_SECONDS)] {
            assert!(!Lease { until: Time::NEVER, told }.is_running(NOW));
        }
    }

    #[test]
    fn the_silence_that_peers_wait_for_begins_with_the_advert() {
        let lease = Lease::granted(NOW, TEN_SECONDS);
        assert_eq!((lease.granted_at(), lease.silent_at()), (Some(NOW), NOW + TEN_SECONDS.span() * 3));
        let unknown = Lease { told: None, ..lease };
        assert_eq!((unknown.granted_at(), unknown.silent_at()), (None, lease.until));
        let cut = lease.cut_short(NOW + Duration::from_secs(1));
        assert!(
            cut.granted_at().is_some_and(|at| at < NOW) && cut.silent_at() < lease.silent_at(),
            "never later than it was"
        );
        assert_eq!(lease.cut_short(Time::NEVER), lease);
    }
}
