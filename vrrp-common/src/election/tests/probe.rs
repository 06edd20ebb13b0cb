//! The question before a takeover (`probe_before_takeover`).

use super::*;

const ASKING: Settings = Settings { probe_limit: 3, ..SETTINGS };
const INTERVALS: Duration = Duration::from_secs(3);

/// A backup whose master, of priority 200, was heard last at 10 s.
fn follower(settings: Settings) -> Election {
    let mut election = Election::new(settings);
    election.handle(ms(0), Input::Start);
    election.hear(ms(10_000), advert(2, 200));
    election
}

fn answer(election: &mut Election, at: Time) {
    election.handle(at, Input::Answered { at, mac: Mac::BROADCAST });
}

#[test]
fn a_silent_master_is_asked_after_three_intervals_and_a_dead_one_costs_nothing() {
    let mut election = follower(ASKING);
    assert_eq!(election.deadline(), ms(10_000) + INTERVALS);
    let effects = election.wake(ms(10_000) + INTERVALS);
    assert_eq!((effects.ask, effects.transition), (Some(advert(2, 200).mac), None));
    assert_eq!(election.deadline(), ms(10_000) + MASTER_DOWN);
    let effects = election.wake(ms(10_000) + MASTER_DOWN);
    assert_eq!(effects.transition.unwrap().cause, Cause::MasterDown);
}

#[test]
fn one_that_answers_is_left_alone_until_the_limit() {
    let mut election = follower(ASKING);
    let mut at = ms(10_000) + MASTER_DOWN;
    for round in 0..2 {
        assert!(election.wake(at - SKEW).ask.is_some(), "round {round}");
        answer(&mut election, at - SKEW + span(1));
        let effects = election.wake(at);
        assert_eq!((effects.remark, effects.transition), (Some(Remark::SilentMasterAnswers), None));
        at = at + AdvertInterval::DEFAULT.span();
    }
    election.wake(at - SKEW);
    answer(&mut election, at);
    assert_eq!(election.wake(at).transition.unwrap().cause, Cause::ProbeLimit);
}

#[test]
fn it_takes_over_in_the_round_in_which_nobody_answers() {
    let mut election = follower(ASKING);
    let at = ms(10_000) + MASTER_DOWN;
    election.wake(at - SKEW);
    answer(&mut election, at - SKEW + span(1));
    election.wake(at);
    let at = at + AdvertInterval::DEFAULT.span();
    assert!(election.wake(at - SKEW).ask.is_some());
    assert_eq!(election.wake(at).transition.unwrap().cause, Cause::MasterDown);
}

#[test]
fn an_answer_from_before_the_question_does_not_count_and_an_advert_ends_it() {
    let mut election = follower(ASKING);
    answer(&mut election, ms(12_000));
    let at = ms(10_000) + MASTER_DOWN;
    election.wake(at - SKEW);
    let mut heard = election;
    assert_eq!(election.wake(at).transition.unwrap().to, StateName::Master);
    heard.hear(at - span(1), advert(2, 200));
    assert_eq!(heard.wake(at).transition, None);
    assert_eq!(heard.deadline(), at - span(1) + INTERVALS);
}

#[test]
fn who_has_said_farewell_is_not_asked_and_at_the_start_all_are() {
    let mut election = follower(ASKING);
    election.hear(ms(10_500), advert(2, 0));
    assert_eq!(election.wake(ms(10_500) + SKEW).transition.unwrap().cause, Cause::MasterReleased);
    let mut election = Election::new(ASKING);
    election.handle(ms(0), Input::Start);
    assert_eq!(election.wake(ms(0) + INTERVALS).ask, Some(Mac::BROADCAST));
}

#[test]
fn a_master_that_is_to_be_preempted_is_not_asked() {
    let mut election = Election::new(ASKING);
    election.handle(ms(0), Input::Start);
    for at in (0..3_700).step_by(1_000) {
        election.hear(ms(at), advert(2, 50));
    }
    assert_eq!(election.wake(ms(0) + INTERVALS).ask, None);
    assert_eq!(election.wake(ms(0) + MASTER_DOWN).transition.unwrap().cause, Cause::MasterDown);
}

#[test]
fn who_wakes_up_late_asks_and_waits_for_the_answer() {
    let mut election = follower(ASKING);
    let at = ms(60_000);
    let effects = election.wake(at);
    assert_eq!((effects.ask.is_some(), effects.transition), (true, None));
    assert!(election.deadline() > at);
    answer(&mut election, at + Duration::from_micros(300));
    assert_eq!(election.wake(election.deadline()).transition, None);
}

#[test]
fn a_master_that_was_to_be_preempted_and_rises_again_is_judged_and_asked() {
    let mut election = follower(ASKING);
    let effects = election.hear(ms(10_500), advert(2, 50));
    assert_eq!(effects.expect, Some(Expect::Nothing), "what it said before is not only stamped");
    assert_eq!(election.hear(ms(11_000), advert(2, 200)).expect, Some(Expect::This));
    assert_eq!(election.wake(ms(11_000) + INTERVALS).ask, Some(advert(2, 200).mac));
}

#[test]
fn a_master_is_asked_whoever_else_is_outranked() {
    let mut election = follower(ASKING);
    let effects = election.hear(ms(10_500), advert(3, 50));
    assert_eq!(effects.expect, None, "the master is expected as before");
    assert_eq!(election.wake(ms(10_000) + INTERVALS).ask, Some(advert(2, 200).mac));
}
