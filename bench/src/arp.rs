//! A flood of ARP requests: how many are answered, how many are lost, and what a frame costs.
//!
//! A client and a router on one cable. The client's requests are live frames that a program of three dozen
//! instructions writes, and what comes back is counted and dropped by another, so that nothing but the path itself
//! is measured. All of it runs on one processor: where the sender has its own, an answerer is faster. What answers
//! on the router is vrrpd, or the kernel as it does for keepalived, or a program that only swaps two addresses: no
//! program that answers can be faster than that.

mod path;
mod rig;
mod verdicts;

use anyhow::{Context as _, Result};
use tests::Lab;

use crate::{Bench, Figure, Report, Target, progress};

use rig::{Answerer, Rig};

const SUITE: &str = "arp";
const CASE: &str = "flood";
const ANSWERS: &str = "answers";
const LOST: &str = "lost";

/// Rounds of every answerer, in turn, and frames of each.
fn size(quick: bool) -> (usize, u32) {
    if quick { (5, 500_000) } else { (15, 1_000_000) }
}

/// Runs the suite.
pub(crate) fn run(bench: &Bench, report: &mut Report) -> Result<()> {
    // For its lock and its files; its switch stays empty.
    let lab = Lab::empty()?;
    flood(bench, &lab, report)?;
    for (verdict, ns) in verdicts::measure(bench, &lab)? {
        let key = (SUITE, verdict, "time per frame", "ns");
        Figure::new(key, Answerer::VrrpdNative.name(), &ns).into_iter().for_each(|figure| report.add(figure));
    }
    targets(report);
    Ok(())
}

fn targets(report: &mut Report) {
    let of = |metric| (SUITE, CASE.to_owned(), metric);
    let vrrpd = Answerer::VrrpdNative.name();
    for limit in [Answerer::SwapNative, Answerer::ClockNative] {
        let text = "ARP answers under flood, native".to_owned();
        let answers = Target::at_least(text, of(ANSWERS), "median", 0.9);
        report.expect(&answers.of(vrrpd).relative_to(limit.name()));
    }
    let lost = Target::at_most("ARP requests lost under flood, native".to_owned(), of(LOST), "max", 0.0);
    report.expect(&lost.of(vrrpd));
}

fn flood(bench: &Bench, lab: &Lab, report: &mut Report) -> Result<()> {
    let (rounds, frames) = size(bench.quick);
    let start = |answerer: Answerer| Rig::new(bench, lab, answerer).context(answerer.name());
    let rigs = Answerer::ALL.into_iter().map(start).collect::<Result<Vec<_>>>()?;
    let mut floods = vec![Vec::new(); rigs.len()];
    for _ in 0..rounds {
        for (rig, floods) in rigs.iter().zip(&mut floods) {
            floods.push(rig.flood(frames).context(rig.answerer.name())?);
        }
    }
    for (rig, floods) in rigs.iter().zip(&floods) {
        for (round, text) in
            floods.iter().enumerate().filter_map(|(at, flood)| Some((at, flood.explanation.clone()?)))
        {
            report.remark(SUITE, &format!("flood {}", round + 1), rig.answerer.name(), text);
        }
        let name = rig.answerer.name();
        let rates: Vec<f64> = floods.iter().map(|flood| flood.answers_per_second / 1e6).collect();
        let lost: Vec<f64> = floods.iter().map(|flood| flood.lost * 100.0).collect();
        let figures = [
            Figure::new((SUITE, CASE, ANSWERS, "million/s"), name, &rates),
            Figure::new((SUITE, CASE, LOST, "% of requests"), name, &lost),
        ];
        for figure in figures.into_iter().flatten() {
            progress(&format!("{name:26} {:8} {:.3} {}", figure.metric, figure.median, figure.unit));
            report.add(figure.headline(true));
        }
    }
    Ok(())
}
