//! The report as one page that needs nothing else.

use std::fmt::Write as _;

use super::{Report, number, plot, summary};
use crate::Figure;

const STYLE: &str = "body{font:15px/1.45 system-ui,sans-serif;max-width:72em;margin:2em auto;padding:0 1em;color:#222}\
    table{border-collapse:collapse;margin:.5em 0}td,th{padding:.2em .7em;border-bottom:1px solid #ddd;text-align:left}\
    .plots{display:flex;flex-wrap:wrap;gap:1.5em}figure{margin:0;width:28em}figcaption{font-weight:600}\
    svg{width:100%}svg text{font-size:9px;fill:#555}svg .grid{stroke:#ddd}polyline{fill:none;stroke-width:1.6}\
    .key{margin:0;font-size:13px}.missed{color:#b00020;font-weight:600}";

/// The page.
pub(super) fn page(report: &Report) -> String {
    let machine = &report.machine;
    let mut page = String::from("<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">");
    let _ = write!(page, "<title>vrrpd, measured</title><style>{STYLE}</style><h1>vrrpd, measured</h1>");
    let _ = write!(
        page,
        "<p>{} and {} on {} × {}, Linux {}; load before the run {}; the hypervisor took {} ms.{}</p>",
        escaped(&machine.vrrpd),
        escaped(&machine.keepalived),
        machine.processors,
        escaped(&machine.processor),
        escaped(&machine.kernel),
        escaped(&machine.load_before),
        machine.stolen_ms,
        if report.quick { " A quick run: few samples." } else { "" },
    );
    targets(report, &mut page);
    let mut done: Vec<&Figure> = Vec::new();
    let mut suite = "";
    for figure in &report.figures {
        if done.iter().any(|other| other.is_beside(figure)) {
            continue;
        }
        done.push(figure);
        if figure.suite != suite {
            let end = if suite.is_empty() { "" } else { "</div>" };
            suite = figure.suite;
            let _ = write!(page, "{end}<h2>{suite}</h2><div class=\"plots\">");
        }
        let beside: Vec<&Figure> = report.figures.iter().filter(|other| other.is_beside(figure)).collect();
        quantity(report, &beside, &mut page);
    }
    page.push_str("</div></html>\n");
    page
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
    let caption = escaped(&format!("{}: {}, {}", first.case, first.metric, first.unit));
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

fn escaped(text: &str) -> String {
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
    }
}
