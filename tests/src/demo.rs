//! A failover that a person can watch: two routers, a client, and the timeline of a kill.

use std::{io::Write, net::Ipv4Addr, path::Path, time::Duration};

use anyhow::{Context as _, Result, ensure};

use crate::{
    Answers, Ask, Lab, Mac, Stamp,
    daemons::{Daemon, Router, Vrrpd},
    timeline::Takeover,
};

const VRID: u8 = 51;
const VIP: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 51);
const REQUESTS_PER_SECOND: u32 = 1000;
/// For a router to speak: its process starts, and three intervals pass.
const PATIENCE: Duration = Duration::from_secs(15);
/// How long the successor is watched.
const AFTERWARDS: Duration = Duration::from_secs(2);

/// Starts `vrrpd` on two routers in a laboratory, kills the master, prints what the wire showed, and cleans up.
///
/// Takes about 15 s.
///
/// # Errors
/// Without root, or if the second router does not take over.
pub fn run(vrrpd: &Path, out: &mut dyn Write) -> Result<()> {
    let first = Router { priority: 100, ..Router::default() };
    let second = Router { priority: 90, ..Router::default() };
    writeln!(out, "Two routers and a client on one switch, in network namespaces of their own.")?;
    writeln!(out, "  r1 has priority {}, r2 {}; VRID {VRID}, version 3,", first.priority, second.priority)?;
    writeln!(out, "  an advert every {:?}, virtual address {VIP}.\n", first.advert_int)?;
    let lab = Lab::with_routers(2)?;
    let start = |host: &str, router: &Router| {
        Vrrpd::start_with(vrrpd, &lab.host(host)?.namespace, &lab.scratch(), &router.vrrpd(host))
    };
    let mut r1 = start("r1", &first)?;
    until_master(&lab, "r1").with_context(|| format!("the log of r1:\n{}", r1.log()))?;
    let r2 = start("r2", &second)?;
    watch_kill(&lab, &mut r1, &second, out).with_context(|| format!("the log of r2:\n{}", r2.log()))
}

/// The kill of r1, which is master, beside r2 with the settings of `second`.
///
/// # Errors
/// If r2 does not take over.
pub fn watch_kill(lab: &Lab, r1: &mut dyn Daemon, second: &Router, out: &mut dyn Write) -> Result<()> {
    until_master(lab, "r1")?;
    let mark = lab.wire().mark();
    let asker = lab.ask(Ask::broadcast(VIP, REQUESTS_PER_SECOND))?;
    let (host, mac) = lab.wire().until("an ARP answer", mark, PATIENCE, |timeline| {
        let (frame, arp) = timeline.arp_replies(VIP).next()?;
        Some((frame.host.to_string(), arp.sha))
    })?;
    writeln!(out, "{host} is master and answers for {VIP} with {mac}.")?;
    writeln!(out, "The client asks {REQUESTS_PER_SECOND} times a second who has {VIP}.\n")?;
    // Two adverts, so that r2 has heard the master and the kill comes between two of them.
    lab.wire()
        .until("adverts", mark, PATIENCE, |timeline| timeline.adverts_by(VRID, "r1").nth(1).map(drop))?;
    let killed = Stamp::now();
    r1.kill()?;
    until_master(lab, "r2")?;
    std::thread::sleep(AFTERWARDS);
    let answers = asker.finish();
    lab.wire().settle();
    ensure!(lab.wire().lost() == 0, "the capture lost frames: the machine is too busy");
    let takeover = lab.wire().look(mark, |timeline| timeline.takeover(VRID, "r1", "r2"));
    let takeover = takeover.context("r2 did not take over")?;
    table(out, killed, &takeover, &answers, second)?;
    summary(out, &answers)
}

fn until_master(lab: &Lab, host: &str) -> Result<()> {
    let mark = lab.wire().mark();
    lab.wire().until(&format!("an advert of {host}"), mark, PATIENCE, |timeline| {
        timeline.adverts_by(VRID, host).find(|(_, advert)| advert.priority > 0).map(drop)
    })
}

fn table(
    out: &mut dyn Write,
    killed: Stamp,
    takeover: &Takeover,
    answers: &Answers,
    second: &Router,
) -> Result<()> {
    let taken = format!(
        "first advert: master, {:.2} ms after its time (3 intervals + skew = {:.2} ms)",
        takeover.late_ms(second.master_down()),
        second.master_down().as_secs_f64() * 1e3
    );
    let mut rows = vec![
        (takeover.last_advert, "r1", "last advert".to_owned()),
        (killed, "r1", "kill -9".to_owned()),
        (takeover.first_advert, "r2", taken),
    ];
    rows.extend(answers.last_by("r1").map(|at| {
        let silent = at < takeover.first_advert;
        let what = if silent { "last ARP answer: its lease is over" } else { "still answers" };
        (at, "r1", what.to_owned())
    }));
    rows.extend(answers.first_by("r2").map(|at| (at, "r2", "first ARP answer".to_owned())));
    rows.sort_by_key(|(at, _, _)| *at);
    writeln!(out, "        time  host  on the wire")?;
    for (at, host, what) in rows {
        writeln!(out, "{:+9.1} ms  {host:4}  {what}", at.ms_since(killed))?;
    }
    writeln!(out).map_err(Into::into)
}

fn summary(out: &mut dyn Write, answers: &Answers) -> Result<()> {
    let (two, nobody) = (answers.answered_by_two(), answers.unanswered());
    let ms = |span: Duration| span.as_secs_f64() * 1e3;
    let count = answers.requests.len();
    writeln!(
        out,
        "nobody answered for {:9.1} ms  ({} of {count} requests)",
        ms(nobody.total),
        nobody.requests
    )?;
    writeln!(out, "two answered for    {:9.1} ms  ({} of {count} requests)", ms(two.total), two.requests)?;
    let macs = answers.macs();
    let only = macs.iter().all(|(mac, _)| *mac == Mac::virtual_v4(VRID));
    let macs: Vec<_> = macs.iter().map(|(mac, host)| format!("{host} {mac}")).collect();
    writeln!(out, "MAC in the answers: {}{}", macs.join(", "), if only { " (virtual)" } else { "" })?;
    Ok(())
}
