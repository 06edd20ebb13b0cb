//! Thousands of seeds keep the invariants, and every deliberate defect is found.
//!
//! The seeds are the same in each run, so that a run is red by what was changed and by nothing else. `cargo xtask sim` tries
//! seeds that nobody has tried; `cargo xtask sim --seed S` shows one.

use std::time::Instant;

use simulation::{Failure, Mutation, Scenario, run, sweep};

/// Seeds that every run tries, in two halves that run side by side.
const SEEDS: u64 = 25_000;
/// Seeds that broke an invariant once.
const ONCE_BROKEN: [u64; 15] = [
    35_917_810_935_813,
    50_000_009_351,
    50_000_033_807,
    60_000_097_311,
    61_000_057_397,
    62_000_017_033,
    62_000_066_889,
    62_000_122_381,
    62_000_205_394,
    62_000_336_725,
    62_000_530_139,
    80_000_221_919,
    90_000_185_831,
    120_000_111_890,
    130_000_109_602,
];
/// Seeds in which each defect must be found.
const PER_DEFECT: u64 = 400;

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
    keep_the_invariants(0, SEEDS / 2);
}

#[test]
fn every_fixed_seed_of_the_other_half_keeps_the_invariants() {
    keep_the_invariants(SEEDS / 2, SEEDS / 2);
}

#[test]
fn what_was_once_broken_holds() {
    for seed in ONCE_BROKEN {
        keep_the_invariants(seed, 1);
    }
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
