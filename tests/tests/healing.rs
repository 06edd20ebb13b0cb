//! I12: after a time in which two were master, neighbours and switches know the one that stays.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use tests::{
    Lab, Mac,
    daemons::{Daemon, Keepalived, Router},
    inject,
    lab::{BRIDGE, CLIENT, INTERFACE, SECOND_BRIDGE, router_address},
    scenario::{PATIENCE, VIP, VRID, speaks, start, until_adverts, until_master, until_state, until_status},
    wait::{Mark, poll},
    wire::advert_frame,
};

const ADVERT_INT: Duration = Duration::from_millis(100);
const VMAC: Mac = Mac::virtual_v4(VRID);

/// Whose advert is the first that the other hears when they hear each other again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum First {
    Loser,
    Winner,
}

/// With the interface's own MAC, and one round of gratuitous ARP for each reason.
fn bare(priority: u8) -> Router {
    let extra = vec!["use_vmac = false".to_owned(), "garp = { repeat = 1, delay = \"0s\" }".to_owned()];
    Router { priority, advert_int: ADVERT_INT, extra, ..Router::default() }
}

fn keepalived(priority: u8) -> Router {
    let extra = vec!["garp_master_delay 0".to_owned(), "garp_lower_prio_delay 0".to_owned()];
    Router { priority, advert_int: ADVERT_INT, extra, ..Router::default() }
}

fn start_keepalived(lab: &Lab, host: &str, router: &Router) -> Result<Keepalived> {
    Keepalived::start(&lab.host(host)?.namespace, &lab.scratch(), router)
}

/// r1 is master and r2 its backup. They lose sight of each other until the client believes r2, and find each other again
/// so that the adverts of `first` come first. r2 speaks 65 ms after r1, by its skew.
fn split_and_heal(lab: &Lab, first: First) -> Result<Mark> {
    let mark = lab.wire().mark();
    lab.part(&["r1", "r2"])?;
    until_master(lab, "r2", mark)?;
    let r2 = lab.host("r2")?.mac;
    believes(lab, r2).context("after the takeover")?;
    until_adverts(lab, if first == First::Loser { "r1" } else { "r2" }, 2)?;
    let mark = lab.wire().mark();
    lab.join(&["r1", "r2"])?;
    Ok(mark)
}

fn believes(lab: &Lab, mac: Mac) -> Result<()> {
    let mut last = None;
    let known = poll("the client's neighbour", Duration::from_secs(5), || {
        last = lab.client_neighbour(VIP)?;
        Ok((last == Some(mac)).then_some(()))
    });
    known.with_context(|| format!("the client believes {last:?} and not {mac}"))
}

/// After the first advert of either, r1 announces itself within one interval and what a busy machine takes, and the client knows it.
fn heals(lab: &Lab, mark: Mark, first: First) -> Result<()> {
    let heard = lab.wire().until("an advert", mark, PATIENCE, |timeline| {
        let speaker = if first == First::Loser { "r2" } else { "r1" };
        timeline.adverts_by(VRID, speaker).next().map(|(frame, _)| frame.at)
    })?;
    let announced = lab.wire().until("r1 announces itself", mark, PATIENCE, |timeline| {
        timeline.gratuitous(VIP).find(|(frame, _)| *frame.host == *"r1").map(|(frame, _)| frame.at)
    })?;
    let late = announced.ms_since(heard);
    ensure!(late < 1.5 * ADVERT_INT.as_millis() as f64, "{first:?}: announced {late:.1} ms after the advert");
    believes(lab, lab.host("r1")?.mac)?;
    lab.wire().settle();
    lab.wire().look(mark, |timeline| {
        let words = timeline.adverts_by(VRID, "r2").count();
        ensure!(words <= 2, "r2 goes on: {words} adverts");
        let rounds = timeline.gratuitous(VIP).filter(|(frame, _)| *frame.host == *"r1").count();
        ensure!(rounds <= 2, "{rounds} rounds");
        Ok(())
    })
}

fn client_pings(lab: &Lab, address: std::net::Ipv4Addr, count: u32) -> Result<()> {
    let client = &lab.host(CLIENT)?.namespace;
    let told = client.exec(&format!("ping -c {count} -i 0.02 -W 1 {address}"))?;
    ensure!(told.contains(" 0% packet loss"), "{told}");
    Ok(())
}

#[test]
fn i12_without_the_virtual_mac_the_client_knows_who_stayed_whoever_speaks_first() -> Result<()> {
    let lab = Lab::with_routers(2)?;
    let _r1 = start(&lab, "r1", &bare(100))?;
    until_master(&lab, "r1", Mark::default())?;
    let r2 = start(&lab, "r2", &bare(90))?;
    until_state(&r2, "BACKUP")?;
    client_pings(&lab, VIP, 1)?;
    for first in [First::Winner, First::Loser] {
        let mark = split_and_heal(&lab, first)?;
        heals(&lab, mark, first).with_context(|| format!("{first:?} speaks first"))?;
        until_state(&r2, "BACKUP")?;
        client_pings(&lab, VIP, 5)?;
        // Rounds are a second apart at least, and the last word of r2 may have been answered by one more.
        until_adverts(&lab, "r1", 22)?;
    }
    Ok(())
}

/// keepalived announces itself when it hears the last word of r2; vrrpd when it hears a losing advert of keepalived.
#[test]
fn i12_keepalived_hears_that_it_was_not_alone_and_is_heard() -> Result<()> {
    let lab = Lab::with_routers(2)?;
    let r1 = start_keepalived(&lab, "r1", &keepalived(100))?;
    until_master(&lab, "r1", Mark::default())?;
    let mut r2 = start(&lab, "r2", &bare(90))?;
    until_state(&r2, "BACKUP")?;
    client_pings(&lab, VIP, 1)?;
    split_and_heal(&lab, First::Winner)?;
    believes(&lab, lab.host("r1")?.mac).with_context(|| r1.log())?;
    r2.terminate()?;
    drop((r1, r2));

    let mark = lab.wire().mark();
    let _r1 = start(&lab, "r1", &bare(100))?;
    until_master(&lab, "r1", mark)?;
    let _r2 = start_keepalived(&lab, "r2", &keepalived(90))?;
    until_adverts(&lab, "r1", 10)?;
    split_and_heal(&lab, First::Loser)?;
    believes(&lab, lab.host("r1")?.mac)
}

/// A box that was frozen through the end of the split wakes as backup, and has a last word all the same.
#[test]
fn i12_a_master_that_slept_through_the_healing_tells_that_it_was_one() -> Result<()> {
    let lab = Lab::with_routers(2)?;
    let _r1 = start(&lab, "r1", &bare(100))?;
    until_master(&lab, "r1", Mark::default())?;
    let mut r2 = start(&lab, "r2", &bare(90))?;
    until_state(&r2, "BACKUP")?;
    client_pings(&lab, VIP, 1)?;
    let mark = lab.wire().mark();
    lab.part(&["r1", "r2"])?;
    until_master(&lab, "r2", mark)?;
    believes(&lab, lab.host("r2")?.mac)?;
    r2.freeze()?;
    // Its lease is over, and what it wakes with is a deadline that has passed.
    until_adverts(&lab, "r1", 4)?;
    r2.thaw()?;
    until_status(&r2, "r2 was silent", |status| status["routers"][0]["state"] == "BACKUP")?;
    lab.join(&["r1", "r2"])?;
    believes(&lab, lab.host("r1")?.mac)
}

/// By unicast, with the virtual MAC.
fn by_unicast(number: u8, priority: u8) -> Router {
    let (own, peer) = (router_address(number), router_address(3 - number));
    let extra = vec![format!("unicast_src_ip = \"{own}\""), format!("unicast_peer = [\"{peer}\"]")];
    Router { priority, advert_int: ADVERT_INT, extra, ..Router::default() }
}

fn until_switch_knows(lab: &Lab, mac: Mac, bridge: &str, port: &str) -> Result<()> {
    let mut last = None;
    let known = poll("the switch's table", Duration::from_secs(5), || {
        last = lab.port_of(mac, bridge)?;
        Ok((last.as_deref() == Some(port)).then_some(()))
    });
    known.with_context(|| format!("{mac} is at {last:?} and not at {port}"))
}

/// How many frames to itself a host has sent since the mark.
fn shown(lab: &Lab, mark: Mark, host: &str) -> Result<usize> {
    lab.wire().settle();
    lab.wire().look(mark, |timeline| {
        let own: Vec<_> = timeline.to_itself().filter(|frame| *frame.host == *host).collect();
        ensure!(own.iter().all(|frame| frame.source == VMAC), "{own:?}");
        Ok(own.len())
    })
}

/// The client knows the virtual MAC and never asks: only frames from it tell the switch where it is.
fn client_never_asks(lab: &Lab) -> Result<()> {
    lab.host(CLIENT)?
        .namespace
        .ip(&format!("neighbour replace {VIP} lladdr {VMAC} nud permanent dev {INTERFACE}"))
        .map(drop)
}

#[test]
fn i12_by_unicast_the_switch_knows_where_the_virtual_mac_is_while_and_only_while_a_master_has_it()
-> Result<()> {
    let lab = Lab::with_routers(2)?;
    // The switch forgets within two seconds.
    lab.switch().ip(&format!("link set {BRIDGE} type bridge ageing_time 200"))?;
    client_never_asks(&lab)?;
    let mut r1 = start(&lab, "r1", &by_unicast(1, 100))?;
    until_master(&lab, "r1", Mark::default())?;
    let r2 = start(&lab, "r2", &by_unicast(2, 90))?;
    until_state(&r2, "BACKUP")?;
    until_switch_knows(&lab, VMAC, BRIDGE, "r1")?;

    // Longer than it remembers: always known, by one frame a second.
    let mark = lab.wire().mark();
    for _ in 0..30 {
        until_adverts(&lab, "r1", 1)?;
        ensure!(lab.port_of(VMAC, BRIDGE)?.as_deref() == Some("r1"), "the switch has forgotten {VMAC}");
    }
    let frames = shown(&lab, mark, "r1")?;
    ensure!((2..=5).contains(&frames), "{frames} frames in three seconds");
    let counted = &r1.status()?["routers"][0]["statistics"]["virtual_mac_frames_sent"];
    ensure!(counted.as_u64() >= Some(frames as u64), "{counted} counted of {frames}");
    ensure!(shown(&lab, Mark::default(), "r2")? == 0, "a backup shows the virtual MAC");

    let mark = lab.wire().mark();
    lab.part(&["r1", "r2"])?;
    until_master(&lab, "r2", mark)?;
    until_switch_knows(&lab, VMAC, BRIDGE, "r2")?;
    lab.join(&["r1", "r2"])?;
    until_state(&r2, "BACKUP")?;
    let mark = lab.wire().mark();
    client_pings(&lab, VIP, 50)?;
    ensure!(shown(&lab, mark, "r2")? == 0, "r2 goes on showing the virtual MAC");

    // While it leaves it is still asked, and says no more where it is.
    let mark = lab.wire().mark();
    r1.terminate()?;
    until_switch_knows(&lab, VMAC, BRIDGE, "r2")?;
    lab.wire().settle();
    lab.wire().look(mark, |timeline| {
        let farewell = timeline.adverts_by(VRID, "r1").find(|(_, advert)| advert.priority == 0);
        let farewell = farewell.context("no farewell")?.0.at;
        let late = timeline.to_itself().find(|frame| *frame.host == *"r1" && frame.at > farewell);
        ensure!(late.is_none(), "{late:?}");
        ensure!(speaks(timeline, "r2").is_some(), "r2 has not taken over");
        Ok(())
    })
}

#[test]
fn i12_where_no_advert_leaves_the_switch_is_shown_the_virtual_mac_too() -> Result<()> {
    let lab = Lab::with_routers(2)?;
    lab.add_second_lan()?;
    let outside = "198.51.100.51";
    let router = |priority| Router {
        priority,
        advert_int: ADVERT_INT,
        addresses: Vec::new(),
        extra: vec![format!(
            "virtual_ipaddress = [\"{VIP}/32\", {{ address = \"{outside}/24\", dev = \"eth1\" }}]"
        )],
        ..Router::default()
    };
    let mut r1 = start(&lab, "r1", &router(100))?;
    until_master(&lab, "r1", Mark::default())?;
    until_switch_knows(&lab, VMAC, SECOND_BRIDGE, "r1-b")?;
    let mark = lab.wire().mark();
    let r2 = start(&lab, "r2", &router(90))?;
    until_state(&r2, "BACKUP")?;
    until_adverts(&lab, "r1", 21)?;
    let frames = shown(&lab, mark, "r1-b")?;
    ensure!(frames >= 2, "{frames} frames in two seconds");
    // A port that comes back has been forgotten.
    lab.switch().ip("link set r1-b down")?;
    until_master(&lab, "r2", lab.wire().mark())?;
    until_switch_knows(&lab, VMAC, SECOND_BRIDGE, "r2-b")?;
    lab.switch().ip("link set r1-b up")?;
    until_switch_knows(&lab, VMAC, SECOND_BRIDGE, "r1-b")?;
    ensure!(shown(&lab, Mark::default(), "r1")? == 0, "at home the adverts show it");
    let mark = lab.wire().mark();
    r1.kill()?;
    until_switch_knows(&lab, VMAC, SECOND_BRIDGE, "r2-b")?;
    ensure!(shown(&lab, mark, "r1-b")? == 0, "a dead one shows it");
    Ok(())
}

/// An owner with an interval of half a minute, so that nothing is said by itself while this looks.
fn owner(extra: &[&str]) -> Router {
    let extra = extra.iter().map(ToString::to_string).collect();
    let advert_int = Duration::from_secs(30);
    Router {
        priority: 255,
        start_master: true,
        advert_int,
        addresses: Vec::new(),
        extra,
        ..Router::default()
    }
}

#[test]
fn i12_a_link_that_comes_back_is_shown_where_the_addresses_are_at_once() -> Result<()> {
    let lab = Lab::with_routers(1)?;
    lab.add_second_lan()?;
    let outside = "198.51.100.51".parse()?;
    let addresses = format!(
        "virtual_ipaddress = [\"{VIP}/32\", {{ address = \"{outside}/24\", dev = \"eth1\", no_track = true }}]"
    );
    let r1 = start(&lab, "r1", &owner(&[&addresses, "garp = { delay = \"0s\" }"]))?;
    until_switch_knows(&lab, VMAC, SECOND_BRIDGE, "r1-b")?;
    lab.cut("r1-b")?;
    until_status(&r1, "eth1 is down", |status| status["interfaces"][1]["up"] == false)?;
    let mark = lab.wire().mark();
    lab.restore("r1-b")?;
    lab.wire().until("the virtual MAC is shown", mark, Duration::from_secs(5), |timeline| {
        let shown = timeline.to_itself().any(|frame| *frame.host == *"r1-b" && frame.source == VMAC);
        let announced = timeline.gratuitous(outside).any(|(frame, _)| *frame.host == *"r1-b");
        (shown && announced).then_some(())
    })?;
    until_switch_knows(&lab, VMAC, SECOND_BRIDGE, "r1-b")
}

#[test]
fn i12_an_interface_with_another_mac_address_is_announced_at_once() -> Result<()> {
    let lab = Lab::with_routers(1)?;
    let address = format!("virtual_ipaddress = [\"{VIP}/32\"]");
    let _r1 = start(&lab, "r1", &owner(&[&address, "use_vmac = false", "garp = { delay = \"0s\" }"]))?;
    until_master(&lab, "r1", Mark::default())?;
    poll("the address is there", PATIENCE, || Ok(client_pings(&lab, VIP, 1).ok()))?;
    believes(&lab, lab.host("r1")?.mac)?;
    let other = Mac([2, 0, 0, 0, 0x77, 1]);
    lab.host("r1")?.namespace.ip(&format!("link set {INTERFACE} address {other}"))?;
    believes(&lab, other)?;
    client_pings(&lab, VIP, 3)
}

/// Who says farewell was master; and a flood of losing adverts makes no flood of announcements.
#[test]
fn i12_a_farewell_is_answered_too_and_losing_adverts_once_a_second_at_most() -> Result<()> {
    let lab = Lab::with_routers(1)?;
    let _r1 = start(&lab, "r1", &bare(100))?;
    until_master(&lab, "r1", Mark::default())?;
    let from_another = |priority| advert_frame(VRID, priority, ADVERT_INT, router_address(2), &[VIP]);
    let rounds = |mark| lab.wire().look(mark, |timeline| timeline.gratuitous(VIP).count());
    lab.wire().until("the round of a new master", Mark::default(), PATIENCE, |timeline| {
        timeline.gratuitous(VIP).next().map(drop)
    })?;
    let mark = lab.wire().mark();
    inject::send(&lab, &[from_another(0)], 1)?;
    lab.wire().until("a round", mark, Duration::from_secs(1), |timeline| {
        timeline.gratuitous(VIP).next().map(drop)
    })?;
    let mark = lab.wire().mark();
    for _ in 0..18 {
        inject::send(&lab, &[from_another(50)], 20)?;
        until_adverts(&lab, "r1", 1)?;
    }
    lab.wire().settle();
    let rounds = rounds(mark);
    ensure!((1..=2).contains(&rounds), "{rounds} rounds in less than two seconds");
    Ok(())
}
