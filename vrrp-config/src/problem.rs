//! What is wrong with a configuration, shown in the user's own text.

use std::{fmt, ops::Range};

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use crate::place::{Place, Source};

/// Faults of a source beyond this many are counted, not shown: nobody reads them, and each costs a pass over the text.
pub(super) const SHOWN: usize = 100;

/// One fault.
#[derive(Clone, Debug)]
pub struct Problem {
    title: String,
    at: (Place, String),
    also: Option<(Place, String)>,
    help: Option<String>,
    /// A line that stands within the first place, and the bytes of it that are wrong.
    within: Option<(String, Range<usize>)>,
    /// Something is not there. Follows from a syntax error as often as not.
    pub(super) is_absence: bool,
}

impl Problem {
    /// A fault with its `title`, and `label` under its place.
    pub fn new(title: impl Into<String>, place: Place, label: impl Into<String>) -> Self {
        let at = (place, label.into());
        Self { title: title.into(), at, also: None, help: None, within: None, is_absence: false }
    }

    /// Adds a second place, without which the first is not understood.
    #[must_use]
    pub fn also(mut self, place: Place, label: impl Into<String>) -> Self {
        self.also = Some((place, label.into()));
        self
    }

    /// Says what would be right.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Narrows the place to the bytes `range` of `line`, if that line stands there as it is.
    pub(super) fn within(mut self, line: &str, range: Range<usize>) -> Self {
        self.within = Some((line.to_owned(), range));
        self
    }

    pub(super) fn absence(mut self) -> Self {
        self.is_absence = true;
        self
    }

    /// Place of the fault.
    #[must_use]
    pub fn place(&self) -> Place {
        self.at.0
    }

    /// Looks the line of [`within`](Self::within) up. It is not there where its text has escapes, or was put together.
    fn settle(&mut self, sources: &[Source]) {
        let Some((line, range)) = self.within.take() else { return };
        let place = self.place();
        let text = sources.get(usize::from(place.file)).and_then(|source| source.text.get(place.span()));
        if let Some(at) = text.and_then(|text| text.find(&line)).filter(|_| !range.is_empty()) {
            let start = place.span().start + at;
            self.at.0 = Place::new(place.file, &(start + range.start..start + range.end));
        }
    }

    /// True if every place is one in the texts. What is shown is clamped all the same.
    fn lies_in(&self, sources: &[Source]) -> bool {
        let places = [Some(&self.at), self.also.as_ref()];
        places.into_iter().flatten().all(|(place, _)| {
            let source = sources.get(usize::from(place.file));
            source.is_some_and(|source| source.text.get(place.span()).is_some())
        })
    }
}

/// All that is found wrong.
#[derive(Debug, Default)]
pub struct Findings {
    /// Faults in any order.
    pub problems: Vec<Problem>,
    /// Never shown, not even underlined: a daemon's errors end in a journal.
    pub secrets: Vec<Place>,
}

impl Findings {
    /// Adds one.
    pub fn push(&mut self, problem: Problem) {
        self.problems.push(problem);
    }

    /// Number of the faults.
    #[must_use]
    pub fn count(&self) -> usize {
        self.problems.len()
    }
}

/// Every fault of a configuration, in the order of its text. `Display` is the plain rendering.
#[derive(Clone, Debug)]
pub struct Problems {
    /// With secrets masked.
    sources: Vec<Source>,
    list: Vec<Problem>,
}

impl Problems {
    /// Faults in `sources`.
    #[must_use]
    pub fn new(sources: &[Source], findings: Findings) -> Self {
        let mut list = findings.problems;
        list.iter_mut().for_each(|problem| problem.settle(sources));
        list.sort_by_key(|problem| (problem.place().file, problem.place().start));
        debug_assert!(list.iter().all(|one| one.lies_in(sources)), "a place outside the texts: {list:?}");
        let masked = (0..).zip(sources).map(|(file, source)| {
            let here = findings.secrets.iter().filter(|place| place.file == file);
            Source::new(source.name.clone(), mask(&source.text, here))
        });
        Self { sources: masked.collect(), list }
    }

    /// Number of the faults.
    #[must_use]
    pub fn count(&self) -> usize {
        self.list.len()
    }

    /// Shows each fault with its place underlined and what would be right, and behind those of a source how many they are.
    /// `coloured`: with ANSI colours, for a terminal. At most 100 of a source are shown.
    #[must_use]
    pub fn render(&self, coloured: bool) -> String {
        let renderer = renderer(coloured);
        let of_one_source = self.list.chunk_by(|one, next| one.place().file == next.place().file);
        of_one_source.map(|problems| self.render_source(problems, &renderer)).collect()
    }

    fn render_source(&self, problems: &[Problem], renderer: &Renderer) -> String {
        let mut out = String::new();
        for problem in problems.iter().take(SHOWN) {
            out += &self.render_one(problem, renderer);
            out += "\n\n";
        }
        let count = problems.len();
        let hidden = count.saturating_sub(SHOWN);
        let shown = if hidden == 0 { String::new() } else { format!(" ({hidden} more not shown)") };
        let plural = if count == 1 { "problem" } else { "problems" };
        let source = problems.first().and_then(|problem| self.source(problem.place()));
        let sum = format!("{}: {count} {plural}{shown}", source.map_or("", |source| &source.name));
        out + &renderer.render(&[Group::with_title(Level::ERROR.primary_title(sum))]) + "\n"
    }

    fn source(&self, place: Place) -> Option<&Source> {
        self.sources.get(usize::from(place.file))
    }

    fn render_one(&self, problem: &Problem, renderer: &Renderer) -> String {
        let first = (AnnotationKind::Primary, &problem.at);
        let second = problem.also.as_ref().map(|also| (AnnotationKind::Context, also));
        let is_apart = |(_, also): &(_, &(Place, _))| also.0.file != problem.place().file;
        // Two places in one file are shown in one piece of it.
        let (apart, beside): (Option<_>, Option<_>) =
            (second.filter(is_apart), second.filter(|one| !is_apart(one)));
        let pieces = [Some([Some(first), beside]), apart.map(|apart| [Some(apart), None])];
        let snippets = pieces.into_iter().flatten().filter_map(|marks| self.snippet(marks));
        let help = problem.help.as_deref().map(|help| Level::HELP.message(help));
        let title = Level::ERROR.primary_title(&problem.title);
        let group = snippets.fold(Group::with_title(title), Group::element);
        renderer.render(&[group.elements(help)])
    }

    /// The lines of one source that hold all of `marks`, of which there is at least one.
    fn snippet<'p>(
        &'p self,
        marks: [Option<(AnnotationKind, &'p (Place, String))>; 2],
    ) -> Option<Snippet<'p, annotate_snippets::Annotation<'p>>> {
        let (_, (place, _)) = marks.iter().flatten().next()?;
        let source = self.source(*place)?;
        let marks = marks.map(|mark| {
            mark.map(|(kind, (place, label))| (kind, first_line(&source.text, &place.span()), label))
        });
        let spans: Vec<&Range<usize>> = marks.iter().flatten().map(|(_, span, _)| span).collect();
        let window = whole_lines(&source.text, &spans);
        let annotations = marks.into_iter().flatten().map(|(kind, span, label)| {
            kind.span(span.start - window.start..span.end - window.start).label(label)
        });
        let above = source.text[..window.start].bytes().filter(|byte| *byte == b'\n').count();
        let snippet = Snippet::source(&source.text[window.clone()]).line_start(above + 1).path(&source.name);
        Some(snippet.annotations(annotations))
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for Problems {}

/// A fault that has no place in a text.
#[must_use]
pub fn render_bare(title: &str, help: &str, coloured: bool) -> String {
    renderer(coloured).render(&[Level::ERROR.primary_title(title).element(Level::HELP.message(help))]) + "\n"
}

fn renderer(coloured: bool) -> Renderer {
    if coloured { Renderer::styled() } else { Renderer::plain() }
}

/// The part of `span` on its first line, on character boundaries, within the text.
fn first_line(text: &str, span: &Range<usize>) -> Range<usize> {
    let start = text.floor_char_boundary(span.start.min(text.len()));
    let end = text.ceil_char_boundary(span.end.clamp(start, text.len()));
    let line = text.get(start..end).unwrap_or_default().lines().next().unwrap_or_default();
    start..start + line.len()
}

/// The lines of `text` that hold all of `spans`: the rest need not be looked at.
fn whole_lines(text: &str, spans: &[&Range<usize>]) -> Range<usize> {
    let start = spans.iter().map(|span| span.start).min().unwrap_or(0);
    let end = spans.iter().map(|span| span.end).max().unwrap_or(0);
    let line_start = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
    let line_end = text[end..].find('\n').map_or(text.len(), |newline| end + newline);
    line_start..line_end
}

/// `text` with the insides of `secrets` replaced, byte for byte, so that every other place still fits.
fn mask<'s>(text: &str, secrets: impl Iterator<Item = &'s Place>) -> String {
    let mut bytes = text.as_bytes().to_vec();
    for secret in secrets {
        for byte in bytes.get_mut(secret.span()).unwrap_or_default() {
            if !matches!(byte, b'"' | b'\'' | b'\n' | b'\r') {
                *byte = b'*';
            }
        }
    }
    String::from_utf8(bytes).unwrap_or_default()
}
