//! Masters that discard what this router advertises (I11).

use super::*;

/// One that discards ours.
const fn deaf(last: u8, priority: u8) -> Advert {
    Advert { deaf: true, ..advert(last, priority) }
}

const ANSWER: Mac = Mac([2, 0, 0, 0, 0, 9]);

fn master() -> Election {
    let mut election = Election::new(SETTINGS);
    election.handle(ms(0), Input::Start);
    election.wake(ms(3_610));
    election.left(ms(9_500));
    election
}

/// For so many seconds from 10 s on: whether it answers each question, as it does while it is master; what has come of it.
fn beside(election: &mut Election, seconds: u64, heard: Advert) -> Option<Transition> {
    for second in 0..=seconds {
        let at = ms(10_000 + second * 1_000);
        let asks = if second == 0 { election.hear(at, heard).ask } else { election.wake(at).ask };
        election.left(at);
        if let Some(mac) = asks {
            assert_eq!(mac, heard.mac);
            let effects = election.handle(at + span(1), Input::Answered { at: at + span(1), mac: ANSWER });
            if effects.transition.is_some() {
                assert_eq!((effects.door, effects.send, effects.first), (Some(Door::Close), None, None));
                assert_eq!(effects.moved_to, Some(ANSWER));
                return effects.transition;
            }
        }
    }
    None
}

#[test]
fn i11_a_backup_does_not_preempt_a_master_that_discards_its_adverts() {
    let mut election = Election::new(SETTINGS);
    election.handle(ms(0), Input::Start);
    for second in 1..20 {
        assert_eq!(election.hear(ms(second * 1_000), deaf(2, 50)).expect, Some(Expect::This));
        assert_eq!(election.wake(ms(second * 1_000 + 1)).transition, None);
    }
    // From its silence it takes over, and from its farewell.
    let mut left = election;
    left.hear(ms(19_500), Advert { priority: Priority::RELEASE, ..deaf(2, 50) });
    assert_eq!(left.wake(ms(19_500) + SKEW).transition.unwrap().cause, Cause::MasterReleased);
    assert_eq!(election.wake(ms(19_000) + MASTER_DOWN).transition.unwrap().cause, Cause::MasterDown);
}

#[test]
fn i11_a_backup_in_version_2_waits_by_the_longer_interval() {
    let slow = AdvertInterval::from_seconds(2).unwrap();
    for (ours, theirs) in [(AdvertInterval::DEFAULT, slow), (slow, AdvertInterval::DEFAULT)] {
        let settings = Settings { version: Version::V2, interval: ours, ..SETTINGS };
        let mut election = Election::new(settings);
        election.handle(ms(0), Input::Start);
        election.hear(ms(1_000), Advert { interval: theirs, ..deaf(2, 200) });
        assert_eq!(election.deadline(), ms(1_000) + slow.master_down(Version::V2, Priority::DEFAULT));
        election.handle(ms(1_100), Input::Configure(Settings { preempt: false, ..settings }));
        assert_eq!(
            election.deadline(),
            ms(1_000) + slow.master_down(Version::V2, Priority::DEFAULT),
            "after a reload"
        );
    }
}

#[test]
fn a_master_that_lowers_its_priority_and_cannot_hear_is_told_of() {
    let mut election = Election::new(SETTINGS);
    election.handle(ms(0), Input::Start);
    assert_eq!(election.hear(ms(1_000), deaf(2, 150)).remark, None);
    assert_eq!(election.hear(ms(2_000), deaf(2, 50)).remark, Some(Remark::HandsOverInVain));
    assert_eq!(election.hear(ms(3_000), deaf(2, 50)).remark, None, "said already");
    assert_eq!(election.name(), StateName::Backup);
}

#[test]
fn i11_a_master_yields_to_one_that_goes_on_and_answers_and_cannot_hear_it() {
    let mut election = master();
    assert_eq!(beside(&mut election, 2, deaf(2, 50)), None, "it may hear the next one");
    assert!(election.announces_from() > ms(13_000), "the next answer may be there");
    let mut election = master();
    assert_eq!(beside(&mut election, 4, deaf(2, 50)).unwrap().cause, Cause::Unheard(deaf(2, 50)));
    // It is followed like a higher one until it is silent.
    election.hear(ms(14_000), deaf(2, 50));
    assert_eq!(election.wake(ms(17_000)).transition, None);
    assert_eq!(election.wake(ms(14_000) + MASTER_DOWN).transition.unwrap().to, StateName::Master);
}

#[test]
fn i11_one_that_does_not_answer_any_more_does_not_hide_another() {
    let mut election = master();
    assert_eq!(election.hear(ms(10_000), deaf(2, 50)).ask, Some(deaf(2, 50).mac));
    assert_eq!(election.hear(ms(10_010), deaf(3, 60)).ask, None, "the answer may be on its way");
    election.left(ms(11_000));
    assert_eq!(election.hear(ms(12_100), deaf(3, 60)).ask, Some(deaf(3, 60).mac));
    let at = ms(12_101);
    election.handle(at, Input::Answered { at, mac: ANSWER });
    assert_eq!(election.hear(ms(13_000), deaf(2, 50)).ask, None, "this one has answered");
}

/// keepalived is silent while it is spoken to.
#[test]
fn i11_one_that_was_preempted_and_cannot_hear_is_found_out_by_its_answers_alone() {
    let other = Advert { lists: Lists::Overlap, ..advert(2, 50) };
    let mut election = Election::new(SETTINGS);
    election.handle(ms(0), Input::Start);
    election.hear(ms(1_000), other);
    let at = ms(0) + MASTER_DOWN;
    election.wake(at);
    election.left(at);
    let yielded = (1..10).find_map(|second| {
        let at = at + span(second * 1_000);
        let asked = election.wake(at).ask;
        election.left(at);
        assert_eq!(asked, Some(other.mac));
        election.handle(at, Input::Answered { at, mac: ANSWER }).transition
    });
    assert_eq!(yielded.unwrap().cause, Cause::Unheard(other));
}

/// keepalived discards other addresses in version 3 too, and the RFC does not: it is preempted, and followed once it has shown that.
#[test]
fn i11_in_version_3_other_addresses_change_nothing_until_it_is_evident() {
    let other = Advert { lists: Lists::Overlap, ..advert(2, 50) };
    let mut election = Election::new(SETTINGS);
    election.handle(ms(0), Input::Start);
    election.hear(ms(1_000), other);
    assert_eq!(election.wake(ms(0) + MASTER_DOWN).transition.unwrap().to, StateName::Master, "it preempts");
    election.left(ms(9_500));
    assert_eq!(beside(&mut election, 4, other).unwrap().cause, Cause::Unheard(other));
    for second in 14..30 {
        election.hear(ms(second * 1_000), other);
        assert_eq!(election.wake(ms(second * 1_000 + 1)).transition, None, "it is not preempted again");
    }
    // Once both are the same, it is.
    election.hear(ms(30_000), advert(2, 50));
    assert_eq!(election.wake(ms(29_000) + MASTER_DOWN).transition.unwrap().to, StateName::Master);
}

/// Of two masters that a third box hears, the quick one gives way: the slow one is waited for.
#[test]
fn i11_who_hears_two_masters_waits_for_the_slower_one_that_cannot_hear() {
    let settings = Settings { version: Version::V2, ..SETTINGS };
    let slow = AdvertInterval::from_seconds(6).unwrap();
    let mut election = Election::new(settings);
    election.handle(ms(0), Input::Start);
    election.hear(ms(1_000), advert(2, 150));
    election.hear(ms(1_500), Advert { interval: slow, ..deaf(3, 120) });
    election.hear(ms(2_000), advert(2, 150));
    let down = |interval: AdvertInterval| interval.master_down(Version::V2, settings.priority);
    assert_eq!(election.deadline(), ms(1_500) + down(slow));
    // One that is of the same mind as all others is silent because it has given way.
    let mut election = Election::new(settings);
    election.handle(ms(0), Input::Start);
    election.hear(ms(1_000), advert(3, 120));
    election.hear(ms(1_500), advert(2, 150));
    assert_eq!(election.deadline(), ms(1_500) + down(settings.interval));
}

#[test]
fn nobody_yields_without_evidence() {
    // It hears ours.
    assert_eq!(beside(&mut master(), 9, advert(2, 50)), None);
    // It does not answer, and is forgotten.
    let mut election = master();
    election.hear(ms(10_000), deaf(2, 50));
    for second in 10..20 {
        election.wake(ms(second * 1_000));
        election.left(ms(second * 1_000));
    }
    assert!(!election.is_asking());
    // Its answer is from before the question.
    let mut election = master();
    beside(&mut election, 2, deaf(2, 50));
    assert!(election.wake(ms(13_000)).ask.is_some());
    let early = Input::Answered { at: ms(12_999), mac: ANSWER };
    assert_eq!(election.handle(ms(13_001), early), Effects::default());
    // No advert of ours has left meanwhile.
    let mut election =
        Election::new(Settings { interval: AdvertInterval::from_seconds(3).unwrap(), ..SETTINGS });
    election.handle(ms(0), Input::Start);
    election.wake(ms(20_000));
    election.left(ms(20_000));
    election.hear(ms(20_001), deaf(2, 50));
    let at = ms(28_000);
    assert_eq!(election.handle(at, Input::Answered { at, mac: ANSWER }).transition, None);
    // The owner of the addresses does not yield.
    let mut election = Election::new(OWNER);
    election.handle(ms(0), Input::Start);
    election.left(ms(9_900));
    assert_eq!(beside(&mut election, 9, deaf(2, 50)), None);
}

#[test]
fn evidence_takes_a_second_at_least_and_counts_by_the_slower_one() {
    let yields_after = |interval: AdvertInterval, theirs: AdvertInterval| {
        let mut election = Election::new(Settings { interval, ..SETTINGS });
        election.handle(ms(0), Input::Start);
        election.wake(ms(9_900));
        election.left(ms(9_990));
        election.hear(ms(10_000), Advert { interval: theirs, ..deaf(2, 50) });
        (10_000..30_000).step_by(10).find_map(|at| {
            election.wake(ms(at));
            election.left(ms(at));
            let effects = election.handle(ms(at), Input::Answered { at: ms(at), mac: ANSWER });
            effects.transition.map(|_| at - 10_000)
        })
    };
    let slow = AdvertInterval::from_seconds(2).unwrap();
    assert_eq!(yields_after(FAST, FAST), Some(1_000));
    assert_eq!(yields_after(AdvertInterval::DEFAULT, slow), Some(6_000));
    assert_eq!(yields_after(slow, AdvertInterval::DEFAULT), Some(6_000));
}

/// At any interval: a round of announcements finds no gap between two questions.
#[test]
fn i11_while_it_answers_neighbours_are_told_nothing() {
    for centiseconds in [1, 10, 20, 24, 26, 100] {
        let interval = AdvertInterval::from_centiseconds(centiseconds).unwrap();
        let mut election = Election::new(Settings { interval, ..SETTINGS });
        election.handle(ms(0), Input::Start);
        election.wake(ms(9_990));
        election.left(ms(9_990));
        let heard = Advert { interval, ..deaf(2, 50) };
        let mut asks = election.hear(ms(10_000), heard).ask;
        for at in 10_000..10_900 {
            if asks.is_some() {
                election.handle(ms(at), Input::Answered { at: ms(at), mac: ANSWER });
            }
            assert!(election.announces_from() > ms(at), "{interval}, after {} ms", at - 10_000);
            let due = ms(at + 1) >= election.deadline();
            asks = if due { election.wake(ms(at + 1)).ask } else { None };
            if due {
                election.left(ms(at + 1));
            }
        }
    }
}

#[test]
fn neighbours_are_told_once_the_other_does_not_answer_any_more() {
    let mut election = master();
    assert_eq!(election.announces_from(), Time::BOOT);
    election.hear(ms(10_000), deaf(2, 50));
    election.handle(ms(10_001), Input::Answered { at: ms(10_001), mac: ANSWER });
    assert!(election.announces_from() > ms(11_000), "it may have heard ours since");
    election.wake(ms(11_000));
    election.left(ms(11_000));
    assert_eq!(election.announces_from(), ms(11_050));
}

#[test]
fn boxes_that_hear_each_other_decide_at_the_first_advert() {
    let mut election = master();
    let effects = election.hear(ms(10_000), deaf(2, 150));
    assert_eq!(effects.transition.unwrap().cause, Cause::Outranked(deaf(2, 150)));
}

#[test]
fn who_is_asked_at_its_first_advert_may_not_have_its_addresses_yet() {
    let mut election = master();
    election.hear(ms(10_000), deaf(2, 50));
    assert!(election.announces_from() > ms(11_000), "no answer says nothing");
    election.wake(ms(11_000));
    election.left(ms(11_000));
    assert_eq!(election.announces_from(), ms(11_050), "asked again, it says that nobody answers");
}
