//! Lines of TOML, each with the place that it comes from.

use super::{Context, Given};
use crate::{
    config::{Program, quote, quote_key},
    keepalived::text::Place,
};

/// One entry of a list, as TOML.
#[derive(Clone, Debug)]
pub(in crate::keepalived) struct Item {
    pub(super) toml: String,
    pub(super) place: Place,
}

/// Something that is not carried over.
#[derive(Clone, Debug)]
pub(in crate::keepalived) struct Remark {
    pub(super) place: Place,
    pub(super) text: String,
}

/// A table in the making.
pub(super) struct Writer<'w, 'c> {
    pub(super) out: &'w mut String,
    pub(super) context: &'w Context<'c>,
}

impl Writer<'_, '_> {
    fn at(&self, place: Place) -> String {
        in_a_comment(&self.context.at(place).to_string())
    }

    /// `[kind.name]`.
    pub(super) fn head(&mut self, kind: &str, name: &str, place: Place) {
        let at = self.at(place);
        *self.out += &format!("\n[{kind}.{}]  # {at}\n", quote_key(name));
    }

    /// `key = value`, and where it comes from.
    pub(super) fn line(&mut self, key: &str, value: &str, place: Place) {
        let at = self.at(place);
        *self.out += &format!("{key} = {value}  # {at}\n");
    }

    /// A default of keepalived's that is not ours.
    pub(super) fn default(&mut self, key: &str, value: &str) {
        *self.out += &format!("{key} = {value}  # keepalived's default\n");
    }

    pub(super) fn string(&mut self, key: &str, given: Option<&Given<String>>) {
        if let Some(given) = given {
            self.line(key, &quote(&given.value), given.place);
        }
    }

    pub(super) fn show<T: ToString + Copy>(&mut self, key: &str, given: Option<Given<T>>) {
        if let Some(given) = given {
            self.line(key, &given.value.to_string(), given.place);
        }
    }

    /// A list with one entry to a line; nothing if it is empty.
    pub(super) fn list(&mut self, key: &str, items: &[Item]) {
        if items.is_empty() {
            return;
        }
        *self.out += &format!("{key} = [\n");
        for Item { toml, place } in items {
            *self.out += &format!("    {toml},  # {}\n", self.at(*place));
        }
        *self.out += "]\n";
    }

    /// Comments on what is left out.
    pub(super) fn remarks(&mut self, remarks: &[Remark]) {
        for Remark { place, text } in remarks {
            *self.out += &format!("# {}: {}\n", self.at(*place), in_a_comment(text));
        }
    }
}

/// Names of files and words may hold anything; a comment of TOML holds no control character, and ends with its line.
pub(super) fn in_a_comment(text: &str) -> String {
    text.replace(char::is_control, "\u{fffd}")
}

/// Words as one command line that is parted into the same words again, and that needs no shell.
pub(super) fn command_line(words: Vec<String>) -> String {
    Program::Direct(words).to_string()
}

/// A duration as the configuration takes it.
pub(super) fn spell(duration: std::time::Duration) -> String {
    quote(&if duration.is_zero() { "0s".to_owned() } else { format!("{duration:?}") })
}
