//! What the file says, each value of its own type and range. How values go together is for [`valid`](super::valid).
//!
//! What stands alone (a check, a hook, a route, a peer) is read into what the daemon runs on at once.

mod check;
mod delays;
mod group;
mod hook;
mod http;
mod instance;
mod mail;
mod route;
mod rule;
mod text;
mod track;
mod unicast;
mod words;

use std::{collections::HashMap, time::Duration};

pub(super) use self::{
    check::NamedCheck,
    delays::Delays,
    group::Group,
    hook::{Fifo, Hooks},
    instance::{Authentication, Garp, Instance, interface},
    mail::Mail,
    track::{Track, TrackKey, Tracks},
    unicast::Unicast,
};
pub use self::{hook::is_account, mail::is_mailbox, text::is_host};
use super::{
    MAX_STARTUP_DELAY, User,
    duration::duration,
    keys::{At, FILE, Field, Keys, boolean, table},
    place::Place,
    problem::{Findings, Problem},
    tree::{Kind, Section, Table, Tree},
};

/// The longest name of anything, in bytes. It stands in logs, scripts' arguments and metrics.
const MAX_NAME: usize = 255;

/// The file.
pub(super) struct File {
    /// The host's name.
    pub(super) host: String,
    pub(super) router_id: Field<String>,
    pub(super) script_user: Field<User>,
    pub(super) fifo: Fifo,
    pub(super) vrrp_fifo: Fifo,
    pub(super) mail: Mail,
    /// The default of the key of that name in routers and groups.
    pub(super) smtp_alert: Field<bool>,
    pub(super) ip_nonlocal_bind: Field<bool>,
    pub(super) startup_delay: Field<Duration>,
    /// In the order of the file.
    pub(super) delays: Vec<Delays>,
    /// In the order of the file, like the others.
    pub(super) checks: Vec<NamedCheck>,
    pub(super) instances: Vec<Instance>,
    pub(super) groups: Vec<Group>,
}

impl File {
    /// Reports every value that is wrong by itself.
    pub(super) fn read(tree: &Tree, findings: &mut Findings) -> Self {
        let mut keys = Keys::new(FILE, &tree.top, findings);
        let mut file = Self {
            host: if tree.host.is_empty() { "localhost".to_owned() } else { tree.host.clone() },
            router_id: keys.read("router_id", text::name),
            script_user: keys.read("script_user", hook::user),
            fifo: Fifo::read(&mut keys),
            vrrp_fifo: Fifo::read_vrrp(&mut keys),
            mail: Mail::read(&mut keys),
            smtp_alert: keys.read("smtp_alert", boolean),
            ip_nonlocal_bind: keys.read("ip_nonlocal_bind", boolean),
            startup_delay: keys.read("vrrp_startup_delay", duration(Duration::ZERO..=MAX_STARTUP_DELAY)),
            delays: Vec::new(),
            checks: Vec::new(),
            instances: Vec::new(),
            groups: Vec::new(),
        };
        // What is no table of tables has stayed at the top.
        let misplaced =
            Kind::ALL.map(|kind| (kind, keys.read(kind.word(), |node| table(node, &kind.example()))));
        keys.finish();
        file.read_sections(&tree.sections, findings);
        let is_there = tree.sections.iter().any(|section| section.kind == Kind::Instance);
        if !is_there
            && misplaced.iter().all(|(kind, it)| *kind != Kind::Instance || matches!(it, Field::Absent))
        {
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
                Kind::Delays => self.delays.push(Delays::read(name, table, findings)),
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
