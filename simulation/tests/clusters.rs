//! Clusters of several routers keep the invariants, and every deliberate defect of what stands around elections is found.

use simulation::cluster::{Flaw, run};

/// Clusters that every run tries.
const SEEDS: u64 = 1_500;
/// Clusters in which each defect must be found.
const PER_FLAW: u64 = 200;

#[test]
fn every_cluster_keeps_the_invariants() {
    for seed in 0..SEEDS {
        if let Err(what) = run(seed, None) {
            unreachable!("{what}");
        }
    }
}

#[test]
fn every_flaw_is_found() {
    let mut missed = Vec::new();
    for flaw in Flaw::ALL {
        match (0..PER_FLAW).find_map(|seed| run(seed, Some(*flaw)).err()) {
            Some(what) => println!("{flaw}: {}", what.lines().next().unwrap()),
            None => missed.push(flaw),
        }
    }
    assert!(missed.is_empty(), "not found: {missed:?}");
}
