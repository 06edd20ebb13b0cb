//! Routers of a sync group, on two LANs, move together.

use std::time::Duration;

use anyhow::{Result, ensure};
use tests::{
    Lab,
    daemons::{Daemon as _, Vrrpd, binary},
    scenario::{PATIENCE, until_status},
    wait::{Mark, poll},
};

const INSIDE: u8 = 51;
const OUTSIDE: u8 = 52;

/// One router on each LAN, in one group. `outside`: the priority of the second.
fn config(host: &str, priority: u8, outside: u8) -> String {
    let instance = |name: &str, interface: &str, vrid: u8, priority: u8, address: &str| {
        format!(
            "[vrrp_instance.{name}]\ninterface = \"{interface}\"\nvirtual_router_id = {vrid}\n\
             priority = {priority}\nadvert_int = \"100ms\"\nvirtual_ipaddress = [\"{address}\"]\n"
        )
    };
    format!(
        "router_id = \"{host}\"\n{}{}[vrrp_sync_group.GW]\ngroup = [\"IN\", \"OUT\"]\n",
        instance("IN", "eth0", INSIDE, priority, "192.0.2.51/32"),
        instance("OUT", "eth1", OUTSIDE, outside, "198.51.100.51/32"),
    )
}

fn start(lab: &Lab, host: &str, priority: u8) -> Result<Vrrpd> {
    let config = config(host, priority, priority);
    Vrrpd::start_with(&binary()?, &lab.host(host)?.namespace, &lab.scratch(), &config)
}

/// Both routers and the group say so.
fn until_all(daemon: &Vrrpd, state: &str) -> Result<()> {
    until_status(daemon, &format!("all are {state}"), |status| {
        let routers = status["routers"].as_array();
        routers.is_some_and(|routers| routers.len() == 2 && routers.iter().all(|one| one["state"] == state))
            && status["groups"][0]["state"] == state
    })
}

/// Waits for adverts of a host with a priority above 0 in both VRIDs.
fn until_master(lab: &Lab, host: &str, mark: Mark) -> Result<()> {
    for (vrid, port) in [(INSIDE, host.to_owned()), (OUTSIDE, format!("{host}-b"))] {
        lab.wire().until(&format!("{host} is master of {vrid}"), mark, PATIENCE, |timeline| {
            timeline.adverts_by(vrid, &port).find(|(_, advert)| advert.priority > 0).map(drop)
        })?;
    }
    Ok(())
}

fn two_lans() -> Result<Lab> {
    let lab = Lab::with_routers(2)?;
    lab.add_second_lan()?;
    Ok(lab)
}

/// r1 master of both, r2 backup of both.
fn pair(lab: &Lab) -> Result<(Vrrpd, Vrrpd)> {
    let r1 = start(lab, "r1", 100)?;
    until_all(&r1, "MASTER")?;
    let r2 = start(lab, "r2", 90)?;
    until_all(&r2, "BACKUP")?;
    Ok((r1, r2))
}

#[test]
fn link_loss_on_one_lan_moves_both_and_its_return_brings_both_back() -> Result<()> {
    let lab = two_lans()?;
    let (r1, r2) = pair(&lab)?;

    let mark = lab.wire().mark();
    lab.cut("r1-b")?;
    until_all(&r1, "FAULT")?;
    until_master(&lab, "r2", mark)?;
    until_all(&r2, "MASTER")?;
    until_status(&r1, "each has its own reason", |status| {
        let fault = |index: usize| status["routers"][index]["fault"].as_str().unwrap_or_default().to_owned();
        fault(0) == "another member of its sync group cannot take part" && fault(1) == "the interface is down"
    })?;

    let mark = lab.wire().mark();
    lab.restore("r1-b")?;
    until_master(&lab, "r1", mark)?;
    until_all(&r1, "MASTER")?;
    until_all(&r2, "BACKUP")
}

#[test]
fn a_killed_master_and_one_that_leaves_are_succeeded_on_both_lans() -> Result<()> {
    let lab = two_lans()?;
    let (mut r1, r2) = pair(&lab)?;
    let mark = lab.wire().mark();
    r1.kill()?;
    until_master(&lab, "r2", mark)?;
    until_all(&r2, "MASTER")?;
    r1.restart()?;
    until_all(&r1, "MASTER")?;
    until_all(&r2, "BACKUP")?;
    let mark = lab.wire().mark();
    r1.terminate()?;
    until_master(&lab, "r2", mark)?;
    until_all(&r2, "MASTER")
}

/// The other router of the group is still heard on its own LAN.
#[test]
fn a_lan_that_loses_its_master_waits_for_the_other() -> Result<()> {
    let lab = two_lans()?;
    let (_r1, r2) = pair(&lab)?;
    let mark = lab.wire().mark();
    // Both keep their carriers; r2 hears r1 on the first LAN only.
    lab.isolate("r2-b")?;
    until_status(&r2, "the second router waits", |status| {
        status["routers"][1]["timers"]["deadline_in_us"].is_null()
    })?;
    std::thread::sleep(Duration::from_secs(1));
    until_all(&r2, "BACKUP")?;
    lab.wire().look(mark, |timeline| {
        ensure!(timeline.adverts_by(INSIDE, "r2").next().is_none(), "r2 speaks inside");
        ensure!(timeline.adverts_by(OUTSIDE, "r2-b").next().is_none(), "r2 speaks outside");
        Ok(())
    })?;
    let mark = lab.wire().mark();
    lab.cut("r1")?;
    until_master(&lab, "r2", mark)?;
    until_all(&r2, "MASTER")
}

#[test]
fn i9_a_reload_that_makes_and_unmakes_a_group_moves_nothing() -> Result<()> {
    let lab = two_lans()?;
    let (mut r1, r2) = pair(&lab)?;
    let transitions = |daemon: &Vrrpd| -> Result<Vec<usize>> {
        let status = daemon.status()?;
        let of = |index: usize| status["routers"][index]["transitions"].as_array().map_or(0, Vec::len);
        Ok(vec![of(0), of(1)])
    };
    let before = (transitions(&r1)?, transitions(&r2)?);
    let grouped = config("r1", 100, 100);
    let ungrouped = grouped.split("[vrrp_sync_group").next().unwrap_or_default().to_owned();
    for (text, groups) in [(&ungrouped, 0), (&grouped, 1), (&config("r1", 120, 110), 1)] {
        r1.reload_with(text)?;
        until_status(&r1, "the new groups", |status| {
            status["groups"].as_array().is_some_and(|list| list.len() == groups)
        })?;
    }
    until_status(&r1, "the new priority", |status| status["routers"][0]["effective_priority"] == 120)?;
    std::thread::sleep(Duration::from_millis(500));
    ensure!((transitions(&r1)?, transitions(&r2)?) == before, "something has moved");
    until_all(&r1, "MASTER")
}

#[test]
fn a_group_of_one_has_its_own_hooks_and_says_its_state() -> Result<()> {
    let lab = Lab::with_routers(1)?;
    let seen = lab.scratch().path().join("seen");
    let text = config("r1", 100, 100);
    let inside = text.split("[vrrp_instance.OUT]").next().unwrap_or_default();
    let script = format!("echo $3 >> {}", seen.display());
    let group = format!("[vrrp_sync_group.GW]\ngroup = [\"IN\"]\nnotify = \"/bin/sh -c '{script}' sh\"\n");
    let text = format!("{inside}{group}");
    let r1 = Vrrpd::start_with(&binary()?, &lab.host("r1")?.namespace, &lab.scratch(), &text)?;
    until_status(&r1, "the group is master", |status| status["groups"][0]["state"] == "MASTER")?;
    poll("the group's hook", PATIENCE, || {
        Ok(std::fs::read_to_string(&seen).is_ok_and(|text| text.ends_with("MASTER\n")).then_some(()))
    })
}

/// Only one of the two LANs is whole again: on the other the routers still do not hear each other, but who was two masters there is
/// one now, and its neighbours are told.
#[test]
fn i12_with_one_router_that_hears_another_master_its_whole_group_announces_itself() -> Result<()> {
    let lab = two_lans()?;
    let bare = |host: &str, priority: u8| -> Result<Vrrpd> {
        let own = "use_vmac = false\ngarp = { repeat = 1, delay = \"0s\" }\nadvert_int";
        let config = config(host, priority, priority).replace("advert_int", own);
        Vrrpd::start_with(&binary()?, &lab.host(host)?.namespace, &lab.scratch(), &config)
    };
    let _r1 = bare("r1", 100)?;
    until_master(&lab, "r1", Mark::default())?;
    let r2 = bare("r2", 90)?;
    until_all(&r2, "BACKUP")?;
    let mark = lab.wire().mark();
    lab.part(&["r1", "r2", "r1-b", "r2-b"])?;
    until_master(&lab, "r2", mark)?;
    until_all(&r2, "MASTER")?;
    let mark = lab.wire().mark();
    lab.join(&["r1", "r2"])?;
    let outside = "198.51.100.51".parse()?;
    let announced = |mark| {
        lab.wire().until("r1 announces itself outside", mark, PATIENCE, |timeline| {
            timeline.gratuitous(outside).find(|(frame, _)| *frame.host == *"r1-b").map(drop)
        })
    };
    announced(mark)?;
    // That may not have come to all. When the other LAN is whole again, r2 has a last word there.
    until_all(&r2, "BACKUP")?;
    let mark = lab.wire().mark();
    lab.join(&["r1-b", "r2-b"])?;
    let word = lab.wire().until("the last word of r2", mark, PATIENCE, |timeline| {
        timeline.adverts_by(OUTSIDE, "r2-b").next().map(|(_, advert)| advert.priority)
    })?;
    ensure!(word == 90, "priority {word}");
    announced(mark)
}
