//! What a router or a group tracks, by name.

use super::{
    super::{
        keys::{At, Field, Keys, Wrong, boolean, entry, number},
        problem::{Findings, Problem},
    },
    instance::interface,
    text,
};
use crate::tree::Node;

/// A `track_` key: what it is called, where its names come from, and how an entry calls them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TrackKey {
    pub(crate) key: &'static str,
    /// `None`: the names are of interfaces.
    pub(crate) table: Option<&'static str>,
    name: &'static str,
    example: &'static str,
}

const fn of_checks(key: &'static str, table: &'static str, example: &'static str) -> TrackKey {
    TrackKey { key, table: Some(table), name: "name", example }
}

impl TrackKey {
    /// In the order of the documentation.
    pub(crate) const ALL: [Self; 6] = [
        of_checks(
            "track_script",
            "vrrp_script",
            "track_script = [\"NAME\", { name = \"NAME\", weight = -20 }]",
        ),
        of_checks("track_http", "vrrp_http", "track_http = [\"NAME\", { name = \"NAME\", weight = -20 }]"),
        of_checks("track_tcp", "vrrp_tcp", "track_tcp = [\"NAME\", { name = \"NAME\", weight = -20 }]"),
        of_checks(
            "track_process",
            "vrrp_process",
            "track_process = [\"NAME\", { name = \"NAME\", weight = -20 }]",
        ),
        of_checks("track_file", "vrrp_file", "track_file = [\"NAME\", { name = \"NAME\", weight = -20 }]"),
        Self {
            key: "track_interface",
            table: None,
            name: "interface",
            example: "track_interface = [\"eth1\", { interface = \"eth2\", weight = -20 }]",
        },
    ];
}

/// One entry of a `track_` key.
#[derive(Clone)]
pub(crate) struct Track {
    pub(crate) key: TrackKey,
    pub(crate) name: At<String>,
    /// `None`: as the check has it.
    pub(crate) weight: Option<i16>,
    /// `None`: as the check has it.
    pub(crate) reverse: Option<bool>,
}

/// How many entries a key may have: more than anybody has, and bounded.
const MAX_TRACKED: usize = 1000;

/// All that is tracked.
pub(crate) struct Tracks {
    /// What could be read.
    pub(crate) list: Vec<Track>,
    /// Whether that is all.
    pub(crate) is_whole: bool,
}

impl Tracks {
    pub(super) fn read(keys: &mut Keys<'_, '_>) -> Self {
        let mut all = Self { list: Vec::new(), is_whole: true };
        for key in TrackKey::ALL {
            let entries = keys.list(key.key, 0..=MAX_TRACKED, key.example, |value, findings| {
                Some(Track::read(key, value, findings))
            });
            let entries = entries.or(Vec::new());
            all.is_whole &= entries.as_ref().is_some_and(|entries| entries.iter().all(Option::is_some));
            all.list.extend(entries.into_iter().flatten().flatten());
        }
        all
    }
}

impl Track {
    fn read(key: TrackKey, value: &Node, findings: &mut Findings) -> Option<Self> {
        let read_name = move |value: &Node| name(key, value);
        let Some(table) = value.value.as_table() else {
            let name = entry(key.key, value, findings, read_name)?;
            return Some(Self { key, name, weight: None, reverse: None });
        };
        let mut keys = Keys::new(key.key, table, findings);
        let name = keys.read(key.name, read_name);
        let weight = keys.read("weight", number(-253..=253));
        let reverse = keys.read("reverse", boolean);
        if matches!(name, Field::Absent) {
            let title = format!("`{}` has an entry without `{}`", key.key, key.name);
            let problem = Problem::new(title, value.place, format!("no `{}` in here", key.name));
            keys.findings.push(problem.help(format!("write {}", key.example)).absence());
        }
        keys.finish();
        Some(Self {
            key,
            name: name.given()?.clone(),
            weight: weight.optional()?,
            reverse: reverse.optional()?,
        })
    }
}

fn name(key: TrackKey, value: &Node) -> Result<String, Wrong> {
    if key.table.is_none() { interface(value) } else { text::name(value) }
}
