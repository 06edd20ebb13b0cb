//! Where mails go.

use super::{
    super::{
        keys::{Wrong, string},
        tree::Node,
        types::{List, Own, shown},
    },
    text,
};

/// SMTP (RFC 5321 §4.5.4.2).
const PORT: u16 = 25;

/// Addresses that get mails.
pub(crate) const MAILBOXES: List<Own<String>> = List {
    of: MAILBOX,
    lengths: 1..=100,
    text: "list of 1 to 100 mail addresses",
    example: "notification_email = [\"root@example.net\"]",
};

/// Address that gets mails, or sends them.
pub(crate) const MAILBOX: Own<String> = Own {
    text: "mail address",
    schema: r#"{ "type": "string", "pattern": "^[^@ ]+@[^@ ]+$" }"#,
    read: mailbox,
    write: shown,
};

/// Server that takes mails, and its port.
pub(crate) const SERVER: Own<(String, u16)> = Own {
    text: "`\"host\"` or `\"host:port\"`",
    schema: r#"{ "type": "string", "minLength": 1 }"#,
    read: server,
    write: |(host, port)| {
        let host = if host.contains(':') { format!("[{host}]") } else { host.clone() };
        format!("{host}:{port}").into()
    },
};

/// A name for SMTP's first line.
pub(crate) const HELO: Own<String> = Own {
    text: "host name",
    schema: r#"{ "type": "string", "pattern": "^[A-Za-z0-9._:-]+$", "maxLength": 253 }"#,
    read: helo_name,
    write: shown,
};

/// Reads a mailbox: as much of RFC 5321 §4.1.2 as keeps a command in one piece.
fn mailbox(value: &Node) -> Result<String, Wrong> {
    let text = string(value)?;
    if is_mailbox(&text) {
        return Ok(text);
    }
    Err(Wrong::new("is no mail address", "must be a name, `@` and a host")
        .help("write it like \"root@example.net\", without a person's name"))
}

/// Tells texts to and from which mails can be sent as they stand.
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
