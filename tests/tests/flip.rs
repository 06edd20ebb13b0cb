//! From the decision to the flag: how much of it is the kernel's sending, and how much the daemon's own.
//!
//! `cargo xtask test flip_` prints the distributions that docs/benchmarks.md explains.

use std::{
    fs::File,
    io::{ErrorKind, Read as _, Write as _},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use tests::{
    Lab, Namespace,
    daemons::{Daemon as _, Router, Vrrpd, binary},
    lab::INTERFACE,
    netns,
    packet::card,
    scenario::{Pair, until_state},
};

const ROUNDS: usize = 12;
/// No preemption, so that roles alternate.
const ADVERT_INT: Duration = Duration::from_millis(20);

/// The newest transition to MASTER, in microseconds.
struct Flip {
    total: f64,
    sending: f64,
}

fn flip(daemon: &Vrrpd) -> Result<Flip> {
    let status = daemon.status()?;
    let transitions = status["routers"][0]["transitions"].as_array().context("transitions")?;
    let last = transitions.iter().rev().find(|one| one["to"] == "MASTER").context("no takeover")?;
    let number = |key: &str| last[key].as_f64().context("a number");
    Ok(Flip { total: number("flip_us")?, sending: number("send_us")? })
}

/// The master is killed, the other takes over, and the first becomes its backup, so many times.
fn takeovers(pair: &mut [&mut Vrrpd; 2], mut then: impl FnMut(&Vrrpd) -> Result<()>) -> Result<()> {
    let [mut old, mut new] = [0, 1];
    for _ in 0..ROUNDS {
        pair[old].kill()?;
        until_state(pair[new], "MASTER")?;
        then(pair[new])?;
        pair[old].restart()?;
        until_state(pair[old], "BACKUP")?;
        [old, new] = [new, old];
    }
    Ok(())
}

fn flips(mut pair: [&mut Vrrpd; 2]) -> Result<Vec<Flip>> {
    let mut flips = Vec::new();
    takeovers(&mut pair, |daemon| {
        flips.push(flip(daemon)?);
        Ok(())
    })?;
    Ok(flips)
}

fn tell(what: &str, mut values: Vec<f64>) -> Result<f64> {
    ensure!(!values.is_empty(), "{what}: nothing was measured");
    values.sort_by(f64::total_cmp);
    let at = |part: usize| values[(values.len() * part / 100).min(values.len() - 1)];
    println!(
        "{what:52} median {:6.1}, p95 {:6.1}, max {:6.1} us of {}",
        at(50),
        at(95),
        at(100),
        values.len()
    );
    Ok(at(50))
}

/// What is not the kernel's sending must be a small part of the 50 us that are promised.
fn report(place: &str, flips: &[Flip]) -> Result<()> {
    tell(&format!("{place}: decision to flag"), flips.iter().map(|flip| flip.total).collect())?;
    tell(&format!("{place}: of that, the kernel sends"), flips.iter().map(|flip| flip.sending).collect())?;
    let own = flips.iter().map(|flip| flip.total - flip.sending).collect();
    let own = tell(&format!("{place}: of that, the daemon"), own)?;
    ensure!(own < 50.0, "the daemon's own part is {own:.1} us");
    Ok(())
}

fn router() -> Router {
    Router { advert_int: ADVERT_INT, preempt: false, ..Router::default() }
}

#[test]
fn flip_on_a_switch_is_mostly_the_delivery_to_all_others() -> Result<()> {
    let mut pair = Pair::of(&router())?;
    report("switch", &flips([&mut pair.r1, &mut pair.r2])?)
}

/// Two ends of a veth, and nobody else to deliver to.
#[test]
fn flip_on_a_cable_is_mostly_the_delivery_to_the_other_end() -> Result<()> {
    // For its lock and its files; its switch stays empty.
    let lab = Lab::empty()?;
    report("cable", &flips_between(&lab, &cable()?)?)
}

/// What is promised, where nobody's receiving is on the sender's account.
const PROMISED_US: f64 = 50.0;

/// Two cards that take a frame and return, as real ones do: somebody else carries it over.
#[test]
fn flip_on_a_card_that_queues_is_within_what_is_promised() -> Result<()> {
    let lab = Lab::empty()?;
    let prefix = netns::unique_prefix();
    let ends = [Namespace::new(&prefix, "r1")?, Namespace::new(&prefix, "r2")?];
    let mut cards = Vec::new();
    for (end, host) in ends.iter().zip(1..) {
        cards.push(end.run(|| card(INTERFACE))?);
        plug_in(end, host)?;
    }
    for (from, to) in [(0, 1), (1, 0)] {
        let (mut from, mut to) = (cards[from].try_clone()?, cards[to].try_clone()?);
        // Ends with the namespaces: then there are no cards to read from.
        std::thread::spawn(move || carry(&mut from, &mut to));
    }
    drop(cards);
    let flips = flips_between(&lab, &ends)?;
    report("card", &flips)?;
    let mut totals: Vec<f64> = flips.iter().map(|flip| flip.total).collect();
    totals.sort_by(f64::total_cmp);
    // A quarter of them may meet an interrupt, or a processor that a hypervisor has taken away.
    let most = totals[totals.len() * 3 / 4 - 1];
    ensure!(most <= PROMISED_US, "{most:.1} us from the decision to the flag");
    Ok(())
}

/// Looks now and then, since to wake somebody would be on the sender's account too.
fn carry(from: &mut File, to: &mut File) {
    const PAUSE: Duration = Duration::from_micros(200);
    let mut frame = [0; 2_048];
    loop {
        match from.read(&mut frame) {
            Ok(length) => drop(to.write(&frame[..length])),
            Err(error) if error.kind() == ErrorKind::WouldBlock => std::thread::sleep(PAUSE),
            Err(_) => return,
        }
    }
}

fn flips_between(lab: &Lab, ends: &[Arc<Namespace>; 2]) -> Result<Vec<Flip>> {
    let mut daemons = Vec::new();
    for (end, priority) in ends.iter().zip([100, 90]) {
        let config = Router { priority, ..router() }.vrrpd("flip");
        let daemon = Vrrpd::start_with(&binary()?, end, &lab.scratch(), &config)?;
        until_state(&daemon, if priority == 100 { "MASTER" } else { "BACKUP" })?;
        daemons.push(daemon);
    }
    let mut daemons: [Vrrpd; 2] = daemons.try_into().map_err(|_| anyhow::anyhow!("two ends"))?;
    flips(daemons.each_mut())
}

fn cable() -> Result<[Arc<Namespace>; 2]> {
    let prefix = netns::unique_prefix();
    let ends = [Namespace::new(&prefix, "r1")?, Namespace::new(&prefix, "r2")?];
    netns::ip(&format!(
        "link add {INTERFACE} netns {} type veth peer name {INTERFACE} netns {}",
        ends[0].name(),
        ends[1].name()
    ))?;
    for (end, host) in ends.iter().zip(1..) {
        plug_in(end, host)?;
    }
    Ok(ends)
}

fn plug_in(end: &Namespace, host: u8) -> Result<()> {
    end.ip(&format!("address add 192.0.2.{host}/24 dev {INTERFACE}"))?;
    end.ip(&format!("link set {INTERFACE} up"))?;
    Ok(())
}
