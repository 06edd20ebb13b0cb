//! Everything that was measured, what it is compared with, and what was promised.

mod curves;
mod html;
mod machine;
mod markdown;
mod plot;
mod target;

use std::{fs, path::Path, time::Duration};

use anyhow::{Context as _, Result};
use serde::Serialize;

use crate::{Bench, Figure, progress};
use machine::Machine;
pub use target::{Outcome, Quantity, Target};

/// Whom ratios are to: the daemon itself, or the kernel that answers for it.
const BASELINES: [&str; 2] = ["keepalived", "kernel"];

/// The figures of one run.
#[derive(Debug, Serialize)]
pub struct Report {
    machine: Machine,
    quick: bool,
    suites: Vec<SuiteRun>,
    figures: Vec<Figure>,
    remarks: Vec<Remark>,
    targets: Vec<Outcome>,
}

/// How long a suite took.
#[derive(Debug, Serialize)]
struct SuiteRun {
    name: &'static str,
    seconds: f64,
}

/// What must be said beside the figures: what could not be measured and why, or where something was lost.
#[derive(Clone, Debug, Serialize)]
pub struct Remark {
    /// That of the suite.
    pub suite: &'static str,
    /// The circumstances.
    pub case: String,
    /// Whom it is about.
    pub contender: &'static str,
    /// What is to be said, as a sentence without its full stop.
    pub text: String,
}

impl Report {
    /// An empty one, with the facts of the machine.
    pub(crate) fn new(bench: &Bench) -> Result<Self> {
        Ok(Self::with(Machine::look(bench)?, bench.quick))
    }

    fn with(machine: Machine, quick: bool) -> Self {
        let (suites, figures, remarks, targets) = Default::default();
        Self { machine, quick, suites, figures, remarks, targets }
    }

    /// Says what the machine was kept from during the run.
    pub(crate) fn finish(&mut self) {
        self.machine.finish();
    }

    pub(crate) fn add(&mut self, figure: Figure) {
        self.figures.push(figure);
    }

    /// Says something beside the figures, at once and in the report.
    pub(crate) fn remark(&mut self, suite: &'static str, case: &str, contender: &'static str, text: String) {
        progress(&format!("{contender:10} {case}: {text}"));
        self.remarks.push(Remark { suite, case: case.to_owned(), contender, text });
    }

    /// Holds what was measured against a promise.
    pub(crate) fn expect(&mut self, target: &Target) {
        self.targets.push(target.judge(&self.figures));
    }

    /// Says how long a suite took.
    pub(crate) fn took(&mut self, name: &'static str, time: Duration) {
        self.suites.push(SuiteRun { name, seconds: time.as_secs_f64() });
    }

    /// How long all suites took.
    fn seconds(&self) -> f64 {
        self.suites.iter().map(|suite| suite.seconds).sum()
    }

    /// The figure that another is compared with: that of the baseline in the same case.
    fn baseline(&self, figure: &Figure) -> Option<&Figure> {
        self.figures.iter().find(|other| BASELINES.contains(&other.contender) && other.is_beside(figure))
    }

    /// The median as a ratio to the baseline's; `None` for the baseline itself, and where there is none.
    fn ratio(&self, figure: &Figure) -> Option<f64> {
        let baseline = self.baseline(figure)?;
        let comparable = baseline.contender != figure.contender && baseline.median.abs() > f64::EPSILON;
        comparable.then(|| figure.median / baseline.median)
    }

    /// The promises and what became of them.
    #[must_use]
    pub fn targets(&self) -> &[Outcome] {
        &self.targets
    }

    fn json(&self) -> Result<serde_json::Value> {
        let mut json = serde_json::to_value(self)?;
        if let Some(figures) = json["figures"].as_array_mut() {
            for (value, figure) in figures.iter_mut().zip(&self.figures) {
                value["ratio_to_baseline"] = serde_json::json!(self.ratio(figure));
            }
        }
        Ok(json)
    }

    /// Writes `report.json` and `report.html` into a directory, which is made.
    ///
    /// # Errors
    /// If they cannot be written.
    pub fn write(&self, directory: &Path) -> Result<()> {
        fs::create_dir_all(directory)?;
        let write = |name: &str, text: String| {
            let path = directory.join(name);
            fs::write(&path, text).with_context(|| format!("writing {}", path.display()))
        };
        write("report.json", serde_json::to_string_pretty(&self.json()?)?)?;
        write("report.html", html::page(self))
    }

    /// Everything as Markdown, for the terminal.
    #[must_use]
    pub fn markdown(&self) -> String {
        markdown::tables(self, |_| true)
    }

    /// What matters most as Markdown, for the README.
    #[must_use]
    pub fn headlines(&self) -> String {
        markdown::tables(self, |figure| figure.headline)
    }
}

/// Three significant digits.
fn number(value: f64) -> String {
    match value.abs() {
        0.0 => "0".to_owned(),
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 1.0 => format!("{value:.2}"),
        size if size >= 0.001 => format!("{value:.3}"),
        _ => format!("{value:.5}"),
    }
}

/// Median, 95th percentile and maximum.
fn summary(figure: &Figure) -> String {
    let bound = if figure.open_ended { "≥ " } else { "" };
    if figure.n == 1 {
        return format!("{bound}{}", number(figure.median));
    }
    if figure.min == figure.max {
        return format!("{bound}{} always", number(figure.median));
    }
    let [median, p95, max] = [figure.median, figure.p95, figure.max].map(number);
    format!("{bound}{median} / {p95} / {max}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two contenders, one quantity, two promises, a remark.
    pub(super) fn example() -> Report {
        let machine = Machine {
            kernel: "6.18".to_owned(),
            processor: "some <processor>".to_owned(),
            processors: 2,
            vrrpd: "vrrpd 0.1.0".to_owned(),
            keepalived: "Keepalived v2.2.7".to_owned(),
            date: "2026-11-28".to_owned(),
            load_before: "0.00".to_owned(),
            stolen_ms: 0,
            stolen_before_ms: 0,
        };
        let mut report = Report::with(machine, true);
        let key = ("takeover", "SIGKILL", "lateness", "ms");
        report.add(Figure::new(key, "vrrpd", &[1.0, 2.0, 3.0]).unwrap());
        report.add(Figure::new(key, "keepalived", &[4.0, 4.0]).unwrap());
        report.remark("takeover", "SIGKILL", "keepalived", "left <out>".to_owned());
        report.took("takeover", Duration::from_secs(90));
        let target = |limit| {
            let quantity = ("takeover", "SIGKILL".to_owned(), "lateness");
            Target::at_most("late: median".to_owned(), quantity, "median", limit)
        };
        report.expect(&target(1.0));
        report.expect(&target(0.5).relative_to("keepalived"));
        report
    }

    #[test]
    fn the_ratio_is_to_the_baseline_of_the_same_quantity() {
        let mut report = example();
        let ratios: Vec<_> = report.figures.iter().map(|figure| report.ratio(figure)).collect();
        assert_eq!(ratios, [Some(0.5), None]);
        report.figures[1].case = "another".to_owned();
        assert_eq!(report.ratio(&report.figures[0]), None);
    }

    #[test]
    fn there_is_no_ratio_to_nothing() {
        let mut report = example();
        report.figures[1].median = 0.0;
        assert_eq!(report.ratio(&report.figures[0]), None);
    }

    #[test]
    fn the_json_has_everything_of_every_figure() {
        let json = example().json().unwrap();
        for key in ["n", "median", "p95", "p99", "max", "unit", "contender"] {
            assert!(!json["figures"][0][key].is_null(), "{key}");
        }
        assert_eq!(json["figures"][0]["ratio_to_baseline"], 0.5);
        assert_eq!(json["remarks"][0]["text"], "left <out>");
        assert_eq!(json["suites"][0]["seconds"], 90.0);
        assert_eq!(json["targets"][1]["met"], true);
    }

    #[test]
    fn numbers_have_three_digits() {
        assert_eq!([0.0, 1234.5, 12.34, 1.234, 0.1234].map(number), ["0", "1234", "12.3", "1.23", "0.123"]);
    }
}
