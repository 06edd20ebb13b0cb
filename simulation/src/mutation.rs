//! The election as the daemon sees it, or with one deliberate defect in what goes in or comes out.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr},
};

use vrrp_common::{
    election::{Cause, Door, Effects, Election, Expect, Fault, Input, Preemption, Settings, Settling, State},
    lease::Lease,
    receive::Lists,
    time::{Time, nanos},
    types::{Priority, Version},
};

macro_rules! mutations {
    ($($(#[doc = $doc:literal])* $mutation:ident,)*) => {
        /// A deliberate defect.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Mutation { $($(#[doc = $doc])* $mutation,)* }

        impl Mutation {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$mutation,)*];

            /// What is broken, as a sentence.
            #[must_use]
            pub const fn what(self) -> &'static str {
                match self { $(Self::$mutation => concat!($($doc),*),)* }
            }

            /// The defect of this name.
            #[must_use]
            pub fn named(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|mutation| mutation.to_string() == name)
            }
        }
    };
}

mutations! {
    /// I1: the data plane looks at the role only.
    LeaseIgnoredByDataPlane,
    /// I2: the lease is one interval too long.
    LeaseTooLong,
    /// I2: the door opens with the decision.
    DoorBeforeAdvert,
    /// I3: a master that lost its role goes on answering.
    DoorLeftOpenWhenOutranked,
    /// I4: skew counts in whole centiseconds.
    SkewInCentiseconds,
    /// I5: a backup is woken for a deadline that is none.
    StaleTimer,
    /// I6: what the kernel has heard is not looked at.
    StampIgnored,
    /// I6: the timeout comes before what is in the ring.
    RingNotDrained,
    /// I6: a master that was silent just goes on.
    SilenceIgnored,
    /// I7: no farewell.
    FarewellMissing,
    /// I7: break before make.
    DoorClosedAtStop,
    /// I7: the door closes as soon as the successor is heard.
    HandoverWithoutGrace,
    /// I7: the door stays open until the lease is over.
    LeavesTooLate,
    /// I7: a farewell is not heard.
    ReleaseIgnored,
    /// I7: a master that has changed its source address says farewell before its peers know the new one.
    FarewellFromNowhere,
    /// Whoever says farewell is taken for the master.
    EveryFarewellBelieved,
    /// I9: a change of settings restarts the router.
    ChangeMovesTheRole,
    /// I9: a daemon that starts takes a lapsed lease for a running one.
    LapsedLeaseAdopted,
    /// I9: a daemon that starts again takes the lease for one of its own interval, and what came before that was granted for
    /// judged by the daemon before.
    LeaseTakenForItsOwn,
    /// I9: a daemon that starts again does not go on with a lease whose interval is not its own.
    OtherIntervalNotAdopted,
    /// A change is not advertised.
    ChangeNotAdvertised,
    /// The old priority is still advertised after a change.
    OldPriorityAdvertised,
    /// `preempt = false` preempts.
    PreemptsAlways,
    /// `preempt = true` does not.
    PreemptsNever,
    /// The smaller address wins a tie.
    TieBySmallerAddress,
    /// The master's interval is not learned.
    IntervalNotLearned,
    /// A better master is not waited for after an advert of a lesser box with a short interval.
    BetterMasterForgotten,
    /// A losing advert is not answered.
    LosingAdvertUnanswered,
    /// Every losing advert is answered.
    LosingAdvertsFlood,
    /// A takeover does not wait for its skew after a farewell.
    ReleaseWithoutSkew,
    /// I11: a backup preempts a master that discards its adverts.
    PreemptsWhoDiscards,
    /// I11: a master never yields to one that cannot hear it.
    NeverYields,
    /// I11: whoever has the same VRID is followed.
    FollowsOtherClusters,
    /// I11: in version 2 a slower master is not waited for.
    SlowMasterNotWaitedFor,
    /// A silent master is replaced although it answers.
    AnswerIgnored,
    /// A port that speaks a spanning tree is taken for any other.
    SlowPortIgnored,
    /// A takeover comes with the first frame that a slow port lets through.
    FirstFrameEndsSilence,
    /// A master does not hear that its port is shut.
    MasterSpeaksBehindShutPort,
    /// A follower stays a backup whatever happens.
    NeverTakesOver,
}

impl fmt::Display for Mutation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// What stands between an engine and an election, perhaps with a defect.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subject {
    mutation: Option<Mutation>,
    first_priority: Priority,
    /// What comes before is not heard.
    deaf_until: Time,
}

impl Subject {
    pub(crate) fn new(settings: Settings, mutation: Option<Mutation>) -> Self {
        let first_priority = settings.priority;
        Self { mutation, first_priority, deaf_until: Time::BOOT }
    }

    pub(crate) fn has(&self, mutation: Mutation) -> bool {
        self.mutation == Some(mutation)
    }

    pub(crate) fn deadline(&self, election: &Election, now: Time) -> Time {
        let deadline = election.deadline();
        match election.state() {
            State::Backup(_) if self.has(Mutation::StaleTimer) => {
                deadline.min(now + election.settings().interval.span() / 32)
            }
            State::Backup(_) if self.has(Mutation::NeverTakesOver) => Time::NEVER,
            _ => deadline - self.lost_skew(election),
        }
    }

    pub(crate) fn handle(&mut self, election: &mut Election, now: Time, input: Input) -> Effects {
        let state = *election.state();
        let (now, input) = self.before(election, state, now, input);
        if self.has(Mutation::ChangeMovesTheRole) && matches!(input, Input::Configure(_)) {
            election.handle(now, Input::Fault(Fault::DataPlane));
            election.handle(now, input);
            return election.handle(now, Input::Start);
        }
        if self.has(Mutation::ReleaseIgnored) && is_release(input) {
            return Effects::default();
        }
        if matches!(input, Input::Advert { at, .. } if at < self.deaf_until) {
            return Effects::default();
        }
        let effects = election.handle(now, input);
        self.after(election, (state, now, input), effects)
    }

    /// By how much earlier a backup takes over.
    fn lost_skew(&self, election: &Election) -> std::time::Duration {
        let Settings { version, priority, .. } = *election.settings();
        match election.state() {
            State::Backup(backup) if self.has(Mutation::SkewInCentiseconds) => {
                let skew = nanos(backup.interval.skew(version, priority));
                std::time::Duration::from_nanos(skew % 10_000_000)
            }
            State::Backup(backup) if self.has(Mutation::ReleaseWithoutSkew) && backup.released => {
                backup.interval.skew(version, priority)
            }
            State::Backup(backup) if self.has(Mutation::BetterMasterForgotten) => {
                let down_at = backup.heard_at + backup.interval.master_down(version, priority);
                let waits = backup.superiors.iter().next().is_some() && !backup.released;
                if waits { backup.master_down_at.since(down_at) } else { std::time::Duration::ZERO }
            }
            _ => std::time::Duration::ZERO,
        }
    }

    fn before(&mut self, election: &mut Election, state: State, now: Time, input: Input) -> (Time, Input) {
        let own = *election.settings();
        let Some(mutation) = self.mutation else { return (now, input) };
        let input = of_strangers(mutation, &state, &own, input);
        let input = match (mutation, state, input) {
            (Mutation::StampIgnored, _, Input::Timeout { .. }) => Input::Timeout { last_heard: None },
            (Mutation::StampIgnored, _, Input::Advert { advert, at, .. }) => {
                Input::Advert { advert, at, last_heard: None }
            }
            (
                Mutation::EveryFarewellBelieved,
                State::Backup(backup),
                Input::Advert { mut advert, at, last_heard },
            ) if is_release(input) => {
                advert.source = backup.master.map_or(advert.source, |master| master.source);
                Input::Advert { advert, at, last_heard }
            }
            (Mutation::IntervalNotLearned, _, Input::Advert { mut advert, at, last_heard }) => {
                advert.interval = own.interval;
                Input::Advert { advert, at, last_heard }
            }
            (
                Mutation::TieBySmallerAddress,
                State::Master(_),
                Input::Advert { mut advert, at, last_heard },
            ) if advert.priority == own.priority => {
                let wins = advert.source < own.address;
                advert.source = IpAddr::V4(if wins { Ipv4Addr::BROADCAST } else { Ipv4Addr::UNSPECIFIED });
                Input::Advert { advert, at, last_heard }
            }
            (Mutation::LapsedLeaseAdopted, State::Initialize(_), Input::Start | Input::Adopt(_)) => {
                Input::Adopt(Lease { until: now + own.interval.span(), told: None })
            }
            (Mutation::PreemptsNever, State::Backup(_), Input::Advert { mut advert, at, last_heard })
                if !is_release(input) =>
            {
                advert.priority = advert.priority.max(own.priority);
                Input::Advert { advert, at, last_heard }
            }
            (Mutation::LeaseTakenForItsOwn, State::Initialize(_), Input::Adopt(lease)) => {
                self.deaf_until = lease.until - own.interval.lease();
                input
            }
            (Mutation::OtherIntervalNotAdopted, State::Initialize(_), Input::Adopt(lease)) => {
                Input::Adopt(Lease { told: Some(own.interval), ..lease })
            }
            (_, _, Input::Settle(settling)) => Input::Settle(misjudged(mutation, state, settling)),
            (_, _, Input::Configure(settings)) => Input::Configure(defective(settings, self.mutation)),
            _ => input,
        };
        if mutation == Mutation::SilenceIgnored && matches!(state, State::Master(_)) {
            election.handle(now, Input::Sent { at: now });
        }
        let late = if matches!(input, Input::Timeout { .. }) {
            self.lost_skew(election)
        } else {
            Default::default()
        };
        (now + late, input)
    }

    fn after(
        &self,
        election: &Election,
        (before, now, input): (State, Time, Input),
        mut effects: Effects,
    ) -> Effects {
        let Some(mutation) = self.mutation else { return effects };
        let settings = *election.settings();
        let master = matches!(election.state(), State::Master(_));
        let answered = master && matches!(input, Input::Advert { .. });
        match mutation {
            Mutation::LeaseTooLong => {
                if let Some(Door::Open(lease)) = &mut effects.door {
                    lease.until = lease.until + settings.interval.span();
                }
            }
            Mutation::DoorBeforeAdvert if master && !matches!(before, State::Master(_)) => {
                effects.door = Some(Door::Open(Lease::granted(now, settings.interval)));
            }
            Mutation::DoorLeftOpenWhenOutranked
                if matches!(effects.transition.map(|t| t.cause), Some(Cause::Outranked(_))) =>
            {
                effects.door = None;
            }
            Mutation::FarewellFromNowhere => effects.first = None,
            Mutation::FarewellMissing if input == Input::Stop => effects.send = None,
            Mutation::DoorClosedAtStop if input == Input::Stop => effects.door = Some(Door::Close),
            Mutation::HandoverWithoutGrace
                if matches!((before, input), (State::Leaving { .. }, Input::Advert { .. })) =>
            {
                effects.door = Some(Door::Close);
            }
            Mutation::LeavesTooLate if matches!(before, State::Leaving { .. }) => effects.door = None,
            Mutation::ChangeNotAdvertised if matches!(input, Input::Configure(_)) => effects.send = None,
            Mutation::OldPriorityAdvertised if effects.send == Some(settings.priority) => {
                effects.send = Some(self.first_priority);
            }
            Mutation::LosingAdvertUnanswered if answered => effects.send = None,
            Mutation::LosingAdvertsFlood if answered => effects.send = Some(settings.priority),
            _ => {}
        }
        if mutation == Mutation::PreemptsNever && matches!(preemption(election), Some(Preemption::Due)) {
            effects.expect = Some(Expect::This);
        }
        effects
    }
}

/// What concerns boxes that are configured differently, and answers.
fn of_strangers(mutation: Mutation, state: &State, own: &Settings, input: Input) -> Input {
    match (mutation, state, input) {
        (Mutation::PreemptsWhoDiscards, State::Backup(_), Input::Advert { mut advert, at, last_heard }) => {
            advert.deaf = false;
            Input::Advert { advert, at, last_heard }
        }
        (Mutation::FollowsOtherClusters, _, Input::Advert { mut advert, at, last_heard }) => {
            advert.lists = Lists::Same;
            Input::Advert { advert, at, last_heard }
        }
        (Mutation::SlowMasterNotWaitedFor, _, Input::Advert { mut advert, at, last_heard })
            if own.version == Version::V2 =>
        {
            advert.interval = advert.interval.min(own.interval);
            Input::Advert { advert, at, last_heard }
        }
        (Mutation::NeverYields, State::Master(_), Input::Answered { mac, .. })
        | (Mutation::AnswerIgnored, State::Backup(_), Input::Answered { mac, .. }) => {
            Input::Answered { at: Time::BOOT, mac }
        }
        _ => input,
    }
}

/// What is known of a port, as it is misjudged.
fn misjudged(mutation: Mutation, state: State, settling: Settling) -> Settling {
    match (mutation, state) {
        (Mutation::SlowPortIgnored, _) | (Mutation::MasterSpeaksBehindShutPort, State::Master(_)) => {
            Settling { spanning_tree: false, ..settling }
        }
        (Mutation::FirstFrameEndsSilence, _) => {
            let limit = settling.forwarded.zip(settling.since).map(|(at, since)| at.since(since));
            Settling { limit, ..settling }
        }
        _ => settling,
    }
}

fn defective(settings: Settings, mutation: Option<Mutation>) -> Settings {
    match mutation {
        Some(Mutation::PreemptsAlways) => Settings { preempt: true, ..settings },
        _ => settings,
    }
}

fn is_release(input: Input) -> bool {
    matches!(input, Input::Advert { advert, .. } if advert.priority == Priority::RELEASE)
}

fn preemption(election: &Election) -> Option<Preemption> {
    match election.state() {
        State::Backup(backup) => Some(backup.preemption),
        _ => None,
    }
}
