//! Writing: the effective settings as a [`Tree`], and any tree as TOML.

mod check;
mod router;
mod spell;
mod toml;

pub use self::spell::{quote, quote_key};
pub(super) use self::{
    spell::{command_line, scope_word},
    toml::inline,
};
use super::{
    Config, Hooks, Mail, NotifyFifo, Subject, SyncGroup, Tracked,
    key::Group,
    keys::{At, Field, set},
    place::Place,
    raw::track::Track,
    table,
    tree::{Kind, Table, Tree},
};

/// Every setting with its effective value, as a text that [`parse`](super::parse) reads back as an equal `Config`.
/// Passwords are in it in clear.
#[must_use]
pub fn to_toml(config: &Config) -> String {
    tree(config).to_toml()
}

fn tree(config: &Config) -> Tree {
    let mut tree = Tree { top: written(&[&top(config)]), ..Tree::default() };
    let mut add = |kind, name: &str, table| tree.section(kind, name, Place::default(), table);
    for delays in &config.interface_delays {
        let keys = table::Delays { down: set(delays.down), up: set(delays.up) };
        add(Kind::Delays, &delays.interface, written(&[&keys]));
    }
    for check in &config.checks {
        add(check.kind.kind(), &check.name, check::table(check));
    }
    for router in &config.routers {
        let (own, role) = router::keys(router);
        let keys: [&dyn Written; 4] = [&own, &role, &tracks(&router.track, config), &hooks(&router.hooks)];
        add(Kind::Instance, &router.name, written(&keys));
    }
    for group in &config.sync_groups {
        let keys: [&dyn Written; 3] =
            [&members(group, config), &tracks(&group.track, config), &hooks(&group.hooks)];
        add(Kind::Group, &group.name, written(&keys));
    }
    tree
}

/// A group of keys, whichever.
trait Written {
    fn add_to(&self, table: &mut Table);
}

impl<G: Group> Written for G {
    fn add_to(&self, table: &mut Table) {
        self.write(table);
    }
}

fn written(groups: &[&dyn Written]) -> Table {
    let mut table = Table::default();
    groups.iter().for_each(|group| group.add_to(&mut table));
    table
}

/// A list whose entries have no places.
fn list<T: Clone>(entries: &[T]) -> Field<Vec<At<T>>> {
    set(entries.iter().map(|value| At { value: value.clone(), place: Place::default() }).collect())
}

/// A list, if there is anything in it.
fn list_if_any<T: Clone>(entries: &[T]) -> Field<Vec<At<T>>> {
    if entries.is_empty() { Field::Absent(None) } else { list(entries) }
}

fn top(config: &Config) -> table::Top {
    let fifo = |fifo: &Option<NotifyFifo>| {
        let script = fifo.as_ref().and_then(|fifo| fifo.script.clone());
        (fifo.as_ref().map(|fifo| fifo.path.clone()).into(), script.into())
    };
    let ((notify_fifo, notify_fifo_script), (vrrp_notify_fifo, vrrp_notify_fifo_script)) =
        (fifo(&config.notify_fifo), fifo(&config.vrrp_notify_fifo));
    let mail = config.mail.as_ref();
    let of_mail = |part: fn(&Mail) -> String| mail.map(part).into();
    table::Top {
        router_id: set(config.router_id.clone()),
        script_user: config.script_user.clone().into(),
        notify_fifo,
        notify_fifo_script,
        vrrp_notify_fifo,
        vrrp_notify_fifo_script,
        notification_email: mail.map_or(Field::Absent(None), |mail| list(&mail.to)),
        notification_email_from: of_mail(|mail| mail.from.clone()),
        smtp_server: mail.map(|mail| (mail.server.clone(), mail.port)).into(),
        smtp_helo_name: mail.and_then(|mail| mail.helo_name.clone()).into(),
        smtp_connect_timeout: mail.map(|mail| mail.connect_timeout).into(),
        smtp_tls: mail.map(|mail| mail.tls).into(),
        ip_nonlocal_bind: set(config.ip_nonlocal_bind),
        vrrp_startup_delay: set(config.startup_delay),
        smtp_alert: Field::Absent(None),
    }
}

fn members(group: &SyncGroup, config: &Config) -> table::SyncGroup {
    let names = group.members.iter().filter_map(|index| config.routers.get(*index));
    let names: Vec<_> = names.map(|router| router.name.clone()).collect();
    table::SyncGroup { group: list(&names), sync_group_tracking_weight: set(group.tracking_weight) }
}

/// The `track_` keys.
fn tracks(tracked: &[Tracked], config: &Config) -> table::Tracks {
    let all = tracked.iter().filter_map(|Tracked { subject, weight }| {
        let (kind, name) = match subject {
            Subject::Check(index) => {
                config.checks.get(*index).map(|check| (Some(check.kind.kind()), &check.name))?
            }
            Subject::Interface(name) => (None, name),
        };
        let name = At { value: name.clone(), place: Place::default() };
        Some(Track { kind, name, weight: Some(weight.value), reverse: Some(weight.reverse) })
    });
    let all: Vec<Track> = all.collect();
    let of_kind = |kind| {
        let entries: Vec<_> = all.iter().filter(|track| track.kind == kind).cloned().map(Some).collect();
        Some(entries).filter(|entries| !entries.is_empty()).into()
    };
    table::Tracks {
        track_script: of_kind(Some(Kind::Script)),
        track_http: of_kind(Some(Kind::Http)),
        track_tcp: of_kind(Some(Kind::Tcp)),
        track_process: of_kind(Some(Kind::Process)),
        track_file: of_kind(Some(Kind::File)),
        track_interface: of_kind(None),
    }
}

fn hooks(hooks: &Hooks) -> table::Hooks {
    let Hooks { notify_master, notify_backup, notify_fault, notify_stop, notify, smtp_alert } = hooks.clone();
    table::Hooks {
        notify_master: notify_master.into(),
        notify_backup: notify_backup.into(),
        notify_fault: notify_fault.into(),
        notify_stop: notify_stop.into(),
        notify: notify.into(),
        smtp_alert: set(smtp_alert),
    }
}
