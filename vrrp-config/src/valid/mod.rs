//! How values go together: from what the file says to what the daemon runs on.

mod group;
mod router;
mod rules;
mod track;

use std::{sync::Arc, time::Duration};

use super::{
    Config, Hooks, InterfaceDelays, Mail, MailTls, NotifyFifo, across,
    keys::Field,
    problem::{Findings, Problem},
    raw::{self, File},
};

/// The default of `smtp_connect_timeout`, keepalived's.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);

/// `None` if anything was found.
pub(super) fn config(file: &File, findings: &mut Findings) -> Option<Config> {
    let names = track::Names::of(&file.checks);
    let alert = file.smtp_alert.or(false);
    let routers: Vec<_> =
        file.instances.iter().map(|one| router::router(one, &names, alert, findings)).collect();
    let groups = group::groups(file, &names, alert, findings);
    across::check(&file.instances, findings);
    let router_id = file.router_id.or(file.host.clone());
    let mail = mail(file, findings);
    let notify_fifo = fifo("notify_fifo", &file.fifo, findings);
    let vrrp_notify_fifo = fifo("vrrp_notify_fifo", &file.vrrp_fifo, findings);
    two_fifos(file, findings);
    let config = Config {
        router_id: router_id?,
        routers: routers.into_iter().map(|router| router.map(Arc::new)).collect::<Option<Vec<_>>>()?,
        checks: file.checks.iter().map(|named| named.check.clone()).collect::<Option<Vec<_>>>()?,
        sync_groups: groups?,
        script_user: file.script_user.optional()?,
        notify_fifo: notify_fifo?,
        vrrp_notify_fifo: vrrp_notify_fifo?,
        mail: mail?,
        ip_nonlocal_bind: file.ip_nonlocal_bind.or(false)?,
        startup_delay: file.startup_delay.or(Duration::ZERO)?,
        interface_delays: file.delays.iter().map(delays).collect::<Option<Vec<_>>>()?,
    };
    findings.problems.is_empty().then_some(config)
}

fn delays(delays: &raw::Delays) -> Option<InterfaceDelays> {
    let (down, up) = (delays.down.or(Duration::ZERO)?, delays.up.or(Duration::ZERO)?);
    Some(InterfaceDelays { interface: delays.interface.value.clone(), down, up })
}

/// `alert`: what `smtp_alert` is at the top of the file.
fn hooks(hooks: &raw::Hooks, alert: Option<bool>) -> Option<Arc<Hooks>> {
    let hooks = Hooks {
        notify_master: hooks.notify_master.optional()?,
        notify_backup: hooks.notify_backup.optional()?,
        notify_fault: hooks.notify_fault.optional()?,
        notify_stop: hooks.notify_stop.optional()?,
        notify: hooks.notify.optional()?,
        smtp_alert: hooks.smtp_alert.or(alert?)?,
    };
    Some(hooks.shared())
}

/// Each line would be in it twice.
fn two_fifos(file: &File, findings: &mut Findings) {
    let paths = file.fifo.path.given().zip(file.vrrp_fifo.path.given());
    if let Some((one, other)) = paths.filter(|(one, other)| one.value == other.value) {
        let title = "`vrrp_notify_fifo` is `notify_fifo`";
        let problem = Problem::new(title, other.place, "each line would be in it twice");
        findings.push(problem.also(one.place, "the same").help("remove one of them"));
    }
}

fn fifo(key: &str, fifo: &raw::Fifo, findings: &mut Findings) -> Option<Option<NotifyFifo>> {
    if let (Some(script), Field::Absent) = (fifo.script.given(), &fifo.path) {
        let title = format!("`{key}_script` without `{key}`");
        let problem = Problem::new(title, script.place, "has nothing to read");
        findings.push(problem.help(format!("add {key} = \"/run/vrrpd.fifo\"")).absence());
    }
    let script = fifo.script.optional()?;
    Some(fifo.path.optional()?.map(|path| NotifyFifo { path, script }))
}

/// Also: whoever is to send mails must know where to.
fn mail(file: &File, findings: &mut Findings) -> Option<Option<Mail>> {
    let mail = &file.mail;
    if matches!(mail.to, Field::Absent) {
        nobody_to_write_to(file, findings);
        return Some(None);
    }
    let (server, port) = mail.server.or(("127.0.0.1".to_owned(), 25))?;
    let is_part = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
    let from = format!("vrrpd@{}", file.host.chars().filter(is_part).collect::<String>());
    Some(Some(Mail {
        to: mail.to.given()?.value.iter().map(|at| at.value.clone()).collect(),
        from: mail.from.or(from)?,
        server,
        port,
        helo_name: mail.helo_name.optional()?,
        connect_timeout: mail.connect_timeout.or(CONNECT_TIMEOUT)?,
        tls: mail.tls.or(MailTls::Opportunistic)?,
    }))
}

fn nobody_to_write_to(file: &File, findings: &mut Findings) {
    let mail = &file.mail;
    let alerts = std::iter::once(&file.smtp_alert)
        .chain(file.instances.iter().map(|instance| &instance.hooks.smtp_alert))
        .chain(file.groups.iter().map(|group| &group.hooks.smtp_alert));
    let alerts = alerts.filter_map(Field::given).filter(|at| at.value);
    let alerts = alerts.map(|at| ("smtp_alert", at.place));
    let settings = [
        mail.from.given().map(|at| ("notification_email_from", at.place)),
        mail.server.given().map(|at| ("smtp_server", at.place)),
        mail.helo_name.given().map(|at| ("smtp_helo_name", at.place)),
        mail.connect_timeout.given().map(|at| ("smtp_connect_timeout", at.place)),
        mail.tls.given().map(|at| ("smtp_tls", at.place)),
    ];
    for (key, place) in alerts.chain(settings.into_iter().flatten()) {
        let title = format!("`{key}` without `notification_email`");
        let problem = Problem::new(title, place, "nobody to write to");
        let help = "add notification_email = [\"root@example.net\"] at the top of the file, or remove this";
        findings.push(problem.help(help).absence());
    }
}
