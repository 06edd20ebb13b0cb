//! RFC 9568 §6.4.1, and what an upgrade finds.

use super::*;

#[test]
fn a_router_starts_as_backup_with_its_door_closed() {
    let mut election = Election::new(SETTINGS);
    assert_eq!(election.deadline(), Time::NEVER);
    let effects = election.handle(ms(0), Input::Start);
    assert_eq!((effects.door, effects.send), (Some(Door::Close), None));
    assert_eq!(cause(effects), Some(Cause::Started));
    assert_eq!(election.deadline(), ms(0) + MASTER_DOWN);
}

#[test]
fn at_the_start_the_kernel_recognises_nothing_that_an_earlier_daemon_told_it() {
    let effects = Election::new(SETTINGS).handle(ms(0), Input::Start);
    assert_eq!(effects.expect, Some(Expect::Nothing));
}

#[test]
fn the_owner_starts_as_master_and_its_door_waits_for_its_advert() {
    let mut election = Election::new(OWNER);
    let effects = election.handle(ms(0), Input::Start);
    assert_eq!((effects.door, effects.send), (None, Some(Priority::OWNER)));
    assert_eq!(cause(effects), Some(Cause::Owner));
    assert!(election.lease_until() <= ms(0));
    let door = election.left(ms(0)).door;
    assert_eq!(door, Some(Door::Open(Lease::granted(ms(0), SETTINGS.interval))));
}

#[test]
fn a_second_start_changes_nothing() {
    for mut election in everywhere().into_iter().skip(2) {
        let before = election;
        assert_eq!(election.handle(ms(450), Input::Start), Effects::default());
        assert_eq!(election, before);
    }
}

#[test]
fn after_a_fault_a_router_starts_again() {
    let mut election = faulty(SETTINGS);
    assert_eq!(cause(election.handle(ms(100), Input::Start)), Some(Cause::Started));
    assert_eq!(election.deadline(), ms(100) + MASTER_DOWN);
}

/// Of an advert that told one second.
fn lease(until: Time) -> Lease {
    Lease { until, told: Some(AdvertInterval::DEFAULT) }
}

#[test]
fn a_running_lease_is_adopted_without_closing_the_door() {
    let mut election = Election::new(SETTINGS);
    let effects = election.handle(ms(0), Input::Adopt(lease(ms(700))));
    assert_eq!((effects.door, effects.send), (None, Some(Priority::DEFAULT)));
    assert_eq!(cause(effects), Some(Cause::Adopted));
    assert_eq!(election.lease_until(), ms(700), "only an advert renews it");
    election.left(ms(1));
    assert_eq!(election.lease_until(), ms(1) + SETTINGS.interval.lease());
}

#[test]
fn a_lapsed_lease_is_worth_nothing_nor_is_one_that_nobody_can_have_granted() {
    let never_granted = [ms(2_938), ms(200_000), Time::NEVER];
    for until in [Time::BOOT, ms(0)].into_iter().chain(never_granted) {
        let mut election = Election::new(SETTINGS);
        let effects = election.handle(ms(0), Input::Adopt(lease(until)));
        assert_eq!(cause(effects), Some(Cause::Started));
        assert_eq!(effects.door, Some(Door::Close));
    }
}

#[test]
fn an_adopting_daemon_that_cannot_send_steps_down_when_the_earlier_one_would_have() {
    let mut election = Election::new(SETTINGS);
    election.handle(ms(0), Input::Adopt(lease(ms(500))));
    // The earlier daemon's last advert left at 500 − 2 937.5 ms; three intervals after that are over at 562.5 ms.
    assert_eq!(election.wake(ms(1000)).door, Some(Door::Close));
    assert_eq!(election.name(), StateName::Backup);
}

#[test]
fn a_router_that_takes_part_adopts_nothing() {
    for mut election in everywhere().into_iter().skip(2) {
        let before = election;
        assert_eq!(election.handle(ms(450), Input::Adopt(lease(ms(1_000)))), Effects::default());
        assert_eq!(election, before);
    }
}

#[test]
fn adverts_from_before_the_start_are_not_ours_to_judge() {
    for (settings, priority) in [(SETTINGS, 200), (SETTINGS, 0), (OWNER, 50), (OWNER, 0)] {
        let mut election = Election::new(settings);
        election.handle(ms(0), Input::Start);
        let before = election;
        for _ in 0..5 {
            assert_eq!(election.hear_late(ms(1), ms(0) - span(1), advert(2, priority)), Effects::default());
        }
        assert_eq!(election, before, "nor do they use up the answers to losing ones");
    }
}

#[test]
fn an_adopting_daemon_reads_what_came_after_the_earlier_one_s_last_advert() {
    let mut election = Election::new(SETTINGS);
    election.handle(ms(1_000), Input::Adopt(lease(ms(2_000))));
    assert_eq!(
        cause(election.hear_late(ms(1_000), ms(500), advert(2, 200))),
        Some(Cause::Outranked(advert(2, 200)))
    );
}

/// The earlier daemon's adverts came every ten seconds, or every ten milliseconds, or it did not say.
fn leases_of_other_intervals() -> [Lease; 3] {
    let slow = Lease::granted(ms(100), AdvertInterval::from_seconds(10).unwrap());
    [slow, Lease::granted(ms(100), FAST), Lease { told: None, ..slow }]
}

#[test]
fn a_daemon_that_adopts_with_another_interval_hears_better_masters_at_once() {
    for lease in leases_of_other_intervals() {
        let mut election = Election::new(SETTINGS);
        election.handle(ms(110), Input::Adopt(lease));
        election.left(ms(110));
        let better = advert(2, 200);
        assert_eq!(cause(election.hear(ms(111), better)), Some(Cause::Outranked(better)), "{lease:?}");
    }
}

#[test]
fn a_daemon_that_adopts_is_silent_when_peers_may_have_taken_over_whatever_its_own_interval() {
    let [slow, fast, unknown] = leases_of_other_intervals();
    let silent_at = [(slow, ms(30_100)), (fast, ms(130)), (unknown, unknown.until)];
    for (lease, silent_at) in silent_at {
        for interval in [FAST, AdvertInterval::DEFAULT, AdvertInterval::MAX_V3] {
            let mut election = Election::new(Settings { interval, ..SETTINGS });
            election.handle(ms(110), Input::Adopt(lease));
            assert_eq!(election.lease_until(), lease.until, "only an advert renews it");
            let mut early = election;
            assert!(
                early.hear(silent_at - Duration::from_nanos(1), advert(2, 50)).send.is_some(),
                "{lease:?}"
            );
            assert_eq!(cause(election.hear(silent_at, advert(2, 50))), Some(Cause::Silent), "{lease:?}");
        }
    }
}
