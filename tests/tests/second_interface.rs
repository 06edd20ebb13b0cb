//! A virtual address on another interface than that of the adverts.

use std::{net::Ipv4Addr, time::Duration};

use anyhow::{Context as _, Result, ensure};
use tests::{
    Ask, Asker, Lab, Mac,
    daemons::{Daemon as _, Router, Vrrpd},
    lab::{CLIENT, SECOND_INTERFACE},
    scenario::{PATIENCE, VIP, VRID, ask_for, start, until_adverts, until_master, until_state, until_status},
    wait::{Mark, poll},
};

const ADVERT_INT: Duration = Duration::from_millis(100);
/// On the second LAN.
const OUTSIDE: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 51);

fn router(priority: u8, use_vmac: bool) -> Router {
    Router {
        priority,
        advert_int: ADVERT_INT,
        extra: vec![
            format!("use_vmac = {use_vmac}"),
            format!(
                "virtual_ipaddress = [\"192.0.2.51/24\", {{ address = \"{OUTSIDE}/24\", dev = \"eth1\" }}]"
            ),
        ],
        addresses: Vec::new(),
        ..Router::default()
    }
}

/// Who answers on the second LAN over a window, with which MAC addresses.
fn answers_outside(lab: &Lab) -> Result<tests::Answers> {
    let client = &lab.host(CLIENT)?.namespace;
    let asker = Asker::start(client, SECOND_INTERFACE, lab.wire().log(), Ask::broadcast(OUTSIDE, 1000))?;
    std::thread::sleep(5 * ADVERT_INT);
    let answers = asker.finish();
    lab.wire().settle();
    Ok(answers)
}

fn has_address(lab: &Lab, host: &str) -> Result<bool> {
    let shown = lab.host(host)?.namespace.ip("-o -4 address show dev eth1")?;
    Ok(shown.contains(&OUTSIDE.to_string()))
}

#[test]
fn i1_i3_it_moves_with_the_role_and_a_killed_master_is_silent_there_too() -> Result<()> {
    let lab = Lab::with_routers(2)?;
    lab.add_second_lan()?;
    let mut r1 = start(&lab, "r1", &router(100, true))?;
    until_master(&lab, "r1", Mark::default())?;
    let r2 = start(&lab, "r2", &router(90, true))?;
    until_state(&r2, "BACKUP")?;
    until_adverts(&lab, "r1", 2)?;
    poll("the address is on eth1", PATIENCE, || Ok(has_address(&lab, "r1")?.then_some(())))?;
    ensure!(!has_address(&lab, "r2")?);
    let answers = answers_outside(&lab)?;
    ensure!(answers.sole_owner()? == "r1-b", "{:?}", answers.by_host());
    ensure!(answers.macs().iter().all(|(mac, _)| *mac == Mac::virtual_v4(VRID)), "{:?}", answers.macs());

    let client = &lab.host(CLIENT)?.namespace;
    client.exec(&format!("ping -c 1 -W 2 {OUTSIDE}"))?;
    let mark = lab.wire().mark();
    let asker = Asker::start(client, SECOND_INTERFACE, lab.wire().log(), Ask::broadcast(OUTSIDE, 1000))?;
    r1.kill()?;
    until_master(&lab, "r2", mark)?;
    std::thread::sleep(3 * ADVERT_INT);
    let answers = asker.finish();
    lab.wire().settle();
    ensure!(has_address(&lab, "r1")?, "the kernel of r1 still has it, and would answer");
    ensure!(answers.answered_by_two().requests == 0, "{}", answers.answered_by_two());
    ensure!(answers.first_by("r2-b").is_some(), "{:?}", answers.by_host());
    client.exec(&format!("ping -c 1 -W 2 {OUTSIDE}"))?;
    Ok(())
}

#[test]
fn i9_a_reload_takes_it_away_and_brings_it_back_and_the_role_stays() -> Result<()> {
    let lab = Lab::with_routers(1)?;
    lab.add_second_lan()?;
    let both = router(100, true);
    let mut one = both.clone();
    one.extra[1] = "virtual_ipaddress = [\"192.0.2.51/24\"]".to_owned();
    let mut r1 = start(&lab, "r1", &both)?;
    until_master(&lab, "r1", Mark::default())?;
    poll("it is on eth1", PATIENCE, || Ok(has_address(&lab, "r1")?.then_some(())))?;
    for (router, there) in [(&one, false), (&both, true)] {
        r1.reload(router)?;
        poll("the reload is done", PATIENCE, || Ok((has_address(&lab, "r1")? == there).then_some(())))?;
        let answers = answers_outside(&lab)?;
        if there {
            ensure!(answers.sole_owner()? == "r1-b", "{:?}", answers.by_host());
        } else {
            ensure!(answers.replies().count() == 0, "{:?}", answers.by_host());
        }
        until_state(&r1, "MASTER")?;
    }
    r1.terminate()?;
    ensure!(!has_address(&lab, "r1")?, "it is removed at the end");
    Ok(())
}

#[test]
fn without_the_virtual_mac_the_interfaces_own_is_told() -> Result<()> {
    let lab = Lab::with_routers(1)?;
    lab.add_second_lan()?;
    let _r1 = start(&lab, "r1", &router(100, false))?;
    until_master(&lab, "r1", Mark::default())?;
    let shown = lab.host("r1")?.namespace.exec("cat /sys/class/net/eth1/address")?;
    let own: Mac = shown.trim().parse()?;
    let answers = answers_outside(&lab)?;
    ensure!(answers.macs().iter().all(|(mac, _)| *mac == own), "{:?}", answers.macs());
    ensure!(answers.replies().count() > 0, "nobody answers");
    Ok(())
}

/// Waits until the router is in FAULT for that interface.
fn until_fault(daemon: &Vrrpd, by: &str) -> Result<()> {
    until_status(daemon, &format!("a fault of {by}"), |status| {
        let router = &status["routers"][0];
        router["state"] == "FAULT" && router["fault"].to_string().contains(&format!("interface eth1 ({by})"))
    })
}

#[test]
fn a_link_below_an_address_that_is_down_or_gone_is_a_fault_until_it_is_back() -> Result<()> {
    let lab = Lab::with_routers(2)?;
    lab.add_second_lan()?;
    let host = &lab.host("r1")?.namespace;
    let r1 = start(&lab, "r1", &router(100, true))?;
    until_master(&lab, "r1", Mark::default())?;
    let r2 = start(&lab, "r2", &router(90, true))?;
    until_state(&r2, "BACKUP")?;
    until_adverts(&lab, "r1", 2)?;
    let mark = lab.wire().mark();
    host.ip("link set eth1 down")?;
    until_master(&lab, "r2", mark)?;
    lab.wire().look(mark, |timeline| {
        let farewell = timeline.adverts_by(VRID, "r1").any(|(_, advert)| advert.priority == 0);
        ensure!(farewell, "r1 has left without a word");
        Ok(())
    })?;
    until_fault(&r1, "198.51.100.51")?;
    ensure!(answers_outside(&lab)?.sole_owner()? == "r2-b");

    let mark = lab.wire().mark();
    host.ip("link set eth1 up")?;
    until_master(&lab, "r1", mark)?;
    until_state(&r2, "BACKUP")?;
    let mark = lab.wire().mark();
    host.ip("link del eth1")?;
    until_master(&lab, "r2", mark)?;
    until_fault(&r1, "198.51.100.51")
}

#[test]
fn excluded_addresses_routes_and_rules_need_their_links_too_unless_they_say_no_track() -> Result<()> {
    let lab = Lab::with_routers(1)?;
    lab.add_second_lan()?;
    lab.host("r1")?.namespace.ip("link set eth1 down")?;
    let with =
        |line: &str| Router { advert_int: ADVERT_INT, extra: vec![line.to_owned()], ..Router::default() };
    let mut r1 = start(&lab, "r1", &with(""))?;
    until_state(&r1, "MASTER")?;
    let mut alternate = |tracked: &str, untracked: &str, by: &str| {
        r1.reload(&with(tracked))?;
        until_fault(&r1, by).with_context(|| tracked.to_owned())?;
        r1.reload(&with(untracked))?;
        until_state(&r1, "MASTER").with_context(|| untracked.to_owned())
    };
    alternate(
        "virtual_ipaddress_excluded = [{ address = \"198.51.100.52/24\", dev = \"eth1\" }]",
        "virtual_ipaddress_excluded = [{ address = \"198.51.100.52/24\", dev = \"eth1\", no_track = true }]",
        "198.51.100.52",
    )?;
    alternate(
        "virtual_ipaddress_excluded = [{ address = \"198.51.100.52/24\", dev = \"eth1\" }]",
        "virtual_ipaddress_excluded = [{ address = \"198.51.100.53/24\", dev = \"nowhere\", no_track = true }]",
        "198.51.100.52",
    )?;
    alternate(
        "virtual_routes = [\"10.9.0.0/16 dev eth1\"]",
        "virtual_routes = [\"10.9.0.0/16 dev eth1 no_track\"]",
        "route 10.9.0.0/16",
    )?;
    alternate(
        "virtual_rules = [\"iif eth1 table 100 priority 7\", \"iif lo table 100 priority 8\"]",
        "virtual_rules = [\"iif eth1 table 100 priority 7 no_track\", \"iif lo table 100 priority 8\"]",
        "rule 7",
    )
}

#[test]
fn an_interface_that_is_not_tracked_gets_its_address_when_it_comes_and_the_role_stays() -> Result<()> {
    let lab = Lab::with_routers(1)?;
    let address = "{ address = \"198.51.100.51/24\", dev = \"late0\", no_track = true }";
    let extra = vec![format!("virtual_ipaddress = [\"192.0.2.51/24\", {address}]")];
    let late = Router { advert_int: ADVERT_INT, extra, addresses: Vec::new(), ..Router::default() };
    let r1 = start(&lab, "r1", &late)?;
    until_master(&lab, "r1", Mark::default())?;
    let (host, mark) = (&lab.host("r1")?.namespace, lab.wire().mark());
    host.ip("link add late0 type veth peer name late1")?;
    host.ip("link set late1 up")?;
    host.ip("link set late0 up")?;
    poll("its address", PATIENCE, || {
        Ok(host.ip("-o -4 address show dev late0")?.contains("198.51.100.51/24").then_some(()))
    })
    .with_context(|| r1.log())?;
    until_adverts(&lab, "r1", 3)?;
    lab.wire().look(mark, |timeline| {
        let farewells = timeline.adverts_by(VRID, "r1").filter(|(_, advert)| advert.priority == 0).count();
        ensure!(farewells == 0, "the role was given up {farewells} times");
        Ok(())
    })
}

fn untracked(priority: u8) -> Router {
    let mut router = router(priority, true);
    router.extra.extend(["dont_track_primary = true".to_owned(), "garp = { delay = \"0s\" }".to_owned()]);
    router
}

/// The primary interface is a direct cable, and the box at its other end is off: who is left goes on.
#[test]
fn i2_without_a_way_out_and_with_nobody_else_it_goes_on_where_it_can_be_heard() -> Result<()> {
    let lab = Lab::with_routers(1)?;
    lab.add_second_lan()?;
    let r1 = start(&lab, "r1", &untracked(100))?;
    until_master(&lab, "r1", Mark::default())?;
    poll("the address is on eth1", PATIENCE, || Ok(has_address(&lab, "r1")?.then_some(())))?;
    let client = &lab.host(CLIENT)?.namespace;
    let asker = Asker::start(client, SECOND_INTERFACE, lab.wire().log(), Ask::broadcast(OUTSIDE, 1000))?;
    std::thread::sleep(2 * ADVERT_INT);
    lab.cut("r1")?;
    poll("it says so", PATIENCE, || Ok(r1.log().contains("no advert leaves").then_some(())))?;
    std::thread::sleep(10 * ADVERT_INT);
    let mark = lab.wire().mark();
    lab.restore("r1")?;
    // Not before its door is open again, or nobody hears it.
    lab.wire().until("it announces itself at home", mark, PATIENCE, |timeline| {
        timeline.gratuitous(VIP).find(|(frame, _)| *frame.host == *"r1").map(drop)
    })?;
    std::thread::sleep(5 * ADVERT_INT);
    let answers = asker.finish();
    lab.wire().settle();
    ensure!(answers.sole_owner()? == "r1-b", "{:?}", answers.by_host());
    until_state(&r1, "MASTER")?;
    let answers = ask_for(&lab, Ask::broadcast(VIP, 1000), 3 * ADVERT_INT)?;
    ensure!(answers.sole_owner()? == "r1", "at home too: {:?}", answers.by_host());
    Ok(())
}

/// A send into a link that is down opens nothing: the other box has taken over, and answers where both can be heard.
#[test]
fn i2_without_a_way_out_it_is_silent_where_another_answers_and_waits_when_the_way_is_back() -> Result<()> {
    let lab = Lab::with_routers(2)?;
    lab.add_second_lan()?;
    let r1 = start(&lab, "r1", &untracked(100))?;
    until_master(&lab, "r1", Mark::default())?;
    let r2 = start(&lab, "r2", &untracked(90))?;
    until_state(&r2, "BACKUP")?;
    until_adverts(&lab, "r1", 2)?;
    let client = &lab.host(CLIENT)?.namespace;
    let ask = || Asker::start(client, SECOND_INTERFACE, lab.wire().log(), Ask::broadcast(OUTSIDE, 1000));
    let mark = lab.wire().mark();
    let asker = ask()?;
    lab.cut("r1")?;
    until_master(&lab, "r2", mark)?;
    std::thread::sleep(20 * ADVERT_INT);
    let answers = asker.finish();
    lab.wire().settle();
    let two = answers.answered_by_two();
    ensure!(two.total <= ADVERT_INT, "two answered: {two}\n{}", r1.log());
    ensure!(answers.first_by("r2-b").is_some(), "{:?}", answers.by_host());
    let answers = answers_outside(&lab)?;
    ensure!(answers.sole_owner()? == "r2-b", "{:?}", answers.by_host());

    let asker = ask()?;
    let mark = lab.wire().mark();
    lab.restore("r1")?;
    until_master(&lab, "r1", mark)?;
    until_state(&r2, "BACKUP")?;
    std::thread::sleep(5 * ADVERT_INT);
    let answers = asker.finish();
    lab.wire().settle();
    let two = answers.answered_by_two();
    ensure!(two.total <= Duration::from_millis(3), "two answered when the way was back: {two}\n{}", r1.log());
    let answers = answers_outside(&lab)?;
    ensure!(answers.sole_owner()? == "r1-b", "{:?}", answers.by_host());
    Ok(())
}
