//! Interfaces of a kind that no router can work on: refused at the start with what to do, a fault with the same words
//! when they come later.

use std::{fs, process::Output};

use anyhow::{Result, ensure};
use tests::{
    Lab,
    daemons::{Daemon as _, Vrrpd, binary},
    lab::CLIENT,
    scenario::{PATIENCE, until_adverts, until_master, until_status},
    wait::{Mark, poll},
};

/// A lower interface that the others are made on.
const LOWER: &str = "eth1";

fn router(interface: &str, use_vmac: bool, address: &str) -> String {
    format!(
        "[vrrp_instance.A]\ninterface = \"{interface}\"\nvirtual_router_id = 61\nadvert_int = \"50ms\"\n\
         use_vmac = {use_vmac}\nvirtual_ipaddress = [{address}]\n"
    )
}

fn lab() -> Result<Lab> {
    let lab = Lab::with_routers(1)?;
    lab.add_second_lan()?;
    Ok(lab)
}

fn r1(lab: &Lab, line: &str) -> Result<()> {
    lab.host("r1")?.namespace.ip(line).map(drop)
}

/// A macvlan with an address of the second LAN.
fn macvlan(lab: &Lab, mode: &str) -> Result<()> {
    r1(lab, &format!("link add link {LOWER} name mv0 type macvlan mode {mode}"))?;
    r1(lab, "address add 198.51.100.11/24 dev mv0")?;
    r1(lab, "link set mv0 up")
}

fn refused(lab: &Lab, config: &str, words: &[&str]) -> Result<()> {
    let path = lab.scratch().path().join("refused.toml");
    fs::write(&path, config)?;
    let mut command = lab.host("r1")?.namespace.command("timeout");
    let socket = lab.scratch().path().join("refused.sock");
    command.arg("10").arg(binary()?).arg("--socket").arg(socket).arg("--config").arg(&path);
    let Output { status, stderr, .. } = command.output()?;
    let said = String::from_utf8_lossy(&stderr).into_owned();
    ensure!(status.code() == Some(2), "{status}, not 2, for\n{config}\n{said}");
    for word in words {
        ensure!(said.contains(word), "no {word:?} in:\n{said}");
    }
    Ok(())
}

fn client_reaches(lab: &Lab, address: &str) -> Result<()> {
    lab.host(CLIENT)?.namespace.exec(&format!("ping -c 2 -i 0.05 -W 2 {address}")).map(drop)
}

#[test]
fn interfaces_that_cannot_carry_a_router_are_refused_at_the_start_with_what_to_do() -> Result<()> {
    let lab = lab()?;
    let vip = "\"198.51.100.77/24\"";
    for kind in ["mode bridge", "mode private", "mode vepa", "mode source"] {
        r1(&lab, &format!("link add link {LOWER} name mv0 type macvlan {kind}"))?;
        refused(
            &lab,
            &router("mv0", true, vip),
            &["A cannot use mv0", "macvlan", "use_vmac = false", "passthru"],
        )?;
        r1(&lab, "link del mv0")?;
    }
    macvlan(&lab, "bridge")?;
    r1(&lab, "tuntap add tun0 mode tun")?;
    r1(&lab, "link add ifb0 type ifb")?;
    r1(&lab, &format!("link add link {LOWER} name mvt0 type macvtap"))?;
    for (interface, words) in [
        ("lo", &["A cannot use lo", "loopback"][..]),
        ("tun0", &["A cannot use tun0", "no Ethernet interface"]),
        ("mvt0", &["A cannot use mvt0", "macvtap"]),
        ("ifb0", &["A cannot use ifb0", "ARP", "arp on"]),
    ] {
        refused(&lab, &router(interface, true, vip), words)?;
        if interface != "lo" {
            refused(&lab, &router(interface, false, vip), words)?;
        }
    }
    // The same as the interface of an address.
    for (dev, use_vmac) in [("mv0", true), ("tun0", false), ("mvt0", false)] {
        let address = format!("{{ address = \"198.51.100.77/24\", dev = \"{dev}\" }}");
        refused(&lab, &router("eth0", use_vmac, &address), &[&format!("A cannot use {dev}")])?;
    }
    Ok(())
}

/// What stays possible on such interfaces, with traffic to the address.
#[test]
fn a_macvlan_works_without_the_virtual_mac_or_in_mode_passthru_and_an_address_may_be_where_no_arp_is()
-> Result<()> {
    let lab = lab()?;
    for (mode, use_vmac) in [("bridge", false), ("passthru", true)] {
        macvlan(&lab, mode)?;
        let host = lab.host("r1")?;
        let config = router("mv0", use_vmac, "\"198.51.100.77/24\"");
        let mut daemon = Vrrpd::start_with(&binary()?, &host.namespace, &lab.scratch(), &config)?;
        until_state(&daemon, 0, "MASTER")?;
        client_reaches(&lab, "198.51.100.77")?;
        daemon.terminate()?;
        r1(&lab, "link del mv0")?;
    }
    r1(&lab, "link add ifb0 type ifb")?;
    r1(&lab, "link set ifb0 up")?;
    let config = router("eth0", true, "\"192.0.2.77/24\", { address = \"203.0.113.7/32\", dev = \"ifb0\" }");
    let mut daemon = Vrrpd::start_with(&binary()?, &lab.host("r1")?.namespace, &lab.scratch(), &config)?;
    until_state(&daemon, 0, "MASTER")?;
    client_reaches(&lab, "192.0.2.77")?;
    daemon.terminate()
}

fn until_state(daemon: &Vrrpd, index: usize, state: &str) -> Result<()> {
    until_status(daemon, state, |status| status["routers"][index]["state"] == state)
}

/// The other router goes on, the reason is said once, and nothing is tried again and again.
#[test]
fn one_that_appears_later_is_a_fault_said_once_and_another_of_its_name_is_none() -> Result<()> {
    let lab = lab()?;
    let other = "[vrrp_instance.B]\ninterface = \"eth0\"\nvirtual_router_id = 51\nadvert_int = \"50ms\"\n\
                 virtual_ipaddress = [\"192.0.2.51/24\"]\n";
    let config = router("mv0", true, "\"198.51.100.77/24\"") + other;
    let mut daemon = Vrrpd::start_with(&binary()?, &lab.host("r1")?.namespace, &lab.scratch(), &config)?;
    until_master(&lab, "r1", Mark::default())?;
    let mark = lab.wire().mark();
    macvlan(&lab, "bridge")?;
    let why = |status: &serde_json::Value| {
        let fault = status["routers"][0]["fault"].as_str().unwrap_or_default();
        fault.contains("macvlan") && fault.contains("use_vmac = false")
    };
    until_status(&daemon, "the fault", why)?;
    // Longer than what could not be attached is tried again.
    until_adverts(&lab, "r1", 60)?;
    ensure!(daemon.status()?["interfaces"][0]["xdp"].is_null(), "{:#}", daemon.status()?);
    let said = daemon.log().lines().filter(|line| line.contains("macvlan")).count();
    ensure!(said == 1, "{said} lines:\n{}", daemon.log());
    lab.wire().look(mark, |timeline| {
        let left = timeline.adverts_by(51, "r1").any(|(_, advert)| advert.priority == 0);
        ensure!(!left, "the other router has left");
        Ok(())
    })?;

    r1(&lab, "link del mv0")?;
    macvlan(&lab, "passthru")?;
    until_state(&daemon, 0, "MASTER")?;
    poll("traffic", PATIENCE, || Ok(client_reaches(&lab, "198.51.100.77").ok()))?;

    // While it runs, `arp off` makes it one, and `arp on` none.
    r1(&lab, "link set dev mv0 arp off")?;
    until_status(&daemon, "the fault", |status| {
        status["routers"][0]["fault"].as_str().is_some_and(|fault| fault.contains("arp on"))
    })?;
    r1(&lab, "link set dev mv0 arp on")?;
    until_state(&daemon, 0, "MASTER")?;
    // A reload to what it cannot be is no end either.
    r1(&lab, "tuntap add tun0 mode tun")?;
    daemon.reload_with(&(router("tun0", true, "\"198.51.100.77/24\"") + other))?;
    until_status(&daemon, "the fault", |status| {
        let routers = status["routers"].as_array().cloned().unwrap_or_default();
        let of_a = routers.iter().find(|router| router["interface"] == "tun0");
        of_a.is_some_and(|router| router["fault"].as_str().is_some_and(|fault| fault.contains("Ethernet")))
    })?;
    until_adverts(&lab, "r1", 3)?;
    daemon.terminate()
}
