//! The report: everything that was not carried over as it stands, and why.

use std::{collections::BTreeMap, fmt};

use vrrp_config::{Place, Source};

/// Weight of something that was not carried over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Left out, and nothing is lost: vrrpd does it anyway, or has no such part.
    Harmless,
    /// Carried over, and not the same in every respect.
    Different,
    /// Left out, and missing.
    Unsupported,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Harmless => "ignored, harmless",
            Self::Different => "behaves differently",
            Self::Unsupported => "not supported",
        })
    }
}

/// One thing, as it was found.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Note {
    place: Place,
    severity: Severity,
    keyword: String,
    text: String,
}

/// Everything that was found, each once.
#[derive(Clone, Debug, Default)]
pub struct Report {
    notes: BTreeMap<Note, usize>,
    /// With the places in terms of the files.
    entries: Vec<Entry>,
}

/// One thing that was not carried over as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The file as it was named.
    pub file: String,
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
    /// Weight of it.
    pub severity: Severity,
    /// keepalived's word.
    pub keyword: String,
    /// The effect that it has here instead.
    pub text: String,
    /// Number of times that it came up there: once for each round of a `~SEQ`.
    pub count: usize,
}

impl Report {
    pub(crate) fn push(
        &mut self,
        severity: Severity,
        place: Place,
        keyword: impl Into<String>,
        text: impl Into<String>,
    ) {
        let note = Note { place, severity, keyword: keyword.into(), text: text.into() };
        *self.notes.entry(note).or_default() += 1;
    }

    /// Turns places into lines and columns.
    pub(crate) fn locate(&mut self, files: &[Source]) {
        let located = std::mem::take(&mut self.notes).into_iter().filter_map(|(note, count)| {
            let source = files.get(usize::from(note.place.file))?;
            let (line, column) = source.position(note.place.start);
            let Note { severity, keyword, text, .. } = note;
            Some(Entry { file: source.name.clone(), line, column, severity, keyword, text, count })
        });
        self.entries = located.collect();
    }

    /// In the order of the files and lines.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The worst there is; `None` if everything was carried over.
    #[must_use]
    pub fn worst(&self) -> Option<Severity> {
        self.entries.iter().map(|entry| entry.severity).max()
    }

    fn count(&self, severity: Severity) -> usize {
        self.entries.iter().filter(|entry| entry.severity == severity).count()
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, column, severity, keyword, text, count } = self;
        write!(f, "{file}:{line}:{column}: {severity}: {keyword}: {text}")?;
        if *count > 1 { write!(f, " ({count} times)") } else { Ok(()) }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for entry in &self.entries {
            writeln!(f, "{entry}")?;
        }
        let counts = [Severity::Unsupported, Severity::Different, Severity::Harmless]
            .map(|severity| format!("{} {severity}", self.count(severity)));
        writeln!(f, "{}", counts.join(", "))
    }
}
