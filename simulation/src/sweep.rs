//! Many seeds, on all processors.

use std::{
    ops::Range,
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use crate::{failure::Failure, mutation::Mutation, scenario::Scenario, world::run};

/// What many runs came to.
#[derive(Clone, Debug)]
pub struct Sweep {
    /// Events in all runs.
    pub events: u64,
    /// The lowest seed that failed among those that were run.
    pub failure: Option<Failure>,
}

/// Runs seeds until one fails, with a defect or without.
#[must_use]
pub fn sweep(seeds: Range<u64>, mutation: Option<Mutation>) -> Sweep {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let found = AtomicBool::new(false);
    let parts = thread::scope(|scope| {
        let parts = (0..threads).map(|part| {
            let (seeds, found) = (seeds.clone().skip(part).step_by(threads), &found);
            scope.spawn(move || until_found(seeds, mutation, found))
        });
        // All are started before the first is waited for.
        let parts: Vec<_> = parts.collect();
        parts
            .into_iter()
            .map(|part| part.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect::<Vec<_>>()
    });
    let events = parts.iter().map(|(events, _)| events).sum();
    let lowest = parts.iter().filter_map(|(_, failed)| *failed).min();
    Sweep { events, failure: lowest.and_then(|seed| Failure::of(&Scenario::new(seed), mutation)) }
}

/// The events of these runs, and the seed that failed.
fn until_found(
    seeds: impl Iterator<Item = u64>,
    mutation: Option<Mutation>,
    found: &AtomicBool,
) -> (u64, Option<u64>) {
    let mut events = 0;
    for seed in seeds {
        if found.load(Ordering::Relaxed) {
            break;
        }
        let outcome = run(&Scenario::new(seed), mutation, false);
        events += outcome.events;
        if outcome.violation.is_some() {
            found.store(true, Ordering::Relaxed);
            return (events, Some(seed));
        }
    }
    (events, None)
}
