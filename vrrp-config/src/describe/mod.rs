//! The effective settings for a person, with what follows from them.

mod check;
mod role;
mod router;

use std::time::Duration;

use super::{Config, InterfaceDelays, Mail, MailTls, NotifyFifo, SyncGroup, duration::spell};

/// A heading and a line of text; no heading for a line that goes on.
type Line = (&'static str, String);

/// Description of what each router will do: its settings, the timers that follow from them, and how elections end. Passwords are not
/// in it.
#[must_use]
pub fn describe(config: &Config) -> String {
    let mut out = format!("router_id {}\n", config.router_id);
    add(&mut out, host(config));
    for router in &config.routers {
        out += &format!("\n{} on {}\n", router.name, router.interface);
        add(&mut out, router::lines(router, config));
    }
    for group in &config.sync_groups {
        out += &format!("\nsync group {}\n", group.name);
        add(&mut out, group_lines(group, config));
    }
    for check in &config.checks {
        out += &format!("\n{} {}\n", check.kind.table(), check.name);
        add(&mut out, check::lines(check, config));
    }
    out
}

fn add(out: &mut String, lines: Vec<Line>) {
    for (what, value) in lines {
        *out += format!("  {what:<19}{value}").trim_end();
        out.push('\n');
    }
}

/// The heading before the first of `values` only.
fn under(heading: &'static str, values: impl IntoIterator<Item = String>) -> impl Iterator<Item = Line> {
    std::iter::once(heading).chain(std::iter::repeat("")).zip(values)
}

fn host(config: &Config) -> Vec<Line> {
    let mut lines = Vec::new();
    let users = config.script_user.as_ref();
    lines.extend(users.map(|user| ("scripts run as", format!("{user}, unless they name a user"))));
    let fifos = [&config.notify_fifo, &config.vrrp_notify_fifo].into_iter().flatten().map(notify_fifo);
    lines.extend(under("notify FIFO", fifos));
    if config.ip_nonlocal_bind {
        lines.push(("bind", "services may bind addresses that are not here (ip_nonlocal_bind)".to_owned()));
    }
    if !config.startup_delay.is_zero() {
        let delay = spell(config.startup_delay);
        lines.push(("start", format!("no router takes part for {delay}, unless its lease is still running")));
    }
    lines.extend(under("links", config.interface_delays.iter().map(link)));
    lines.extend(config.mail.as_ref().map(|one| ("mail", mail(one))));
    lines
}

fn link(delays: &InterfaceDelays) -> String {
    let after = |delay: Duration| {
        if delay.is_zero() { "at once".to_owned() } else { format!("after {}", spell(delay)) }
    };
    format!("{} counts as down {}, as up {}", delays.interface, after(delays.down), after(delays.up))
}

fn notify_fifo(fifo: &NotifyFifo) -> String {
    let path = fifo.path.display();
    fifo.script.as_ref().map_or_else(
        || format!("{path}, read by whoever opens it"),
        |script| format!("{path}, read by {}", role::hook(script)),
    )
}

fn mail(mail: &Mail) -> String {
    let tls = match mail.tls {
        MailTls::None => "without TLS",
        MailTls::Opportunistic => "with STARTTLS if the server has it",
        MailTls::Required => "with STARTTLS and a valid certificate",
    };
    let timeout = spell(mail.connect_timeout);
    format!(
        "to {} from {}, by {} port {} {tls}, given up after {timeout}",
        mail.to.join(", "),
        mail.from,
        mail.server,
        mail.port
    )
}

fn group_lines(group: &SyncGroup, config: &Config) -> Vec<Line> {
    let names = group.members.iter().filter_map(|index| config.routers.get(*index));
    let names: Vec<_> = names.map(|router| router.name.as_str()).collect();
    let mut lines = vec![("members", format!("{}, which change their state together", names.join(", ")))];
    lines.extend(under("tracks", group.track.iter().map(|tracked| role::tracked(tracked, config))));
    let weights = if group.tracking_weight {
        "count, of members and of the group"
    } else {
        "do not count: what members track is a fault or nothing (sync_group_tracking_weight = false)"
    };
    lines.push(("weights", weights.to_owned()));
    lines.extend(role::hooks(&group.hooks));
    lines
}
