//! RFC 9568 §6.4.3, and the master that was silent (I6).

use super::*;

fn outranks(settings: Settings, advert: Advert) -> bool {
    let mut election = master(settings);
    let effects = election.hear(ms(500), advert);
    let lost = election.name() == StateName::Backup;
    assert_eq!(effects.door == Some(Door::Close), lost);
    assert_eq!(effects.send.is_some(), !lost, "a losing advert is answered, a winning one is not");
    lost
}

#[test]
fn a_master_advertises_once_an_interval_and_each_advert_renews_its_lease() {
    let mut election = master(SETTINGS);
    for second in 1..=5 {
        let at = ms(second * 1_000);
        assert_eq!(election.deadline(), at);
        assert_eq!(election.wake(at), Effects { send: Some(Priority::DEFAULT), ..Effects::default() });
        let lease = Lease::granted(at, SETTINGS.interval);
        assert_eq!(election.left(at), Effects { door: Some(Door::Open(lease)), ..Effects::default() });
        assert_eq!(election.lease_until(), lease.until);
    }
}

#[test]
fn a_late_timeout_does_not_shift_the_beat() {
    let mut election = master(SETTINGS);
    election.wake(ms(1_200));
    assert_eq!(election.deadline(), ms(2_000));
}

#[test]
fn after_a_missed_beat_the_next_advert_is_one_interval_away() {
    let mut election = master(SETTINGS);
    assert!(election.wake(ms(2_500)).send.is_some());
    assert_eq!(election.deadline(), ms(3_500));
}

#[test]
fn adverts_within_a_sixteenth_of_their_time_leave_together() {
    let mut election = master(SETTINGS);
    assert_eq!(election.wake(ms(937)).send, None);
    assert!(election.wake(ms(938)).send.is_some());
    assert_eq!(election.deadline(), ms(1_938));
    assert_eq!(election.wake(ms(939)).send, None, "once");
}

#[test]
fn without_an_advert_that_has_left_there_is_no_lease() {
    let mut election = master(SETTINGS);
    let lease_until = election.lease_until();
    election.wake(ms(1_000));
    election.wake(ms(2_000));
    assert_eq!(election.lease_until(), lease_until);
}

#[test]
fn a_higher_priority_outranks_and_is_followed_from_now_on() {
    let mut election = master(SETTINGS);
    let effects = election.hear_late(ms(600), ms(500), advert(2, 101));
    assert_eq!((effects.door, effects.send), (Some(Door::Close), None));
    assert_eq!(
        (effects.expect, cause(effects)),
        (Some(Expect::This), Some(Cause::Outranked(advert(2, 101))))
    );
    assert!(election.lease_until() <= ms(600));
    assert_eq!(election.deadline(), ms(600) + MASTER_DOWN);
}

#[test]
fn the_winner_s_interval_is_learned() {
    let mut election = master(SETTINGS);
    election.hear(ms(500), Advert { interval: FAST, ..advert(2, 101) });
    assert_eq!(election.deadline().since(ms(500)), Duration::from_nanos(36_093_750));
}

#[test]
fn equal_priorities_are_decided_by_the_higher_address() {
    assert!(outranks(SETTINGS, advert(2, 100)));
    assert!(!outranks(Settings { address: host(3), ..SETTINGS }, advert(2, 100)));
    assert!(
        !outranks(Settings { address: host(200), ..SETTINGS }, advert(99, 100)),
        "unsigned, and as numbers"
    );
    assert!(
        outranks(Settings { address: host(127), ..SETTINGS }, advert(128, 100)),
        "unsigned, and as numbers"
    );
}

#[test]
fn a_lower_priority_loses_whatever_its_address() {
    assert!(!outranks(SETTINGS, advert(200, 99)));
    assert!(!outranks(OWNER, advert(200, 254)));
}

#[test]
fn two_owners_are_decided_by_address_too() {
    assert!(outranks(OWNER, advert(2, 255)));
    assert!(!outranks(Settings { address: host(3), ..OWNER }, advert(2, 255)));
}

#[test]
fn preempt_means_nothing_to_a_master() {
    assert!(outranks(PATIENT, advert(2, 101)));
    assert!(!outranks(PATIENT, advert(2, 99)));
}

#[test]
fn a_losing_advert_is_answered_at_once_and_a_flood_of_them_is_not() {
    let mut election = master(SETTINGS);
    let answers = (0..500).filter(|at| election.hear(ms(400 + at), advert(2, 50)).send.is_some()).count();
    assert_eq!(answers, 3);
    assert_eq!(election.deadline(), ms(1_000), "the beat goes on");
    election.wake(ms(1_000));
    election.left(ms(1_000));
    assert!(election.hear(ms(1_001), advert(2, 50)).send.is_some(), "a new interval");
}

#[test]
fn a_release_while_master_is_answered_and_restarts_the_beat() {
    let mut election = master(SETTINGS);
    assert_eq!(election.hear(ms(400), advert(2, 0)).send, Some(Priority::DEFAULT));
    assert_eq!(election.deadline(), ms(1_400));
    for at in 500..900 {
        election.hear(ms(at), advert(2, 0));
    }
    assert!(election.deadline() < ms(1_600), "a flood does not postpone it for ever");
    assert_eq!(election.name(), StateName::Master);
}

#[test]
fn a_silent_master_steps_down_before_it_sends_on_timeout() {
    let mut election = master(SETTINGS);
    assert!(election.wake(ms(2_999)).send.is_some());
    let effects = election.wake(ms(3_000) + SETTINGS.interval.span());
    assert_eq!((effects.send, effects.door), (None, Some(Door::Close)));
    assert_eq!(cause(effects), Some(Cause::Silent));
    assert_eq!(effects.expect, Some(Expect::Nothing));
    assert_eq!(election.deadline(), ms(4_000) + MASTER_DOWN, "it contends again like anybody else");
}

#[test]
fn a_silent_master_steps_down_before_it_answers_a_losing_advert() {
    for priority in [0, 50] {
        let mut election = master(SETTINGS);
        let effects = election.hear(ms(3_000), advert(2, priority));
        assert_eq!((effects.send, effects.door), (None, Some(Door::Close)));
        assert_eq!(cause(effects), Some(Cause::Silent));
    }
}

#[test]
fn the_advert_that_a_silent_master_steps_down_on_counts() {
    let mut election = master(PATIENT);
    let effects = election.hear(ms(9_000), Advert { interval: FAST, ..advert(2, 50) });
    assert_eq!((effects.expect, cause(effects)), (Some(Expect::This), Some(Cause::Silent)));
    assert_eq!(election.deadline().since(ms(9_000)), Duration::from_nanos(36_093_750));
}

#[test]
fn a_silent_master_listens_from_now_on_even_when_what_it_reads_is_old() {
    let mut election = master(SETTINGS);
    election.hear_late(ms(60_000), ms(2_000), advert(2, 200));
    assert_eq!(election.deadline(), ms(60_000) + MASTER_DOWN, "what came later may have been lost");
}

#[test]
fn a_silent_master_steps_down_before_it_advertises_a_change() {
    let mut election = master(SETTINGS);
    let higher = Settings { priority: Priority::new(200), ..SETTINGS };
    let effects = election.handle(ms(3_000), Input::Configure(higher));
    assert_eq!((effects.send, effects.door), (None, Some(Door::Close)));
    assert_eq!(cause(effects), Some(Cause::Silent));
}

#[test]
fn a_silent_master_stops_without_a_farewell() {
    for input in [Input::Stop, Input::Halt, Input::Fault(Fault::InterfaceDown)] {
        let mut election = master(SETTINGS);
        let effects = election.handle(ms(3_000), input);
        assert_eq!((effects.send, effects.door), (None, Some(Door::Close)), "{input:?}");
    }
}

#[test]
fn after_a_long_pause_a_master_follows_whoever_took_over() {
    let mut election = master(SETTINGS);
    let hour = 3_600_000;
    assert_eq!(cause(election.hear(ms(hour), advert(2, 50))), Some(Cause::Silent));
    assert!(election.lease_until() <= ms(hour));
    assert_eq!(election.wake(ms(hour)).send, None);
}

#[test]
fn a_master_whose_adverts_do_not_leave_steps_down() {
    let mut election = master(SETTINGS);
    for second in 1..3 {
        assert!(election.wake(ms(second * 1_000)).send.is_some(), "it tries");
    }
    assert_eq!(cause(election.wake(ms(3_000))), Some(Cause::Silent));
}
