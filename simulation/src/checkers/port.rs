//! Who is behind a port that lets nothing through is silent once it can know, and listens when it does.

use vrrp_common::{
    election::{Cause, SPANNING_TREE, StateName},
    receive::Advert,
    time::Time,
    types::{AdvertInterval, Priority},
};

use super::{Checker, Seen, View, ensure};

/// What each host can know of its port, and what it has said.
pub(super) struct Port {
    /// When the link came up, if it has had a turn since the switch spoke its spanning tree then.
    knows: Vec<Option<Time>>,
    last: Vec<Option<(Time, Advert)>>,
    /// The shortest interval that each has heard since its link came up, and when that was.
    heard: Vec<Option<(Option<Time>, AdvertInterval)>>,
}

impl Port {
    pub(super) fn new(hosts: usize) -> Self {
        Self { knows: vec![None; hosts], last: vec![None; hosts], heard: vec![None; hosts] }
    }

    /// What a master has said through a link is known until that link goes, whatever is configured since.
    fn hear(&mut self, view: &View<'_>, to: usize, advert: Advert) {
        let since = view.hosts[to].port.settling.since;
        let before = self.heard[to].filter(|(then, _)| *then == since);
        let shortest = before.map_or(advert.interval, |(_, interval)| interval.min(advert.interval));
        self.heard[to] = Some((since, shortest));
    }

    /// A silence is none before it has lasted for three intervals after the first frame that came through: of the master's
    /// interval, which is one that was heard since the link came up, or of its own, where nobody was.
    fn judge(&self, view: &View<'_>, by: usize) -> Result<(), String> {
        let host = &view.hosts[by];
        let settling = host.port.settling;
        let waits = settling.spanning_tree && !is_over(view, by);
        if !waits || host.settings.priority == Priority::OWNER {
            return Ok(());
        }
        let Some(at) = settling.forwarded else {
            return Err(format!("{by} takes over, and nothing has come through its port"));
        };
        let heard =
            self.heard[by].filter(|(since, _)| *since == settling.since).map(|(_, interval)| interval);
        // A start and a change may have come in one turn.
        let own = host.settings.interval.min(host.plan.settings.interval);
        let shortest = heard.map_or(own, |heard| heard.min(own)).span();
        let listened = host.clock(view.now).since(at);
        ensure(listened >= shortest * 3, || {
            format!("{by} takes over {listened:?} after its port has let the first frame through")
        })
    }
}

/// Whether no port is waited for any longer.
fn is_over(view: &View<'_>, host: usize) -> bool {
    let host = &view.hosts[host];
    host.port.settling.since.is_some_and(|since| host.clock(view.now) >= since + SPANNING_TREE)
}

impl Checker for Port {
    fn name(&self) -> &'static str {
        "port"
    }

    fn see(&mut self, view: &View<'_>, seen: &Seen) -> Result<(), String> {
        match *seen {
            Seen::Started { by } => self.knows[by] = None,
            Seen::Heard { to, advert, .. } => self.hear(view, to, advert),
            Seen::Changed { by, transition, .. } if transition.to == StateName::Master => {
                match transition.cause {
                    Cause::MasterDown => self.judge(view, by)?,
                    Cause::Resumed => {
                        let now = view.hosts[by].clock(view.now);
                        let leased =
                            self.last[by].is_some_and(|(at, advert)| now < at + advert.interval.lease());
                        ensure(leased, || format!("{by} goes on after its lease"))?;
                    }
                    _ => {}
                }
            }
            Seen::Advertised { by, advert, .. } => {
                let port = view.hosts[by].port;
                let knows = self.knows[by].is_some() && self.knows[by] == port.settling.since;
                let blocked = knows && port.shut && port.settling.forwarded.is_none();
                let blocked = blocked && !is_over(view, by);
                ensure(!blocked || advert.priority == Priority::RELEASE, || {
                    format!("{by} speaks behind a port that lets nothing through")
                })?;
                self.last[by] = Some((view.hosts[by].clock(view.now), advert));
            }
            Seen::Turned { by, .. } => {
                let settling = view.hosts[by].port.settling;
                self.knows[by] = settling.since.filter(|_| settling.spanning_tree);
            }
            _ => {}
        }
        Ok(())
    }
}
