//! One line per event, for people, and for the comparison of two runs.

use std::fmt;

/// Nanoseconds of simulated true time.
pub(crate) type Moment = u64;

/// A moment as people read it.
pub(crate) struct Instant(pub(crate) Moment);

impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03} ms", self.0 / 1_000_000, self.0 / 1_000 % 1_000)
    }
}

/// The lines of a run; none are kept when nobody wants them.
#[derive(Debug, Default)]
pub(crate) struct Trace {
    lines: Option<Vec<String>>,
}

impl Trace {
    pub(crate) fn kept(keep: bool) -> Self {
        Self { lines: keep.then(Vec::new) }
    }

    pub(crate) fn line(&mut self, now: Moment, text: impl FnOnce() -> String) {
        if let Some(lines) = &mut self.lines {
            lines.push(format!("{:>5}.{:06} ms  {}", now / 1_000_000, now % 1_000_000, text()));
        }
    }

    pub(crate) fn into_lines(self) -> Vec<String> {
        self.lines.unwrap_or_default()
    }
}
