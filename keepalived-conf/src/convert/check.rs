//! `vrrp_script`, `vrrp_track_process` and `track_file`.

use std::time::Duration;

use vrrp_config::{Kind, Place, Table, Tree};

use super::{
    Context, Form, hook,
    track::{self, weight},
    write::command_line,
};
use crate::{
    report::Severity,
    tree::Statement,
    vocabulary::{Keyword, Target, carry, harmless, keep},
};

/// A check in the making.
#[derive(Debug)]
pub(crate) struct Check {
    pub(super) name: String,
    pub(super) place: Place,
    pub(super) kind: &'static CheckKind,
    pub(super) table: Table,
    /// A subject is named, whatever the name is worth.
    has_subject: bool,
}

/// Words and defaults that set one kind of check apart.
#[derive(Debug)]
pub(crate) struct CheckKind {
    /// keepalived's word for the block.
    pub(super) keyword: &'static str,
    kind: Kind,
    /// The key of what is looked at, in both languages.
    subject: &'static str,
    /// keepalived's weight where none is given.
    weight: i64,
    /// As what it is tracked.
    tracked: usize,
}

pub(super) const SCRIPTS: CheckKind = CheckKind {
    keyword: "vrrp_script",
    kind: Kind::Script,
    subject: "script",
    weight: 0,
    tracked: track::SCRIPT,
};
pub(super) const PROCESSES: CheckKind = CheckKind {
    keyword: "vrrp_track_process",
    kind: Kind::Process,
    subject: "process",
    weight: 0,
    tracked: track::PROCESS,
};
pub(super) const FILES: CheckKind =
    CheckKind { keyword: "track_file", kind: Kind::File, subject: "file", weight: 1, tracked: track::FILE };

impl Target for Check {
    fn table(&mut self) -> &mut Table {
        &mut self.table
    }

    fn saw(&mut self, keyword: &'static str) {
        self.has_subject |= keyword == self.kind.subject;
    }
}

const HOUR: Duration = Duration::from_secs(3600);
const PACE: Form = Form::SecondsWithin(Duration::from_millis(10), HOUR);

pub(crate) const SCRIPT: &[Keyword<Check>] = &[
    carry("script", "script", "parted into words as keepalived does it; no shell", script),
    keep("interval", "interval", "with unit; 10 ms to 1 h", PACE),
    keep("timeout", "timeout", "with unit; as `interval` if it is not given", PACE),
    carry("weight", "weight, reverse", "", weight_and_reverse),
    keep("rise", "rise", "", Form::Within(1, 1000)),
    keep("fall", "fall", "", Form::Within(1, 1000)),
    keep("user", "user", "`user:group`", Form::User),
    keep("init_fail", "init_fail", "", Form::On),
];

pub(crate) const PROCESS: &[Keyword<Check>] = &[
    carry("process", "process", "", process),
    carry("param_match", "param_match", "", param_match),
    carry("weight", "weight, reverse", "0 unless given, as in keepalived", weight_and_reverse),
    keep("quorum", "quorum", "", Form::Integer(1, 65_535)),
    keep("quorum_max", "quorum_max", "", Form::Integer(0, 65_535)),
    carry("delay", "delay", "with unit", delay),
    keep("fork_delay", "fork_delay", "with unit", DELAY),
    keep("terminate_delay", "terminate_delay", "with unit", DELAY),
    harmless("full_command", "the command line is compared wherever arguments are given"),
];

const DELAY: Form = Form::Seconds(Duration::ZERO, HOUR);

pub(crate) const FILE: &[Keyword<Check>] = &[
    carry("file", "file", "", file),
    carry("weight", "weight, reverse", "-253 to 253; 1 unless given", weight_and_reverse),
    carry("init_file", "init_file", "", init_file),
];

fn script(check: &mut Check, statement: &Statement, context: &mut Context<'_>) {
    let line = hook::script_alone(statement, context);
    context.keep(&mut check.table, "script", statement, line);
}

fn file(check: &mut Check, statement: &Statement, context: &mut Context<'_>) {
    let path = context.one(statement, "a path").map(|path| hook::absolute(&path.text, statement, context));
    context.keep_first(&mut check.table, "file", statement, path);
}

/// `weight N [reverse]`. The first counts, unless it is the default; of a script the last.
fn weight_and_reverse(check: &mut Check, statement: &Statement, context: &mut Context<'_>) {
    let [word, rest @ ..] = statement.arguments() else {
        context.one(statement, "a weight");
        return;
    };
    context.no_block(statement);
    let reverse = match rest {
        [] => false,
        [word, extra @ ..] if word.text == "reverse" => {
            context.extra(statement, extra);
            true
        }
        [word, ..] => return context.wrong(word, "expected reverse, or the end of the line"),
    };
    let Some(number) = weight(word, check.kind.tracked, context) else { return };
    let is_said = check.table.integer("weight").is_some_and(|said| said != check.kind.weight);
    if is_said && check.kind.tracked != track::SCRIPT {
        return context.keep_first(&mut check.table, "weight", statement, Some(number));
    }
    context.keep(&mut check.table, "weight", statement, Some(number));
    check.table.take("reverse");
    if reverse {
        check.table.add("reverse", context.node(true, statement.place));
    }
}

fn process(check: &mut Check, statement: &Statement, context: &mut Context<'_>) {
    context.no_block(statement);
    let words: Vec<String> = statement.arguments().iter().map(|word| word.text.clone()).collect();
    if words.first().is_none_or(String::is_empty) {
        context.one(statement, "the name of a program");
        return;
    }
    context.keep_first(&mut check.table, "process", statement, Some(command_line(words)));
}

fn param_match(check: &mut Check, statement: &Statement, context: &mut Context<'_>) {
    context.no_block(statement);
    let value = match statement.arguments().first().map(|word| (word, word.text.as_str())) {
        None => "exact",
        Some((_, word @ ("initial" | "partial"))) => word,
        Some((word, _)) => return context.wrong(word, "expected initial, partial or nothing"),
    };
    context.keep(&mut check.table, "param_match", statement, Some(value));
}

/// `delay` is both of the others, which count only if they come after it.
fn delay(check: &mut Check, statement: &Statement, context: &mut Context<'_>) {
    for before in ["fork_delay", "terminate_delay"].into_iter().filter_map(|key| check.table.take(key)) {
        let note = "before `delay`, which is both: without effect, as in keepalived";
        context.report.push(Severity::Harmless, before.place, "delay", note);
    }
    DELAY.keep("delay", &mut check.table, statement, context);
}

/// `init_file [VALUE] [overwrite]`.
fn init_file(check: &mut Check, statement: &Statement, context: &mut Context<'_>) {
    context.no_block(statement);
    let (mut value, mut overwrite) = (0, false);
    for word in statement.arguments() {
        if word.text == "overwrite" {
            overwrite = true;
            continue;
        }
        let Some(number) = context.number(word, i64::from(i32::MIN)..=i64::from(i32::MAX)) else { return };
        value = number;
    }
    let mut table = Table::default();
    table.set("value", value, statement.place);
    table.set("overwrite", overwrite, statement.place);
    context.keep(&mut check.table, "init_file", statement, Some(table));
}

impl Check {
    pub(super) fn new(name: String, place: Place, kind: &'static CheckKind) -> Self {
        Self { name, place, kind, table: Table::default(), has_subject: false }
    }

    /// Its weight for who tracks it and says nothing else.
    pub(super) fn weight(&self) -> i64 {
        self.table.integer("weight").unwrap_or(self.kind.weight)
    }

    /// Reports what is missing.
    pub(super) fn check(&self, context: &mut Context<'_>) {
        if !self.has_subject {
            let key = self.kind.subject;
            let title = format!("`{}` has no `{key}`", self.name);
            let help = format!("add a line that starts with {key}");
            context.faults.push(self.place, title, format!("expected `{key}` in this block"), help);
        }
        let has = |key: &str| self.table.get(key).is_some();
        if has("timeout") && !has("interval") {
            let text = "without `interval`: a run every second that may take as long as this";
            context.report.push(Severity::Harmless, self.place, "timeout", text);
        }
    }

    pub(super) fn plant(mut self, tree: &mut Tree, context: &Context<'_>) {
        if self.table.get("weight").is_none() {
            self.table.add("weight", context.default(self.kind.weight, self.place));
        }
        context.plant(tree, self.kind.kind, &self.name, self.place, self.table);
    }
}
