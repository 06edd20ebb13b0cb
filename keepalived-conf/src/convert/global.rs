//! `global_defs`.

mod keywords;

use vrrp_config::{Node, Place, Table, Tree, is_host, is_mailbox};

use super::{Context, form::text, hook::script_and_user};
use crate::{report::Severity, tree::Statement, vocabulary::Target};

pub(crate) use self::keywords::GLOBAL;
pub(super) use self::keywords::SYNC_DAEMON;

/// `global_defs`: settings that hold for all.
#[derive(Debug, Default)]
pub(crate) struct Global {
    pub(super) table: Table,
    mail_to: Vec<Node>,
    /// Some of the addresses could not be carried over.
    mail_lost: bool,
}

impl Target for Global {
    fn table(&mut self) -> &mut Table {
        &mut self.table
    }
}

/// User that runs scripts in keepalived if nothing is said, and there is such a user; otherwise root.
const DEFAULT_USER: &str = "keepalived_script";

/// Note on mails that nobody reads.
pub(super) type Nobody = (Severity, &'static str);

/// Keywords of mail, in the order in which what is without effect is said.
const MAIL: [&str; 5] =
    ["notification_email_from", "smtp_server", "smtp_helo_name", "smtp_connect_timeout", "smtp_alert"];

/// Words that only the instances make something of.
const OF_INSTANCES: [&str; 10] = [
    "vrrp_version",
    "vrrp_strict",
    "v3_checksum_as_v2",
    "vmac_prefix",
    "vrrp_garp_master_delay",
    "vrrp_garp_master_repeat",
    "vrrp_garp_master_refresh",
    "vrrp_garp_master_refresh_repeat",
    "vrrp_garp_lower_prio_delay",
    "vrrp_garp_lower_prio_repeat",
];

impl Global {
    /// Says which script has nothing to read, and that one FIFO is enough where both are the same.
    pub(super) fn check_fifos(&mut self, context: &mut Context<'_>) {
        let table = &mut self.table;
        let one = table.text("notify_fifo").map(ToOwned::to_owned);
        if one.is_some()
            && table.text("vrrp_notify_fifo") == one.as_deref()
            && let Some(twice) = table.take("vrrp_notify_fifo")
        {
            let note = "the path of notify_fifo: each line is there once; from keepalived it is there twice";
            context.report.push(Severity::Different, twice.place, "vrrp_notify_fifo", note);
        }
        for (fifo, keyword) in
            [("notify_fifo", "notify_fifo_script"), ("vrrp_notify_fifo", "vrrp_notify_fifo_script")]
        {
            if table.get(fifo).is_none()
                && let Some(script) = table.take(keyword)
            {
                let note = "there is no FIFO for it to read: left out";
                context.report.push(Severity::Harmless, script.place, keyword, note);
            }
        }
    }
}

/// `notify_fifo PATH [USER [GROUP]]`.
fn fifo(global: &mut Global, statement: &Statement, context: &mut Context<'_>) {
    context.no_block(statement);
    let Some((path, owner)) = statement.arguments().split_first() else {
        context.one(statement, "a path");
        return;
    };
    if let Some(owner) = owner.first() {
        let note = "the FIFO belongs to the user that vrrpd runs as";
        context.report.push(Severity::Unsupported, owner.place, statement.keyword(), note);
    }
    context.keep_first(&mut global.table, statement.keyword(), statement, Some(path.text.as_str()));
}

fn fifo_script(global: &mut Global, statement: &Statement, context: &mut Context<'_>) {
    let script = script_and_user(global, statement, context);
    context.keep_first(&mut global.table, statement.keyword(), statement, script);
}

fn notification_email(global: &mut Global, statement: &Statement, context: &mut Context<'_>) {
    let Some(block) = context.block(statement) else { return };
    for line in block {
        context.no_block(line);
        for word in &line.words {
            if is_mailbox(&word.text) {
                global.mail_to.push(context.node(word.text.as_str(), word.place));
            } else {
                global.mail_lost = true;
                let note = format!("`{}` is left out: an address is a name, `@` and a host", word.text);
                context.report.push(Severity::Unsupported, word.place, statement.keyword(), note.clone());
                global.table.remarks.push(context.remark(word.place, &note));
            }
        }
    }
}

/// One that nothing can be sent from is left out.
fn mail_from(global: &mut Global, statement: &Statement, context: &mut Context<'_>) {
    let value = text(statement, "an address", context);
    if let Some(address) = value.as_ref().filter(|address| !is_mailbox(address)) {
        let note = format!("`{address}` is no mail address: mails are from vrrpd@ and the host's name");
        return context.leave(global, Severity::Unsupported, statement, &note);
    }
    context.keep(&mut global.table, "notification_email_from", statement, value);
}

fn helo_name(global: &mut Global, statement: &Statement, context: &mut Context<'_>) {
    let value = text(statement, "a name", context);
    if let Some(name) = value.as_ref().filter(|name| !is_host(name)) {
        let note = format!("`{name}` is no host name: the name of this host is said");
        return context.leave(global, Severity::Unsupported, statement, &note);
    }
    context.keep(&mut global.table, "smtp_helo_name", statement, value);
}

/// `smtp_server HOST [PORT]`.
fn smtp_server(global: &mut Global, statement: &Statement, context: &mut Context<'_>) {
    context.no_block(statement);
    let (host, port) = match statement.arguments() {
        [] => {
            context.one(statement, "a host");
            return;
        }
        [host] => (host, None),
        [host, port, extra @ ..] => {
            context.extra(statement, extra);
            let Some(port) = context.number(port, 1..=65_535) else { return };
            (host, Some(port))
        }
    };
    let value = match (host.text.contains(':'), port) {
        (false, None) => host.text.clone(),
        (false, Some(port)) => format!("{}:{port}", host.text),
        (true, None) => format!("[{}]", host.text),
        (true, Some(port)) => format!("[{}]:{port}", host.text),
    };
    context.keep(&mut global.table, "smtp_server", statement, Some(value));
}

impl Global {
    /// Says which settings are without effect because there is nobody to write to. `Some`: so it is, and why.
    pub(super) fn check_mail(&mut self, context: &mut Context<'_>) -> Option<Nobody> {
        // One switch for mails of VRRP and of all parts: the former counts.
        if let Some(alert) = self.table.take("smtp_alert_vrrp") {
            self.table.replace("smtp_alert", alert);
        }
        if !self.mail_to.is_empty() {
            return None;
        }
        let nobody = if self.mail_lost {
            (Severity::Unsupported, "no address in notification_email is carried over")
        } else {
            (Severity::Harmless, "without notification_email there is nobody to write to, as in keepalived")
        };
        for key in MAIL {
            if let Some(Node { place, .. }) = self.table.take(key) {
                context.report.push(nobody.0, place, key, nobody.1);
            }
        }
        Some(nobody)
    }

    /// Moves what is left to the top of the file. `scripts`: the place of a script that says nothing of who runs it.
    pub(super) fn plant(mut self, scripts: Option<Place>, tree: &mut Tree, context: &Context<'_>) {
        // The user that keepalived looks for, if there is one.
        if let Some(place) = scripts.filter(|_| self.table.get("script_user").is_none())
            && context.surroundings.has_user(DEFAULT_USER)
        {
            self.table.add("script_user", context.default(DEFAULT_USER, place));
        }
        for key in OF_INSTANCES {
            self.table.take(key);
        }
        if let Some(first) = self.mail_to.first().map(|node| node.place) {
            context.list(&mut self.table, "notification_email", self.mail_to);
            self.table.add("smtp_tls", context.default("none", first));
        }
        tree.top = self.table;
    }
}
