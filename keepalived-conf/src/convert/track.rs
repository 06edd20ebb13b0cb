//! `track_script` and its like: the subjects that instances and groups track.

use std::collections::HashMap;

use vrrp_config::{Node, Place, Table};

use super::{Context, Form, hook::hook, vmac::Macvlans};
use crate::{
    report::Severity,
    tree::Statement,
    vocabulary::{Keyword, Target, carry, keep, unsupported},
    words::Word,
};

/// One entry of a `track_` block.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) weight: Option<i64>,
    reverse: Option<bool>,
    pub(super) place: Place,
    /// Nothing above it defines it.
    is_early: bool,
}

/// Subjects that are tracked, by kind.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tracks {
    lists: [Vec<Entry>; 4],
}

/// A `track_` keyword.
struct Kind {
    key: &'static str,
    /// Key of the subject in an entry.
    name: &'static str,
    /// The keywords of the block that defines the subjects; none for interfaces.
    defined_by: &'static str,
}

const KINDS: [Kind; 4] = [
    Kind { key: "track_script", name: "name", defined_by: "vrrp_script" },
    Kind { key: "track_process", name: "name", defined_by: "vrrp_track_process" },
    Kind { key: "track_file", name: "name", defined_by: "track_file" },
    Kind { key: "track_interface", name: "interface", defined_by: "" },
];

/// Instances and groups: they track, and run scripts when their state changes.
pub(crate) trait Moving: Target + Sized + 'static {
    const TRACKING: &'static [Keyword<Self>] = &[
        carry("track_script", "track_script", "", track::<Self, 0>),
        carry("track_process", "track_process", "", track::<Self, 1>),
        carry("vrrp_track_process", "track_process", "as `track_process`", track::<Self, 1>),
        carry("track_file", "track_file", "", track::<Self, 2>),
        carry("vrrp_track_file", "track_file", "as `track_file`", track::<Self, 2>),
        carry("track_interface", "track_interface", "", track::<Self, 3>),
        unsupported("track_bfd", "there is no BFD"),
    ];

    const NOTIFYING: &'static [Keyword<Self>] = &[
        carry("notify_master", "notify_master", "", hook::<Self>),
        carry("notify_backup", "notify_backup", "", hook::<Self>),
        carry("notify_fault", "notify_fault", "", hook::<Self>),
        carry("notify_stop", "notify_stop", "", hook::<Self>),
        carry("notify", "notify", "", hook::<Self>),
        keep("smtp_alert", "smtp_alert", "", Form::Switch),
        unsupported("notify_deleted", "a router that a reload removes ends as at a stop"),
        unsupported("notify_priority_changes", "see `vrrpd status` and the log"),
    ];

    fn tracks(&mut self) -> &mut Tracks;
}

fn track<T: Moving, const KIND: usize>(target: &mut T, statement: &Statement, context: &mut Context<'_>) {
    let Some(block) = context.block(statement) else { return };
    context.extra(statement, statement.arguments());
    for line in block {
        context.no_block(line);
        if let Some(mut entry) = entry(line, KIND, context)
            && let Some(list) = target.tracks().lists.get_mut(KIND)
        {
            if list.iter().any(|known| known.name == entry.name) {
                context.note(
                    Severity::Harmless,
                    line,
                    "tracked twice: the first entry counts, as in keepalived",
                );
            } else {
                let by = KINDS.get(KIND).map_or("", |kind| kind.defined_by);
                entry.is_early = !by.is_empty() && !context.defined.contains(&(by, entry.name.clone()));
                list.push(entry);
            }
        }
    }
}

/// `NAME [weight N] [reverse|noreverse]`.
fn entry(line: &Statement, kind: usize, context: &mut Context<'_>) -> Option<Entry> {
    if !context.is_defined(line.words.first()?) {
        return None;
    }
    let name = line.keyword().to_owned();
    let mut entry = Entry { name, weight: None, reverse: None, place: line.place, is_early: false };
    let mut words = line.arguments().iter();
    while let Some(word) = words.next() {
        match word.text.as_str() {
            "weight" => {
                let Some(number) = words.next() else {
                    let help = "write weight N";
                    context.faults.push(
                        word.place,
                        "`weight` without a value",
                        "expected a number after this",
                        help,
                    );
                    return None;
                };
                entry.weight = Some(weight(number, kind, context)?);
            }
            "reverse" | "noreverse" | "no_reverse" if entry.weight.is_none() => {
                context.wrong(word, "expected weight N before this");
                return None;
            }
            "reverse" => entry.reverse = Some(true),
            "noreverse" | "no_reverse" => entry.reverse = Some(false),
            _ => {
                context.wrong(
                    word,
                    "expected weight, reverse, noreverse or the end of the line: one name to a line",
                );
                return None;
            }
        }
    }
    Some(entry)
}

/// A weight as keepalived takes it, brought within -253..=253.
pub(super) fn weight(word: &Word, kind: usize, context: &mut Context<'_>) -> Option<i64> {
    let range = if kind == FILE { -2_147_483_647..=2_147_483_647 } else { -254..=254 };
    let weight = context.number(word, range)?;
    let clamped = weight.clamp(-253, 253);
    if clamped != weight {
        let severity = if kind == FILE || kind == PROCESS { Severity::Different } else { Severity::Harmless };
        context.report.push(severity, word.place, "weight", format!("{weight} is {clamped} here"));
    }
    Some(clamped)
}

pub(super) const SCRIPT: usize = 0;
pub(super) const PROCESS: usize = 1;
pub(super) const FILE: usize = 2;
const INTERFACE: usize = 3;

impl Tracks {
    /// Reports every name that nothing defines, or nothing above it; the former are not tracked, as in keepalived.
    pub(super) fn check(&mut self, defined: impl Fn(&str, &str) -> bool, context: &mut Context<'_>) {
        for (kind, list) in KINDS.iter().zip(&mut self.lists) {
            list.retain(|entry| {
                let known = !entry.is_early || defined(kind.defined_by, &entry.name);
                if entry.is_early {
                    let (severity, note) = entry.early(kind, known);
                    context.report.push(severity, entry.place, kind.key, note);
                }
                known
            });
        }
    }

    /// Keeps the entries for which `keep` holds; it is given their kind, the keyword, and their effective weight.
    pub(super) fn retain(
        &mut self,
        weights: &HashMap<(&'static str, String), i64>,
        mut keep: impl FnMut(usize, &'static str, &mut Entry, i64) -> bool,
    ) {
        for (index, (kind, list)) in KINDS.iter().zip(&mut self.lists).enumerate() {
            list.retain_mut(|entry| {
                let weight = entry.effective(kind, weights);
                keep(index, kind.key, entry, weight)
            });
        }
    }

    /// All entries, with the keyword and their effective weight.
    pub(super) fn weighted(
        &self,
        weights: &HashMap<(&'static str, String), i64>,
    ) -> impl Iterator<Item = (&'static str, &Entry, i64)> {
        let lists = KINDS.iter().zip(&self.lists);
        lists.flat_map(|(kind, list)| {
            list.iter().map(|entry| (kind.key, entry, entry.effective(kind, weights)))
        })
    }

    pub(super) fn without_macvlans(&mut self, macvlans: &Macvlans, context: &mut Context<'_>) {
        for entry in self.lists.iter_mut().skip(INTERFACE).flatten() {
            if let Some(beneath) = macvlans.beneath(&entry.name, "track_interface", entry.place, context) {
                entry.name = beneath;
            }
        }
    }

    /// An instance does not track its own interface: it needs that anyway.
    pub(super) fn without_own(&mut self, interface: &str, context: &mut Context<'_>) {
        let Some(list) = self.lists.get_mut(INTERFACE) else { return };
        list.retain(|entry| {
            let own = entry.name == interface;
            if own {
                let note = "the instance's own interface: ignored, as in keepalived";
                context.report.push(Severity::Harmless, entry.place, "track_interface", note);
            }
            !own
        });
    }

    /// The keyword and the place of each entry.
    pub(super) fn places(&self) -> impl Iterator<Item = (&'static str, Place)> {
        let lists = KINDS.iter().zip(&self.lists);
        lists.flat_map(|(kind, list)| list.iter().map(|entry| (kind.key, entry.place)))
    }

    /// The effective weight that it tracks this with, if it does.
    pub(super) fn weight(
        &self,
        kind: usize,
        name: &str,
        weights: &HashMap<(&'static str, String), i64>,
    ) -> Option<i64> {
        let entry = self.lists.get(kind)?.iter().find(|entry| entry.name == name)?;
        Some(entry.effective(KINDS.get(kind)?, weights))
    }

    pub(super) fn plant(&self, table: &mut Table, context: &Context<'_>) {
        for (kind, list) in KINDS.iter().zip(&self.lists) {
            let entries: Vec<Node> = list.iter().map(|entry| entry.to_node(kind.name, context)).collect();
            context.list(table, kind.key, entries);
        }
    }
}

impl Entry {
    /// Note on an entry that nothing above it defines; `known`: something below it does.
    fn early(&self, kind: &Kind, known: bool) -> (Severity, String) {
        let (name, block) = (&self.name, kind.defined_by);
        if known {
            let note = format!("`{name}` is defined below: keepalived does not track it then, vrrpd does");
            return (Severity::Different, note);
        }
        (Severity::Harmless, format!("no {block} is called `{name}`: not tracked, as in keepalived"))
    }

    fn effective(&self, kind: &Kind, weights: &HashMap<(&'static str, String), i64>) -> i64 {
        let of_check = || weights.get(&(kind.defined_by, self.name.clone())).copied().unwrap_or(0);
        self.weight.unwrap_or_else(of_check)
    }

    fn to_node(&self, name: &str, context: &Context<'_>) -> Node {
        let mut options = Table::default();
        if let Some(weight) = self.weight {
            options.set("weight", weight, self.place);
        }
        if let Some(reverse) = self.reverse {
            options.set("reverse", reverse, self.place);
        }
        context.entry(name, self.name.as_str(), options, self.place)
    }
}
