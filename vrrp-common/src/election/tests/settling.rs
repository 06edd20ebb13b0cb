//! Ports that let nothing through at first.

use super::*;

/// The link came up at 0, and nothing was heard since.
const CAME_UP: Settling =
    Settling { since: Some(ms(0)), came_up: true, forwarded: None, spanning_tree: false, limit: None };
/// So it did, and a frame of a spanning tree was heard.
const BLOCKED: Settling = Settling { spanning_tree: true, ..CAME_UP };
/// Nothing is known at the start of the daemon.
const AT_START: Settling = Settling { came_up: false, ..CAME_UP };
const DOWN: Settling = Settling { since: None, ..CAME_UP };

/// Listens since 0.
fn listening(settings: Settings, settling: Settling) -> Election {
    let mut election = Election::new(settings);
    election.handle(ms(0), Input::Settle(settling));
    election.handle(ms(0), Input::Start);
    election
}

fn forwards(settling: Settling, at: Time) -> Input {
    Input::Settle(Settling { forwarded: Some(at), ..settling })
}

/// Takes the role then and not before.
fn takes_over_at(mut election: Election, at: Time, why: Cause) {
    assert_eq!(election.deadline(), at);
    assert_eq!(election.wake(at - Duration::from_nanos(1)), Effects::default());
    let effects = election.wake(at);
    assert_eq!((cause(effects), effects.send), (Some(why), Some(election.settings().priority)));
}

#[test]
fn without_a_spanning_tree_nobody_waits_longer_than_master_down_interval() {
    for settling in [CAME_UP, AT_START, Settling::SETTLED] {
        takes_over_at(listening(SETTINGS, settling), ms(0) + MASTER_DOWN, Cause::MasterDown);
        let mut heard = listening(SETTINGS, settling);
        heard.handle(ms(2_000), forwards(settling, ms(2_000)));
        takes_over_at(heard, ms(0) + MASTER_DOWN, Cause::MasterDown);
    }
}

#[test]
fn behind_a_spanning_tree_silence_counts_from_the_first_frame_that_came_through() {
    let mut election = listening(SETTINGS, CAME_UP);
    election.handle(ms(1_500), Input::Settle(BLOCKED));
    assert_eq!(election.wake(ms(0) + MASTER_DOWN), Effects::default(), "nothing has come through");
    election.handle(ms(15_000), forwards(BLOCKED, ms(15_000)));
    let mut hears = election;
    takes_over_at(election, ms(15_000) + MASTER_DOWN, Cause::MasterDown);
    hears.hear(ms(15_900), advert(2, 200));
    takes_over_at(hears, ms(15_900) + MASTER_DOWN, Cause::MasterDown);
}

#[test]
fn the_bound_ends_the_wait() {
    takes_over_at(listening(SETTINGS, BLOCKED), ms(35_000), Cause::MasterDown);
    let late = listening(SETTINGS, Settling { forwarded: Some(ms(34_000)), ..BLOCKED });
    takes_over_at(late, ms(35_000), Cause::MasterDown);
    for settling in [CAME_UP, BLOCKED, AT_START] {
        let limit = |limit| Settling { limit: Some(span(limit)), ..settling };
        takes_over_at(listening(SETTINGS, limit(20_000)), ms(20_000), Cause::MasterDown);
        takes_over_at(listening(SETTINGS, limit(0)), ms(0) + MASTER_DOWN, Cause::MasterDown);
    }
    let slow = Settings { interval: AdvertInterval::from_seconds(30).unwrap(), ..SETTINGS };
    assert!(listening(slow, BLOCKED).deadline() > ms(90_000), "never before Master_Down_Interval");
}

#[test]
fn what_is_heard_of_a_master_shows_that_the_port_forwards() {
    let mut election = listening(SETTINGS, BLOCKED);
    election.hear(ms(500), advert(2, 200));
    takes_over_at(election, ms(500) + MASTER_DOWN, Cause::MasterDown);
    election.hear(ms(800), advert(2, 0));
    takes_over_at(election, ms(800) + SKEW, Cause::MasterReleased);
}

#[test]
fn a_farewell_of_a_stranger_that_comes_through_first_waits_for_who_lives() {
    let mut election = listening(SETTINGS, BLOCKED);
    election.handle(ms(15_000), forwards(BLOCKED, ms(15_000)));
    election.hear(ms(15_000), advert(9, 0));
    takes_over_at(election, ms(16_062) + Duration::from_micros(500), Cause::MasterReleased);
    let mut owner = listening(OWNER, BLOCKED);
    owner.hear(ms(15_000), advert(9, 0));
    owner.handle(ms(15_000), forwards(BLOCKED, ms(15_000)));
    takes_over_at(owner, ms(15_000) + Duration::from_nanos(3_906_250), Cause::Owner);
}

#[test]
fn what_was_heard_before_the_link_went_is_worth_nothing() {
    let mut election = follower(SETTINGS);
    let again = Settling { since: Some(ms(2_000)), ..BLOCKED };
    election.handle(ms(2_000), Input::Settle(again));
    assert_eq!(election.deadline(), ms(37_000));
    let mut heard = election;
    heard.hear(ms(20_000), advert(2, 200));
    takes_over_at(heard, ms(20_000) + MASTER_DOWN, Cause::MasterDown);
}

#[test]
fn while_the_link_is_down_silence_says_nothing() {
    let mut election = follower(SETTINGS);
    election.handle(ms(500), Input::Settle(DOWN));
    assert_eq!(election.deadline(), Time::NEVER);
    assert_eq!(election.wake(ms(100_000)), Effects::default());
    election.handle(ms(101_000), Input::Settle(Settling { since: Some(ms(101_000)), ..CAME_UP }));
    takes_over_at(election, ms(101_000) + MASTER_DOWN, Cause::MasterDown);
}

#[test]
fn an_owner_waits_for_the_port_and_for_nothing_else() {
    takes_over_at(listening(OWNER, CAME_UP), ms(0) + OWNER_DOWN, Cause::Owner);
    takes_over_at(listening(OWNER, BLOCKED), ms(35_000), Cause::Owner);
    let limited = Settling { limit: Some(span(20_000)), ..AT_START };
    takes_over_at(listening(OWNER, limited), ms(20_000), Cause::Owner);
    let mut election = listening(OWNER, BLOCKED);
    election.handle(ms(15_000), forwards(BLOCKED, ms(15_000)));
    takes_over_at(election, ms(15_000), Cause::Owner);
    let mut other = listening(OWNER, BLOCKED);
    other.hear(ms(400), advert(2, 100));
    other.handle(ms(400), forwards(BLOCKED, ms(400)));
    takes_over_at(other, ms(400), Cause::Owner);
}

/// Three seconds and 1/256.
const OWNER_DOWN: Duration = Duration::from_nanos(3_003_906_250);

#[test]
fn an_owner_is_master_at_once_where_the_link_may_have_been_up_for_long_or_nothing_is_to_be_waited_for() {
    let no_limit = Settling { limit: Some(Duration::ZERO), ..BLOCKED };
    let forwarding = Settling { forwarded: Some(ms(0)), ..CAME_UP };
    for settling in [AT_START, no_limit, forwarding] {
        assert_eq!(listening(OWNER, settling).name(), StateName::Master, "{settling:?}");
    }
}

#[test]
fn a_master_whose_switch_keeps_its_port_shut_listens_without_a_farewell() {
    for (settings, first) in [(SETTINGS, ms(35_000)), (OWNER, ms(35_000))] {
        let mut election = master(settings);
        election.handle(ms(0), Input::Settle(AT_START));
        let effects = election.handle(ms(1_500), Input::Settle(Settling { spanning_tree: true, ..AT_START }));
        assert_eq!((effects.send, effects.door), (None, Some(Door::Close)));
        assert_eq!(cause(effects), Some(Cause::PortBlocked));
        assert_eq!((election.name(), election.deadline()), (StateName::Backup, first));
    }
}

#[test]
fn a_master_goes_on_whose_port_has_let_something_through_or_was_waited_for() {
    let through = Settling { forwarded: Some(ms(100)), ..BLOCKED };
    let waited_for = Settling { since: Some(ms(0) - span(35_000)), ..BLOCKED };
    let needs_no_wait = Settling { limit: Some(Duration::ZERO), ..BLOCKED };
    for settling in [through, waited_for, needs_no_wait, CAME_UP, DOWN] {
        let mut election = master(SETTINGS);
        let effects = election.handle(ms(1_500), Input::Settle(settling));
        assert_eq!((effects.transition, effects.door), (None, None), "{settling:?}");
        assert_eq!(election.name(), StateName::Master);
    }
}

#[test]
fn a_master_whose_link_is_back_says_at_once_that_it_is_there() {
    let mut election = master(SETTINGS);
    assert_eq!(election.handle(ms(500), Input::Settle(DOWN)).send, None);
    let back = Settling { since: Some(ms(700)), ..CAME_UP };
    assert_eq!(election.handle(ms(700), Input::Settle(back)).send, Some(Priority::DEFAULT));
    assert_eq!(election.deadline(), ms(1_700));
    assert_eq!(election.handle(ms(800), forwards(back, ms(800))).send, None, "what is heard is no reason");
    let mut silent = master(SETTINGS);
    silent.handle(ms(500), Input::Settle(DOWN));
    assert_eq!(
        silent.handle(ms(3_000), Input::Settle(Settling { since: Some(ms(3_000)), ..CAME_UP })).send,
        None
    );
    assert_eq!(cause(silent.wake(ms(3_000))), Some(Cause::Silent));
}

/// Master, whose link has gone at 400 ms.
fn interrupted(settings: Settings, fault: Fault) -> Election {
    let mut election = master(settings);
    let effects = election.handle(ms(400), Input::Fault(fault));
    assert_eq!(effects.door, Some(Door::Close));
    election
}

#[test]
fn a_master_whose_link_was_away_for_less_than_its_lease_goes_on_at_once() {
    for fault in [Fault::InterfaceDown, Fault::InterfaceMissing] {
        for start in [Input::Start, Input::Listen] {
            let mut election = interrupted(PATIENT, fault);
            election.handle(ms(2_900), Input::Settle(Settling { since: Some(ms(2_900)), ..CAME_UP }));
            let effects = election.handle(ms(2_900), start);
            assert_eq!(cause(effects), Some(Cause::Resumed));
            assert_eq!((effects.send, effects.door), (Some(Priority::DEFAULT), None));
            assert_eq!(election.lease_until(), ms(0) + SETTINGS.interval.lease(), "only an advert renews it");
            assert_eq!(election.left(ms(2_901)).door, Some(Door::Open(election.lease())));
        }
    }
}

#[test]
fn a_master_whose_link_was_away_for_longer_listens() {
    let lease = SETTINGS.interval.lease();
    let mut election = interrupted(SETTINGS, Fault::InterfaceDown);
    assert_eq!(cause(election.handle(ms(0) + lease, Input::Start)), Some(Cause::Started));
    election.handle(ms(0) + lease, Input::Fault(Fault::InterfaceDown));
    assert_eq!(cause(election.handle(ms(0) + lease, Input::Start)), Some(Cause::Started));
}

#[test]
fn nobody_says_farewell_on_a_link_that_is_gone_and_who_did_does_not_go_on() {
    for fault in [Fault::InterfaceDown, Fault::InterfaceMissing] {
        assert_eq!(
            master(SETTINGS).handle(ms(400), Input::Fault(fault)).send,
            None,
            "it would be for nothing"
        );
    }
    for fault in [Fault::NoAddress, Fault::DataPlane, Fault::VirtualAddress, Fault::Check, Fault::Group] {
        let mut election = interrupted(SETTINGS, fault);
        assert_eq!(cause(election.handle(ms(500), Input::Start)), Some(Cause::Started), "{fault:?}");
    }
}

#[test]
fn a_lease_is_gone_on_with_once_and_by_no_member_of_a_group() {
    let mut election = interrupted(SETTINGS, Fault::InterfaceDown);
    election.handle(ms(500), Input::Start);
    election.handle(ms(600), Input::Fault(Fault::Check));
    assert_eq!(cause(election.handle(ms(700), Input::Start)), Some(Cause::Started));
    let mut member = interrupted(SETTINGS, Fault::InterfaceDown);
    member.handle(ms(450), Input::Configure(Settings { grouped: true, ..SETTINGS }));
    assert_eq!(cause(member.handle(ms(500), Input::Start)), Some(Cause::Started));
}

#[test]
fn a_master_does_not_go_on_behind_a_port_that_is_known_to_be_shut() {
    let mut election = interrupted(SETTINGS, Fault::InterfaceDown);
    election.handle(ms(600), Input::Settle(Settling { since: Some(ms(500)), ..BLOCKED }));
    assert_eq!(cause(election.handle(ms(600), Input::Start)), Some(Cause::Started));
}

#[test]
fn a_backup_has_nothing_to_go_on_with() {
    let mut election = follower(SETTINGS);
    election.handle(ms(400), Input::Fault(Fault::InterfaceDown));
    assert_eq!(cause(election.handle(ms(500), Input::Start)), Some(Cause::Started));
}

#[test]
fn a_member_of_a_group_is_held_when_its_own_port_has_settled() {
    let grouped = Settings { grouped: true, ..SETTINGS };
    let mut election = listening(grouped, BLOCKED);
    election.wake(ms(0) + MASTER_DOWN);
    assert_eq!(election.handle(ms(4_000), Input::Promote), Effects::default());
    election.handle(ms(15_000), forwards(BLOCKED, ms(15_000)));
    election.wake(ms(15_000) + MASTER_DOWN);
    assert!(election.handle(ms(19_000), Input::Promote).send.is_some());
}

/// What is asked before a port forwards reaches nobody.
#[test]
fn the_question_before_a_takeover_is_asked_within_the_skew_before_it_also_behind_a_slow_port() {
    let mut election = listening(Settings { probe_limit: 3, ..SETTINGS }, BLOCKED);
    election.handle(ms(15_000), forwards(BLOCKED, ms(15_000)));
    let down_at = ms(15_000) + MASTER_DOWN;
    assert_eq!(election.deadline(), down_at - SKEW);
    assert_eq!(election.wake(down_at - SKEW).ask, Some(Mac::BROADCAST));
    takes_over_at(election, down_at, Cause::MasterDown);
    let owner = listening(Settings { probe_limit: 3, ..OWNER }, BLOCKED);
    assert_eq!(owner.deadline(), ms(35_000), "an owner has nobody to ask");
}
