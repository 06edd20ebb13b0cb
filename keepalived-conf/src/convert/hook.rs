//! Scripts, who runs them, and the `notify` keywords of instances and groups.

use super::{
    Context, Given,
    global::Nobody,
    write::{Writer, command_line},
};
use crate::{
    report::Severity,
    text::Place,
    tree::Statement,
    vocabulary::{Keyword, Target, carry, unsupported},
    words::{Word, arguments},
};
use vrrp_config::{is_account, quote};

/// A program, as TOML's command line, and `user` or `user:group`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Script {
    pub(super) line: String,
    pub(super) user: Option<String>,
}

/// What an instance or a group says about notification.
#[derive(Clone, Debug, Default)]
pub(crate) struct Hooks {
    /// In the order of the keys.
    scripts: [Option<Given<Script>>; 5],
    smtp_alert: Option<Given<bool>>,
}

const KEYS: [&str; 5] = ["notify_master", "notify_backup", "notify_fault", "notify_stop", "notify"];

/// Instances and groups.
pub(crate) trait Notifying: Target + Sized + 'static {
    const KEYWORDS_NOTIFY: &'static [Keyword<Self>] = &[
        carry("notify_master", "notify_master", "", hook::<Self>),
        carry("notify_backup", "notify_backup", "", hook::<Self>),
        carry("notify_fault", "notify_fault", "", hook::<Self>),
        carry("notify_stop", "notify_stop", "", hook::<Self>),
        carry("notify", "notify", "", hook::<Self>),
        carry("smtp_alert", "smtp_alert", "", smtp_alert::<Self>),
        unsupported("notify_deleted", "a router that a reload removes ends as at a stop"),
        unsupported("notify_priority_changes", "see `vrrpd status` and the log"),
    ];

    fn hooks(&mut self) -> &mut Hooks;
}

fn hook<T: Notifying>(target: &mut T, statement: &Statement, context: &mut Context<'_>) {
    let Some(script) = script_and_user(target, statement, context) else { return };
    let note = "killed when it runs for 30 s, unless it has another `timeout` here; not in keepalived";
    context.note(Severity::Harmless, statement, note);
    let Some(index) = KEYS.iter().position(|key| *key == statement.keyword()) else { return };
    let given = Given { value: script, place: statement.place };
    if let Some(field) = target.hooks().scripts.get_mut(index) {
        context.set_once(statement, field, Some(given));
    }
}

fn smtp_alert<T: Notifying>(target: &mut T, statement: &Statement, context: &mut Context<'_>) {
    let value = context.boolean(statement);
    context.set(statement, &mut target.hooks().smtp_alert, value);
}

impl Hooks {
    /// Whether anything of it runs a program.
    pub(super) fn has_scripts(&self) -> bool {
        self.scripts.iter().any(Option::is_some)
    }

    /// The keyword and the place of each.
    pub(super) fn places(&self) -> impl Iterator<Item = (&'static str, Place)> {
        let scripts = KEYS.iter().zip(&self.scripts);
        let scripts = scripts.filter_map(|(key, script)| Some((*key, script.as_ref()?.place)));
        scripts.chain(self.smtp_alert.map(|given| ("smtp_alert", given.place)))
    }

    /// There is nobody to write mails to.
    pub(super) fn without_mail(&mut self, (severity, why): Nobody, context: &mut Context<'_>) {
        if let Some(Given { place, .. }) = self.smtp_alert.take() {
            context.report.push(severity, place, "smtp_alert", why);
        }
    }

    pub(super) fn write(&self, writer: &mut Writer<'_, '_>) {
        for (key, script) in KEYS.iter().zip(&self.scripts) {
            if let Some(Given { value, place }) = script {
                writer.line(key, &value.to_toml(), *place);
            }
        }
        writer.show("smtp_alert", self.smtp_alert);
    }
}

impl Script {
    pub(super) fn to_toml(&self) -> String {
        match &self.user {
            None => quote(&self.line),
            Some(user) => format!("{{ script = {}, user = {} }}", quote(&self.line), quote(user)),
        }
    }
}

/// `SCRIPT [USER [GROUP]]`. `None`, and said: keepalived does not run it either, or it is no script at all.
pub(super) fn script_and_user(
    target: &mut impl Target,
    statement: &Statement,
    context: &mut Context<'_>,
) -> Option<Script> {
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
    let user = words.iter().take(2).cloned().reduce(|user, group| format!("{user}:{group}"));
    Some(Script { line, user })
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

/// `USER [GROUP]` as `user:group`.
pub(super) fn account(
    words: &[String],
    statement: &Statement,
    context: &mut Context<'_>,
) -> Option<Option<String>> {
    match words {
        [] => Some(None),
        [user] => Some(Some(user.clone())),
        [user, group] => Some(Some(format!("{user}:{group}"))),
        [..] => {
            let help = "quote a script with its arguments as a whole: \"/path ARGUMENT\" USER GROUP";
            let title = format!("too many words after `{}`", statement.keyword());
            context.faults.push(statement.place, title, "expected a script, a user and a group", help);
            None
        }
    }
}

/// `user USER [GROUP]` and `script_user`.
pub(super) fn user(statement: &Statement, context: &mut Context<'_>) -> Option<Given<String>> {
    let words: Vec<String> = statement.arguments().iter().map(|word: &Word| word.text.clone()).collect();
    if words.is_empty() {
        context.one(statement, "a user")?;
    }
    let value = account(&words, statement, context)??;
    Some(Given { value, place: statement.place })
}
