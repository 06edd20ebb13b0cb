//! What the table of keys is made of: a [`Key`], the groups that keys come in, and the macro that makes them.

use serde_json::Value as Json;

use super::{
    keys::Keys,
    tree::{Table, Value},
    types::Type,
    write::inline,
};

/// Consequence of a key that is not there.
pub(crate) enum Absent<T> {
    /// The value that holds then.
    Default(T),
    /// A fault: it must be there. With what could be written after the `=`.
    Required(&'static str),
    /// A text in the documentation; code says the same by hand.
    Says(&'static str),
}

/// One key, as the documentation, the schema and the fuzzer see it.
pub(crate) struct Key {
    pub(crate) name: &'static str,
    /// Lines of the documentation, each with a space before it.
    pub(crate) effect: &'static [&'static str],
    /// keepalived's word, with `=` for the key itself, and its unit if it is another one.
    pub(crate) keepalived: &'static str,
    pub(crate) about: fn() -> About,
}

impl Key {
    /// The documentation of its effect, in one line.
    pub(crate) fn effect(&self) -> String {
        self.effect.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ")
    }
}

/// Facts that follow from the type of a key, and from its absence.
pub(crate) struct About {
    /// Type and range, in the documentation.
    pub(crate) text: String,
    /// The default, in the documentation.
    pub(crate) default: String,
    pub(crate) default_value: Option<Value>,
    pub(crate) is_required: bool,
    pub(crate) schema: Json,
    /// Values that are words of ours.
    pub(crate) words: Vec<String>,
}

impl About {
    pub(crate) fn of<T: Type>(of: &T, absent: &Absent<T::Out>) -> Self {
        let default_value = if let Absent::Default(value) = absent { Some(of.write(value)) } else { None };
        let default = match absent {
            Absent::Default(value) => format!("`{}`", inline(&of.write(value))),
            Absent::Required(_) => "must be given".to_owned(),
            Absent::Says(text) => (*text).to_owned(),
        };
        let is_required = matches!(absent, Absent::Required(_));
        let (text, schema, words) = (of.text(), of.schema(), of.words());
        Self { text, default, default_value, is_required, schema, words }
    }
}

/// Keys that are read and written together.
pub(crate) trait Group: Sized {
    /// Keys of the group, in the order of the documentation.
    const KEYS: &'static [Key];

    /// Reads them, and reports each value that is wrong by itself.
    fn read(keys: &mut Keys<'_, '_>) -> Self;

    /// Writes those that are there.
    fn write(&self, table: &mut Table);
}

/// Declares groups of keys, a key in a line, below what the documentation says of its effect:
/// name, type in Rust, type in the file with its range, what holds when it is absent, keepalived's word.
///
/// From each line come a field of the group's struct with its place, its reading and writing, and its [`Key`], from
/// which the documentation's table, the JSON Schema, suggestions and the fuzzer's dictionary are made.
macro_rules! keys {
    ($(
        $(#[$about:meta])*
        $group:ident {
            $($(#[doc = $effect:literal])+ $key:ident: $out:ty = $of:expr, $absent:expr, $keepalived:literal;)+
        }
    )+) => {
        $(
            $(#[$about])*
            #[derive(Clone, Debug)]
            pub(crate) struct $group {
                $($(#[doc = $effect])+ pub(crate) $key: Field<$out>,)+
            }

            impl Group for $group {
                const KEYS: &'static [Key] = &[$(Key {
                    name: stringify!($key),
                    effect: &[$($effect),+],
                    keepalived: $keepalived,
                    about: || About::of(&$of, &$absent),
                }),+];

                fn read(keys: &mut Keys<'_, '_>) -> Self {
                    Self { $($key: keys.field(stringify!($key), &$of, $absent),)+ }
                }

                fn write(&self, table: &mut Table) {
                    $(table.put(stringify!($key), self.$key.given().map(|at| $of.write(&at.value)));)+
                }
            }
        )+

        /// Every group of keys, by the name that documents call it by.
        pub(crate) const GROUPS: &[(&str, &[Key])] = &[$((stringify!($group), $group::KEYS)),+];
    };
}

pub(crate) use keys;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        keys::{Field, set},
        place::{Place, Source},
        problem::{Findings, Problems},
        schema,
        types::Number,
    };

    keys! {
        /// A group with one key.
        Sample {
            /// Number of grains.
            grain_count: u8 = Number(2..=9), Absent::Default(3), "= (dozens)";
        }
    }

    /// Reads `grain_count = value` with `key` for its name; what is wrong is shown in a text that has the value alone.
    fn read(key: &str, value: i64) -> (Option<u8>, String) {
        let text = value.to_string();
        let mut table = Table::default();
        table.set(key, value, Place::new(0, &(0..text.len())));
        let mut findings = Findings::default();
        let mut keys = Keys::new("vrrp_instance", &table, &mut findings);
        let sample = Sample::read(&mut keys);
        keys.finish();
        (
            sample.grain_count.value(),
            Problems::new(&[Source::new("text".to_owned(), text)], findings).to_string(),
        )
    }

    #[test]
    fn a_line_in_the_table_is_all_that_a_key_needs() {
        assert_eq!(read("grain_count", 7), (Some(7), String::new()));
        let (none, said) = read("grain_count", 10);
        assert!(none.is_none() && said.contains("`grain_count` is out of range"), "{said}");
        assert!(said.contains("text:1:1") && said.contains("must be 2 to 9"), "{said}");
        let (default, said) = read("grain_cuont", 7);
        assert!(default == Some(3) && said.contains("did you mean `grain_count`?"), "{said}");
        let mut table = Table::default();
        Sample { grain_count: set(5) }.write(&mut table);
        assert_eq!(table.integer("grain_count"), Some(5));
        let row = "| `grain_count` | 2 to 9 | `3` | `grain_count` (dozens) | Number of grains. |\n";
        assert_eq!(crate::docs::row("", &Sample::KEYS[0]), row);
        let property = &schema::object(&[Sample::KEYS])["properties"]["grain_count"];
        assert_eq!((&property["maximum"], &property["default"]), (&Json::from(9), &Json::from(3)));
        assert_eq!((property["description"].as_str(), GROUPS.len()), (Some("Number of grains."), 1));
    }
}
