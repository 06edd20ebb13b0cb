//! Lines of TOML, each with the place that it comes from.

use super::{Context, Given};
use crate::text::Place;
use vrrp_config::{Program, quote, quote_key};

/// One entry of a list, as TOML.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    pub(super) toml: String,
    pub(super) place: Place,
}

/// Something that is not carried over.
#[derive(Clone, Debug)]
pub(crate) struct Remark {
    pub(super) place: Place,
    pub(super) text: String,
}

/// Where each line of the TOML comes from.
#[derive(Clone, Debug, Default)]
pub(crate) struct Origins(Vec<(usize, Place)>);

impl Origins {
    /// The place that the line with this byte of the TOML comes from; where that has none, the one of the line above.
    pub(crate) fn of(&self, at: usize) -> Place {
        let after = self.0.partition_point(|(start, _)| *start <= at);
        let line = self.0.get(after.saturating_sub(1));
        line.map_or(Place { file: 0, start: 0, end: 0 }, |(_, place)| *place)
    }
}

/// A table in the making.
pub(super) struct Writer<'w, 'c> {
    pub(super) out: &'w mut String,
    pub(super) origins: &'w mut Origins,
    pub(super) context: &'w Context<'c>,
}

impl Writer<'_, '_> {
    fn at(&self, place: Place) -> String {
        in_a_comment(&self.context.at(place).to_string())
    }

    /// The place in words, for a line that is begun with it.
    fn begin(&mut self, place: Place) -> String {
        self.origins.0.push((self.out.len(), place));
        self.at(place)
    }

    /// `[kind.name]`.
    pub(super) fn head(&mut self, kind: &str, name: &str, place: Place) {
        let at = self.begin(place);
        *self.out += &format!("\n[{kind}.{}]  # {at}\n", quote_key(name));
    }

    /// `key = value`, and where it comes from.
    pub(super) fn line(&mut self, key: &str, value: &str, place: Place) {
        let at = self.begin(place);
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
        let Some(first) = items.first() else { return };
        self.begin(first.place);
        *self.out += &format!("{key} = [\n");
        for Item { toml, place } in items {
            let at = self.begin(*place);
            *self.out += &format!("    {toml},  # {at}\n");
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
