//! When a master announces its addresses by gratuitous ARP.

use std::{
    net::{IpAddr, Ipv4Addr},
    time::Duration,
};

use vrrp_common::{election::StateName, time::Time, types::AdvertInterval, wire::arp};
use vrrp_config::Garp;

use crate::{
    RouterKey,
    engine::Engine,
    outside::{Outside, Plane},
    port::PortId,
    resources::Binding,
    roster::RouterId,
};

/// Gratuitous ARP frames sent in one turn, so that adverts never wait for more.
const ANNOUNCEMENTS_PER_TURN: usize = 256;

/// An address that is to be announced on an interface.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Announcement {
    /// Its router may be gone when its turn comes.
    router: RouterKey,
    port: PortId,
    address: Ipv4Addr,
}

/// The schedule of one router: a round at once, one more after `delay`, then one every `refresh`; and beside it a round
/// whenever neighbours may have learnt another master, and one more after `lower_prio_delay`.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Announcements {
    next: Option<(Time, Round)>,
    /// Those that answer another master.
    answer: Option<(Time, Answer)>,
    /// From when on the next first answer may leave.
    answers_from: Time,
}

#[derive(Clone, Copy, Debug)]
enum Round {
    First,
    Second,
    Refresh,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    First,
    Second,
}

/// The least time between two answers to other masters, and between two frames that show a switch where a virtual MAC is:
/// an interval, and no less than a second.
pub(crate) fn pace(interval: AdvertInterval) -> Duration {
    interval.span().max(Duration::from_secs(1))
}

impl Announcements {
    /// This router has become master.
    pub(crate) fn start(&mut self, now: Time) {
        self.next = Some((now, Round::First));
    }

    /// It is master no more.
    pub(crate) fn stop(&mut self) {
        self.next = None;
        self.answer = None;
    }

    /// Another one was master beside it. Within `pace` of the last answer the next one waits, and is not left out: the
    /// other may have been believed in between.
    pub(crate) fn answer(&mut self, now: Time, pace: Duration) {
        if matches!(self.answer, Some((_, Answer::First))) {
            return;
        }
        let at = now.max(self.answers_from);
        self.answer = Some((at, Answer::First));
        self.answers_from = at + pace;
    }

    /// When the next round is due.
    pub(crate) fn due_at(&self) -> Time {
        let next = self.next.map_or(Time::NEVER, |(at, _)| at);
        next.min(self.answer.map_or(Time::NEVER, |(at, _)| at))
    }

    /// How often each address is to be announced now; plans the round after.
    pub(crate) fn take(&mut self, now: Time, garp: &Garp) -> u8 {
        self.take_own(now, garp).max(self.take_answer(now, garp))
    }

    fn take_own(&mut self, now: Time, garp: &Garp) -> u8 {
        let Some((_, round)) = self.next.filter(|(at, _)| now >= *at) else { return 0 };
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

    fn take_answer(&mut self, now: Time, garp: &Garp) -> u8 {
        let Some((_, answer)) = self.answer.filter(|(at, _)| now >= *at) else { return 0 };
        let again = answer == Answer::First && garp.lower_prio_repeat > 0 && !garp.lower_prio_delay.is_zero();
        self.answer = again.then(|| (now + garp.lower_prio_delay, Answer::Second));
        garp.lower_prio_repeat
    }
}

impl<O: Outside> Engine<O> {
    /// Sends gratuitous ARP that is due, some of it per turn.
    pub(crate) fn announce(&mut self, at: Time) {
        for id in self.roster.ids().iter().copied() {
            let Some(router) = self.roster.get_mut(id) else { continue };
            if router.announces_at() > at {
                continue;
            }
            let repeat = router.announcements.take(at, &router.config.garp);
            self.queue_announcements(id, repeat);
        }
        for _ in 0..ANNOUNCEMENTS_PER_TURN {
            let Some(announcement) = self.outbox.announcements.pop_front() else { return };
            self.announce_one(announcement);
        }
    }

    fn queue_announcements(&mut self, id: RouterId, repeat: u8) {
        let Some(router) = self.roster.get(id) else { return };
        let on = |binding: &Binding| self.ports.find(&binding.interface).unwrap_or(router.home);
        let announcement = |binding: &Binding| match binding.address.address {
            IpAddr::V4(address) => Some(Announcement { router: router.key(), port: on(binding), address }),
            // Neighbour advertisements come with the adverts of IPv6.
            IpAddr::V6(_) => None,
        };
        let round: Vec<_> = router.resources.bindings.iter().filter_map(announcement).collect();
        for _ in 0..repeat {
            self.outbox.announcements.extend(&round);
        }
    }

    fn announce_one(&mut self, Announcement { router, port, address }: Announcement) {
        let Some(id) = self.ports.resident(router) else { return };
        let (Some(router), Some(port)) = (self.roster.get_mut(id), self.ports.get_mut(port)) else { return };
        if router.election.name() != StateName::Master {
            return;
        }
        let (Some(link), Some(plane)) = (&port.link, &mut port.plane) else { return };
        let frame = arp::gratuitous(router.mac_on(link.mac), address);
        // What does not leave is announced at the next time: the kernel's queue is full, or the link is down.
        if let Ok(1) = plane.send(std::iter::once(frame.as_slice())) {
            router.statistics.announcements_sent += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GARP: Garp = Garp {
        repeat: 5,
        delay: Duration::from_secs(5),
        refresh: Duration::from_secs(60),
        lower_prio_repeat: 3,
        lower_prio_delay: Duration::from_secs(2),
    };

    fn at(milliseconds: u64) -> Time {
        Time::from_nanos(milliseconds * 1_000_000)
    }

    #[test]
    fn rounds_follow_keepalived() {
        let mut announcements = Announcements::default();
        assert_eq!((announcements.due_at(), announcements.take(at(1_000), &GARP)), (Time::NEVER, 0));
        announcements.start(at(10_000));
        assert_eq!(announcements.take(at(10_000), &GARP), 5);
        assert_eq!((announcements.take(at(12_000), &GARP), announcements.due_at()), (0, at(15_000)));
        assert_eq!((announcements.take(at(15_000), &GARP), announcements.due_at()), (5, at(75_000)));
        assert_eq!((announcements.take(at(75_000), &GARP), announcements.due_at()), (1, at(135_000)));
        announcements.answer(at(75_000), Duration::from_secs(1));
        announcements.stop();
        assert_eq!(announcements.due_at(), Time::NEVER);
    }

    #[test]
    fn i12_each_other_master_is_answered_at_once_or_when_its_time_has_come_and_once_more_after_the_delay() {
        let pace = Duration::from_secs(1);
        let mut announcements = Announcements::default();
        announcements.answer(at(10_000), pace);
        assert_eq!(announcements.take(at(10_000), &GARP), 3);
        assert_eq!(announcements.due_at(), at(12_000), "the second round");
        // Heard a hundred times within the second: one round, at its end.
        (1..100).for_each(|step| announcements.answer(at(10_000 + step), pace));
        assert_eq!((announcements.take(at(10_999), &GARP), announcements.due_at()), (0, at(11_000)));
        assert_eq!((announcements.take(at(11_000), &GARP), announcements.due_at()), (3, at(13_000)));
        assert_eq!((announcements.take(at(13_000), &GARP), announcements.due_at()), (3, Time::NEVER));
        // Not sooner for having become master in between.
        announcements.answer(at(20_000), pace);
        assert_eq!(announcements.take(at(20_000), &GARP), 3);
        announcements.stop();
        announcements.start(at(20_100));
        announcements.answer(at(20_100), pace);
        assert_eq!(announcements.take(at(20_100), &GARP), 5);
        assert_eq!(announcements.due_at(), at(21_000));
    }

    #[test]
    fn answers_that_are_switched_off_are_none() {
        let garp = Garp { lower_prio_repeat: 0, ..GARP };
        let mut announcements = Announcements::default();
        announcements.answer(at(10_000), Duration::from_secs(1));
        assert_eq!((announcements.take(at(10_000), &garp), announcements.due_at()), (0, Time::NEVER));
        let garp = Garp { lower_prio_delay: Duration::ZERO, ..GARP };
        announcements.answer(at(20_000), Duration::from_secs(1));
        assert_eq!((announcements.take(at(20_000), &garp), announcements.due_at()), (3, Time::NEVER));
    }

    #[test]
    fn the_pace_is_an_interval_and_a_second_at_least() {
        let of = |centiseconds| pace(AdvertInterval::from_centiseconds(centiseconds).unwrap());
        assert_eq!(of(1), Duration::from_secs(1));
        assert_eq!(of(100), Duration::from_secs(1));
        assert_eq!(of(250), Duration::from_millis(2_500));
    }
}
