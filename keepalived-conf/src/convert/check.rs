//! `vrrp_script`, `vrrp_track_process` and `track_file`.

use std::time::Duration;

use super::{
    Context, Given, hook, range,
    track::{self, weight},
    write::{Remark, Writer, command_line, spell},
};
use crate::{
    report::Severity,
    text::Place,
    tree::Statement,
    vocabulary::{Keyword, Target, carry, harmless},
};
use vrrp_config::quote;

/// A check in the making.
#[derive(Debug)]
pub(crate) struct Check {
    pub(super) name: String,
    pub(super) place: Place,
    /// keepalived's keyword: `vrrp_script`, `vrrp_track_process` or `track_file`.
    pub(super) keyword: &'static str,
    /// `script`, `process` or `file`, as TOML.
    subject: Option<Given<String>>,
    interval: Option<Given<Duration>>,
    timeout: Option<Given<Duration>>,
    weight: Option<Given<(i64, bool)>>,
    rise: Option<Given<i64>>,
    fall: Option<Given<i64>>,
    pub(super) user: Option<Given<String>>,
    init_fail: Option<Given<bool>>,
    param_match: Option<Given<&'static str>>,
    quorum: Option<Given<i64>>,
    quorum_max: Option<Given<i64>>,
    delays: [Option<Given<Duration>>; 3],
    init_file: Option<Given<(i64, bool)>>,
    /// Whether what is looked at is named, whatever the name is worth.
    has_subject: bool,
    remarks: Vec<Remark>,
}

impl Target for Check {
    fn remark(&mut self, place: Place, text: String) {
        self.remarks.push(Remark { place, text });
    }

    fn saw(&mut self, keyword: &'static str) {
        self.has_subject |= keyword == self.kind().1;
    }
}

const HOUR: Duration = Duration::from_secs(3600);
const DELAYS: [&str; 3] = ["delay", "fork_delay", "terminate_delay"];

pub(crate) const SCRIPT: &[Keyword<Check>] = &[
    carry("script", "script", "parted into words as keepalived does it; no shell", script),
    carry("interval", "interval", "with unit; 10 ms to 1 h", |check, statement, context| {
        let value = pace(statement, context);
        context.set(statement, &mut check.interval, value);
    }),
    carry(
        "timeout",
        "timeout",
        "with unit; as `interval` if it is not given",
        |check, statement, context| {
            let value = pace(statement, context);
            context.set(statement, &mut check.timeout, value);
        },
    ),
    carry("weight", "weight, reverse", "", script_weight),
    carry("rise", "rise", "", |check, statement, context| {
        let value = range::number(statement, 1..=1000, context);
        context.set(statement, &mut check.rise, value);
    }),
    carry("fall", "fall", "", |check, statement, context| {
        let value = range::number(statement, 1..=1000, context);
        context.set(statement, &mut check.fall, value);
    }),
    carry("user", "user", "`user:group`", |check, statement, context| {
        let value = hook::user(statement, context);
        context.set(statement, &mut check.user, value);
    }),
    carry("init_fail", "init_fail", "", |check, statement, context| {
        // Whatever follows it, as in keepalived.
        context.no_block(statement);
        context.extra(statement, statement.arguments());
        check.init_fail = Some(Given { value: true, place: statement.place });
    }),
];

pub(crate) const PROCESS: &[Keyword<Check>] = &[
    carry("process", "process", "", process),
    carry("param_match", "param_match", "", param_match),
    carry("weight", "weight, reverse", "0 unless given, as in keepalived", process_weight),
    carry("quorum", "quorum", "", |check, statement, context| {
        let value = context.integer(statement, 1..=65_535);
        context.set(statement, &mut check.quorum, value);
    }),
    carry("quorum_max", "quorum_max", "", |check, statement, context| {
        let value = context.integer(statement, 0..=65_535);
        context.set(statement, &mut check.quorum_max, value);
    }),
    carry("delay", "delay", "with unit", delay),
    carry("fork_delay", "fork_delay", "with unit", delay),
    carry("terminate_delay", "terminate_delay", "with unit", delay),
    harmless("full_command", "the command line is compared wherever arguments are given"),
];

pub(crate) const FILE: &[Keyword<Check>] = &[
    carry("file", "file", "", |check, statement, context| {
        let path =
            context.one(statement, "a path").map(|path| hook::absolute(&path.text, statement, context));
        let value = path.map(|path| Given { value: quote(&path), place: statement.place });
        context.set_once(statement, &mut check.subject, value);
    }),
    carry("weight", "weight, reverse", "-253 to 253; 1 unless given", file_weight),
    carry("init_file", "init_file", "", init_file),
];

fn pace(statement: &Statement, context: &mut Context<'_>) -> Option<Given<Duration>> {
    range::seconds(statement, Duration::from_millis(10)..=HOUR, context)
}

fn script(check: &mut Check, statement: &Statement, context: &mut Context<'_>) {
    let line = hook::script_alone(statement, context);
    let value = line.map(|line| Given { value: quote(&line), place: statement.place });
    context.set(statement, &mut check.subject, value);
}

fn script_weight(check: &mut Check, statement: &Statement, context: &mut Context<'_>) {
    weight_of(check, statement, track::SCRIPT, context);
}

fn process_weight(check: &mut Check, statement: &Statement, context: &mut Context<'_>) {
    weight_of(check, statement, track::PROCESS, context);
}

fn file_weight(check: &mut Check, statement: &Statement, context: &mut Context<'_>) {
    weight_of(check, statement, track::FILE, context);
}

/// `weight N [reverse]`.
fn weight_of(check: &mut Check, statement: &Statement, kind: usize, context: &mut Context<'_>) {
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
        [word, ..] => {
            context.wrong(word, "expected reverse, or the end of the line");
            return;
        }
    };
    let number = weight(word, kind, context);
    let value = number.map(|number| Given { value: (number, reverse), place: statement.place });
    let (_, _, default) = check.kind();
    let is_said = check.weight.is_some_and(|said| said.value.0 != default);
    if is_said && kind != track::SCRIPT {
        context.set_once(statement, &mut check.weight, value);
    } else {
        context.set(statement, &mut check.weight, value);
    }
}

fn process(check: &mut Check, statement: &Statement, context: &mut Context<'_>) {
    context.no_block(statement);
    let words: Vec<String> = statement.arguments().iter().map(|word| word.text.clone()).collect();
    if words.first().is_none_or(String::is_empty) {
        context.one(statement, "the name of a program");
        return;
    }
    let value = Given { value: quote(&command_line(words)), place: statement.place };
    context.set_once(statement, &mut check.subject, Some(value));
}

fn param_match(check: &mut Check, statement: &Statement, context: &mut Context<'_>) {
    context.no_block(statement);
    let value = match statement.arguments().first().map(|word| (word, word.text.as_str())) {
        None => "exact",
        Some((_, "initial")) => "initial",
        Some((_, "partial")) => "partial",
        Some((word, _)) => {
            context.wrong(word, "expected initial, partial or nothing");
            return;
        }
    };
    context.set(statement, &mut check.param_match, Some(Given { value, place: statement.place }));
}

/// `delay` is both of the others, which count only if they come after it.
fn delay(check: &mut Check, statement: &Statement, context: &mut Context<'_>) {
    let value = context.timer(statement, Duration::ZERO..=HOUR);
    let index = DELAYS.iter().position(|name| *name == statement.keyword()).unwrap_or(0);
    if index == 0
        && let [_, fork, terminate] = &mut check.delays
    {
        let before = [fork.take(), terminate.take()].into_iter().flatten();
        for Given { place, .. } in before {
            let note = "before `delay`, which is both: without effect, as in keepalived";
            context.report.push(Severity::Harmless, place, "delay", note);
        }
    }
    if let Some(field) = check.delays.get_mut(index) {
        context.set(statement, field, value);
    }
}

/// `init_file [VALUE] [overwrite]`.
fn init_file(check: &mut Check, statement: &Statement, context: &mut Context<'_>) {
    context.no_block(statement);
    let (mut value, mut overwrite) = (0, false);
    for word in statement.arguments() {
        if word.text == "overwrite" {
            overwrite = true;
        } else {
            let Some(number) = context.number(word, i64::from(i32::MIN)..=i64::from(i32::MAX)) else {
                return;
            };
            value = number;
        }
    }
    let given = Given { value: (value, overwrite), place: statement.place };
    context.set(statement, &mut check.init_file, Some(given));
}

impl Check {
    pub(super) fn new(name: String, place: Place, keyword: &'static str) -> Self {
        Self {
            name,
            place,
            keyword,
            subject: None,
            interval: None,
            timeout: None,
            weight: None,
            rise: None,
            fall: None,
            user: None,
            init_fail: None,
            param_match: None,
            quorum: None,
            quorum_max: None,
            delays: [None; 3],
            init_file: None,
            has_subject: false,
            remarks: Vec::new(),
        }
    }

    /// What it does to who tracks it and says nothing else.
    pub(super) fn weight(&self) -> i64 {
        self.weight.map_or(self.kind().2, |given| given.value.0)
    }

    /// The table in TOML, the key of its subject, and keepalived's weight when none is given.
    fn kind(&self) -> (&'static str, &'static str, i64) {
        match self.keyword {
            "vrrp_script" => ("vrrp_script", "script", 0),
            "vrrp_track_process" => ("vrrp_process", "process", 0),
            _ => ("vrrp_file", "file", 1),
        }
    }

    /// Reports what is missing.
    pub(super) fn check(&self, context: &mut Context<'_>) {
        if !self.has_subject {
            let (_, key, _) = self.kind();
            let title = format!("`{}` has no `{key}`", self.name);
            let help = format!("add a line that starts with {key}");
            context.faults.push(self.place, title, format!("expected `{key}` in this block"), help);
        }
        if self.keyword == "vrrp_script" && self.interval.is_none() && self.timeout.is_some() {
            let text = "without `interval`: a run every second that may take as long as this";
            context.report.push(Severity::Harmless, self.place, "timeout", text);
        }
    }

    pub(super) fn write(&self, writer: &mut Writer<'_, '_>) {
        let (table, subject, weight) = self.kind();
        writer.head(table, &self.name, self.place);
        if let Some(given) = &self.subject {
            writer.line(subject, &given.value, given.place);
        }
        for (key, given) in [("interval", self.interval), ("timeout", self.timeout)] {
            if let Some(given) = given {
                writer.line(key, &spell(given.value), given.place);
            }
        }
        match self.weight {
            Some(Given { value: (number, reverse), place }) => {
                writer.line("weight", &number.to_string(), place);
                if reverse {
                    writer.line("reverse", "true", place);
                }
            }
            None => writer.default("weight", &weight.to_string()),
        }
        writer.show("rise", self.rise);
        writer.show("fall", self.fall);
        writer.show("init_fail", self.init_fail);
        writer.string("user", self.user.as_ref());
        if let Some(given) = self.param_match {
            writer.line("param_match", &quote(given.value), given.place);
        }
        writer.show("quorum", self.quorum);
        writer.show("quorum_max", self.quorum_max);
        for (key, given) in DELAYS.iter().zip(self.delays) {
            if let Some(given) = given {
                writer.line(key, &spell(given.value), given.place);
            }
        }
        if let Some(Given { value: (value, overwrite), place }) = self.init_file {
            writer.line("init_file", &format!("{{ value = {value}, overwrite = {overwrite} }}"), place);
        }
        writer.remarks(&self.remarks);
    }
}
