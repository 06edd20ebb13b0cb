//! From TOML to a tree that keeps the place of everything.

use std::{collections::HashSet, ops::Range};

use toml::de::{DeInteger, DeTable, DeValue};

use super::{
    place::{Place, Source},
    problem::{Findings, Problem, SHOWN},
    tree::{Entry, Kind, Node, Section, Table, Tree, Value},
};

/// Byte range in the text.
type Span = Range<usize>;

/// Syntax errors of a text, and their consequences.
pub(super) struct Syntax {
    problems: Vec<Problem>,
    bad_lines: HashSet<usize>,
    /// True if something may have been lost.
    is_broken: bool,
}

/// The tree of a text called `name`, as far as it can be made out, and what is wrong with the text.
pub(super) fn read(name: &str, text: &str) -> (Tree, Syntax) {
    let source = Source::new(name.to_owned(), text.to_owned());
    let (root, errors) = DeTable::parse_recoverable(text);
    let mut syntax = Syntax { problems: Vec::new(), bad_lines: HashSet::new(), is_broken: false };
    let mut errors: Vec<(Span, String)> =
        errors.iter().map(|error| (error.span().unwrap_or(0..0), error.message().to_owned())).collect();
    errors.sort_by_key(|(span, _)| span.start);
    for (span, message) in errors {
        let is_duplicate = message == "duplicate key";
        syntax.is_broken |= !is_duplicate;
        // The first on a line is the cause of the others.
        if syntax.bad_lines.insert(source.line(place(&span).start)) {
            let is_shown = syntax.problems.len() < SHOWN;
            let problem =
                if is_duplicate { duplicate(text, span, is_shown) } else { malformed(text, &span, message) };
            syntax.problems.push(problem);
        }
    }
    (tree(source, root.into_inner()), syntax)
}

fn place(span: &Span) -> Place {
    Place::new(0, span)
}

/// Tables of tables whose names are known are sections; everything else stays where it is.
fn tree(source: Source, root: DeTable<'_>) -> Tree {
    let mut tree = Tree { sources: vec![source], ..Tree::default() };
    for entry in table(root).entries {
        match (Kind::of(&entry.key), entry.node.value) {
            (Some(kind), Value::Table(Table { entries, .. })) => {
                let section = |Entry { key, place, node }| Section { kind, name: key, place, node };
                tree.sections.extend(entries.into_iter().map(section));
            }
            (_, value) => tree.top.entries.push(Entry { node: Node { value, ..entry.node }, ..entry }),
        }
    }
    // The parser sorts by name; an operator by what comes first.
    tree.sections.sort_by_key(|section| section.place);
    tree
}

fn table(table: DeTable<'_>) -> Table {
    let entries = table.into_iter().map(|(key, value)| {
        let place = place(&key.span());
        Entry { key: key.into_inner().into_owned(), place, node: node(value) }
    });
    Table { entries: entries.collect(), remarks: Vec::new() }
}

fn node(value: toml::Spanned<DeValue<'_>>) -> Node {
    let place = place(&value.span());
    let value = match value.into_inner() {
        DeValue::String(text) => Value::String(text.into_owned()),
        DeValue::Integer(number) => Value::Integer(integer(&number)),
        DeValue::Float(number) => Value::Float(number.to_string()),
        DeValue::Boolean(value) => Value::Boolean(value),
        DeValue::Datetime(time) => Value::Datetime(time.to_string()),
        DeValue::Array(list) => Value::List(list.into_iter().map(node).collect()),
        DeValue::Table(inner) => Value::Table(table(inner)),
    };
    Node { value, place, comment: None }
}

/// No key goes near the bounds of 64 bits, so that a number beyond is out of range like the bound itself.
fn integer(number: &DeInteger<'_>) -> i64 {
    let bound = if number.as_str().starts_with('-') { i64::MIN } else { i64::MAX };
    i64::from_str_radix(number.as_str(), number.radix()).unwrap_or(bound)
}

impl Syntax {
    /// Adds the syntax errors to what was found in the tree, and takes out what merely follows from them.
    pub(super) fn merge_into(self, source: &Source, findings: &mut Findings) {
        if !self.problems.is_empty() {
            findings.problems.retain(|problem| {
                let is_lost = problem.is_absence && self.is_broken;
                !is_lost && !self.bad_lines.contains(&source.line(problem.place().start))
            });
        }
        findings.problems.extend(self.problems);
    }
}

fn malformed(text: &str, span: &Span, message: String) -> Problem {
    if let Some(bare) = unquoted(text, span) {
        let value = &text[bare.clone()];
        let help = match value.to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" => "write true".to_owned(),
            "false" | "no" | "off" => "write false".to_owned(),
            _ => format!("put it in quotes: \"{value}\""),
        };
        return Problem::new("value without quotes", place(&bare), "not a TOML value").help(help);
    }
    let (what, expected) = match message.split_once(", expected ") {
        Some((what, expected)) => (what.to_owned(), format!("expected {expected}")),
        None => (message, "here".to_owned()),
    };
    Problem::new(what, place(span), expected)
        .help("this is not TOML; docs/configuration.md shows what a file looks like")
}

/// The word around `span`, if it stands where a value does and is not in quotes.
fn unquoted(text: &str, span: &Span) -> Option<Span> {
    let is_delimiter = |c: char| c.is_whitespace() || ",[]{}=\"'#".contains(c);
    let before = text.get(..span.start)?;
    let start = before.rfind(is_delimiter).map_or(0, |at| text.ceil_char_boundary(at + 1));
    let word = text.get(start..)?.split(is_delimiter).next().filter(|word| !word.is_empty())?;
    let preceding = text.get(..start)?.lines().next_back()?.trim_end();
    let is_value = preceding.ends_with(['=', ',']) || preceding.ends_with('[') && preceding.contains('=');
    is_value.then(|| start..start + word.len())
}

/// `is_shown`: worth looking for the first one, which takes a pass over the text.
fn duplicate(text: &str, span: Span, is_shown: bool) -> Problem {
    let key = text.get(span.clone()).unwrap_or_default();
    let earlier = if is_shown { earlier(text, &span, key) } else { None };
    let problem =
        Problem::new(format!("`{key}` twice"), place(&span), "again here").help("remove one of them");
    match earlier {
        Some(earlier) => problem.also(place(&earlier), "first here"),
        None => problem,
    }
}

/// Place where `key` stood before: the nearest line above that starts with the same words.
fn earlier(text: &str, span: &Span, key: &str) -> Option<Span> {
    let start = text.get(..span.start)?.rfind('\n').map_or(0, |newline| newline + 1);
    let line_up_to_key = text.get(start..span.end)?.trim_start();
    let mut line_start = start;
    for line in text.get(..start)?.split_inclusive('\n').rev() {
        line_start -= line.len();
        let indent = line.len() - line.trim_start().len();
        let rest = line.trim_start().strip_prefix(line_up_to_key);
        if rest.is_some_and(|rest| rest.trim_start().starts_with(['=', '.', ']'])) {
            let end = line_start + indent + line_up_to_key.len();
            return Some(end - key.len()..end);
        }
    }
    None
}
