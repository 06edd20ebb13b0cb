//! Types of values: how each is read, written, documented and described in a schema.

use std::{fmt, marker::PhantomData, ops::RangeInclusive, time::Duration};

use serde_json::{Value as Json, json};

use super::{
    duration,
    key::Group,
    keys::{At, Keys, Wrong, alternatives, array, boolean, number, one_of, table},
    place::Place,
    problem::Findings,
    tree::{Node, Table, Value},
};

/// The type of a key's value.
pub(crate) trait Type {
    /// Value in Rust.
    type Out;

    /// Reads the value of `key`; `None` if something was reported.
    fn read(&self, key: &'static str, path: &str, node: &Node, findings: &mut Findings) -> Option<Self::Out>;

    /// Writes a value in a spelling that reads back.
    fn write(&self, value: &Self::Out) -> Value;

    /// The documentation's words for type and range.
    fn text(&self) -> String;

    /// A JSON Schema.
    fn schema(&self) -> Json;

    /// The part of an entry of a list that stands for it.
    fn place(&self, node: &Node) -> Place {
        node.place
    }

    /// Words of ours among the values, and keys within.
    fn words(&self) -> Vec<String> {
        Vec::new()
    }
}

/// Reports under the key's `path`.
pub(crate) fn report<T>(
    read: Result<T, Wrong>,
    path: &str,
    node: &Node,
    findings: &mut Findings,
) -> Option<T> {
    read.map_err(|wrong| findings.push(wrong.at(path, node.place))).ok()
}

/// `true` or `false`.
pub(crate) struct Flag;

impl Type for Flag {
    type Out = bool;

    fn read(&self, _: &'static str, path: &str, node: &Node, findings: &mut Findings) -> Option<bool> {
        report(boolean(node), path, node, findings)
    }

    fn write(&self, value: &bool) -> Value {
        (*value).into()
    }

    fn text(&self) -> String {
        "`true` or `false`".to_owned()
    }

    fn schema(&self) -> Json {
        json!({ "type": "boolean" })
    }
}

/// A whole number within the range.
pub(crate) struct Number<T>(pub(crate) RangeInclusive<T>);

impl<T: TryFrom<i64> + Into<i64> + PartialOrd + fmt::Display + Copy> Type for Number<T> {
    type Out = T;

    fn read(&self, _: &'static str, path: &str, node: &Node, findings: &mut Findings) -> Option<T> {
        report(number(self.0.clone())(node), path, node, findings)
    }

    fn write(&self, value: &T) -> Value {
        Value::Integer((*value).into())
    }

    fn text(&self) -> String {
        format!("{} to {}", self.0.start(), self.0.end())
    }

    fn schema(&self) -> Json {
        let (low, high): (i64, i64) = ((*self.0.start()).into(), (*self.0.end()).into());
        json!({ "type": "integer", "minimum": low, "maximum": high })
    }
}

/// A JSON Schema of a duration.
pub(crate) const DURATION: &str =
    r#"{ "type": "string", "pattern": "^[0-9]+([.][0-9]+)?(ns|us|µs|ms|s|min|h)$" }"#;

/// A duration within the range.
pub(crate) struct Span(pub(crate) RangeInclusive<Duration>);

impl Type for Span {
    type Out = Duration;

    fn read(&self, _: &'static str, path: &str, node: &Node, findings: &mut Findings) -> Option<Duration> {
        report(duration::duration(self.0.clone())(node), path, node, findings)
    }

    fn write(&self, value: &Duration) -> Value {
        duration::spell(*value).into()
    }

    fn text(&self) -> String {
        format!("`\"{}\"` to `\"{}\"`", duration::spell(*self.0.start()), duration::spell(*self.0.end()))
    }

    fn schema(&self) -> Json {
        serde_json::from_str(DURATION).unwrap_or(Json::Bool(false))
    }
}

/// One of some words.
pub(crate) struct Word<T: 'static>(pub(crate) &'static [(&'static str, T)]);

impl<T: Copy + PartialEq> Type for Word<T> {
    type Out = T;

    fn read(&self, _: &'static str, path: &str, node: &Node, findings: &mut Findings) -> Option<T> {
        report(one_of(self.0)(node), path, node, findings)
    }

    fn write(&self, value: &T) -> Value {
        let word = self.0.iter().find(|(_, of)| of == value).map_or("", |(word, _)| word);
        word.into()
    }

    fn text(&self) -> String {
        alternatives(self.0.iter().map(|(word, _)| format!("`\"{word}\"`")))
    }

    fn schema(&self) -> Json {
        json!({ "enum": self.words() })
    }

    fn words(&self) -> Vec<String> {
        self.0.iter().map(|(word, _)| (*word).to_owned()).collect()
    }
}

/// A value with a reader of its own.
pub(crate) struct Own<T> {
    /// The documentation's words for it.
    pub(crate) text: &'static str,
    /// A JSON Schema.
    pub(crate) schema: &'static str,
    pub(crate) read: fn(&Node) -> Result<T, Wrong>,
    pub(crate) write: fn(&T) -> Value,
}

impl<T> Type for Own<T> {
    type Out = T;

    fn read(&self, _: &'static str, path: &str, node: &Node, findings: &mut Findings) -> Option<T> {
        report((self.read)(node), path, node, findings)
    }

    fn write(&self, value: &T) -> Value {
        (self.write)(value)
    }

    fn text(&self) -> String {
        self.text.to_owned()
    }

    fn schema(&self) -> Json {
        // One that is no JSON would allow nothing, which the examples show.
        serde_json::from_str(self.schema).unwrap_or(Json::Bool(false))
    }
}

/// Writes a value as the string that it is shown as.
pub(crate) fn shown<T: ToString>(value: &T) -> Value {
    value.to_string().into()
}

/// A value that no message shows.
pub(crate) struct Secret<C>(pub(crate) C);

impl<C: Type> Type for Secret<C> {
    type Out = C::Out;

    fn read(&self, key: &'static str, path: &str, node: &Node, findings: &mut Findings) -> Option<C::Out> {
        findings.secrets.push(node.place);
        self.0.read(key, path, node, findings)
    }

    fn write(&self, value: &C::Out) -> Value {
        self.0.write(value)
    }

    fn text(&self) -> String {
        self.0.text()
    }

    fn schema(&self) -> Json {
        self.0.schema()
    }
}

/// A list of so many entries.
pub(crate) struct List<C> {
    /// The type of an entry.
    pub(crate) of: C,
    pub(crate) lengths: RangeInclusive<usize>,
    /// The documentation's words for it.
    pub(crate) text: &'static str,
    /// Example of one.
    pub(crate) example: &'static str,
}

impl<C: Type> Type for List<C> {
    type Out = Vec<At<C::Out>>;

    fn read(&self, key: &'static str, path: &str, node: &Node, findings: &mut Findings) -> Option<Self::Out> {
        let list = report(array(node, &self.lengths, self.example), path, node, findings)?;
        let read = list.iter().filter_map(|node| {
            let value = self.of.read(key, path, node, findings)?;
            Some(At { value, place: self.of.place(node) })
        });
        let read: Vec<_> = read.collect();
        (read.len() == list.len()).then_some(read)
    }

    fn write(&self, value: &Self::Out) -> Value {
        let entries = value.iter().map(|at| Node::new(self.of.write(&at.value), at.place));
        Value::List(entries.collect())
    }

    fn text(&self) -> String {
        self.text.to_owned()
    }

    fn schema(&self) -> Json {
        let most = *self.lengths.end();
        let mut schema =
            json!({ "type": "array", "items": self.of.schema(), "minItems": self.lengths.start() });
        if most != usize::MAX {
            schema["maxItems"] = json!(most);
        }
        schema
    }

    fn words(&self) -> Vec<String> {
        self.of.words()
    }
}

/// A table within another.
pub(crate) struct Inline<G> {
    /// Example of one.
    pub(crate) example: &'static str,
    pub(crate) of: PhantomData<G>,
}

impl<G> Inline<G> {
    pub(crate) const fn new(example: &'static str) -> Self {
        Self { example, of: PhantomData }
    }
}

impl<G: Group> Type for Inline<G> {
    type Out = G;

    fn read(&self, key: &'static str, path: &str, node: &Node, findings: &mut Findings) -> Option<G> {
        let table = report(table(node, self.example), path, node, findings)?;
        Some(within::<G>(key, table, findings))
    }

    fn write(&self, value: &G) -> Value {
        let mut table = Table::default();
        value.write(&mut table);
        table.into()
    }

    fn text(&self) -> String {
        "table".to_owned()
    }

    fn schema(&self) -> Json {
        crate::schema::object(&[G::KEYS])
    }

    fn words(&self) -> Vec<String> {
        keys_within::<G>()
    }
}

/// The place of the value of `key` where a node is a table that has it.
pub(crate) fn place_of(key: &str, node: &Node) -> Place {
    node.value.as_table().and_then(|table| table.get(key)).map_or(node.place, |value| value.place)
}

/// Reads all of a table that is called `key`.
pub(crate) fn within<G: Group>(key: &'static str, table: &Table, findings: &mut Findings) -> G {
    let mut keys = Keys::new(key, table, findings);
    let group = G::read(&mut keys);
    keys.finish();
    group
}

/// The names of the keys of a group, and their words.
pub(crate) fn keys_within<G: Group>() -> Vec<String> {
    G::KEYS.iter().flat_map(|key| std::iter::once(key.name.to_owned()).chain((key.about)().words)).collect()
}
