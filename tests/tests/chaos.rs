//! Random faults on real interfaces, for three minutes, and proof that the judge can condemn.

use std::{io, net::Ipv4Addr, time::Duration};

use anyhow::{Result, ensure};
use tests::{
    Mac,
    chaos::{
        self, Chaos, Plan,
        cluster::VIRTUALS,
        schedule::{Episode, Fault, Strike},
    },
    daemons::binary,
    lab::CLIENT,
};

const ADVERT_INT: Duration = Duration::from_millis(20);

fn plan(seed: u64, seconds: u64) -> Result<Plan> {
    let length = Duration::from_secs(seconds);
    Ok(Plan { vrrpd: binary()?, seed, length, advert_int: ADVERT_INT, keep_going: false })
}

fn endures(plan: &Plan) -> Result<()> {
    let summary = chaos::run(plan, &mut io::stdout().lock())?;
    ensure!(summary.episodes >= 10, "only {} episodes", summary.episodes);
    Ok(())
}

#[test]
fn i1_i2_i3_i8_i9_random_faults_for_a_minute_seed_1() -> Result<()> {
    endures(&plan(1, 60)?)
}

#[test]
fn i1_i2_i3_i8_i9_random_faults_for_a_minute_seed_2() -> Result<()> {
    endures(&plan(2, 60)?)
}

#[test]
fn i1_i2_i3_i8_i9_random_faults_at_100_ms_for_a_minute_seed_3() -> Result<()> {
    endures(&Plan { advert_int: Duration::from_millis(100), ..plan(3, 60)? })
}

/// An episode in which r3, which is nobody's master, is reloaded.
fn quiet() -> Episode {
    let (after, hold) = (Duration::from_millis(20), Duration::from_millis(200));
    Episode {
        number: 1,
        strikes: vec![Strike { fault: Fault::Reload, victim: 3, after, hold }],
        weather: None,
    }
}

/// Another host with the virtual address and the virtual MAC, which no router hears of: it sends no adverts.
#[test]
fn a_second_answering_host_is_condemned() -> Result<()> {
    let mut chaos = Chaos::start(&plan(1, 0)?)?;
    let before = chaos.episode(&quiet(), &mut io::stdout())?;
    ensure!(before.is_empty(), "before there is one: {before:?}");
    let one = &VIRTUALS[0];
    let address = format!("{}/24", one.vip);
    chaos.cluster.lab.add_host("rogue", Mac::virtual_v4(one.vrid), &address)?;
    let after = chaos.episode(&quiet(), &mut io::stdout())?;
    ensure!(after.iter().any(|violation| violation.contains("two hosts answered")), "{after:?}");
    Ok(())
}

/// The same with a MAC of its own, as a misconfigured server has it.
#[test]
fn a_host_that_claims_the_virtual_address_with_its_own_mac_is_condemned() -> Result<()> {
    let mut chaos = Chaos::start(&plan(1, 0)?)?;
    let address = format!("{}/24", VIRTUALS[1].vip);
    chaos.cluster.lab.add_host("rogue", Mac([2, 0, 0, 0, 0, 0x66]), &address)?;
    let violations = chaos.episode(&quiet(), &mut io::stdout())?;
    ensure!(violations.iter().any(|violation| violation.contains("not the virtual MAC")), "{violations:?}");
    Ok(())
}

/// The client is cut off: for it nobody answers, and no router was struck.
#[test]
fn an_outage_without_a_cause_is_condemned() -> Result<()> {
    let mut chaos = Chaos::start(&plan(1, 0)?)?;
    chaos.cluster.lab.isolate(CLIENT)?;
    let violations = chaos.episode(&quiet(), &mut io::stdout())?;
    ensure!(violations.iter().any(|violation| violation.contains("were not answered")), "{violations:?}");
    ensure!(violations.iter().any(|violation| violation.contains("no page")), "{violations:?}");
    Ok(())
}

#[test]
fn what_is_left_behind_is_condemned() -> Result<()> {
    let chaos = Chaos::start(&plan(1, 0)?)?;
    let stray = Ipv4Addr::new(192, 0, 2, 77);
    chaos.cluster.lab.host("r1")?.namespace.ip(&format!("address add {stray}/32 dev eth0"))?;
    let summary = chaos.finish(&mut io::stdout())?;
    let found = summary.violations.iter().any(|violation| violation.contains(&stray.to_string()));
    ensure!(found, "{:?}", summary.violations);
    Ok(())
}

/// What an operator or another program adds where a router is not told to have it, and what it takes from the maps.
#[test]
fn what_a_kernel_or_a_map_has_too_much_or_too_little_is_condemned() -> Result<()> {
    let mut chaos = Chaos::start(&plan(1, 0)?)?;
    let condemned = |violations: &[String], what: &str| {
        ensure!(violations.iter().any(|one| one.contains(what)), "not {what}: {violations:?}");
        Ok(())
    };
    let before = chaos.episode(&quiet(), &mut io::stdout())?;
    ensure!(before.is_empty(), "before anything is wrong: {before:?}");

    let r2 = chaos.cluster.lab.host("r2")?.namespace.clone();
    r2.ip("address add 192.0.2.77/32 dev eth0")?;
    condemned(&chaos.episode(&quiet(), &mut io::stdout())?, "r2: the kernel still has 192.0.2.77/32")?;
    r2.ip("address del 192.0.2.77/32 dev eth0")?;

    r2.ip("address add 192.0.2.78/28 dev eth0")?;
    r2.ip("address del 192.0.2.2/24 dev eth0")?;
    condemned(&chaos.episode(&quiet(), &mut io::stdout())?, "r2: the kernel has not 192.0.2.2/24")?;
    r2.ip("address add 192.0.2.2/24 dev eth0")?;
    r2.ip("address del 192.0.2.78/28 dev eth0")?;

    let pin = chaos.cluster.pins()[0].join("vips");
    let map = |line: &str| {
        let line = line.replace("PIN", &pin.display().to_string());
        let status = std::process::Command::new("bpftool").args(line.split(' ')).status()?;
        ensure!(status.success(), "bpftool {line}: {status}");
        Ok(())
    };
    let key = "0 0 0 0 0 0 0 0 0 0 255 255 192 0 2";
    map(&format!("map delete pinned PIN key {key} 61"))?;
    let lost = "r1: the map of virtual addresses has not 192.0.2.61 in slot 51";
    condemned(&chaos.episode(&quiet(), &mut io::stdout())?, lost)?;
    map(&format!("map update pinned PIN key {key} 61 value 51 0 0 0"))?;
    map(&format!("map update pinned PIN key {key} 79 value 51 0 0 0"))?;
    let stray = "r1: the map of virtual addresses still has 192.0.2.79 in slot 51";
    condemned(&chaos.episode(&quiet(), &mut io::stdout())?, stray)
}
