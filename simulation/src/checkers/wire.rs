//! What is sent, and how often a daemon is busy.

use std::{collections::VecDeque, time::Duration};

use vrrp_common::{election::StateName, time::Time};

use super::{ACT, Checker, Seen, View, ensure, outranks};
use crate::trace::Moment;

/// What each host has done in its last intervals, by its own clock.
pub(super) struct Recent(Vec<VecDeque<Time>>);

impl Recent {
    pub(super) fn new(hosts: usize) -> Self {
        Self(vec![VecDeque::new(); hosts])
    }

    pub(super) fn count(&mut self, view: &View<'_>, host: usize, intervals: u32) -> usize {
        self.within(view, host, view.hosts[host].settings.interval.span() * intervals)
    }

    fn within(&mut self, view: &View<'_>, host: usize, window: Duration) -> usize {
        let now = view.hosts[host].clock(view.now);
        self.0[host].retain(|at| now.since(*at) < window);
        self.0[host].len()
    }

    pub(super) fn push(&mut self, view: &View<'_>, host: usize) {
        self.0[host].push_back(view.hosts[host].clock(view.now));
    }
}

/// RFC 9568 §6.4.3: a running master answers losing adverts at once, three of them in an interval.
pub(super) struct Answer {
    losing: Recent,
    /// Since when nothing from outside has befallen the host; what it read late may have used up its answers.
    undisturbed: Vec<Time>,
    due: Vec<(usize, u32, Moment)>,
}

impl Answer {
    pub(super) fn new(hosts: usize) -> Self {
        Self { losing: Recent::new(hosts), undisturbed: vec![Time::NEVER; hosts], due: Vec::new() }
    }

    fn hear(&mut self, view: &View<'_>, to: usize) {
        let host = &view.hosts[to];
        self.losing.push(view, to);
        // An answered farewell starts the interval anew, three times at most.
        let few = self.losing.count(view, to, 4) <= 3;
        let undisturbed = host.clock(view.now) >= self.undisturbed[to] + host.settings.interval.span();
        if few && undisturbed && host.runs() && host.state() == Some(StateName::Master) && view.open(to) {
            self.due.push((to, host.epoch, view.now + ACT));
        }
    }
}

impl Checker for Answer {
    fn name(&self) -> &'static str {
        "answer"
    }

    fn see(&mut self, view: &View<'_>, seen: &Seen) -> Result<(), String> {
        match *seen {
            Seen::Started { by: host }
            | Seen::Trouble { host }
            | Seen::Turned { by: host, configured: true } => {
                self.undisturbed[host] = view.hosts[host].clock(view.now);
            }
            Seen::Heard { to, advert, .. } if !outranks(advert, view.own(to)) => self.hear(view, to),
            Seen::Advertised { by, .. } | Seen::Changed { by, .. } => {
                self.due.retain(|(host, ..)| *host != by);
            }
            _ => {}
        }
        self.due.retain(|(host, epoch, _)| view.hosts[*host].epoch == *epoch);
        match self.due.iter().find(|(_, _, due)| *due < view.now) {
            Some((host, ..)) => Err(format!("{host} does not answer a losing advert")),
            None => Ok(()),
        }
    }
}

/// At most one advert an interval, three answers, and one for each of a change, a start and a farewell.
pub(super) struct Flood {
    recent: Recent,
}

impl Flood {
    pub(super) fn new(hosts: usize) -> Self {
        Self { recent: Recent::new(hosts) }
    }
}

impl Checker for Flood {
    fn name(&self) -> &'static str {
        "flood"
    }

    fn see(&mut self, view: &View<'_>, seen: &Seen) -> Result<(), String> {
        match *seen {
            Seen::Trouble { host } | Seen::Turned { by: host, configured: true } => {
                self.recent.0[host].clear();
            }
            // Its interval is learned, and who takes over after three of it does so in its pace.
            Seen::Heard { to, .. } if view.is_claimed(seen) => self.recent.0[to].clear(),
            Seen::Advertised { by, .. } => {
                self.recent.push(view, by);
                // A beat may come a sixteenth early, so that more than one interval would hold three of them where something
                // wakes the daemon all the time. This window may hold two, each with three answers.
                let window = view.hosts[by].settings.interval.span() * 15 / 16;
                let count = self.recent.within(view, by, window);
                ensure(count <= 8, || format!("{by} sends {count} adverts in one interval"))?;
            }
            _ => {}
        }
        Ok(())
    }
}

/// No busy loop: after a turn the deadline lies ahead, and turns without a reason are rare.
pub(super) struct Idle {
    turns: Recent,
}

impl Idle {
    pub(super) fn new(hosts: usize) -> Self {
        Self { turns: Recent::new(hosts) }
    }
}

/// Turns in one interval in which nothing was heard, sent or ordered. Two are a start's: with the data plane, and with the link.
const IDLE_TURNS: usize = 8;

impl Checker for Idle {
    fn name(&self) -> &'static str {
        "idle"
    }

    fn see(&mut self, view: &View<'_>, seen: &Seen) -> Result<(), String> {
        match *seen {
            Seen::Heard { to: host, .. } | Seen::Advertised { by: host, .. } | Seen::Trouble { host } => {
                self.turns.0[host].clear();
            }
            Seen::Turned { by, .. } => {
                let host = &view.hosts[by];
                let now = host.clock(view.now);
                let late = host.daemon.as_ref().is_some_and(|daemon| daemon.deadline() <= now);
                ensure(!late, || format!("the deadline of {by} has passed before its turn was over"))?;
                self.turns.push(view, by);
                let count = self.turns.count(view, by, 1);
                // A question and its answer are two more.
                let asks = if host.settings.probe_limit > 0 { 2 * IDLE_TURNS } else { IDLE_TURNS };
                return ensure(count <= asks, || {
                    format!("{by} wakes {count} times in an interval for nothing")
                });
            }
            _ => {}
        }
        Ok(())
    }
}
