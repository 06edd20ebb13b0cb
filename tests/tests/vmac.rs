//! I8: the peers only ever learn the virtual MAC for the virtual address.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tests::{
    Ask, Lab, Mac,
    daemons::{Daemon as _, Vrrpd},
    lab::{CLIENT, CLIENT_ADDRESS, INTERFACE},
    scenario::{PATIENCE, PER_SECOND, Pair, VIP, VRID, ask_for, until_adverts, until_master, until_state},
    wait::{Mark, poll},
};

const ADVERT_INT: Duration = Duration::from_millis(100);
const VMAC: Mac = Mac::virtual_v4(VRID);

/// Every ARP packet since the laboratory began that has the virtual address as its sender has the virtual MAC too.
fn only_the_virtual_mac_was_told(lab: &Lab) -> Result<usize> {
    lab.wire().settle();
    lab.wire().look(Mark::default(), |timeline| {
        let other = timeline.arp_claims(VIP).find(|(_, arp)| arp.sha != VMAC);
        ensure!(other.is_none(), "{}", other.map_or_else(String::new, |(frame, _)| frame.to_string()));
        Ok(timeline.arp_claims(VIP).count())
    })
}

fn client_pings(lab: &Lab) -> Result<()> {
    lab.host(CLIENT)?.namespace.exec(&format!("ping -c 2 -i 0.05 -W 2 {VIP}")).map(drop)
}

fn believes_the_virtual_mac(lab: &Lab) -> Result<()> {
    let mac = lab.client_neighbour(VIP)?;
    ensure!(mac.is_none_or(|mac| mac == VMAC), "the client believes {mac:?}");
    Ok(())
}

#[test]
fn i8_the_client_knows_the_virtual_mac_at_all_times_also_when_the_master_opens_connections() -> Result<()> {
    let mut pair = Pair::start(ADVERT_INT)?;
    for (host, successor) in [("r1", Some("r2")), ("r2", None)] {
        client_pings(&pair.lab)?;
        ensure!(pair.lab.client_neighbour(VIP)? == Some(VMAC), "{:?}", pair.lab.client_neighbour(VIP)?);
        for _ in 0..5 {
            speak_as_the_address(&pair.lab, host)?;
        }
        if let Some(successor) = successor {
            let mark = pair.lab.wire().mark();
            pair.r1.kill()?;
            until_master(&pair.lab, successor, mark)?;
            believes_the_virtual_mac(&pair.lab)?;
            until_adverts(&pair.lab, successor, 2)?;
        }
    }
    let claims = only_the_virtual_mac_was_told(&pair.lab)?;
    ensure!(claims > 10, "only {claims} ARP packets seen");
    Ok(())
}

/// Neighbour entries are gone on both sides, so that the master must ask for the client, as the virtual address.
fn speak_as_the_address(lab: &Lab, host: &str) -> Result<()> {
    let (master, client) = (&lab.host(host)?.namespace, &lab.host(CLIENT)?.namespace);
    let mark = lab.wire().mark();
    poll("the virtual address is there", PATIENCE, || {
        Ok(master.ip(&format!("address show dev {INTERFACE}"))?.contains(&VIP.to_string()).then_some(()))
    })?;
    for namespace in [master, client] {
        namespace.ip(&format!("neighbour flush dev {INTERFACE}"))?;
    }
    master
        .exec(&format!("ping -c 2 -i 0.05 -W 2 -I {VIP} {CLIENT_ADDRESS}"))
        .context("the master pings as the virtual address")?;
    believes_the_virtual_mac(lab)?;
    let asked = |mark| {
        lab.wire().until("the master asks as the virtual address", mark, PATIENCE, |timeline| {
            let mut asked = timeline.arp_claims(VIP).filter(|(_, arp)| arp.tpa == CLIENT_ADDRESS);
            asked.find(|(frame, _)| *frame.host == *host).map(drop)
        })
    };
    asked(mark)
}

/// A takeover must not let the old master's kernel tell of its own MAC, nor the new one's.
#[test]
fn i8_only_the_virtual_mac_is_told_through_handovers_and_takeovers() -> Result<()> {
    let mut pair = Pair::start(ADVERT_INT)?;
    let asker = pair.lab.ask(Ask::broadcast(VIP, PER_SECOND))?;
    for round in 0..4 {
        let mark = pair.lab.wire().mark();
        if round % 2 == 0 {
            pair.r1.terminate()?;
        } else {
            pair.r1.kill()?;
        }
        until_master(&pair.lab, "r2", mark)?;
        client_pings(&pair.lab)?;
        let mark = pair.lab.wire().mark();
        pair.r1.restart()?;
        until_master(&pair.lab, "r1", mark)?;
        until_state(&pair.r2, "BACKUP")?;
        believes_the_virtual_mac(&pair.lab)?;
    }
    let answers = asker.finish();
    ensure!(answers.macs().iter().all(|(mac, _)| *mac == VMAC), "{:?}", answers.macs());
    only_the_virtual_mac_was_told(&pair.lab).map(drop)
}

fn link(lab: &Lab, host: &str, interface: &str) -> Result<Value> {
    let text = lab.host(host)?.namespace.ip(&format!("-j -d link show dev {interface}"))?;
    Ok(serde_json::from_str::<Value>(&text)?[0].take())
}

/// macvlan has a filter for unicast addresses, and takes others in only where it has its link for itself; veth has none, and its kernel uses promiscuous mode instead.
#[test]
fn i8_a_device_with_a_filter_accepts_the_virtual_mac_without_promiscuous_mode() -> Result<()> {
    let lab = Lab::with_routers(1)?;
    let r1 = &lab.host("r1")?.namespace;
    r1.ip(&format!("link add mv0 link {INTERFACE} type macvlan mode passthru"))?;
    r1.ip("address add 198.51.100.1/24 dev mv0")?;
    r1.ip("link set mv0 up")?;
    let config = tests::daemons::Router::default().vrrpd("r1").replace(INTERFACE, "mv0");
    let daemon = Vrrpd::start_with(&tests::daemons::binary()?, r1, &lab.scratch(), &config)?;
    until_state(&daemon, "BACKUP")?;
    let link = link(&lab, "r1", "mv0")?;
    ensure!(link["promiscuity"] == 0, "{link:#}");
    let filter = r1.exec("bridge fdb show dev mv0")?;
    ensure!(filter.contains(&VMAC.to_string()), "no entry for {VMAC}:\n{filter}");
    drop(daemon);
    let filter = r1.exec("bridge fdb show dev mv0")?;
    ensure!(!filter.contains(&VMAC.to_string()), "the entry outlives the process:\n{filter}");
    Ok(())
}

#[test]
fn i3_the_program_stays_attached_after_sigkill_and_a_restart_adopts_it() -> Result<()> {
    let mut pair = Pair::start(ADVERT_INT)?;
    let attached = || -> Result<Value> { Ok(link(&pair.lab, "r1", INTERFACE)?["xdp"].clone()) };
    let pins = pair.r1.status()?["interfaces"][0]["pins"].as_str().context("pins")?.to_owned();
    let link_id = || -> Result<String> {
        let output = std::process::Command::new("bpftool")
            .args(["-j", "link", "show", "pinned", &format!("{pins}/xdp_link")])
            .output()?;
        let link: Value = serde_json::from_slice(&output.stdout).context("bpftool link show")?;
        Ok(link["id"].to_string())
    };
    let (before, id) = (attached()?, link_id()?);
    ensure!(before["prog"]["id"].is_u64(), "no XDP program: {before}");
    pair.r1.kill()?;
    ensure!(attached()? == before, "after SIGKILL: {}", attached()?);
    let answers = ask_for(&pair.lab, Ask::broadcast(VIP, PER_SECOND), 6 * ADVERT_INT)?;
    ensure!(answers.answered_by_two().requests == 0, "{}", answers.answered_by_two());
    pair.r1.restart()?;
    until_state(&pair.r1, "MASTER")?;
    ensure!(link_id()? == id, "another link: {} after {id}", link_id()?);
    Ok(())
}
