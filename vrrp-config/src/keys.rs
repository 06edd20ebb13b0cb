//! Reading a table key by key: typed, and without stopping at the first fault.

use std::{collections::HashMap, fmt, ops::RangeInclusive};

pub(super) use super::place::At;
use super::{
    key::Absent,
    place::Place,
    problem::{Findings, Problem},
    tree::{Kind, Node, Table, Value},
    types::{Type, report},
    vocabulary,
};

/// Name of the outermost table in messages.
pub(super) const FILE: &str = "the top level";

/// Value that somebody wrote for one key.
#[derive(Clone, Debug)]
pub(super) enum Field<T> {
    /// No value. With the default, where the table of keys has one.
    Absent(Option<T>),
    /// Something that has been found wrong. Nothing is to be concluded from it.
    Wrong,
    /// A value of its type and range.
    Given(At<T>),
}

impl<T> Field<T> {
    /// The value and its place, if there is a good one.
    pub(super) fn given(&self) -> Option<&At<T>> {
        match self {
            Self::Given(at) => Some(at),
            Self::Absent(_) | Self::Wrong => None,
        }
    }

    /// True if nothing was written.
    pub(super) fn is_absent(&self) -> bool {
        matches!(self, Self::Absent(_))
    }
}

impl<T: Clone> Field<T> {
    /// The value, or the default of the table of keys; `None` if there is none, or what was written is wrong.
    pub(super) fn value(&self) -> Option<T> {
        match self {
            Self::Given(at) => Some(at.value.clone()),
            Self::Absent(default) => default.clone(),
            Self::Wrong => None,
        }
    }

    /// The value if there is one: `Some(None)` if nothing was written, `None` if what was is wrong.
    pub(super) fn optional(&self) -> Option<Option<T>> {
        match self {
            Self::Given(at) => Some(Some(at.value.clone())),
            Self::Absent(_) => Some(None),
            Self::Wrong => None,
        }
    }

    /// The value, or a `default` that depends on others; `None` if what was written is wrong.
    pub(super) fn or(&self, default: T) -> Option<T> {
        self.optional().map(|value| value.unwrap_or(default))
    }
}

/// A value to be written.
pub(super) fn set<T>(value: T) -> Field<T> {
    Field::Given(At { value, place: Place::default() })
}

impl<T> From<Option<T>> for Field<T> {
    /// Writes a value if there is one.
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Absent(None), set)
    }
}

/// Reason why a value will not do. Whoever looked it up names the key.
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

    /// All of it in one sentence, without a subject.
    pub(super) fn sentence(&self) -> String {
        format!("{}, {}", self.what, self.label)
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
    /// Name of the table in messages: `vrrp_instance`.
    name: &'static str,
    table: &'t Table,
    known: Vec<&'static str>,
    /// Whose table it is, where keys must be there.
    owner: Option<At<String>>,
    pub(super) findings: &'f mut Findings,
}

impl<'t, 'f> Keys<'t, 'f> {
    pub(super) fn new(name: &'static str, table: &'t Table, findings: &'f mut Findings) -> Self {
        Self { name, table, known: Vec::new(), owner: None, findings }
    }

    /// Makes it the table of `owner`, at whose place keys that must be there are missed.
    pub(super) fn of(self, owner: &At<String>) -> Self {
        Self { owner: Some(owner.clone()), ..self }
    }

    /// Reads a key, and reports what is wrong with its value.
    pub(super) fn field<T: Type>(
        &mut self,
        key: &'static str,
        of: &T,
        absent: Absent<T::Out>,
    ) -> Field<T::Out> {
        self.known.push(key);
        if let Some(node) = self.table.get(key) {
            let value = of.read(key, &self.path(key), node, self.findings);
            return value.map_or(Field::Wrong, |value| Field::Given(At { value, place: node.place }));
        }
        match absent {
            Absent::Default(value) => Field::Absent(Some(value)),
            Absent::Required(example) => {
                if let Some(owner) = self.owner.clone() {
                    self.missing(key, example, &owner);
                }
                Field::Absent(None)
            }
            Absent::Says(_) => Field::Absent(None),
        }
    }

    /// Reports a key that should be the head of a table and is none; true if there is such a key.
    pub(super) fn is_table(&mut self, key: &'static str, example: &str) -> bool {
        self.known.push(key);
        let Some(node) = self.table.get(key) else { return false };
        report(table(node, example), key, node, self.findings);
        true
    }

    /// Reports that the table has no `key`; `place` is where it would go.
    pub(super) fn missing(&mut self, key: &str, example: &str, place: &At<String>) {
        let title = format!("`{}` has no `{key}`", place.value);
        let problem = Problem::new(title, place.place, format!("`{key}` is missing"));
        self.findings.push(problem.help(format!("add {key} = {example}")).absence());
    }

    /// Name of `key` in messages: keys of a table within another go with its name.
    fn path(&self, key: &str) -> String {
        let is_named = self.name == FILE || Kind::of(self.name).is_some_and(|kind| kind != Kind::Delays);
        if is_named { key.to_owned() } else { format!("{}.{key}", self.name) }
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

pub(super) fn array<'n>(
    value: &'n Node,
    lengths: &RangeInclusive<usize>,
    example: &str,
) -> Result<&'n [Node], Wrong> {
    let example = format!("write {example}");
    let list = value.value.as_list().ok_or_else(|| wrong_type("a list", value).help(example.clone()))?;
    match list.len() {
        length if lengths.contains(&length) => Ok(list),
        0 => Err(Wrong::new("is empty", "must have at least one entry").help(example)),
        many => Err(Wrong::new("is too long", format!("{many} entries; at most {}", lengths.end()))),
    }
}

/// Reads any string.
pub(super) fn string(value: &Node) -> Result<String, Wrong> {
    let found = value.value.as_str().map(ToOwned::to_owned);
    found.ok_or_else(|| wrong_type("a string", value).help("put it in quotes: \"...\""))
}

/// `true` or `false`.
pub(super) fn boolean(value: &Node) -> Result<bool, Wrong> {
    value
        .value
        .as_bool()
        .ok_or_else(|| wrong_type("true or false", value).help("write true or false, without quotes"))
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
        let alternatives = alternatives(words.iter().map(|(word, _)| format!("\"{word}\"")));
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

/// `a, b or c`.
pub(super) fn alternatives(words: impl Iterator<Item = String>) -> String {
    let words: Vec<String> = words.collect();
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
