//! Scripts, who runs them, and the `notify` keywords of instances and groups.

use vrrp_config::{Table, Value, is_account};

use super::{Context, Moving, write::command_line};
use crate::{
    report::Severity,
    tree::Statement,
    vocabulary::Target,
    words::{Word, arguments},
};

/// The keywords with a script.
pub(super) const HOOKS: [&str; 5] =
    ["notify_master", "notify_backup", "notify_fault", "notify_stop", "notify"];

/// One of [`HOOKS`].
pub(super) fn hook<T: Moving>(target: &mut T, statement: &Statement, context: &mut Context<'_>) {
    let Some(script) = script_and_user(target, statement, context) else { return };
    let note = "killed when it runs for 30 s, unless it has another `timeout` here; not in keepalived";
    context.note(Severity::Harmless, statement, note);
    context.keep_first(target.table(), statement.keyword(), statement, Some(script));
}

/// `SCRIPT [USER [GROUP]]`. `None`, and said: keepalived does not run it either, or it is no script at all.
pub(super) fn script_and_user(
    target: &mut impl Target,
    statement: &Statement,
    context: &mut Context<'_>,
) -> Option<Value> {
    let mut words = script_words(statement, context)?.into_iter();
    let line = words.next().and_then(|script| command(&script, statement, context))?;
    let words: Vec<String> = words.collect();
    // keepalived looks at two words, and runs nothing for a user or a group that there is not.
    // More than two are arguments, as a rule, unless the first is a user.
    let is_argument = |word: &&String| {
        !is_account(word)
            || (words.len() > 2 && words.first() == Some(*word) && !context.surroundings.has_user(word))
    };
    if let Some(word) = words.iter().take(2).find(is_argument) {
        let note = format!(
            "`{word}` is no user: not run, as in keepalived; quote a script with its arguments as a whole"
        );
        context.leave(target, Severity::Unsupported, statement, &note);
        return None;
    }
    if let Some(extra) = words.get(2) {
        let note = format!("`{extra}` after user and group is ignored, as in keepalived");
        context.note(Severity::Harmless, statement, note);
    }
    let Some(user) = words.iter().take(2).cloned().reduce(|user, group| format!("{user}:{group}")) else {
        return Some(line.into());
    };
    let mut table = Table::default();
    table.set("script", line, statement.place);
    table.set("user", user, statement.place);
    Some(table.into())
}

/// `SCRIPT`, after which keepalived ignores everything.
pub(super) fn script_alone(statement: &Statement, context: &mut Context<'_>) -> Option<String> {
    let words = script_words(statement, context)?;
    let (script, extra) = words.split_first()?;
    if let Some(first) = extra.first() {
        let text =
            format!("`{first}` after the script is ignored, as in keepalived: quote the line as a whole");
        context.note(Severity::Harmless, statement, text);
    }
    command(script, statement, context)
}

/// The words after the keyword, with quotes of both kinds and escapes.
fn script_words(statement: &Statement, context: &mut Context<'_>) -> Option<Vec<String>> {
    context.no_block(statement);
    let words = arguments(&statement.rest).filter(|words| !words.is_empty());
    if words.is_none() {
        let title = format!("`{}` without a script", statement.keyword());
        let help = format!("write {} \"/path/to/script ARGUMENT ...\"", statement.keyword());
        context.faults.push(
            statement.place,
            title,
            "expected a script after this, and its quotes closed",
            help,
        );
    }
    words
}

/// keepalived parts the line itself and starts the program; only what starts with `<` or `>` goes to a shell.
fn command(script: &str, statement: &Statement, context: &mut Context<'_>) -> Option<String> {
    let script = script.trim();
    if script.starts_with(['<', '>']) {
        return Some(script.to_owned());
    }
    let mut words = arguments(script).unwrap_or_default();
    let Some(program) = words.first().filter(|program| !program.is_empty()) else {
        let title = format!("`{}` without a program", statement.keyword());
        let help = "write the path of the program first; close every quote";
        context.faults.push(statement.place, title, "expected a program in this", help);
        return None;
    };
    if words.iter().any(|word| word.contains(['\0', '\n'])) {
        let help = "put it into a script of its own";
        context.faults.push(
            statement.place,
            "bad character",
            "a zero byte or an end of line in an argument",
            help,
        );
        return None;
    }
    if program.contains('/') {
        let program = absolute(program, statement, context);
        words.splice(..1, [program]);
    }
    Some(command_line(words))
}

/// A path as it is from the directory that a service runs in.
pub(super) fn absolute(path: &str, statement: &Statement, context: &mut Context<'_>) -> String {
    if path.starts_with('/') || path.is_empty() {
        return path.to_owned();
    }
    let note = format!("`{path}` is a relative path: from /, as in a keepalived that runs as a service");
    context.note(Severity::Harmless, statement, note);
    format!("/{path}")
}

/// `user USER [GROUP]` and `script_user`, as `user:group`.
pub(super) fn user(statement: &Statement, context: &mut Context<'_>) -> Option<String> {
    let words: Vec<&str> = statement.arguments().iter().map(|word: &Word| word.text.as_str()).collect();
    match words.as_slice() {
        [] => context.one(statement, "a user").map(|word| word.text.clone()),
        [_] | [_, _] => Some(words.join(":")),
        [..] => {
            let help = "quote a script with its arguments as a whole: \"/path ARGUMENT\" USER GROUP";
            let title = format!("too many words after `{}`", statement.keyword());
            context.faults.push(statement.place, title, "expected a script, a user and a group", help);
            None
        }
    }
}
