//! What the routers of a sync group do together: they take the role together, give it up together, and one that cannot
//! take part keeps all of them out, as in keepalived.
//!
//! Pure: how the members stand goes in, what is to be done comes out. What a member does by itself is its
//! [election](crate::election)'s matter.

use crate::{
    election::{Backup, Election, Preemption, State},
    time::Time,
};

/// How a member of a group stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Member {
    /// It is not known yet whether it can take part, or it leaves.
    Undecided,
    /// It cannot take part, for a reason of its own.
    Faulty,
    /// It could take part, and is kept out.
    Bound,
    /// Backup of a master that it hears.
    Following,
    /// Backup that waits for a master to be heard, or not to be.
    Waiting,
    /// Backup that would be master if it were alone.
    Willing,
    /// Master.
    Master,
}

impl Member {
    /// How a router stands that has no fault of its own.
    #[must_use]
    pub fn of(election: &Election, now: Time) -> Self {
        match election.state() {
            // Its fault is over, or was never its own.
            State::Initialize(Some(_)) => Self::Bound,
            State::Initialize(None) | State::Leaving { .. } | State::Stopped => Self::Undecided,
            State::Backup(backup) => Self::of_backup(backup, now),
            State::Master(_) => Self::Master,
        }
    }

    fn of_backup(backup: &Backup, now: Time) -> Self {
        if backup.held && now >= backup.master_down_at {
            return Self::Willing;
        }
        let yields = matches!(backup.preemption, Preemption::Idle | Preemption::Waiting { .. });
        if backup.master.is_some() && !backup.released && yields { Self::Following } else { Self::Waiting }
    }
}

/// What a group does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Move {
    /// Nothing.
    Stay,
    /// All backups and masters get [`Fault::Group`](crate::election::Fault::Group).
    Fault,
    /// All members start that are bound.
    Recover,
    /// All masters give the role up.
    Yield,
    /// All members that are willing become master.
    Promote,
}

/// What is to be done by a group with these members. `lost`: one of them has just lost the role.
#[must_use]
pub fn decide(members: &[Member], lost: bool) -> Move {
    let any = |wanted: Member| members.contains(&wanted);
    let contending = any(Member::Following) || any(Member::Waiting) || any(Member::Willing);
    if any(Member::Faulty) {
        return if contending || any(Member::Master) { Move::Fault } else { Move::Stay };
    }
    if any(Member::Undecided) {
        return Move::Stay;
    }
    if any(Member::Bound) {
        return Move::Recover;
    }
    if any(Member::Master) && (lost || any(Member::Following)) {
        return Move::Yield;
    }
    if any(Member::Willing) && !any(Member::Following) && !any(Member::Waiting) {
        return Move::Promote;
    }
    Move::Stay
}

#[cfg(test)]
mod tests {
    use super::{Member::*, *};

    #[test]
    fn the_role_is_taken_when_all_are_willing_and_not_before() {
        assert_eq!(decide(&[Willing, Waiting], false), Move::Stay);
        assert_eq!(decide(&[Willing, Following], false), Move::Stay);
        assert_eq!(decide(&[Willing, Undecided], false), Move::Stay);
        assert_eq!(decide(&[Willing, Willing], false), Move::Promote);
        assert_eq!(decide(&[Willing, Master], false), Move::Promote);
        assert_eq!(decide(&[Master, Master], false), Move::Stay);
    }

    #[test]
    fn one_that_loses_the_role_takes_the_others_along() {
        assert_eq!(decide(&[Master, Following], false), Move::Yield);
        assert_eq!(decide(&[Master, Waiting], true), Move::Yield);
        assert_eq!(decide(&[Following, Waiting], true), Move::Stay);
    }

    #[test]
    fn a_group_of_one_keeps_its_member_from_nothing() {
        for (member, decided) in [
            (Undecided, Move::Stay),
            (Faulty, Move::Stay),
            (Bound, Move::Recover),
            (Following, Move::Stay),
            (Waiting, Move::Stay),
            (Willing, Move::Promote),
            (Master, Move::Stay),
        ] {
            assert_eq!(decide(&[member], false), decided, "{member:?}");
        }
        assert_eq!(decide(&[Following], true), Move::Stay);
    }

    /// After a restart the one has gone on with its lease and the other has to wait for its turn.
    #[test]
    fn a_master_waits_for_a_member_that_has_heard_nobody_yet() {
        assert_eq!(decide(&[Master, Waiting], false), Move::Stay);
    }

    #[test]
    fn the_fault_of_one_is_the_fault_of_all() {
        for member in [Following, Waiting, Willing, Master] {
            assert_eq!(decide(&[Faulty, member], false), Move::Fault);
        }
        assert_eq!(decide(&[Faulty, Bound, Faulty], false), Move::Stay);
        assert_eq!(decide(&[Faulty, Undecided], false), Move::Stay);
    }

    #[test]
    fn all_must_be_ready_before_one_starts_again() {
        assert_eq!(decide(&[Bound, Faulty], false), Move::Stay);
        assert_eq!(decide(&[Bound, Undecided], false), Move::Stay);
        assert_eq!(decide(&[Bound, Bound], false), Move::Recover);
        assert_eq!(decide(&[Bound, Waiting], false), Move::Recover);
    }

    /// Wherever a group begins, a few moves lead to a standing in which it stays.
    #[test]
    fn every_move_comes_to_rest() {
        const ALL: [Member; 7] = [Undecided, Faulty, Bound, Following, Waiting, Willing, Master];
        for a in ALL {
            for b in ALL {
                for c in ALL {
                    let mut members = [a, b, c];
                    for _ in 0..3 {
                        let decided = decide(&members, false);
                        members = members.map(|member| moved(member, decided));
                    }
                    assert_eq!(decide(&members, false), Move::Stay, "{:?} -> {members:?}", [a, b, c]);
                }
            }
        }
    }

    fn moved(member: Member, by: Move) -> Member {
        match (by, member) {
            (Move::Fault, Following | Waiting | Willing | Master) => Bound,
            (Move::Recover, Bound) => Waiting,
            (Move::Yield, Master) => Waiting,
            (Move::Promote, Willing) => Master,
            (Move::Stay | Move::Fault | Move::Recover | Move::Yield | Move::Promote, same) => same,
        }
    }
}
