//! Where mails go.

use crate::tree::Node;
use std::time::Duration;

use super::{
    super::{
        MailTls,
        duration::duration,
        keys::{At, Field, Keys, Wrong, entry, one_of, string},
    },
    text,
};

/// `notification_email` and its like.
pub(crate) struct Mail {
    pub(crate) to: Field<Vec<At<String>>>,
    pub(crate) from: Field<String>,
    pub(crate) server: Field<(String, u16)>,
    pub(crate) helo_name: Field<String>,
    pub(crate) connect_timeout: Field<Duration>,
    pub(crate) tls: Field<MailTls>,
}

const TLS: &[(&str, MailTls)] =
    &[("none", MailTls::None), ("opportunistic", MailTls::Opportunistic), ("starttls", MailTls::Required)];

/// SMTP (RFC 5321 §4.5.4.2).
const PORT: u16 = 25;

impl Mail {
    pub(super) fn read(keys: &mut Keys<'_, '_>) -> Self {
        let example = "notification_email = [\"root@example.net\"]";
        let timeouts = Duration::from_secs(1)..=Duration::from_secs(600);
        Self {
            to: keys.list("notification_email", 1..=100, example, |value, findings| {
                entry("notification_email", value, findings, mailbox)
            }),
            from: keys.read("notification_email_from", mailbox),
            server: keys.read("smtp_server", server),
            helo_name: keys.read("smtp_helo_name", helo_name),
            connect_timeout: keys.read("smtp_connect_timeout", duration(timeouts)),
            tls: keys.read("smtp_tls", one_of(TLS)),
        }
    }
}

/// As much of RFC 5321 §4.1.2 as keeps a command in one piece.
fn mailbox(value: &Node) -> Result<String, Wrong> {
    let text = string(value)?;
    if is_mailbox(&text) {
        return Ok(text);
    }
    Err(Wrong::new("is no mail address", "must be a name, `@` and a host")
        .help("write it like \"root@example.net\", without a person's name"))
}

/// Whether mails can be sent to and from it as it stands.
pub fn is_mailbox(text: &str) -> bool {
    let is_local = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~.".contains(&byte);
    text.rsplit_once('@').is_some_and(|(local, domain)| {
        let dots = local.starts_with('.') || local.ends_with('.') || local.contains("..");
        let has_gap = domain.split('.').any(|label| label.is_empty() || label.starts_with('-'));
        let sizes = (1..=64).contains(&local.len()) && !domain.contains([':', '_']);
        sizes && !dots && !has_gap && local.bytes().all(is_local) && text::is_host(domain)
    })
}

fn server(value: &Node) -> Result<(String, u16), Wrong> {
    let text = string(value)?;
    let (host, port) = split_port(&text);
    let number = port.map_or(Some(PORT), |port| port.parse().ok().filter(|port| *port != 0));
    let Some(number) = number else {
        return Err(Wrong::new("has a bad port", "must be 1 to 65535").help("write \"mail.example.net:25\""));
    };
    if text::is_host(host) {
        return Ok((host.to_owned(), number));
    }
    let help = match text.split_once(char::is_whitespace) {
        Some((host, port)) if port.trim().parse::<u16>().is_ok() => {
            format!("write \"{host}:{}\"", port.trim())
        }
        Some(_) | None => "write \"mail.example.net\", \"192.0.2.25:25\" or \"[2001:db8::25]:25\"".to_owned(),
    };
    Err(Wrong::new("is no server", "must be a host, or a host and a port").help(help))
}

/// The host without brackets, and the port.
fn split_port(text: &str) -> (&str, Option<&str>) {
    if let Some((host, rest)) = text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return (host, rest.strip_prefix(':').or((!rest.is_empty()).then_some(rest)));
    }
    match text.split_once(':') {
        Some((host, port)) if !port.contains(':') => (host, Some(port)),
        Some(_) | None => (text, None),
    }
}

fn helo_name(value: &Node) -> Result<String, Wrong> {
    let text = string(value)?;
    if text::is_host(&text) {
        return Ok(text);
    }
    Err(Wrong::new("is no host name", "letters, digits, `-` and `.` only"))
}
