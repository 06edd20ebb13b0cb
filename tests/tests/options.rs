//! What the settings of a router do on the wire.

use std::{net::Ipv4Addr, time::Duration};

use anyhow::{Result, ensure};
use tests::{
    Ask, Lab, Mac, Stamp,
    daemons::{Daemon as _, Router},
    lab::{CLIENT, INTERFACE, router_address},
    scenario::{
        PATIENCE, PER_SECOND, Pair, VIP, VRID, ask_for, sole_owner_over, speaks, start, until_adverts,
        until_master, until_state, until_status,
    },
    wait::{Mark, poll},
    wire::{Advert, Checksum},
};

const ADVERT_INT: Duration = Duration::from_millis(100);

fn with(lines: &[&str]) -> Router {
    let extra = lines.iter().map(ToString::to_string).collect();
    Router { advert_int: ADVERT_INT, extra, ..Router::default() }
}

fn an_advert(lab: &Lab, host: &str) -> Result<Advert> {
    let mark = lab.wire().mark();
    lab.wire().until("an advert", mark, PATIENCE, |timeline| {
        timeline.adverts_by(VRID, host).next().map(|(_, advert)| advert.clone())
    })
}

#[test]
fn use_vmac_false_tells_the_interfaces_own_mac_and_the_successor_announces_its_own() -> Result<()> {
    let mut pair = Pair::of(&with(&["use_vmac = false"]))?;
    let client = &pair.lab.host(CLIENT)?.namespace;
    let own = |host: &str| -> Result<Mac> { Ok(pair.lab.host(host)?.mac) };
    client.exec(&format!("ping -c 1 -W 2 {VIP}"))?;
    ensure!(pair.lab.client_neighbour(VIP)? == Some(own("r1")?), "{:?}", pair.lab.client_neighbour(VIP)?);
    let mark = pair.lab.wire().mark();
    pair.r1.kill()?;
    until_master(&pair.lab, "r2", mark)?;
    let successor = own("r2")?;
    poll("the client knows the successor", PATIENCE, || {
        Ok((pair.lab.client_neighbour(VIP)? == Some(successor)).then_some(()))
    })?;
    client.exec(&format!("ping -c 1 -W 2 {VIP}"))?;
    sole_owner_over(&pair.lab, "r2", 3 * pair.second.master_down())
}

#[test]
fn accept_false_answers_arp_and_nothing_else() -> Result<()> {
    let pair = Pair::of(&with(&["accept = false"]))?;
    sole_owner_over(&pair.lab, "r1", 3 * ADVERT_INT)?;
    let client = &pair.lab.host(CLIENT)?.namespace;
    ensure!(client.exec(&format!("ping -c 2 -i 0.1 -W 1 {VIP}")).is_err(), "the address answers a ping");
    client.exec(&format!("ping -c 1 -W 2 {}", router_address(1)))?;
    until_status(&pair.r1, "they are counted", |status| {
        status["interfaces"][0]["frames"]["vip_not_accepted"].as_u64() >= Some(2)
    })
}

/// RFC 9568 §5.2.8 has no pseudo-header for IPv4 any more; both forms are understood.
#[test]
fn either_form_of_checksum_is_sent_as_configured_and_understood() -> Result<()> {
    for (form, checksum, counted) in [
        ("rfc5798", Checksum::PseudoHeader, "checksums_with_pseudo_header"),
        ("rfc9568", Checksum::Message, "checksums_of_message_only"),
    ] {
        let pair = Pair::of(&with(&[&format!("v3_checksum = \"{form}\"")]))?;
        let advert = an_advert(&pair.lab, "r1")?;
        ensure!(advert.checksum == checksum, "{form}: {advert:?}");
        until_status(&pair.r2, counted, |status| {
            status["routers"][0]["statistics"][counted].as_u64() > Some(0)
        })?;
    }
    Ok(())
}

#[test]
fn mcast_src_ip_is_the_source_of_the_adverts() -> Result<()> {
    let lab = Lab::with_routers(1)?;
    let second = Ipv4Addr::new(192, 0, 2, 21);
    lab.host("r1")?.namespace.ip(&format!("address add {second}/24 dev {INTERFACE}"))?;
    let _r1 = start(&lab, "r1", &with(&[&format!("mcast_src_ip = \"{second}\"")]))?;
    until_master(&lab, "r1", Mark::default())?;
    let advert = an_advert(&lab, "r1")?;
    ensure!(advert.source == second && advert.ttl == 255, "{advert:?}");
    Ok(())
}

#[test]
fn preempt_delay_is_waited_for_and_no_longer() -> Result<()> {
    let mut pair = Pair::of(&with(&["preempt_delay = \"1500ms\""]))?;
    let mark = pair.lab.wire().mark();
    pair.r1.kill()?;
    until_master(&pair.lab, "r2", mark)?;
    let mark = pair.lab.wire().mark();
    let began = Stamp::now();
    pair.r1.restart()?;
    let preempted = until_master(&pair.lab, "r1", mark)?;
    let waited = preempted - began;
    println!("preempt_delay 1.5 s: role taken after {waited:?}");
    ensure!(waited >= Duration::from_millis(1500), "after {waited:?}");
    ensure!(waited <= Duration::from_millis(3000), "after {waited:?}");
    until_state(&pair.r2, "BACKUP")?;
    sole_owner_over(&pair.lab, "r1", 3 * pair.second.master_down())
}

#[test]
fn without_preempt_the_lower_priority_keeps_the_role() -> Result<()> {
    let mut pair = Pair::of(&Router { preempt: false, advert_int: ADVERT_INT, ..Router::default() })?;
    let mark = pair.lab.wire().mark();
    pair.r1.kill()?;
    until_master(&pair.lab, "r2", mark)?;
    pair.r1.restart()?;
    until_state(&pair.r1, "BACKUP")?;
    sole_owner_over(&pair.lab, "r2", 3 * pair.first.master_down())
}

/// Equal priorities: the higher address wins (RFC 9568 §6.4.3).
#[test]
fn equal_priorities_are_decided_by_address() -> Result<()> {
    let lab = Lab::with_routers(2)?;
    let router = Router { advert_int: ADVERT_INT, ..Router::default() };
    lab.isolate("r1")?;
    let _r1 = start(&lab, "r1", &router)?;
    let _r2 = start(&lab, "r2", &router)?;
    until_master(&lab, "r1", Mark::default())?;
    until_master(&lab, "r2", Mark::default())?;
    lab.rejoin("r1")?;
    until_adverts(&lab, "r2", 2)?;
    sole_owner_over(&lab, "r2", 3 * router.master_down())
}

#[test]
fn i4_at_10_ms_the_higher_priority_of_two_backups_takes_over_and_the_other_stays() -> Result<()> {
    let lab = Lab::with_routers(3)?;
    let advert_int = Duration::from_millis(10);
    let router = |priority| Router { priority, advert_int, ..Router::default() };
    let mut r1 = start(&lab, "r1", &router(200))?;
    until_master(&lab, "r1", Mark::default())?;
    // 10 ms / 256 for each step of priority: 1.95 ms apart.
    let r2 = start(&lab, "r2", &router(150))?;
    let r3 = start(&lab, "r3", &router(100))?;
    until_state(&r2, "BACKUP")?;
    until_state(&r3, "BACKUP")?;
    for _ in 0..5 {
        until_adverts(&lab, "r1", 2)?;
        let mark = lab.wire().mark();
        r1.kill()?;
        until_master(&lab, "r2", mark)?;
        sole_owner_over(&lab, "r2", 3 * router(100).master_down())?;
        lab.wire().look(mark, |timeline| {
            ensure!(speaks(timeline, "r3").is_none(), "both backups have taken over");
            Ok(())
        })?;
        let mark = lab.wire().mark();
        r1.restart()?;
        until_master(&lab, "r1", mark)?;
        until_state(&r2, "BACKUP")?;
    }
    Ok(())
}

/// Priority 255 is master from its first moment, and needs no election.
#[test]
fn the_owner_of_the_address_is_master_at_once() -> Result<()> {
    let lab = Lab::with_routers(1)?;
    let router = Router {
        priority: 255,
        advert_int: Duration::from_secs(10),
        start_master: true,
        ..Router::default()
    };
    let began = Stamp::now();
    let _r1 = start(&lab, "r1", &router)?;
    let spoke = until_master(&lab, "r1", Mark::default())?;
    ensure!(spoke - began < Duration::from_secs(3), "after {:?}", spoke - began);
    let answers = ask_for(&lab, Ask::broadcast(VIP, PER_SECOND), Duration::from_millis(300))?;
    ensure!(answers.sole_owner()? == "r1", "{:?}", answers.by_host());
    Ok(())
}
