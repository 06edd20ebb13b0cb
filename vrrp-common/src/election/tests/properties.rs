//! What holds after any sequence of inputs.

use std::{vec, vec::Vec};

use proptest::prelude::*;

use super::*;

fn settings() -> impl Strategy<Value = Settings> {
    let interval = prop_oneof![Just(1u16), Just(10), Just(100), Just(4095)];
    let delay = prop_oneof![Just(0u64), 1..5_000u64];
    (any::<bool>(), 1..=255u8, interval, 1..=3u8, any::<bool>(), delay).prop_map(
        |(v2, priority, centiseconds, last, preempt, delay)| Settings {
            version: if v2 { Version::V2 } else { Version::V3 },
            priority: Priority::new(priority),
            interval: AdvertInterval::from_centiseconds(centiseconds).unwrap(),
            address: host(last),
            preempt,
            preempt_delay: span(delay),
            grouped: false,
            probe_limit: if delay % 2 == 0 { 0 } else { 2 },
        },
    )
}

/// An input, and for those that have a time, how long before now it was.
fn input() -> impl Strategy<Value = (Input, Duration)> {
    let past = prop_oneof![Just(Duration::ZERO), (0..10_000u64).prop_map(span)];
    let adverts = (1..=4u8, any::<u8>(), 1..=4095u16, any::<bool>(), 0..6u8).prop_map(
        |(last, priority, centiseconds, deaf, lists)| Input::Advert {
            advert: Advert {
                interval: AdvertInterval::from_centiseconds(centiseconds).unwrap(),
                deaf,
                lists: if lists == 0 { Lists::Apart } else { Lists::Same },
                ..advert(last, priority)
            },
            at: Time::BOOT,
            last_heard: None,
        },
    );
    let told = prop_oneof![Just(0u16), Just(1), Just(100), Just(4095), 1..=25_500u16];
    let adopt = told.prop_map(|centiseconds| {
        Input::Adopt(Lease { until: Time::BOOT, told: AdvertInterval::again(centiseconds) })
    });
    let inputs = prop_oneof![
        2 => Just(Input::Start),
        1 => Just(Input::Listen),
        1 => Just(Input::Claimed { at: Time::BOOT }),
        2 => Just(Input::Answered { at: Time::BOOT, mac: Mac::BROADCAST }),
        1 => adopt,
        8 => adverts,
        8 => Just(Input::Timeout { last_heard: None }),
        8 => Just(Input::Sent { at: Time::BOOT }),
        1 => Just(Input::Fault(Fault::InterfaceDown)),
        1 => Just(Input::Stop),
        1 => Just(Input::Halt),
        1 => Just(Input::Promote),
        1 => Just(Input::Yield),
        2 => settings().prop_map(Input::Configure),
        2 => settling().prop_map(Input::Settle),
    ];
    (inputs, past)
}

/// A link that is down, or has come up; the times are set later.
fn settling() -> impl Strategy<Value = Settling> {
    let since = prop_oneof![Just(None), Just(Some(Time::BOOT))];
    let limit = prop_oneof![Just(None), Just(Some(0u64)), (0..60_000u64).prop_map(Some)];
    (since, any::<bool>(), any::<bool>(), any::<bool>(), limit).prop_map(
        |(since, came_up, forwards, spanning_tree, limit)| Settling {
            since,
            came_up,
            forwarded: (forwards && since.is_some()).then_some(Time::BOOT),
            spanning_tree,
            limit: limit.map(span),
        },
    )
}

/// The input with its time, which lies before or at `now`, or for a lease, after it.
fn placed(input: Input, now: Time, past: Duration) -> Input {
    match input {
        // Some reach further than their interval allows: nobody has granted those.
        Input::Adopt(lease) => Input::Adopt(Lease { until: now + past, ..lease }),
        Input::Advert { advert, .. } => {
            Input::Advert { advert, at: now - past, last_heard: Some(now - past / 2) }
        }
        Input::Timeout { .. } => Input::Timeout { last_heard: Some(now - past) },
        Input::Sent { .. } => Input::Sent { at: now },
        Input::Claimed { .. } => Input::Claimed { at: now - past },
        Input::Answered { mac, .. } => Input::Answered { at: now - past, mac },
        Input::Settle(settling) if settling.since.is_some() => Input::Settle(Settling {
            since: Some(now - past),
            forwarded: settling.forwarded.map(|_| now - past / 2),
            ..settling
        }),
        Input::Start
        | Input::Settle(_)
        | Input::Listen
        | Input::Fault(_)
        | Input::Stop
        | Input::Halt
        | Input::Promote
        | Input::Yield
        | Input::Configure(_) => input,
    }
}

fn steps() -> impl Strategy<Value = Vec<(Input, Duration, u64)>> {
    // Steps of time: none, short, long, or to the deadline.
    let step = prop_oneof![Just(0u64), 1..2_000u64, 1..50_000_000u64, Just(u64::MAX)];
    prop::collection::vec((input(), step).prop_map(|((input, past), step)| (input, past, step)), 1..80)
}

fn advance(election: &Election, now: Time, step_us: u64) -> Time {
    match (step_us, election.deadline()) {
        (u64::MAX, Time::NEVER) => now,
        (u64::MAX, deadline) => deadline.max(now),
        _ => now + Duration::from_micros(step_us),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(500) })]

    #[test]
    fn no_sequence_of_inputs_breaks_an_invariant(first in settings(), steps in steps()) {
        let mut election = Election::new(first);
        let mut now = ms(0);
        // The end of the longest lease that was granted by an advert that has left, or by an earlier daemon.
        let mut granted = Time::BOOT;
        for (input, past, step) in steps {
            now = advance(&election, now, step);
            let input = placed(input, now, past);
            let before = election.name();
            let effects = election.handle(now, input);
            let name = election.name();
            if let Input::Adopt(lease) = input
                && lease.is_running(now)
            {
                granted = granted.max(lease.until);
            }
            if let (Input::Sent { at }, StateName::Master) = (input, name) {
                granted = at + election.settings().interval.lease();
            }

            if matches!(input, Input::Timeout { .. }) {
                prop_assert!(election.deadline() > now, "busy loop as {name}");
            }
            let may_be_open = matches!(name, StateName::Master | StateName::Leaving);
            prop_assert!(may_be_open || election.lease_until() == Time::BOOT, "I1: a lease as {name}");
            prop_assert!(election.lease_until() <= granted, "I2: a lease that no advert has granted");
            if let Some(Door::Open(lease)) = effects.door {
                prop_assert!(may_be_open, "I1: the door opens as {name}");
                prop_assert_eq!(lease.until, election.lease_until());
                prop_assert!(matches!(input, Input::Sent { .. }) || before == StateName::Leaving, "opened by {input:?}");
            }
            if may_be_open && !matches!(before, StateName::Master | StateName::Leaving) {
                prop_assert!(effects.send.is_some(), "a new master advertises at once");
            }
            if matches!(before, StateName::Master | StateName::Leaving) && !may_be_open {
                prop_assert_eq!(effects.door, Some(Door::Close), "{} leaves its door open", before);
            }
            prop_assert_eq!(effects.transition.is_some_and(|change| change.from != before || change.to != name), false);
            prop_assert_eq!(before != name, effects.transition.is_some_and(|change| change.from != change.to));
            if let Some(priority) = effects.send {
                let own = priority == election.settings().priority;
                prop_assert!(own || priority == Priority::RELEASE, "a priority that is not ours");
                prop_assert!(own == (name == StateName::Master), "{name} sends {priority}");
            }
            if let Some(Cause::Unheard(by)) = effects.transition.map(|change| change.cause) {
                prop_assert!(by.may_be_deaf() && before == StateName::Master && effects.send.is_none(), "yields to {by:?}");
                prop_assert!(election.settings().priority != Priority::OWNER, "an owner yields");
            }
            if let Some(first) = effects.first {
                prop_assert_eq!((first, effects.send), (election.settings().priority, Some(Priority::RELEASE)));
            }
        }
    }

    /// A better master was heard at 0 and lives for all that is known: whatever lesser boxes say after it, nobody takes its place
    /// before its time. A farewell of the one that is followed meanwhile waits for the better one's next advert.
    #[test]
    fn no_lesser_box_shortens_the_wait_for_a_better_master(
        preempt in any::<bool>(),
        delay in prop_oneof![Just(0u64), 1..3_000u64],
        said in prop::collection::vec((3..=9u8, 0..=199u8, 1..=300u16, 1..400u64), 1..40),
    ) {
        let mut election = follower(Settings { preempt, preempt_delay: span(delay), ..SETTINGS });
        let next = ms(0) + AdvertInterval::DEFAULT.span() * 17 / 16;
        let (mut now, mut farewells) = (ms(0), false);
        for (last, priority, centiseconds, step) in said {
            now = now + span(step);
            farewells |= priority == 0;
            let bound = if farewells { next } else { ms(0) + MASTER_DOWN };
            if now >= bound {
                break;
            }
            let interval = AdvertInterval::from_centiseconds(centiseconds).unwrap();
            election.hear(now, Advert { interval, ..advert(last, priority) });
            election.wake(now);
            prop_assert_eq!(election.name(), StateName::Backup, "at {}", now);
            let before = bound - Duration::from_nanos(1);
            let mut later = election;
            later.wake(before);
            prop_assert_eq!(later.name(), StateName::Backup, "it is alive until {}", bound);
        }
    }

    #[test]
    fn a_stopped_router_stays_stopped(steps in steps()) {
        let mut election = stopped(SETTINGS);
        for (input, past, _) in steps {
            let effects = election.handle(ms(1), placed(input, ms(1), past));
            prop_assert_eq!(effects, Effects::default());
            prop_assert_eq!(election.name(), StateName::Stopped);
        }
    }
}
