//! Files into lines: comments, conditional lines, definitions, repetitions and includes are done here.
//!
//! Lines come out as keepalived's keywords see them: words, and braces on lines of their own.

mod include;
mod substitute;

use std::{path::PathBuf, rc::Rc};

use vrrp_config::{Place, Source};

use super::{
    define::{Definitions, Value, definition},
    fault::Faults,
    files::Surroundings,
    repeat::{self, Repeat},
    report::{Report, Severity},
    text::Text,
    words::{brace, comment, continues, unescaped},
};

/// The most lines that a configuration may come to: some ten thousand routers.
pub(crate) const MAX_LINES: usize = 200_000;
/// The most lines that are looked at, with those that come to nothing.
const MAX_STEPS: usize = 4 * MAX_LINES;
/// The most bytes that those lines may have.
const MAX_BYTES: usize = 16 << 20;
/// The longest line after all definitions are put in, in bytes.
const MAX_LINE: usize = 16 << 10;
/// The most bytes that are gone through in all rounds of all lines.
const MAX_WORK: usize = 128 << 20;
/// The most rounds through a line for definitions in definitions.
const MAX_ROUNDS: usize = 64;
/// The most files, blocks and repetitions within each other.
const MAX_DEPTH: usize = 64;

/// Some editors begin a file with it.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// Source of the next line.
enum Feed {
    File {
        file: u16,
        next: usize,
        directory: PathBuf,
        check: include::Check,
    },
    Block {
        lines: Rc<[Text]>,
        next: usize,
    },
    Repeat(Repeat),
    /// Rest of a line after a brace.
    Rest(Text),
}

/// Result of reading a line.
enum Outcome {
    /// Nothing for the keywords: a condition that does not hold, a definition, a repetition, something wrong.
    Done,
    Line(Text),
}

fn offset(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

/// Reads a configuration with all that it includes.
pub(crate) struct Lines<'s> {
    surroundings: &'s dyn Surroundings,
    config_id: String,
    pub(crate) files: Vec<Source>,
    feeds: Vec<Feed>,
    definitions: Definitions,
    /// The definition whose lines are being read.
    open: Option<(String, Vec<Text>)>,
    steps: usize,
    lines: usize,
    bytes: usize,
    work: usize,
    pub(crate) faults: Faults,
    pub(crate) report: Report,
}

impl<'s> Lines<'s> {
    /// `text` is the outermost file, called `name`, in `directory`.
    pub(crate) fn new(
        surroundings: &'s dyn Surroundings,
        config_id: &str,
        (name, text, directory): (String, String, PathBuf),
    ) -> Self {
        let mut lines = Self {
            surroundings,
            config_id: config_id.to_owned(),
            files: Vec::new(),
            feeds: Vec::new(),
            definitions: Definitions::default(),
            open: None,
            steps: 0,
            lines: 0,
            bytes: 0,
            work: 0,
            faults: Faults::default(),
            report: Report::default(),
        };
        lines.open_file(Source::new(name, text), directory, include::Check::default());
        lines
    }

    /// The next line that keywords see: words without a brace, or one brace alone. `None` at the end, and when there
    /// are too many lines or faults.
    pub(crate) fn next(&mut self) -> Option<Text> {
        loop {
            let line = self.raw()?;
            self.steps += 1;
            self.work += line.len();
            let too_many = self.steps > MAX_STEPS || self.lines > MAX_LINES;
            if too_many || self.bytes > MAX_BYTES || self.work > MAX_WORK {
                self.too_long(&line);
                return None;
            }
            if self.open.is_some() {
                self.collect(&line);
                continue;
            }
            let line = line.trimmed();
            if line.is_empty() {
                continue;
            }
            if let Outcome::Line(line) = self.resolve(line)
                && !self.include(&line)
            {
                self.lines += 1;
                self.bytes += line.len();
                return Some(self.up_to_brace(line));
            }
            if self.faults.is_full() {
                return None;
            }
        }
    }

    fn too_long(&mut self, line: &Text) {
        let help = "vrrpd has no use for that many: a VRID is 1 to 255, once on each interface";
        let title = "the configuration comes to too much";
        let label = format!("here it has come to {MAX_LINES} lines, or {} MiB", MAX_BYTES >> 20);
        self.faults.push(line.whole(), title, label, help);
        self.feeds.clear();
    }

    /// The next line as it stands, without its comment.
    fn raw(&mut self) -> Option<Text> {
        loop {
            match self.feeds.last_mut()? {
                Feed::Rest(_) => {
                    if let Some(Feed::Rest(rest)) = self.feeds.pop() {
                        return Some(rest);
                    }
                }
                Feed::Block { lines, next } => {
                    *next += 1;
                    if let Some(line) = lines.get(*next - 1) {
                        return Some(line.clone());
                    }
                }
                Feed::Repeat(repeat) => {
                    if let Some(round) = repeat.next() {
                        let rest = repeat.rest.clone();
                        for (name, value) in round {
                            self.definitions.set(&name, Value::Line(value));
                        }
                        return Some(rest);
                    }
                }
                Feed::File { file, next, .. } => {
                    let (file, start) = (*file, *next);
                    let text = self.files.get(usize::from(file)).map_or("", |source| &source.text);
                    if let Some(line) = text.get(start..).and_then(|rest| rest.split_inclusive('\n').next()) {
                        *next = start + line.len();
                        let line = Text::from_file(line.trim_end_matches(['\n', '\r']), file, offset(start));
                        if let Some(line) = self.line_of_file(line, start == 0) {
                            return Some(line);
                        }
                        continue;
                    }
                    self.end_of_file();
                }
            }
            self.feeds.pop();
        }
    }

    /// `None` for one that a definition goes on over: of blanks or a comment alone. An empty one ends it.
    fn line_of_file(&mut self, mut line: Text, is_first: bool) -> Option<Text> {
        if is_first && line.as_str().starts_with(BYTE_ORDER_MARK) {
            let note = "a byte order mark: taken as none; keepalived takes it for part of the first word";
            let place = line.place(0..BYTE_ORDER_MARK.len_utf8());
            self.report.push(Severity::Harmless, place, "file", note);
            line = line.slice(BYTE_ORDER_MARK.len_utf8()..line.len());
        }
        let content = self.without_comment(&line);
        let is_passed_over = self.open.is_some() && !line.is_empty() && content.trimmed().is_empty();
        if is_passed_over {
            let note = "a comment within a definition, which goes on; in keepalived 2.2.7 it ends here";
            self.report.push(Severity::Different, line.whole(), "$NAME=", note);
        }
        (!is_passed_over).then_some(content)
    }

    fn without_comment(&mut self, line: &Text) -> Text {
        let end = comment(line.as_str()).unwrap_or(line.len());
        if end > MAX_LINE {
            let label = format!("{end} bytes; at most {MAX_LINE}");
            self.faults.push(
                line.whole(),
                "a line is too long",
                label,
                "keepalived takes no such line either",
            );
            return Text::default();
        }
        let mut content = self.without_late_comment(unescaped(&line.slice(0..end)));
        // Of a definition, the `\` behind a comment counts.
        let is_of_one = || self.open.is_some() || definition(line.as_str()).is_some();
        if end < line.len() && continues(line.as_str()) && is_of_one() {
            content.push(&line.slice(line.len() - 1..line.len()));
        }
        content
    }

    /// A definition ends with its file at the latest.
    fn end_of_file(&mut self) {
        if let Some((name, lines)) = self.open.take() {
            self.definitions.set(&name, Value::Block(lines.into()));
        }
    }

    /// One more line of the definition that is open. It ends with the first line that has no `\` at its end.
    fn collect(&mut self, line: &Text) {
        let line = line.trimmed();
        let continued = line.as_str().ends_with('\\');
        let content = if continued { line.slice(0..line.len() - 1).trimmed() } else { line };
        if let Some((_, lines)) = &mut self.open
            && !content.is_empty()
        {
            lines.push(content);
        }
        if !continued && let Some((name, lines)) = self.open.take() {
            self.definitions.set(&name, Value::Block(lines.into()));
        }
    }

    /// Conditions, definitions and repetitions of one line, until none is left.
    fn resolve(&mut self, mut line: Text) -> Outcome {
        for _ in 0..MAX_ROUNDS {
            self.work += line.len();
            if line.as_str().starts_with('@') {
                match self.condition(&line) {
                    Some(rest) => line = rest,
                    None => return Outcome::Done,
                }
            }
            if let Some((name, value)) = definition(line.as_str()) {
                let name = name.to_owned();
                self.define(&name, &line.slice(value..line.len()));
                return Outcome::Done;
            }
            if line.as_str().starts_with("~SEQ") || line.as_str().starts_with("~LST") {
                self.repeat(&line);
                return Outcome::Done;
            }
            match self.substitute(&line) {
                Some(changed) if changed.len() > MAX_LINE => break,
                Some(changed) => line = changed.trimmed(),
                None => return self.resolved(line),
            }
            if line.is_empty() {
                return Outcome::Done;
            }
        }
        let help = "a definition must not have itself in its value";
        let title = "a definition has no end";
        self.faults.push(line.whole(), title, "here it goes on and on", help);
        Outcome::Done
    }

    /// keepalived looks for comments twice: at a mark that an escape or a value has put there, one starts as well.
    fn without_late_comment(&mut self, line: Text) -> Text {
        let Some(at) = comment(line.as_str()) else { return line };
        let before = line.slice(0..at);
        if !before.trimmed().is_empty() {
            let note = "a comment starts here, as in keepalived; within double quotes it is the character";
            let mark = line.slice(at..at + 1);
            self.report.push(Severity::Harmless, mark.whole(), mark.as_str(), note);
        }
        before
    }

    /// `\` joins the lines of a definition, and no others.
    fn resolved(&mut self, line: Text) -> Outcome {
        let line = self.without_late_comment(line).trimmed();
        if line.is_empty() {
            return Outcome::Done;
        }
        if line.as_str().ends_with('\\') {
            let place = line.place(line.len() - 1..line.len());
            let help = "join the lines; only the lines of a definition, `$NAME= \\`, go on like this";
            self.faults.push(
                place,
                "a line ends with `\\`",
                "keepalived takes it for part of the word",
                help,
            );
            return Outcome::Done;
        }
        Outcome::Line(line)
    }

    /// The text that follows `@id` or `@^id`, if the condition holds.
    fn condition(&self, line: &Text) -> Option<Text> {
        let text = line.as_str();
        let word_end = text.find([' ', '\t'])?;
        let word = text.get(1..word_end)?;
        let holds = match word.strip_prefix('^') {
            Some(other) => other != self.config_id,
            None => word == self.config_id,
        };
        holds.then(|| line.slice(word_end..line.len()).trimmed())
    }

    fn define(&mut self, name: &str, value: &Text) {
        if value.as_str().ends_with('\\') {
            self.open = Some((name.to_owned(), Vec::new()));
            self.collect(value);
        } else {
            self.definitions.set(name, Value::Line(value.as_str().to_owned()));
        }
    }

    fn repeat(&mut self, line: &Text) {
        let end = repeat::close(line.as_str()).map_or(line.len(), |close| close + 1);
        let head = line.slice(0..end);
        let read = match self.substitute(&head) {
            Some(head) => Repeat::read(head.as_str(), line.slice(end..line.len()).trimmed()),
            None => Repeat::read(head.as_str(), line.slice(end..line.len()).trimmed()),
        };
        match read {
            Ok(repeat) => self.push(Feed::Repeat(repeat), line.whole()),
            Err(expected) => {
                let help =
                    "write ~SEQ(NAME, START, STEP, END) or ~LST(NAME, VALUE, VALUE) and what to repeat";
                self.faults.push(head.whole(), "bad repetition", expected, help);
            }
        }
    }

    fn push(&mut self, feed: Feed, place: Place) {
        if self.feeds.len() < MAX_DEPTH {
            self.feeds.push(feed);
            return;
        }
        let title = "nested too deep";
        let label = format!("{MAX_DEPTH} files, definitions and repetitions within each other");
        self.faults.push(place, title, label, "look for one that includes or uses itself");
        self.feeds.clear();
    }

    /// The directory of the file that is being read.
    fn directory(&self) -> PathBuf {
        let of_feed = |feed: &Feed| match feed {
            Feed::File { directory, .. } => Some(directory.clone()),
            Feed::Block { .. } | Feed::Repeat(_) | Feed::Rest(_) => None,
        };
        self.feeds.iter().rev().find_map(of_feed).unwrap_or_default()
    }

    /// A line ends at a brace, and a brace is a line.
    fn up_to_brace(&mut self, line: Text) -> Text {
        let Some(at) = brace(line.as_str()) else { return line };
        if line.as_str().get(..at).is_some_and(|before| before.ends_with('$')) {
            let end =
                line.as_str().get(at..).and_then(|rest| rest.find('}')).map_or(at + 1, |end| at + end + 1);
            let title = format!("`{}` is not defined", line.as_str().get(at - 1..end).unwrap_or("$"));
            let help = "define it above: $NAME=VALUE; within double quotes it stays as it is";
            self.faults.push(line.place(at - 1..end), title, "has no value here", help);
            return line.slice(0..at - 1).trimmed();
        }
        let (head, rest) = if at == 0 { (0..1, 1..line.len()) } else { (0..at, at..line.len()) };
        let rest = line.slice(rest).trimmed();
        if !rest.is_empty() {
            self.feeds.push(Feed::Rest(rest));
        }
        line.slice(head).trimmed()
    }
}
