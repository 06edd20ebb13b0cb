//! Lines into statements and blocks.

use vrrp_config::Place;

use super::{
    fault::Faults,
    lines::Lines,
    text::Text,
    vocabulary,
    words::{Lookalike, Word, words},
};

/// The most blocks within each other; keepalived's own go to five.
const MAX_DEPTH: usize = 16;

/// A line, with the block that follows it.
#[derive(Clone, Debug)]
pub(crate) struct Statement {
    /// One or more.
    pub(crate) words: Vec<Word>,
    pub(crate) block: Option<Vec<Statement>>,
    /// From the first word to the last.
    pub(crate) place: Place,
    /// Text after the first word, as it stands there.
    pub(crate) rest: String,
}

impl Statement {
    /// The first word.
    pub(crate) fn keyword(&self) -> &str {
        self.words.first().map_or("", |word| &word.text)
    }

    /// The words after the first.
    pub(crate) fn arguments(&self) -> &[Word] {
        self.words.get(1..).unwrap_or_default()
    }

    /// The place of the first word.
    pub(crate) fn keyword_place(&self) -> Place {
        self.words.first().map_or(self.place, |word| word.place)
    }
}

/// All of a configuration. Faults are in `lines.faults`.
pub(crate) fn read(lines: &mut Lines<'_>) -> Vec<Statement> {
    // The block that is being read last, and those around it.
    let mut open: Vec<Vec<Statement>> = vec![Vec::new()];
    while let Some(line) = lines.next() {
        match line.as_str() {
            "{" if open.len() > MAX_DEPTH => {
                let help = "close the blocks before this one";
                lines.faults.push(line.whole(), "blocks nested too deep", "one too many", help);
                return Vec::new();
            }
            "{" => open_block(&mut open, &line, &mut lines.faults),
            "}" => close_block(&mut open, &line, &mut lines.faults),
            _ => add(&mut open, &line, &mut lines.faults),
        }
    }
    if open.len() > 1 && !lines.faults.is_full() {
        never_closed(&open, &mut lines.faults);
    }
    while open.len() > 1 {
        fold(&mut open);
    }
    open.pop().unwrap_or_default()
}

fn open_block(open: &mut Vec<Vec<Statement>>, brace: &Text, faults: &mut Faults) {
    let before = open.last().and_then(|block| block.last());
    if before.is_none_or(|statement| statement.block.is_some()) {
        let help = "a block follows its keyword: vrrp_instance NAME {";
        faults.push(brace.whole(), "unexpected `{`", "expected a keyword before it", help);
    }
    open.push(Vec::new());
}

fn close_block(open: &mut Vec<Vec<Statement>>, brace: &Text, faults: &mut Faults) {
    if open.len() == 1 {
        let help = "remove it, or find the block that it was to close";
        faults.push(brace.whole(), "unexpected `}`", "no block is open here", help);
    } else {
        fold(open);
    }
}

/// The innermost block goes to the statement before it.
fn fold(open: &mut Vec<Vec<Statement>>) {
    let block = open.pop();
    if let Some(statement) = open.last_mut().and_then(|block| block.last_mut())
        && statement.block.is_none()
    {
        statement.block = block;
    }
}

fn add(open: &mut [Vec<Statement>], line: &Text, faults: &mut Faults) {
    match words(line) {
        Ok(words) => {
            if let Some(word) = words.iter().find(|word| word.text.contains(char::REPLACEMENT_CHARACTER)) {
                faults.push(word.place, "a word that is not UTF-8", "here", "save the file as UTF-8");
            }
            lookalike(&words, faults);
            if let (Some(block), Some(first)) = (open.last_mut(), words.first()) {
                let place = words.last().map_or(first.place, |last| first.place.to(last.place));
                let keyword = first.text.len() + if first.is_quoted { 2 } else { 0 };
                let rest = line.as_str().get(keyword..).unwrap_or_default().trim().to_owned();
                block.push(Statement { words, block: None, place, rest });
            }
        }
        Err(place) => {
            let help = "a quoted text ends on its own line";
            faults.push(place, "a quote is not closed", "expected `\"` after this", help);
        }
    }
}

/// Keywords whose values may be any text.
const OF_TEXT: [&str; 2] = ["router_id", "auth_pass"];

/// Says which character of a line is not what it seems; keepalived takes it for part of the word.
fn lookalike(words: &[Word], faults: &mut Faults) {
    let is_text = words.first().is_some_and(|first| OF_TEXT.contains(&first.text.as_str()));
    let mut plain = words.iter().filter(|word| !is_text && !word.is_quoted);
    if let Some((word, (c, lookalike))) = plain.find_map(|word| Some((word, Lookalike::find(&word.text)?))) {
        let title = format!("{} (U+{:04X})", lookalike.name, u32::from(c));
        faults.push(word.place, title, "keepalived takes it for part of this word", lookalike.help);
    }
}

/// The outermost block that is still open, and the first keyword in it that has no business there.
fn never_closed(open: &[Vec<Statement>], faults: &mut Faults) {
    let Some(opener) = open.first().and_then(|block| block.last()) else { return };
    let inside = open.get(1..).unwrap_or_default().iter().flatten();
    let stranger = inside.clone().find(|statement| vocabulary::is_top_level(statement.keyword()));
    let title = format!("`{}` is never closed", opener.keyword());
    let help = "every { has its }";
    let label = "expected `}` for the block that opens here";
    match stranger {
        Some(stranger) => {
            let also = (stranger.place, "missing before this");
            faults.push_with(opener.place, title, label, also, help);
        }
        None => faults.push(opener.place, title, label, help),
    }
}
