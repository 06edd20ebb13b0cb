//! When a master announces its addresses by gratuitous ARP.

use vrrp_common::time::Time;

use crate::config::Garp;

/// The schedule of one router: a round at once, one more after `delay`, then one every `refresh`.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Announcements {
    next: Option<(Time, Round)>,
}

#[derive(Clone, Copy, Debug)]
enum Round {
    First,
    Second,
    Refresh,
}

impl Announcements {
    /// This router has become master.
    pub(crate) fn start(&mut self, now: Time) {
        self.next = Some((now, Round::First));
    }

    /// It is master no more.
    pub(crate) fn stop(&mut self) {
        self.next = None;
    }

    /// When the next round is due.
    pub(crate) fn due_at(&self) -> Time {
        self.next.map_or(Time::NEVER, |(at, _)| at)
    }

    /// How often each address is to be announced now; plans the round after.
    pub(crate) fn take(&mut self, now: Time, garp: &Garp) -> u8 {
        let Some((at, round)) = self.next else { return 0 };
        if now < at {
            return 0;
        }
        let refresh = (!garp.refresh.is_zero()).then(|| (now + garp.refresh, Round::Refresh));
        self.next = match round {
            Round::First if !garp.delay.is_zero() => Some((now + garp.delay, Round::Second)),
            Round::First | Round::Second | Round::Refresh => refresh,
        };
        match round {
            Round::First | Round::Second => garp.repeat,
            Round::Refresh => garp.repeat.min(1),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn rounds_follow_keepalived() {
        let garp = Garp { repeat: 5, delay: Duration::from_secs(5), refresh: Duration::from_secs(60) };
        let at = |seconds: u64| Time::from_nanos(seconds * 1_000_000_000);
        let mut announcements = Announcements::default();
        assert_eq!((announcements.due_at(), announcements.take(at(1), &garp)), (Time::NEVER, 0));
        announcements.start(at(10));
        assert_eq!(announcements.take(at(10), &garp), 5);
        assert_eq!((announcements.take(at(12), &garp), announcements.due_at()), (0, at(15)));
        assert_eq!((announcements.take(at(15), &garp), announcements.due_at()), (5, at(75)));
        assert_eq!((announcements.take(at(75), &garp), announcements.due_at()), (1, at(135)));
        announcements.stop();
        assert_eq!(announcements.due_at(), Time::NEVER);
    }
}
