//! Programs, who they run as, and the `notify` keys.

use serde_json::Value as Json;

use super::super::{
    Hook, Program, User,
    keys::{Wrong, set, string, wrong_type},
    problem::{Findings, Problem},
    schema::either,
    table::HookKeys,
    tree::{Node, Table, Value},
    types::{Inline, Own, Type, keys_within, shown, within},
};

const EXAMPLE: &str =
    "write \"/etc/vrrpd/master.sh\" or { script = \"/etc/vrrpd/master.sh\", user = \"nobody\" }";

/// A command line.
pub(crate) const COMMAND: Own<Program> = Own {
    text: "command line",
    schema: r#"{ "type": "string", "minLength": 1 }"#,
    read: program,
    write: shown,
};

/// A user, and a group.
pub(crate) const USER: Own<User> = Own {
    text: "user",
    schema: r#"{ "type": "string", "pattern": "^[A-Za-z0-9_.$@][A-Za-z0-9_.$@-]*(:[A-Za-z0-9_.$@][A-Za-z0-9_.$@-]*)?$" }"#,
    read: user,
    write: shown,
};

/// A command line, or a table with one.
pub(crate) struct HookType;

/// A program that is run on a change.
pub(crate) const HOOK: HookType = HookType;

impl Type for HookType {
    type Out = Hook;

    fn read(&self, key: &'static str, path: &str, node: &Node, findings: &mut Findings) -> Option<Hook> {
        let Some(table) = node.value.as_table() else {
            if node.value.as_str().is_none() {
                findings
                    .push(wrong_type("a command line or a table", node).help(EXAMPLE).at(path, node.place));
                return None;
            }
            let keys = within::<HookKeys>(key, &Table::default(), findings);
            let program = COMMAND.read(key, path, node, findings)?;
            return Some(Hook { program, user: None, timeout: keys.timeout.value()? });
        };
        let HookKeys { script, user, timeout } = within(key, table, findings);
        if script.is_absent() {
            let problem = Problem::new(format!("`{key}` has no script"), node.place, "no `script` in here");
            findings.push(problem.help(EXAMPLE).absence());
        }
        Some(Hook { program: script.value()?, user: user.optional()?, timeout: timeout.value()? })
    }

    fn write(&self, hook: &Hook) -> Value {
        let Hook { program, user, timeout } = hook.clone();
        let keys = HookKeys { script: set(program), user: user.into(), timeout: set(timeout) };
        Inline::<HookKeys>::new(EXAMPLE).write(&keys)
    }

    fn text(&self) -> String {
        "command line or table".to_owned()
    }

    fn schema(&self) -> Json {
        either(&COMMAND, &Inline::<HookKeys>::new(EXAMPLE))
    }

    fn words(&self) -> Vec<String> {
        keys_within::<HookKeys>()
    }
}

fn user(value: &Node) -> Result<User, Wrong> {
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

/// Tells names that `useradd` lets through, and numbers.
pub fn is_account(name: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'$' | b'@');
    !name.is_empty() && name.len() <= 255 && !name.starts_with('-') && name.bytes().all(is_part)
}

/// A command line: run as it is if that can be done, else by a shell.
fn program(value: &Node) -> Result<Program, Wrong> {
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

/// Tells whether a shell would do more with `line` than split it; `None` if a quote is left open.
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
