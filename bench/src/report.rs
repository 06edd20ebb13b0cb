//! Everything that was measured, what it is compared with, and what was promised.

mod html;
mod markdown;
mod plot;

use std::{fs, path::Path, process::Command};

use anyhow::{Context as _, Result};
use serde::Serialize;

use crate::{Bench, Figure};

/// Whom ratios are to: the daemon itself, or the kernel that answers for it.
const BASELINES: [&str; 2] = ["keepalived", "kernel"];

/// Names a quantity: suite, case, metric.
pub type Quantity = (&'static str, String, &'static str);

/// The figures of one run.
#[derive(Debug, Serialize)]
pub struct Report {
    machine: Machine,
    quick: bool,
    figures: Vec<Figure>,
    targets: Vec<Outcome>,
}

/// Where it was measured, and what.
#[derive(Debug, Serialize)]
struct Machine {
    kernel: String,
    processor: String,
    processors: usize,
    vrrpd: String,
    keepalived: String,
    /// Of the minute before the run.
    load_before: String,
    /// Milliseconds that a hypervisor kept the processors from running during the run, all together.
    stolen_ms: u64,
    #[serde(skip)]
    stolen_before_ms: u64,
}

/// A promise: a statistic of a quantity of vrrpd's, or its ratio to another's, within a bound.
#[derive(Clone, Debug)]
pub struct Target {
    text: String,
    quantity: Quantity,
    contender: &'static str,
    statistic: &'static str,
    to: Option<&'static str>,
    bound: Bound,
}

#[derive(Clone, Copy, Debug)]
enum Bound {
    AtMost(f64),
    AtLeast(f64),
}

/// What became of a promise.
#[derive(Debug, Serialize)]
pub struct Outcome {
    /// What was promised, with its bound.
    pub text: String,
    /// What was measured.
    pub value: Option<f64>,
    /// Whether it was kept. What was not measured was not kept.
    pub met: bool,
}

impl Target {
    /// A statistic (`median`, `p95`, `p99`, `max`) of vrrpd's figure is at most this.
    #[must_use]
    pub const fn at_most(text: String, quantity: Quantity, statistic: &'static str, limit: f64) -> Self {
        Self { text, quantity, contender: "vrrpd", statistic, to: None, bound: Bound::AtMost(limit) }
    }

    /// The same, at least.
    #[must_use]
    pub const fn at_least(text: String, quantity: Quantity, statistic: &'static str, limit: f64) -> Self {
        Self { text, quantity, contender: "vrrpd", statistic, to: None, bound: Bound::AtLeast(limit) }
    }

    /// Not the value counts, but its ratio to that of another contender.
    #[must_use]
    pub fn relative_to(self, contender: &'static str) -> Self {
        Self { to: Some(contender), ..self }
    }

    /// Not vrrpd's value counts, but that of another contender, such as vrrpd in another mode.
    #[must_use]
    pub fn of(self, contender: &'static str) -> Self {
        Self { contender, ..self }
    }
}

impl Report {
    /// An empty one, with the facts of the machine.
    pub(crate) fn new(bench: &Bench) -> Result<Self> {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let processor = read("/proc/cpuinfo")
            .lines()
            .find_map(|line| Some(line.strip_prefix("model name")?.split_once(':')?.1.trim().to_owned()))
            .unwrap_or_default();
        let machine = Machine {
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            processor,
            processors: std::thread::available_parallelism()?.get(),
            vrrpd: version(Command::new(&bench.vrrpd).arg("-V"))?,
            keepalived: version(Command::new("keepalived").arg("--version"))?,
            load_before: read("/proc/loadavg").split_whitespace().next().unwrap_or_default().to_owned(),
            stolen_ms: 0,
            stolen_before_ms: stolen_ms(),
        };
        Ok(Self { machine, quick: bench.quick, figures: Vec::new(), targets: Vec::new() })
    }

    /// Says what the machine was kept from during the run.
    pub(crate) fn finish(&mut self) {
        self.machine.stolen_ms = stolen_ms().saturating_sub(self.machine.stolen_before_ms);
    }

    pub(crate) fn add(&mut self, figure: Figure) {
        self.figures.push(figure);
    }

    /// Holds what was measured against a promise.
    pub(crate) fn expect(&mut self, target: &Target) {
        let statistic = |contender| {
            self.figure(&target.quantity, contender).and_then(|figure| match target.statistic {
                "median" => Some(figure.median),
                "p95" => Some(figure.p95),
                "p99" => Some(figure.p99),
                "max" => Some(figure.max),
                _ => None,
            })
        };
        let value = match target.to {
            None => statistic(target.contender),
            Some(other) => statistic(target.contender).zip(statistic(other)).map(|(own, other)| own / other),
        };
        let (sign, met) = match target.bound {
            Bound::AtMost(limit) => (format!("≤ {limit}"), value.is_some_and(|value| value <= limit)),
            Bound::AtLeast(limit) => (format!("≥ {limit}"), value.is_some_and(|value| value >= limit)),
        };
        let to = target.to.map(|other| format!(", as a ratio to {other}")).unwrap_or_default();
        self.targets.push(Outcome { text: format!("{}{to} {sign}", target.text), value, met });
    }

    fn figure(&self, quantity: &Quantity, contender: &str) -> Option<&Figure> {
        self.figures.iter().find(|figure| {
            (figure.suite, &figure.case, figure.metric) == (quantity.0, &quantity.1, quantity.2)
                && figure.contender == contender
        })
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

    /// Writes `report.json` and `report.html` into a directory, which is made.
    ///
    /// # Errors
    /// If they cannot be written.
    pub fn write(&self, directory: &Path) -> Result<()> {
        fs::create_dir_all(directory)?;
        let mut json = serde_json::to_value(self)?;
        if let Some(figures) = json["figures"].as_array_mut() {
            for (value, figure) in figures.iter_mut().zip(&self.figures) {
                value["ratio_to_baseline"] = serde_json::json!(self.ratio(figure));
            }
        }
        let write = |name: &str, text: String| {
            let path = directory.join(name);
            fs::write(&path, text).with_context(|| format!("writing {}", path.display()))
        };
        write("report.json", serde_json::to_string_pretty(&json)?)?;
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

/// Since boot, from the first line of `/proc/stat`, which has ticks of 10 ms.
fn stolen_ms() -> u64 {
    let text = fs::read_to_string("/proc/stat").unwrap_or_default();
    let ticks = text.lines().next().and_then(|line| line.split_whitespace().nth(8)?.parse::<u64>().ok());
    ticks.unwrap_or(0) * 10
}

fn version(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("starting {command:?}"))?;
    let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    // keepalived uses standard error, and a second clause with a date.
    let line = text.iter().flat_map(|text| text.lines()).find(|line| !line.trim().is_empty());
    Ok(line.and_then(|line| line.split(" (").next()).unwrap_or_default().to_owned())
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

    /// Two contenders, one quantity, two promises.
    pub(super) fn example() -> Report {
        let machine = Machine {
            kernel: "6.18".to_owned(),
            processor: "some <processor>".to_owned(),
            processors: 2,
            vrrpd: "vrrpd 0.1.0".to_owned(),
            keepalived: "Keepalived v2.2.7".to_owned(),
            load_before: "0.00".to_owned(),
            stolen_ms: 0,
            stolen_before_ms: 0,
        };
        let mut report = Report { machine, quick: true, figures: Vec::new(), targets: Vec::new() };
        let key = ("takeover", "SIGKILL", "lateness", "ms");
        report.add(Figure::new(key, "vrrpd", &[1.0, 2.0, 3.0]).unwrap());
        report.add(Figure::new(key, "keepalived", &[4.0, 4.0]).unwrap());
        let target = || {
            let quantity = ("takeover", "SIGKILL".to_owned(), "lateness");
            Target::at_most("late: median".to_owned(), quantity, "median", 1.0)
        };
        report.expect(&target());
        report.expect(&Target { bound: Bound::AtMost(0.5), ..target().relative_to("keepalived") });
        report
    }

    #[test]
    fn what_was_not_measured_is_not_kept() {
        let mut report = example();
        let quantity = ("arp", "flood".to_owned(), "answers");
        report.expect(&Target::at_least("answers".to_owned(), quantity, "median", 1.0));
        let last = report.targets.last().unwrap();
        assert!(!last.met && last.value.is_none());
    }

    #[test]
    fn numbers_have_three_digits() {
        assert_eq!([0.0, 1234.5, 12.34, 1.234, 0.1234].map(number), ["0", "1234", "12.3", "1.23", "0.123"]);
    }
}
