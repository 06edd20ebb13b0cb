//! What is made of the table of keys for documents and tools.

use super::{
    key::Key,
    table::{self, GROUPS},
    tree::Kind,
};

/// The groups of keys, by name, and the names of their keys.
pub fn groups() -> impl Iterator<Item = (&'static str, Vec<&'static str>)> {
    GROUPS.iter().map(|(name, keys)| (*name, keys.iter().map(|key| key.name).collect()))
}

/// The rows of the documentation's table for a group of keys: `Hooks`, or `garp.Garp` for keys that go with the name
/// of their table. `None` if there is no such group.
#[must_use]
pub fn rows(name: &str) -> Option<String> {
    let (prefix, group) = match name.rfind('.') {
        Some(dot) => name.split_at(dot + 1),
        None => ("", name),
    };
    let (_, keys) = GROUPS.iter().find(|(name, _)| *name == group)?;
    Some(keys.iter().map(|key| row(prefix, key)).collect())
}

pub(crate) fn row(prefix: &str, key: &Key) -> String {
    let about = (key.about)();
    let theirs = match key.keepalived.strip_prefix('=') {
        Some(rest) => format!("`{}`{rest}", key.name),
        None => key.keepalived.to_owned(),
    };
    format!("| `{prefix}{}` | {} | {} | {theirs} | {} |\n", key.name, about.text, about.default, key.effect())
}

/// Every word that has a meaning in a configuration: tables, keys, and values that are words.
#[must_use]
pub fn words() -> Vec<String> {
    let groups = Kind::ALL.iter().flat_map(|kind| table::of_kind(*kind)).chain(table::TOP);
    let keys = groups.copied().flatten();
    let of_key = |key: &Key| std::iter::once(key.name.to_owned()).chain((key.about)().words);
    let kinds = Kind::ALL.iter().map(|kind| kind.word().to_owned());
    let mut words: Vec<_> = keys.flat_map(of_key).chain(kinds).collect();
    words.sort_unstable();
    words.dedup();
    words
}
