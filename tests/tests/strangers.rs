//! I11: a difference in configuration never makes two masters, beside vrrpd and beside real keepalived, which discards what differs.

use std::{net::Ipv4Addr, time::Duration};

use anyhow::{Context as _, Result, ensure};
use tests::{
    Ask, Lab, Mac,
    daemons::{Daemon, Keepalived, Router, Vrrpd},
    inject,
    lab::CLIENT,
    scenario::{
        PER_SECOND, VIP, VRID, ask_for, sole_owner_over, start, until_adverts, until_master, until_state,
        until_status,
    },
    wait::Mark,
    wire::advert_frame,
};

const SECOND: Duration = Duration::from_secs(1);
const TENTH: Duration = Duration::from_millis(100);

fn version_2() -> Router {
    Router { version: 2, ..Router::default() }
}

fn one_more() -> Vec<String> {
    vec!["192.0.2.51/32".to_owned(), "192.0.2.61/32".to_owned()]
}

/// What another box may have otherwise, each with how a backup names it.
fn differences() -> [(Router, &'static str); 3] {
    [
        (Router { addresses: one_more(), ..version_2() }, "192.0.2.61 not here"),
        (Router { advert_int: 2 * SECOND, ..version_2() }, "advert_int 2s there, 1s here"),
        (Router::default(), "version 3 there, 2 here"),
    ]
}

/// The master of now answers alone, and advertises alone.
fn one_master(lab: &Lab, host: &str) -> Result<()> {
    until_adverts(lab, host, 1)?;
    sole_owner_over(lab, host, 4 * SECOND)
}

/// Started one after the other, in both orders: the one that was there first stays, whatever its priority.
#[test]
fn i11_boxes_that_differ_have_one_master_and_say_what_differs() -> Result<()> {
    for (other, named) in differences() {
        for (first, second, names) in [(&other, &version_2(), true), (&version_2(), &other, false)] {
            let lab = Lab::with_routers(2)?;
            let _r1 = start(&lab, "r1", &Router { priority: 90, ..first.clone() })?;
            until_master(&lab, "r1", Mark::default())?;
            let r2 = start(&lab, "r2", &Router { priority: 110, ..second.clone() })?;
            until_status(&r2, "the mismatch", |status| status["routers"][0]["mismatch"].is_object())?;
            one_master(&lab, "r1").context(named)?;
            let log = r2.log();
            ensure!(!names || log.contains(named), "no {named:?} in\n{log}");
            ensure!(r2.status()?["routers"][0]["state"] == "BACKUP", "r2 follows");
        }
    }
    Ok(())
}

/// What the RFC has them do.
#[test]
fn with_rfc_discards_both_are_master() -> Result<()> {
    let lab = Lab::with_routers(2)?;
    let strict = Router { extra: vec!["rfc_discards = true".to_owned()], ..version_2() };
    let _r1 = start(&lab, "r1", &strict)?;
    let r2 = start(&lab, "r2", &Router { priority: 90, addresses: one_more(), ..strict })?;
    until_master(&lab, "r1", Mark::default())?;
    until_state(&r2, "MASTER")?;
    until_status(&r2, "it is counted", |status| {
        status["routers"][0]["statistics"]["address_list_errors"].as_u64() > Some(0)
    })
}

fn keepalived(lab: &Lab, host: &str, router: &Router) -> Result<Keepalived> {
    Keepalived::start(&lab.host(host)?.namespace, &lab.scratch(), router)
}

/// keepalived is there first: it is not preempted. It comes second: the better vrrpd gives way once that is evident, and a client's
/// kernel knows at once where the address is.
fn beside_keepalived(other: &Router, keepalived_first: bool, ours: u8, theirs: u8) -> Result<()> {
    both_of(&version_2(), other, keepalived_first, ours, theirs)
}

fn both_of(mine: &Router, other: &Router, keepalived_first: bool, ours: u8, theirs: u8) -> Result<()> {
    let lab = Lab::with_routers(2)?;
    let (mine, other) =
        (Router { priority: ours, ..mine.clone() }, Router { priority: theirs, ..other.clone() });
    let (_theirs, vrrpd);
    if keepalived_first {
        _theirs = keepalived(&lab, "r2", &other)?;
        until_master(&lab, "r2", Mark::default())?;
        vrrpd = start(&lab, "r1", &mine)?;
    } else {
        vrrpd = start(&lab, "r1", &mine)?;
        until_master(&lab, "r1", Mark::default())?;
        lab.host(CLIENT)?.namespace.exec(&format!("ping -c 1 -w 5 {VIP}"))?;
        _theirs = keepalived(&lab, "r2", &other)?;
        until_master(&lab, "r2", Mark::default())?;
    }
    // In version 3 it preempts first.
    if mine.version == 3 {
        until_status(&vrrpd, "it gives way", |status| {
            status.to_string().contains("and discards the adverts")
        })?;
    }
    until_state(&vrrpd, "BACKUP")?;
    if !keepalived_first && ours > theirs {
        let log = vrrpd.log();
        ensure!(log.contains("discards the adverts of this router"), "why it yields:\n{log}");
        let known = lab.client_neighbour(VIP)?;
        let there = lab.host("r2")?.mac;
        ensure!(known == Some(there), "the client knows {known:?}, not {there}");
        says_where_it_is_and_nothing_else(&lab, there)?;
    }
    one_master(&lab, "r2")
}

/// Since the first advert of the other one: no farewell, which would make a third box take over, and one ARP that says where the
/// address is now.
fn says_where_it_is_and_nothing_else(lab: &Lab, there: Mac) -> Result<()> {
    lab.wire().settle();
    lab.wire().look(Mark::default(), |timeline| {
        let began = timeline.adverts_by(VRID, "r2").next().map(|(frame, _)| frame.at);
        let after = |at| began.is_some_and(|began| at > began);
        let told: Vec<_> = timeline
            .gratuitous(VIP)
            .filter(|(frame, _)| *frame.host == *"r1" && after(frame.at))
            .map(|(_, arp)| arp.sha)
            .collect();
        ensure!(told == [there], "r1 says {told:?}");
        let farewells = timeline.adverts_by(VRID, "r1").filter(|(_, advert)| advert.priority == 0).count();
        ensure!(farewells == 0, "{farewells} farewells");
        Ok(())
    })
}

#[test]
fn i11_beside_keepalived_with_one_address_more() -> Result<()> {
    let other = Router { addresses: one_more(), ..version_2() };
    for (first, ours, theirs) in [(true, 110, 90), (true, 90, 110), (false, 110, 90), (false, 90, 110)] {
        beside_keepalived(&other, first, ours, theirs)
            .with_context(|| format!("keepalived first: {first}, {ours} against {theirs}"))?;
    }
    Ok(())
}

#[test]
fn i11_beside_keepalived_with_another_interval() -> Result<()> {
    let other = Router { advert_int: 2 * SECOND, ..version_2() };
    for (first, ours, theirs) in [(true, 110, 90), (true, 90, 110), (false, 110, 90), (false, 90, 110)] {
        beside_keepalived(&other, first, ours, theirs)
            .with_context(|| format!("keepalived first: {first}, {ours} against {theirs}"))?;
    }
    Ok(())
}

#[test]
fn i11_beside_keepalived_of_another_version() -> Result<()> {
    for (first, ours, theirs) in [(true, 110, 90), (false, 110, 90)] {
        beside_keepalived(&Router::default(), first, ours, theirs)
            .with_context(|| format!("keepalived first: {first}, {ours} against {theirs}"))?;
    }
    Ok(())
}

/// keepalived discards other addresses in version 3, too.
#[test]
fn i11_beside_keepalived_of_version_3_with_one_address_more() -> Result<()> {
    let ours = Router { advert_int: SECOND / 5, ..Router::default() };
    let other = Router { addresses: one_more(), ..ours.clone() };
    for first in [true, false] {
        both_of(&ours, &other, first, 110, 90).with_context(|| format!("keepalived first: {first}"))?;
    }
    Ok(())
}

/// Box by box from version 2 to version 3, while a client asks 500 times a second.
#[test]
fn i11_a_cluster_goes_to_version_3_by_rolling_restarts() -> Result<()> {
    let lab = Lab::with_routers(2)?;
    let before = |priority| Router { priority, ..version_2() };
    let after = |priority| Router { priority, ..Router::default() };
    let mut r1 = start(&lab, "r1", &before(110))?;
    until_master(&lab, "r1", Mark::default())?;
    let mut r2 = start(&lab, "r2", &before(90))?;
    until_state(&r2, "BACKUP")?;
    until_adverts(&lab, "r1", 2)?;
    let asker = lab.ask(Ask::broadcast(VIP, 500))?;
    r2.terminate()?;
    r2.restart_with(&after(90).vrrpd("r2"))?;
    until_status(&r2, "it follows", |status| status["routers"][0]["master_address"] == "192.0.2.1")?;
    let mark = lab.wire().mark();
    r1.terminate()?;
    until_master(&lab, "r2", mark)?;
    r1.restart_with(&after(110).vrrpd("r1"))?;
    until_master(&lab, "r1", mark)?;
    until_state(&r2, "BACKUP")?;
    let answers = asker.finish();
    ensure!(lab.wire().lost() == 0, "the capture lost frames: the machine is too busy");
    let (none, two) = (answers.unanswered(), answers.answered_by_two());
    println!("from version 2 to 3: {} requests, {none:?} unanswered, {two:?} by two", answers.requests.len());
    ensure!(none.requests <= 5, "{none:?} unanswered");
    ensure!(two.requests <= 10, "{two:?} answered by two");
    sole_owner_over(&lab, "r1", 3 * SECOND)
}

/// Another cluster's master, of the same VRID, with a better priority and none of our addresses, from the same virtual MAC.
#[test]
fn i11_another_cluster_with_the_same_vrid_is_not_followed_and_keeps_its_mac() -> Result<()> {
    let lab = Lab::with_routers(3)?;
    let other = Router {
        priority: 200,
        advert_int: TENTH,
        addresses: vec!["192.0.2.99/32".into()],
        ..Router::default()
    };
    let mut r3 = start(&lab, "r3", &other)?;
    let other_vip = Ipv4Addr::new(192, 0, 2, 99);
    until_master(&lab, "r3", Mark::default())?;
    let ours = Router { advert_int: TENTH, ..Router::default() };
    let r1 = start(&lab, "r1", &ours)?;
    until_master(&lab, "r1", Mark::default())?;
    let r2 = start(&lab, "r2", &Router { priority: 90, ..ours })?;
    until_state(&r2, "BACKUP")?;
    for daemon in [&r1, &r2] {
        until_status(daemon, "the clash", |status| status["routers"][0]["clash"]["source"] == "192.0.2.3")?;
        let log = daemon.log();
        ensure!(log.contains("another cluster has this VRID"), "told loudly:\n{log}");
    }
    // Both are served, each by its own, and ours not from the virtual MAC that is theirs.
    let answers = ask_for(&lab, Ask::broadcast(VIP, PER_SECOND), SECOND)?;
    ensure!(answers.sole_owner()? == "r1", "{:?}", answers.by_host());
    let macs = answers.macs();
    ensure!(
        macs.iter().all(|(mac, _)| *mac == lab.host("r1").map(|host| host.mac).unwrap_or(*mac)),
        "{macs:?}"
    );
    let theirs = ask_for(&lab, Ask::broadcast(other_vip, PER_SECOND), SECOND)?;
    ensure!(theirs.sole_owner()? == "r3", "{:?}", theirs.by_host());
    // When it is gone, so is the reason.
    r3.terminate()?;
    until_status(&r1, "no clash", |status| status["routers"][0]["clash"].is_null())?;
    let virtual_mac = Mac([0, 0, 0x5e, 0, 1, VRID]);
    until_status(&r1, "the virtual MAC", |status| status["routers"][0]["mac"] == virtual_mac.to_string())?;
    let answers = ask_for(&lab, Ask::broadcast(VIP, PER_SECOND), SECOND)?;
    ensure!(answers.sole_owner()? == "r1", "{:?}", answers.by_host());
    ensure!(answers.macs().iter().all(|(mac, _)| *mac == virtual_mac), "{:?}", answers.macs());
    Ok(())
}

/// A cluster is renumbered box by box, by reload: who was a peer stays one.
#[test]
fn i11_a_cluster_is_renumbered_box_by_box() -> Result<()> {
    let lab = Lab::with_routers(2)?;
    let old = Router { advert_int: TENTH, ..Router::default() };
    let new = Router { addresses: vec!["192.0.2.99/32".into()], ..old.clone() };
    let mut r1 = start(&lab, "r1", &old)?;
    until_master(&lab, "r1", Mark::default())?;
    let mut r2 = start(&lab, "r2", &Router { priority: 90, ..old })?;
    until_state(&r2, "BACKUP")?;
    until_adverts(&lab, "r1", 3)?;
    r2.reload(&Router { priority: 90, ..new.clone() })?;
    until_status(&r2, "the new address", |status| status["routers"][0]["addresses"][0] == "192.0.2.99/32")?;
    sole_owner_over(&lab, "r1", SECOND)?;
    r1.reload(&new)?;
    until_status(&r1, "the new address", |status| status["routers"][0]["addresses"][0] == "192.0.2.99/32")?;
    until_adverts(&lab, "r1", 10)?;
    for (daemon, state) in [(&r1, "MASTER"), (&r2, "BACKUP")] {
        ensure!(daemon.status()?["routers"][0]["state"] == state, "{state}:\n{}", daemon.log());
        ensure!(!daemon.log().contains("another cluster"), "{}", daemon.log());
    }
    Ok(())
}

/// A master of lower priority that is not preempted lowers it further: it wants to hand over, and is told that it cannot.
#[test]
fn a_master_that_cannot_hand_over_is_told_of() -> Result<()> {
    let lab = Lab::with_routers(1)?;
    let r1 = start(&lab, "r1", &Router { advert_int: TENTH, ..Router::default() })?;
    until_state(&r1, "MASTER")?;
    let speaker = Ipv4Addr::new(192, 0, 2, 9);
    let frame = |priority| {
        inject::with_message(advert_frame(VRID, priority, TENTH, speaker, &[VIP; 3]), |message| {
            (message[0], message[3], message[4], message[5]) = (0x21, 1, 0, 1);
        })
    };
    inject::send(&lab, &[frame(150)], 1)?;
    until_status(&r1, "it follows", |status| status["routers"][0]["master_priority"] == 150)?;
    inject::send(&lab, &[frame(50)], 1)?;
    until_status(&r1, "it follows", |status| status["routers"][0]["master_priority"] == 50)?;
    let log = r1.log();
    ensure!(log.contains("cannot hand over"), "{log}");
    Ok(())
}

/// Both say that the addresses are theirs: the higher address stays, and both are told.
#[test]
fn two_owners_are_told_of_on_both() -> Result<()> {
    let lab = Lab::with_routers(2)?;
    let owner = Router { priority: 255, start_master: true, advert_int: TENTH, ..Router::default() };
    let r1 = start(&lab, "r1", &owner)?;
    until_master(&lab, "r1", Mark::default())?;
    let r2 = start(&lab, "r2", &owner)?;
    until_state(&r1, "BACKUP")?;
    for daemon in [&r1, &r2] {
        until_status(daemon, "the other owner", |status| {
            status["routers"][0]["statistics"]["other_owners"].as_u64() > Some(0)
        })?;
        ensure!(daemon.log().contains("another box owns the addresses"), "{}", daemon.log());
    }
    sole_owner_over(&lab, "r2", SECOND)
}

const ASKING: &str = "probe_before_takeover = true";

/// The switch lets no multicast through to the backup. Returns once its master is silent for it.
fn filtered(limit: u8) -> Result<(Lab, Vrrpd, Vrrpd)> {
    let lab = Lab::with_routers(2)?;
    let extra = vec![ASKING.to_owned(), format!("probe_limit = {limit}")];
    let router = Router { advert_int: TENTH, extra, ..Router::default() };
    let r1 = start(&lab, "r1", &router)?;
    until_master(&lab, "r1", Mark::default())?;
    let r2 = start(&lab, "r2", &Router { priority: 50, ..router })?;
    until_status(&r2, "it follows", |status| status["routers"][0]["master_address"] == "192.0.2.1")?;
    lab.switch().exec("bridge link set dev r2 mcast_flood off")?;
    until_status(&r2, "the split", |status| {
        status["routers"][0]["statistics"]["silent_masters_that_answer"].as_u64() > Some(0)
    })?;
    Ok((lab, r1, r2))
}

#[test]
fn a_master_whose_adverts_are_filtered_is_left_alone_and_replaced_in_time_when_it_dies() -> Result<()> {
    let (lab, mut r1, r2) = filtered(100)?;
    sole_owner_over(&lab, "r1", 2 * SECOND)?;
    ensure!(r2.status()?["routers"][0]["state"] == "BACKUP", "{}", r2.log());
    ensure!(r2.log().contains("is silent and answers ARP"), "{}", r2.log());
    let mark = lab.wire().mark();
    let asker = lab.ask(Ask::broadcast(VIP, PER_SECOND))?;
    r1.kill()?;
    until_master(&lab, "r2", mark)?;
    let none = asker.finish().unanswered();
    // The lease, the round that it falls into, and the one after.
    ensure!(none.longest < Duration::from_millis(500), "{none:?} unanswered");
    sole_owner_over(&lab, "r2", SECOND)
}

#[test]
fn a_silent_master_that_answers_is_replaced_after_the_limit() -> Result<()> {
    let (lab, _r1, r2) = filtered(3)?;
    until_state(&r2, "MASTER")?;
    ensure!(r2.log().contains("probe_limit"), "{}", r2.log());
    drop(lab);
    Ok(())
}
