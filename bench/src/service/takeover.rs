//! The master fails while the client asks.

use std::{thread, time::Duration};

use anyhow::{Context as _, Result};
use tests::Lab;

use super::{
    SUITE, Server,
    wrk::{CONNECTIONS, Outcome, Watch, Wrk},
};
use crate::{
    Bench, Figure, Report,
    contender::Contender,
    pair::{self, Failure, HOSTS, Pair},
    progress,
};

/// After the client's start, and until the failure.
const BEFORE: Duration = Duration::from_millis(500);

/// So many rounds.
#[derive(Clone, Copy, Debug)]
struct Case {
    failure: Failure,
    advert_int: Duration,
    rounds: usize,
}

impl Case {
    fn name(&self) -> String {
        format!("{}, {} ms adverts", self.failure.name(), self.advert_int.as_millis())
    }

    /// The client works a second before and after the takeover.
    fn window(&self) -> Duration {
        Duration::from_secs((4 * self.advert_int + Duration::from_millis(1500)).as_secs() + 1)
    }
}

fn cases(quick: bool) -> Vec<Case> {
    use Failure::{Cut, Kill, Terminate};
    let case = |failure, ms, rounds| Case { failure, advert_int: Duration::from_millis(ms), rounds };
    // A round takes seconds.
    if quick {
        return vec![case(Kill, 10, 2), case(Terminate, 10, 1), case(Cut, 10, 1)];
    }
    let mut cases = [Kill, Terminate, Cut].map(|failure| case(failure, 10, 4)).to_vec();
    cases.extend([Kill, Terminate, Cut].map(|failure| case(failure, 1000, 1)));
    cases
}

pub(super) fn run(bench: &Bench, report: &mut Report) -> Result<()> {
    let cases = cases(bench.quick);
    for same in cases.chunk_by(|one, next| one.advert_int == next.advert_int) {
        let Some(advert_int) = same.first().map(|case| case.advert_int) else { continue };
        let lab = Lab::with_routers(2)?;
        let _servers = HOSTS.map(|host| Server::start(&lab, host)).into_iter().collect::<Result<Vec<_>>>()?;
        for contender in Contender::ALL {
            let mut pair = Pair::start(bench, &lab, contender, pair::routers(advert_int))?;
            for case in same {
                let outcomes = (0..case.rounds)
                    .map(|_| round(&lab, &mut pair, case))
                    .collect::<Result<Vec<_>>>()
                    .with_context(|| format!("{}, {}", contender.name(), case.name()))?;
                add(report, case, contender, &outcomes);
            }
            pair.leave();
        }
    }
    Ok(())
}

/// One failure under the client's requests.
fn round(lab: &Lab, pair: &mut Pair<'_>, case: &Case) -> Result<Outcome> {
    pair.find_master()?;
    let client = Wrk::start(lab, "small", case.window(), Watch::Pauses)?;
    thread::sleep(BEFORE);
    let old = pair.fail(case.failure)?;
    let outcome = client.finish()?;
    pair.recover(case.failure, old)?;
    Ok(outcome)
}

fn add(report: &mut Report, case: &Case, contender: Contender, outcomes: &[Outcome]) {
    let name = case.name();
    let of = |metric, unit, value: fn(&Outcome) -> f64| {
        let samples: Vec<f64> = outcomes.iter().map(value).collect();
        Figure::new((SUITE, &name, metric, unit), contender.name(), &samples)
    };
    let figures = [
        of("requests lost", "of 16 connections", |outcome| outcome.lost),
        of("longest pause", "ms", |outcome| outcome.pause_ms),
        of("p99", "ms", |outcome| outcome.p99_ms),
        of("slowest request", "ms", |outcome| outcome.max_ms),
        of("throughput", "requests/s", |outcome| outcome.requests_per_second),
    ];
    const { assert!(CONNECTIONS == 16, "the unit says so") };
    for figure in figures.into_iter().flatten() {
        progress(&format!(
            "{:10} {name:28} {:18} {:.3} {}",
            contender.name(),
            figure.metric,
            figure.median,
            figure.unit
        ));
        let headline = case.advert_int < Duration::from_millis(100)
            && !matches!(figure.metric, "throughput" | "slowest request");
        report.add(figure.headline(headline));
    }
}
