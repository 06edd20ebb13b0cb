//! RFC 9568 §6.4.2.

use super::*;

fn preemption(election: &Election) -> Option<Preemption> {
    match election.state() {
        State::Backup(backup) => Some(backup.preemption),
        State::Initialize(_) | State::Master(_) | State::Leaving { .. } | State::Stopped => None,
    }
}

#[test]
fn a_backup_takes_over_after_master_down_interval_and_not_a_nanosecond_before() {
    let mut election = follower(SETTINGS);
    let down_at = ms(0) + MASTER_DOWN;
    assert_eq!(election.deadline(), down_at);
    assert_eq!(election.wake(down_at - Duration::from_nanos(1)), Effects::default());
    let effects = election.wake(down_at);
    assert_eq!(cause(effects), Some(Cause::MasterDown));
    assert_eq!((effects.send, effects.door), (Some(Priority::DEFAULT), None), "the advert goes first");
    assert_eq!(effects.expect, Some(Expect::Nothing));
    assert!(election.lease_until() <= down_at, "startup while backup promotes");
    assert_eq!(election.left(down_at).door, Some(Door::Open(Lease::granted(down_at, SETTINGS.interval))));
}

#[test]
fn skew_is_not_truncated_to_centiseconds() {
    let fast = |priority| Settings { interval: FAST, priority: Priority::new(priority), ..SETTINGS };
    let mut last = Time::NEVER;
    for priority in 1..=254 {
        let deadline = backup(fast(priority)).deadline();
        assert!(deadline < last && deadline > ms(30), "priority {priority}");
        last = deadline;
    }
}

#[test]
fn an_equal_or_higher_priority_is_followed() {
    for priority in [100, 101, 255] {
        let mut election = backup(SETTINGS);
        let effects = election.hear(ms(500), advert(2, priority));
        assert_eq!(effects, Effects { expect: Some(Expect::This), ..Effects::default() });
        assert_eq!(election.deadline(), ms(500) + MASTER_DOWN);
    }
}

#[test]
fn a_lower_priority_is_discarded_by_a_backup_that_preempts() {
    let mut election = backup(SETTINGS);
    let effects = election.hear(ms(500), advert(2, 99));
    assert_eq!(effects, Effects::default());
    assert_eq!(preemption(&election), Some(Preemption::Due));
    assert_eq!(election.deadline(), ms(0) + MASTER_DOWN);
}

#[test]
fn a_lower_priority_is_followed_without_preempt() {
    let mut election = backup(PATIENT);
    assert_eq!(election.hear(ms(500), advert(2, 1)).expect, Some(Expect::This));
    assert_eq!(election.deadline(), ms(500) + MASTER_DOWN);
}

#[test]
fn an_owner_preempts_whatever_preempt_says() {
    let mut election = master(Settings { preempt: false, ..OWNER });
    election.wake(ms(10_000));
    assert_eq!(election.name(), StateName::Backup, "silent for ten seconds");
    assert_eq!(election.hear(ms(10_100), advert(2, 254)).expect, None);
    assert_eq!(preemption(&election), Some(Preemption::Due));
}

#[test]
fn preempt_delay_leaves_a_lower_master_alone_until_it_is_over() {
    let delayed = Settings { preempt_delay: span(2_000), ..SETTINGS };
    let mut election = backup(delayed);
    assert_eq!(election.hear(ms(1_000), advert(2, 50)).expect, Some(Expect::This));
    assert_eq!(preemption(&election), Some(Preemption::Waiting { until: ms(3_000) }));
    assert_eq!(election.hear(ms(2_000), advert(2, 50)).expect, Some(Expect::This));
    assert_eq!(election.deadline(), ms(3_000), "counted from the first advert");
    let effects = election.wake_stamped(ms(3_000), ms(2_999));
    assert_eq!(effects, Effects { expect: Some(Expect::Nothing), ..Effects::default() });
    assert_eq!(preemption(&election), Some(Preemption::Due));
    assert_eq!(election.hear(ms(3_100), advert(2, 50)).expect, Some(Expect::Nothing));
    assert_eq!(election.deadline(), ms(2_999) + MASTER_DOWN);
}

#[test]
fn preempt_delay_is_forgotten_when_a_higher_master_comes() {
    let mut election = backup(Settings { preempt_delay: span(2_000), ..SETTINGS });
    election.hear(ms(1_000), advert(2, 50));
    election.hear(ms(1_500), advert(3, 150));
    assert_eq!(preemption(&election), Some(Preemption::Idle));
    election.hear(ms(2_500), advert(2, 50));
    assert_eq!(preemption(&election), Some(Preemption::Waiting { until: ms(4_500) }));
}

#[test]
fn an_advert_after_preempt_delay_does_not_count_although_the_timeout_is_late() {
    let mut election = backup(Settings { preempt_delay: span(2_000), ..SETTINGS });
    election.hear(ms(1_000), advert(2, 50));
    assert_eq!(election.hear(ms(3_000), advert(2, 50)).expect, Some(Expect::Nothing));
    election.wake(ms(3_000));
    assert_eq!(election.deadline(), ms(1_000) + MASTER_DOWN);
}

#[test]
fn preempt_delay_does_not_delay_the_takeover_of_a_dead_or_leaving_master() {
    let delayed = Settings { preempt_delay: span(600_000), ..SETTINGS };
    let mut election = backup(delayed);
    election.hear(ms(1_000), advert(2, 50));
    assert_eq!(election.deadline(), ms(1_000) + MASTER_DOWN);
    election.hear(ms(1_100), advert(2, 0));
    assert_eq!(election.deadline(), ms(1_100) + SKEW);
}

#[test]
fn a_released_address_is_taken_after_skew() {
    let mut election = follower(SETTINGS);
    assert_eq!(election.hear(ms(1_000), advert(2, 0)).expect, Some(Expect::Nothing));
    assert_eq!(election.deadline(), ms(1_000) + SKEW);
    assert_eq!(cause(election.wake(ms(1_000) + SKEW)), Some(Cause::MasterReleased));
}

#[test]
fn a_flood_of_priority_0_does_not_keep_the_address_dead() {
    let mut election = follower(SETTINGS);
    for at in 1_000..1_600 {
        election.hear(ms(at), advert(2, 0));
    }
    assert_eq!(election.deadline(), ms(1_000) + SKEW);
}

/// The kernel has stamped adverts, of which the election is told with the farewell.
fn hear_stamped(election: &mut Election, at: Time, last_heard: Option<Time>) {
    election.handle(ms(9_000), Input::Advert { advert: advert(2, 0), at, last_heard });
}

#[test]
fn a_farewell_grants_its_whole_skew_although_the_last_timeout_was_long_ago() {
    let mut election = follower(SETTINGS);
    hear_stamped(&mut election, ms(3_600), Some(ms(3_500)));
    assert_eq!(election.deadline(), ms(3_600) + SKEW);
}

#[test]
fn a_farewell_whose_end_was_slept_through_does_not_shorten_a_later_one() {
    for last_heard in [Some(ms(8_800)), None] {
        let mut election = follower(SETTINGS);
        hear_stamped(&mut election, ms(1_000), last_heard);
        hear_stamped(&mut election, ms(8_900), last_heard);
        assert_eq!(election.deadline(), ms(8_900) + SKEW);
    }
}

#[test]
fn a_farewell_never_postpones_a_takeover() {
    let mut election = follower(SETTINGS);
    election.hear(ms(3_500), advert(2, 0));
    assert_eq!(election.deadline(), ms(0) + MASTER_DOWN);
    let mut alone = backup(SETTINGS);
    for at in 3_000..3_700 {
        alone.hear(ms(at), advert(9, 0));
    }
    assert_eq!(alone.deadline(), ms(0) + MASTER_DOWN, "nobody was followed, and any farewell counts");
}

#[test]
fn a_farewell_from_before_the_last_advert_says_nothing() {
    let mut election = follower(SETTINGS);
    election.hear(ms(1_000), advert(2, 200));
    assert_eq!(election.hear_late(ms(1_100), ms(900), advert(2, 0)), Effects::default());
    assert_eq!(election.deadline(), ms(1_000) + MASTER_DOWN);
}

#[test]
fn another_master_after_a_release_is_followed() {
    let mut election = follower(SETTINGS);
    election.hear(ms(1_000), advert(2, 0));
    assert_eq!(election.hear(ms(1_100), advert(3, 150)).expect, Some(Expect::This));
    assert_eq!(election.deadline(), ms(1_100) + MASTER_DOWN);
    assert_eq!(cause(election.wake(ms(1_100) + MASTER_DOWN)), Some(Cause::MasterDown));
}

#[test]
fn a_master_that_the_kernel_heard_after_its_release_has_not_left() {
    let mut election = follower(SETTINGS);
    election.hear(ms(1_000), advert(2, 0));
    election.wake_stamped(ms(1_700), ms(1_100));
    assert_eq!(election.deadline(), ms(1_100) + MASTER_DOWN);
    assert_eq!(cause(election.wake(ms(9_000))), Some(Cause::MasterDown));
}

#[test]
fn a_stamp_from_before_the_release_does_not_revive_the_master() {
    let mut election = follower(SETTINGS);
    election.hear(ms(1_000), advert(2, 0));
    assert_eq!(cause(election.wake_stamped(ms(1_700), ms(990))), Some(Cause::MasterReleased));
}

#[test]
fn an_advert_that_reached_the_host_in_time_counts_however_late_the_daemon_is() {
    let mut election = follower(SETTINGS);
    assert_eq!(election.wake_stamped(ms(5_000), ms(3_500)), Effects::default());
    assert_eq!(election.deadline(), ms(3_500) + MASTER_DOWN);
}

#[test]
fn a_stamp_that_came_too_late_still_shows_that_the_master_lives() {
    let mut election = follower(SETTINGS);
    assert_eq!(election.wake_stamped(ms(5_000), ms(4_999)), Effects::default());
    assert_eq!(election.deadline(), ms(4_999) + MASTER_DOWN);
}

#[test]
fn an_old_stamp_does_not_shorten_what_an_advert_has_granted() {
    let mut election = follower(SETTINGS);
    election.hear(ms(2_000), advert(2, 200));
    election.wake_stamped(ms(2_100), ms(1_000));
    assert_eq!(election.deadline(), ms(2_000) + MASTER_DOWN);
    election.hear_late(ms(2_200), ms(1_500), advert(2, 200));
    assert_eq!(election.deadline(), ms(2_000) + MASTER_DOWN);
}

#[test]
fn a_stamp_from_the_future_counts_as_now() {
    let mut election = follower(SETTINGS);
    election.wake_stamped(ms(1_000), Time::NEVER);
    assert_eq!(election.deadline(), ms(1_000) + MASTER_DOWN);
}

#[test]
fn version_3_learns_the_masters_interval_and_version_2_the_longer_one() {
    let (slow, quick) = (AdvertInterval::from_seconds(5).unwrap(), AdvertInterval::DEFAULT);
    let cases = [
        (Version::V3, quick, slow, slow),
        (Version::V3, slow, quick, quick),
        (Version::V2, quick, slow, slow),
        (Version::V2, slow, quick, slow),
    ];
    for (version, interval, theirs, learned) in cases {
        let settings = Settings { version, interval, ..SETTINGS };
        let mut election = backup(settings);
        election.hear(ms(0), Advert { interval: theirs, ..advert(2, 200) });
        assert_eq!(
            election.deadline(),
            ms(0) + learned.master_down(version, settings.priority),
            "{version:?}"
        );
    }
}

#[test]
fn the_default_interval_does_not_become_a_hundred_seconds() {
    let mut election = follower(SETTINGS);
    assert_eq!(election.deadline().since(ms(0)), MASTER_DOWN);
    let shortest = AdvertInterval::from_centiseconds(1).unwrap();
    election.hear(ms(1), Advert { interval: shortest, ..advert(2, 200) });
    assert_eq!(election.deadline().since(ms(1)), Duration::from_nanos(36_093_750));
}

#[test]
fn the_longest_interval_does_not_overflow() {
    for (version, interval) in [(Version::V3, AdvertInterval::MAX_V3), (Version::V2, AdvertInterval::MAX_V2)]
    {
        let election = backup(Settings { version, interval, priority: Priority::new(1), ..SETTINGS });
        assert!(election.deadline().since(ms(0)) > interval.span() * 3);
    }
}

#[test]
fn a_stopping_backup_leaves_without_a_word() {
    let mut election = follower(SETTINGS);
    let effects = election.handle(ms(100), Input::Stop);
    assert_eq!((effects.send, effects.door), (None, Some(Door::Close)));
    assert_eq!(election.name(), StateName::Stopped);
}
