//! `global_defs`.

mod keywords;

use std::time::Duration;

use super::{
    Context, Given,
    garp::Garp,
    hook::{Script, script_and_user},
    write::{Item, Remark, Writer, spell},
};
use crate::{report::Severity, text::Place, tree::Statement, vocabulary::Target};
use vrrp_config::{is_host, is_mailbox, quote};

pub(crate) use self::keywords::GLOBAL;
pub(super) use self::keywords::SYNC_DAEMON;

/// What holds for all.
#[derive(Debug, Default)]
pub(crate) struct Global {
    router_id: Option<Given<String>>,
    script_user: Option<Given<String>>,
    fifo: Fifo,
    vrrp_fifo: Fifo,
    mail_to: Vec<Item>,
    /// Some of the addresses could not be carried over.
    mail_lost: bool,
    mail_from: Option<Given<String>>,
    smtp_server: Option<Given<String>>,
    smtp_helo_name: Option<Given<String>>,
    smtp_connect_timeout: Option<Given<Duration>>,
    startup_delay: Option<Given<Duration>>,
    smtp_alert: Option<Given<bool>>,
    smtp_alert_vrrp: Option<Given<bool>>,
    pub(super) version: Option<Given<i64>>,
    pub(super) garp: Garp,
    pub(super) strict: Option<Given<bool>>,
    pub(super) vmac_prefix: Option<Given<String>>,
    pub(super) v3_checksum_as_v2: Option<Given<bool>>,
    remarks: Vec<Remark>,
}

impl Target for Global {
    fn remark(&mut self, place: Place, text: String) {
        self.remarks.push(Remark { place, text });
    }
}

/// Who runs scripts in keepalived if nothing is said, and there is such a user; otherwise root.
const DEFAULT_USER: &str = "keepalived_script";

/// What is said of mails that nobody reads.
pub(super) type Nobody = (Severity, &'static str);

/// The one word after the keyword.
fn text(statement: &Statement, expected: &str, context: &mut Context<'_>) -> Option<Given<String>> {
    let word = context.one(statement, expected)?;
    if word.text.is_empty() || word.text.len() > 255 || word.text.contains(char::is_control) {
        context.wrong(word, "expected 1 to 255 printable bytes");
        return None;
    }
    Some(Given { value: word.text.clone(), place: statement.place })
}

/// A FIFO and its script, as far as they are said.
#[derive(Debug, Default)]
struct Fifo {
    path: Option<Given<String>>,
    script: Option<Given<Script>>,
}

const VRRP: &str = "vrrp_";

impl Global {
    /// keepalived's own FIFO, or the one of its VRRP part.
    fn fifo(&mut self, statement: &Statement) -> &mut Fifo {
        if statement.keyword().starts_with(VRRP) { &mut self.vrrp_fifo } else { &mut self.fifo }
    }

    /// Says which script has nothing to read, and that one FIFO is enough where both are the same.
    pub(super) fn check_fifos(&mut self, context: &mut Context<'_>) {
        let is_same =
            |other: &Given<String>| self.fifo.path.as_ref().is_some_and(|one| one.value == other.value);
        if let Some(twice) = self.vrrp_fifo.path.take_if(|other| is_same(other)) {
            let note = "the path of notify_fifo: each line is there once; from keepalived it is there twice";
            context.report.push(Severity::Different, twice.place, "vrrp_notify_fifo", note);
        }
        for (keyword, fifo) in
            [("notify_fifo_script", &mut self.fifo), ("vrrp_notify_fifo_script", &mut self.vrrp_fifo)]
        {
            if let Some(script) = fifo.script.take_if(|_| fifo.path.is_none()) {
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
    let value = Some(Given { value: path.text.clone(), place: statement.place });
    context.set_once(statement, &mut global.fifo(statement).path, value);
}

fn fifo_script(global: &mut Global, statement: &Statement, context: &mut Context<'_>) {
    let script = script_and_user(global, statement, context);
    let value = script.map(|value| Given { value, place: statement.place });
    context.set_once(statement, &mut global.fifo(statement).script, value);
}

fn notification_email(global: &mut Global, statement: &Statement, context: &mut Context<'_>) {
    let Some(block) = context.block(statement) else { return };
    for line in block {
        context.no_block(line);
        for word in &line.words {
            if is_mailbox(&word.text) {
                global.mail_to.push(Item { toml: quote(&word.text), place: word.place });
            } else {
                global.mail_lost = true;
                let note = format!("`{}` is left out: an address is a name, `@` and a host", word.text);
                context.report.push(Severity::Unsupported, word.place, statement.keyword(), note.clone());
                global.remark(word.place, note);
            }
        }
    }
}

/// One that nothing can be sent from is left out.
fn mail_from(global: &mut Global, statement: &Statement, context: &mut Context<'_>) {
    let value = text(statement, "an address", context);
    if let Some(Given { value: address, .. }) = value.as_ref().filter(|given| !is_mailbox(&given.value)) {
        let note = format!("`{address}` is no mail address: mails are from vrrpd@ and the host's name");
        return context.leave(global, Severity::Unsupported, statement, &note);
    }
    context.set(statement, &mut global.mail_from, value);
}

fn helo_name(global: &mut Global, statement: &Statement, context: &mut Context<'_>) {
    let value = text(statement, "a name", context);
    if let Some(Given { value: name, .. }) = value.as_ref().filter(|given| !is_host(&given.value)) {
        let note = format!("`{name}` is no host name: the name of this host is said");
        return context.leave(global, Severity::Unsupported, statement, &note);
    }
    context.set(statement, &mut global.smtp_helo_name, value);
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
    context.set(statement, &mut global.smtp_server, Some(Given { value, place: statement.place }));
}

/// `vrrp_min_garp`: one gratuitous ARP, once, where nothing else was said before.
fn min_garp(global: &mut Global, statement: &Statement, context: &mut Context<'_>) {
    if let Some(Given { value: true, place }) = context.boolean(statement) {
        for (field, value) in [(&mut global.garp.repeat, 1), (&mut global.garp.delay, 0)] {
            let is_default = field.is_none_or(|given| given.value == GARP_DEFAULT);
            if is_default {
                *field = Some(Given { value, place });
            }
        }
        let repeat = &mut global.garp.refresh_repeat;
        *repeat = repeat.filter(|given| given.value > 1).or(Some(Given { value: 0, place }));
    }
}

/// keepalived's repeat, and its delay in seconds.
const GARP_DEFAULT: i64 = 5;

impl Global {
    /// Who runs the scripts that say nothing of it: the user that keepalived looks for, if there is one.
    pub(super) fn default_user(&self, scripts: bool, context: &Context<'_>) -> Option<&'static str> {
        let unsaid = scripts && self.script_user.is_none();
        (unsaid && context.surroundings.has_user(DEFAULT_USER)).then_some(DEFAULT_USER)
    }

    pub(super) fn write(&self, default_user: Option<&str>, writer: &mut Writer<'_, '_>) {
        writer.string("router_id", self.router_id.as_ref());
        writer.string("script_user", self.script_user.as_ref());
        if let Some(user) = default_user {
            writer.default("script_user", &quote(user));
        }
        for (start, fifo) in [("", &self.fifo), (VRRP, &self.vrrp_fifo)] {
            writer.string(&format!("{start}notify_fifo"), fifo.path.as_ref());
            if let Some(Given { value, place }) = &fifo.script {
                writer.line(&format!("{start}notify_fifo_script"), &value.to_toml(), *place);
            }
        }
        if let Some(Given { value, place }) = self.startup_delay {
            writer.line("vrrp_startup_delay", &spell(value), place);
        }
        self.write_mail(writer);
        writer.remarks(&self.remarks);
    }

    /// Says which settings are without effect because there is nobody to write to. `Some`: so it is, and why.
    pub(super) fn check_mail(&self, context: &mut Context<'_>) -> Option<Nobody> {
        let nobody = if self.mail_lost {
            (Severity::Unsupported, "no address in notification_email is carried over")
        } else {
            (Severity::Harmless, "without notification_email there is nobody to write to, as in keepalived")
        };
        if !self.mail_to.is_empty() {
            return None;
        }
        let texts = [
            ("notification_email_from", &self.mail_from),
            ("smtp_server", &self.smtp_server),
            ("smtp_helo_name", &self.smtp_helo_name),
        ];
        let places = texts.into_iter().filter_map(|(key, given)| Some((key, given.as_ref()?.place)));
        let timeout = self.smtp_connect_timeout.map(|given| ("smtp_connect_timeout", given.place));
        let alert = self.smtp_alert().map(|given| ("smtp_alert", given.place));
        for (key, place) in places.chain(timeout).chain(alert) {
            context.report.push(nobody.0, place, key, nobody.1);
        }
        Some(nobody)
    }

    fn smtp_alert(&self) -> Option<Given<bool>> {
        self.smtp_alert_vrrp.or(self.smtp_alert)
    }

    fn write_mail(&self, writer: &mut Writer<'_, '_>) {
        if self.mail_to.is_empty() {
            return;
        }
        writer.list("notification_email", &self.mail_to);
        writer.string("notification_email_from", self.mail_from.as_ref());
        writer.string("smtp_server", self.smtp_server.as_ref());
        writer.string("smtp_helo_name", self.smtp_helo_name.as_ref());
        if let Some(Given { value, place }) = self.smtp_connect_timeout {
            writer.line("smtp_connect_timeout", &spell(value), place);
        }
        writer.default("smtp_tls", &quote("none"));
        writer.show("smtp_alert", self.smtp_alert());
    }
}
