//! From a killed nginx to the other box's first ARP answer, beside keepalived with a check every two seconds.

use std::{thread::JoinHandle, time::Duration};

use anyhow::{Context as _, Result, anyhow, ensure};
use rustix::{
    event::{PollFd, PollFlags, poll},
    process::{Pid, PidfdFlags, pidfd_open},
    time::Timespec,
};
use tests::{
    Ask, Lab, Stamp,
    daemons::{Keepalived, Router},
    gateway::Gateway,
    scenario::{PATIENCE, PER_SECOND, VIP, distribution, until_adverts, until_master, until_state},
    wait::Mark,
};

const ROUNDS: usize = 5;
const SECOND: Duration = Duration::from_secs(1);
/// Of the box that takes over.
const PRIORITY: u8 = 90;

/// How long a backup waits after priority 0.
fn skew() -> Duration {
    SECOND * (256 - u32::from(PRIORITY)) / 256
}

fn vrrpd_config(priority: u8) -> String {
    format!(
        "[vrrp_process.nginx]\npid_file = \"/run/nginx.pid\"\nweight = 0\n\
         [vrrp_instance.VI_1]\ninterface = \"eth0\"\nvirtual_router_id = 51\npriority = {priority}\n\
         virtual_ipaddress = [\"{VIP}/24\"]\ntrack_process = [\"nginx\"]\n"
    )
}

/// One killed nginx. All in ms.
struct Round {
    /// From the kill to the kernel's own event, as a thread of this test sees it: what the machine takes to end a
    /// process and to wake somebody.
    event: f64,
    /// From the kill to the first answer of `r2`, less the skew time.
    answer: f64,
}

/// Waits for the end of a process on a thread of its own.
fn end_of(pid: Pid) -> Result<JoinHandle<Stamp>> {
    let pidfd = pidfd_open(pid, PidfdFlags::empty())?;
    Ok(std::thread::spawn(move || {
        let mut polled = [PollFd::new(&pidfd, PollFlags::IN)];
        let patience = Timespec { tv_sec: 10, tv_nsec: 0 };
        let _ = poll(&mut polled, Some(&patience));
        Stamp::now()
    }))
}

fn killed_to_answered(lab: &Lab, r1: &Gateway) -> Result<Round> {
    let asker = lab.ask(Ask::broadcast(VIP, PER_SECOND))?;
    until_adverts(lab, "r1", 1)?;
    let mark = lab.wire().mark();
    let ended = end_of(r1.nginx.master().context("nginx does not run")?)?;
    let killed = Stamp::now();
    r1.nginx.kill()?;
    let ended = ended.join().map_err(|_| anyhow!("the watching thread panicked"))?;
    until_master(lab, "r2", mark)?;
    std::thread::sleep(Duration::from_millis(100));
    let answers = asker.finish();
    ensure!(lab.wire().lost() == 0, "the capture lost frames: the machine is too busy");
    let first = answers.first_by("r2").context("r2 does not answer")?;
    Ok(Round { event: ended.ms_since(killed), answer: first.ms_since(killed + skew()) })
}

fn vrrpd_rounds() -> Result<Vec<Round>> {
    let lab = Lab::with_routers(2)?;
    let (mut r1, mut r2) = (Gateway::new(&lab, "r1")?, Gateway::new(&lab, "r2")?);
    r1.start(&lab, &vrrpd_config(100))?;
    r2.start(&lab, &vrrpd_config(PRIORITY))?;
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        until_state(r1.daemon()?, "MASTER")?;
        until_state(r2.daemon()?, "BACKUP")?;
        until_adverts(&lab, "r1", 1)?;
        times.push(killed_to_answered(&lab, &r1)?);
        r1.nginx.start()?;
    }
    Ok(times)
}

fn keepalived_config(gateway: &Gateway, priority: u8) -> String {
    let router = Router {
        priority,
        addresses: vec![format!("{VIP}/24")],
        extra: vec!["track_script {\n    chk_nginx\n  }".to_owned()],
        ..Router::default()
    };
    let script = format!(
        "vrrp_script chk_nginx {{\n  script \"/bin/sh -c 'kill -0 $(cat {})'\"\n  interval 2\n  user root\n}}\n",
        gateway.nginx.pid_file().display()
    );
    // The script block must come first.
    router.keepalived().replacen("vrrp_instance", &format!("{script}vrrp_instance"), 1)
}

fn keepalived_rounds() -> Result<Vec<Round>> {
    let lab = Lab::with_routers(2)?;
    let (r1, r2) = (Gateway::new(&lab, "r1")?, Gateway::new(&lab, "r2")?);
    let start = |gateway: &Gateway, priority| {
        let namespace = &lab.host(&gateway.host)?.namespace;
        Keepalived::start_with(namespace, &lab.scratch(), &keepalived_config(gateway, priority))
    };
    let _first = start(&r1, 100)?;
    until_master(&lab, "r1", Mark::default())?;
    let _second = start(&r2, PRIORITY)?;
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        // Its backup needs a result of its check, and a few adverts.
        until_adverts(&lab, "r1", 4)?;
        times.push(killed_to_answered(&lab, &r1)?);
        let mark = lab.wire().mark();
        r1.nginx.start()?;
        lab.wire().until("r1 is master again", mark, PATIENCE, |timeline| {
            tests::scenario::speaks(timeline, "r1")
        })?;
    }
    Ok(times)
}

#[test]
fn a_killed_nginx_is_replaced_within_10_ms_and_the_skew_time() -> Result<()> {
    let ours = vrrpd_rounds()?;
    let theirs = keepalived_rounds()?;
    let answers = |rounds: &[Round]| rounds.iter().map(|round| round.answer).collect::<Vec<_>>();
    let events: Vec<_> = ours.iter().map(|round| round.event).collect();
    println!(
        "killed nginx to the other box's first ARP answer, adverts every 1 s, less {:?} of skew time:",
        skew()
    );
    println!("  vrrpd, vrrp_process:                 {}", distribution(&answers(&ours)));
    println!("  of it until a bare thread knows:     {}", distribution(&events));
    println!("  keepalived, vrrp_script every 2 s:   {}", distribution(&answers(&theirs)));
    // The median, and without what the machine takes to end a process: other programs run on it too.
    let mut own: Vec<_> = ours.iter().map(|round| round.answer - round.event.max(0.0)).collect();
    own.sort_by(f64::total_cmp);
    let median = own[own.len() / 2];
    ensure!(median <= 10.0, "the median is {median:.3} ms after the kernel's event");
    ensure!(ours.iter().all(|round| round.answer > -0.2), "r2 answered before its time");
    Ok(())
}
