//! Reading a table key by key: typed, and without stopping at the first fault.

use std::{collections::HashMap, fmt, ops::RangeInclusive};

pub(super) use super::place::At;
use super::{
    place::Place,
    problem::{Findings, Problem},
    tree::{Node, Table, Value},
    vocabulary,
};

/// How messages call the outermost table.
pub(super) const FILE: &str = "the top level";
/// How messages call the table of a router.
pub(super) const INSTANCE: &str = "vrrp_instance";
/// How messages call the table of a sync group.
pub(super) const GROUP: &str = "vrrp_sync_group";

/// Tables with a name of the user's, whose keys go without the table's name in messages.
const NAMED: [&str; 8] =
    [FILE, INSTANCE, GROUP, "vrrp_script", "vrrp_http", "vrrp_tcp", "vrrp_process", "vrrp_file"];

/// What the text says for one key.
#[derive(Clone, Debug)]
pub(super) enum Field<T> {
    /// Nothing.
    Absent,
    /// Something that has been found wrong. Nothing is to be concluded from it.
    Wrong,
    /// A value of its type and range.
    Given(At<T>),
}

impl<T> Field<T> {
    /// The value and its place, if the text has a good one.
    pub(super) fn given(&self) -> Option<&At<T>> {
        match self {
            Self::Given(at) => Some(at),
            Self::Absent | Self::Wrong => None,
        }
    }

    /// The next step for a good value.
    pub(super) fn and_then<U>(self, next: impl FnOnce(At<T>) -> Field<U>) -> Field<U> {
        match self {
            Self::Given(at) => next(at),
            Self::Absent => Field::Absent,
            Self::Wrong => Field::Wrong,
        }
    }

    /// The value if there is one: `Some(None)` if the text has none, `None` if what it has is wrong.
    pub(super) fn optional(&self) -> Option<Option<T>>
    where
        T: Clone,
    {
        match self {
            Self::Given(at) => Some(Some(at.value.clone())),
            Self::Absent => Some(None),
            Self::Wrong => None,
        }
    }

    /// The value, or `default` if the text has none; `None` if what it has is wrong.
    pub(super) fn or(&self, default: T) -> Option<T>
    where
        T: Clone,
    {
        match self {
            Self::Given(at) => Some(at.value.clone()),
            Self::Absent => Some(default),
            Self::Wrong => None,
        }
    }
}

/// Why a value will not do. The key is said by whoever looked it up.
#[derive(Debug)]
pub(super) struct Wrong {
    what: String,
    label: String,
    help: Option<String>,
}

impl Wrong {
    /// `what` goes after the key: "is out of range". `label` goes under the value: "must be 1 to 255".
    pub(super) fn new(what: impl Into<String>, label: impl Into<String>) -> Self {
        Self { what: what.into(), label: label.into(), help: None }
    }

    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    pub(super) fn at(self, key: &str, place: Place) -> Problem {
        let problem = Problem::new(format!("`{key}` {}", self.what), place, self.label);
        match self.help {
            Some(help) => problem.help(help),
            None => problem,
        }
    }
}

/// A table that is being read.
pub(super) struct Keys<'t, 'f> {
    /// As the keys' table is called in messages: `vrrp_instance`.
    name: &'static str,
    table: &'t Table,
    known: Vec<&'static str>,
    pub(super) findings: &'f mut Findings,
}

impl<'t, 'f> Keys<'t, 'f> {
    pub(super) fn new(name: &'static str, table: &'t Table, findings: &'f mut Findings) -> Self {
        Self { name, table, known: Vec::new(), findings }
    }

    /// The value of `key` as `reader` sees it.
    pub(super) fn read<T>(
        &mut self,
        key: &'static str,
        reader: impl FnOnce(&'t Node) -> Result<T, Wrong>,
    ) -> Field<T> {
        self.known.push(key);
        let Some(value) = self.table.get(key) else {
            return Field::Absent;
        };
        match reader(value) {
            Ok(read) => Field::Given(At { value: read, place: value.place }),
            Err(wrong) => {
                self.findings.push(wrong.at(&self.path(key), value.place));
                Field::Wrong
            }
        }
    }

    /// As [`read`](Self::read), and never shown in a message.
    pub(super) fn read_secret<T>(
        &mut self,
        key: &'static str,
        reader: impl FnOnce(&'t Node) -> Result<T, Wrong>,
    ) -> Field<T> {
        self.findings.secrets.extend(self.table.get(key).map(|node| node.place));
        self.read(key, reader)
    }

    /// Hides the value of `key` in messages, as [`read_secret`](Self::read_secret) does, if it is `suspicious`.
    pub(super) fn hide_if(&mut self, key: &str, suspicious: impl Fn(&str) -> bool) {
        let value = self.table.get(key).filter(|value| value.value.as_str().is_some_and(suspicious));
        self.findings.secrets.extend(value.map(|node| node.place));
    }

    /// The table under `key`, read by `walk`; `example` shows what one looks like.
    pub(super) fn table<T>(
        &mut self,
        key: &'static str,
        example: &str,
        walk: impl FnOnce(&mut Keys<'t, '_>) -> T,
    ) -> Field<T> {
        self.read(key, |value| table(value, example)).and_then(|At { value, place }| {
            let mut keys = Keys::new(key, value, self.findings);
            let read = walk(&mut keys);
            keys.finish();
            Field::Given(At { value: read, place })
        })
    }

    /// The list under `key`, each entry read by `entry`, which reports what is wrong with it; `example` shows a list.
    pub(super) fn list<T>(
        &mut self,
        key: &'static str,
        lengths: RangeInclusive<usize>,
        example: &str,
        entry: impl Fn(&Node, &mut Findings) -> Option<T>,
    ) -> Field<Vec<T>> {
        self.entries(key, |value| array(value, &lengths, example), entry)
    }

    /// The list under `key` as `shape` sees it, each entry read by `entry`, which reports what is wrong with it.
    pub(super) fn entries<T>(
        &mut self,
        key: &'static str,
        shape: impl FnOnce(&'t Node) -> Result<&'t [Node], Wrong>,
        entry: impl Fn(&Node, &mut Findings) -> Option<T>,
    ) -> Field<Vec<T>> {
        self.read(key, shape).and_then(|At { value: list, place }| {
            let good: Vec<_> = list.iter().filter_map(|value| entry(value, self.findings)).collect();
            if good.len() == list.len() { Field::Given(At { value: good, place }) } else { Field::Wrong }
        })
    }

    /// Reports that the table has no `key`; `place` is where it would go.
    pub(super) fn missing(&mut self, key: &str, example: &str, place: &At<String>) {
        let title = format!("`{}` has no `{key}`", place.value);
        let problem = Problem::new(title, place.place, format!("`{key}` is missing"));
        self.findings.push(problem.help(format!("add {key} = {example}")).absence());
    }

    /// How messages call `key`: keys of a table within another go with its name.
    fn path(&self, key: &str) -> String {
        if NAMED.contains(&self.name) { key.to_owned() } else { format!("{}.{key}", self.name) }
    }

    /// Reports every key that nothing has asked for, and those that are there twice.
    pub(super) fn finish(self) {
        let mut first = HashMap::new();
        for entry in &self.table.entries {
            if let Some(earlier) = first.insert(&entry.key, entry.place) {
                let problem = Problem::new(format!("`{}` twice", entry.key), entry.place, "again here");
                self.findings.push(problem.also(earlier, "first here").help("remove one of them"));
            } else if !self.known.contains(&entry.key.as_str()) {
                let title = format!("unknown key `{}`", entry.key);
                let help = vocabulary::suggest(self.name, &entry.key, &self.known);
                let label = format!("not a key of {}", self.name);
                self.findings.push(Problem::new(title, entry.place, label).help(help));
            }
        }
    }
}

/// The value as a table.
pub(super) fn table<'n>(value: &'n Node, example: &str) -> Result<&'n Table, Wrong> {
    value.value.as_table().ok_or_else(|| wrong_type("a table", value).help(format!("write {example}")))
}

fn array<'n>(value: &'n Node, lengths: &RangeInclusive<usize>, example: &str) -> Result<&'n [Node], Wrong> {
    let example = format!("write {example}");
    let list = value.value.as_list().ok_or_else(|| wrong_type("a list", value).help(example.clone()))?;
    match list.len() {
        length if lengths.contains(&length) => Ok(list),
        0 => Err(Wrong::new("is empty", "must have at least one entry").help(example)),
        many => Err(Wrong::new("is too long", format!("{many} entries; at most {}", lengths.end()))),
    }
}

/// The entry of a list of words and tables, reported under the list's `key` if it is wrong.
pub(super) fn entry<T>(
    key: &str,
    value: &Node,
    findings: &mut Findings,
    reader: impl FnOnce(&Node) -> Result<T, Wrong>,
) -> Option<At<T>> {
    match reader(value) {
        Ok(read) => Some(At { value: read, place: value.place }),
        Err(wrong) => {
            findings.push(wrong.at(key, value.place));
            None
        }
    }
}

/// Any string.
pub(super) fn string(value: &Node) -> Result<String, Wrong> {
    let found = value.value.as_str().map(ToOwned::to_owned);
    found.ok_or_else(|| wrong_type("a string", value).help("put it in quotes: \"...\""))
}

/// `true` or `false`.
pub(super) fn boolean(value: &Node) -> Result<bool, Wrong> {
    let found = if let Value::Boolean(found) = value.value { Some(found) } else { None };
    found.ok_or_else(|| wrong_type("true or false", value).help("write true or false, without quotes"))
}

/// A whole number within `range`.
pub(super) fn number<T: TryFrom<i64> + PartialOrd + fmt::Display>(
    range: RangeInclusive<T>,
) -> impl Fn(&Node) -> Result<T, Wrong> {
    move |value| {
        let (low, high) = (range.start(), range.end());
        let must = format!("must be {low} to {high}");
        let Some(integer) = value.value.as_integer() else {
            let wrong = wrong_type("a whole number", value);
            return Err(wrong.help(format!("write a number from {low} to {high}, without quotes")));
        };
        let number = T::try_from(integer).ok();
        number.filter(|number| range.contains(number)).ok_or_else(|| Wrong::new("is out of range", must))
    }
}

/// One of `words`.
pub(super) fn one_of<T: Copy>(words: &'static [(&'static str, T)]) -> impl Fn(&Node) -> Result<T, Wrong> {
    move |value| {
        let alternatives = alternatives(words.iter().map(|(word, _)| *word));
        let Some(text) = value.value.as_str() else {
            return Err(wrong_type("a string", value).help(format!("write {alternatives}")));
        };
        if let Some((_, found)) = words.iter().find(|(word, _)| *word == text) {
            return Ok(*found);
        }
        let wrong = Wrong::new("has an unknown value", format!("must be {alternatives}"));
        let near = vocabulary::nearest(text, words.iter().map(|(word, _)| *word));
        Err(match near {
            Some(word) => wrong.help(format!("did you mean \"{word}\"?")),
            None => wrong,
        })
    }
}

/// `"a", "b" or "c"`.
fn alternatives(words: impl Iterator<Item = &'static str>) -> String {
    let words: Vec<String> = words.map(|word| format!("\"{word}\"")).collect();
    match words.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        Some((only, _)) => only.clone(),
        None => String::new(),
    }
}

/// `value` should have been `expected`.
pub(super) fn wrong_type(expected: &str, value: &Node) -> Wrong {
    let found = match value.value {
        Value::String(_) => "a string",
        Value::Integer(_) => "a whole number",
        Value::Float(_) => "a number with a fraction",
        Value::Boolean(_) => "true or false",
        Value::Datetime(_) => "a date",
        Value::List(_) => "a list",
        Value::Table(_) => "a table",
    };
    Wrong::new(format!("must be {expected}"), format!("this is {found}"))
}
