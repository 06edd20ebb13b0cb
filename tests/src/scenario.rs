//! What most scenarios begin with: routers that speak, and the question who answers.

use std::{net::Ipv4Addr, time::Duration};

use anyhow::{Context as _, Result, ensure};

use crate::{
    Answers, Ask, Lab, Stamp, Timeline,
    daemons::{Daemon, Router, Vrrpd},
    wait::Mark,
};

/// That of [`Router::default`].
pub const VRID: u8 = 51;
/// That of [`Router::default`].
pub const VIP: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 51);
/// For a router to speak: its process starts, and three intervals pass.
pub const PATIENCE: Duration = Duration::from_secs(20);
/// How often the client asks unless the scenario needs it more often.
pub const PER_SECOND: u32 = 1000;

/// Two `vrrpd` on a switch, `r1` with priority 100, `r2` with 90. `r1` is master at first.
#[derive(Debug)]
pub struct Pair {
    /// On `r1`.
    pub r1: Vrrpd,
    /// On `r2`.
    pub r2: Vrrpd,
    /// The settings of `r1`.
    pub first: Router,
    /// The settings of `r2`.
    pub second: Router,
    /// Where they are. Goes last.
    pub lab: Lab,
}

impl Pair {
    /// Starts both, with this interval, and waits until `r1` is master and `r2` has heard it.
    ///
    /// # Errors
    /// If that does not come about.
    pub fn start(advert_int: Duration) -> Result<Self> {
        Self::of(&Router { advert_int, ..Router::default() })
    }

    /// The same with the settings of the first.
    ///
    /// # Errors
    /// If that does not come about.
    pub fn of(first: &Router) -> Result<Self> {
        let (first, second) = (first.clone(), Router { priority: 90, ..first.clone() });
        let lab = Lab::with_routers(2)?;
        let r1 = start(&lab, "r1", &first)?;
        until_master(&lab, "r1", Mark::default()).with_context(|| format!("the log of r1:\n{}", r1.log()))?;
        let r2 = start(&lab, "r2", &second)?;
        until_state(&r2, "BACKUP")?;
        until_adverts(&lab, "r1", 2)?;
        Ok(Self { r1, r2, first, second, lab })
    }

    /// The daemon on a host, with its settings.
    pub fn router(&mut self, host: &str) -> (&mut Vrrpd, &Router) {
        if host == "r1" { (&mut self.r1, &self.first) } else { (&mut self.r2, &self.second) }
    }
}

/// Starts a `vrrpd` on a host.
///
/// # Errors
/// If it cannot be started.
pub fn start(lab: &Lab, host: &str, router: &Router) -> Result<Vrrpd> {
    Vrrpd::start(&lab.host(host)?.namespace, &lab.scratch(), router)
}

/// A host's first advert with a priority.
#[must_use]
pub fn speaks(timeline: Timeline<'_>, host: &str) -> Option<Stamp> {
    timeline.adverts_by(VRID, host).find(|(_, advert)| advert.priority > 0).map(|(frame, _)| frame.at)
}

/// Waits for a host's first advert after `mark`.
///
/// # Errors
/// If it stays silent.
pub fn until_master(lab: &Lab, host: &str, mark: Mark) -> Result<Stamp> {
    lab.wire().until(&format!("{host} is master"), mark, PATIENCE, |timeline| speaks(timeline, host))
}

/// Waits for so many further adverts of a host. The last has just been sent when this returns.
///
/// # Errors
/// If they do not come.
pub fn until_adverts(lab: &Lab, host: &str, count: usize) -> Result<()> {
    let mark = lab.wire().mark();
    lab.wire().until(&format!("{count} adverts of {host}"), mark, PATIENCE, |timeline| {
        timeline.adverts_by(VRID, host).nth(count.checked_sub(1)?).map(drop)
    })
}

/// Waits until a daemon says that its first router is in a state. For what the wire cannot show, such as that a
/// backup is ready.
///
/// # Errors
/// If it does not get there.
pub fn until_state(daemon: &Vrrpd, state: &str) -> Result<()> {
    until_status(daemon, &format!("state {state}"), |status| status["routers"][0]["state"] == state)
}

/// Waits until a daemon's status fulfils a condition.
///
/// # Errors
/// If it does not; with the last status.
pub fn until_status(
    daemon: &Vrrpd,
    what: &str,
    condition: impl Fn(&serde_json::Value) -> bool,
) -> Result<()> {
    let mut last = serde_json::Value::Null;
    let result = crate::wait::poll(what, PATIENCE, || {
        // Until the daemon has its socket there is no status.
        last = daemon.status().unwrap_or_default();
        Ok(condition(&last).then_some(()))
    });
    result.with_context(|| format!("the last status:\n{last:#}\nthe log:\n{}", daemon.log()))
}

/// Asks for the address over a window, and returns what came of it.
///
/// # Errors
/// If the asker does not start.
pub fn ask_for(lab: &Lab, ask: Ask, window: Duration) -> Result<Answers> {
    let asker = lab.ask(ask)?;
    std::thread::sleep(window);
    let answers = asker.finish();
    lab.wire().settle();
    ensure!(lab.wire().lost() == 0, "the capture lost frames: the machine is too busy");
    Ok(answers)
}

/// Waits for so many further adverts of a host, then asks over a window: the host alone answers, every time, and
/// alone advertises.
///
/// # Errors
/// If that is not so.
pub fn sole_owner_over(lab: &Lab, host: &str, window: Duration) -> Result<()> {
    let mark = lab.wire().mark();
    let answers = ask_for(lab, Ask::broadcast(VIP, PER_SECOND), window)?;
    let owner = answers.sole_owner()?;
    ensure!(owner == host, "{owner} answers, not {host}");
    lab.wire().look(mark, |timeline| {
        let masters = timeline.masters(VRID);
        ensure!(masters.keys().all(|master| *master == host), "adverts of {masters:?}, not of {host} alone");
        Ok(())
    })
}

/// Median, 95th percentile and maximum, in a line.
#[must_use]
pub fn distribution(values: &[f64]) -> String {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = |part: usize| sorted.get((sorted.len() * part / 100).min(sorted.len().saturating_sub(1)));
    match (at(50), at(95), sorted.last()) {
        (Some(median), Some(p95), Some(most)) => {
            format!("median {median:.3}, p95 {p95:.3}, max {most:.3} ms of {}", sorted.len())
        }
        _ => "no values".to_owned(),
    }
}
