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

/// Version 2 and keepalived discard such adverts: each would take the other for dead.
#[test]
fn different_intervals_in_version_2_are_named_by_the_backup_and_there_is_one_master() -> Result<()> {
    let lab = Lab::with_routers(2)?;
    let _r1 = of_version_2(&lab, "r1", 100, SECOND)?;
    let r2 = of_version_2(&lab, "r2", 90, 2 * SECOND)?;
    until_status(&r2, "the mismatch in the status", |status| {
        let mismatch = &status["routers"][0]["mismatch"];
        mismatch["source"] == "192.0.2.1"
            && mismatch["advert_int"]["theirs"] == "1s"
            && mismatch["advert_int"]["ours"] == "2s"
            && mismatch["is_deaf"] == true
    })?;
    until_status(&r2, "BACKUP", |status| status["routers"][0]["state"] == "BACKUP")?;
    let log = r2.log();
    let line = log.lines().find(|line| line.contains("MISMATCH"));
    let words = ["192.0.2.1", "advert_int 1s there, 2s here"];
    let named = line.is_some_and(|line| words.iter().all(|word| line.contains(word)));
    ensure!(named, "no line with {words:?}:\n{log}");
    let many = log.matches("MISMATCH").count();
    ensure!(many == 1, "{many} lines within a minute:\n{log}");
    Ok(())
}

/// Once the settings agree, nothing is left of it.
#[test]
fn a_mismatch_that_is_put_right_is_gone_from_the_status() -> Result<()> {
    let lab = Lab::with_routers(2)?;
    let _r1 = of_version_2(&lab, "r1", 100, SECOND)?;
    let mut r2 = of_version_2(&lab, "r2", 90, 2 * SECOND)?;
    let has_mismatch = |status: &serde_json::Value| status["routers"][0]["mismatch"].is_object();
    until_status(&r2, "the mismatch", has_mismatch)?;
    r2.reload(&Router { version: 2, priority: 90, advert_int: SECOND, ..Router::default() })?;
    until_status(&r2, "a status without the mismatch", |status| !has_mismatch(status))?;
    until_status(&r2, "BACKUP", |status| status["routers"][0]["state"] == "BACKUP")
}
