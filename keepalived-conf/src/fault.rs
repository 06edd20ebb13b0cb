//! What is wrong with a text: broken so that it cannot be read on.

use std::collections::BTreeMap;

use super::text::Place;
use vrrp_config::problem::{Findings, Problem, Problems};

/// Faults beyond this many are not looked for.
const MAX_FAULTS: usize = 200;

/// All that is wrong, in all files.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    list: Vec<(Place, Problem)>,
    /// Passwords: never shown.
    pub(crate) secrets: Vec<Place>,
}

impl Faults {
    /// `title` says what, `label` goes under the place, `help` says what to do.
    pub(crate) fn push(
        &mut self,
        place: Place,
        title: impl Into<String>,
        label: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.add(place, Problem::new(title, place.span(), label).help(help));
    }

    /// As [`push`](Self::push), with a second place, which is shown if it is in the same file.
    pub(crate) fn push_with(
        &mut self,
        place: Place,
        title: impl Into<String>,
        label: impl Into<String>,
        also: (Place, &str),
        help: impl Into<String>,
    ) {
        let problem = Problem::new(title, place.span(), label).help(help);
        let same_file = also.0.file == place.file;
        self.add(place, if same_file { problem.also(also.0.span(), also.1) } else { problem });
    }

    /// One of the TOML that the text was converted into. `origin`: the place that a byte of the TOML comes from.
    pub(crate) fn push_converted(&mut self, problem: Problem, origin: impl Fn(usize) -> Place) {
        let place = origin(problem.start());
        let also = problem.second_start().map(origin).filter(|also| also.file == place.file);
        self.add(place, problem.moved(place.span(), also.map(Place::span)));
    }

    fn add(&mut self, place: Place, problem: Problem) {
        if self.list.len() < MAX_FAULTS {
            self.list.push((place, problem));
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub(crate) fn is_full(&self) -> bool {
        self.list.len() >= MAX_FAULTS
    }

    /// Each file's faults in its own text.
    pub(crate) fn in_files(self, files: &[Source]) -> Vec<Problems> {
        let mut by_file: BTreeMap<u16, Findings> = BTreeMap::new();
        for (place, problem) in self.list {
            by_file.entry(place.file).or_default().push(problem);
        }
        let with_text = by_file.into_iter().filter_map(|(file, mut findings)| {
            let source = files.get(usize::from(file))?;
            let here = self.secrets.iter().filter(|place| place.file == file);
            findings.secrets.extend(here.map(|place| place.span()));
            Some(Problems::new(&source.name, &source.text, findings))
        });
        with_text.collect()
    }
}

/// One file that was read.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    /// As messages call it.
    pub(crate) name: String,
    pub(crate) text: String,
    /// Where each line starts.
    line_starts: Vec<u32>,
}

/// A column beyond this one is counted in bytes: counting characters costs a pass over the line.
const EXACT_COLUMNS: usize = 4_096;

impl Source {
    pub(crate) fn new(name: String, text: String) -> Self {
        let offset = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        let newlines = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let line_starts = std::iter::once(0).chain(newlines.map(|(at, _)| offset(at + 1))).collect();
        Self { name, text, line_starts }
    }

    /// From 1.
    pub(crate) fn line(&self, offset: u32) -> usize {
        self.line_starts.partition_point(|start| *start <= offset)
    }

    /// Line and column of a byte, both from 1; the column counts characters.
    pub(crate) fn position(&self, offset: u32) -> (usize, usize) {
        let line = self.line(offset);
        let start = self.line_starts.get(line.saturating_sub(1)).copied().unwrap_or(0);
        let bytes = (offset - start.min(offset)) as usize;
        let before = self.text.get(start as usize..offset as usize).filter(|_| bytes <= EXACT_COLUMNS);
        (line, before.map_or(bytes, |before| before.chars().count()) + 1)
    }

    /// The last part of its name.
    pub(crate) fn short_name(&self) -> &str {
        self.name.rsplit('/').next().unwrap_or(&self.name)
    }
}
