//! Faults of a text: broken so that it cannot be read on.

use vrrp_config::{
    Place, Source,
    problem::{Findings, Problem, Problems},
};

/// Faults beyond this many are not looked for.
const MAX_FAULTS: usize = 200;

/// Faults of all files.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    list: Vec<Problem>,
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
        self.add(Problem::new(title, place, label).help(help));
    }

    /// As [`push`](Self::push), with a second place.
    pub(crate) fn push_with(
        &mut self,
        place: Place,
        title: impl Into<String>,
        label: impl Into<String>,
        also: (Place, &str),
        help: impl Into<String>,
    ) {
        self.add(Problem::new(title, place, label).help(help).also(also.0, also.1));
    }

    fn add(&mut self, problem: Problem) {
        if self.list.len() < MAX_FAULTS {
            self.list.push(problem);
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub(crate) fn is_full(&self) -> bool {
        self.list.len() >= MAX_FAULTS
    }

    /// Each in the text of its file, of which `sources` are all.
    pub(crate) fn in_files(self, sources: &[Source]) -> Problems {
        Problems::new(sources, Findings { problems: self.list, secrets: self.secrets })
    }
}
