//! The report as one page that needs nothing else.

use std::fmt::Write as _;

use super::{Report, curves, number, plot, summary};
use crate::Figure;

const STYLE: &str = "body{font:15px/1.45 system-ui,sans-serif;max-width:72em;margin:2em auto;padding:0 1em;color:#222}\
    table{border-collapse:collapse;margin:.5em 0}td,th{padding:.2em .7em;border-bottom:1px solid #ddd;text-align:left}\
    .plots{display:flex;flex-wrap:wrap;gap:1.5em}figure{margin:0;width:28em}figcaption{font-weight:600}\
    svg{width:100%}svg text{font-size:9px;fill:#555}svg .grid{stroke:#ddd}polyline{fill:none;stroke-width:1.6}\
    .key{margin:0;font-size:13px}svg.key{width:24px;height:8px}.missed{color:#b00020;font-weight:600}";

/// The page.
pub(super) fn page(report: &Report) -> String {
    let machine = &report.machine;
    let mut page = String::from("<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">");
    let _ = write!(page, "<title>vrrpd, measured</title><style>{STYLE}</style><h1>vrrpd, measured</h1>");
    let _ = write!(
        page,
        "<p>{} and {} on {} × {}, Linux {}, {}; load before the run {}; the hypervisor took {} ms; the run \
         took {:.0} s.{}</p>",
        escaped(&machine.vrrpd),
        escaped(&machine.keepalived),
        machine.processors,
        escaped(&machine.processor),
        escaped(&machine.kernel),
        machine.date,
        escaped(&machine.load_before),
        machine.stolen_ms,
        report.seconds(),
        if report.quick { " A quick run: few samples." } else { "" },
    );
    targets(report, &mut page);
    let mut suites: Vec<&str> = report.figures.iter().map(|figure| figure.suite).collect();
    suites.extend(report.remarks.iter().map(|remark| remark.suite));
    let mut done: Vec<&str> = Vec::new();
    for name in suites {
        if !done.contains(&name) {
            done.push(name);
            suite(report, name, &mut page);
        }
    }
    page.push_str("</html>\n");
    page
}

fn suite(report: &Report, suite: &str, page: &mut String) {
    let seconds = report.suites.iter().find(|run| run.name == suite).map_or(0.0, |run| run.seconds);
    let _ = write!(page, "<h2>{suite}</h2><p>It took {seconds:.0} s.</p>");
    remarks(report, suite, page);
    let curves = curves::all(&report.figures, suite);
    if !curves.is_empty() {
        let _ = write!(page, "<div class=\"plots\">{curves}</div>");
    }
    let figures = || report.figures.iter().filter(|figure| figure.suite == suite);
    let mut cases: Vec<&str> = Vec::new();
    for figure in figures() {
        if !cases.contains(&&*figure.case) {
            cases.push(&figure.case);
        }
    }
    for case in cases {
        let _ = write!(page, "<h3>{}</h3><div class=\"plots\">", escaped(case));
        let of_case: Vec<&Figure> = figures().filter(|figure| figure.case == case).collect();
        for (index, figure) in of_case.iter().enumerate() {
            if !of_case[..index].iter().any(|other| other.is_beside(figure)) {
                let beside: Vec<&Figure> =
                    of_case.iter().filter(|other| other.is_beside(figure)).copied().collect();
                quantity(report, &beside, page);
            }
        }
        page.push_str("</div>");
    }
}

/// What was left out, and what was lost.
fn remarks(report: &Report, suite: &str, page: &mut String) {
    let remarks: Vec<_> = report.remarks.iter().filter(|remark| remark.suite == suite).collect();
    if remarks.is_empty() {
        return;
    }
    page.push_str("<ul>");
    for remark in remarks {
        let [case, contender, text] = [&*remark.case, remark.contender, &remark.text].map(escaped);
        let _ = write!(page, "<li><b>{case}, {contender}:</b> {text}.</li>");
    }
    page.push_str("</ul>");
}

fn targets(report: &Report, page: &mut String) {
    page.push_str("<h2>Promised and measured</h2><table>");
    for target in &report.targets {
        let value = target.value.map_or("not measured".to_owned(), number);
        let (class, word) = if target.met { ("", "kept") } else { ("missed", "missed") };
        let text = escaped(&target.text);
        let _ = write!(page, "<tr><td>{text}<td>{value}<td class=\"{class}\">{word}</tr>");
    }
    page.push_str("</table>");
}

fn quantity(report: &Report, figures: &[&Figure], page: &mut String) {
    let Some(first) = figures.first() else { return };
    let caption = escaped(&format!("{}, {}", first.metric, first.unit));
    let _ = write!(page, "<figure><figcaption>{caption}</figcaption>");
    if figures.iter().any(|figure| figure.n > 2 && figure.min < figure.max) {
        page.push_str(&plot::distribution(figures));
    }
    page.push_str("<table><tr><th><th>n<th>median / p95 / max<th>ratio</tr>");
    for figure in figures {
        let ratio = report.ratio(figure).map(number).unwrap_or_default();
        let (contender, summary) = (escaped(figure.contender), escaped(&summary(figure)));
        let _ = write!(page, "<tr><td>{contender}<td>{}<td>{summary}<td>{ratio}</tr>", figure.n);
    }
    page.push_str("</table></figure>");
}

pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::super::tests::example;

    #[test]
    fn the_page_is_complete_and_escaped() {
        let page = super::page(&example());
        assert!(page.starts_with("<!doctype html>") && page.ends_with("</html>\n"));
        assert!(page.contains("some &lt;processor&gt;") && page.contains("<polyline"));
        assert_eq!(page.matches("<figure>").count(), page.matches("</figure>").count());
        assert!(!page.contains("NaN"), "{page}");
        assert!(page.contains("left &lt;out&gt;.") && page.contains("It took 90 s."), "{page}");
    }

    #[test]
    fn the_page_asks_for_nothing_from_elsewhere() {
        let page = super::page(&example());
        assert!(!["http:", "https:", "src=", "href=", "@import"].iter().any(|word| page.contains(word)));
    }
}
