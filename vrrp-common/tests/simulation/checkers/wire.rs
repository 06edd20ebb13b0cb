//! What is sent, and how often a daemon is busy.

use std::collections::VecDeque;

use vrrp_common::{election::StateName, time::Time, types::Priority};

use super::{ACT, Checker, Seen, View, ensure, outranks};
use crate::trace::Moment;

/// The adverts of each host in its last interval, by its own clock.
struct Recent(Vec<VecDeque<Time>>);

impl Recent {
    fn new(hosts: usize) -> Self {
        Self(vec![VecDeque::new(); hosts])
    }

    fn count(&mut self, view: &View<'_>, host: usize) -> usize {
        let now = view.hosts[host].clock(view.now);
        let interval = view.hosts[host].settings.interval.span();
        self.0[host].retain(|at| now.since(*at) < interval);
        self.0[host].len()
    }

    fn push(&mut self, view: &View<'_>, host: usize) {
        self.0[host].push_back(view.hosts[host].clock(view.now));
    }
}

/// RFC 9568 §6.4.3: a running master answers a losing advert at once, three times in an interval.
pub(super) struct Answer {
    recent: Recent,
    due: Vec<(usize, u32, Moment)>,
}

impl Answer {
    pub(super) fn new(hosts: usize) -> Self {
        Self { recent: Recent::new(hosts), due: Vec::new() }
    }
}

impl Checker for Answer {
    fn name(&self) -> &'static str {
        "answer"
    }

    fn see(&mut self, view: &View<'_>, seen: &Seen) -> Result<(), String> {
        match *seen {
            Seen::Advertised { by, .. } => {
                self.recent.push(view, by);
                self.due.retain(|(host, ..)| *host != by);
            }
            Seen::Heard { to, advert, .. } => {
                let losing = advert.priority != Priority::RELEASE && !outranks(advert, view.own(to));
                let master = view.hosts[to].runs() && view.hosts[to].state() == Some(StateName::Master);
                if losing && master && view.open(to) && self.recent.count(view, to) < 3 {
                    self.due.push((to, view.hosts[to].epoch, view.now + ACT));
                }
            }
            Seen::Changed { by, .. } => self.due.retain(|(host, ..)| *host != by),
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
                self.recent.0[host].clear()
            }
            Seen::Advertised { by, .. } => {
                self.recent.push(view, by);
                let count = self.recent.count(view, by);
                // The beat may lie anywhere in the window: twice three answers.
                return ensure(count <= 9, || format!("{by} sends {count} adverts in one interval"));
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

/// Turns in one interval in which nothing was heard, sent or ordered.
const IDLE_TURNS: usize = 6;

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
                let late = host.daemon.as_ref().is_some_and(|daemon| daemon.subject.deadline(now) <= now);
                ensure(!late, || format!("the deadline of {by} has passed before its turn was over"))?;
                self.turns.push(view, by);
                let count = self.turns.count(view, by);
                return ensure(count <= IDLE_TURNS, || {
                    format!("{by} wakes {count} times in an interval for nothing")
                });
            }
            _ => {}
        }
        Ok(())
    }
}
