//! What operators get wrong, and how they are told.

use std::time::Duration;

use anyhow::{Result, ensure};
use tests::{
    Lab,
    daemons::{Daemon as _, Router, Vrrpd},
    scenario::{start, until_status},
};

const SECOND: Duration = Duration::from_secs(1);

/// A `vrrpd` of version 2, whose log and status are to name the other's interval.
fn of_version_2(lab: &Lab, host: &str, priority: u8, advert_int: Duration) -> Result<Vrrpd> {
    start(lab, host, &Router { version: 2, priority, advert_int, ..Router::default() })
}

/// Both discard what the other sends (RFC 3768 §7.1), so both are master: nothing else says why.
#[test]
fn different_intervals_in_version_2_are_named_in_both_logs_and_in_status() -> Result<()> {
    let lab = Lab::with_routers(2)?;
    let r1 = of_version_2(&lab, "r1", 100, SECOND)?;
    let r2 = of_version_2(&lab, "r2", 90, 2 * SECOND)?;
    for (daemon, other, theirs, ours) in [(&r1, "192.0.2.2", "2s", "1s"), (&r2, "192.0.2.1", "1s", "2s")] {
        until_status(daemon, "the mismatch in the status", |status| {
            let mismatch = &status["routers"][0]["interval_mismatch"];
            mismatch["source"] == other
                && mismatch["theirs"] == theirs
                && mismatch["ours"] == ours
                && mismatch["is_discarded"] == true
        })?;
        until_status(daemon, "MASTER, as no advert counts", |status| {
            status["routers"][0]["state"] == "MASTER"
        })?;
        let log = daemon.log();
        let line = log.lines().find(|line| line.contains("advertisement intervals differ"));
        let named = line.is_some_and(|line| [other, theirs, ours].iter().all(|word| line.contains(word)));
        ensure!(named, "no line with {other}, {theirs} and {ours}:\n{log}");
        let many = log.matches("advertisement intervals differ").count();
        ensure!(many == 1, "{many} lines within a minute:\n{log}");
    }
    Ok(())
}

/// Once the settings agree, nothing is left of it.
#[test]
fn a_mismatch_that_is_put_right_is_gone_from_the_status() -> Result<()> {
    let lab = Lab::with_routers(2)?;
    let r1 = of_version_2(&lab, "r1", 100, SECOND)?;
    let mut r2 = of_version_2(&lab, "r2", 90, 2 * SECOND)?;
    let has_mismatch = |status: &serde_json::Value| status["routers"][0]["interval_mismatch"].is_object();
    until_status(&r1, "the mismatch", has_mismatch)?;
    r2.reload(&Router { version: 2, priority: 90, advert_int: SECOND, ..Router::default() })?;
    until_status(&r2, "BACKUP, as adverts count again", |status| status["routers"][0]["state"] == "BACKUP")?;
    for daemon in [&r1, &r2] {
        until_status(daemon, "a status without the mismatch", |status| !has_mismatch(status))?;
    }
    Ok(())
}
