//! How values go together: from what the file says to what the daemon runs on.

mod group;
mod router;
mod rules;
mod track;

use std::{path::PathBuf, sync::Arc};

use super::{
    Config, Hook, Hooks, InterfaceDelays, Mail, NotifyFifo, across,
    keys::{At, Field},
    problem::{Findings, Problem},
    raw::File,
    table::{self, Top},
};

/// `None` if anything was found.
pub(super) fn config(file: &File, findings: &mut Findings) -> Option<Config> {
    let names = track::Names::of(&file.checks);
    let top = &file.top;
    let alert = top.smtp_alert.value();
    let routers: Vec<_> =
        file.instances.iter().map(|one| router::router(one, &names, alert, findings)).collect();
    let groups = group::groups(file, &names, alert, findings);
    across::check(&file.instances, findings);
    let mail = mail(file, findings);
    let notify_fifo = fifo("notify_fifo", &top.notify_fifo, &top.notify_fifo_script, findings);
    let vrrp_notify_fifo =
        fifo("vrrp_notify_fifo", &top.vrrp_notify_fifo, &top.vrrp_notify_fifo_script, findings);
    two_fifos(top, findings);
    let config = Config {
        router_id: top.router_id.or(file.host.clone())?,
        routers: routers.into_iter().map(|router| router.map(Arc::new)).collect::<Option<Vec<_>>>()?,
        checks: file.checks.iter().map(|named| named.check.clone()).collect::<Option<Vec<_>>>()?,
        sync_groups: groups?,
        script_user: top.script_user.optional()?,
        notify_fifo: notify_fifo?,
        vrrp_notify_fifo: vrrp_notify_fifo?,
        mail: mail?,
        ip_nonlocal_bind: top.ip_nonlocal_bind.value()?,
        startup_delay: top.vrrp_startup_delay.value()?,
        interface_delays: file.delays.iter().map(delays).collect::<Option<Vec<_>>>()?,
    };
    findings.problems.is_empty().then_some(config)
}

fn delays((interface, delays): &(At<String>, table::Delays)) -> Option<InterfaceDelays> {
    let (down, up) = (delays.down.value()?, delays.up.value()?);
    Some(InterfaceDelays { interface: interface.value.clone(), down, up })
}

/// `alert`: what `smtp_alert` is at the top of the file.
fn hooks(hooks: &table::Hooks, alert: Option<bool>) -> Option<Arc<Hooks>> {
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

/// Reports two FIFOs on one path, which would get each line twice.
fn two_fifos(top: &Top, findings: &mut Findings) {
    let paths = top.notify_fifo.given().zip(top.vrrp_notify_fifo.given());
    if let Some((one, other)) = paths.filter(|(one, other)| one.value == other.value) {
        let title = "`vrrp_notify_fifo` is `notify_fifo`";
        let problem = Problem::new(title, other.place, "each line would be in it twice");
        findings.push(problem.also(one.place, "the same").help("remove one of them"));
    }
}

fn fifo(
    key: &str,
    path: &Field<PathBuf>,
    script: &Field<Hook>,
    findings: &mut Findings,
) -> Option<Option<NotifyFifo>> {
    if let Some(script) = script.given().filter(|_| path.is_absent()) {
        let title = format!("`{key}_script` without `{key}`");
        let problem = Problem::new(title, script.place, "has nothing to read");
        findings.push(problem.help(format!("add {key} = \"/run/vrrpd.fifo\"")).absence());
    }
    let script = script.optional()?;
    Some(path.optional()?.map(|path| NotifyFifo { path, script }))
}

/// Settings for mails. Reports who is to send mails and has nobody to write to.
fn mail(file: &File, findings: &mut Findings) -> Option<Option<Mail>> {
    let top = &file.top;
    if top.notification_email.is_absent() {
        nobody_to_write_to(file, findings);
        return Some(None);
    }
    let (server, port) = top.smtp_server.value()?;
    let is_part = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
    let from = format!("vrrpd@{}", file.host.chars().filter(is_part).collect::<String>());
    Some(Some(Mail {
        to: top.notification_email.given()?.value.iter().map(|at| at.value.clone()).collect(),
        from: top.notification_email_from.or(from)?,
        server,
        port,
        helo_name: top.smtp_helo_name.optional()?,
        connect_timeout: top.smtp_connect_timeout.value()?,
        tls: top.smtp_tls.value()?,
    }))
}

fn nobody_to_write_to(file: &File, findings: &mut Findings) {
    let top = &file.top;
    let alerts = std::iter::once(&top.smtp_alert)
        .chain(file.instances.iter().map(|instance| &instance.hooks.smtp_alert))
        .chain(file.groups.iter().map(|group| &group.hooks.smtp_alert));
    let alerts = alerts.filter_map(Field::given).filter(|at| at.value);
    let alerts = alerts.map(|at| ("smtp_alert", at.place));
    let settings = [
        top.notification_email_from.given().map(|at| ("notification_email_from", at.place)),
        top.smtp_server.given().map(|at| ("smtp_server", at.place)),
        top.smtp_helo_name.given().map(|at| ("smtp_helo_name", at.place)),
        top.smtp_connect_timeout.given().map(|at| ("smtp_connect_timeout", at.place)),
        top.smtp_tls.given().map(|at| ("smtp_tls", at.place)),
    ];
    for (key, place) in alerts.chain(settings.into_iter().flatten()) {
        let title = format!("`{key}` without `notification_email`");
        let problem = Problem::new(title, place, "nobody to write to");
        let help = "add notification_email = [\"root@example.net\"] at the top of the file, or remove this";
        findings.push(problem.help(help).absence());
    }
}
