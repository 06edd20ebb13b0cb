//! Make before break (I7).

use super::*;

fn opened_until(effects: Effects) -> Option<Time> {
    match effects.door {
        Some(Door::Open(lease)) => Some(lease.until),
        Some(Door::Close) | None => None,
    }
}

#[test]
fn a_stopping_master_says_so_and_keeps_its_door_open() {
    let mut election = master(SETTINGS);
    let effects = election.handle(ms(400), Input::Stop);
    assert_eq!((effects.send, effects.door), (Some(Priority::RELEASE), None));
    assert_eq!((effects.expect, cause(effects)), (Some(Expect::Nothing), Some(Cause::Stop)));
    assert_eq!(opened_until(election.left(ms(400))), Some(ms(1_400)), "at most one interval");
    assert_eq!(election.deadline(), ms(1_400));
}

#[test]
fn the_door_closes_a_moment_after_the_successor_is_heard() {
    let mut election = leaving(SETTINGS);
    let closing = ms(1_000) + HANDOVER_GRACE;
    assert_eq!(opened_until(election.hear(ms(1_000), advert(2, 50))), Some(closing));
    assert_eq!(election.deadline(), closing);
    let effects = election.wake(closing);
    assert_eq!((effects.door, effects.send), (Some(Door::Close), None));
    assert_eq!(cause(effects), Some(Cause::Succeeded(advert(2, 50))));
}

#[test]
fn a_successor_without_the_virtual_mac_is_waited_for_until_it_announces_itself() {
    let mut election = leaving(SETTINGS);
    let keepalived = Advert { from_virtual_mac: false, ..advert(2, 50) };
    assert_eq!(
        election.handle(ms(999), Input::Claimed { at: ms(999) }),
        Effects::default(),
        "nobody was heard yet"
    );
    election.hear(ms(1_000), keepalived);
    assert_eq!(election.deadline(), ms(1_000) + ANNOUNCEMENT_GRACE);
    let effects = election.handle(ms(1_004), Input::Claimed { at: ms(1_003) });
    assert_eq!(opened_until(effects), Some(ms(1_003)));
    assert_eq!(cause(election.wake(ms(1_004))), Some(Cause::Succeeded(keepalived)));
}

#[test]
fn a_claim_means_nothing_to_who_does_not_leave() {
    let mut election = master(SETTINGS);
    let before = election;
    assert_eq!(election.handle(ms(400), Input::Claimed { at: ms(400) }), Effects::default());
    assert_eq!(election, before);
}

#[test]
fn a_chatty_successor_does_not_keep_the_old_door_open() {
    let mut election = leaving(SETTINGS);
    for at in 1_000..1_050 {
        election.hear(ms(at), advert(2, 50));
    }
    assert_eq!(election.deadline(), ms(1_000) + HANDOVER_GRACE);
}

#[test]
fn without_a_successor_the_door_closes_after_one_interval() {
    let mut election = leaving(SETTINGS);
    let effects = election.wake(ms(1_400));
    assert_eq!(effects.door, Some(Door::Close));
    assert_eq!(cause(effects), Some(Cause::NoSuccessor));
    assert_eq!(election.name(), StateName::Stopped);
}

#[test]
fn leaving_never_prolongs_the_lease() {
    let mut election = master(SETTINGS);
    let lease_until = election.lease_until();
    election.handle(ms(2_900), Input::Stop);
    assert_eq!(opened_until(election.left(ms(2_900))), Some(lease_until));
    assert_eq!(opened_until(election.hear(ms(2_937), advert(2, 50))), Some(lease_until));
}

#[test]
fn a_release_is_no_successor() {
    let mut election = leaving(SETTINGS);
    assert_eq!(election.hear(ms(500), advert(2, 0)), Effects::default());
    assert_eq!(election.deadline(), ms(1_400));
}

#[test]
fn a_second_stop_does_not_postpone_the_first() {
    let mut election = leaving(SETTINGS);
    let before = election;
    assert_eq!(election.handle(ms(900), Input::Stop), Effects::default());
    assert_eq!(election, before);
}

#[test]
fn a_change_while_leaving_sends_nothing() {
    let mut election = leaving(SETTINGS);
    let higher = Settings { priority: Priority::new(200), ..SETTINGS };
    assert_eq!(election.handle(ms(500), Input::Configure(higher)), Effects::default());
    assert_eq!(election.name(), StateName::Leaving);
}

#[test]
fn a_successor_may_be_of_any_priority() {
    for priority in [1, 99, 100, 255] {
        let mut election = leaving(SETTINGS);
        assert!(opened_until(election.hear(ms(600), advert(2, priority))).is_some());
        assert_eq!(election.deadline(), ms(600) + HANDOVER_GRACE);
    }
}
