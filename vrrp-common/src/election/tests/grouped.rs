//! Members of a sync group take the role when they are told to.

use super::*;

const GROUPED: Settings = Settings { grouped: true, ..SETTINGS };

/// Has heard nobody for Master_Down_Interval, and when that was over.
fn held() -> (Election, Time) {
    let mut election = backup(GROUPED);
    let due = election.deadline();
    let effects = election.wake(due);
    assert_eq!((election.name(), effects.transition), (StateName::Backup, None));
    assert_eq!(effects.expect, Some(Expect::Nothing));
    (election, due)
}

#[test]
fn a_member_whose_master_is_dead_waits_without_a_deadline() {
    let (mut election, due) = held();
    assert_eq!(election.deadline(), Time::NEVER);
    assert_eq!(election.wake(due + span(1_000)), Effects::default());
    assert_eq!(election.name(), StateName::Backup);
}

#[test]
fn it_is_promoted_once_it_is_willing_and_not_before() {
    let mut early = backup(GROUPED);
    let at = early.deadline() - span(1);
    assert_eq!(early.handle(at, Input::Promote), Effects::default());
    let (mut election, due) = held();
    let effects = election.handle(due + span(5), Input::Promote);
    assert_eq!(election.name(), StateName::Master);
    assert_eq!((effects.send, effects.door), (Some(Priority::DEFAULT), None));
}

/// The kernel has seen the master meanwhile, and nobody was woken.
#[test]
fn an_advert_that_only_the_kernel_has_heard_ends_the_willingness() {
    let (mut election, due) = held();
    let heard = due + span(10);
    election.wake_stamped(heard + span(1), heard);
    assert_ne!(election.deadline(), Time::NEVER);
    assert_eq!(election.handle(heard + span(2), Input::Promote), Effects::default());
    assert_eq!(election.name(), StateName::Backup);
}

#[test]
fn an_advert_of_a_better_master_ends_the_willingness() {
    let (mut election, due) = held();
    election.hear(due + span(10), advert(2, 200));
    assert_eq!(election.deadline(), due + span(10) + MASTER_DOWN);
}

#[test]
fn a_master_that_yields_says_so_closes_its_door_and_listens() {
    let mut election = master(SETTINGS);
    let effects = election.handle(ms(400), Input::Yield);
    assert_eq!((effects.send, effects.door), (Some(Priority::RELEASE), Some(Door::Close)));
    assert_eq!((election.name(), cause(effects)), (StateName::Backup, Some(Cause::Group)));
    assert!(election.lease_until() < ms(0));
    assert_eq!(election.handle(ms(401), Input::Yield), Effects::default());
}

#[test]
fn an_owner_in_a_group_listens_first() {
    let mut election = Election::new(Settings { grouped: true, ..OWNER });
    election.handle(ms(0), Input::Start);
    assert_eq!(election.name(), StateName::Backup);
}

#[test]
fn a_member_that_leaves_its_group_takes_the_role_by_itself() {
    let (mut election, due) = held();
    election.handle(due + span(5), Input::Configure(SETTINGS));
    election.wake(due + span(5));
    assert_eq!(election.name(), StateName::Master);
}
