//! What somebody wrote, each value of its own type and range. How values go together is for [`valid`](super::valid).
//!
//! What stands alone (a check, a hook, a route, a peer) is read into what the daemon runs on at once.

pub(crate) mod check;
pub(crate) mod hook;
pub(crate) mod http;
pub(crate) mod instance;
pub(crate) mod line;
pub(crate) mod mail;
mod route;
mod rule;
pub(crate) mod text;
pub(crate) mod track;
pub(crate) mod unicast;
mod words;

use std::collections::HashMap;

use self::check::NamedCheck;
pub use self::{
    hook::is_account,
    mail::is_mailbox,
    route::ROUTE,
    rule::RULE,
    text::is_host,
    words::{LineWord, Takes, network, routing_table},
};
use super::{
    key::Group as _,
    keys::{At, FILE, Keys, table},
    place::Place,
    problem::{Findings, Problem},
    table::{self, Hooks, Tracks},
    tree::{Kind, Section, Table, Tree},
};

/// The longest name of anything, in bytes. It stands in logs, scripts' arguments and metrics.
const MAX_NAME: usize = 255;

/// Everything that a configuration says.
pub(super) struct File {
    /// The host's name.
    pub(super) host: String,
    pub(super) top: table::Top,
    /// Sections in the order of the file, like the others.
    pub(super) delays: Vec<(At<String>, table::Delays)>,
    pub(super) checks: Vec<NamedCheck>,
    pub(super) instances: Vec<Instance>,
    pub(super) groups: Vec<Group>,
}

/// One `[vrrp_instance.NAME]`.
pub(super) struct Instance {
    pub(super) name: At<String>,
    pub(super) own: table::Instance,
    pub(super) role: table::Role,
    pub(super) track: Tracks,
    pub(super) hooks: Hooks,
}

/// One `[vrrp_sync_group.NAME]`.
pub(super) struct Group {
    pub(super) name: At<String>,
    pub(super) own: table::SyncGroup,
    pub(super) track: Tracks,
    pub(super) hooks: Hooks,
}

impl File {
    /// Reports every value that is wrong by itself.
    pub(super) fn read(tree: &Tree, findings: &mut Findings) -> Self {
        let mut keys = Keys::new(FILE, &tree.top, findings);
        let mut file = Self {
            host: if tree.host.is_empty() { "localhost".to_owned() } else { tree.host.clone() },
            top: table::Top::read(&mut keys),
            delays: Vec::new(),
            checks: Vec::new(),
            instances: Vec::new(),
            groups: Vec::new(),
        };
        // What is no table of tables has stayed at the top.
        let misplaced = Kind::ALL.map(|kind| keys.is_table(kind.word(), &kind.example()).then_some(kind));
        keys.finish();
        file.read_sections(&tree.sections, findings);
        let is_there = tree.sections.iter().any(|section| section.kind == Kind::Instance);
        if !is_there && !misplaced.contains(&Some(Kind::Instance)) {
            let problem = Problem::new("no `vrrp_instance`", Place::default(), "nothing to run");
            let help = "add [vrrp_instance.NAME] with interface, virtual_router_id and virtual_ipaddress";
            findings.push(problem.help(help).absence());
        }
        file
    }

    fn read_sections(&mut self, sections: &[Section], findings: &mut Findings) {
        let mut first = HashMap::new();
        for section in sections {
            if let Some(earlier) = first.insert((section.kind, &section.name), section.place) {
                let problem = Problem::new(format!("`{}` twice", section.name), section.place, "again here");
                findings.push(problem.also(earlier, "first here").help("remove one of them"));
            }
            let Some((name, table)) = head(section, findings) else { continue };
            match section.kind {
                Kind::Delays => self.delays.push(delays(name, table, findings)),
                Kind::Script | Kind::Http | Kind::Tcp | Kind::Process | Kind::File => {
                    self.checks.push(NamedCheck::read(section.kind, name, table, findings));
                }
                Kind::Instance => self.instances.push(Instance::read(name, table, findings)),
                Kind::Group => self.groups.push(Group::read(name, table, findings)),
            }
        }
    }
}

/// The name of a section, and its table if it is one.
fn head<'t>(section: &'t Section, findings: &mut Findings) -> Option<(At<String>, &'t Table)> {
    let Section { kind, name, place, node } = section;
    if !text::is_name(name) {
        let problem = Problem::new(format!("bad name of a `{}`", kind.word()), *place, "here");
        findings.push(problem.help(format!("a name has 1 to {MAX_NAME} printable bytes")));
    }
    let table = table(node, &kind.example()).map_err(|wrong| findings.push(wrong.at(name, node.place)));
    Some((At { value: name.clone(), place: *place }, table.ok()?))
}

fn delays(name: At<String>, table: &Table, findings: &mut Findings) -> (At<String>, table::Delays) {
    if let Err(wrong) = instance::interface_name(name.value.clone()) {
        findings.push(wrong.at(&name.value, name.place));
    }
    let mut keys = Keys::new(Kind::Delays.word(), table, findings);
    let delays = table::Delays::read(&mut keys);
    keys.finish();
    (name, delays)
}

impl Instance {
    fn read(name: At<String>, table: &Table, findings: &mut Findings) -> Self {
        let mut keys = Keys::new(Kind::Instance.word(), table, findings).of(&name);
        let own = table::Instance::read(&mut keys);
        let role = table::Role::read(&mut keys);
        let (track, hooks) = (Tracks::read(&mut keys), Hooks::read(&mut keys));
        keys.finish();
        Self { name, own, role, track, hooks }
    }
}

impl Group {
    fn read(name: At<String>, table: &Table, findings: &mut Findings) -> Self {
        let mut keys = Keys::new(Kind::Group.word(), table, findings).of(&name);
        let own = table::SyncGroup::read(&mut keys);
        let (track, hooks) = (Tracks::read(&mut keys), Hooks::read(&mut keys));
        keys.finish();
        Self { name, own, track, hooks }
    }
}
