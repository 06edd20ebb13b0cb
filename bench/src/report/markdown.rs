//! The report as tables.

use std::fmt::Write as _;

use super::{Report, number, summary};
use crate::Figure;

/// One table per suite: a line per chosen quantity, contenders beside each other.
pub(super) fn tables(report: &Report, chosen: impl Fn(&Figure) -> bool) -> String {
    let mut text = String::new();
    let machine = &report.machine;
    let _ = writeln!(
        text,
        "{} and {} on {} × {}, Linux {}, {}; load before the run {}; the hypervisor took {} ms{}. Cells: median / p95 / max.",
        machine.vrrpd,
        machine.keepalived,
        machine.processors,
        machine.processor,
        machine.kernel,
        machine.date,
        machine.load_before,
        machine.stolen_ms,
        took(report)
    );
    let mut suites: Vec<&str> = Vec::new();
    for figure in report.figures.iter().filter(|figure| chosen(figure)) {
        if !suites.contains(&figure.suite) {
            suites.push(figure.suite);
        }
    }
    for suite in suites {
        let figures: Vec<&Figure> =
            report.figures.iter().filter(|figure| figure.suite == suite && chosen(figure)).collect();
        suite_table(report, suite, &figures, &mut text);
    }
    remarks(report, &mut text);
    if !report.targets.is_empty() {
        let _ = writeln!(text, "\n| promised | measured | |\n|---|---|---|");
    }
    for target in &report.targets {
        let value = target.value.map_or("not measured".to_owned(), number);
        let _ =
            writeln!(text, "| {} | {value} | {} |", target.text, if target.met { "kept" } else { "MISSED" });
    }
    text
}

fn took(report: &Report) -> String {
    let suites: Vec<String> =
        report.suites.iter().map(|suite| format!("{} {:.0} s", suite.name, suite.seconds)).collect();
    if suites.is_empty() { String::new() } else { format!("; it took {}", suites.join(", ")) }
}

/// What was left out, and what was lost: a line each, so that nothing is missing without a reason.
fn remarks(report: &Report, text: &mut String) {
    if !report.remarks.is_empty() {
        let _ = writeln!(text);
    }
    for remark in &report.remarks {
        let _ = writeln!(text, "- {}: {}, {}: {}.", remark.suite, remark.case, remark.contender, remark.text);
    }
}

/// How many samples: one number if it is the same for all.
fn counts(beside: &[&Figure]) -> String {
    let mut counts: Vec<String> = beside.iter().map(|figure| figure.n.to_string()).collect();
    counts.dedup();
    counts.join(", ")
}

fn suite_table(report: &Report, suite: &str, figures: &[&Figure], text: &mut String) {
    let mut contenders: Vec<&str> = Vec::new();
    for figure in figures {
        if !contenders.contains(&figure.contender) {
            contenders.push(figure.contender);
        }
    }
    let _ = writeln!(text, "\n| {suite} | n | {} | ratio |", contenders.join(" | "));
    let _ = writeln!(text, "|---|---|{}---|", "---|".repeat(contenders.len()));
    let mut done: Vec<&Figure> = Vec::new();
    for figure in figures {
        if done.iter().any(|other| other.is_beside(figure)) {
            continue;
        }
        done.push(figure);
        let beside: Vec<&Figure> = figures.iter().filter(|other| other.is_beside(figure)).copied().collect();
        let cells: Vec<String> = contenders
            .iter()
            .map(|contender| {
                let of = beside.iter().find(|figure| figure.contender == *contender);
                of.map_or(String::new(), |figure| summary(figure))
            })
            .collect();
        let ratio = beside.iter().find_map(|figure| report.ratio(figure)).map(number).unwrap_or_default();
        let _ = writeln!(
            text,
            "| {}: {}, {} | {} | {} | {ratio} |",
            figure.case,
            figure.metric,
            figure.unit,
            counts(&beside),
            cells.join(" | ")
        );
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::example;

    #[test]
    fn contenders_stand_beside_each_other_with_their_ratio() {
        let table = super::tables(&example(), |_| true);
        assert!(table.contains("| takeover | n | vrrpd | keepalived | ratio |"), "{table}");
        assert!(
            table.contains("| SIGKILL: lateness, ms | 3, 2 | 2.00 / 3.00 / 3.00 | 4.00 always | 0.500 |"),
            "{table}"
        );
        assert!(table.contains("| late: median ≤ 1 | 2.00 | MISSED |"), "{table}");
        assert!(table.contains("| late: median, as a ratio to keepalived ≤ 0.5 | 0.500 | kept |"), "{table}");
    }

    #[test]
    fn what_was_left_out_is_said_even_in_the_short_table() {
        let table = super::tables(&example(), |_| false);
        assert!(table.contains("- takeover: SIGKILL, keepalived: left <out>."), "{table}");
        assert!(!table.contains("lateness, ms"), "{table}");
        assert!(table.contains("it took takeover 90 s"), "{table}");
    }
}
