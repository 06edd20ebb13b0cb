//! Who is master, and why.

use std::{collections::HashSet, net::IpAddr};

use vrrp_common::{
    election::{Cause, Input, StateName},
    receive::Advert,
    time::Time,
    types::{AdvertInterval, Priority},
};

use super::{Checker, Seen, View, ensure, must_follow, ns};

/// Nobody takes over without cause, nor before its time: three intervals and the skew, to the nanosecond.
pub(super) struct Takeover {
    heard: Vec<Heard>,
    /// The shortest interval heard since the last turn.
    unread: Vec<Option<AdvertInterval>>,
    /// Who has advertised since each began to listen: once there is anybody to be followed, no farewell of others counts.
    spoke: Vec<HashSet<IpAddr>>,
}

/// What a host goes by.
#[derive(Clone, Copy)]
struct Heard {
    /// The last advert that it has to follow, or since when it listens.
    at: Time,
    /// Of that master; `None`: of its own.
    interval: Option<AdvertInterval>,
    advert: Option<Advert>,
    /// And the priority that it had then.
    released_at: Option<(Time, Priority)>,
}

impl Heard {
    const fn nothing_since(at: Time) -> Self {
        Self { at, interval: None, advert: None, released_at: None }
    }
}

impl Takeover {
    pub(super) fn new(hosts: usize) -> Self {
        Self {
            heard: vec![Heard::nothing_since(Time::BOOT); hosts],
            unread: vec![None; hosts],
            spoke: vec![HashSet::new(); hosts],
        }
    }

    fn hear(&mut self, view: &View<'_>, to: usize, advert: Advert) {
        let heard = &mut self.heard[to];
        let at = view.hosts[to].clock(view.now);
        // Of what is read in one turn, a stamp may be that of one advert and the interval that of another.
        let interval = self.unread[to].unwrap_or(advert.interval).min(advert.interval);
        self.unread[to] = Some(interval);
        let spoke = &mut self.spoke[to];
        if advert.priority != Priority::RELEASE {
            spoke.insert(advert.source);
        }
        if advert.priority == Priority::RELEASE {
            if heard.advert.is_some() && !spoke.contains(&advert.source) {
                return;
            }
            heard.released_at = heard.released_at.or(Some((at, view.hosts[to].settings.priority)));
        } else if must_follow(&view.hosts[to], advert) {
            *heard = Heard { at, interval: Some(interval), advert: Some(advert), released_at: None };
        } else if !view.hosts[to].settings.preempt_delay.is_zero() {
            // It may be followed for a while, and its interval be learned.
            let interval = heard.interval.unwrap_or(view.hosts[to].settings.interval);
            heard.interval = Some(interval.min(advert.interval));
        }
    }

    fn judge(&self, view: &View<'_>, by: usize, cause: Cause, was_open: bool) -> Result<(), String> {
        let host = &view.hosts[by];
        let (now, heard) = (host.clock(view.now), self.heard[by]);
        let settings = &host.settings;
        // Who follows nobody goes by its own interval, as it is now.
        let learned = heard.interval.unwrap_or(settings.interval);
        let interval = if heard.advert.is_some() { learned } else { learned.min(settings.interval) };
        // The formulas of the RFCs once more, in nanoseconds.
        let centisecond = u64::from(interval.as_centiseconds()) * 10_000_000;
        let unit = if settings.version.as_u8() == 2 { 1_000_000_000 } else { centisecond };
        let skew = |priority: Priority| (256 - u64::from(priority.as_u8())) * unit / 256;
        match cause {
            Cause::MasterDown | Cause::ProbeLimit => {
                let waited = ns(now.since(heard.at));
                ensure(waited >= 3 * centisecond + skew(settings.priority), || {
                    format!("{by} takes over {waited} ns after it heard a master or began to listen")
                })
            }
            Cause::MasterReleased => {
                let Some((released_at, then)) = heard.released_at else {
                    return Err(format!("{by} takes over from a master that has not left"));
                };
                let waited = ns(now.since(released_at));
                let silent = ns(now.since(heard.at)) >= 3 * centisecond + skew(settings.priority);
                // A takeover after a farewell keeps the skew that it began with, and is no later than without.
                ensure(silent || waited >= skew(settings.priority.max(then)), || {
                    format!("{by} takes over {waited} ns after a farewell")
                })
            }
            Cause::Owner => {
                // A change in the same turn may have come after the start.
                let owner = [settings.priority, host.plan.settings.priority].contains(&Priority::OWNER);
                ensure(owner, || format!("{by} is no owner"))
            }
            // See the checker of ports.
            Cause::Resumed => Ok(()),
            Cause::Adopted => ensure(was_open, || format!("{by} adopts a lease that is over")),
            other => Err(format!("{by} becomes master: {other}")),
        }
    }
}

impl Checker for Takeover {
    fn name(&self) -> &'static str {
        "takeover"
    }

    fn see(&mut self, view: &View<'_>, seen: &Seen) -> Result<(), String> {
        if let Seen::Turned { by, .. } = *seen {
            self.unread[by] = None;
        }
        match *seen {
            Seen::Started { by } => {
                self.heard[by] = Heard::nothing_since(view.hosts[by].clock(view.now));
                self.spoke[by].clear();
            }
            Seen::Heard { to, advert, .. } => self.hear(view, to, advert),
            Seen::Changed { by, transition, was_open, .. } => match transition.to {
                StateName::Master => self.judge(view, by, transition.cause, was_open)?,
                StateName::Backup if let Cause::Outranked(advert) = transition.cause => {
                    // Who adopts a lease reads what came before it started, too, and the shortest interval in that.
                    self.spoke[by].insert(advert.source);
                    let unread = self.unread[by];
                    let heard = &mut self.heard[by];
                    if heard.advert.is_none() {
                        let others = [heard.interval, unread].into_iter().flatten();
                        let interval = others.fold(advert.interval, AdvertInterval::min);
                        *heard = Heard { interval: Some(interval), advert: Some(advert), ..*heard };
                    }
                }
                StateName::Backup if !matches!(transition.cause, Cause::Outranked(_)) => {
                    // What it reads late it learns from all the same.
                    let Heard { released_at, interval, .. } = self.heard[by];
                    let now = view.hosts[by].clock(view.now);
                    let interval = interval.map(|interval| interval.min(view.hosts[by].settings.interval));
                    let released_at = released_at.map(|(_, priority)| (now, priority));
                    self.heard[by] = Heard { released_at, interval, ..Heard::nothing_since(now) };
                }
                _ => {}
            },
            Seen::Turned { by, configured: true } => {
                // What need not be followed any more does not count any more.
                let heard = &mut self.heard[by];
                heard.released_at = heard.released_at.map(|(_, priority)| (Time::BOOT, priority));
                if heard.advert.is_some_and(|advert| !must_follow(&view.hosts[by], advert)) {
                    *heard = Heard { at: Time::BOOT, advert: None, ..*heard };
                }
            }
            _ => {}
        }
        Ok(())
    }
}

/// I6: a master that was silent for three intervals does not go on, and no other steps down for silence.
pub(super) struct Silence {
    last: Vec<Option<(Time, Advert)>>,
}

impl Silence {
    pub(super) fn new(hosts: usize) -> Self {
        Self { last: vec![None; hosts] }
    }

    fn was_silent(&self, view: &View<'_>, by: usize) -> bool {
        let now = view.hosts[by].clock(view.now);
        self.last[by].is_none_or(|(at, advert)| now.since(at) >= advert.interval.span() * 3)
    }
}

impl Checker for Silence {
    fn name(&self) -> &'static str {
        "silence"
    }

    fn see(&mut self, view: &View<'_>, seen: &Seen) -> Result<(), String> {
        match *seen {
            Seen::Changed { by, transition, .. } if transition.cause == Cause::Silent => {
                ensure(self.was_silent(view, by), || format!("{by} steps down although it was not silent"))
            }
            Seen::Changed { by, transition, .. } if transition.to == StateName::Master => {
                let at = view.hosts[by].clock(view.now);
                self.last[by] = Some((at, view.own(by)));
                Ok(())
            }
            // What a backup says is a last word, which opens no door.
            Seen::Advertised { by, .. } if view.hosts[by].state() == Some(StateName::Backup) => Ok(()),
            Seen::Advertised { by, advert, .. } if advert.priority != Priority::RELEASE => {
                ensure(!self.was_silent(view, by), || format!("{by} goes on as master after a silence"))?;
                self.last[by] = Some((view.hosts[by].clock(view.now), advert));
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

/// I9: neither a change nor a new daemon moves the role, and a change is on the wire at once; nothing else is.
#[derive(Default)]
pub(super) struct Change {
    advertised: bool,
}

impl Checker for Change {
    fn name(&self) -> &'static str {
        "change"
    }

    fn see(&mut self, view: &View<'_>, seen: &Seen) -> Result<(), String> {
        match *seen {
            Seen::Changed { by, transition, input: Input::Configure(_), .. } => {
                let cause = transition.cause;
                ensure(cause == Cause::Silent, || format!("a change moves the role of {by}: {cause}"))
            }
            Seen::Changed { by, transition, input: Input::Adopt(_), was_open: true } => {
                let to = transition.to;
                ensure(to == StateName::Master, || format!("{by} starts within its lease, and as {to}"))
            }
            Seen::Advertised { by, advert, .. } => {
                self.advertised = true;
                let known = [Priority::RELEASE, view.hosts[by].settings.priority];
                ensure(known.contains(&advert.priority), || {
                    format!("{by} advertises priority {}, which is not its own", advert.priority)
                })
            }
            Seen::Turned { by, configured } => {
                let missing =
                    configured && !self.advertised && view.hosts[by].state() == Some(StateName::Master);
                self.advertised = false;
                ensure(!missing, || format!("{by} does not advertise its change"))
            }
            _ => Ok(()),
        }
    }
}

/// After quiet one host answers, the right one, and nothing changes any more.
pub(super) struct Convergence;

impl Checker for Convergence {
    fn name(&self) -> &'static str {
        "convergence"
    }

    fn see(&mut self, view: &View<'_>, seen: &Seen) -> Result<(), String> {
        match *seen {
            Seen::Changed { by, transition, .. } => ensure(view.now < view.scenario.settled, || {
                format!(
                    "{by} is still changing: {} → {}, {}",
                    transition.from, transition.to, transition.cause
                )
            }),
            Seen::End => right_master(view),
            _ => Ok(()),
        }
    }
}

fn right_master(view: &View<'_>) -> Result<(), String> {
    let taking_part = |name| matches!(name, Some(StateName::Master | StateName::Backup));
    let alive: Vec<_> = (0..view.hosts.len()).filter(|host| taking_part(view.hosts[*host].state())).collect();
    let open: Vec<_> = (0..view.hosts.len()).filter(|host| view.open(*host)).collect();
    let masters: Vec<_> =
        alive.iter().copied().filter(|host| view.hosts[*host].state() == Some(StateName::Master)).collect();
    if alive.is_empty() {
        return ensure(open.is_empty(), || format!("{open:?} answer and nobody takes part"));
    }
    ensure(open == masters, || format!("{open:?} answer, {masters:?} are master"))?;
    let [master] = *masters else { return Err(format!("masters: {masters:?} of {alive:?}")) };
    let advert = view.own(master);
    let wronged = alive.iter().find(|host| **host != master && !must_follow(&view.hosts[**host], advert));
    ensure(wronged.is_none(), || format!("{master} is master, but {wronged:?} preempts"))
}
