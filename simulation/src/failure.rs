//! A seed that breaks an invariant, as a person needs to see it.

use std::fmt;

use crate::{
    checkers::Violation,
    mutation::Mutation,
    scenario::Scenario,
    shrink::shrunk,
    world::{Outcome, run},
};

/// The last events before the violation that are shown.
const TAIL: usize = 60;

/// A run that broke an invariant, and the least scenario that was found to break it as well.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The seed.
    pub seed: u64,
    /// What did not hold.
    pub violation: Violation,
    /// What is left of the scenario.
    pub shrunk: Scenario,
    /// The run of what is left, one line per event.
    pub trace: Vec<String>,
}

impl Failure {
    /// Runs the scenario, with a defect or without; shrinks it when it fails.
    #[must_use]
    pub fn of(scenario: &Scenario, mutation: Option<Mutation>) -> Option<Self> {
        let violation = run(scenario, mutation, false).violation?;
        let same = |other: &Scenario| {
            run(other, mutation, false).violation.is_some_and(|found| found.checker == violation.checker)
        };
        let shrunk = shrunk(scenario, same);
        let Outcome { trace, .. } = run(&shrunk, mutation, true);
        Some(Self { seed: scenario.seed, violation, shrunk, trace })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hidden = self.trace.len().saturating_sub(TAIL);
        writeln!(f, "seed {}: {}\n\nshrunk to\n\n{}", self.seed, self.violation, self.shrunk)?;
        if hidden > 0 {
            writeln!(f, "… {hidden} events before")?;
        }
        self.trace.iter().skip(hidden).try_for_each(|line| writeln!(f, "{line}"))
    }
}
