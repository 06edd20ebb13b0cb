//! Text that knows where each of its characters came from, however often it was cut and pasted.

use std::ops::Range;

use vrrp_config::Place;

/// Bytes of a [`Text`] that came from one place.
#[derive(Clone, Copy, Debug)]
struct Piece {
    /// Offset in the text at which the piece starts.
    at: usize,
    place: Place,
    /// Byte for byte as in the file. Otherwise all of it stands for all of `place`.
    exact: bool,
}

/// A text with the origin of each byte.
#[derive(Clone, Debug, Default)]
pub(crate) struct Text {
    text: String,
    /// In order; the first at 0, none empty.
    pieces: Vec<Piece>,
}

impl Text {
    /// `text` as it stands in `file` at `offset`.
    pub(crate) fn from_file(text: &str, file: u16, offset: u32) -> Self {
        let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
        let place = Place { file, start: offset, end: offset.saturating_add(length) };
        Self::new(text.to_owned(), Piece { at: 0, place, exact: true })
    }

    /// `text`, for which `place` answers.
    pub(crate) fn standing_for(text: String, place: Place) -> Self {
        Self::new(text, Piece { at: 0, place, exact: false })
    }

    fn new(text: String, piece: Piece) -> Self {
        let pieces = if text.is_empty() { Vec::new() } else { vec![piece] };
        Self { text, pieces }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    pub(crate) fn len(&self) -> usize {
        self.text.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// The part in `range`, which lies on character boundaries.
    pub(crate) fn slice(&self, range: Range<usize>) -> Self {
        let Some(text) = self.text.get(range.clone()) else { return Self::default() };
        let mut pieces = Vec::new();
        let first = self.pieces.partition_point(|piece| piece.at <= range.start).saturating_sub(1);
        for index in first..self.pieces.len() {
            let Some(piece) = self.pieces.get(index).filter(|piece| piece.at < range.end) else { break };
            let end = self.pieces.get(index + 1).map_or(self.text.len(), |next| next.at);
            let (from, to) = (piece.at.max(range.start), end.min(range.end));
            if from < to {
                let place = piece.part(from, to);
                pieces.push(Piece { at: from - range.start, place, exact: piece.exact });
            }
        }
        Self { text: text.to_owned(), pieces }
    }

    pub(crate) fn push(&mut self, other: &Self) {
        let length = self.text.len();
        self.text += &other.text;
        self.pieces.extend(other.pieces.iter().map(|piece| Piece { at: piece.at + length, ..*piece }));
    }

    /// The place that the bytes in `range` came from.
    pub(crate) fn place(&self, range: Range<usize>) -> Place {
        let holding = |at: usize| {
            let after = self.pieces.partition_point(|piece| piece.at <= at);
            self.pieces.get(after.saturating_sub(1))
        };
        let last = range.end.saturating_sub(1).max(range.start);
        match (holding(range.start), holding(last)) {
            (Some(first), Some(end)) => {
                first.part(range.start, range.start + 1).to(end.part(last, range.end.max(last)))
            }
            _ => Place { file: 0, start: 0, end: 0 },
        }
    }

    /// The place that all of the text came from.
    pub(crate) fn whole(&self) -> Place {
        self.place(0..self.text.len())
    }

    /// Without blanks at its ends.
    pub(crate) fn trimmed(&self) -> Self {
        let blank = |c: char| c == ' ' || c == '\t' || c == '\r';
        let start = self.text.len() - self.text.trim_start_matches(blank).len();
        let end = self.text.trim_end_matches(blank).len();
        self.slice(start..end.max(start))
    }
}

impl Piece {
    /// The place that the bytes `from..to` of the text came from; they lie in this piece.
    fn part(&self, from: usize, to: usize) -> Place {
        if !self.exact {
            return self.place;
        }
        let offset = |at: usize| {
            self.place.start.saturating_add(u32::try_from(at.saturating_sub(self.at)).unwrap_or(u32::MAX))
        };
        Place { file: self.place.file, start: offset(from), end: offset(to).min(self.place.end) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_cut_and_pasted_knows_where_it_came_from() {
        let line = Text::from_file("priority $P here", 3, 100);
        let mut pasted = line.slice(0..9);
        pasted.push(&Text::standing_for("240".to_owned(), line.place(9..11)));
        pasted.push(&line.slice(11..16));
        assert_eq!(pasted.as_str(), "priority 240 here");
        assert_eq!(pasted.place(0..8), Place { file: 3, start: 100, end: 108 });
        assert_eq!(pasted.place(9..12), Place { file: 3, start: 109, end: 111 });
        assert_eq!(pasted.place(13..17), Place { file: 3, start: 112, end: 116 });
        assert_eq!(pasted.whole(), Place { file: 3, start: 100, end: 116 });
    }
}
