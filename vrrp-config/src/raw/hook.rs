//! Programs, who they run as, and the `notify` keys.

use crate::tree::{Node, Table};
use std::{path::PathBuf, time::Duration};

use super::{
    super::{
        Hook, Program, User,
        duration::duration,
        keys::{At, Field, Keys, Wrong, boolean, string, wrong_type},
        problem::Problem,
    },
    text,
};

/// The `notify` keys of a router or a group.
pub(crate) struct Hooks {
    pub(crate) notify_master: Field<Hook>,
    pub(crate) notify_backup: Field<Hook>,
    pub(crate) notify_fault: Field<Hook>,
    pub(crate) notify_stop: Field<Hook>,
    pub(crate) notify: Field<Hook>,
    pub(crate) smtp_alert: Field<bool>,
}

/// `notify_fifo` and `notify_fifo_script`.
pub(crate) struct Fifo {
    pub(crate) path: Field<PathBuf>,
    pub(crate) script: Field<Hook>,
}

/// The default of a hook's `timeout`.
const TIMEOUT: Duration = Duration::from_secs(30);

const EXAMPLE: &str =
    "write \"/etc/vrrpd/master.sh\" or { script = \"/etc/vrrpd/master.sh\", user = \"nobody\" }";

impl Hooks {
    pub(super) fn read(keys: &mut Keys<'_, '_>) -> Self {
        Self {
            notify_master: hook(keys, "notify_master"),
            notify_backup: hook(keys, "notify_backup"),
            notify_fault: hook(keys, "notify_fault"),
            notify_stop: hook(keys, "notify_stop"),
            notify: hook(keys, "notify"),
            smtp_alert: keys.read("smtp_alert", boolean),
        }
    }
}

impl Fifo {
    pub(super) fn read(keys: &mut Keys<'_, '_>) -> Self {
        Self { path: keys.read("notify_fifo", text::path), script: hook(keys, "notify_fifo_script") }
    }

    pub(super) fn read_vrrp(keys: &mut Keys<'_, '_>) -> Self {
        let path = keys.read("vrrp_notify_fifo", text::path);
        Self { path, script: hook(keys, "vrrp_notify_fifo_script") }
    }
}

/// The two ways to write a hook.
enum Form<'t> {
    Line(Program),
    Table(&'t Table),
}

fn hook(keys: &mut Keys<'_, '_>, key: &'static str) -> Field<Hook> {
    keys.read(key, form).and_then(|At { value: form, place }| {
        let table = match form {
            Form::Line(program) => {
                let value = Hook { program, user: None, timeout: TIMEOUT };
                return Field::Given(At { value, place });
            }
            Form::Table(table) => table,
        };
        let mut keys = Keys::new(key, table, keys.findings);
        let script = keys.read("script", program);
        let user = keys.read("user", user);
        let timeout = keys.read("timeout", duration(Duration::from_secs(1)..=Duration::from_secs(3600)));
        if matches!(script, Field::Absent) {
            let problem = Problem::new(format!("`{key}` has no script"), place, "no `script` in here");
            keys.findings.push(problem.help(EXAMPLE).absence());
        }
        keys.finish();
        match (script, user.optional(), timeout.or(TIMEOUT)) {
            (Field::Given(At { value: program, .. }), Some(user), Some(timeout)) => {
                Field::Given(At { value: Hook { program, user, timeout }, place })
            }
            _ => Field::Wrong,
        }
    })
}

fn form(value: &Node) -> Result<Form<'_>, Wrong> {
    if let Some(table) = value.value.as_table() {
        return Ok(Form::Table(table));
    }
    if value.value.as_str().is_none() {
        return Err(wrong_type("a command line or a table", value).help(EXAMPLE));
    }
    program(value).map(Form::Line)
}

/// `user` or `script_user`.
pub(super) fn user(value: &Node) -> Result<User, Wrong> {
    let text = string(value)?;
    let (user, group) =
        text.split_once(':').map_or((text.as_str(), None), |(user, group)| (user, Some(group)));
    if is_account(user) && group.is_none_or(is_account) {
        return Ok(User { user: user.to_owned(), group: group.map(ToOwned::to_owned) });
    }
    let wrong = Wrong::new("is no user", "must be a user, or a user and a group");
    Err(match text.split_once(char::is_whitespace) {
        Some((user, group)) if is_account(user) && is_account(group.trim()) => {
            wrong.help(format!("write \"{user}:{}\"", group.trim()))
        }
        Some(_) | None => wrong.help("write \"nginx\", \"nginx:www-data\" or \"33:33\""),
    })
}

/// What `useradd` lets through, and numbers.
pub fn is_account(name: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'$' | b'@');
    !name.is_empty() && name.len() <= 255 && !name.starts_with('-') && name.bytes().all(is_part)
}

/// A command line: run as it is if that can be done, else by a shell.
pub(super) fn program(value: &Node) -> Result<Program, Wrong> {
    let text = string(value)?;
    let line = text.trim();
    if line.is_empty() || line.contains('\0') {
        return Err(Wrong::new("is no command line", "empty, or with a zero byte in it")
            .help("write an absolute path, with arguments if there are any"));
    }
    let needs_shell = needs_shell(line);
    if needs_shell == Some(true) {
        return Ok(Program::Shell(line.to_owned()));
    }
    let words = needs_shell.and_then(|_| shlex::split(line)).filter(|words| !words.is_empty());
    let words = words.ok_or_else(|| {
        Wrong::new("is no command line", "a quote or a backslash is left open").help("close the quote")
    })?;
    if words[0].starts_with('/') {
        return Ok(Program::Direct(words));
    }
    if !words[0].contains('/') && !words[0].is_empty() {
        // A name alone is looked for along PATH, which is the shell's work.
        return Ok(Program::Shell(line.to_owned()));
    }
    Err(Wrong::new("names a program by a relative path", format!("`{}` is relative to what?", words[0]))
        .help("write the whole path: a daemon has no directory of its own"))
}

/// Whether a shell would do more with `line` than split it; `None` if a quote is left open.
fn needs_shell(line: &str) -> Option<bool> {
    let first = line.split_whitespace().next().unwrap_or_default();
    let name = first.split_once('=').map_or("", |(name, _)| name);
    let assigns = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let mut quote = None;
    let mut before = ' ';
    let mut characters = line.chars();
    while let Some(c) = characters.next() {
        match (quote, c) {
            (Some('\''), _) if c != '\'' => {}
            (Some('"') | None, '\\') => _ = characters.next()?,
            (Some('"') | None, '$' | '`') => return Some(true),
            (None, '|' | '&' | ';' | '<' | '>' | '(' | ')' | '*' | '?' | '[' | '\n') => return Some(true),
            (None, '~' | '#') if before.is_whitespace() => return Some(true),
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), _) if open == c => quote = None,
            (Some(_) | None, _) => {}
        }
        before = c;
    }
    quote.is_none().then_some(assigns)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_goes_to_a_shell_only_if_one_is_needed() {
        for line in [
            "/bin/true",
            "/usr/bin/killall -0 nginx",
            "/bin/echo 'a; b' \"c | d\"",
            "/bin/echo a\\;b x#y a~b a=b \"it's\"",
        ] {
            assert_eq!(needs_shell(line), Some(false), "{line}");
        }
        for line in [
            "/bin/true && /bin/false",
            "</dev/tcp/127.0.0.1/80",
            "/bin/echo $HOME",
            "/bin/echo \"$HOME\"",
            "/bin/ls ~",
            "/bin/ls /tmp/*",
            "/bin/true # always",
            "LANG=C /bin/date",
            "/bin/true\n/bin/true",
            "/bin/echo `id`",
        ] {
            assert_eq!(needs_shell(line), Some(true), "{line}");
        }
        for line in ["/bin/echo 'a", "/bin/echo \"a", "/bin/echo a\\", "/bin/echo 'a; b"] {
            assert_eq!(needs_shell(line), None, "{line}");
        }
    }
}
