//! Switch ports that let nothing through at first, and links that come and go.
//!
//! The switch is a bridge with a spanning tree of its kernel's: a port that comes up listens for two seconds and learns for two
//! more, each the shortest that there is. What it learns then from who speaks behind it leads nowhere.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use tests::{
    Ask, Form, Lab, Mac, Stamp,
    daemons::{Daemon as _, Router, Vrrpd, binary},
    lab::BRIDGE,
    scenario::{Pair, VIP, VRID, speaks, start, until_adverts, until_master, until_state, until_status},
    wait::{Mark, poll},
};

const INTERVAL: Duration = Duration::from_millis(500);
const SECOND: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_secs(10);
const VMAC: Mac = Mac([0, 0, 0x5e, 0, 1, VRID]);

/// The switch begins to speak a spanning tree, a hello a second.
fn speak_spanning_tree(lab: &Lab) -> Result<()> {
    lab.switch().ip(&format!(
        "link set {BRIDGE} type bridge forward_delay 200 hello_time 100 max_age 600 stp_state 1"
    ))?;
    Ok(())
}

fn port_state(lab: &Lab, host: &str) -> Result<String> {
    let shown = lab.switch().exec(&format!("bridge link show dev {host}"))?;
    let mut words = shown.split_whitespace().skip_while(|word| *word != "state");
    words.nth(1).map(str::to_owned).with_context(|| format!("no state in {shown}"))
}

fn until_forwarding(lab: &Lab, host: &str) -> Result<Stamp> {
    poll(&format!("the port of {host} forwards"), PATIENCE, || {
        Ok((port_state(lab, host)? == "forwarding").then(Stamp::now))
    })
}

/// What a host has said as master since.
fn adverts_of(lab: &Lab, host: &str, mark: Mark) -> usize {
    lab.wire().look(mark, |timeline| timeline.adverts_by(VRID, host).count())
}

/// `router`'s configuration with more at its top and at its end.
fn with(top: &str, router: &Router, end: &str) -> String {
    format!("{top}\n{}\n{end}\n", router.vrrpd("host"))
}

fn start_with(lab: &Lab, host: &str, config: &str) -> Result<Vrrpd> {
    Vrrpd::start_with(&binary()?, &lab.host(host)?.namespace, &lab.scratch(), config)
}

/// The better one does not preempt. Its link is away until the other has taken over, and comes back on a port that takes its
/// time: the address is answered all the while by who has it, to whoever asks where the switch says that it is.
#[test]
fn a_healthy_address_is_not_taken_from_behind_a_port_that_does_not_forward_yet() -> Result<()> {
    let first = Router { advert_int: INTERVAL, preempt: false, ..Router::default() };
    let pair = Pair::of(&first)?;
    let lab = &pair.lab;
    let talk = lab.ask(Ask::broadcast(VIP, 50))?;
    speak_spanning_tree(lab)?;
    let cut = lab.wire().mark();
    lab.cut("r1")?;
    until_master(lab, "r2", cut)?;
    until_adverts(lab, "r2", 2)?;
    // What it hears before the port forwards is what the switch says itself.
    let _heard = talk.finish();

    let asker = lab.ask(Ask { form: Form::Unicast(VMAC), ..Ask::broadcast(VIP, 200) })?;
    let mark = lab.wire().mark();
    lab.restore("r1")?;
    until_state(&pair.r1, "BACKUP")?;
    ensure!(port_state(lab, "r1")? == "listening", "the port forwards at once: nothing is shown");
    let forwards = until_forwarding(lab, "r1")?;
    std::thread::sleep(2 * first.master_down());
    let answers = asker.finish();
    lab.wire().settle();

    let log = || format!("r1:\n{}", pair.r1.log());
    ensure!(adverts_of(lab, "r1", mark) == 0, "r1 speaks, which nobody has asked it to; {}", log());
    let lost = answers.unanswered();
    ensure!(lost.requests == 0, "the port forwards at {forwards}, unanswered: {lost}; {}", log());
    ensure!(answers.sole_owner()? == "r2");
    ensure!(pair.r1.status()?["routers"][0]["state"] == "BACKUP", "{}", log());
    Ok(())
}

/// Its master is gone by the time that the port forwards: it takes the role when it has listened for as long as it must, and
/// does not wait for the bound. An owner takes it when it is heard at all.
#[test]
fn who_waits_for_a_slow_port_takes_a_dead_masters_role_as_soon_as_silence_can_be_told() -> Result<()> {
    for (priority, listens) in [(100, true), (255, false)] {
        let first = Router { advert_int: INTERVAL, priority, start_master: !listens, ..Router::default() };
        let lab = Lab::with_routers(1)?;
        let r1 = start(&lab, "r1", &first)?;
        until_master(&lab, "r1", Mark::default())?;
        let _talk = lab.ask(Ask::broadcast(VIP, 50))?;
        speak_spanning_tree(&lab)?;
        lab.cut("r1")?;
        until_state(&r1, "FAULT")?;
        std::thread::sleep(3 * INTERVAL);
        let mark = lab.wire().mark();
        lab.restore("r1")?;
        let forwards = until_forwarding(&lab, "r1")?;
        let speaks = until_master(&lab, "r1", mark)?;
        let waited = speaks.ms_since(forwards);
        let silence = if listens { first.master_down().as_secs_f64() * 1000.0 } else { 0.0 };
        // The state is looked at from time to time, and the client speaks every 20 ms.
        ensure!(
            (silence - 250.0..silence + 250.0).contains(&waited),
            "{waited} ms, not {silence}:\n{}",
            r1.log()
        );
    }
    Ok(())
}

#[test]
fn a_master_whose_link_was_away_for_less_than_its_lease_goes_on_and_nobody_takes_its_place() -> Result<()> {
    let pair = Pair::of(&Router { preempt: false, ..Router::default() })?;
    until_adverts(&pair.lab, "r1", 1)?;
    let mark = pair.lab.wire().mark();
    pair.lab.cut("r1")?;
    until_state(&pair.r1, "FAULT")?;
    pair.lab.restore("r1")?;
    let back = Stamp::now();
    let speaks = until_master(&pair.lab, "r1", mark)?;
    ensure!(speaks.ms_since(back) < 1_000.0, "it listens first: {} ms", speaks.ms_since(back));
    std::thread::sleep(pair.second.master_down());
    pair.lab.wire().settle();
    ensure!(adverts_of(&pair.lab, "r2", mark) == 0, "{}", pair.r1.log());
    ensure!(pair.r1.status()?["routers"][0]["state"] == "MASTER");
    let log = pair.r1.log();
    ensure!(log.contains("the link was away for less than the lease"), "{log}");
    Ok(())
}

#[test]
fn a_link_counts_as_down_and_as_up_when_it_was_so_for_as_long_as_is_configured() -> Result<()> {
    let lab = Lab::with_routers(1)?;
    let router = Router { advert_int: INTERVAL, ..Router::default() };
    let config = with("", &router, "[interface_up_down_delays.eth0]\ndown = \"1.2s\"\nup = \"2.5s\"");
    let mut r1 = start_with(&lab, "r1", &config)?;
    until_state(&r1, "MASTER")?;

    // It does not say that it answers while it cannot, and goes on when the link is back.
    let flap = lab.wire().mark();
    lab.cut("r1")?;
    std::thread::sleep(Duration::from_millis(600));
    lab.restore("r1")?;
    lab.wire().until("r1 goes on", flap, PATIENCE, |timeline| speaks(timeline, "r1"))?;
    ensure!(!r1.log().contains("FAULT"), "{}", r1.log());

    let down = Instant::now();
    lab.cut("r1")?;
    until_state(&r1, "FAULT")?;
    let counted = down.elapsed();
    ensure!((1.2..2.2).contains(&counted.as_secs_f64()), "down after {counted:?}:\n{}", r1.log());
    let up = Instant::now();
    lab.restore("r1")?;
    until_state(&r1, "BACKUP")?;
    let counted = up.elapsed();
    ensure!((2.5..3.2).contains(&counted.as_secs_f64()), "up after {counted:?}:\n{}", r1.log());

    // A reload changes them.
    until_state(&r1, "MASTER")?;
    r1.reload_with(&with("", &router, ""))?;
    until_status(&r1, "the reload", |_| r1.log().contains("configuration reloaded"))?;
    let up = Instant::now();
    lab.cut("r1")?;
    until_state(&r1, "FAULT")?;
    ensure!(up.elapsed() < SECOND, "still {:?}", up.elapsed());
    Ok(())
}

#[test]
fn no_router_starts_before_the_startup_delay_is_over_unless_its_lease_is_running() -> Result<()> {
    const DELAY: Duration = Duration::from_secs(2);
    let lab = Lab::with_routers(1)?;
    let owner = Router { priority: 255, start_master: true, ..Router::default() };
    let began = Stamp::now();
    let mut r1 = start_with(&lab, "r1", &with("vrrp_startup_delay = \"2s\"", &owner, ""))?;
    until_state(&r1, "INIT")?;
    let spoke = until_master(&lab, "r1", Mark::default())?;
    let waited = spoke.ms_since(began);
    ensure!((2_000.0..3_500.0).contains(&waited), "{waited} ms:\n{}", r1.log());

    until_adverts(&lab, "r1", 1)?;
    let mark = lab.wire().mark();
    r1.kill()?;
    let again = Stamp::now();
    r1.restart()?;
    let spoke = until_master(&lab, "r1", mark)?;
    ensure!(spoke.ms_since(again) < DELAY.as_secs_f64() * 1000.0, "a restart costs the role:\n{}", r1.log());
    Ok(())
}
