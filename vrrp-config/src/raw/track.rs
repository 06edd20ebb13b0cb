//! What a router or a group tracks, by name.

use serde_json::{Value as Json, json};

use super::super::{
    keys::{At, Field, set},
    problem::{Findings, Problem},
    schema::either,
    table::{TrackedCheck, TrackedInterface, Tracks},
    tree::{Kind, Node, Value},
    types::{Inline, Type, keys_within, report, within},
};
use super::{instance::INTERFACE, text::NAME};
use crate::keys::array;

/// Bound of the entries of a key: more than anybody has, and bounded.
const MAX_TRACKED: usize = 1000;

/// One entry of a `track_` key.
#[derive(Clone, Debug)]
pub(crate) struct Track {
    /// `None`: an interface.
    pub(crate) kind: Option<Kind>,
    pub(crate) name: At<String>,
    /// `None`: as the check has it.
    pub(crate) weight: Option<i16>,
    /// `None`: as the check has it.
    pub(crate) reverse: Option<bool>,
}

/// The key by which checks of that kind are tracked, or interfaces.
pub(crate) const fn key_of(kind: Option<Kind>) -> &'static str {
    match kind {
        Some(Kind::Script) => "track_script",
        Some(Kind::Http) => "track_http",
        Some(Kind::Tcp) => "track_tcp",
        Some(Kind::Process) => "track_process",
        Some(Kind::File) => "track_file",
        None | Some(Kind::Delays | Kind::Instance | Kind::Group) => "track_interface",
    }
}

impl Tracks {
    /// All entries, as far as they could be read, and whether that is all.
    pub(crate) fn all(&self) -> (impl Iterator<Item = &Track>, bool) {
        let lists = [
            &self.track_script,
            &self.track_http,
            &self.track_tcp,
            &self.track_process,
            &self.track_file,
            &self.track_interface,
        ];
        let entries = lists.into_iter().filter_map(Field::given).flat_map(|list| &list.value);
        let is_whole =
            lists.iter().all(|list| !matches!(list, Field::Wrong)) && entries.clone().all(Option::is_some);
        (entries.flatten(), is_whole)
    }
}

/// A list of names of checks, or of interfaces, and tables with these.
pub(crate) struct TrackList(pub(crate) Option<Kind>);

impl TrackList {
    fn example(&self) -> String {
        let key = key_of(self.0);
        if self.0.is_some() {
            format!("{key} = [\"NAME\", {{ name = \"NAME\", weight = -20 }}]")
        } else {
            format!("{key} = [\"eth1\", {{ interface = \"eth2\", weight = -20 }}]")
        }
    }

    fn entry(&self, key: &'static str, path: &str, node: &Node, findings: &mut Findings) -> Option<Track> {
        let Some(table) = node.value.as_table() else {
            let name = match self.0 {
                Some(_) => NAME.read(key, path, node, findings)?,
                None => INTERFACE.read(key, path, node, findings)?,
            };
            let name = At { value: name, place: node.place };
            return Some(Track { kind: self.0, name, weight: None, reverse: None });
        };
        let (name, word, weight, reverse) = if self.0.is_some() {
            let TrackedCheck { name, weight, reverse } = within(key, table, findings);
            (name, "name", weight, reverse)
        } else {
            let TrackedInterface { interface, weight, reverse } = within(key, table, findings);
            (interface, "interface", weight, reverse)
        };
        if name.is_absent() {
            let title = format!("`{key}` has an entry without `{word}`");
            let problem = Problem::new(title, node.place, format!("no `{word}` in here"));
            findings.push(problem.help(format!("write {}", self.example())).absence());
        }
        let name = name.given()?.clone();
        Some(Track { kind: self.0, name, weight: weight.optional()?, reverse: reverse.optional()? })
    }

    fn table(&self, track: &Track) -> Value {
        let (weight, reverse) = (track.weight.into(), track.reverse.into());
        let name = set(track.name.value.clone());
        if self.0.is_some() {
            Inline::<TrackedCheck>::new("").write(&TrackedCheck { name, weight, reverse })
        } else {
            Inline::<TrackedInterface>::new("").write(&TrackedInterface { interface: name, weight, reverse })
        }
    }
}

impl Type for TrackList {
    /// `None` for an entry that is wrong: the others are judged all the same.
    type Out = Vec<Option<Track>>;

    fn read(&self, key: &'static str, path: &str, node: &Node, findings: &mut Findings) -> Option<Self::Out> {
        let list = report(array(node, &(0..=MAX_TRACKED), &self.example()), path, node, findings)?;
        Some(list.iter().map(|node| self.entry(key, path, node, findings)).collect())
    }

    fn write(&self, tracks: &Self::Out) -> Value {
        Value::list(tracks.iter().flatten().map(|track| self.table(track)))
    }

    fn text(&self) -> String {
        "list of names or tables".to_owned()
    }

    fn schema(&self) -> Json {
        let entry = if self.0.is_some() {
            either(&NAME, &Inline::<TrackedCheck>::new(""))
        } else {
            either(&INTERFACE, &Inline::<TrackedInterface>::new(""))
        };
        json!({ "type": "array", "items": entry, "maxItems": MAX_TRACKED })
    }

    fn words(&self) -> Vec<String> {
        if self.0.is_some() { keys_within::<TrackedCheck>() } else { keys_within::<TrackedInterface>() }
    }
}
