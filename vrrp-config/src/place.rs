//! Places in the files that a configuration comes from.

use std::ops::Range;

/// A stretch of a source. What has no place in any text has the default, which is the start of the first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// Index in the [sources](crate::Tree::sources).
    pub file: u16,
    /// Byte offset of its start.
    pub start: u32,
    /// Byte offset behind its end.
    pub end: u32,
}

impl Place {
    /// Bytes `span` of the source number `file`.
    #[must_use]
    pub fn new(file: u16, span: &Range<usize>) -> Self {
        // A source has 4 MiB at most, and more than that is no place that anybody looks at.
        let offset = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        Self { file, start: offset(span.start), end: offset(span.end) }
    }

    /// The stretch from the start of `self` to the end of `other`, if that is one of a single file; else `self`.
    #[must_use]
    pub fn to(self, other: Self) -> Self {
        if self.file == other.file && other.end >= self.start {
            Self { end: other.end, ..self }
        } else {
            self
        }
    }

    /// The byte range in its source.
    #[must_use]
    pub fn span(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// Something and its place.
#[derive(Clone, Debug)]
pub(crate) struct At<T> {
    pub(crate) value: T,
    pub(crate) place: Place,
}

/// A file that was read.
#[derive(Clone, Debug)]
pub struct Source {
    /// The name that messages call it by.
    pub name: String,
    /// Whole text.
    pub text: String,
    /// Offset of the start of each line.
    line_starts: Vec<u32>,
}

/// A column beyond this one is counted in bytes: counting characters costs a pass over the line.
const EXACT_COLUMNS: usize = 4_096;

impl Source {
    /// The source called `name` with this text.
    #[must_use]
    pub fn new(name: String, text: String) -> Self {
        let offset = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        let newlines = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let line_starts = std::iter::once(0).chain(newlines.map(|(at, _)| offset(at + 1))).collect();
        Self { name, text, line_starts }
    }

    /// Number of the line that the byte at `offset` is in, from 1.
    #[must_use]
    pub fn line(&self, offset: u32) -> usize {
        self.line_starts.partition_point(|start| *start <= offset)
    }

    /// Line and column of a byte, both from 1; the column counts characters.
    #[must_use]
    pub fn position(&self, offset: u32) -> (usize, usize) {
        let line = self.line(offset);
        let start = self.line_starts.get(line.saturating_sub(1)).copied().unwrap_or(0);
        let bytes = (offset - start.min(offset)) as usize;
        let before = self.text.get(start as usize..offset as usize).filter(|_| bytes <= EXACT_COLUMNS);
        (line, before.map_or(bytes, |before| before.chars().count()) + 1)
    }

    /// The last part of its name.
    #[must_use]
    pub fn short_name(&self) -> &str {
        self.name.rsplit('/').next().unwrap_or(&self.name)
    }
}
