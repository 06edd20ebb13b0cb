//! How medians grow: one picture per metric, one line per contender and group, both axes logarithmic.

use std::fmt::Write as _;

use super::{html::escaped, number, plot::COLOURS};
use crate::{Figure, figure::Along};

const WIDTH: f64 = 460.0;
const HEIGHT: f64 = 220.0;
const LEFT: f64 = 46.0;
const RIGHT: f64 = 10.0;
const TOP: f64 = 8.0;
const BOTTOM: f64 = 24.0;
/// Lines of one contender have a colour, lines of one group a dash.
const DASHES: [&str; 4] = ["none", "6 3", "2 3", "8 2 2 2"];

/// The pictures of a suite; empty if none of its figures stands on a curve.
pub(super) fn all(figures: &[Figure], suite: &str) -> String {
    let placed = |figure: &&Figure| figure.suite == suite && figure.along.is_some() && figure.median > 0.0;
    let figures: Vec<&Figure> = figures.iter().filter(placed).collect();
    let mut metrics: Vec<&str> = Vec::new();
    let mut pictures = String::new();
    for figure in &figures {
        if !metrics.contains(&figure.metric) {
            metrics.push(figure.metric);
            let of_metric: Vec<&Figure> =
                figures.iter().filter(|other| other.metric == figure.metric).copied().collect();
            picture(&of_metric, &mut pictures);
        }
    }
    pictures
}

/// The points of one contender and group, in order.
struct Line<'a> {
    contender: &'a str,
    group: &'a str,
    points: Vec<(f64, f64)>,
}

fn lines<'a>(figures: &[&'a Figure]) -> Vec<Line<'a>> {
    let mut lines: Vec<Line<'a>> = Vec::new();
    for (figure, along) in figures.iter().filter_map(|figure| Some((figure, figure.along.as_ref()?))) {
        let point = (along.at, figure.median);
        let same = |line: &&mut Line<'_>| (line.contender, line.group) == (figure.contender, &along.group);
        match lines.iter_mut().find(same) {
            Some(line) => line.points.push(point),
            None => {
                lines.push(Line { contender: figure.contender, group: &along.group, points: vec![point] });
            }
        }
    }
    for line in &mut lines {
        line.points.sort_by(|a, b| a.0.total_cmp(&b.0));
    }
    lines
}

/// A logarithmic scale from values to places.
struct Scale {
    low: f64,
    high: f64,
    from: f64,
    to: f64,
}

impl Scale {
    fn new(values: impl Iterator<Item = f64> + Clone, from: f64, to: f64) -> Self {
        let (low, high) = (values.clone().fold(f64::MAX, f64::min), values.fold(f64::MIN, f64::max));
        // One value alone stands in the middle.
        let (low, high) = if high > low { (low, high) } else { (low / 2.0, low * 2.0) };
        Self { low, high, from, to }
    }

    fn place(&self, value: f64) -> f64 {
        let part = (value / self.low).ln() / (self.high / self.low).ln();
        self.from + part * (self.to - self.from)
    }

    /// The value at a part of the way.
    fn value(&self, part: f64) -> f64 {
        self.low * (self.high / self.low).powf(part)
    }
}

fn picture(figures: &[&Figure], page: &mut String) {
    let Some((first, Along { of, .. })) =
        figures.first().and_then(|figure| Some((figure, figure.along.as_ref()?)))
    else {
        return;
    };
    let lines = lines(figures);
    let points = || lines.iter().flat_map(|line| line.points.iter().copied());
    let x = Scale::new(points().map(|point| point.0), LEFT, WIDTH - RIGHT);
    let y = Scale::new(points().map(|point| point.1), HEIGHT - BOTTOM, TOP);
    let caption = escaped(&format!("{}, {}, by {of}", first.metric, first.unit));
    let _ = write!(page, "<figure><figcaption>{caption}</figcaption>");
    let _ = write!(page, "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\">");
    axes(&x, &y, points().map(|point| point.0), page);
    let (mut contenders, mut groups): (Vec<&str>, Vec<&str>) = Default::default();
    let mut key = String::new();
    for line in &lines {
        let colour = COLOURS[position(&mut contenders, line.contender) % COLOURS.len()];
        let dash = DASHES[position(&mut groups, line.group) % DASHES.len()];
        draw(line, (&x, &y), (colour, dash), page);
        let (contender, group) = (escaped(line.contender), escaped(line.group));
        let _ = write!(
            key,
            "<span style=\"white-space:nowrap\"><svg class=\"key\" viewBox=\"0 0 24 8\"><polyline points=\"0,4 24,4\" \
             stroke=\"{colour}\" stroke-dasharray=\"{dash}\"/></svg> {contender}, {group}</span> "
        );
    }
    let _ = write!(page, "</svg><p class=\"key\">{key}</p></figure>");
}

/// The place of a name in a list, which it is added to if it is new.
fn position<'a>(names: &mut Vec<&'a str>, name: &'a str) -> usize {
    names.iter().position(|other| *other == name).unwrap_or_else(|| {
        names.push(name);
        names.len() - 1
    })
}

fn axes(x: &Scale, y: &Scale, marks: impl Iterator<Item = f64>, page: &mut String) {
    for part in [0.0, 0.25, 0.5, 0.75, 1.0] {
        let value = y.value(part);
        let at = y.place(value);
        let _ = write!(
            page,
            "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{:.0}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/><text x=\"{:.0}\" y=\"{:.1}\" \
             text-anchor=\"end\">{}</text>",
            WIDTH - RIGHT,
            LEFT - 4.0,
            at + 3.0,
            number(value)
        );
    }
    let mut done: Vec<f64> = Vec::new();
    for mark in marks {
        if !done.contains(&mark) {
            done.push(mark);
            let (at, below) = (x.place(mark), HEIGHT - 8.0);
            let _ = write!(page, "<text x=\"{at:.1}\" y=\"{below}\" text-anchor=\"middle\">{mark}</text>");
        }
    }
}

fn draw(line: &Line<'_>, (x, y): (&Scale, &Scale), (colour, dash): (&str, &str), page: &mut String) {
    let mut path = String::new();
    for (at, value) in &line.points {
        let (at, value) = (x.place(*at), y.place(*value));
        let _ = write!(path, "{at:.1},{value:.1} ");
        let _ = write!(page, "<circle cx=\"{at:.1}\" cy=\"{value:.1}\" r=\"2.5\" fill=\"{colour}\"/>");
    }
    let path = path.trim_end();
    let _ = write!(page, "<polyline points=\"{path}\" stroke=\"{colour}\" stroke-dasharray=\"{dash}\"/>");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figure(contender: &'static str, routers: f64, value: f64) -> Figure {
        let key = ("scale", "case", "processor time", "%");
        Figure::new(key, contender, &[value]).unwrap().along("routers", routers, "1000 ms adverts".to_owned())
    }

    #[test]
    fn a_line_joins_the_points_of_one_contender_in_order() {
        let figures = [figure("a", 50.0, 2.0), figure("a", 1.0, 1.0), figure("b", 1.0, 4.0)];
        let refs: Vec<&Figure> = figures.iter().collect();
        let lines = lines(&refs);
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[0].points, [(1.0, 1.0), (50.0, 2.0)]);
    }

    #[test]
    fn a_picture_stays_in_its_frame_and_has_a_key() {
        let figures = [figure("a", 1.0, 0.5), figure("a", 4000.0, 90.0), figure("b", 1.0, 0.5)];
        let page = all(&figures, "scale");
        assert_eq!(page.matches("<figure>").count(), 1);
        assert!(page.contains("a, 1000 ms adverts") && page.contains("b, 1000 ms adverts"), "{page}");
        for part in page.split("cx=\"").skip(1) {
            let at: f64 = part.split('"').next().unwrap().parse().unwrap();
            assert!((LEFT..=WIDTH - RIGHT).contains(&at), "{at}");
        }
        assert!(!page.contains("NaN") && !page.contains("inf"), "{page}");
    }

    #[test]
    fn figures_that_stand_on_no_curve_have_no_picture() {
        let key = ("scale", "case", "processor time", "%");
        assert_eq!(all(&[Figure::new(key, "a", &[1.0]).unwrap()], "scale"), "");
        assert_eq!(all(&[figure("a", 1.0, 0.0)], "scale"), "");
    }
}
