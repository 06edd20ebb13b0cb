//! I11: a difference in configuration never makes two masters.

use std::time::Duration;

use vrrp_common::{
    election::{Cause, StateName},
    types::{Priority, Version},
};

use super::{ACT, Checker, Seen, View, answered::slowest, ensure, grace, must_follow, ns};
use crate::{
    faults::{Change, Kind},
    host::{Host, overlap},
    scenario::Scenario,
    trace::Moment,
};

/// When two hosts began to answer at once, and their epochs then.
type Since = (Moment, [u32; 2]);

/// Two hosts that share an address, are well, and reach each other answer at once for no longer than the evidence takes that one of
/// them cannot hear the other.
pub(super) struct Alone {
    since: Vec<Vec<Option<Since>>>,
}

impl Alone {
    pub(super) fn new(hosts: usize) -> Self {
        Self { since: vec![vec![None; hosts]; hosts] }
    }
}

/// Whether what `other` advertises is not for `host`, by the RFC.
fn differs(host: &Host, other: &Host) -> bool {
    let (own, its) = (&host.settings, &other.settings);
    let version_2 = own.version == Version::V2
        && (own.interval != its.interval || (host.list != other.list && its.priority != Priority::OWNER));
    own.version != its.version || version_2
}

/// Whether `host` discards what `other` advertises.
fn discards(host: &Host, other: &Host) -> bool {
    host.plan.rfc_discards && differs(host, other)
}

/// Who never gives way to whom: the owner to nobody, and who discards to whom it discards.
fn stays(host: &Host, other: &Host) -> bool {
    host.settings.priority == Priority::OWNER || discards(host, other)
}

/// For how long a host that does not hear the other is watched: the longer of three intervals and a second, then its next advert and
/// the answer. What it said before may have been forgotten once, when it was silent in between. One is watched at a time, so that a
/// third one may come first, which takes as long as its interval is.
fn evidence(view: &View<'_>, both: [usize; 2]) -> u64 {
    let deaf = |third: usize, host: usize| {
        let (third, host) = (&view.hosts[third], &view.hosts[host]);
        discards(third, host) || discards(host, third)
    };
    let watched = |host: &usize| both.contains(host) || both.iter().any(|one| deaf(*host, *one));
    let intervals = (0..view.hosts.len()).filter(watched).map(|host| view.hosts[host].settings.interval);
    let longest = intervals.map(|interval| ns(interval.span())).max().unwrap_or(0);
    let watched = (3 * longest).max(ns(Duration::from_secs(1)));
    (watched + 3 * longest) * 102 / 100 + 4 * (view.scenario.quality.max_delay + ACT)
}

fn bound(view: &View<'_>, [a, b]: [usize; 2]) -> Option<u64> {
    let (one, other) = (&view.hosts[a], &view.hosts[b]);
    let reach = view.reach(a, b) && view.reach(b, a);
    let owners = one.settings.priority == Priority::OWNER && other.settings.priority == Priority::OWNER;
    if !reach || owners || (stays(one, other) && stays(other, one)) {
        return None;
    }
    let longest = ns(one.settings.interval.span().max(other.settings.interval.span()));
    let usual = longest * 5 / 4 + 2 * (view.scenario.quality.max_delay + ACT) + grace(view.own(a));
    let deaf = discards(one, other) || discards(other, one);
    Some(if deaf { usual + evidence(view, [a, b]) } else { usual })
}

impl Checker for Alone {
    fn name(&self) -> &'static str {
        "alone"
    }

    fn see(&mut self, view: &View<'_>, seen: &Seen) -> Result<(), String> {
        if !view.scenario.quality.is_calm() {
            return Ok(());
        }
        let disturbed = matches!(seen, Seen::Trouble { .. } | Seen::Turned { configured: true, .. });
        for a in 0..view.hosts.len() {
            for b in a + 1..view.hosts.len() {
                let (one, other) = (&view.hosts[a], &view.hosts[b]);
                let epochs = [one.epoch, other.epoch];
                let both = view.open(a) && view.open(b) && one.runs() && other.runs();
                let both = both && overlap(one.list, other.list);
                let bound = if both { bound(view, [a, b]) } else { None };
                let since = &mut self.since[a][b];
                *since = match *since {
                    Some((began, then)) if bound.is_some() && then == epochs && !disturbed => {
                        Some((began, then))
                    }
                    _ => bound.map(|_| (view.now, epochs)),
                };
                let longest = since.map_or(0, |(began, _)| view.now - began);
                ensure(longest <= bound.unwrap_or(0), || {
                    format!("{a} and {b} both answer for {longest} ns")
                })?;
            }
        }
        Ok(())
    }
}

/// Nobody takes over from one that goes on, and that it has to follow: because it is better, or because it would not hear.
pub(super) struct Unpreempted {
    /// When something last befell anybody.
    disturbed: Moment,
    /// When each has begun to advertise, as the master that it still is.
    since: Vec<Option<Moment>>,
}

impl Unpreempted {
    pub(super) fn new(hosts: usize) -> Self {
        Self { disturbed: 0, since: vec![None; hosts] }
    }
}

impl Checker for Unpreempted {
    fn name(&self) -> &'static str {
        "unpreempted"
    }

    fn see(&mut self, view: &View<'_>, seen: &Seen) -> Result<(), String> {
        match *seen {
            Seen::Trouble { .. } | Seen::Started { .. } | Seen::Turned { configured: true, .. } => {
                self.disturbed = view.now;
            }
            Seen::Heard { .. } if view.is_claimed(seen) => self.disturbed = view.now,
            Seen::Changed { by, transition, .. } => {
                self.since[by] = (transition.to == StateName::Master).then_some(view.now);
                if matches!(transition.cause, Cause::MasterDown) && view.scenario.quality.is_calm() {
                    return self.judge(view, by);
                }
            }
            _ => {}
        }
        Ok(())
    }
}

impl Unpreempted {
    fn judge(&self, view: &View<'_>, by: usize) -> Result<(), String> {
        let own = &view.hosts[by];
        let longest = view.hosts.iter().map(|host| ns(host.settings.interval.span())).max().unwrap_or(0);
        // Long enough for it to have been heard several times.
        let long_since = |moment: Moment| view.now > moment + 8 * longest;
        let must_follow = |other: &Host| {
            let preempts = own.settings.preempt || own.settings.priority == Priority::OWNER;
            let better = other.settings.priority >= own.settings.priority || !preempts;
            better || differs(other, own)
        };
        let wronged = (0..view.hosts.len()).find(|master| {
            let other = &view.hosts[*master];
            let heard = view.open(*master) && view.reach(*master, by) && !discards(own, other);
            let is_peer = overlap(own.list, other.list) && must_follow(other);
            *master != by && heard && is_peer && self.since[*master].is_some_and(long_since)
        });
        let settled = long_since(self.disturbed);
        ensure(!settled || wronged.is_none(), || format!("{by} takes over from {wronged:?}, which goes on"))
    }
}

/// Whoever takes part is not kept from it by one that has none of its addresses: of each cluster somebody answers.
pub(super) struct Served {
    since: Option<Moment>,
    /// The slowest interval that anybody has gone by meanwhile.
    longest: u64,
    /// Lists change: who belongs to whom is a matter of what was heard when.
    vague: bool,
}

impl Served {
    pub(super) fn new(scenario: &Scenario) -> Self {
        let vague = scenario.troubles.iter().any(|trouble| {
            matches!(
                trouble.kind,
                Kind::Configure(Change::List(_)) | Kind::Restart { change: Change::List(_), .. }
            )
        });
        Self { since: None, longest: 0, vague }
    }
}

/// A host that takes part, and neither it nor anybody with an address of its list answers.
fn unserved(view: &View<'_>) -> Option<usize> {
    (0..view.hosts.len()).find(|host| {
        let own = &view.hosts[*host];
        let served =
            (0..view.hosts.len()).any(|other| view.open(other) && overlap(view.hosts[other].list, own.list));
        // By the RFC another cluster is followed.
        let own_way = !own.plan.rfc_discards;
        own_way && own.runs() && matches!(own.state(), Some(StateName::Backup | StateName::Master)) && !served
    })
}

impl Checker for Served {
    fn name(&self) -> &'static str {
        "served"
    }

    fn see(&mut self, view: &View<'_>, seen: &Seen) -> Result<(), String> {
        if self.vague || !view.scenario.quality.is_calm() {
            return Ok(());
        }
        let disturbed = matches!(
            seen,
            Seen::Trouble { .. } | Seen::Started { .. } | Seen::Turned { configured: true, .. }
        ) || view.is_claimed(seen);
        let Some(unserved) = unserved(view) else {
            self.since = None;
            return Ok(());
        };
        let since = self.since.filter(|_| !disturbed);
        self.longest = since.map_or(0, |_| self.longest).max(slowest(view));
        // Two takeovers: of one who follows another who is silent as well.
        let bound =
            9 * self.longest + ns(Duration::from_secs(1)) + 4 * (view.scenario.quality.max_delay + ACT);
        let waited = view.now - *self.since.insert(since.unwrap_or(view.now));
        ensure(waited <= bound, || format!("{unserved} takes part, and nobody has answered for {waited} ns"))
    }
}

/// Who asks before a takeover does not replace a master that answers.
#[derive(Default)]
pub(super) struct Probed {
    /// When something last befell anybody, or changed.
    disturbed: Moment,
}

impl Checker for Probed {
    fn name(&self) -> &'static str {
        "probed"
    }

    fn see(&mut self, view: &View<'_>, seen: &Seen) -> Result<(), String> {
        match *seen {
            Seen::Started { .. } | Seen::Turned { configured: true, .. } => self.disturbed = view.now,
            Seen::Trouble { host } => {
                let kinds: Vec<_> = troubles_of(view, host).collect();
                if kinds.is_empty() || kinds.iter().any(|kind| *kind != Kind::Filtered) {
                    self.disturbed = view.now;
                }
            }
            // Who is asked is the master that was followed last.
            Seen::Changed { transition, .. } if transition.cause != Cause::MasterDown => {
                self.disturbed = view.now;
            }
            Seen::Changed { by, .. } => {
                let host = &view.hosts[by];
                let longest =
                    view.hosts.iter().map(|host| ns(host.settings.interval.span())).max().unwrap_or(0);
                let calm = view.scenario.quality.is_calm() && view.now > self.disturbed + 8 * longest;
                // Who is to be preempted is not asked: an owner preempts whatever `preempt` says, when its delay is over.
                let is_followed = |other: &usize| must_follow(host, view.own(*other));
                // It waits for the answer for its skew, which goes by the interval of the master that it follows.
                let skew = |other: &Host| {
                    ns(other.settings.interval.skew(host.settings.version, host.settings.priority))
                };
                let shortest = view.hosts.iter().map(skew).min().unwrap_or(0);
                let in_time =
                    host.settings.probe_limit > 0 && 2 * view.scenario.quality.max_delay + ACT < shortest;
                // It may have been silent for as long as it answers: a lease is shorter than three intervals.
                let answers = (0..view.hosts.len()).find(|other| {
                    *other != by
                        && is_followed(other)
                        && view.open(*other)
                        && view.hosts[*other].runs()
                        && view.reach(by, *other)
                        && view.reach(*other, by)
                });
                ensure(!calm || !in_time || answers.is_none(), || {
                    format!("{by} takes over although {answers:?} answers")
                })?;
                self.disturbed = view.now;
            }
            _ => {}
        }
        Ok(())
    }
}

/// What begins or ends at this moment for a host: several things may.
pub(super) fn troubles_of(view: &View<'_>, host: usize) -> impl Iterator<Item = Kind> {
    let now = view.now;
    let troubles =
        view.scenario.troubles.iter().filter(move |trouble| {
            trouble.host == host && (trouble.begins == now || trouble.ends == Some(now))
        });
    troubles.map(|trouble| trouble.kind)
}
