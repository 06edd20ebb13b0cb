//! I7: a planned stop is make-before-break, and leaves nothing behind.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use rustix::process::Signal;
use tests::{
    Answers, Ask, Lab, Mac,
    daemons::{Daemon as _, Keepalived, Router, Vrrpd},
    lab::INTERFACE,
    scenario::{PATIENCE, Pair, VIP, VRID, sole_owner_over, start, until_adverts, until_master, until_state},
    wait::Mark,
};

/// As often as the requirement says.
const ASKED_PER_SECOND: u32 = 2000;
/// How long two hosts may answer at a handover.
const OVERLAP: Duration = Duration::from_millis(1);
/// How long keepalived is waited for between its advert and its announcement, and some more for its way.
const ANNOUNCED: Duration = Duration::from_millis(60);

/// r1 leaves while the client asks.
fn leave(lab: &Lab, r1: &mut Vrrpd, new: &str, hold: Duration) -> Result<Answers> {
    until_adverts(lab, "r1", 2)?;
    let asker = lab.ask(Ask::broadcast(VIP, ASKED_PER_SECOND))?;
    until_adverts(lab, "r1", 1)?;
    let mark = lab.wire().mark();
    r1.terminate()?;
    until_master(lab, new, mark)?;
    std::thread::sleep(hold);
    let answers = asker.finish();
    lab.wire().settle();
    ensure!(lab.wire().lost() == 0, "the capture lost frames: the machine is too busy");
    lab.wire().look(mark, |timeline| {
        let farewell = timeline.adverts_by(VRID, "r1").any(|(_, advert)| advert.priority == 0);
        ensure!(farewell, "no advert with priority 0");
        Ok(())
    })?;
    Ok(answers)
}

fn report(what: &str, answers: &Answers) -> (usize, Duration) {
    let (nobody, two) = (answers.unanswered(), answers.overlap("r1", "r2"));
    println!(
        "handover to {what}: {} requests, unanswered {nobody}; two answered {}, overlap {:.3} ms",
        answers.requests.len(),
        answers.answered_by_two(),
        two.as_secs_f64() * 1e3
    );
    (nobody.requests, two)
}

#[test]
fn i7_a_handover_to_vrrpd_misses_no_request_and_two_answer_for_a_millisecond_at_most() -> Result<()> {
    for (advert_int, rounds) in [(10, 5), (100, 3), (1000, 1)] {
        let advert_int = Duration::from_millis(advert_int);
        let mut pair = Pair::start(advert_int)?;
        for _ in 0..rounds {
            let hold = pair.second.master_down().min(Duration::from_secs(1));
            let answers = leave(&pair.lab, &mut pair.r1, "r2", hold)?;
            let (nobody, two) = report(&format!("vrrpd at {advert_int:?}"), &answers);
            ensure!(nobody == 0, "{nobody} requests unanswered");
            ensure!(two <= OVERLAP, "two answered for {two:?}");
            if rounds > 1 {
                let mark = pair.lab.wire().mark();
                pair.r1.restart()?;
                until_master(&pair.lab, "r1", mark)?;
                until_state(&pair.r2, "BACKUP")?;
            }
        }
    }
    Ok(())
}

/// keepalived speaks before it has the address, and announces it when it has: a few tenths of a millisecond, and
/// milliseconds on a busy machine.
#[test]
fn i7_a_handover_to_keepalived_misses_no_request() -> Result<()> {
    for (version, advert_int) in [(3, 100), (3, 1000), (2, 1000)] {
        let advert_int = Duration::from_millis(advert_int);
        let auth_pass = (version == 2).then(|| "1111".to_owned());
        let first = Router { version, advert_int, auth_pass, ..Router::default() };
        let second = Router { priority: 90, ..first.clone() };
        let lab = Lab::with_routers(2)?;
        let mut r1 = start(&lab, "r1", &first)?;
        until_master(&lab, "r1", Mark::default())?;
        let _r2 = Keepalived::start(&lab.host("r2")?.namespace, &lab.scratch(), &second)?;
        until_adverts(&lab, "r1", 3)?;
        let answers = leave(&lab, &mut r1, "r2", advert_int)?;
        let (nobody, two) = report(&format!("keepalived v{version} at {advert_int:?}"), &answers);
        ensure!(nobody == 0, "{nobody} requests unanswered");
        ensure!(two <= ANNOUNCED, "two answered for {two:?}");
    }
    Ok(())
}

#[test]
fn i7_without_a_successor_the_door_closes_after_one_interval() -> Result<()> {
    let lab = Lab::with_routers(1)?;
    let router = Router { advert_int: Duration::from_millis(500), ..Router::default() };
    let mut r1 = start(&lab, "r1", &router)?;
    until_master(&lab, "r1", Mark::default())?;
    let asker = lab.ask(Ask::broadcast(VIP, ASKED_PER_SECOND))?;
    until_adverts(&lab, "r1", 2)?;
    let mark = lab.wire().mark();
    r1.terminate()?;
    let answers = asker.finish();
    lab.wire().settle();
    let farewell = lab.wire().look(mark, |timeline| {
        timeline.adverts_by(VRID, "r1").find(|(_, advert)| advert.priority == 0).map(|(frame, _)| frame.at)
    });
    let open = answers.last_by("r1").context("answers")? - farewell.context("no priority 0")?;
    println!("no successor: open {open:?} after priority 0, with adverts every {:?}", router.advert_int);
    ensure!(open <= router.advert_int + Duration::from_millis(20), "open for {open:?}");
    ensure!(open >= router.advert_int - Duration::from_millis(20), "open for {open:?} only");
    nothing_is_left(&lab, "r1")
}

#[test]
fn a_second_sigterm_stops_at_once() -> Result<()> {
    let lab = Lab::with_routers(1)?;
    let router = Router { advert_int: Duration::from_secs(10), start_master: true, ..Router::default() };
    let mut r1 = start(&lab, "r1", &Router { priority: 255, ..router })?;
    until_state(&r1, "MASTER")?;
    let mark = lab.wire().mark();
    r1.process().signal(Signal::TERM)?;
    lab.wire().until("priority 0", mark, PATIENCE, |timeline| {
        timeline.adverts_by(VRID, "r1").find(|(_, advert)| advert.priority == 0).map(drop)
    })?;
    ensure!(r1.process().runs()?, "it waits for its successor");
    let second = Instant::now();
    r1.process().signal(Signal::TERM)?;
    let status = r1.process().ended()?;
    ensure!(second.elapsed() < Duration::from_secs(3), "it took {:?}", second.elapsed());
    ensure!(status.success(), "{status}");
    nothing_is_left(&lab, "r1")
}

#[test]
fn a_backup_leaves_without_a_word() -> Result<()> {
    let mut pair = Pair::start(Duration::from_millis(100))?;
    let mark = pair.lab.wire().mark();
    let asked = Instant::now();
    pair.r2.terminate()?;
    ensure!(asked.elapsed() < Duration::from_secs(2), "it took {:?}", asked.elapsed());
    sole_owner_over(&pair.lab, "r1", 3 * pair.second.master_down())?;
    let said = pair.lab.wire().look(mark, |timeline| timeline.adverts_by(VRID, "r2").count());
    ensure!(said == 0, "{said} adverts of the backup");
    nothing_is_left(&pair.lab, "r2")
}

#[test]
fn after_the_end_of_a_master_nothing_is_left_on_the_machine() -> Result<()> {
    let mut pair = Pair::start(Duration::from_millis(100))?;
    let before = pair.lab.host("r1")?.namespace.ip(&format!("-d link show dev {INTERFACE}"))?;
    ensure!(before.contains("xdp"), "{before}");
    pair.r1.terminate()?;
    nothing_is_left(&pair.lab, "r1")
}

/// No address, XDP program, tc filter, entry in the NIC's filter, or pin.
fn nothing_is_left(lab: &Lab, host: &str) -> Result<()> {
    let namespace = &lab.host(host)?.namespace;
    for (what, command, trace) in [
        ("address", format!("ip address show dev {INTERFACE}"), VIP.to_string()),
        ("XDP program", format!("ip -d link show dev {INTERFACE}"), "xdp".to_owned()),
        ("tc filter", format!("tc filter show dev {INTERFACE} egress"), "bpf".to_owned()),
        ("tcx program", "bpftool net show".to_owned(), "vrrp".to_owned()),
        ("filter", format!("bridge fdb show dev {INTERFACE}"), Mac::virtual_v4(VRID).to_string()),
    ] {
        let shown = namespace.exec(&command)?;
        ensure!(!shown.contains(&trace), "{what} left behind: {command}:\n{shown}");
    }
    let id = namespace.exec("readlink /proc/self/ns/net")?;
    let id: String = id.chars().filter(char::is_ascii_digit).collect();
    let pins = Path::new("/sys/fs/bpf/vrrpd/v1").join(format!("netns-{id}"));
    ensure!(!pins.exists(), "{} left behind", pins.display());
    Ok(())
}
