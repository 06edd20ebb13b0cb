//! Distributions as pictures: for each contender the part of samples below a value.

use std::fmt::Write as _;

use super::number;
use crate::Figure;

const WIDTH: f64 = 460.0;
const HEIGHT: f64 = 150.0;
const LEFT: f64 = 34.0;
const BOTTOM: f64 = 20.0;
pub(super) const COLOURS: [&str; 5] = ["#0b6e4f", "#c8553d", "#3d5a98", "#8a6d3b", "#6b6b6b"];

/// An SVG with one stepped line per contender, on one scale. Logarithmic when the values span more than a factor of
/// fifty and all are positive.
pub(super) fn distribution(figures: &[&Figure]) -> String {
    let values = || figures.iter().flat_map(|figure| &figure.quantiles).copied();
    let (low, high) = (values().fold(f64::MAX, f64::min), values().fold(f64::MIN, f64::max));
    let logarithmic = low > 0.0 && high / low > 50.0;
    let scale = |value: f64| if logarithmic { value.log10() } else { value };
    let (from, to) =
        if logarithmic { (scale(low), scale(high)) } else { (low.min(0.0), high.max(low.min(0.0) + 1e-9)) };
    let x = |value: f64| LEFT + (scale(value) - from) / (to - from).max(1e-12) * (WIDTH - LEFT - 10.0);
    let y = |part: f64| 6.0 + (1.0 - part) * (HEIGHT - BOTTOM - 6.0);
    let mut svg = format!("<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\">");
    for (part, label) in [(0.0, "0"), (0.5, "½"), (0.95, "95 %")] {
        let (left, right, y) = (LEFT, WIDTH - 10.0, y(part));
        let _ =
            write!(svg, "<line class=\"grid\" x1=\"{left}\" x2=\"{right}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>");
        let _ = write!(
            svg,
            "<text x=\"{:.0}\" y=\"{:.1}\" text-anchor=\"end\">{label}</text>",
            LEFT - 4.0,
            y + 3.0
        );
    }
    for tick in 0..=4 {
        let at = from + (to - from) * f64::from(tick) / 4.0;
        let value = if logarithmic { 10_f64.powf(at) } else { at };
        let (x, y) = (x(value), HEIGHT - 6.0);
        let _ = write!(svg, "<text x=\"{x:.1}\" y=\"{y}\" text-anchor=\"middle\">{}</text>", number(value));
    }
    for (figure, colour) in figures.iter().zip(COLOURS.iter().cycle()) {
        let last = (figure.quantiles.len().max(2) - 1) as f64;
        let points = figure.quantiles.iter().enumerate();
        let path: Vec<String> =
            points.map(|(index, value)| format!("{:.1},{:.1}", x(*value), y(index as f64 / last))).collect();
        let _ = write!(svg, "<polyline points=\"{}\" stroke=\"{colour}\"/>", path.join(" "));
    }
    svg.push_str("</svg><p class=\"key\">");
    for (figure, colour) in figures.iter().zip(COLOURS.iter().cycle()) {
        let _ =
            write!(svg, "<span style=\"color:{colour}\">■</span> {} (n = {}) ", figure.contender, figure.n);
    }
    svg.push_str("</p>");
    svg
}
