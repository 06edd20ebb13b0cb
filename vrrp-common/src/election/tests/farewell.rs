//! Whose farewell is believed, and how a master says it.

use super::*;

/// Priority 0 of 10.0.0.`last`.
const fn farewell(last: u8) -> Advert {
    advert(last, 0)
}

#[test]
fn a_farewell_of_a_stranger_changes_nothing() {
    for settings in [SETTINGS, PATIENT, Settings { grouped: true, ..SETTINGS }] {
        let mut election = follower(settings);
        let before = election;
        for at in 100..900 {
            assert_eq!(
                election.hear(ms(at), farewell(9)),
                Effects::default(),
                "what the kernel recognises stays"
            );
        }
        assert_eq!(election, before);
        assert_eq!(
            election.hear(ms(900), farewell(2)).expect,
            Some(Expect::Nothing),
            "the master's own counts"
        );
        assert_eq!(election.deadline(), ms(900) + SKEW);
    }
}

#[test]
fn a_stranger_neither_shortens_nor_prolongs_what_follows_a_farewell() {
    let mut election = follower(SETTINGS);
    election.hear(ms(100), farewell(2));
    for at in 200..600 {
        election.hear(ms(at), farewell(9));
    }
    assert_eq!(cause(election.wake(ms(100) + SKEW)), Some(Cause::MasterReleased));
}

#[test]
fn where_nobody_was_followed_a_farewell_of_anybody_counts() {
    let mut election = backup(SETTINGS);
    election.hear(ms(500), advert(3, 50));
    election.hear(ms(600), farewell(3));
    assert_eq!(election.deadline(), ms(600) + SKEW, "a lower master that this one was about to preempt");
    let mut silent = master(SETTINGS);
    silent.wake(ms(10_000));
    silent.hear(ms(10_100), farewell(4));
    assert_eq!(silent.deadline(), ms(10_000) + span(1_000) * 17 / 16, "it listens as at the start");
    silent.hear(ms(10_900), advert(5, 200));
    assert_eq!(silent.deadline(), ms(10_900) + span(3_000) + SKEW, "a master that lives is heard in time");
    let mut later = backup(SETTINGS);
    later.hear(ms(1_500), farewell(4));
    assert_eq!(later.deadline(), ms(1_500) + SKEW);
}

/// It was followed during `preempt_delay`, and sends from another address since.
#[test]
fn a_master_that_is_about_to_be_preempted_is_believed_wherever_it_sends_from() {
    let mut election = backup(Settings { preempt_delay: span(2_000), ..SETTINGS });
    election.hear(ms(0), advert(2, 50));
    election.wake(ms(2_000));
    election.hear(ms(2_100), advert(7, 50));
    assert_eq!(election.hear(ms(2_200), farewell(9)).expect, None, "a stranger is not");
    election.hear(ms(2_200), farewell(7));
    assert_eq!(election.deadline(), ms(2_200) + SKEW);
    // It was better, and is not any more.
    let mut election = follower(SETTINGS);
    election.hear(ms(1_000), advert(2, 70));
    election.hear(ms(1_100), advert(7, 70));
    election.hear(ms(1_200), farewell(7));
    assert_eq!(election.deadline(), ms(1_200) + SKEW);
    // Where a better one is followed, nobody is to be preempted.
    let mut election = follower(SETTINGS);
    election.hear(ms(100), advert(7, 50));
    assert_eq!(election.hear(ms(200), farewell(7)).expect, None);
}

#[test]
fn a_farewell_counts_from_where_the_master_sends_now() {
    let mut election = follower(SETTINGS);
    election.hear(ms(500), advert(7, 200));
    assert_eq!(election.hear(ms(600), farewell(2)).expect, None, "from its former address");
    election.hear(ms(1_500), farewell(7));
    assert_eq!(election.deadline(), ms(1_500) + SKEW);
}

/// Two masters for a moment: the lower one leaves, and the higher one may be alive.
#[test]
fn a_farewell_waits_for_the_next_advert_of_a_better_master() {
    let contested = |last_heard| {
        let mut election = follower(SETTINGS);
        election.hear(ms(200), advert(2, 200));
        let input = Input::Advert { advert: advert(3, 150), at: ms(500), last_heard };
        assert_eq!(election.handle(ms(500), input).expect, Some(Expect::This));
        election.hear(ms(510), farewell(3));
        election
    };
    let (next, sixteenth) = (span(1_000), Duration::from_micros(62_500));
    let mut dead = contested(None);
    assert_eq!(dead.deadline(), ms(200) + next + sixteenth);
    assert_eq!(cause(dead.wake(ms(200) + next + sixteenth)), Some(Cause::MasterReleased));
    let mut alive = contested(None);
    alive.hear(ms(1_200), advert(2, 200));
    assert_eq!(alive.deadline(), ms(1_200) + MASTER_DOWN, "the other is master");
    let hidden = contested(Some(ms(450)));
    assert_eq!(
        hidden.deadline(),
        ms(450) + next + sixteenth,
        "the kernel has heard it later than the daemon"
    );
}

#[test]
fn a_better_master_that_has_left_does_not_keep_its_successor_s_farewell_from_counting() {
    let mut election = follower(SETTINGS);
    election.hear(ms(100), farewell(2));
    election.hear(ms(300), advert(3, 150));
    election.hear(ms(400), farewell(3));
    assert_eq!(election.deadline(), ms(400) + SKEW);
    // The same, but the farewell of the better one comes after the first advert of the other.
    let mut election = follower(SETTINGS);
    election.hear(ms(300), advert(3, 150));
    election.hear(ms(350), farewell(2));
    election.hear(ms(400), farewell(3));
    assert_eq!(election.deadline(), ms(400) + SKEW);
}

const CHANGES: [Settings; 2] =
    [Settings { address: host(77), ..SETTINGS }, Settings { interval: FAST, ..SETTINGS }];
const FAREWELLS: [Input; 4] = [Input::Stop, Input::Halt, Input::Yield, Input::Fault(Fault::VirtualAddress)];

#[test]
fn a_master_that_has_changed_its_source_says_so_before_any_farewell() {
    let said = |effects: Effects| (effects.first, effects.send);
    let (own, bye) = (Some(SETTINGS.priority), Some(Priority::RELEASE));
    for input in FAREWELLS {
        for settings in CHANGES {
            let mut election = master(SETTINGS);
            election.handle(ms(400), Input::Configure(settings));
            let mut told = election;
            assert_eq!(said(election.handle(ms(400), input)), (own, bye), "{input:?}");
            told.left(ms(400));
            assert_eq!(said(told.handle(ms(401), input)), (None, bye), "{input:?}: peers know by now");
        }
        let mut adopted = Election::new(SETTINGS);
        adopted.handle(ms(0), Input::Adopt(Lease::granted(ms(0), SETTINGS.interval)));
        assert_eq!(said(adopted.handle(ms(1), input)), (own, bye), "{input:?}: the earlier daemon's source");
        assert_eq!(said(master(SETTINGS).handle(ms(400), input)), (None, bye), "{input:?}");
    }
}

#[test]
fn a_peer_believes_a_master_that_changes_its_source_and_leaves_at_once() {
    let (mut leaver, mut peer) = (master(SETTINGS), backup(Settings { address: host(5), ..PATIENT }));
    peer.hear(ms(0), advert(1, 100));
    leaver.handle(ms(400), Input::Configure(CHANGES[0]));
    let effects = leaver.handle(ms(400), Input::Stop);
    for priority in [effects.first, effects.send].into_iter().flatten() {
        peer.hear(ms(400), advert(77, priority.as_u8()));
    }
    assert_eq!(peer.deadline(), ms(400) + SKEW);
}

fn taken(all: &[Effects]) -> std::vec::Vec<u8> {
    let mut outgoing = Outgoing::default();
    all.iter().for_each(|effects| outgoing.take_in(effects));
    core::iter::from_fn(|| outgoing.take_next()).map(Priority::as_u8).collect()
}

#[test]
fn of_what_a_turn_sends_the_last_counts_and_a_farewell_keeps_the_advert_before_it() {
    let advert = Effects { send: Some(Priority::DEFAULT), ..Effects::default() };
    let bye = Effects { send: Some(Priority::RELEASE), ..Effects::default() };
    let known = Effects { first: Some(Priority::DEFAULT), ..bye };
    let closing = Effects { door: Some(Door::Close), ..Effects::default() };
    let closed = |effects| Effects { door: Some(Door::Close), ..effects };
    assert_eq!(taken(&[advert]), [100]);
    assert_eq!(taken(&[advert, bye]), [0]);
    assert_eq!(taken(&[advert, known]), [100, 0]);
    assert_eq!(taken(&[advert, closed(known)]), [100, 0]);
    assert_eq!(taken(&[advert, known, closing]), [100, 0], "a fault while it leaves");
    assert_eq!(taken(&[advert, closing]), [] as [u8; 0], "a closed door sends no advert");
    assert_eq!(taken(&[advert, closed(bye)]), [0]);
    assert_eq!(taken(&[closed(bye), advert]), [100], "master again in the same turn");
}
