//! Number of processes that there must be, and how long a change must last before it counts.

use std::time::Duration;

use tokio::time::Instant;

use vrrp_config::ProcessCheck;

/// Judge of a number of processes that changes.
#[derive(Debug)]
pub(super) struct Quorum {
    least: usize,
    most: usize,
    fork_delay: Duration,
    terminate_delay: Duration,
    /// Report that was made last; `None` before the first time.
    met: Option<bool>,
    /// Number that there were last.
    count: usize,
    /// Time at which what is different will have lasted long enough.
    due: Option<Instant>,
    /// Time at which the same is to be reported again.
    again: Option<Instant>,
}

impl Quorum {
    pub(super) fn new(check: &ProcessCheck) -> Self {
        Self {
            least: check.quorum.into(),
            most: check.quorum_max.map_or(usize::MAX, usize::from),
            fork_delay: check.fork_delay,
            terminate_delay: check.terminate_delay,
            met: None,
            count: 0,
            due: None,
            again: None,
        }
    }

    pub(super) fn is_met_by(&self, count: usize) -> bool {
        (self.least..=self.most).contains(&count)
    }

    /// As last reported.
    pub(super) fn is_met(&self) -> bool {
        self.met == Some(true)
    }

    /// Tells when it is to be settled again although no number changes.
    pub(super) fn due(&self) -> Option<Instant> {
        self.due.into_iter().chain(self.again).min()
    }

    /// Takes in how many there are. Returns whether that is to be reported now.
    pub(super) fn settle(&mut self, count: usize, now: Instant) -> bool {
        let met = self.is_met_by(count);
        let delay = if count < self.count { self.terminate_delay } else { self.fork_delay };
        self.count = count;
        if self.met == Some(met) {
            self.due = None;
            return self.again.take_if(|again| now >= *again).is_some();
        }
        // The first time there is nothing that it could be a change of.
        let due = if self.met.is_none() { now } else { *self.due.get_or_insert(now + delay) };
        if now < due {
            return false;
        }
        self.met = Some(met);
        self.due = None;
        true
    }

    /// Tells whether the same is to be reported again, then.
    pub(super) fn repeat(&mut self, then: Instant, wanted: bool) {
        self.again = wanted.then_some(then);
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use vrrp_config::ProcessName;

    fn quorum(least: u16, most: Option<u16>, fork_ms: u64, terminate_ms: u64) -> Quorum {
        Quorum::new(&ProcessCheck {
            process: ProcessName::PidFile(PathBuf::new()),
            quorum: least,
            quorum_max: most,
            delay: Duration::ZERO,
            fork_delay: Duration::from_millis(fork_ms),
            terminate_delay: Duration::from_millis(terminate_ms),
        })
    }

    #[test]
    fn the_first_number_is_reported_at_once_and_then_every_change() {
        let (mut quorum, now) = (quorum(2, Some(3), 0, 0), Instant::now());
        let mut told = |count| quorum.settle(count, now).then(|| quorum.is_met());
        assert_eq!(
            [told(1), told(0), told(2), told(3), told(4)],
            [Some(false), None, Some(true), None, Some(false)]
        );
    }

    #[test]
    fn a_loss_that_is_made_good_within_the_delay_is_none() {
        let (mut quorum, start) = (quorum(1, None, 0, 100), Instant::now());
        let ms = |ms| start + Duration::from_millis(ms);
        assert!(quorum.settle(1, ms(0)));
        assert!(!quorum.settle(0, ms(10)));
        assert_eq!(quorum.due(), Some(ms(110)));
        assert!(!quorum.settle(1, ms(50)));
        assert_eq!(quorum.due(), None);
        assert!(!quorum.settle(0, ms(60)) && !quorum.settle(0, ms(159)));
        assert!(quorum.settle(0, ms(160)));
        assert!(!quorum.is_met());
        assert!(quorum.settle(1, ms(161)), "there is no delay in this direction");
    }

    #[test]
    fn the_same_is_reported_again_when_asked_for() {
        let (mut quorum, start) = (quorum(1, None, 0, 0), Instant::now());
        let ms = |ms| start + Duration::from_millis(ms);
        assert!(quorum.settle(1, ms(0)));
        quorum.repeat(ms(100), true);
        assert!(!quorum.settle(1, ms(99)) && quorum.settle(1, ms(100)) && !quorum.settle(1, ms(101)));
    }
}
