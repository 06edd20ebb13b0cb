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

use std::time::Duration;

use toml::de::DeTable;

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
    keys::{At, FILE, Field, GROUP, INSTANCE, Keys, boolean, table},
    problem::{Findings, Problem},
};

/// The longest name of anything, in bytes. It stands in logs, scripts' arguments and metrics.
const MAX_NAME: usize = 255;

/// The file.
pub(super) struct File {
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
    pub(super) fn read(root: &DeTable<'_>, findings: &mut Findings) -> Self {
        let mut keys = Keys::new(FILE, root, findings);
        let file = Self {
            router_id: keys.read("router_id", text::name),
            script_user: keys.read("script_user", hook::user),
            fifo: Fifo::read(&mut keys),
            vrrp_fifo: Fifo::read_vrrp(&mut keys),
            mail: Mail::read(&mut keys),
            smtp_alert: keys.read("smtp_alert", boolean),
            ip_nonlocal_bind: keys.read("ip_nonlocal_bind", boolean),
            startup_delay: keys.read("vrrp_startup_delay", duration(Duration::ZERO..=MAX_STARTUP_DELAY)),
            delays: named(&mut keys, delays::TABLE, delays::HEAD, Delays::read),
            checks: NamedCheck::read_all(&mut keys),
            instances: instances(&mut keys),
            groups: named(&mut keys, GROUP, "[vrrp_sync_group.NAME]", Group::read),
        };
        keys.finish();
        file
    }
}

fn instances<'t>(keys: &mut Keys<'t, '_>) -> Vec<Instance> {
    let before = keys.findings.problems.len();
    let instances = named(keys, INSTANCE, "[vrrp_instance.NAME]", Instance::read);
    if instances.is_empty() && keys.findings.problems.len() == before {
        let problem = Problem::new("no `vrrp_instance`", 0..0, "nothing to run");
        let help = "add [vrrp_instance.NAME] with interface, virtual_router_id and virtual_ipaddress";
        keys.findings.push(problem.help(help).absence());
    }
    instances
}

/// Everything in the tables `[kind.NAME]`, in the order of the file; `example` shows the head of one.
fn named<'t, T>(
    keys: &mut Keys<'t, '_>,
    kind: &'static str,
    example: &'static str,
    read: impl Fn(At<String>, &'t DeTable<'t>, &mut Findings) -> T,
) -> Vec<T> {
    let found = keys.read(kind, |value| table(value, example));
    let Some(At { value: tables, .. }) = found.given() else { return Vec::new() };
    let mut in_order: Vec<_> = tables.iter().collect();
    in_order.sort_by_key(|(name, _)| name.span().start);
    let read = in_order.into_iter().filter_map(|(name, value)| {
        let name = At { value: name.get_ref().to_string(), span: name.span() };
        if !text::is_name(&name.value) {
            let problem = Problem::new(format!("bad name of a `{kind}`"), name.span.clone(), "here");
            keys.findings.push(problem.help(format!("a name has 1 to {MAX_NAME} printable bytes")));
        }
        match table(value, example) {
            Ok(table) => Some(read(name, table, keys.findings)),
            Err(wrong) => {
                keys.findings.push(wrong.at(&name.value, value.span()));
                None
            }
        }
    });
    read.collect()
}
