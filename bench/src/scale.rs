//! Many routers: what they cost, whether they keep time, and how long all of them together take to come over.
//!
//! r1 is master of all routers, r2 backup of all, on a [`Field`]. Contenders take turns. What one of them cannot
//! carry is a remark with its reason.

mod measure;

use std::time::Duration;

use anyhow::Result;

use crate::{
    Bench, Figure, Report, Target,
    contender::Contender,
    field::{Field, Routers},
    progress,
};
use measure::{Measured, measure};

const SUITE: &str = "scale";

/// How many routers at which interval, and for how many seconds processor time is taken. The longest interval of a
/// count comes first: it says what the shorter ones will need.
fn cases(quick: bool) -> Vec<(Routers, usize)> {
    let case = |count, ms, seconds| (Routers { count, advert_int: Duration::from_millis(ms) }, seconds);
    if quick {
        return vec![case(1, 10, 2), case(250, 10, 4), case(1000, 100, 2)];
    }
    let mut cases = Vec::new();
    for count in [1, 50, 250, 1000, 4000] {
        cases.extend([1000, 100].map(|ms| case(count, ms, 3)));
        cases.push(case(count, 10, if count == 250 { 20 } else { 4 }));
    }
    cases
}

/// What is known of a contender from the next longer interval.
type Precedent = Option<(Routers, Result<f64, String>)>;

/// Runs the suite.
pub(crate) fn run(bench: &Bench, report: &mut Report) -> Result<()> {
    let mut precedents: [Precedent; Contender::ALL.len()] = Default::default();
    for (routers, seconds) in cases(bench.quick) {
        for (contender, precedent) in Contender::ALL.into_iter().zip(&mut precedents) {
            let outcome = match obstacle(precedent, routers) {
                Some(reason) => Err(reason),
                None => {
                    let field = Field::new(routers)?;
                    measure(bench, &field, contender, routers, seconds).map_err(|error| in_a_line(&error))
                }
            };
            *precedent = Some((routers, outcome.as_ref().map(Measured::master_busy).map_err(Clone::clone)));
            match outcome {
                Ok(measured) => add(report, contender, routers, &measured),
                Err(reason) => {
                    let text = format!("not measured: {reason}");
                    report.remark(SUITE, &routers.name(), contender.name(), text);
                }
            }
        }
    }
    if bench.quick {
        let text =
            "a quick run measures three of the fifteen combinations of routers and intervals".to_owned();
        report.remark(SUITE, "all others", "both", text);
    }
    targets(report);
    Ok(())
}

/// In percent of a processor: what is expected to need more is not tried. An expectation may be wrong by a factor.
const HOPELESS: f64 = 200.0;

/// Why a combination cannot work, from what the same routers needed at a longer interval: adverts are sent by one
/// thread, which has one processor at most.
fn obstacle(precedent: &Precedent, routers: Routers) -> Option<String> {
    let (before, outcome) = precedent.as_ref()?;
    if before.count != routers.count || before.advert_int <= routers.advert_int {
        return None;
    }
    let from = before.advert_int.as_millis();
    match outcome {
        Err(_) => Some(format!("it did not carry {} at {from} ms", routers.count)),
        Ok(busy) => {
            let needed = busy * before.advert_int.as_secs_f64() / routers.advert_int.as_secs_f64();
            let text = format!(
                "at {from} ms its master took {busy:.1} % of a core, so here it would need {needed:.0} % for the one \
                 thread that sends"
            );
            (needed > HOPELESS).then_some(text)
        }
    }
}

/// An error in a line, without the logs that come with it.
fn in_a_line(error: &anyhow::Error) -> String {
    let causes = error.chain().map(ToString::to_string).filter(|cause| !cause.starts_with("the log"));
    let lines: Vec<String> = causes
        .filter_map(|cause| cause.lines().next().map(|line| line.trim_end_matches(['.', ':']).to_owned()))
        .collect();
    lines.join(": ")
}

fn add(report: &mut Report, contender: Contender, routers: Routers, measured: &Measured) {
    progress(&format!("{:10} {:30} {}", contender.name(), routers.name(), measured.summary()));
    for text in &measured.remarks {
        report.remark(SUITE, &routers.name(), contender.name(), text.clone());
    }
    let short = [(1, 10), (250, 10), (1000, 100), (4000, 1000)];
    let in_short_table = short.contains(&(routers.count, routers.advert_int.as_millis()));
    let detailed = routers == TWO_HUNDRED_FIFTY;
    for figure in measured.figures(contender, &routers.name()) {
        let always = [MASTER, BACKUP, FALSE_TAKEOVERS, ALL_LATE].contains(&figure.metric);
        let headline = (in_short_table && always) || (detailed && !figure.metric.ends_with("(RSS)"));
        let group = format!("{} ms adverts", routers.advert_int.as_millis());
        report.add(figure.headline(headline).along("routers", routers.count as f64, group));
    }
}

const MASTER: &str = "master's processor time";
const BACKUP: &str = "backup's processor time";
const MASTER_PSS: &str = "master's memory (PSS)";
const BACKUP_PSS: &str = "backup's memory (PSS)";
const FALSE_TAKEOVERS: &str = "false takeovers";
const ALL_LATE: &str = "takeover of all: lateness of the answers";
const ALL_AFTER: &str = "takeover of all: SIGKILL to the answers";

const TWO_HUNDRED_FIFTY: Routers = Routers { count: 250, advert_int: Duration::from_millis(10) };

fn targets(report: &mut Report) {
    let of = |metric| (SUITE, TWO_HUNDRED_FIFTY.name(), metric);
    for (metric, statistic, limit) in [
        (MASTER, "median", 0.30),
        (BACKUP, "median", 0.05),
        (MASTER_PSS, "max", 2.0),
        (BACKUP_PSS, "max", 2.0),
    ] {
        let target = Target::at_most(format!("250 routers at 10 ms: {metric}"), of(metric), statistic, limit);
        report.expect(&target.relative_to(Contender::Keepalived.name()));
    }
    let text = format!("250 routers at 10 ms: {FALSE_TAKEOVERS}");
    report.expect(&Target::at_most(text, of(FALSE_TAKEOVERS), "max", 0.0));
}

impl Measured {
    fn figures(&self, contender: Contender, case: &str) -> Vec<Figure> {
        let figure = |metric, unit, samples: &[f64]| {
            Figure::new((SUITE, case, metric, unit), contender.name(), samples)
        };
        let bounds = |figure: Figure| figure.open_ended(self.unanswered > 0);
        let [[master_pss, master_rss], [backup_pss, backup_rss]] = &self.memory;
        [
            figure("start: all answer after", "ms", &[self.start_ms]),
            figure(MASTER, "% of a core", &self.busy[0]),
            figure(BACKUP, "% of a core", &self.busy[1]),
            figure(MASTER_PSS, "MiB", master_pss),
            figure(BACKUP_PSS, "MiB", backup_pss),
            figure("master's memory (RSS)", "MiB", master_rss),
            figure("backup's memory (RSS)", "MiB", backup_rss),
            figure(FALSE_TAKEOVERS, "in all", &[self.false_takeovers as f64]),
            figure("advert jitter", "ms", &self.jitter),
            figure(ALL_LATE, "ms", &self.late_ms).map(bounds),
            figure(ALL_AFTER, "ms", &self.after_ms).map(bounds),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn routers(ms: u64) -> Routers {
        Routers { count: 4000, advert_int: Duration::from_millis(ms) }
    }

    #[test]
    fn what_would_need_more_than_a_processor_is_not_tried() {
        let at = |busy| Some((routers(1000), Ok(busy)));
        assert_eq!(obstacle(&None, routers(100)), None);
        assert_eq!(obstacle(&at(19.9), routers(100)), None);
        let reason = obstacle(&at(25.0), routers(100)).unwrap();
        assert!(reason.contains("25.0 %") && reason.contains("250 %"), "{reason}");
    }

    #[test]
    fn an_error_is_told_without_its_log() {
        let error =
            anyhow::anyhow!("9 backups: not so within 20s").context("the log:\na\nb").context("r2:\nx");
        assert_eq!(in_a_line(&error), "r2: 9 backups: not so within 20s");
    }

    #[test]
    fn what_failed_at_a_longer_interval_is_not_tried_at_a_shorter_one() {
        let failed = Some((routers(100), Err("no".to_owned())));
        assert!(obstacle(&failed, routers(10)).unwrap().contains("4000 at 100 ms"));
        // Fewer or more routers, or a longer interval, are another matter.
        assert_eq!(obstacle(&failed, Routers { count: 1, ..routers(10) }), None);
        assert_eq!(obstacle(&failed, routers(1000)), None);
    }

    #[test]
    fn a_whole_run_has_every_combination_and_longer_intervals_first() {
        let cases = cases(false);
        assert_eq!(cases.len(), 15);
        for pair in cases.windows(2).filter(|pair| pair[0].0.count == pair[1].0.count) {
            assert!(pair[0].0.advert_int > pair[1].0.advert_int);
        }
    }
}
