//! Interfaces, addresses and neighbours that go wrong, and come right again without a restart.

use std::{net::Ipv4Addr, time::Duration};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tests::{
    Ask, Lab, Mac,
    daemons::{Daemon as _, Router, Vrrpd},
    inject,
    lab::{INTERFACE, router_address},
    scenario::{
        PATIENCE, PER_SECOND, Pair, VIP, VRID, sole_owner_over, start, until_adverts, until_master,
        until_state, until_status,
    },
    wait::{Mark, poll},
    wire::{Arp, advert_frame, arp_frame},
};

const ADVERT_INT: Duration = Duration::from_millis(50);
const FOREIGN: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 66);
const FOREIGN_MAC: Mac = Mac([2, 0, 0, 0, 0, 0x66]);
/// For the one who preempts and the one who has not heard it yet.
const CROSSING: Duration = Duration::from_millis(3);

/// r1 is hurt, r2 takes over; r1 is healed and takes the role back, and no request is answered by two for longer than
/// an advert takes.
fn hurt_and_heal(hurt: impl FnOnce(&Lab) -> Result<()>, heal: impl FnOnce(&Lab) -> Result<()>) -> Result<()> {
    let pair = Pair::start(ADVERT_INT)?;
    let asker = pair.lab.ask(Ask::broadcast(VIP, PER_SECOND))?;
    let mark = pair.lab.wire().mark();
    hurt(&pair.lab)?;
    until_state(&pair.r1, "FAULT")?;
    until_master(&pair.lab, "r2", mark)?;
    sole_owner_over(&pair.lab, "r2", 3 * pair.second.master_down())?;
    let back = pair.lab.wire().mark();
    heal(&pair.lab)?;
    until_master(&pair.lab, "r1", back)?;
    until_state(&pair.r2, "BACKUP")?;
    let answers = asker.finish();
    let two = answers.answered_by_two();
    ensure!(two.total <= CROSSING, "answered by two: {two}");
    let foreign = answers.macs().into_iter().find(|(mac, _)| *mac != Mac::virtual_v4(VRID));
    ensure!(foreign.is_none(), "I8: answered with another MAC: {foreign:?}");
    sole_owner_over(&pair.lab, "r1", 3 * pair.second.master_down())?;
    poll("the address is back", PATIENCE, || Ok(has_vip(&pair.lab)?.then_some(())))
}

fn r1(lab: &Lab, line: &str) -> Result<()> {
    lab.host("r1")?.namespace.ip(line).map(drop)
}

fn has_vip(lab: &Lab) -> Result<bool> {
    let shown = lab.host("r1")?.namespace.ip(&format!("address show dev {INTERFACE}"))?;
    Ok(shown.contains(&format!("{VIP}/")))
}

#[test]
fn i1_an_interface_that_is_set_down_and_up_again_is_a_fault_and_no_more() -> Result<()> {
    hurt_and_heal(
        |lab| r1(lab, &format!("link set {INTERFACE} down")),
        |lab| r1(lab, &format!("link set {INTERFACE} up")),
    )
}

#[test]
fn i1_an_interface_that_is_deleted_and_made_again_is_a_fault_and_no_more() -> Result<()> {
    hurt_and_heal(|lab| lab.unplug("r1"), |lab| lab.replug("r1"))
}

#[test]
fn i1_a_primary_address_that_is_removed_and_comes_back_is_a_fault_and_no_more() -> Result<()> {
    let address = format!("{}/24 dev {INTERFACE}", router_address(1));
    hurt_and_heal(
        |lab| r1(lab, &format!("address del {address}")),
        |lab| r1(lab, &format!("address add {address}")),
    )
}

#[test]
fn i9_another_primary_address_becomes_the_source_of_the_adverts_and_the_role_stays() -> Result<()> {
    let pair = Pair::start(ADVERT_INT)?;
    let namespace = &pair.lab.host("r1")?.namespace;
    namespace.sysctl(&format!("net/ipv4/conf/{INTERFACE}/promote_secondaries"), "1")?;
    let asker = pair.lab.ask(Ask::broadcast(VIP, PER_SECOND))?;
    let mark = pair.lab.wire().mark();
    r1(&pair.lab, &format!("address add 192.0.2.11/24 dev {INTERFACE}"))?;
    r1(&pair.lab, &format!("address del {}/24 dev {INTERFACE}", router_address(1)))?;
    pair.lab.wire().until("adverts from the new address", mark, PATIENCE, |timeline| {
        let mut adverts = timeline.adverts_by(VRID, "r1");
        adverts.find(|(_, advert)| advert.source == Ipv4Addr::new(192, 0, 2, 11)).map(drop)
    })?;
    until_adverts(&pair.lab, "r1", 5)?;
    ensure!(asker.finish().sole_owner()? == "r1", "r1 answers throughout");
    let others = pair.lab.wire().look(mark, |timeline| timeline.adverts_by(VRID, "r2").count());
    ensure!(others == 0, "{others} adverts of r2");
    Ok(())
}

#[test]
fn a_virtual_address_that_is_removed_by_hand_comes_back() -> Result<()> {
    let pair = Pair::start(ADVERT_INT)?;
    poll("the address is there", PATIENCE, || Ok(has_vip(&pair.lab)?.then_some(())))?;
    r1(&pair.lab, &format!("address del {VIP}/32 dev {INTERFACE}"))?;
    poll("the address is back", PATIENCE, || Ok(has_vip(&pair.lab)?.then_some(())))?;
    sole_owner_over(&pair.lab, "r1", 3 * pair.second.master_down())
}

fn statistic(status: &Value, name: &str) -> u64 {
    status["routers"][0]["statistics"][name].as_u64().unwrap_or(0)
}

#[test]
fn a_foreign_claim_of_the_virtual_address_is_reported_and_not_believed() -> Result<()> {
    let pair = Pair::start(ADVERT_INT)?;
    let claim = |operation| Arp { operation, sha: FOREIGN_MAC, spa: VIP, tha: Mac::BROADCAST, tpa: VIP };
    let frames = [1, 2].map(|operation| arp_frame(Mac::BROADCAST, FOREIGN_MAC, &claim(operation)));
    inject::send(&pair.lab, &frames, 1)?;
    until_status(&pair.r1, "both conflicts", |status| statistic(status, "address_conflicts") == 2)?;
    let line = pair.r1.log().lines().filter(|line| line.contains(&FOREIGN_MAC.to_string())).count();
    ensure!(line == 1, "{line} lines name {FOREIGN_MAC}:\n{}", pair.r1.log());
    sole_owner_over(&pair.lab, "r1", 3 * pair.second.master_down())
}

#[test]
fn own_adverts_that_are_looped_back_are_counted_and_ignored() -> Result<()> {
    let pair = Pair::start(ADVERT_INT)?;
    let mark = pair.lab.wire().mark();
    // As it was sent, and with a priority that would win.
    let frames =
        [100, 255].map(|priority| advert_frame(VRID, priority, ADVERT_INT, router_address(1), &[VIP]));
    // As many as the data plane takes from one host at once.
    inject::send(&pair.lab, &frames[..1], 16)?;
    // From its own address: it would be a fraud on r2 too, which is stopped.
    pair.lab.isolate("r2")?;
    inject::send(&pair.lab, &frames[1..], 16)?;
    until_status(&pair.r1, "own adverts", |status| statistic(status, "own_adverts_received") == 32)?;
    until_adverts(&pair.lab, "r1", 5)?;
    pair.lab.wire().look(mark, |timeline| {
        let left = timeline.adverts_by(VRID, "r1").any(|(_, advert)| advert.priority == 0);
        ensure!(!left, "r1 has left");
        Ok(())
    })?;
    ensure!(pair.r1.status()?["routers"][0]["state"] == "MASTER", "r1 stays master");
    Ok(())
}

fn lines(daemon: &Vrrpd) -> usize {
    daemon.log().lines().count()
}

#[test]
fn a_foreign_cluster_on_the_same_vrid_does_not_flood_the_log() -> Result<()> {
    let pair = Pair::start(ADVERT_INT)?;
    let before = [lines(&pair.r1), lines(&pair.r2)];
    let other = [Ipv4Addr::new(198, 51, 100, 1)];
    // Version 3 with other addresses and a lower priority, and version 2.
    let second = Duration::from_secs(1);
    let frames = [
        advert_frame(VRID, 20, second, FOREIGN, &other),
        // What were two addresses is the authentication of version 2.
        inject::with_message(advert_frame(VRID, 200, second, FOREIGN, &[other[0]; 3]), |message| {
            (message[0], message[3], message[4], message[5]) = (0x21, 1, 0, 1);
        }),
    ];
    let mut next = frames.iter().cycle();
    let sent = inject::flood(&pair.lab, second, 1, || next.next().cloned().unwrap_or_default())?;
    ensure!(sent > 300, "only {sent} sent");
    until_status(&pair.r1, "they are counted", |status| {
        statistic(status, "adverts_of_other_clusters") > 200 && statistic(status, "versions_differ") > 100
    })?;
    for (daemon, before) in [&pair.r1, &pair.r2].into_iter().zip(before) {
        let more = lines(daemon) - before;
        ensure!(more <= 8, "{more} lines for {sent} adverts:\n{}", daemon.log());
    }
    sole_owner_over(&pair.lab, "r1", 3 * pair.second.master_down())
}

/// The program is detached, and before it is attached again the interface goes and another comes: nothing of the old one's
/// may be held against the new one.
#[test]
fn an_interface_that_goes_while_its_program_is_detached_gets_its_address_when_it_is_back() -> Result<()> {
    let lab = Lab::with_routers(1)?;
    // The daemon looks after its program every half second.
    let router = Router { advert_int: Duration::from_millis(300), ..Router::default() };
    let daemon = start(&lab, "r1", &router)?;
    until_master(&lab, "r1", Mark::default())?;
    poll("the address is there", PATIENCE, || Ok(has_vip(&lab)?.then_some(())))?;
    let status = daemon.status()?;
    let pins = status["interfaces"][0]["pins"].as_str().context("nothing is pinned")?.to_owned();
    let detach = ["link", "detach", "pinned", &format!("{pins}/xdp_link")];
    ensure!(std::process::Command::new("bpftool").args(detach).status()?.success(), "bpftool link detach");
    until_state(&daemon, "FAULT")?;
    let mark = lab.wire().mark();
    lab.unplug("r1")?;
    lab.replug("r1")?;
    until_master(&lab, "r1", mark)?;
    poll("the address is back", PATIENCE, || Ok(has_vip(&lab)?.then_some(()))).with_context(|| daemon.log())
}
