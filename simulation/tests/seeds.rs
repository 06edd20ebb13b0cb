//! Thousands of seeds keep the invariants, and every deliberate defect is found.
//!
//! `VRRPD_SIM_FIRST=S` begins the fresh seeds at S, `VRRPD_SIM_SEEDS=N` sets how many there are. `cargo xtask sim
//! --seed S` shows one.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use simulation::{Failure, Mutation, Scenario, run, sweep};

/// Seeds that every run tries.
const FIXED: u64 = 5_000;
/// Seeds that no run has tried before.
const FRESH: u64 = 20_000;
/// Seeds in which each defect must be found.
const PER_DEFECT: u64 = 400;

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

/// The invariants hold in all of these seeds.
fn keep_the_invariants(first: u64, count: u64) {
    let began = Instant::now();
    let outcome = sweep(first..first + count, None);
    let report = outcome
        .failure
        .map(|failure| format!("{failure}\nAll of it: cargo xtask sim --seed {} --trace", failure.seed));
    assert!(report.is_none(), "{}", report.unwrap_or_default());
    let per_second = count as f64 / began.elapsed().as_secs_f64();
    println!("{count} seeds from {first} on, {} events, {per_second:.0} seeds per second", outcome.events);
}

#[test]
fn every_fixed_seed_keeps_the_invariants() {
    keep_the_invariants(0, FIXED);
}

#[test]
fn every_fresh_seed_keeps_the_invariants() {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    // Far from the fixed ones, and in every second others than in the one before.
    let drawn = now.as_secs() * FRESH;
    keep_the_invariants(
        number("VRRPD_SIM_FIRST").unwrap_or(drawn),
        number("VRRPD_SIM_SEEDS").unwrap_or(FRESH),
    );
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
fn every_scenario_that_was_made_keeps_the_invariants() {
    for (what, scenario) in Scenario::made() {
        let outcome = run(&scenario, None, true);
        assert_eq!(outcome.violation, None, "{what}: {}", outcome.trace.join("\n"));
    }
}

/// How each defect is found, and in what: a scenario made for it, or a seed.
fn found(mutation: Mutation) -> Option<(Scenario, Failure)> {
    let made = Scenario::made().into_iter().find_map(|(_, scenario)| {
        let failure = Failure::of(&scenario, Some(mutation))?;
        Some((scenario, failure))
    });
    made.or_else(|| {
        let failure = sweep(0..PER_DEFECT, Some(mutation)).failure?;
        Some((Scenario::new(failure.seed), failure))
    })
}

#[test]
fn every_deliberate_defect_is_found() {
    let mut missed = Vec::new();
    for mutation in Mutation::ALL {
        match found(*mutation) {
            Some((_, failure)) => println!("{mutation}: {} (seed {})", failure.violation, failure.seed),
            None => missed.push(mutation),
        }
    }
    assert!(missed.is_empty(), "not found: {missed:?}");
}

#[test]
fn what_a_failure_is_shrunk_to_fails_in_the_same_way_with_no_more_than_before() {
    let mut simpler = 0;
    for mutation in Mutation::ALL {
        let Some((full, failure)) = found(*mutation) else { continue };
        let again = run(&failure.shrunk, Some(*mutation), false).violation.unwrap();
        assert_eq!(again.checker, failure.violation.checker, "{mutation}");
        assert!(failure.shrunk.size() <= full.size(), "{mutation}");
        simpler += usize::from(failure.shrunk.size() < full.size());
        assert!(failure.trace.last().unwrap().contains("VIOLATION"), "{mutation}");
    }
    assert!(simpler * 2 > Mutation::ALL.len(), "{simpler} of {} became simpler", Mutation::ALL.len());
}
