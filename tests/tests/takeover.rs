//! Unplanned failures: two `vrrpd`, and the master is killed, frozen or cut off.
//!
//! I1: no request is ever answered by two hosts. I2: the old master is silent before the new one speaks. I3: a dead
//! node stays silent, whatever it is asked. I6: a master that slept steps down before it sends.

use std::{net::Ipv4Addr, time::Duration};

use anyhow::{Context as _, Result, bail, ensure};
use tests::{
    Ask, Form, Lab, Mac, Stamp,
    daemons::{Daemon as _, Router, Vrrpd},
    lab::{CLIENT, INTERFACE},
    scenario::{
        PER_SECOND, Pair, VIP, VRID, ask_for, distribution, sole_owner_over, speaks, until_adverts,
        until_master, until_state,
    },
};

const MS_10: Duration = Duration::from_millis(10);
const SECOND: Duration = Duration::from_secs(1);
/// How long the wire is watched after a takeover, at most: longer than any lease.
const HOLD: Duration = Duration::from_secs(4);

/// Roles alternate: the successor of one round is the victim of the next.
fn alternating(advert_int: Duration) -> Result<Pair> {
    Pair::of(&Router { advert_int, preempt: false, ..Router::default() })
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Failure {
    Kill,
    Freeze,
}

/// Fails the master, checks the wire, makes it a backup again. Returns the successor's lateness in ms.
fn round(pair: &mut Pair, failure: Failure, old: &str, new: &str) -> Result<f64> {
    until_adverts(&pair.lab, old, 2)?;
    let down = pair.router(new).1.master_down();
    let mark = pair.lab.wire().mark();
    let asker = pair.lab.ask(Ask::broadcast(VIP, 2 * PER_SECOND))?;
    // Another one after the asker has begun, so that the failure's place in the interval is chance.
    until_adverts(&pair.lab, old, 1)?;
    let failed = Stamp::now();
    match failure {
        Failure::Kill => pair.router(old).0.kill()?,
        Failure::Freeze => pair.router(old).0.freeze()?,
    }
    let after = pair.lab.wire().mark();
    let taken = until_master(&pair.lab, new, after)?;
    std::thread::sleep((3 * down).min(HOLD));
    let woken = Stamp::now();
    match failure {
        Failure::Kill => pair.router(old).0.restart()?,
        Failure::Freeze => pair.router(old).0.thaw()?,
    }
    until_state(pair.router(old).0, "BACKUP")?;
    std::thread::sleep(down.min(SECOND));
    let answers = asker.finish();
    pair.lab.wire().settle();
    ensure!(pair.lab.wire().lost() == 0, "the capture lost frames: the machine is too busy");

    let two = answers.answered_by_two();
    ensure!(two.requests == 0, "I1: {old} and {new} both answered: {two}");
    let (last, first) = (answers.last_by(old), answers.first_by(new).context("the successor answers")?);
    ensure!(last.is_none_or(|last| last < first), "I2: {old} answered after {new} had begun");
    pair.lab
        .wire()
        .look(mark, |timeline| {
            let late = timeline.takeover(VRID, old, new).context("no takeover")?.late_ms(down);
            let mut unexpected = timeline.adverts_by(VRID, old).filter(|(frame, _)| frame.at > taken);
            if let Some((first, _)) = unexpected.next() {
                bail!("I6: {} adverts of {old} after its successor's first: {first}", 1 + unexpected.count());
            }
            ensure!(late > -0.2, "I4: {new} took over {:.3} ms before its time", -late);
            Ok(late)
        })
        .with_context(|| {
            let log =
                |daemon: &Vrrpd| daemon.log().lines().map(|line| format!("{line}\n")).collect::<String>();
            format!("failed at {failed}, woken at {woken}\nr1:\n{}r2:\n{}", log(&pair.r1), log(&pair.r2))
        })
}

fn rounds(failure: Failure, advert_int: Duration, count: usize) -> Result<()> {
    let mut pair = alternating(advert_int)?;
    let (mut old, mut new) = ("r1", "r2");
    let mut late = Vec::new();
    for number in 0..count {
        let round = round(&mut pair, failure, old, new);
        late.push(round.with_context(|| format!("round {number} of {failure:?} at {advert_int:?}"))?);
        (old, new) = (new, old);
    }
    println!("{failure:?} at {advert_int:?}: lateness {}", distribution(&late));
    let median = {
        late.sort_by(f64::total_cmp);
        late[late.len() / 2]
    };
    // Loose: other programs run on this machine too.
    ensure!(median < 5.0, "the median lateness is {median:.3} ms");
    Ok(())
}

#[test]
fn i1_i2_i3_a_killed_master_at_10_ms_never_answers_beside_its_successor() -> Result<()> {
    rounds(Failure::Kill, MS_10, 10)
}

#[test]
fn i1_i2_i3_a_killed_master_at_1_s_never_answers_beside_its_successor() -> Result<()> {
    rounds(Failure::Kill, SECOND, 2)
}

#[test]
fn i1_i2_i6_a_frozen_master_at_10_ms_never_answers_beside_its_successor_nor_speaks_when_it_wakes()
-> Result<()> {
    rounds(Failure::Freeze, MS_10, 10)
}

#[test]
fn i1_i2_i6_a_frozen_master_at_1_s_never_answers_beside_its_successor_nor_speaks_when_it_wakes() -> Result<()>
{
    rounds(Failure::Freeze, SECOND, 2)
}

#[test]
#[ignore = "two minutes: 50 rounds each"]
fn i1_i2_i3_i6_fifty_rounds_at_10_ms() -> Result<()> {
    rounds(Failure::Kill, MS_10, 50)?;
    rounds(Failure::Freeze, MS_10, 50)
}

#[test]
#[ignore = "twenty minutes: 50 rounds each"]
fn i1_i2_i3_i6_fifty_rounds_at_1_s() -> Result<()> {
    rounds(Failure::Kill, SECOND, 50)?;
    rounds(Failure::Freeze, SECOND, 50)
}

/// Every way to ask a dead node that is still on the wire.
#[test]
fn i3_a_killed_node_is_silent_for_arp_and_for_traffic_to_either_mac() -> Result<()> {
    for advert_int in [MS_10, SECOND] {
        let mut pair = Pair::start(advert_int)?;
        // Nobody takes over: what is heard is heard from the dead node.
        pair.r2.terminate()?;
        sole_owner_over(&pair.lab, "r1", 3 * advert_int)?;
        let own = pair.lab.host("r1")?.mac;
        for mac in [Mac::virtual_v4(VRID), own] {
            ensure!(pings(&pair.lab, mac)?, "the living master replies at {mac}");
        }
        pair.r1.kill()?;
        std::thread::sleep(3 * advert_int);
        silent(&pair.lab, own)?;
    }
    Ok(())
}

fn silent(lab: &Lab, own: Mac) -> Result<()> {
    for form in [Form::Broadcast, Form::Probe, Form::Unicast(own), Form::Unicast(Mac::virtual_v4(VRID))] {
        let ask = Ask { form, ..Ask::broadcast(VIP, PER_SECOND) };
        let answers = ask_for(lab, ask, Duration::from_millis(300))?;
        ensure!(answers.requests.len() > 100, "{form:?}: only {} requests", answers.requests.len());
        ensure!(answers.by_host().is_empty(), "{form:?}: answered by {:?}", answers.by_host());
    }
    for mac in [Mac::virtual_v4(VRID), own] {
        ensure!(!pings(lab, mac)?, "a ping to {mac} is answered by the dead");
    }
    // The host itself is well: it is its virtual router that is silent.
    let client = &lab.host(CLIENT)?.namespace;
    client.exec("ping -c 1 -W 2 192.0.2.1").context("the node's own address")?;
    Ok(())
}

/// Whether the virtual address answers a ping at a MAC, which the client does not have to ask for.
fn pings(lab: &Lab, mac: Mac) -> Result<bool> {
    let client = &lab.host(CLIENT)?.namespace;
    client.ip(&format!("neighbour replace {VIP} lladdr {mac} dev {INTERFACE} nud permanent"))?;
    let answered = client.exec(&format!("ping -c 3 -i 0.1 -W 1 {VIP}")).is_ok();
    client.ip(&format!("neighbour del {VIP} dev {INTERFACE}"))?;
    Ok(answered)
}

/// The switch stops forwarding for the master: both are master, as they must be, and none after.
#[test]
fn i1_a_master_that_is_cut_off_yields_when_it_is_joined_again() -> Result<()> {
    let pair = Pair::start(MS_10)?;
    let mark = pair.lab.wire().mark();
    pair.lab.isolate("r1")?;
    until_master(&pair.lab, "r2", mark)?;
    // The client is on r2's side.
    sole_owner_over_side(&pair.lab, "r2")?;
    pair.lab.rejoin("r1")?;
    let joined = pair.lab.wire().mark();
    // The lower priority yields at the first advert it hears.
    pair.lab.wire().until("r1 is heard", joined, tests::scenario::PATIENCE, |timeline| {
        timeline.adverts_by(VRID, "r1").nth(1).map(drop)
    })?;
    sole_owner_over(&pair.lab, "r1", 3 * pair.second.master_down())
}

/// As [`sole_owner_over`], but the capture hears the cut-off host's adverts too.
fn sole_owner_over_side(lab: &Lab, host: &str) -> Result<()> {
    let answers = ask_for(lab, Ask::broadcast(VIP, PER_SECOND), Duration::from_millis(200))?;
    ensure!(answers.sole_owner()? == host, "{:?}", answers.by_host());
    Ok(())
}

/// The carrier is lost: the router is in FAULT until it is back.
#[test]
fn i1_a_master_that_loses_its_carrier_is_succeeded_and_comes_back_as_master_without_a_double_answer()
-> Result<()> {
    let pair = Pair::start(MS_10)?;
    let asker = pair.lab.ask(Ask::broadcast(VIP, 2 * PER_SECOND))?;
    let mark = pair.lab.wire().mark();
    pair.lab.cut("r1")?;
    until_master(&pair.lab, "r2", mark)?;
    until_state(&pair.r1, "FAULT")?;
    let back = pair.lab.wire().mark();
    pair.lab.restore("r1")?;
    until_master(&pair.lab, "r1", back)?;
    until_state(&pair.r2, "BACKUP")?;
    let answers = asker.finish();
    pair.lab.wire().settle();
    let two = answers.answered_by_two();
    // It preempts: the loser goes on for one advert's way.
    ensure!(two.total <= Duration::from_millis(3), "answered by two: {two}");
    println!("carrier lost and back: two answered {two}, nobody {}", answers.unanswered());
    sole_owner_over(&pair.lab, "r1", 3 * pair.second.master_down())
}

/// Its deadline is long over when it wakes, and the master has been heard in the meantime.
#[test]
fn i6_a_backup_that_slept_does_not_take_over_when_it_wakes() -> Result<()> {
    for advert_int in [MS_10, SECOND] {
        let mut pair = Pair::start(advert_int)?;
        let asker = pair.lab.ask(Ask::broadcast(VIP, PER_SECOND))?;
        let mark = pair.lab.wire().mark();
        for _ in 0..if advert_int == MS_10 { 5 } else { 1 } {
            pair.r2.freeze()?;
            // Longer than the master may be silent.
            until_adverts(&pair.lab, "r1", 5)?;
            pair.r2.thaw()?;
            until_state(&pair.r2, "BACKUP")?;
            until_adverts(&pair.lab, "r1", 2)?;
        }
        ensure!(asker.finish().sole_owner()? == "r1", "r1 answers throughout");
        let said = pair.lab.wire().look(mark, |timeline| timeline.adverts_by(VRID, "r2").count());
        ensure!(said == 0, "{said} adverts of r2 at {advert_int:?}");
    }
    Ok(())
}

/// Frozen for less than its lease, it has nothing to give up.
#[test]
fn i6_a_master_that_sleeps_for_less_than_its_lease_stays_master() -> Result<()> {
    let mut pair = Pair::start(SECOND)?;
    let asker = pair.lab.ask(Ask::broadcast(VIP, PER_SECOND))?;
    let mark = pair.lab.wire().mark();
    until_adverts(&pair.lab, "r1", 1)?;
    pair.r1.freeze()?;
    // One and a half intervals: an advert is missed, the lease is not over.
    std::thread::sleep(3 * SECOND / 2);
    pair.r1.thaw()?;
    until_adverts(&pair.lab, "r1", 2)?;
    ensure!(asker.finish().sole_owner()? == "r1", "r1 answers throughout");
    let masters = pair.lab.wire().look(mark, |timeline| timeline.adverts_by(VRID, "r2").count());
    ensure!(masters == 0, "r2 has spoken");
    Ok(())
}

/// The planned end, in short; `handover.rs` has the rest.
#[test]
fn i1_a_terminated_master_is_gone_for_good() -> Result<()> {
    for advert_int in [MS_10, SECOND] {
        let mut pair = Pair::start(advert_int)?;
        let mark = pair.lab.wire().mark();
        pair.r1.terminate()?;
        until_master(&pair.lab, "r2", mark)?;
        sole_owner_over(&pair.lab, "r2", (3 * pair.second.master_down()).min(HOLD))?;
        let gone: Option<Stamp> = pair.lab.wire().look(mark, |timeline| {
            let farewell = timeline.adverts_by(VRID, "r1").next_back().map(|(_, advert)| advert.priority);
            assert_eq!(farewell, Some(0), "its last word is priority 0");
            speaks(timeline, "r2")
        });
        ensure!(gone.is_some(), "r2 speaks");
        let other = Ipv4Addr::new(192, 0, 2, 1);
        pair.lab.host(CLIENT)?.namespace.exec(&format!("ping -c 1 -W 2 {other}"))?;
    }
    Ok(())
}
