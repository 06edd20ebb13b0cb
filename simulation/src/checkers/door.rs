//! Who answers, and for how long.

use std::{collections::HashMap, net::IpAddr};

use vrrp_common::{
    election::{Cause, Settings, StateName},
    receive::Advert,
    time::Time,
    types::{AdvertInterval, Priority},
};

use super::{
    ACT, Checker, Seen, View, alone::troubles_of, ensure, grace, must_follow, ns, outranks, wire::Recent,
};
use crate::{faults::Kind, trace::Moment};

/// I1, I2: who answers has sent an advert that those who heard it still wait for; a leaving one, for one interval.
pub(super) struct Lease {
    /// Last advert of each host, with its own clock.
    last: Vec<Option<(Time, Advert)>>,
    /// When something last befell each host from outside.
    trouble: Vec<Moment>,
}

impl Lease {
    pub(super) fn new(hosts: usize) -> Self {
        Self { last: vec![None; hosts], trouble: vec![0; hosts] }
    }
}

impl Checker for Lease {
    fn name(&self) -> &'static str {
        "lease"
    }

    fn see(&mut self, view: &View<'_>, seen: &Seen) -> Result<(), String> {
        if let Seen::Trouble { host } | Seen::Started { by: host } = *seen {
            self.trouble[host] = view.now;
        }
        if let Seen::Advertised { by, advert, .. } = *seen {
            let at = view.hosts[by].clock(view.now);
            let farewell = advert.priority == Priority::RELEASE;
            // The lease that a farewell finds is that of the advert before; it only shortens it.
            let running = view.hosts[by].runs() && view.hosts[by].state() == Some(StateName::Leaving);
            if !farewell || running {
                self.last[by] = Some((at, advert));
            }
        }
        for (index, host) in view.hosts.iter().enumerate().filter(|(index, _)| view.open(*index)) {
            let now = host.clock(view.now);
            let Some((at, advert)) = self.last[index] else {
                return Err(format!("{index} answers and has never advertised"));
            };
            // Between its farewell and the store that shortens the lease a daemon may die, or be paused and go on.
            let undisturbed = host.runs() && view.now > self.trouble[index] + ACT;
            let bound = match advert.priority {
                Priority::RELEASE if undisturbed => {
                    advert.interval.span() + core::time::Duration::from_nanos(ACT)
                }
                _ => advert.interval.lease(),
            };
            ensure(now <= at + bound, || {
                format!("{index} answers {:?} after its last advert", now.since(at))
            })?;
        }
        Ok(())
    }
}

/// Nobody takes over while one answers that it has just heard and has to follow, crashed, paused or cut off.
pub(super) struct Followed {
    last_sent: Vec<u64>,
    heard: Vec<Option<(usize, u64, Advert)>>,
    /// The interval heard since the last turn; `Some(None)` when there are several.
    unread: Vec<Option<Option<AdvertInterval>>>,
}

impl Followed {
    pub(super) fn new(hosts: usize) -> Self {
        Self { last_sent: vec![0; hosts], heard: vec![None; hosts], unread: vec![None; hosts] }
    }

    fn hear(&mut self, view: &View<'_>, to: usize, (from, serial): (usize, u64), advert: Advert) {
        // Of what is read in one turn, a stamp may be that of one advert and the interval that of another.
        let unread = self.unread[to].get_or_insert(Some(advert.interval));
        *unread = unread.filter(|interval| *interval == advert.interval);
        let follows = must_follow(&view.hosts[to], advert) && unread.is_some();
        // What a stranger says is none of theirs, unless it is master in the place of that one, by what that one has said.
        self.heard[to] = if from < view.hosts.len() {
            follows.then_some((from, serial, advert))
        } else {
            self.heard[to].filter(|(_, _, of_master)| !outranks(advert, *of_master))
        };
    }
}

impl Checker for Followed {
    fn name(&self) -> &'static str {
        "followed"
    }

    fn see(&mut self, view: &View<'_>, seen: &Seen) -> Result<(), String> {
        if let Seen::Turned { by, .. } = *seen {
            self.unread[by] = None;
        }
        match *seen {
            Seen::Started { by } | Seen::Turned { by, configured: true } => self.heard[by] = None,
            Seen::Advertised { by, serial, .. } => self.last_sent[by] = serial,
            Seen::Heard { to, from, serial, advert } => self.hear(view, to, (from, serial), advert),
            // Who begins to listen has heard nobody yet, and goes by its own interval.
            Seen::Changed { by, transition, .. }
                if matches!(transition.cause, Cause::Started | Cause::Silent) =>
            {
                self.heard[by] = None;
            }
            Seen::Changed { by, transition, .. } if transition.to == StateName::Master => {
                // Who becomes master has waited for that one, or believed a farewell, for as long as it had to.
                let heard = self.heard[by].take();
                let Some((master, serial, _)) = heard.filter(|_| transition.cause == Cause::MasterDown)
                else {
                    return Ok(());
                };
                let answers = self.last_sent[master] == serial && view.open(master);
                return ensure(!answers, || {
                    format!("{by} takes over while {master} answers, as it has heard")
                });
            }
            _ => {}
        }
        Ok(())
    }
}

/// A running master that has heard a better one is silent within `W`.
#[derive(Default)]
pub(super) struct Outranked {
    due: Vec<(usize, u32, Moment)>,
}

impl Checker for Outranked {
    fn name(&self) -> &'static str {
        "outranked"
    }

    fn see(&mut self, view: &View<'_>, seen: &Seen) -> Result<(), String> {
        if let Seen::Heard { to, advert, .. } = *seen
            && view.hosts[to].runs()
            && view.open(to)
            && outranks(advert, view.own(to))
        {
            let leaving = view.hosts[to].state() == Some(StateName::Leaving);
            let due = view.now + ACT + if leaving { grace(advert) } else { 0 };
            self.due.push((to, view.hosts[to].epoch, due));
        }
        self.due.retain(|(host, epoch, _)| view.open(*host) && view.hosts[*host].epoch == *epoch);
        match self.due.iter().find(|(_, _, due)| *due < view.now) {
            Some((host, ..)) => Err(format!("{host} answers although it has heard a better master")),
            None => Ok(()),
        }
    }
}

/// When two hosts began to answer at once, and their epochs then.
type Since = (Moment, [u32; 2]);

/// On a calm network two running hosts answer at once for two ways of an advert at most; for one interval more when
/// the better one has used up its answers, or one has missed the other's advert, because it was suspended: then the next one counts.
pub(super) struct Overlap {
    since: Vec<Vec<Option<Since>>>,
    losing: Recent,
    /// When each was suspended last, or woke from that.
    slept: Vec<Option<Moment>>,
}

impl Overlap {
    pub(super) fn new(hosts: usize) -> Self {
        Self { since: vec![vec![None; hosts]; hosts], losing: Recent::new(hosts), slept: vec![None; hosts] }
    }
}

impl Overlap {
    fn bound(&mut self, view: &View<'_>, both: [usize; 2], began: Moment) -> u64 {
        let usual = 2 * (view.scenario.quality.max_delay + ACT) + grace(view.own(both[0]));
        let interval = |host: usize| ns(view.hosts[host].settings.interval.span());
        let longest = both.map(interval).into_iter().max().unwrap_or(0);
        let missed = both.iter().filter_map(|host| self.slept[*host]).any(|woke| began <= woke + longest);
        let unanswered = both.into_iter().filter(|host| self.losing.count(view, *host, 4) > 3);
        let more = if missed { longest } else { unanswered.map(interval).max().unwrap_or(0) };
        usual + more * 102 / 100
    }
}

impl Checker for Overlap {
    fn name(&self) -> &'static str {
        "overlap"
    }

    fn see(&mut self, view: &View<'_>, seen: &Seen) -> Result<(), String> {
        if !view.scenario.is_calm() {
            return Ok(());
        }
        if let Seen::Heard { to, advert, .. } = *seen
            && !outranks(advert, view.own(to))
        {
            self.losing.push(view, to);
        }
        if let Seen::Trouble { host } = *seen
            && troubles_of(view, host).any(|kind| kind == Kind::Sleep)
        {
            self.slept[host] = Some(view.now);
        }
        for (a, b) in pairs(view.hosts.len()) {
            let epochs = [view.hosts[a].epoch, view.hosts[b].epoch];
            let since = &mut self.since[a][b];
            let overlap = view.open(a) && view.open(b) && view.hosts[a].runs() && view.hosts[b].runs();
            *since = match *since {
                Some((began, then)) if overlap && then == epochs => Some((began, then)),
                _ => overlap.then_some((view.now, epochs)),
            };
            let Some((began, _)) = *since else { continue };
            let longest = view.now - began;
            let bound = self.bound(view, [a, b], began);
            ensure(longest <= bound, || format!("{a} and {b} both answer for {longest} ns"))?;
        }
        Ok(())
    }
}

fn pairs(hosts: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..hosts).flat_map(move |a| (a + 1..hosts).map(move |b| (a, b)))
}

/// I7: on a calm network a stop hands over within skew and the way of two adverts, and somebody answers all the time.
#[derive(Default)]
pub(super) struct Handover {
    running: Option<Leave>,
    /// Who advertised last as master, and who before.
    spoke: [Option<(usize, Moment)>; 2],
    /// From where each has advertised, and until when it may be taken for alive there.
    known: HashMap<IpAddr, (usize, Moment)>,
    /// Until when a box that is no host and has spoken as master may be waited for.
    strange_until: Moment,
}

struct Leave {
    host: usize,
    due: Moment,
    epochs: Vec<u32>,
}

impl Handover {
    fn begin(&self, view: &View<'_>, host: usize) -> Option<Leave> {
        let delay = view.scenario.quality.max_delay;
        // An advert of the master before may still be on its way, and be taken for the successor's.
        let others = self.spoke.iter().flatten().filter(|(by, _)| *by != host);
        let late = others.map(|(_, at)| at + delay + ACT).max().unwrap_or(0);
        if view.now <= late {
            return None;
        }
        // Its own former address may be taken for another master's that outranks it.
        let Settings { address, interval, .. } = view.hosts[host].settings;
        if self.known.iter().any(|(other, (by, until))| *by == host && *other > address && *until > view.now)
        {
            return None;
        }
        // A box that is no host and speaks as master too may be followed by now, or be waited for because it outranks who leaves.
        if self.strange_until > view.now {
            return None;
        }
        let skews = view.hosts.iter().filter(|other| other.runs()).filter_map(|other| {
            let vrrp_common::election::State::Backup(backup) = other.election()?.state() else {
                return None;
            };
            let follows = backup
                .master
                .is_some_and(|master| self.known.get(&master.source).is_some_and(|(by, _)| *by == host));
            // An advert with a changed interval may still be on its way.
            let learned = backup.interval.max(interval);
            follows.then(|| ns(learned.skew(other.settings.version, other.settings.priority)))
        });
        let takes = skews.min()? * 102 / 100 + 2 * (delay + ACT);
        let in_time = takes < ns(view.hosts[host].settings.interval.span()) * 98 / 100;
        // A farewell prolongs no lease: after a pause there may be little of it left.
        let due = view.now + takes;
        let leased = view.hosts[host].moment(view.hosts[host].lease_until()) > due;
        let epochs = view.hosts.iter().map(|host| host.epoch).collect();
        (in_time && leased).then_some(Leave { host, due, epochs })
    }
}

impl Checker for Handover {
    fn name(&self) -> &'static str {
        "handover"
    }

    fn see(&mut self, view: &View<'_>, seen: &Seen) -> Result<(), String> {
        if let Seen::Advertised { by, advert, .. } = *seen
            && advert.priority != Priority::RELEASE
        {
            self.known.insert(advert.source, (by, view.now + ns(advert.interval.span()) * 5 / 4));
            let before = self.spoke.into_iter().flatten().find(|(other, _)| *other != by);
            self.spoke = [Some((by, view.now)), before];
        }
        if let Seen::Changed { by, transition, was_open: true, .. } = *seen
            && transition.to == StateName::Leaving
            // And nothing has become of it in the same turn.
            && view.hosts[by].state() == Some(StateName::Leaving)
            && view.scenario.is_calm()
        {
            self.running = self.begin(view, by);
        }
        // A box that speaks as master is the successor.
        if let Seen::Heard { from, advert, .. } = *seen
            && from >= view.hosts.len()
            && advert.priority != Priority::RELEASE
        {
            self.running = None;
            let next = view.now + ns(advert.interval.span()) * 9 / 8;
            self.strange_until = self.strange_until.max(next);
        }
        let Some(leave) = &self.running else { return Ok(()) };
        let disturbed = view.hosts.iter().zip(&leave.epochs).any(|(host, epoch)| host.epoch != *epoch);
        let succeeded = (0..view.hosts.len()).any(|host| host != leave.host && view.open(host));
        if disturbed || succeeded {
            self.running = None;
            return Ok(());
        }
        let host = leave.host;
        ensure(view.open(host), || format!("nobody answers after {host} has said that it leaves"))?;
        ensure(view.now <= leave.due, || format!("nobody succeeds {host}"))
    }
}
