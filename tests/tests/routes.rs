//! Routes, rules and addresses outside the advert go with the role.

use std::{net::Ipv4Addr, time::Duration};

use anyhow::{Result, ensure};
use tests::{
    Ask, Lab,
    daemons::{Daemon as _, Router},
    scenario::{PATIENCE, PER_SECOND, VRID, ask_for, start, until_master, until_state},
    wait::{Mark, poll},
};

const ADVERT_INT: Duration = Duration::from_millis(100);
const EXCLUDED: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 60);
const ROUTE: &str = "10.9.0.0/16 via 192.0.2.200";
const TABLE_ROUTE: &str = "default via 192.0.2.200";

fn router(priority: u8, preempt: bool) -> Router {
    let extra = [
        "virtual_ipaddress_excluded = [\"192.0.2.60/32\"]",
        // Its source is there only while the address is.
        "virtual_routes = [\"10.9.0.0/16 via 192.0.2.200 src 192.0.2.60\", \"default via 192.0.2.200 table 1000\"]",
        "virtual_rules = [\"from 192.0.2.60 table 1000 priority 1000\"]",
    ];
    let extra = extra.map(str::to_owned).to_vec();
    Router { priority, preempt, advert_int: ADVERT_INT, extra, ..Router::default() }
}

/// How many of address, routes and rule a host has.
fn belongings(lab: &Lab, host: &str) -> Result<usize> {
    let host = &lab.host(host)?.namespace;
    let shown = [
        host.ip("-o -4 address show dev eth0")?.contains(&format!("{EXCLUDED}/32")),
        host.ip("route show proto 18")?.contains(ROUTE),
        // A table that has never had a route is an error to `ip`.
        host.ip("route show table 1000").unwrap_or_default().contains(TABLE_ROUTE),
        host.ip("rule show")?.contains("from 192.0.2.60 lookup 1000"),
    ];
    Ok(shown.into_iter().filter(|there| *there).count())
}

fn until_belongings(lab: &Lab, host: &str, what: &str, count: usize) -> Result<()> {
    poll(&format!("{host}: {what}"), PATIENCE, || Ok((belongings(lab, host)? == count).then_some(())))
}

#[test]
fn i3_they_come_and_go_with_the_role_and_a_killed_master_does_not_answer_for_excluded_addresses() -> Result<()>
{
    let lab = Lab::with_routers(2)?;
    let mut r1 = start(&lab, "r1", &router(100, false))?;
    until_master(&lab, "r1", Mark::default())?;
    let mut r2 = start(&lab, "r2", &router(90, false))?;
    until_state(&r2, "BACKUP")?;
    until_belongings(&lab, "r1", "the master has them", 4)?;
    ensure!(belongings(&lab, "r2")? == 0, "the backup has some");
    let answers = ask_for(&lab, Ask::broadcast(EXCLUDED, PER_SECOND), 5 * ADVERT_INT)?;
    ensure!(answers.sole_owner()? == "r1", "{:?}", answers.by_host());
    lab.wire().look(Mark::default(), |timeline| {
        ensure!(timeline.gratuitous(EXCLUDED).next().is_some(), "it was not announced");
        let advertised = timeline.adverts(VRID).any(|(_, advert)| advert.addresses.contains(&EXCLUDED));
        ensure!(!advertised, "it is in an advert");
        Ok(())
    })?;

    let mark = lab.wire().mark();
    r1.kill()?;
    until_master(&lab, "r2", mark)?;
    until_belongings(&lab, "r2", "the successor has them", 4)?;
    ensure!(belongings(&lab, "r1")? == 4, "the killed master has lost some: there is nothing to hold back");
    let answers = ask_for(&lab, Ask::broadcast(EXCLUDED, PER_SECOND), 5 * ADVERT_INT)?;
    ensure!(answers.sole_owner()? == "r2", "{:?}", answers.by_host());

    r1.restart()?;
    until_state(&r1, "BACKUP")?;
    until_belongings(&lab, "r1", "what it left behind goes at its start", 0)?;
    r2.terminate()?;
    ensure!(belongings(&lab, "r2")? == 0, "some stay behind after the end");
    until_belongings(&lab, "r1", "it has the role again", 4)
}

#[test]
fn what_somebody_removes_and_what_a_link_takes_away_comes_back() -> Result<()> {
    let lab = Lab::with_routers(1)?;
    let _r1 = start(&lab, "r1", &router(100, true))?;
    until_master(&lab, "r1", Mark::default())?;
    until_belongings(&lab, "r1", "the master has them", 4)?;
    let host = &lab.host("r1")?.namespace;
    for removal in [
        "route del 10.9.0.0/16",
        "route del default table 1000",
        "rule del from 192.0.2.60 table 1000",
        // Takes the route with it that has it as its source.
        "address del 192.0.2.60/32 dev eth0",
    ] {
        host.ip(removal)?;
        until_belongings(&lab, "r1", &format!("after `ip {removal}`"), 4)?;
    }
    let mark = lab.wire().mark();
    host.ip("link set eth0 down")?;
    host.ip("link set eth0 up")?;
    until_master(&lab, "r1", mark)?;
    until_belongings(&lab, "r1", "after the link was down", 4)
}

#[test]
fn a_reload_adds_and_removes_them_and_one_that_is_refused_is_no_fault() -> Result<()> {
    let lab = Lab::with_routers(1)?;
    let mut r1 = start(&lab, "r1", &router(100, true))?;
    until_master(&lab, "r1", Mark::default())?;
    until_belongings(&lab, "r1", "the master has them", 4)?;
    let mut changed = router(100, true);
    changed.extra = vec![
        "virtual_routes = [\"10.8.0.0/16 via 192.0.2.200\", \"10.7.0.0/16 via 203.0.113.1\"]".to_owned(),
    ];
    r1.reload(&changed)?;
    until_belongings(&lab, "r1", "the old ones go", 0)?;
    let host = &lab.host("r1")?.namespace;
    poll("the new one comes", PATIENCE, || {
        Ok(host.ip("route show proto 18")?.contains("10.8.0.0/16 via 192.0.2.200").then_some(()))
    })?;
    poll("the refused one is told", PATIENCE, || {
        Ok(r1.log().contains("its gateway is on no network of this host").then_some(()))
    })?;
    until_state(&r1, "MASTER")?;
    // It comes as soon as it can.
    host.ip("address add 203.0.113.9/24 dev eth0")?;
    poll("the refused one comes", PATIENCE, || {
        Ok(host.ip("route show proto 18")?.contains("10.7.0.0/16 via 203.0.113.1").then_some(()))
    })
}
