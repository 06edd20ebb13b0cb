//! From a scenario that fails to one that fails with less.

use crate::{
    faults::{Kind, Trouble},
    network::Quality,
    scenario::Scenario,
};

/// Most rounds: each begins where the one before ended, and most scenarios need two.
const ROUNDS: usize = 8;

/// Leaves out what the failure does not need: troubles, hosts, what the LAN does, clocks that run apart, and the odd
/// nanoseconds of what is left. Deterministic, so that the seed stands for what comes out as well.
pub(crate) fn shrunk(scenario: &Scenario, fails: impl Fn(&Scenario) -> bool) -> Scenario {
    let mut least = scenario.clone();
    for _ in 0..ROUNDS {
        let mut changed = false;
        for simpler in candidates() {
            // From the back, so that what is removed does not move what is still to be tried.
            for index in (0..least.troubles.len().max(least.plans.len())).rev() {
                let Some(next) = simpler(&least, index) else { continue };
                if fails(&next) {
                    least = next;
                    changed = true;
                }
            }
        }
        if !changed {
            break;
        }
    }
    least
}

/// A scenario that is simpler by one thing, if there is such a thing at this index.
type Simpler = fn(&Scenario, usize) -> Option<Scenario>;

fn candidates() -> [Simpler; 5] {
    [without_trouble, without_host, with_calmer_lan, with_true_clock, with_round_times]
}

fn without_trouble(scenario: &Scenario, index: usize) -> Option<Scenario> {
    let mut next = scenario.clone();
    (index < next.troubles.len()).then(|| next.troubles.remove(index))?;
    Some(next)
}

/// The hosts after it move up.
fn without_host(scenario: &Scenario, index: usize) -> Option<Scenario> {
    if index >= scenario.plans.len() || scenario.plans.len() == 1 {
        return None;
    }
    let mut next = scenario.clone();
    next.plans.remove(index);
    let moved = |host: usize| match host.cmp(&index) {
        std::cmp::Ordering::Less => Some(host),
        std::cmp::Ordering::Equal => None,
        std::cmp::Ordering::Greater => Some(host - 1),
    };
    next.troubles = scenario
        .troubles
        .iter()
        .filter_map(|trouble| {
            let kind = match trouble.kind {
                Kind::OneWay { to } => Kind::OneWay { to: moved(to)? },
                Kind::Lossy { to, per_mille } => Kind::Lossy { to: moved(to)?, per_mille },
                other => other,
            };
            Some(Trouble { kind, host: moved(trouble.host)?, ..*trouble })
        })
        .collect();
    Some(next)
}

fn with_calmer_lan(scenario: &Scenario, index: usize) -> Option<Scenario> {
    let quality = scenario.quality;
    let calmer = match index {
        0 if !quality.is_calm() => Quality::calm(quality.max_delay),
        1 if quality.loss > 0 => Quality { loss: 0, ..quality },
        2 if quality.duplication > 0 => Quality { duplication: 0, ..quality },
        3 if quality.reordering > 0 => Quality { reordering: 0, ..quality },
        4 if quality.flips > 0 => Quality { flips: 0, ..quality },
        _ => return None,
    };
    Some(Scenario { quality: calmer, ..scenario.clone() })
}

fn with_true_clock(scenario: &Scenario, index: usize) -> Option<Scenario> {
    let mut next = scenario.clone();
    let plan = next.plans.get_mut(index).filter(|plan| plan.ppm != 0)?;
    plan.ppm = 0;
    Some(next)
}

/// To whole milliseconds.
fn with_round_times(scenario: &Scenario, index: usize) -> Option<Scenario> {
    const MILLISECOND: u64 = 1_000_000;
    let round = |moment: u64| moment - moment % MILLISECOND;
    let mut next = scenario.clone();
    if let Some(plan) = next.plans.get_mut(index) {
        plan.starts = round(plan.starts);
    }
    if let Some(trouble) = next.troubles.get_mut(index) {
        trouble.begins = round(trouble.begins);
        let least = trouble.begins + MILLISECOND;
        trouble.ends = trouble.ends.map(|ends| round(ends).max(least));
    }
    (next != *scenario).then_some(next)
}
