//! The master fails, and the wire shows when its successor speaks, who answers, and who does not.
//!
//! Every failure at every interval under every load, on a [`Pair`]. The contenders take turns on the same laboratory.

use std::{collections::HashMap, thread, time::Duration};

use anyhow::{Context as _, Result, ensure};
use tests::{
    Answers, Ask, Asker, Lab, Timeline,
    daemons::Router,
    scenario::{VIP, VRID, until_master},
};

use crate::{
    Bench, Figure, Report, Target,
    contender::Contender,
    floor::lateness_ms,
    load::Load,
    pair::{self, Failure, HOSTS, Pair},
    progress,
};

const SUITE: &str = "takeover";
/// The client's questions; the resolution of gaps and overlaps is their distance.
const PER_SECOND: u32 = 2000;
/// How long the wire is watched after a takeover, at least.
const HOLD: Duration = Duration::from_millis(100);
/// And at most: longer than that two answering hosts are two for ever.
const LONGEST_HOLD: Duration = Duration::from_millis(300);
/// For load to set in, and for a started daemon to calm down.
const SETTLE: Duration = Duration::from_millis(100);
/// Turns that the rounds of an interval are split into.
const TURNS: usize = 2;

/// So many rounds under one set of circumstances.
#[derive(Clone, Copy, Debug)]
struct Case {
    failure: Failure,
    advert_int: Duration,
    load: Load,
    rounds: usize,
}

impl Case {
    /// Its metrics that belong into the short table.
    fn headlines(&self) -> &'static [&'static str] {
        match self.failure {
            Failure::Kill if self.advert_int == MS_10 => &[LATENESS, UNANSWERED, TWO],
            Failure::Terminate | Failure::Cut if self.advert_int == MS_10 && self.load == Load::Idle => {
                &[UNANSWERED]
            }
            Failure::Kill | Failure::Freeze | Failure::Terminate | Failure::Cut => &[],
        }
    }

    fn name(&self) -> String {
        let (failure, load) = (self.failure.name(), self.load.name());
        format!("{failure}, {} ms adverts, {load}", self.advert_int.as_millis())
    }

    /// How many of the rounds are done in a turn.
    fn in_turn(&self, turn: usize) -> usize {
        let each = self.rounds.div_ceil(TURNS);
        each.min(self.rounds.saturating_sub(turn * each))
    }
}

const MS_10: Duration = Duration::from_millis(10);
const MS_100: Duration = Duration::from_millis(100);
const SECOND: Duration = Duration::from_secs(1);

/// Rounds per contender: the most where the figures are promised, the fewest where each takes seconds.
fn rounds(quick: bool, failure: Failure, advert_int: Duration, load: Load) -> usize {
    let table: [[usize; 3]; 6] = if quick {
        // A kill, then any other failure; each idle, with hogs, with a flood.
        [[14, 8, 6], [2, 1, 1], [1, 1, 1], [1, 0, 0], [1, 0, 0], [0, 0, 0]]
    } else {
        [[50, 30, 20], [10, 6, 6], [8, 5, 5], [3, 2, 2], [3, 2, 2], [1, 1, 1]]
    };
    let row = match advert_int {
        MS_10 => 0,
        MS_100 => 2,
        _ => 4,
    } + usize::from(failure != Failure::Kill);
    let column = match load {
        Load::Idle => 0,
        Load::Hogs => 1,
        Load::Flood => 2,
    };
    table[row][column]
}

/// All cases that share an interval.
fn cases(quick: bool, advert_int: Duration) -> Vec<Case> {
    let of_load = |load| {
        Failure::ALL.map(|failure| Case {
            failure,
            advert_int,
            load,
            rounds: rounds(quick, failure, advert_int, load),
        })
    };
    Load::ALL.into_iter().flat_map(of_load).collect()
}

/// Runs the suite.
pub(crate) fn run(bench: &Bench, report: &mut Report) -> Result<()> {
    let mut flips = Vec::new();
    for advert_int in [MS_10, MS_100, SECOND] {
        interval(bench, report, advert_int, &mut flips)?;
    }
    let key = (SUITE, "all of the above", "decision to flag", "µs");
    if let Some(figure) = Figure::new(key, Contender::Vrrpd.name(), &flips) {
        report.add(figure.headline(true));
    }
    targets(report);
    Ok(())
}

/// All cases of an interval: a pair of each contender in every turn does its share of all rounds.
fn interval(bench: &Bench, report: &mut Report, advert_int: Duration, flips: &mut Vec<f64>) -> Result<()> {
    let cases = cases(bench.quick, advert_int);
    let lab = Lab::with_routers(2)?;
    let mut rounds: HashMap<(usize, usize), Vec<Round>> = HashMap::new();
    let mut floors: HashMap<&str, Vec<f64>> = HashMap::new();
    for turn in 0..TURNS {
        for (index, contender) in Contender::ALL.into_iter().enumerate() {
            let done = turn_of(bench, &lab, &cases, contender, turn)?;
            for (case, done) in done.into_iter().enumerate() {
                rounds.entry((case, index)).or_default().extend(done);
            }
        }
        for load in Load::ALL.into_iter().filter(|load| uses(&cases, *load)) {
            floors.entry(load.name()).or_default().extend(lateness_ms(&lab, load)?);
        }
    }
    let left_out = cases.iter().filter(|case| case.rounds == 0).count();
    if left_out > 0 {
        let text = format!("a quick run leaves out {left_out} of {} failures and loads", cases.len());
        report.remark(SUITE, &format!("{} ms adverts", advert_int.as_millis()), "both", text);
    }
    for (number, case) in cases.iter().enumerate() {
        for (index, contender) in Contender::ALL.into_iter().enumerate() {
            let rounds = rounds.remove(&(number, index)).unwrap_or_default();
            flips.extend(rounds.iter().filter_map(|round| round.flip_us));
            add(report, case, contender, &rounds);
        }
        let key = (SUITE, &*case.name(), LATENESS, "ms");
        let floor = floors.get(case.load.name()).filter(|_| case.rounds > 0);
        if let Some(figure) = floor.and_then(|floor| Figure::new(key, "bare timer", floor)) {
            report.add(figure.headline(case.headlines().contains(&LATENESS)));
        }
    }
    Ok(())
}

fn uses(cases: &[Case], load: Load) -> bool {
    cases.iter().any(|case| case.load == load && case.rounds > 0)
}

/// What became of a case.
fn add(report: &mut Report, case: &Case, contender: Contender, rounds: &[Round]) {
    if rounds.is_empty() {
        return;
    }
    let mut late: Vec<f64> = rounds.iter().map(|round| round.late_ms).collect();
    late.sort_by(f64::total_cmp);
    progress(&format!(
        "{:10} {:34} {:3} rounds, late {:.3} ms in the median, {:.3} at most",
        contender.name(),
        case.name(),
        late.len(),
        late[late.len() / 2],
        late[late.len() - 1]
    ));
    for figure in figures(case, contender, rounds) {
        report.add(figure);
    }
}

fn targets(report: &mut Report) {
    let of = |load, metric| {
        let case = Case { failure: Failure::Kill, advert_int: MS_10, load, rounds: 0 };
        (SUITE, case.name(), metric)
    };
    for (load, statistic, limit) in
        [(Load::Idle, "median", 0.10), (Load::Idle, "p95", 0.25), (Load::Hogs, "p95", 0.5)]
    {
        let text = format!("takeover at 10 ms adverts, {}: {statistic}", load.name());
        report.expect(&Target::at_most(text, of(load, LATENESS), statistic, limit));
    }
    for load in Load::ALL {
        let text = format!("two answering hosts after SIGKILL, {}", load.name());
        report.expect(&Target::at_most(text, of(load, TWO), "max", 0.0));
    }
    let flips = (SUITE, "all of the above".to_owned(), "decision to flag");
    report.expect(&Target::at_most("decision to flag: p99".to_owned(), flips, "p99", 50.0));
}

/// What one failure came to.
#[derive(Clone, Copy, Debug)]
struct Round {
    late_ms: f64,
    unanswered_ms: f64,
    two_ms: f64,
    /// Two hosts answered to the end of the watch.
    two_to_the_end: bool,
    flip_us: Option<f64>,
    /// Before the failure the other one had taken over without one.
    by_itself: bool,
    /// Packets of a flood, a second.
    flood: Option<f64>,
}

const LATENESS: &str = "lateness";
const UNANSWERED: &str = "no answer";
const BY_ITSELF: &str = "takeovers without a cause";
const TWO: &str = "two answering hosts";

fn figures(case: &Case, contender: Contender, rounds: &[Round]) -> Vec<Figure> {
    let name = case.name();
    let figure = |metric, value: fn(&Round) -> f64| {
        let samples: Vec<f64> = rounds.iter().map(value).collect();
        Figure::new((SUITE, &name, metric, "ms"), contender.name(), &samples)
    };
    let open_ended = rounds.iter().any(|round| round.two_to_the_end);
    let floods: Vec<f64> = rounds.iter().filter_map(|round| round.flood).collect();
    let by_itself = rounds.iter().filter(|round| round.by_itself).count() as f64;
    [
        figure(LATENESS, |round| round.late_ms),
        figure(UNANSWERED, |round| round.unanswered_ms),
        figure(TWO, |round| round.two_ms).map(|figure| figure.open_ended(open_ended)),
        Figure::new((SUITE, &name, BY_ITSELF, "in all rounds"), contender.name(), &[by_itself]),
        Figure::new((SUITE, &name, "flood", "packets/s"), contender.name(), &floods),
    ]
    .into_iter()
    .flatten()
    .map(|figure| {
        let headline = case.headlines().contains(&figure.metric);
        figure.headline(headline)
    })
    .collect()
}

/// One contender's pair: its rounds of every case, then its end.
fn turn_of(
    bench: &Bench,
    lab: &Lab,
    cases: &[Case],
    contender: Contender,
    turn: usize,
) -> Result<Vec<Vec<Round>>> {
    let advert_int = cases.first().context("no cases")?.advert_int;
    if cases.iter().all(|case| case.in_turn(turn) == 0) {
        return Ok(Vec::new());
    }
    let mut pair = Pair::start(bench, lab, contender, pair::routers(advert_int))?;
    let mut done = Vec::new();
    for case in cases {
        let rounds = (0..case.in_turn(turn)).map(|number| {
            round(lab, &mut pair, case, number)
                .with_context(|| format!("{}, {}, round {number}", contender.name(), case.name()))
        });
        done.push(rounds.collect::<Result<_>>()?);
    }
    pair.leave();
    Ok(done)
}

/// Fails the master, reads the wire, and makes it a backup again.
fn round(lab: &Lab, pair: &mut Pair<'_>, case: &Case, number: usize) -> Result<Round> {
    let load = case.load.start(lab)?;
    thread::sleep(SETTLE);
    let mark = lab.wire().mark();
    let asker = ask(lab)?;
    let by_itself = pair.find_master()?;
    // Anywhere between two adverts, evenly.
    thread::sleep(case.advert_int.mul_f64((number as f64 * 0.618).fract()));
    let failed = lab.wire().mark();
    let old = pair.fail(case.failure)?;
    let new = pair.master;
    until_master(lab, HOSTS[new], failed)?;
    thread::sleep(case.advert_int.clamp(HOLD, LONGEST_HOLD));
    let answers = asker.finish();
    let flood = load.rate();
    drop(load);
    lab.wire().settle();
    ensure!(lab.wire().lost() == 0, "the capture lost frames: the machine is too busy");
    let late_ms = lab
        .wire()
        .look(mark, |timeline| lateness(timeline, HOSTS[old], HOSTS[new], &pair.routers[new]))
        .context("no takeover on the wire")?;
    let flip_us = pair.nodes[new].flip_us();
    pair.recover(case.failure, old)?;
    Ok(read(&answers, late_ms, flip_us, by_itself, flood))
}

/// From when the successor might speak to when it did, in ms.
fn lateness(timeline: Timeline<'_>, old: &str, new: &str, successor: &Router) -> Option<f64> {
    let (last, advert) = timeline.adverts_by(VRID, old).next_back()?;
    // Before the last word of the old one the new one may have been master by mistake.
    let mut after = timeline.adverts_by(VRID, new).filter(|(frame, _)| frame.at > last.at);
    let (first, _) = after.find(|(_, advert)| advert.priority > 0)?;
    // Who leaves in order grants its successor the skew alone.
    let granted = if advert.priority == 0 { successor.skew() } else { successor.master_down() };
    Some(first.at.ms_since(last.at + granted))
}

fn read(answers: &Answers, late_ms: f64, flip_us: Option<f64>, by_itself: bool, flood: Option<f64>) -> Round {
    let (two, unanswered) = (answers.answered_by_two(), answers.unanswered());
    let ms = |span: Duration| span.as_secs_f64() * 1e3;
    let two_to_the_end = answers.requests.iter().rev().take(3).any(|request| request.hosts().len() > 1);
    Round {
        late_ms,
        unanswered_ms: ms(unanswered.longest),
        two_ms: ms(two.total),
        two_to_the_end,
        flip_us,
        by_itself,
        flood,
    }
}

/// Asks from a thread that hogs cannot hold up, as a client on a machine of its own would.
fn ask(lab: &Lab) -> Result<Asker> {
    thread::scope(|scope| {
        let asker = scope.spawn(|| {
            // What this thread is, its asker is. Without the right to it the questions are less even.
            let _ = crate::process::real_time(1);
            lab.ask(Ask::broadcast(VIP, PER_SECOND))
        });
        asker.join().map_err(|_| anyhow::anyhow!("the asker's maker died"))?
    })
}

#[cfg(test)]
mod plan {
    use super::*;

    #[test]
    fn a_whole_run_has_every_failure_at_every_interval_under_every_load() {
        for advert_int in [MS_10, MS_100, SECOND] {
            let cases = cases(false, advert_int);
            assert_eq!(cases.len(), Failure::ALL.len() * Load::ALL.len());
            assert!(cases.iter().all(|case| case.rounds > 0), "{cases:?}");
        }
    }

    #[test]
    fn the_turns_of_a_case_are_its_rounds() {
        for rounds in 0..9 {
            let case = Case { failure: Failure::Kill, advert_int: MS_10, load: Load::Idle, rounds };
            assert_eq!((0..TURNS).map(|turn| case.in_turn(turn)).sum::<usize>(), rounds);
        }
    }

    #[test]
    fn what_is_promised_is_measured_in_a_quick_run_too() {
        for load in Load::ALL {
            assert!(rounds(true, Failure::Kill, MS_10, load) > 0);
        }
    }
}
