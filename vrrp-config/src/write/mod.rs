//! The effective settings as TOML.

mod check;
mod router;
mod spell;
mod toml;

pub(super) use self::spell::scope_word;
pub use self::spell::{quote, quote_key};
use super::{Check, Config, Hook, Hooks, Mail, NotifyFifo, Subject, SyncGroup, Tracked, duration::spell};

/// A key and its value as TOML.
type Setting = (&'static str, String);

/// Every setting with its effective value, as a text that [`parse`](super::parse) reads back as an equal `Config`.
/// Passwords are in it in clear.
#[must_use]
pub fn to_toml(config: &Config) -> String {
    let mut out = format!("router_id = {}\n", quote(&config.router_id));
    let user = config.script_user.as_ref().map(|user| ("script_user", quote(&user.to_string())));
    add(
        &mut out,
        user.into_iter()
            .chain(fifo("notify_fifo", "notify_fifo_script", config.notify_fifo.as_ref()))
            .chain(fifo("vrrp_notify_fifo", "vrrp_notify_fifo_script", config.vrrp_notify_fifo.as_ref()))
            .chain(mail(config.mail.as_ref())),
    );
    add(
        &mut out,
        [
            ("ip_nonlocal_bind", config.ip_nonlocal_bind.to_string()),
            ("vrrp_startup_delay", quote(&spell(config.startup_delay))),
        ],
    );
    for delays in &config.interface_delays {
        out += &format!("\n[interface_up_down_delays.{}]\n", quote_key(&delays.interface));
        add(&mut out, [("down", quote(&spell(delays.down))), ("up", quote(&spell(delays.up)))]);
    }
    for check in &config.checks {
        out += &format!("\n[{}.{}]\n", check.kind.table(), quote_key(&check.name));
        add(&mut out, check::settings(check));
    }
    for router in &config.routers {
        out += &format!("\n[vrrp_instance.{}]\n", quote_key(&router.name));
        add(&mut out, router::settings(router));
        add(&mut out, tracked(&router.track, &config.checks));
        add(&mut out, hooks(&router.hooks));
    }
    for group in &config.sync_groups {
        out += &format!("\n[vrrp_sync_group.{}]\n", quote_key(&group.name));
        add(&mut out, [("group", members(group, config))]);
        add(&mut out, tracked(&group.track, &config.checks));
        add(&mut out, [("sync_group_tracking_weight", group.tracking_weight.to_string())]);
        add(&mut out, hooks(&group.hooks));
    }
    out
}

fn add(out: &mut String, settings: impl IntoIterator<Item = Setting>) {
    for (key, value) in settings {
        *out += &format!("{key} = {value}\n");
    }
}

/// `["a", "b"]`, or one line for each.
fn list<T>(entries: &[T], spell: impl Fn(&T) -> String) -> String {
    match entries {
        [] => "[]".to_owned(),
        [only] => format!("[{}]", spell(only)),
        many => {
            let lines: String = many.iter().map(|one| format!("    {},\n", spell(one))).collect();
            format!("[\n{lines}]")
        }
    }
}

fn fifo(key: &'static str, script: &'static str, fifo: Option<&NotifyFifo>) -> impl Iterator<Item = Setting> {
    let settings = fifo.map(|fifo| {
        let script = fifo.script.as_ref().map(|one| (script, hook(one)));
        std::iter::once((key, quote(&fifo.path.to_string_lossy()))).chain(script)
    });
    settings.into_iter().flatten()
}

fn mail(mail: Option<&Mail>) -> impl Iterator<Item = Setting> {
    let settings = mail.map(|mail| {
        let server = if mail.server.contains(':') {
            format!("[{}]:{}", mail.server, mail.port)
        } else {
            format!("{}:{}", mail.server, mail.port)
        };
        let always = [
            ("notification_email", list(&mail.to, |address| quote(address))),
            ("notification_email_from", quote(&mail.from)),
            ("smtp_server", quote(&server)),
            ("smtp_connect_timeout", quote(&spell(mail.connect_timeout))),
            ("smtp_tls", quote(&mail.tls.to_string())),
        ];
        always.into_iter().chain(mail.helo_name.as_ref().map(|name| ("smtp_helo_name", quote(name))))
    });
    settings.into_iter().flatten()
}

fn members(group: &SyncGroup, config: &Config) -> String {
    let names: Vec<_> = group.members.iter().filter_map(|index| config.routers.get(*index)).collect();
    list(&names, |router| quote(&router.name))
}

/// The `track_` keys.
fn tracked(track: &[Tracked], checks: &[Check]) -> Vec<Setting> {
    let of_kind = |table: Option<&'static str>| {
        let entries = track.iter().filter_map(|tracked| {
            let (name_key, name, found) = match &tracked.subject {
                Subject::Check(index) => {
                    checks.get(*index).map(|check| ("name", check.name.as_str(), Some(check.kind.table())))?
                }
                Subject::Interface(name) => ("interface", name.as_str(), None),
            };
            let weight = tracked.weight;
            let text = format!(
                "{{ {name_key} = {}, weight = {}, reverse = {} }}",
                quote(name),
                weight.value,
                weight.reverse
            );
            (found == table).then_some(text)
        });
        entries.collect::<Vec<_>>()
    };
    let keys = super::raw::TrackKey::ALL.map(|key| (key.key, of_kind(key.table)));
    let given = keys.into_iter().filter(|(_, entries)| !entries.is_empty());
    given.map(|(key, entries)| (key, list(&entries, Clone::clone))).collect()
}

fn hooks(hooks: &Hooks) -> impl Iterator<Item = Setting> {
    let programs = [
        ("notify_master", &hooks.notify_master),
        ("notify_backup", &hooks.notify_backup),
        ("notify_fault", &hooks.notify_fault),
        ("notify_stop", &hooks.notify_stop),
        ("notify", &hooks.notify),
    ];
    let programs = programs.into_iter().filter_map(|(key, one)| one.as_ref().map(|one| (key, hook(one))));
    programs.chain([("smtp_alert", hooks.smtp_alert.to_string())])
}

fn hook(hook: &Hook) -> String {
    let script = quote(&hook.program.to_string());
    let user = hook.user.as_ref().map(|user| format!(", user = {}", quote(&user.to_string())));
    let timeout = quote(&spell(hook.timeout));
    format!("{{ script = {script}{}, timeout = {timeout} }}", user.unwrap_or_default())
}
