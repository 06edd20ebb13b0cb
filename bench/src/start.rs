//! How long after its start a daemon answers: one router, and a thousand of them.
//!
//! The routers have priority 255, so that no timer stands between a start and the first answer. The time runs from
//! before the process is made to the first ARP reply on the wire; `ip netns exec` and the making of a process are part
//! of it, and what they take alone is measured beside it.

use std::{process::Stdio, time::Duration};

use anyhow::{Result, bail, ensure};
use tests::Stamp;

use crate::{
    Bench, Figure, Report, Target,
    contender::Contender,
    field::{Field, Routers},
    progress,
    roll_call::RollCall,
};

const SUITE: &str = "start";
const OWNER: u8 = 255;
/// For the last of a thousand to answer.
const PATIENCE: Duration = Duration::from_secs(30);
const METRIC: &str = "exec to the answers";
const ADVERT_INT: Duration = Duration::from_millis(100);
const ONE: Routers = Routers { count: 1, advert_int: ADVERT_INT };
const THOUSAND: Routers = Routers { count: 1000, advert_int: ADVERT_INT };

/// How many starts of how many routers.
fn cases(quick: bool) -> [(Routers, usize); 2] {
    if quick { [(ONE, 8), (THOUSAND, 2)] } else { [(ONE, 30), (THOUSAND, 5)] }
}

/// Runs the suite.
pub(crate) fn run(bench: &Bench, report: &mut Report) -> Result<()> {
    for (routers, rounds) in cases(bench.quick) {
        let mut starts: [Vec<Start>; Contender::ALL.len()] = Default::default();
        let mut floor = Vec::new();
        let field = Field::new(routers)?;
        for _ in 0..rounds {
            for (contender, starts) in Contender::ALL.into_iter().zip(&mut starts) {
                starts.push(start(bench, &field, contender, routers)?);
            }
            floor.push(bare_process(&field)?);
        }
        for (contender, starts) in Contender::ALL.into_iter().zip(&starts) {
            add(report, routers, contender.name(), starts);
        }
        if let Some(figure) = Figure::new((SUITE, &case(routers), METRIC, "ms"), "bare process", &floor) {
            report.add(figure.headline(true));
        }
    }
    let quantity = (SUITE, case(ONE), METRIC);
    let text = "start of an owner: until it answers".to_owned();
    report.expect(&Target::at_most(text, quantity, "median", 1.0).relative_to(Contender::Keepalived.name()));
    let quantity = (SUITE, case(THOUSAND), LAST);
    let text = "start of 1000 routers: until the last answers".to_owned();
    report.expect(&Target::at_most(text, quantity, "median", 1.0).relative_to(Contender::Keepalived.name()));
    Ok(())
}

const LAST: &str = "exec to the last answer";

fn case(routers: Routers) -> String {
    if routers.count == 1 { "owner".to_owned() } else { format!("{} owners", routers.count) }
}

/// When each address was first answered, in ms after the start.
type Start = Vec<f64>;

fn add(report: &mut Report, routers: Routers, contender: &'static str, starts: &[Start]) {
    let case = case(routers);
    let last: Vec<f64> = starts.iter().map(|start| start.iter().copied().fold(f64::NAN, f64::max)).collect();
    let all: Vec<f64> = starts.iter().flatten().copied().collect();
    let of = |metric, samples: &[f64]| Figure::new((SUITE, &case, metric, "ms"), contender, samples);
    let of_last = if routers.count > 1 { of(LAST, &last) } else { None };
    for figure in of(METRIC, &all).into_iter().chain(of_last) {
        progress(&format!("{contender:10} {case:12} {:24} {:8.1} ms", figure.metric, figure.median));
        report.add(figure.headline(true));
    }
}

/// One start, and the end of what was started.
fn start(bench: &Bench, field: &Field, contender: Contender, routers: Routers) -> Result<Start> {
    let call = RollCall::start(&field.r2, routers.count, Duration::ZERO, PATIENCE)?;
    let text = routers.configuration(contender, OWNER);
    let began = Stamp::now();
    let mut daemon = match field.start(contender, &bench.vrrpd, &field.r1, &text) {
        Ok(daemon) => daemon,
        Err(error) => {
            call.abandon();
            return Err(error);
        }
    };
    let answers = call.finish()?;
    let missing = answers.iter().filter(|answer| answer.is_none()).count();
    if missing > 0 {
        bail!(
            "{missing} of {} addresses were not answered {PATIENCE:?} after the start; the log:\n{}",
            answers.len(),
            daemon.log()
        );
    }
    // In order, so that nothing of it is there for the next one.
    daemon.daemon().terminate()?;
    Ok(answers.into_iter().flatten().map(|answer| answer.ms_since(began)).collect())
}

/// What a process takes that does nothing, in ms from its making to its end.
fn bare_process(field: &Field) -> Result<f64> {
    let began = Stamp::now();
    let status = field.r1.command("true").stdout(Stdio::null()).status()?;
    ensure!(status.success(), "true: {status}");
    Ok(Stamp::now().ms_since(began))
}
