//! A configuration before it is judged: keys, values, and where each of them stands.
//!
//! Whoever has a configuration in another language fills a [`Tree`] with our keys and the places of *its* text, and has
//! it [judged](crate::judge()): what is wrong is then shown there, every problem in one run. The same tree
//! [writes](Tree::to_toml) the TOML.
//!
//! ```
//! use vrrp_config::{Kind, Place, Source, Table, Tree, judge};
//!
//! let text = "vrrp_instance A {\n  priority 300\n}\n".to_owned();
//! let mut tree = Tree { sources: vec![Source::new("k.conf".to_owned(), text)], ..Tree::default() };
//! let mut instance = Table::default();
//! instance.set("priority", 300, Place { file: 0, start: 20, end: 32 });
//! tree.section(Kind::Instance, "A", Place { file: 0, start: 0, end: 15 }, instance);
//!
//! let problems = judge(&tree).unwrap_err().to_string();
//! assert!(problems.contains("k.conf:2:3") && problems.contains("must be 1 to 255"));
//! assert!(problems.contains("k.conf:1:1") && problems.contains("`A` has no `interface`"));
//! assert_eq!(tree.to_toml(), "[vrrp_instance.A]\npriority = 300\n");
//! ```

use crate::place::{Place, Source};

/// A configuration as somebody wrote it: any keys, any values.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    /// The files that its places are in.
    pub sources: Vec<Source>,
    /// Name of the host that it is for: the default of `router_id`, and in that of `notification_email_from`.
    pub host: String,
    /// The keys outside all sections.
    pub top: Table,
    /// The sections, in the order in which they are to be read and written.
    pub sections: Vec<Section>,
    /// Places in the sources that are never shown, beside those of secret keys, which are known.
    pub secrets: Vec<Place>,
}

impl Tree {
    /// Adds `[kind.name]`; `place` is that of its head.
    pub fn section(&mut self, kind: Kind, name: &str, place: Place, table: Table) {
        let node = Node::new(table, place);
        self.sections.push(Section { kind, name: name.to_owned(), place, node });
    }
}

/// The tables that have a name of the user's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// `interface_up_down_delays`; its name is an interface.
    Delays,
    /// `vrrp_script`.
    Script,
    /// `vrrp_http`.
    Http,
    /// `vrrp_tcp`.
    Tcp,
    /// `vrrp_process`.
    Process,
    /// `vrrp_file`.
    File,
    /// `vrrp_instance`.
    Instance,
    /// `vrrp_sync_group`.
    Group,
}

impl Kind {
    /// Kinds in the order of the documentation.
    pub const ALL: [Self; 8] = [
        Self::Delays,
        Self::Script,
        Self::Http,
        Self::Tcp,
        Self::Process,
        Self::File,
        Self::Instance,
        Self::Group,
    ];

    /// The word in its head: `vrrp_instance`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Delays => "interface_up_down_delays",
            Self::Script => "vrrp_script",
            Self::Http => "vrrp_http",
            Self::Tcp => "vrrp_tcp",
            Self::Process => "vrrp_process",
            Self::File => "vrrp_file",
            Self::Instance => "vrrp_instance",
            Self::Group => "vrrp_sync_group",
        }
    }

    /// The kind with that word.
    #[must_use]
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }

    /// An example of its head.
    pub(crate) fn example(self) -> String {
        let name = if self == Self::Delays { "eth0" } else { "NAME" };
        format!("[{}.{name}]", self.word())
    }
}

/// `[kind.name]` and what is below it.
#[derive(Clone, Debug)]
pub struct Section {
    /// Kind of the table.
    pub kind: Kind,
    /// Name that the user gave it.
    pub name: String,
    /// The place of its name, or of its head.
    pub place: Place,
    /// A table, unless somebody wrote something else there.
    pub node: Node,
}

/// Keys and their values, in order.
#[derive(Clone, Debug, Default)]
pub struct Table {
    pub(crate) entries: Vec<Entry>,
    /// Comments behind the last key.
    pub remarks: Vec<String>,
}

impl Table {
    /// Adds a key. One that is there already is found to be there twice.
    pub fn set(&mut self, key: &str, value: impl Into<Value>, place: Place) {
        self.add(key, Node::new(value, place));
    }

    /// Adds a key with all that belongs to its value.
    pub fn add(&mut self, key: &str, node: Node) {
        self.entries.push(Entry { key: key.to_owned(), place: node.place, node });
    }

    /// Adds a key if there is something to write.
    pub(crate) fn put(&mut self, key: &str, value: Option<Value>) {
        if let Some(value) = value {
            self.set(key, value, Place::default());
        }
    }

    /// The value of `key`.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entries.iter().find(|entry| entry.key == key).map(|entry| &entry.node)
    }

    /// The string under `key`, if there is one.
    #[must_use]
    pub fn text(&self, key: &str) -> Option<&str> {
        self.get(key)?.value.as_str()
    }

    /// The whole number under `key`, if there is one.
    #[must_use]
    pub fn integer(&self, key: &str) -> Option<i64> {
        self.get(key)?.value.as_integer()
    }

    /// `true` or `false` under `key`, if there is one of them.
    #[must_use]
    pub fn flag(&self, key: &str) -> Option<bool> {
        self.get(key)?.value.as_bool()
    }

    /// Adds all the keys of another table.
    pub fn extend(&mut self, other: Self) {
        self.entries.extend(other.entries);
    }

    /// Takes a key out.
    pub fn take(&mut self, key: &str) -> Option<Node> {
        let at = self.entries.iter().position(|entry| entry.key == key)?;
        Some(self.entries.remove(at).node)
    }

    /// Puts a value in the place of the one that `key` has, which is returned; behind the last key if there is none.
    pub fn replace(&mut self, key: &str, node: Node) -> Option<Node> {
        if let Some(entry) = self.entries.iter_mut().find(|entry| entry.key == key) {
            entry.place = node.place;
            return Some(std::mem::replace(&mut entry.node, node));
        }
        self.add(key, node);
        None
    }

    /// True if there is no key in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

/// A key with its value.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) key: String,
    /// The key's, or the value's where the key has none of its own.
    pub(crate) place: Place,
    pub(crate) node: Node,
}

/// A value, its place, and a comment behind it.
#[derive(Clone, Debug)]
pub struct Node {
    /// The value.
    pub value: Value,
    /// Place of the value.
    pub place: Place,
    /// Written behind it, on the same line, in TOML.
    pub comment: Option<String>,
}

impl Node {
    /// A value without a comment.
    #[must_use]
    pub fn new(value: impl Into<Value>, place: Place) -> Self {
        Self { value: value.into(), place, comment: None }
    }

    /// Adds a comment. Only keys outside inline tables, and entries of lists, can have one.
    #[must_use]
    pub fn comment(self, comment: impl Into<String>) -> Self {
        Self { comment: Some(comment.into()), ..self }
    }
}

/// Values of TOML.
#[derive(Clone, Debug)]
pub enum Value {
    /// A string.
    String(String),
    /// A whole number; one beyond 64 bits is the nearest within.
    Integer(i64),
    /// A number with a fraction, as it is written. No key takes one.
    Float(String),
    /// `true` or `false`.
    Boolean(bool),
    /// A date or a time, as it is written. No key takes one.
    Datetime(String),
    /// A list.
    List(Vec<Node>),
    /// An inline table, or one with a head.
    Table(Table),
}

impl Value {
    /// The string, if it is one.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        if let Self::String(text) = self { Some(text) } else { None }
    }

    /// The whole number, if it is one.
    #[must_use]
    pub fn as_integer(&self) -> Option<i64> {
        if let Self::Integer(number) = self { Some(*number) } else { None }
    }

    /// The truth, if it is `true` or `false`.
    #[must_use]
    pub fn as_bool(&self) -> Option<bool> {
        if let Self::Boolean(value) = self { Some(*value) } else { None }
    }

    /// The list, if it is one.
    pub(crate) fn as_list(&self) -> Option<&[Node]> {
        if let Self::List(list) = self { Some(list) } else { None }
    }

    /// The table, if it is one.
    pub(crate) fn as_table(&self) -> Option<&Table> {
        if let Self::Table(table) = self { Some(table) } else { None }
    }
}

impl Value {
    /// A list of values without places.
    pub(crate) fn list(values: impl IntoIterator<Item = Self>) -> Self {
        Self::List(values.into_iter().map(|value| Node::new(value, Place::default())).collect())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::String(text)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(text.to_owned())
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Boolean(value)
    }
}

/// Numbers that fit into 64 bits.
macro_rules! integers {
    ($($number:ty)*) => {
        $(impl From<$number> for Value {
            fn from(number: $number) -> Self {
                Self::Integer(i64::from(number))
            }
        })*
    };
}

integers!(u8 u16 u32 i16 i32 i64);

impl From<Vec<Node>> for Value {
    fn from(list: Vec<Node>) -> Self {
        Self::List(list)
    }
}

impl From<Table> for Value {
    fn from(table: Table) -> Self {
        Self::Table(table)
    }
}
