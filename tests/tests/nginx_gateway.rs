//! `examples/nginx-gateway` at work: two boxes with nginx, a virtual address, and a client that fetches from it.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use rustix::process::{Pid, Signal, kill_process};
use tests::{
    Lab, Mac,
    daemons::Daemon,
    gateway::{Gateway, example, fetch},
    lab::{CLIENT, INTERFACE},
    scenario::{PATIENCE, VIP, VRID, until_master, until_state},
    wait::Mark,
    web::Fetches,
};

/// How long things are watched that must not happen: longer than a backup waits for its master, at 1 s.
const HOLD: Duration = Duration::from_secs(4);

/// Both boxes with the example's files, `r1` master, `r2` backup.
fn pair(advert_int: &str) -> Result<(Lab, Gateway, Gateway)> {
    let lab = Lab::with_routers(2)?;
    let (mut r1, mut r2) = (Gateway::new(&lab, "r1")?, Gateway::new(&lab, "r2")?);
    let configured = |name: &str| -> Result<String> {
        let text = example(name)?;
        ensure!(text.contains("advert_int = \"1s\""), "{name} has no advert_int to replace");
        Ok(text.replace("advert_int = \"1s\"", &format!("advert_int = \"{advert_int}\"")))
    };
    r1.start(&lab, &configured("gw1.toml")?)?;
    until_master(&lab, "r1", Mark::default())
        .with_context(|| r1.vrrpd.as_ref().map_or_else(String::new, Daemon::log))?;
    r2.start(&lab, &configured("gw2.toml")?)?;
    until_state(r2.daemon()?, "BACKUP")?;
    Ok((lab, r1, r2))
}

/// The only gap is `before`'s to `after`'s, and it is told.
fn told(what: &str, fetches: &Fetches) -> Result<Duration> {
    let outages = fetches.outages();
    let longest = fetches.longest_outage().context("the client has not missed a page")?;
    let all: Vec<_> = outages.iter().map(|outage| format!("{} ms", outage.length().as_millis())).collect();
    let from_to = format!("{} to {}", longest.before, longest.after);
    println!(
        "{what}: {} ms without service, from {from_to} (all: {})",
        longest.length().as_millis(),
        all.join(", ")
    );
    Ok(longest.length())
}

#[test]
fn a_check_that_starts_nginx_again_keeps_the_master() -> Result<()> {
    let (lab, r1, mut r2) = pair("1s")?;
    let fetcher = fetch(&lab, VIP)?;
    fetcher.until_served_by("r1", Instant::now(), PATIENCE)?;
    let (mark, killed) = (lab.wire().mark(), Instant::now());
    let old = r1.nginx.master();
    r1.nginx.kill()?;
    fetcher.until_served_by("r1", killed + Duration::from_millis(50), PATIENCE)?;
    std::thread::sleep(HOLD);
    let fetches = fetcher.finish();
    ensure!(r1.nginx.runs() && r1.nginx.master() != old, "nginx was not started again");
    ensure!(fetches.hosts().keys().eq(["r1"].iter()), "pages of {:?}", fetches.hosts());
    let length = told("nginx started again by the check", &fetches)?;
    // Every two seconds it is looked, and starting takes its time.
    ensure!(length < Duration::from_secs(5), "{length:?} until nginx was back");
    lab.wire().look(mark, |timeline| {
        let masters = timeline.masters(VRID);
        ensure!(masters.keys().eq(["r1"].iter()), "adverts of {masters:?}");
        ensure!(timeline.adverts(VRID).all(|(_, advert)| advert.priority == 100), "a priority has changed");
        Ok(())
    })?;
    until_state(r2.daemon()?, "BACKUP")
}

#[test]
fn a_check_that_cannot_start_nginx_stops_the_daemon_and_the_backup_takes_over_at_once() -> Result<()> {
    let (lab, mut r1, _r2) = pair("1s")?;
    let fetcher = fetch(&lab, VIP)?;
    fetcher.until_served_by("r1", Instant::now(), PATIENCE)?;
    let killed = Instant::now();
    r1.nginx.spoil()?;
    r1.nginx.kill()?;
    fetcher.until_served_by("r2", killed, PATIENCE)?;
    let status = r1.daemon()?.process().ended()?;
    ensure!(status.success(), "vrrpd ended with {status}");
    let fetches = fetcher.finish();
    told("vrrpd stopped by the check", &fetches)?;
    let skew = Duration::from_secs(1) * (256 - 90) / 256;
    lab.wire().look(Mark::default(), |timeline| {
        let takeover = timeline.takeover(VRID, "r1", "r2").context("no takeover")?;
        let left = takeover.left.context("r1 left without priority 0")?;
        let late = takeover.first_advert.ms_since(left + skew);
        println!("the backup spoke {late:.3} ms after priority 0 and its skew time");
        ensure!((-0.2..100.0).contains(&late), "{late:.3} ms");
        Ok(())
    })
}

/// Ends every process in a box; its kernel goes on.
fn kill_everything(lab: &Lab, host: &str) -> Result<()> {
    let name = lab.host(host)?.namespace.name().to_owned();
    let pids = tests::netns::ip(&format!("netns pids {name}"))?;
    let own = rustix::process::getpid();
    for pid in pids.split_whitespace().filter_map(|pid| Pid::from_raw(pid.parse().ok()?)) {
        if pid != own {
            // One that has ended with its parent is no matter.
            let _ = kill_process(pid, Signal::KILL);
        }
    }
    Ok(())
}

fn time_without_service(advert_int: &str, span: Duration, slack: Duration) -> Result<()> {
    let (lab, _r1, _r2) = pair(advert_int)?;
    let fetcher = fetch(&lab, VIP)?;
    fetcher.until_served_by("r1", Instant::now(), PATIENCE)?;
    let killed = Instant::now();
    kill_everything(&lab, "r1")?;
    fetcher.until_served_by("r2", killed, PATIENCE)?;
    let fetches = fetcher.finish();
    let length = told(&format!("everything on the master killed, adverts every {advert_int}"), &fetches)?;
    let down = 3 * span + span * (256 - 90) / 256;
    ensure!(length < down + slack, "{length:?}; the backup takes over after {down:?}");
    // The successor waits for what the dead master had still promised.
    ensure!(length > 2 * span, "{length:?} is less than two intervals: nobody was killed");
    Ok(())
}

#[test]
fn a_box_that_dies_costs_the_client_four_intervals_at_most_at_1_s() -> Result<()> {
    time_without_service("1s", Duration::from_secs(1), Duration::from_millis(500))
}

#[test]
fn a_box_that_dies_costs_the_client_four_intervals_at_most_at_10_ms() -> Result<()> {
    time_without_service("10ms", Duration::from_millis(10), Duration::from_millis(300))
}

/// A firewall that believes its ARP table for twenty minutes, and no gratuitous ARP.
#[test]
fn a_client_whose_arp_entry_is_never_refreshed_goes_on() -> Result<()> {
    let (lab, mut r1, _r2) = pair("1s")?;
    let client = &lab.host(CLIENT)?.namespace;
    client.exec(&format!("ping -c 1 -W 2 {VIP}"))?;
    let learned = lab.client_neighbour(VIP)?.context("the client has not learned the address")?;
    ensure!(learned == Mac::virtual_v4(VRID), "it learned {learned}");
    client.ip(&format!("neighbour replace {VIP} lladdr {learned} dev {INTERFACE} nud permanent"))?;
    let fetcher = fetch(&lab, VIP)?;
    fetcher.until_served_by("r1", Instant::now(), PATIENCE)?;
    let (mark, left) = (lab.wire().mark(), Instant::now());
    r1.daemon()?.terminate()?;
    fetcher.until_served_by("r2", left, PATIENCE)?;
    let fetches = fetcher.finish();
    ensure!(fetches.hosts().keys().eq(["r1", "r2"].iter()), "pages of {:?}", fetches.hosts());
    let missed = fetches.longest_outage().map(|outage| outage.length());
    println!("planned stop, ARP entry never refreshed: longest time without service {missed:?}");
    // Make before break: the old master answers until its successor does.
    ensure!(missed.is_none_or(|missed| missed < Duration::from_millis(500)), "{missed:?}");
    lab.wire().look(mark, |timeline| {
        let asked = timeline.0.iter().filter_map(|frame| Some((frame, frame.arp()?)));
        let asked = asked
            .filter(|(frame, arp)| &*frame.host == CLIENT && arp.operation == 1 && arp.tpa == VIP)
            .count();
        ensure!(asked == 0, "the client asked {asked} times");
        Ok(())
    })
}
