//! What a frame costs in vrrpd's own program, as it is attached, with the tables that a running daemon has filled.

use std::{net::Ipv4Addr, time::Duration};

use anyhow::{Context as _, Result, ensure};
use tests::{
    Lab, Mac,
    daemons::Vrrpd,
    lab::{CLIENT_ADDRESS, INTERFACE},
    packet::PacketSocket,
    scenario::{VIP, until_status},
    wire::{Arp, advert_frame, arp_frame},
};

use super::rig::{CLIENT_MAC, Cable};
use crate::{
    Bench,
    bpf::{DROP, PASS, Program, TX},
};

/// The master's router; one that waits for its interval, and so is nobody's; one that has heard a master.
const CONFIGURATION: &str = r#"
router_id = "bench"

[vrrp_instance.master]
interface = "eth0"
virtual_router_id = 51
virtual_ipaddress = ["192.0.2.51/32"]

[vrrp_instance.waiting]
interface = "eth0"
virtual_router_id = 52
advert_int = "40s"
virtual_ipaddress = ["192.0.2.52/32"]

[vrrp_instance.backup]
interface = "eth0"
virtual_router_id = 53
advert_int = "40s"
virtual_ipaddress = ["192.0.2.53/32"]
"#;

const NOT_MASTER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 52);
const NOBODY: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 99);
const BACKUP_VRID: u8 = 53;
const BACKUP_VIP: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 53);

/// Nanoseconds per frame, by verdict.
pub(super) fn measure(bench: &Bench, lab: &Lab) -> Result<Vec<(&'static str, Vec<f64>)>> {
    let (runs, repeat) = if bench.quick { (9, 20_000) } else { (31, 200_000) };
    let cable = Cable::new()?;
    let daemon = Vrrpd::start_with(&bench.vrrpd, &cable.router, &lab.scratch(), CONFIGURATION)?;
    until_status(&daemon, "one master, two backups", |status| {
        let state = |index: usize| &status["routers"][index]["state"];
        state(0) == "MASTER" && state(1) == "BACKUP" && state(2) == "BACKUP"
    })?;
    let advert = advert_frame(BACKUP_VRID, 200, Duration::from_secs(40), CLIENT_ADDRESS, &[BACKUP_VIP]);
    cable.client.run(|| Ok(PacketSocket::sender(INTERFACE)?.send(&advert)?))?;
    until_status(&daemon, "the advert is judged", |status| {
        status["routers"][2]["master_address"] == CLIENT_ADDRESS.to_string()
    })?;

    let program = attached(&cable)?;
    let mut measured = Vec::new();
    for (name, verdict, frame) in frames(advert) {
        let mut samples = Vec::new();
        for _ in 0..runs {
            let ran = program.run(&frame, repeat)?;
            ensure!(ran.verdict == verdict, "{name}: verdict {}, not {verdict}", ran.verdict);
            samples.push(ran.each.as_secs_f64() * 1e9);
        }
        measured.push((name, samples));
    }
    measured.push(("ARP request, answered", answered(&program, runs)?));
    Ok(measured)
}

/// An answer is no question any more, so that a run cannot be repeated: single runs, from whose median that of a
/// frame which is only looked at is taken off, with the clock's own time.
fn answered(program: &Program, runs: usize) -> Result<Vec<f64>> {
    const SINGLES: usize = 2_000;
    let question = request(VIP);
    let ignored = ethernet(CLIENT_MAC, 0x86dd, &[0; 46]);
    let median = |frame: &[u8], verdict: u32| -> Result<f64> {
        let mut singles = Vec::with_capacity(SINGLES);
        for _ in 0..SINGLES {
            let ran = program.run(frame, 1)?;
            ensure!(ran.verdict == verdict, "verdict {}, not {verdict}", ran.verdict);
            singles.push(ran.each.as_secs_f64() * 1e9);
        }
        singles.sort_by(f64::total_cmp);
        Ok(singles[SINGLES / 2])
    };
    let mut samples = Vec::new();
    for _ in 0..runs {
        let looked_at = program.run(&ignored, 20_000)?.each.as_secs_f64() * 1e9;
        samples.push(median(&question, TX)? - median(&ignored, PASS)? + looked_at);
    }
    Ok(samples)
}

fn frames(advert: Vec<u8>) -> [(&'static str, u32, Vec<u8>); 8] {
    let (router, vmac) = (Mac([2, 0, 0, 0, 0, 1]), Mac::virtual_v4(51));
    let own = Ipv4Addr::new(192, 0, 2, 1);
    [
        ("IPv6, not ours", PASS, ethernet(router, 0x86dd, &[0; 46])),
        ("IPv4 to the host", PASS, ipv4(router, own)),
        ("IPv4 to the virtual address", PASS, ipv4(router, VIP)),
        ("IPv4 to the virtual MAC, master", PASS, ipv4(vmac, VIP)),
        ("IPv4 to the virtual MAC, not master", DROP, ipv4(Mac::virtual_v4(52), NOT_MASTER)),
        ("ARP request for another", PASS, request(NOBODY)),
        ("ARP request, not master", DROP, request(NOT_MASTER)),
        ("advert as expected", PASS, advert),
    ]
}

fn request(target: Ipv4Addr) -> Vec<u8> {
    let arp = Arp { operation: 1, sha: CLIENT_MAC, spa: CLIENT_ADDRESS, tha: Mac::ZERO, tpa: target };
    arp_frame(Mac::BROADCAST, CLIENT_MAC, &arp)
}

fn ethernet(to: Mac, ether_type: u16, payload: &[u8]) -> Vec<u8> {
    [&to.0[..], &CLIENT_MAC.0, &ether_type.to_be_bytes(), payload].concat()
}

/// TCP, as far as anyone looks.
fn ipv4(to: Mac, destination: Ipv4Addr) -> Vec<u8> {
    let mut packet = vec![0x45, 0, 0, 40, 0, 0, 0, 0, 64, 6, 0, 0];
    packet.extend(CLIENT_ADDRESS.octets());
    packet.extend(destination.octets());
    let checksum = tests::wire::sum(&[&packet]);
    packet[10..12].copy_from_slice(&checksum.to_be_bytes());
    packet.resize(46, 0);
    ethernet(to, 0x0800, &packet)
}

/// The program on the router's interface.
fn attached(cable: &Cable) -> Result<Program> {
    let text = cable.router.exec(&format!("ip -j link show dev {INTERFACE}"))?;
    let links: serde_json::Value = serde_json::from_str(&text).context("ip -j link")?;
    let id = links[0]["xdp"]["prog"]["id"].as_u64().context("no XDP program on the router")?;
    Program::by_id(u32::try_from(id)?)
}
