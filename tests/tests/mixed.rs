//! Beside real keepalived and FRR: each side master in turn, and never two who answer but for what they leave behind.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use tests::{
    Ask, Lab,
    daemons::{Daemon, Frr, Keepalived, Router, Vrrpd},
    lab::INTERFACE,
    scenario::{
        PATIENCE, PER_SECOND, VIP, VRID, ask_for, sole_owner_over, start, until_adverts, until_master,
        until_state, until_status,
    },
    wait::Mark,
};

/// Version 2 with a password has whole seconds; version 3 is quicker.
fn settings(version: u8) -> Router {
    let (advert_int, auth_pass) = match version {
        2 => (Duration::from_secs(1), Some("1111".to_owned())),
        _ => (Duration::from_millis(200), None),
    };
    Router { version, advert_int, auth_pass, ..Router::default() }
}

fn keepalived(lab: &Lab, host: &str, router: &Router) -> Result<Keepalived> {
    Keepalived::start(&lab.host(host)?.namespace, &lab.scratch(), router)
}

/// The host answers, so that its address is where it shall be; then it alone does, over three down intervals.
fn settled(lab: &Lab, host: &str, router: &Router) -> Result<()> {
    let mark = lab.wire().mark();
    let asker = lab.ask(Ask::broadcast(VIP, 100))?;
    lab.wire().until(&format!("{host} answers"), mark, PATIENCE, |timeline| {
        timeline.arp_replies(VIP).find(|(frame, _)| *frame.host == *host).map(drop)
    })?;
    drop(asker);
    sole_owner_over(lab, host, 3 * router.master_down())
}

/// vrrpd on r1 outranks keepalived on r2, is master, leaves, comes back, and is killed.
fn vrrpd_outranks(version: u8) -> Result<()> {
    let lab = Lab::with_routers(2)?;
    let first = settings(version);
    let second = Router { priority: 90, ..first.clone() };
    let mut ours = start(&lab, "r1", &first)?;
    until_master(&lab, "r1", Mark::default())?;
    let _theirs = keepalived(&lab, "r2", &second)?;
    until_adverts(&lab, "r1", 2)?;
    for end in [Vrrpd::terminate as fn(&mut Vrrpd) -> Result<()>, Vrrpd::kill] {
        let mark = lab.wire().mark();
        end(&mut ours)?;
        until_master(&lab, "r2", mark)?;
        settled(&lab, "r2", &second).context("keepalived has taken over")?;
        let mark = lab.wire().mark();
        ours.restart()?;
        until_master(&lab, "r1", mark)?;
        until_adverts(&lab, "r1", 2)?;
    }
    settled(&lab, "r1", &first).context("vrrpd has taken the role back")
}

/// keepalived on r2 outranks vrrpd on r1, is master, leaves, comes back, and is killed.
fn keepalived_outranks(version: u8) -> Result<()> {
    let lab = Lab::with_routers(2)?;
    let second = settings(version);
    let first = Router { priority: 90, ..second.clone() };
    let mut theirs = keepalived(&lab, "r2", &second)?;
    until_master(&lab, "r2", Mark::default())?;
    let ours = start(&lab, "r1", &first)?;
    until_state(&ours, "BACKUP")?;
    until_adverts(&lab, "r2", 2)?;

    let mark = lab.wire().mark();
    theirs.terminate()?;
    until_master(&lab, "r1", mark)?;
    settled(&lab, "r1", &first).context("vrrpd has taken over")?;

    let mark = lab.wire().mark();
    let mut theirs = keepalived(&lab, "r2", &second)?;
    until_master(&lab, "r2", mark)?;
    until_state(&ours, "BACKUP")?;
    until_adverts(&lab, "r2", 2)?;
    let address = |host: &str| lab.host(host)?.namespace.ip(&format!("address show dev {INTERFACE}"));
    ensure!(address("r2")?.contains(&VIP.to_string()), "keepalived's kernel has the address");

    let mark = lab.wire().mark();
    theirs.kill()?;
    until_master(&lab, "r1", mark)?;
    until_adverts(&lab, "r1", 2)?;
    what_killed_keepalived_leaves(&lab, &ours, &address("r2")?)
}

/// The address stays on the interface of the dead, and its kernel answers for it beside the new master, with its own
/// MAC, until somebody removes it.
fn what_killed_keepalived_leaves(lab: &Lab, ours: &Vrrpd, addresses: &str) -> Result<()> {
    ensure!(addresses.contains(&VIP.to_string()), "the address stays on the dead host: {addresses}");
    let answers = ask_for(lab, Ask::broadcast(VIP, PER_SECOND), Duration::from_millis(500))?;
    let (all, hosts) = (answers.requests.len(), answers.by_host());
    println!("keepalived killed: of {all} requests {hosts:?} answered; {:?}", answers.macs());
    ensure!(hosts.get("r1") == Some(&all), "vrrpd answers: {hosts:?}");
    ensure!(hosts.get("r2") == Some(&all), "the dead keepalived's kernel goes on answering: {hosts:?}");
    // Seen as soon as the dead host says so where the new master can hear it.
    let r2 = &lab.host("r2")?.namespace;
    r2.exec(&format!("ping -c 1 -W 1 -I {VIP} 192.0.2.77")).unwrap_or_default();
    until_status(ours, "the conflict is reported", |status| {
        status["routers"][0]["statistics"]["address_conflicts"].as_u64() > Some(0)
    })?;
    r2.ip(&format!("address del {VIP}/32 dev {INTERFACE}"))?;
    sole_owner_over(lab, "r1", Duration::from_millis(500)).context("after the address is removed by hand")
}

#[test]
fn version_2_with_a_password_vrrpd_outranks_keepalived() -> Result<()> {
    vrrpd_outranks(2)
}

#[test]
fn version_3_vrrpd_outranks_keepalived() -> Result<()> {
    vrrpd_outranks(3)
}

#[test]
fn version_2_with_a_password_keepalived_outranks_vrrpd() -> Result<()> {
    keepalived_outranks(2)
}

#[test]
fn version_3_keepalived_outranks_vrrpd() -> Result<()> {
    keepalived_outranks(3)
}

/// Whether only this host advertises, over two down intervals.
fn alone_advertises(lab: &Lab, host: &str, router: &Router) -> Result<()> {
    until_adverts(lab, host, 2)?;
    let mark = lab.wire().mark();
    std::thread::sleep(2 * router.master_down());
    lab.wire().settle();
    lab.wire().look(mark, |timeline| {
        let masters = timeline.masters(VRID);
        ensure!(masters.keys().eq([&host]), "{masters:?} advertise, not {host} alone");
        Ok(())
    })
}

#[test]
fn frr_and_vrrpd_accept_each_others_adverts_and_vrrpd_takes_over_and_yields() -> Result<()> {
    let router = Router { advert_int: Duration::from_millis(500), ..Router::default() };
    let lab = Lab::with_routers(2)?;
    let r2 = &lab.host("r2")?.namespace;
    let ours = start(&lab, "r1", &router)?;
    until_master(&lab, "r1", Mark::default())?;
    // FRR outranks: vrrpd yields, and takes over when it is gone.
    let mark = lab.wire().mark();
    let mut frr = Frr::start(r2, &lab.scratch(), &Router { priority: 200, ..router.clone() })?;
    until_master(&lab, "r2", mark)?;
    until_state(&ours, "BACKUP")?;
    alone_advertises(&lab, "r2", &router)?;
    let status = ours.status()?;
    ensure!(status["routers"][0]["master_priority"] == 200, "{status:#}");
    let mark = lab.wire().mark();
    frr.kill()?;
    until_master(&lab, "r1", mark)?;
    drop(frr);
    alone_advertises(&lab, "r1", &router)?;
    // vrrpd outranks: FRR accepts its adverts and stays silent.
    r2.ip("link del vrrp4-51")?;
    let _frr = Frr::start(r2, &lab.scratch(), &Router { priority: 50, ..router.clone() })?;
    alone_advertises(&lab, "r1", &router)?;
    alone_advertises(&lab, "r1", &router)
}
