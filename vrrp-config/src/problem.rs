//! What is wrong with a configuration, shown in the user's own text.

use std::{fmt, ops::Range};

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

/// Faults beyond this many are counted, not shown: nobody reads them, and each costs a pass over the text.
pub(super) const SHOWN: usize = 100;

/// Byte range in the text.
pub type Span = Range<usize>;

/// One fault.
#[derive(Clone, Debug)]
pub struct Problem {
    title: String,
    at: (Span, String),
    also: Option<(Span, String)>,
    help: Option<String>,
    /// Something is not there. Follows from a syntax error as often as not.
    pub(super) is_absence: bool,
}

impl Problem {
    /// A fault with its `title`, and `label` under its place.
    pub fn new(title: impl Into<String>, span: Span, label: impl Into<String>) -> Self {
        Self { title: title.into(), at: (span, label.into()), also: None, help: None, is_absence: false }
    }

    /// A second place, without which the first is not understood.
    pub fn also(mut self, span: Span, label: impl Into<String>) -> Self {
        self.also = Some((span, label.into()));
        self
    }

    /// What would be right.
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    pub(super) fn absence(mut self) -> Self {
        self.is_absence = true;
        self
    }

    /// Start of its place.
    pub fn start(&self) -> usize {
        self.at.0.start
    }

    /// Where its second place starts.
    pub fn second_start(&self) -> Option<usize> {
        self.also.as_ref().map(|(span, _)| span.start)
    }

    /// The same in another text. Without `also` it has one place there.
    pub fn moved(self, at: Span, also: Option<Span>) -> Self {
        let (_, label) = self.at;
        let also = self.also.and_then(|(_, label)| Some((also?, label)));
        Self { at: (at, label), also, ..self }
    }

    /// Whether every place is one in `text`. What is shown is clamped all the same.
    fn lies_in(&self, text: &str) -> bool {
        let places = [Some(&self.at), self.also.as_ref()];
        places.into_iter().flatten().all(|(span, _)| text.get(span.clone()).is_some())
    }
}

/// What a walk through the text finds.
#[derive(Debug, Default)]
pub struct Findings {
    pub(super) problems: Vec<Problem>,
    /// Never shown, not even underlined: a daemon's errors end in a journal.
    pub secrets: Vec<Span>,
}

impl Findings {
    /// Adds one.
    pub fn push(&mut self, problem: Problem) {
        self.problems.push(problem);
    }
}

/// Every fault of one text, in the order of the text. `Display` is the plain rendering.
#[derive(Clone, Debug)]
pub struct Problems {
    origin: String,
    /// With passwords masked.
    text: String,
    list: Vec<Problem>,
}

impl Problems {
    /// Those of `text`, which comes from `origin`.
    pub fn new(origin: &str, text: &str, findings: Findings) -> Self {
        let mut list = findings.problems;
        list.sort_by_key(Problem::start);
        debug_assert!(list.iter().all(|problem| problem.lies_in(text)), "a place outside the text: {list:?}");
        Self { origin: origin.to_owned(), text: mask(text, &findings.secrets), list }
    }

    /// Each by itself, to be shown in another text.
    pub fn into_list(self) -> Vec<Problem> {
        self.list
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.list.len()
    }

    /// Each fault with its place underlined and what would be right, then how many there are. `coloured`: with ANSI
    /// colours, for a terminal. At most 100 are shown.
    #[must_use]
    pub fn render(&self, coloured: bool) -> String {
        let renderer = renderer(coloured);
        let mut out = String::new();
        for problem in self.list.iter().take(SHOWN) {
            out += &self.render_one(problem, &renderer);
            out += "\n\n";
        }
        let count = self.list.len();
        let hidden = count.saturating_sub(SHOWN);
        let shown = if hidden == 0 { String::new() } else { format!(" ({hidden} more not shown)") };
        let plural = if count == 1 { "problem" } else { "problems" };
        let sum = format!("{}: {count} {plural}{shown}", self.origin);
        out += &renderer.render(&[Group::with_title(Level::ERROR.primary_title(sum))]);
        out.push('\n');
        out
    }

    fn render_one(&self, problem: &Problem, renderer: &Renderer) -> String {
        let marks =
            [(AnnotationKind::Primary, Some(&problem.at)), (AnnotationKind::Context, problem.also.as_ref())];
        let marks =
            marks.map(|(kind, mark)| mark.map(|(span, label)| (kind, first_line(&self.text, span), label)));
        let spans: Vec<&Span> = marks.iter().flatten().map(|(_, span, _)| span).collect();
        let window = whole_lines(&self.text, &spans);
        let above = self.text[..window.start].bytes().filter(|byte| *byte == b'\n').count();
        let annotations = marks.into_iter().flatten().map(|(kind, span, label)| {
            kind.span(span.start - window.start..span.end - window.start).label(label)
        });
        let snippet = Snippet::source(&self.text[window.clone()])
            .line_start(above + 1)
            .path(&self.origin)
            .annotations(annotations);
        let help = problem.help.as_deref().map(|help| Level::HELP.message(help));
        renderer.render(&[Level::ERROR.primary_title(&problem.title).element(snippet).elements(help)])
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for Problems {}

/// A fault that has no place in a text.
pub(super) fn render_bare(title: &str, help: &str, coloured: bool) -> String {
    renderer(coloured).render(&[Level::ERROR.primary_title(title).element(Level::HELP.message(help))]) + "\n"
}

fn renderer(coloured: bool) -> Renderer {
    if coloured { Renderer::styled() } else { Renderer::plain() }
}

/// The part of `span` on its first line, on character boundaries, within the text.
fn first_line(text: &str, span: &Span) -> Span {
    let start = text.floor_char_boundary(span.start.min(text.len()));
    let end = text.ceil_char_boundary(span.end.clamp(start, text.len()));
    let line = text.get(start..end).unwrap_or_default().lines().next().unwrap_or_default();
    start..start + line.len()
}

/// The lines of `text` that hold all of `spans`: the rest need not be looked at.
fn whole_lines(text: &str, spans: &[&Span]) -> Span {
    let start = spans.iter().map(|span| span.start).min().unwrap_or(0);
    let end = spans.iter().map(|span| span.end).max().unwrap_or(0);
    let line_start = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
    let line_end = text[end..].find('\n').map_or(text.len(), |newline| end + newline);
    line_start..line_end
}

/// `text` with the insides of `secrets` replaced, byte for byte, so that every other span still fits.
fn mask(text: &str, secrets: &[Span]) -> String {
    let mut bytes = text.as_bytes().to_vec();
    for secret in secrets {
        for byte in bytes.get_mut(secret.clone()).unwrap_or_default() {
            if !matches!(byte, b'"' | b'\'' | b'\n' | b'\r') {
                *byte = b'*';
            }
        }
    }
    String::from_utf8(bytes).unwrap_or_default()
}
