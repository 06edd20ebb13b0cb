//! A change never moves the role, and is advertised at once (I9).

use super::*;

const HIGHER: Settings = Settings { priority: Priority::new(200), ..SETTINGS };

#[test]
fn the_same_settings_change_nothing_in_any_state() {
    for mut election in everywhere() {
        let before = election;
        assert_eq!(election.handle(ms(450), Input::Configure(SETTINGS)), Effects::default());
        assert_eq!(election, before);
    }
}

#[test]
fn no_change_moves_the_role() {
    let slow = AdvertInterval::from_seconds(30).unwrap();
    let changes = [
        HIGHER,
        OWNER,
        PATIENT,
        Settings { priority: Priority::new(1), ..SETTINGS },
        Settings { interval: FAST, ..SETTINGS },
        Settings { interval: slow, ..SETTINGS },
        Settings { address: host(77), ..SETTINGS },
        Settings { preempt_delay: span(1_000), ..SETTINGS },
    ];
    for settings in changes {
        for mut election in everywhere() {
            let (name, lease_until) = (election.name(), election.lease_until());
            let effects = election.handle(ms(450), Input::Configure(settings));
            assert_eq!((effects.transition, effects.door), (None, None));
            assert_eq!((election.name(), election.lease_until()), (name, lease_until));
            assert_eq!(*election.settings(), settings);
        }
    }
}

#[test]
fn a_master_advertises_its_new_priority_at_once_and_never_the_old_one_again() {
    let mut election = master(SETTINGS);
    assert_eq!(election.handle(ms(400), Input::Configure(HIGHER)).send, Some(HIGHER.priority));
    assert_eq!(election.deadline(), ms(1_400));
    assert_eq!(election.hear(ms(500), advert(2, 150)).send, Some(HIGHER.priority));
    assert_eq!(election.wake(ms(1_400)).send, Some(HIGHER.priority));
}

#[test]
fn a_shorter_interval_does_not_make_a_master_silent_in_retrospect() {
    let mut election = master(SETTINGS);
    let effects = election.handle(ms(900), Input::Configure(Settings { interval: FAST, ..SETTINGS }));
    assert_eq!((effects.send, effects.transition), (Some(Priority::DEFAULT), None));
    assert!(election.hear(ms(900), advert(2, 50)).send.is_some(), "nor before its advert has left");
    election.left(ms(900));
    assert_eq!(election.lease_until(), ms(900) + FAST.lease());
    assert_eq!(cause(election.wake(ms(930))), Some(Cause::Silent), "from then on, it counts");
}

#[test]
fn a_longer_interval_does_not_excuse_a_silence() {
    let slow = AdvertInterval::from_seconds(30).unwrap();
    let mut election = master(Settings { interval: FAST, ..SETTINGS });
    let effects = election.handle(ms(100), Input::Configure(Settings { interval: slow, ..SETTINGS }));
    assert_eq!((effects.send, effects.door), (None, Some(Door::Close)));
    assert_eq!(cause(effects), Some(Cause::Silent));
}

#[test]
fn a_backup_s_skew_follows_its_priority() {
    let mut election = follower(SETTINGS);
    let effects =
        election.handle(ms(500), Input::Configure(Settings { priority: Priority::new(10), ..SETTINGS }));
    assert_eq!(effects, Effects { expect: Some(Expect::Nothing), ..Effects::default() });
    let master_down = AdvertInterval::DEFAULT.master_down(Version::V3, Priority::new(10));
    assert_eq!(election.deadline(), ms(0) + master_down);
}

#[test]
fn a_backup_keeps_the_interval_that_it_learned() {
    let mut election = follower(SETTINGS);
    election.handle(ms(500), Input::Configure(Settings { interval: FAST, ..SETTINGS }));
    assert_eq!(election.deadline(), ms(0) + MASTER_DOWN);
    let mut alone = backup(SETTINGS);
    alone.handle(ms(500), Input::Configure(Settings { interval: FAST, ..SETTINGS }));
    assert_eq!(alone.deadline().since(ms(0)), Duration::from_nanos(36_093_750));
}

#[test]
fn a_backup_of_version_2_goes_by_its_own_interval() {
    let v2 = Settings { version: Version::V2, ..SETTINGS };
    let interval = AdvertInterval::from_seconds(2).unwrap();
    let mut election = follower(v2);
    election.handle(ms(500), Input::Configure(Settings { interval, ..v2 }));
    assert_eq!(election.deadline(), ms(0) + interval.master_down(Version::V2, v2.priority));
}

#[test]
fn a_change_does_not_take_back_a_release() {
    let mut election = follower(SETTINGS);
    election.hear(ms(100), advert(2, 0));
    election.handle(ms(200), Input::Configure(HIGHER));
    assert_eq!(election.deadline(), ms(100) + SKEW);
}

#[test]
fn a_backup_raised_above_its_master_preempts_it() {
    let mut election = backup(SETTINGS);
    election.hear(ms(0), advert(2, 150));
    let effects = election.handle(ms(500), Input::Configure(HIGHER));
    assert_eq!(effects.expect, Some(Expect::Nothing), "the master's adverts must be judged again");
    assert_eq!(election.hear(ms(1_000), advert(2, 150)).expect, Some(Expect::Nothing));
    let down_at = ms(0) + AdvertInterval::DEFAULT.master_down(Version::V3, HIGHER.priority);
    assert_eq!(cause(election.wake(down_at)), Some(Cause::MasterDown));
}

#[test]
fn a_change_after_a_late_wake_up_leaves_the_kernel_s_stamp_in_force() {
    let mut election = follower(SETTINGS);
    election.handle(ms(5_000), Input::Configure(HIGHER));
    assert_eq!(election.wake_stamped(ms(5_000), ms(4_500)), Effects::default());
    assert_eq!(election.name(), StateName::Backup);
}

#[test]
fn settings_changed_before_the_start_are_those_it_starts_with() {
    let mut election = Election::new(SETTINGS);
    election.handle(ms(0), Input::Configure(OWNER));
    assert_eq!(cause(election.handle(ms(1), Input::Start)), Some(Cause::Owner));
}

#[test]
fn a_changed_priority_does_not_prolong_preempt_delay() {
    let delayed = Settings { preempt_delay: span(2_000), ..SETTINGS };
    let mut election = backup(delayed);
    election.hear(ms(0), advert(2, 50));
    election.handle(ms(1_000), Input::Configure(Settings { priority: Priority::new(90), ..delayed }));
    assert_eq!(election.deadline(), ms(2_000));
    election.hear(ms(1_000), advert(2, 50));
    assert_eq!(election.deadline(), ms(2_000));
}
