//! The election on virtual time, each test named after the behaviour that it holds.

use core::{
    net::{IpAddr, Ipv4Addr},
    time::Duration,
};

use super::*;
use crate::{
    receive::{Advert, Lists},
    types::Mac,
};

mod backup;
mod clash;
mod configure;
mod deaf;
mod farewell;
mod grouped;
mod leaving;
mod master;
mod probe;
mod properties;
mod settling;
mod start;
mod superior;

/// Router 10.0.0.1, priority 100, version 3, one second, preempting.
const SETTINGS: Settings = Settings {
    version: Version::V3,
    priority: Priority::DEFAULT,
    interval: AdvertInterval::DEFAULT,
    address: host(1),
    preempt: true,
    preempt_delay: Duration::ZERO,
    grouped: false,
    probe_limit: 0,
};
const PATIENT: Settings = Settings { preempt: false, ..SETTINGS };
const OWNER: Settings = Settings { priority: Priority::OWNER, ..SETTINGS };
const FAST: AdvertInterval = AdvertInterval::from_centiseconds(1).unwrap();

const fn host(last: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(10, 0, 0, last))
}

/// A point in time, in ms after the beginning of the test.
const fn ms(ms: u64) -> Time {
    Time::from_nanos((1_000_000 + ms) * 1_000_000)
}

const fn span(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// An advert of 10.0.0.`last`, one second.
const fn advert(last: u8, priority: u8) -> Advert {
    Advert {
        source: host(last),
        priority: Priority::new(priority),
        interval: AdvertInterval::DEFAULT,
        mac: Mac([2, 0, 0, 0, 0, last]),
        from_virtual_mac: true,
        deaf: false,
        lists: Lists::Same,
    }
}

/// Skew and Master_Down_Interval of [`SETTINGS`]: 156/256 s, and three seconds more.
const SKEW: Duration = Duration::from_nanos(609_375_000);
const MASTER_DOWN: Duration = Duration::from_nanos(3_609_375_000);

/// Hands in what has happened at that moment.
trait Virtual {
    fn hear(&mut self, at: Time, advert: Advert) -> Effects;
    /// The daemon is late: the advert came at `at`.
    fn hear_late(&mut self, now: Time, at: Time, advert: Advert) -> Effects;
    fn wake(&mut self, now: Time) -> Effects;
    fn wake_stamped(&mut self, now: Time, last_heard: Time) -> Effects;
    fn left(&mut self, at: Time) -> Effects;
}

impl Virtual for Election {
    fn hear(&mut self, at: Time, advert: Advert) -> Effects {
        self.hear_late(at, at, advert)
    }
    fn hear_late(&mut self, now: Time, at: Time, advert: Advert) -> Effects {
        self.handle(now, Input::Advert { advert, at, last_heard: None })
    }
    fn wake(&mut self, now: Time) -> Effects {
        self.handle(now, Input::Timeout { last_heard: None })
    }
    fn wake_stamped(&mut self, now: Time, last_heard: Time) -> Effects {
        self.handle(now, Input::Timeout { last_heard: Some(last_heard) })
    }
    fn left(&mut self, at: Time) -> Effects {
        self.handle(at, Input::Sent { at })
    }
}

/// Backup since 0.
fn backup(settings: Settings) -> Election {
    let mut election = Election::new(settings);
    election.handle(ms(0), Input::Start);
    assert_eq!(election.name(), StateName::Backup);
    election
}

/// Backup of 10.0.0.2 with priority 200, which was heard at 0.
fn follower(settings: Settings) -> Election {
    let mut election = backup(settings);
    assert_eq!(election.hear(ms(0), advert(2, 200)).expect, Some(Expect::This));
    election
}

/// Master since 0, when its first advert left.
fn master(settings: Settings) -> Election {
    let mut election = Election::new(settings);
    let start = if settings.owner() { ms(0) } else { ms(0) - span(100_000) };
    election.handle(start, Input::Start);
    election.wake(ms(0));
    election.left(ms(0));
    assert_eq!(election.name(), StateName::Master);
    assert_eq!(election.lease_until(), ms(0) + settings.interval.lease());
    election
}

/// Has said at 400 ms that it leaves.
fn leaving(settings: Settings) -> Election {
    let mut election = master(settings);
    election.handle(ms(400), Input::Stop);
    election.left(ms(400));
    assert_eq!(election.name(), StateName::Leaving);
    election
}

fn faulty(settings: Settings) -> Election {
    let mut election = Election::new(settings);
    election.handle(ms(0), Input::Fault(Fault::InterfaceDown));
    election
}

fn stopped(settings: Settings) -> Election {
    let mut election = Election::new(settings);
    election.handle(ms(0), Input::Stop);
    election
}

/// One in every state.
fn everywhere() -> [Election; 6] {
    [
        Election::new(SETTINGS),
        faulty(SETTINGS),
        follower(SETTINGS),
        master(SETTINGS),
        leaving(SETTINGS),
        stopped(SETTINGS),
    ]
}

fn cause(effects: Effects) -> Option<Cause> {
    effects.transition.map(|transition| transition.cause)
}

#[test]
fn a_spurious_timeout_changes_nothing_in_any_state() {
    for mut election in everywhere() {
        let before = election;
        assert_eq!(election.wake(ms(410)), Effects::default(), "{}", before.name());
        assert_eq!(election, before);
    }
}

#[test]
fn an_advert_in_initialize_and_after_the_end_is_ignored() {
    for mut election in [Election::new(SETTINGS), faulty(SETTINGS), stopped(SETTINGS)] {
        let before = election;
        for priority in [0, 1, 100, 255] {
            assert_eq!(election.hear(ms(500), advert(2, priority)), Effects::default());
        }
        assert_eq!(election, before);
        assert_eq!(election.deadline(), Time::NEVER);
    }
}

#[test]
fn news_of_an_advert_that_left_opens_no_door_but_a_masters() {
    for mut election in [Election::new(SETTINGS), faulty(SETTINGS), follower(SETTINGS), stopped(SETTINGS)] {
        let before = election;
        assert_eq!(election.left(ms(500)), Effects::default(), "{}", before.name());
        assert_eq!(election, before);
    }
}

#[test]
fn a_fault_from_every_state_closes_the_door() {
    for mut election in everywhere() {
        let before = election.name();
        let effects = election.handle(ms(450), Input::Fault(Fault::NoAddress));
        let ended = matches!(before, StateName::Leaving | StateName::Stopped);
        assert_eq!(election.name(), if ended { StateName::Stopped } else { StateName::Fault }, "{before}");
        assert_eq!(election.deadline(), Time::NEVER);
        assert!(election.lease_until() <= ms(450));
        let closed = (before != StateName::Stopped).then_some(Door::Close);
        assert_eq!(effects.door, closed, "{before}");
        let farewell = (before == StateName::Master).then_some(Priority::RELEASE);
        assert_eq!(effects.send, farewell, "only a master says that it leaves");
    }
}

#[test]
fn a_fault_that_is_known_is_not_told_twice() {
    let mut election = faulty(SETTINGS);
    assert_eq!(election.handle(ms(1), Input::Fault(Fault::InterfaceDown)), Effects::default());
    let other = election.handle(ms(2), Input::Fault(Fault::DataPlane));
    assert_eq!(cause(other), Some(Cause::Fault(Fault::DataPlane)));
}

#[test]
fn a_halt_closes_every_door_at_once() {
    for mut election in everywhere() {
        let before = election.name();
        let effects = election.handle(ms(450), Input::Halt);
        assert_eq!(election.name(), StateName::Stopped);
        assert_eq!(effects.door, (before != StateName::Stopped).then_some(Door::Close), "{before}");
        assert_eq!(effects.send, (before == StateName::Master).then_some(Priority::RELEASE), "{before}");
        assert!(election.lease_until() <= ms(450));
    }
}

#[test]
fn states_have_keepalived_s_names() {
    let names = everywhere().map(|election| election.name().as_str());
    assert_eq!(names, ["INIT", "FAULT", "BACKUP", "MASTER", "LEAVING", "STOPPED"]);
}
