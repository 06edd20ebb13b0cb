//! Sync groups: what [`vrrp_common::group`] decides is carried out on the members, in the same turn of the loop.

use vrrp_common::{
    election::{Cause, Fault, Input, State as Election, StateName},
    group::{self, Member, Move},
    time::Time,
};

use vrrp_config::SyncGroup;

use crate::{
    RouterKey,
    engine::Engine,
    outside::Outside,
    roster::RouterId,
    router::VirtualRouter,
    state_change::{State, StateChange, Subject},
    status::GroupStatus,
};

/// Moves of one group in one turn. Each comes to rest after the next; more would be a fault of ours.
const MOVES: usize = 4;

/// A sync group at run time.
#[derive(Debug)]
pub(crate) struct Group {
    name: String,
    members: Vec<RouterKey>,
    /// What the outside was told last.
    told: Option<State>,
}

/// Room for the members of a group and how they stand: kept, so that a turn in which nothing moves allocates nothing.
#[derive(Debug, Default)]
pub(crate) struct Standings {
    members: Vec<RouterId>,
    standings: Vec<Member>,
}

impl<O: Outside> Engine<O> {
    /// Makes the groups those of the configuration, whose routers are there already.
    pub(crate) fn regroup(&mut self, groups: &[SyncGroup], keys: &[RouterKey], at: Time) {
        let former = std::mem::take(&mut self.groups);
        let told = |name: &str| former.iter().find(|group| group.name == name).and_then(|group| group.told);
        let group = |group: &SyncGroup| Group {
            name: group.name.clone(),
            members: group.members.iter().filter_map(|member| keys.get(*member).copied()).collect(),
            told: told(&group.name),
        };
        self.groups = groups.iter().map(group).collect();
        for id in self.roster.ids().iter().copied() {
            let Some(key) = self.roster.get(id).map(VirtualRouter::key) else { continue };
            let grouped = self.is_grouped(key);
            let input = self.roster.get_mut(id).and_then(|router| router.join(grouped));
            if let Some(input) = input {
                self.feed(id, at, at, input, None);
            }
        }
    }

    pub(crate) fn is_grouped(&self, key: RouterKey) -> bool {
        self.groups.iter().any(|group| group.members.contains(&key))
    }

    /// The other members of the router's group.
    pub(crate) fn companions(&self, key: RouterKey) -> Vec<RouterId> {
        let groups = self.groups.iter().filter(|group| group.members.contains(&key));
        let keys = groups.flat_map(|group| &group.members).filter(|member| **member != key);
        keys.filter_map(|member| self.ports.resident(*member)).collect()
    }

    /// Lets the groups move.
    pub(crate) fn sync(&mut self, at: Time) {
        let mut room = std::mem::take(&mut self.standings);
        for group in 0..self.groups.len() {
            let mut lost = self.has_lost(group);
            for _ in 0..MOVES {
                room.members.clear();
                room.members.extend(self.members(group));
                room.standings.clear();
                room.standings.extend(room.members.iter().map(|id| self.standing(*id, at)));
                let decided = group::decide(&room.standings, std::mem::take(&mut lost));
                if decided == Move::Stay {
                    break;
                }
                room.members.iter().for_each(|id| self.carry_out(decided, *id, at));
            }
        }
        self.standings = room;
    }

    fn members(&self, group: usize) -> impl Iterator<Item = RouterId> + '_ {
        let keys = self.groups.get(group).map(|group| group.members.as_slice()).unwrap_or_default();
        keys.iter().filter_map(|key| self.ports.resident(*key))
    }

    /// Whether a member has lost the role in this turn, to somebody else and not to its group.
    fn has_lost(&self, group: usize) -> bool {
        self.outbox.transitions.iter().any(|(id, reacted)| {
            let transition = &reacted.transition;
            (transition.from, transition.to) == (StateName::Master, StateName::Backup)
                && transition.cause != Cause::Group
                && self.members(group).any(|member| member == *id)
        })
    }

    fn standing(&self, id: RouterId, at: Time) -> Member {
        let Some(router) = self.roster.get(id) else { return Member::Undecided };
        // One that takes part has no fault: its election has heard of each.
        if !matches!(router.election.state(), Election::Initialize(Some(_))) {
            return Member::of(&router.election, at);
        }
        match self.own_fault(id, at) {
            None => Member::Undecided,
            Some(Err(_)) => Member::Faulty,
            Some(Ok(())) => Member::Bound,
        }
    }

    fn carry_out(&mut self, decided: Move, id: RouterId, at: Time) {
        let Some(router) = self.roster.get(id) else { return };
        match (decided, router.election.name()) {
            (Move::Fault, StateName::Backup | StateName::Master) => {
                self.feed(id, at, at, Input::Fault(Fault::Group), None);
            }
            (Move::Recover, StateName::Fault) => self.revisit(id),
            (Move::Yield, StateName::Master) => self.feed(id, at, at, Input::Yield, None),
            (Move::Promote, StateName::Backup) => self.feed(id, at, at, Input::Promote, None),
            (Move::Stay | Move::Fault | Move::Recover | Move::Yield | Move::Promote, _) => {}
        }
    }

    /// Whether another member of the router's group keeps it out.
    pub(crate) fn kept_out(&self, id: RouterId, at: Time) -> bool {
        let Some(key) = self.roster.get(id).map(VirtualRouter::key) else { return false };
        let Some(group) = self.groups.iter().find(|group| group.members.contains(&key)) else { return false };
        let others = group.members.iter().filter(|member| **member != key);
        others
            .filter_map(|member| self.ports.resident(*member))
            .any(|other| self.standing(other, at) == Member::Faulty)
    }

    /// Tells of groups that have changed as a whole.
    pub(crate) fn tell_groups(&mut self) {
        for index in 0..self.groups.len() {
            let Some(state) = self.group_state(index) else { continue };
            let Some(group) = self.groups.get(index).filter(|group| group.told != Some(state)) else {
                continue;
            };
            let subject = Subject::Group(group.name.clone());
            let stopped_unheard = state == State::Stop && group.told.is_none();
            let told = stopped_unheard || self.report(StateChange { subject, state, priority: 0 });
            if told && let Some(group) = self.groups.get_mut(index) {
                group.told = Some(state);
            }
        }
    }

    /// The state of a group whose members agree; one in FAULT is enough for that.
    fn group_state(&self, index: usize) -> Option<State> {
        let states = || self.members(index).filter_map(|id| self.roster.get(id));
        let all = |name| states().all(|router| router.election.name() == name);
        if self.stopping {
            return all(StateName::Stopped).then_some(State::Stop);
        }
        if states().any(|router| matches!(router.election.state(), Election::Initialize(Some(_)))) {
            return Some(State::Fault);
        }
        match states().next()?.election.name() {
            StateName::Master if all(StateName::Master) => Some(State::Master),
            StateName::Backup if all(StateName::Backup) => Some(State::Backup),
            StateName::Init
            | StateName::Backup
            | StateName::Master
            | StateName::Fault
            | StateName::Leaving
            | StateName::Stopped => None,
        }
    }

    pub(crate) fn group_status(&self) -> Vec<GroupStatus> {
        let status = |(index, group): (usize, &Group)| GroupStatus {
            name: group.name.clone(),
            state: group.told.map(|told| told.word().to_owned()),
            members: self
                .members(index)
                .filter_map(|id| self.roster.get(id))
                .map(|router| router.config.name.clone())
                .collect(),
        };
        self.groups.iter().enumerate().map(status).collect()
    }
}
