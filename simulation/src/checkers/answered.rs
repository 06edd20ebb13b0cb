//! That the address is answered for.

use vrrp_common::election::StateName;

use super::{ACT, Checker, Seen, View, ensure, ns};
use crate::trace::Moment;

/// On a calm network with hosts that take part nobody answers for as long as a takeover takes, and not for longer. A stranger
/// that says farewell is no trouble of anybody's; one that is master by the RFC answers, for all that can be known here.
#[derive(Default)]
pub(super) struct Answered {
    /// Since when nobody has answered, and nothing else has gone wrong.
    since: Option<Moment>,
    /// What a takeover takes, by the slowest interval that anybody has gone by meanwhile.
    bound: u64,
}

/// Three intervals and the skew, which is less than one, of the slowest: of what it has configured, or of the masters that it
/// waits for, which another one was configured with before.
fn takeover(view: &View<'_>) -> u64 {
    4 * slowest(view) * 102 / 100 + 2 * (view.scenario.quality.max_delay + ACT)
}

/// The slowest interval that anybody goes by.
pub(super) fn slowest(view: &View<'_>) -> u64 {
    let configured = view.hosts.iter().flat_map(|host| [host.settings.interval, host.plan.settings.interval]);
    let learned = view.hosts.iter().filter_map(|host| {
        let vrrp_common::election::State::Backup(backup) = host.election()?.state() else {
            return None;
        };
        let others = backup.superiors.iter().chain(backup.beside).map(|other| other.advert.interval);
        others.chain([backup.interval]).max()
    });
    configured.chain(learned).map(|interval| ns(interval.span())).max().unwrap_or(0)
}

fn takes_part(view: &View<'_>, host: usize) -> bool {
    let state = view.hosts[host].state();
    view.hosts[host].runs() && matches!(state, Some(StateName::Backup | StateName::Master))
}

impl Checker for Answered {
    fn name(&self) -> &'static str {
        "answered"
    }

    fn see(&mut self, view: &View<'_>, seen: &Seen) -> Result<(), String> {
        if !view.scenario.is_calm() {
            return Ok(());
        }
        let hosts = 0..view.hosts.len();
        let dead =
            hosts.clone().all(|host| !view.open(host)) && hosts.clone().any(|host| takes_part(view, host));
        if !dead {
            self.since = None;
            return Ok(());
        }
        let disturbed = matches!(
            seen,
            Seen::Trouble { .. } | Seen::Started { .. } | Seen::Turned { configured: true, .. }
        ) || view.is_claimed(seen);
        let since = self.since.filter(|_| !disturbed);
        self.bound = since.map_or(0, |_| self.bound).max(takeover(view));
        let dead_for = view.now - *self.since.insert(since.unwrap_or(view.now));
        ensure(dead_for <= self.bound, || format!("nobody has answered for {dead_for} ns"))
    }
}
