//! I9: adding or removing an address, a reload or an upgrade never moves the role.

use std::{net::Ipv4Addr, time::Duration};

use anyhow::{Context as _, Result, ensure};
use tests::{
    Ask, Asker, Lab, Timeline,
    daemons::{Daemon as _, Router, Vrrpd, binary},
    lab::INTERFACE,
    scenario::{PATIENCE, PER_SECOND, Pair, VIP, VRID, ask_for, until_adverts, until_state},
    wait::{Mark, poll},
};

const ADVERT_INT: Duration = Duration::from_millis(100);
const ADDED: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 52);

/// What must not change while something else does.
struct Watch {
    asker: Asker,
    mark: Mark,
}

impl Watch {
    fn start(lab: &Lab) -> Result<Self> {
        Ok(Self { mark: lab.wire().mark(), asker: lab.ask(Ask::broadcast(VIP, PER_SECOND))? })
    }

    /// r1 alone has advertised and has answered every request.
    fn finish(self, lab: &Lab) -> Result<()> {
        let answers = self.asker.finish();
        lab.wire().settle();
        let owner = answers.sole_owner()?;
        ensure!(owner == "r1", "{owner} answers");
        lab.wire().look(self.mark, |timeline| {
            let masters = timeline.masters(VRID);
            ensure!(masters.keys().eq([&"r1"]), "the role has moved: {masters:?}");
            let left = timeline.adverts(VRID).any(|(_, advert)| advert.priority == 0);
            ensure!(!left, "somebody has left");
            Ok(())
        })
    }
}

fn has_address(lab: &Lab, host: &str, address: Ipv4Addr) -> Result<bool> {
    let shown = lab.host(host)?.namespace.ip(&format!("address show dev {INTERFACE}"))?;
    Ok(shown.contains(&format!("{address}/")))
}

fn until_advertised(lab: &Lab, what: &str, addresses: &[Ipv4Addr], priority: u8) -> Result<()> {
    let mark = lab.wire().mark();
    lab.wire().until(what, mark, PATIENCE, |timeline| {
        let mut adverts = timeline.adverts_by(VRID, "r1");
        adverts.find(|(_, advert)| advert.addresses == addresses && advert.priority == priority).map(drop)
    })
}

#[test]
fn i9_addresses_come_and_go_and_priorities_change_on_sighup_and_the_role_stays() -> Result<()> {
    let mut pair = Pair::start(ADVERT_INT)?;
    let watch = Watch::start(&pair.lab)?;
    let one = pair.first.clone();
    let two = Router { addresses: vec!["192.0.2.51/32".into(), format!("{ADDED}/32")], ..one.clone() };
    let before = pair.r1.status()?["routers"][0]["since"].clone();

    pair.r1.reload(&two)?;
    until_advertised(&pair.lab, "two addresses", &[VIP, ADDED], 100)?;
    poll("the new address is there", PATIENCE, || Ok(has_address(&pair.lab, "r1", ADDED)?.then_some(())))?;
    let answers = ask_for(&pair.lab, Ask::broadcast(ADDED, PER_SECOND), 3 * ADVERT_INT)?;
    ensure!(answers.sole_owner()? == "r1", "{:?}", answers.by_host());

    pair.r1.reload(&Router { priority: 120, ..two })?;
    until_advertised(&pair.lab, "another priority", &[VIP, ADDED], 120)?;

    pair.r1.reload(&one)?;
    until_advertised(&pair.lab, "one address", &[VIP], 100)?;
    poll("the address is gone", PATIENCE, || Ok((!has_address(&pair.lab, "r1", ADDED)?).then_some(())))?;
    let answers = ask_for(&pair.lab, Ask::broadcast(ADDED, PER_SECOND), 3 * ADVERT_INT)?;
    ensure!(answers.by_host().is_empty(), "removed, and answered by {:?}", answers.by_host());
    ensure!(has_address(&pair.lab, "r1", VIP)?, "the other address stays");

    watch.finish(&pair.lab)?;
    ensure!(pair.r1.status()?["routers"][0]["since"] == before, "the state has changed");
    Ok(())
}

#[test]
fn i9_i10_a_broken_configuration_on_sighup_changes_nothing_and_is_reported() -> Result<()> {
    let mut pair = Pair::start(ADVERT_INT)?;
    let watch = Watch::start(&pair.lab)?;
    let broken = pair.first.vrrpd("r1").replace("priority = 100", "priority = 1000\nprioriti = 7");
    pair.r1.reload_with(&broken)?;
    poll("a message", PATIENCE, || {
        Ok(pair.r1.log().contains("the configuration stays as it was").then_some(()))
    })?;
    let log = pair.r1.log();
    ensure!(log.contains("prioriti") && log.contains("1000"), "both faults are named:\n{log}");
    until_adverts(&pair.lab, "r1", 5)?;
    // And a good one is taken after it.
    let good = Router { priority: 110, ..pair.first.clone() };
    pair.r1.reload(&good)?;
    until_advertised(&pair.lab, "the next configuration", &[VIP], 110)?;
    watch.finish(&pair.lab)
}

/// The program answers on, under the lease, while there is no daemon.
#[test]
fn i9_killed_and_restarted_within_the_lease_the_role_stays_and_no_request_is_missed() -> Result<()> {
    let mut pair = Pair::start(Duration::from_secs(1))?;
    let watch = Watch::start(&pair.lab)?;
    for _ in 0..2 {
        until_adverts(&pair.lab, "r1", 1)?;
        pair.r1.kill()?;
        pair.r1.restart()?;
        until_state(&pair.r1, "MASTER")?;
        until_adverts(&pair.lab, "r1", 2)?;
    }
    watch.finish(&pair.lab)?;
    let status = pair.r1.status()?;
    let causes = status["routers"][0]["transitions"].as_array().context("transitions")?.clone();
    ensure!(causes.len() == 1, "one transition, the adoption: {causes:?}");
    ensure!(pair.r2.status()?["routers"][0]["statistics"]["master_transitions"] == 0, "r2 was never master");
    Ok(())
}

#[test]
fn i9_a_restart_after_the_lease_begins_as_backup() -> Result<()> {
    let mut pair = Pair::start(Duration::from_millis(10))?;
    pair.r1.kill()?;
    let mark = pair.lab.wire().mark();
    tests::scenario::until_master(&pair.lab, "r2", mark)?;
    // Preempts in its turn, after it has listened.
    let asker = pair.lab.ask(Ask::broadcast(VIP, PER_SECOND))?;
    let mark = pair.lab.wire().mark();
    pair.r1.restart()?;
    tests::scenario::until_master(&pair.lab, "r1", mark)?;
    until_state(&pair.r2, "BACKUP")?;
    let two = asker.finish().answered_by_two();
    ensure!(two.total <= Duration::from_millis(3), "preempted: {two}");
    Ok(())
}

/// Another router's coming and going is no business of the first.
#[test]
fn i9_routers_come_and_go_on_sighup_and_the_others_stay() -> Result<()> {
    let mut pair = Pair::start(ADVERT_INT)?;
    let watch = Watch::start(&pair.lab)?;
    let one = pair.first.vrrpd("r1");
    let other = Router { vrid: 52, addresses: vec![format!("{ADDED}/32")], ..pair.first.clone() };
    let section = other.vrrpd("r1").split_once("\n\n").context("a section")?.1.to_owned();
    let speaks = |timeline: Timeline<'_>, priority: u8| {
        timeline.adverts_by(52, "r1").find(|(_, advert)| advert.priority == priority).map(drop)
    };
    for _ in 0..2 {
        let mark = pair.lab.wire().mark();
        pair.r1.reload_with(&format!("{one}\n{section}"))?;
        pair.lab.wire().until("the other router", mark, PATIENCE, |timeline| speaks(timeline, 100))?;
        let answers = ask_for(&pair.lab, Ask::broadcast(ADDED, PER_SECOND), 3 * ADVERT_INT)?;
        ensure!(answers.sole_owner()? == "r1", "{:?}", answers.by_host());
        let mark = pair.lab.wire().mark();
        pair.r1.reload_with(&one)?;
        pair.lab.wire().until("its farewell", mark, PATIENCE, |timeline| speaks(timeline, 0))?;
        poll("its address is gone", PATIENCE, || Ok((!has_address(&pair.lab, "r1", ADDED)?).then_some(())))?;
        let answers = ask_for(&pair.lab, Ask::broadcast(ADDED, PER_SECOND), 3 * ADVERT_INT)?;
        ensure!(answers.by_host().is_empty(), "gone, and answered by {:?}", answers.by_host());
    }
    watch.finish(&pair.lab)
}

/// Both must change; in between each believes the other's advert.
#[test]
fn i9_the_interval_changes_on_sighup_and_the_role_stays() -> Result<()> {
    let mut pair = Pair::start(ADVERT_INT)?;
    let watch = Watch::start(&pair.lab)?;
    for milliseconds in [10, 500, 50] {
        let advert_int = Duration::from_millis(milliseconds);
        for (daemon, settings) in [(&mut pair.r1, &pair.first), (&mut pair.r2, &pair.second)] {
            daemon.reload(&Router { advert_int, ..settings.clone() })?;
            let mark = pair.lab.wire().mark();
            pair.lab.wire().until("the new interval", mark, PATIENCE, |timeline| {
                let mut adverts = timeline.adverts_by(VRID, "r1");
                adverts.find(|(_, advert)| advert.interval == advert_int).map(drop)
            })?;
        }
        until_adverts(&pair.lab, "r1", 5)?;
    }
    watch.finish(&pair.lab)
}

/// Killed as master, its addresses are in the kernel, one of them on another interface. Only the data plane keeps the
/// kernel from answering, until the next daemon has removed them.
#[test]
fn i3_what_was_configured_before_a_crash_and_is_not_after_it_is_never_answered() -> Result<()> {
    const OTHER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 60);
    const ELSEWHERE: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 61);
    let one = Router { advert_int: ADVERT_INT, ..Router::default() };
    let with = |addresses: &[&str]| Router {
        addresses: addresses.iter().map(|&a| a.into()).collect(),
        ..one.clone()
    };
    let first = with(&["192.0.2.51/32", "192.0.2.52/32"]).vrrpd("r1");
    let second = Router { vrid: 60, ..with(&["192.0.2.60/32"]) }.vrrpd("r1");
    let second = second.split_once("\n\n").context("a section")?.1;
    let second = second.replace("/32\"]", "/32\", { address = \"192.0.2.61/32\", dev = \"lo\" }]");

    let lab = Lab::with_routers(1)?;
    let namespace = &lab.host("r1")?.namespace;
    let has =
        |address| Ok::<_, anyhow::Error>(namespace.ip("address show")?.contains(&format!("{address}/")));
    let both = format!("{first}\n{second}");
    let mut daemon = Vrrpd::start_with(&binary()?, namespace, &lab.scratch(), &both)?;
    let removed = [ADDED, OTHER, ELSEWHERE];
    for address in removed {
        poll(&format!("{address} is there"), PATIENCE, || Ok(has(address)?.then_some(())))
            .with_context(|| daemon.log())?;
    }
    daemon.kill()?;
    std::thread::sleep(3 * ADVERT_INT);

    let askers = removed.map(|address| lab.ask(Ask::broadcast(address, 10 * PER_SECOND)));
    daemon.restart_with(&one.vrrpd("r1"))?;
    until_state(&daemon, "MASTER")?;
    for address in removed {
        poll(&format!("{address} is gone"), PATIENCE, || Ok((!has(address)?).then_some(())))
            .with_context(|| daemon.log())?;
    }
    for asker in askers {
        let answers = asker?.finish();
        ensure!(answers.requests.len() > 100, "only {} requests", answers.requests.len());
        ensure!(answers.by_host().is_empty(), "answered by {:?}", answers.by_host());
    }
    let answers = ask_for(&lab, Ask::broadcast(VIP, PER_SECOND), 3 * ADVERT_INT)?;
    ensure!(answers.sole_owner()? == "r1", "{:?}", answers.by_host());

    // It is no virtual address any more: the kernel answers for it like for any that it has.
    namespace.ip(&format!("address add {OTHER}/32 dev {INTERFACE}"))?;
    let answers = ask_for(&lab, Ask::broadcast(OTHER, PER_SECOND), 3 * ADVERT_INT)?;
    ensure!(answers.sole_owner()? == "r1", "{:?}", answers.by_host());
    Ok(())
}
