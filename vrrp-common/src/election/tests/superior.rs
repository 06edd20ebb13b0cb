//! Better masters than the one that is followed.

use super::*;

const SLOW: AdvertInterval = AdvertInterval::from_seconds(3).unwrap();

/// A box that speaks every 10 ms, and so counts as dead after 40 at the latest.
fn quick(last: u8, priority: u8) -> Advert {
    Advert { interval: FAST, ..advert(last, priority) }
}

#[test]
fn a_lesser_box_with_a_short_interval_takes_no_role_from_a_better_master() {
    let mut election = follower(SETTINGS);
    election.hear(ms(100), quick(3, 150));
    assert_eq!(election.deadline(), ms(0) + MASTER_DOWN, "the better one is alive for all that is known");
    assert_eq!(election.wake(ms(0) + MASTER_DOWN - span(1)), Effects::default());
    election.hear(ms(1_000), advert(2, 200));
    assert_eq!(election.deadline(), ms(1_000) + MASTER_DOWN);
}

#[test]
fn who_does_not_preempt_waits_for_the_better_one_too() {
    let mut election = follower(PATIENT);
    election.hear(ms(100), quick(3, 1));
    assert_eq!(election.deadline(), ms(0) + MASTER_DOWN);
}

#[test]
fn a_better_master_that_has_left_is_waited_for_no_longer() {
    let mut election = follower(SETTINGS);
    election.hear(ms(100), quick(3, 150));
    election.hear(ms(110), advert(2, 0));
    let down_at = |heard_at| heard_at + FAST.master_down(Version::V3, Priority::DEFAULT);
    assert_eq!(election.deadline(), down_at(ms(100)), "what is stamped from now on wakes nobody");
    election.hear(ms(120), quick(3, 150));
    assert_eq!(election.deadline(), down_at(ms(120)));
}

#[test]
fn one_that_replaces_a_dead_master_is_not_waited_for_longer_than_its_interval_says() {
    let mut election = follower(SETTINGS);
    election.hear(ms(3_610), quick(3, 150));
    assert_eq!(election.deadline(), ms(3_610) + FAST.master_down(Version::V3, Priority::DEFAULT));
}

#[test]
fn a_box_that_speaks_now_above_and_now_below_does_not_make_the_master_forgotten() {
    let mut election = follower(SETTINGS);
    election.hear(ms(100), Advert { interval: SLOW, ..advert(3, 254) });
    election.hear(ms(200), advert(2, 200));
    election.hear(ms(300), quick(4, 150));
    assert_eq!(election.deadline(), ms(100) + SLOW.master_down(Version::V3, Priority::DEFAULT));
    election.hear(ms(400), quick(3, 120));
    assert_eq!(election.deadline(), ms(200) + MASTER_DOWN, "neither box is better any more");
}

#[test]
fn the_best_masters_are_remembered_whatever_many_others_say() {
    let mut election = follower(SETTINGS);
    for last in 3..=9 {
        election.hear(ms(u64::from(last)), Advert { interval: FAST, ..advert(last, 160 - last) });
    }
    assert_eq!(election.deadline(), ms(0) + MASTER_DOWN);
}
