//! Deterministic simulation: several routers of the real election, each with a model of daemon and data plane, on a
//! LAN where things go wrong.
//!
//! `VRRPD_SIM_SEED=S cargo test -p vrrp-common --test simulation one_seed -- --nocapture` shows a run, one line per
//! event. `VRRPD_SIM_SEEDS=N` sets how many seeds are tried, `VRRPD_SIM_FIRST=S` the first.

#![expect(clippy::wildcard_enum_match_arm, reason = "a checker names what it looks at")]

mod checkers;
mod faults;
mod host;
mod mutation;
mod network;
mod random;
mod scenario;
mod trace;
mod world;

use std::time::Instant;

use mutation::Mutation;
use scenario::Scenario;
use world::run;

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

/// Runs a seed; when it fails, what a person needs to see.
fn failure(seed: u64, mutation: Option<Mutation>) -> Option<String> {
    let scenario = Scenario::new(seed);
    let violation = run(&scenario, mutation, false).violation?;
    let same = |other: &Scenario| {
        run(other, mutation, false).violation.is_some_and(|found| found.checker == violation.checker)
    };
    let shrunk = scenario.shrunk(same);
    let trace = run(&shrunk, mutation, true).trace;
    let tail = trace.len().saturating_sub(60);
    Some(format!("seed {seed}: {violation}\nshrunk to {shrunk:#?}\n{}", trace[tail..].join("\n")))
}

#[test]
fn every_seed_keeps_the_invariants() {
    let first = number("VRRPD_SIM_FIRST").unwrap_or(0);
    let default = if cfg!(debug_assertions) { 2_000 } else { 20_000 };
    let seeds = number("VRRPD_SIM_SEEDS").unwrap_or(default);
    let began = Instant::now();
    let mut events = 0;
    for seed in first..first + seeds {
        let outcome = run(&Scenario::new(seed), None, false);
        events += outcome.events;
        if outcome.violation.is_some() {
            panic!("{}", failure(seed, None).unwrap_or_default());
        }
    }
    let per_second = seeds as f64 / began.elapsed().as_secs_f64();
    println!("{seeds} seeds, {events} events, {per_second:.0} seeds per second");
}

#[test]
fn one_seed_prints_its_trace() {
    let Some(seed) = number("VRRPD_SIM_SEED") else { return };
    let scenario = Scenario::new(seed);
    println!("{scenario:#?}");
    let outcome = run(&scenario, None, true);
    println!("{}", outcome.trace.join("\n"));
    assert_eq!(outcome.violation, None, "{}", failure(seed, None).unwrap_or_default());
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    for seed in 0..20 {
        let trace = || run(&Scenario::new(seed), None, true).trace;
        let first = trace();
        assert!(!first.is_empty());
        assert_eq!(first, trace(), "seed {seed}");
    }
}

#[test]
fn a_router_that_hears_nobody_is_answered_within_bounds() {
    let outcome = run(&Scenario::deaf(), None, true);
    assert_eq!(outcome.violation, None, "{}", outcome.trace.join("\n"));
}

/// Seeds in which each mutation must be found.
const SEEDS_PER_MUTATION: u64 = 400;

#[test]
fn every_deliberate_defect_is_found() {
    let mut missed = Vec::new();
    for mutation in Mutation::ALL {
        let seeds = (0..SEEDS_PER_MUTATION).map(Scenario::new);
        let found = std::iter::once(Scenario::deaf()).chain(seeds).find_map(|scenario| {
            let violation = run(&scenario, Some(*mutation), false).violation?;
            Some((scenario.seed, violation))
        });
        match found {
            Some((seed, violation)) => println!("{mutation:?}: {violation} (seed {seed})"),
            None => missed.push(mutation),
        }
    }
    assert!(missed.is_empty(), "not found: {missed:?}");
}
