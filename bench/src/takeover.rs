//! The master fails, and the wire shows when its successor speaks, who answers, and who does not.
//!
//! Two routers of one contender with priorities 100 and 90 and without preemption, so that roles alternate: the
//! successor of one round is the victim of the next. The contenders take turns on the same laboratory.

use std::{thread, time::Duration};

use anyhow::{Context as _, Result, ensure};
use tests::{
    Answers, Ask, Asker, Lab, Timeline,
    daemons::Router,
    scenario::{PATIENCE, VIP, VRID, until_master},
};

use crate::{
    Bench, Figure, Report, Target,
    contender::{Contender, Node, forget_addresses},
    floor::lateness_ms,
    hogs::Hogs,
    progress,
};

const SUITE: &str = "takeover";
/// The client's questions; the resolution of gaps and overlaps is their distance.
const PER_SECOND: u32 = 2000;
/// How long the wire is watched after a takeover, at least.
const HOLD: Duration = Duration::from_millis(100);
/// For load to set in, and for a started daemon to calm down.
const SETTLE: Duration = Duration::from_millis(100);
/// Turns that the rounds of a case are split into.
const TURNS: usize = 2;

/// What befalls the master.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// SIGKILL.
    Kill,
    /// SIGSTOP.
    Freeze,
    /// SIGTERM.
    Terminate,
    /// Its carrier is lost.
    Cut,
}

impl Failure {
    const fn name(self) -> &'static str {
        match self {
            Self::Kill => "SIGKILL",
            Self::Freeze => "SIGSTOP",
            Self::Terminate => "SIGTERM",
            Self::Cut => "link cut",
        }
    }
}

/// So many rounds under one set of circumstances.
#[derive(Clone, Copy, Debug)]
struct Case {
    failure: Failure,
    advert_int: Duration,
    hogs: bool,
    rounds: usize,
}

impl Case {
    /// Its metrics that belong into the short table.
    fn headlines(&self) -> &'static [&'static str] {
        match self.failure {
            Failure::Kill if self.advert_int == MS_10 => &[LATENESS, UNANSWERED, TWO],
            Failure::Terminate | Failure::Cut if self.advert_int == MS_10 && !self.hogs => &[UNANSWERED],
            Failure::Kill | Failure::Freeze | Failure::Terminate | Failure::Cut => &[],
        }
    }

    fn name(&self) -> String {
        let load = if self.hogs { "8 CPU hogs" } else { "idle" };
        format!("{}, {} ms adverts, {load}", self.failure.name(), self.advert_int.as_millis())
    }
}

const MS_10: Duration = Duration::from_millis(10);
const MS_100: Duration = Duration::from_millis(100);
const SECOND: Duration = Duration::from_secs(1);

/// Rounds per contender: the most where the figures are promised.
fn cases(quick: bool) -> Vec<Case> {
    use Failure::{Cut, Freeze, Kill, Terminate};
    let case = |failure, advert_int, hogs, rounds| Case { failure, advert_int, hogs, rounds };
    if quick {
        return vec![
            case(Kill, MS_10, false, 20),
            case(Kill, MS_10, true, 14),
            case(Freeze, MS_10, false, 4),
            case(Terminate, MS_10, false, 4),
            case(Cut, MS_10, false, 4),
            case(Kill, MS_100, false, 4),
        ];
    }
    let mut cases = vec![case(Kill, MS_10, false, 60), case(Kill, MS_10, true, 40)];
    for failure in [Freeze, Terminate, Cut] {
        cases.extend([case(failure, MS_10, false, 16), case(failure, MS_10, true, 10)]);
    }
    cases.extend([case(Kill, MS_100, false, 16), case(Kill, MS_100, true, 10)]);
    cases.extend([Freeze, Terminate, Cut].map(|failure| case(failure, MS_100, false, 6)));
    cases.extend([case(Kill, SECOND, false, 6), case(Kill, SECOND, true, 4)]);
    cases.extend([Freeze, Terminate, Cut].map(|failure| case(failure, SECOND, false, 2)));
    cases
}

/// Runs the suite.
pub(crate) fn run(bench: &Bench, report: &mut Report) -> Result<()> {
    let mut flips = Vec::new();
    for case in cases(bench.quick) {
        let lab = Lab::with_routers(2)?;
        let mut rounds: [Vec<Round>; Contender::ALL.len()] = Default::default();
        let mut floor = Vec::new();
        for turn in 0..TURNS {
            for (contender, rounds) in Contender::ALL.into_iter().zip(&mut rounds) {
                let count = case.rounds.div_ceil(TURNS).min(case.rounds - turn * case.rounds.div_ceil(TURNS));
                turn_of(bench, &lab, &case, contender, count, rounds)
                    .with_context(|| format!("{}, {}", contender.name(), case.name()))?;
                floor.extend(lateness_ms(case.hogs)?);
            }
        }
        for (contender, rounds) in Contender::ALL.into_iter().zip(&rounds) {
            flips.extend(rounds.iter().filter_map(|round| round.flip_us));
            for figure in figures(&case, contender, rounds) {
                report.add(figure);
            }
        }
        let key = (SUITE, &*case.name(), LATENESS, "ms");
        if let Some(figure) = Figure::new(key, "bare timer", &floor) {
            report.add(figure.headline(case.headlines().contains(&LATENESS)));
        }
    }
    let key = (SUITE, "all of the above", "decision to flag", "µs");
    if let Some(figure) = Figure::new(key, Contender::Vrrpd.name(), &flips) {
        report.add(figure.headline(true));
    }
    targets(report);
    Ok(())
}

fn targets(report: &mut Report) {
    let of = |case: &Case, metric| (SUITE, case.name(), metric);
    let kill = |hogs| Case { failure: Failure::Kill, advert_int: MS_10, hogs, rounds: 0 };
    let (idle, loaded) = (kill(false), kill(true));
    for (case, statistic, limit) in [(&idle, "median", 0.10), (&idle, "p95", 0.25), (&loaded, "p95", 0.5)] {
        let text = format!(
            "takeover at 10 ms adverts, {}: {statistic}",
            if case.hogs { "8 CPU hogs" } else { "idle" }
        );
        report.expect(&Target::at_most(text, of(case, LATENESS), statistic, limit));
    }
    for case in [&idle, &loaded] {
        let text =
            format!("two answering hosts after SIGKILL, {}", if case.hogs { "8 CPU hogs" } else { "idle" });
        report.expect(&Target::at_most(text, of(case, TWO), "max", 0.0));
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
    let by_itself = rounds.iter().filter(|round| round.by_itself).count() as f64;
    [
        figure(LATENESS, |round| round.late_ms),
        figure(UNANSWERED, |round| round.unanswered_ms),
        figure(TWO, |round| round.two_ms).map(|figure| figure.open_ended(open_ended)),
        Figure::new((SUITE, &name, BY_ITSELF, "in all rounds"), contender.name(), &[by_itself]),
    ]
    .into_iter()
    .flatten()
    .map(|figure| {
        let headline = case.headlines().contains(&figure.metric);
        figure.headline(headline)
    })
    .collect()
}

/// One contender's pair: its rounds, then its end.
fn turn_of(
    bench: &Bench,
    lab: &Lab,
    case: &Case,
    contender: Contender,
    count: usize,
    rounds: &mut Vec<Round>,
) -> Result<()> {
    let mut pair = Pair::start(bench, lab, contender, case.advert_int)?;
    for number in 0..count {
        rounds.push(pair.round(case, number).with_context(|| format!("round {number}"))?);
    }
    let mut late: Vec<f64> = rounds.iter().map(|round| round.late_ms).collect();
    late.sort_by(f64::total_cmp);
    let (median, most) = (late.get(late.len() / 2), late.last());
    progress(&format!(
        "{:10} {:34} {:3} rounds, late {:.3} ms in the median, {:.3} at most",
        contender.name(),
        case.name(),
        late.len(),
        median.unwrap_or(&f64::NAN),
        most.unwrap_or(&f64::NAN)
    ));
    pair.leave();
    Ok(())
}

/// Two routers of one contender. The first of `nodes` is on r1; `master` is the index of the present master.
#[derive(Debug)]
struct Pair<'a> {
    bench: &'a Bench,
    lab: &'a Lab,
    contender: Contender,
    routers: [Router; 2],
    nodes: [Node; 2],
    master: usize,
}

const HOSTS: [&str; 2] = ["r1", "r2"];

impl<'a> Pair<'a> {
    fn start(bench: &'a Bench, lab: &'a Lab, contender: Contender, advert_int: Duration) -> Result<Self> {
        let routers =
            [100, 90].map(|priority| Router { advert_int, priority, preempt: false, ..Router::default() });
        let start = |index: usize| Node::start(contender, &bench.vrrpd, lab, HOSTS[index], &routers[index]);
        let mark = lab.wire().mark();
        let first = start(0)?;
        until_master(lab, HOSTS[0], mark).with_context(|| format!("the log of r1:\n{}", first.log()))?;
        let second = start(1)?;
        second.until_backup(1)?;
        Ok(Self { bench, lab, contender, nodes: [first, second], routers, master: 0 })
    }

    /// The present master, by its adverts. Another one than there should be has come by itself.
    fn find_master(&mut self) -> Result<bool> {
        let mark = self.lab.wire().mark();
        let host = self.lab.wire().until("a master", mark, PATIENCE, |timeline| {
            let adverts = || timeline.adverts(VRID).filter(|(_, advert)| advert.priority > 0);
            let (last, _) = adverts().next_back()?;
            // One alone, twice.
            let settled = adverts().rev().take_while(|(frame, _)| frame.host == last.host).count() > 1;
            settled.then(|| HOSTS.iter().position(|host| **host == *last.host)).flatten()
        })?;
        let by_itself = host != self.master;
        self.master = host;
        Ok(by_itself)
    }

    /// Fails the master, reads the wire, and makes it a backup again.
    fn round(&mut self, case: &Case, number: usize) -> Result<Round> {
        let hogs = case.hogs.then(Hogs::start);
        thread::sleep(SETTLE);
        let mark = self.lab.wire().mark();
        let asker = ask(self.lab)?;
        let by_itself = self.find_master()?;
        let (old, new) = (self.master, 1 - self.master);
        // Anywhere between two adverts, evenly.
        thread::sleep(case.advert_int.mul_f64((number as f64 * 0.618).fract()));
        let failed = self.lab.wire().mark();
        self.fail(case.failure, old)?;
        until_master(self.lab, HOSTS[new], failed)?;
        thread::sleep(HOLD.max(case.advert_int));
        let answers = asker.finish();
        drop(hogs);
        self.lab.wire().settle();
        ensure!(self.lab.wire().lost() == 0, "the capture lost frames: the machine is too busy");
        let late_ms = self
            .lab
            .wire()
            .look(mark, |timeline| lateness(timeline, HOSTS[old], HOSTS[new], &self.routers[new]))
            .context("no takeover on the wire")?;
        let flip_us = self.nodes[new].flip_us();
        self.recover(case.failure, old)?;
        self.master = new;
        Ok(read(&answers, late_ms, flip_us, by_itself))
    }

    fn fail(&mut self, failure: Failure, index: usize) -> Result<()> {
        let daemon = self.nodes[index].daemon();
        match failure {
            Failure::Kill => daemon.kill(),
            Failure::Freeze => daemon.freeze(),
            Failure::Terminate => daemon.terminate(),
            Failure::Cut => self.lab.cut(HOSTS[index]),
        }
    }

    /// A new process on a clean host, whatever happened to the old one.
    fn recover(&mut self, failure: Failure, index: usize) -> Result<()> {
        if matches!(failure, Failure::Freeze | Failure::Cut) {
            self.nodes[index].daemon().kill()?;
        }
        let namespace = &self.lab.host(HOSTS[index])?.namespace;
        forget_addresses(namespace, &self.routers[index]);
        if failure == Failure::Cut {
            self.lab.restore(HOSTS[index])?;
        }
        let router = &self.routers[index];
        self.nodes[index] = Node::start(self.contender, &self.bench.vrrpd, self.lab, HOSTS[index], router)?;
        self.nodes[index].until_backup(1)
    }

    /// Ends both, and takes away what they leave.
    fn leave(mut self) {
        for (node, host) in self.nodes.iter_mut().zip(HOSTS) {
            // Ended already, or killed on drop.
            let _ = node.daemon().terminate();
            if let Ok(host) = self.lab.host(host) {
                forget_addresses(&host.namespace, &self.routers[0]);
            }
        }
    }
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

fn read(answers: &Answers, late_ms: f64, flip_us: Option<f64>, by_itself: bool) -> Round {
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
