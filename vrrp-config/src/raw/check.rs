//! `[vrrp_script.NAME]` and the other checks, each by itself.

use std::{net::SocketAddr, ops::RangeInclusive, time::Duration};

use super::{
    super::{
        Check, CheckKind, FileCheck, InitFile, ParamMatch, ProcessCheck, ProcessName, ScriptCheck, TcpCheck,
        Weight,
        duration::duration,
        keys::{At, Field, Keys, Wrong, boolean, number, one_of, string},
        problem::{Findings, Problem},
        tree::{Kind, Node, Table},
    },
    hook, http, text,
};

/// One `[vrrp_script.NAME]` or the like.
pub(crate) struct NamedCheck {
    /// `vrrp_script`.
    pub(crate) table: &'static str,
    pub(crate) name: At<String>,
    /// `None` if something was reported.
    pub(crate) check: Option<Check>,
}

const HOUR: Duration = Duration::from_secs(3600);
const PACE: RangeInclusive<Duration> = Duration::from_millis(10)..=HOUR;

impl NamedCheck {
    pub(super) fn read(kind: Kind, name: At<String>, table: &Table, findings: &mut Findings) -> Self {
        let mut keys = Keys::new(kind.word(), table, findings);
        let check = check(kind, &name, &mut keys);
        keys.finish();
        Self { table: kind.word(), name, check }
    }
}

fn check(kind: Kind, name: &At<String>, keys: &mut Keys<'_, '_>) -> Option<Check> {
    let is_file = kind == Kind::File;
    let of_kind = match kind {
        Kind::Script => script(keys, name),
        Kind::Http => http::read(keys, name),
        Kind::Tcp => tcp(keys, name),
        Kind::Process => process(keys, name),
        Kind::File => file(keys, name),
        Kind::Delays | Kind::Instance | Kind::Group => None,
    };
    let weight = keys.read("weight", number(-253..=253));
    let reverse = keys.read("reverse", boolean);
    // Results are counted. A number in a file is what it is.
    let (rise, fall, init_fail) = if is_file {
        (Some(1), Some(1), Some(false))
    } else {
        let (rise, fall) = (keys.read("rise", number(1..=1000)), keys.read("fall", number(1..=1000)));
        (rise.or(1), fall.or(1), keys.read("init_fail", boolean).or(false))
    };
    Some(Check {
        name: name.value.clone(),
        kind: of_kind?,
        // keepalived's defaults.
        weight: Weight { value: weight.or(i16::from(is_file))?, reverse: reverse.or(false)? },
        rise: rise?,
        fall: fall?,
        init_fail: init_fail?,
    })
}

/// `interval` and `timeout`.
pub(super) fn pace(keys: &mut Keys<'_, '_>) -> Option<(Duration, Duration)> {
    let interval = keys.read("interval", duration(PACE)).or(Duration::from_secs(1));
    let timeout = keys.read("timeout", duration(PACE)).optional();
    let interval = interval?;
    Some((interval, timeout?.unwrap_or(interval)))
}

/// The value of a key that must be there.
pub(super) fn required<T: Clone>(
    keys: &mut Keys<'_, '_>,
    field: &Field<T>,
    (key, example): (&str, &str),
    name: &At<String>,
) -> Option<T> {
    if matches!(field, Field::Absent) {
        keys.missing(key, example, name);
    }
    field.given().map(|at| at.value.clone())
}

fn script(keys: &mut Keys<'_, '_>, name: &At<String>) -> Option<CheckKind> {
    let script = keys.read("script", hook::program);
    let program = required(keys, &script, ("script", "\"/etc/vrrpd/check_nginx.sh\""), name);
    let pace = pace(keys);
    let user = keys.read("user", hook::user).optional();
    let (interval, timeout) = pace?;
    Some(CheckKind::Script(ScriptCheck { program: program?, interval, timeout, user: user? }))
}

fn tcp(keys: &mut Keys<'_, '_>, name: &At<String>) -> Option<CheckKind> {
    let address = keys.read("address", socket_address);
    let address = required(keys, &address, ("address", "\"127.0.0.1:80\""), name);
    let (interval, timeout) = pace(keys)?;
    Some(CheckKind::Tcp(TcpCheck { address: address?, interval, timeout }))
}

fn socket_address(value: &Node) -> Result<SocketAddr, Wrong> {
    let text = string(value)?;
    match text.parse::<SocketAddr>() {
        Ok(address) if address.port() != 0 => Ok(address),
        Ok(_) | Err(_) => {
            Err(Wrong::new("is no address with a port", "must be an IP address, `:` and a port")
                .help("write \"127.0.0.1:80\" or \"[::1]:80\"; names are not looked up"))
        }
    }
}

fn process(keys: &mut Keys<'_, '_>, name: &At<String>) -> Option<CheckKind> {
    let process = process_name(keys, name);
    let quorum_max = keys.read("quorum_max", number(0..=u16::MAX));
    let quorum = keys.read("quorum", number(0..=u16::MAX));
    let counts = quorums(keys, &quorum, &quorum_max);
    let mut delay = |key| keys.read(key, duration(Duration::ZERO..=HOUR));
    let delays = [delay("delay"), delay("fork_delay"), delay("terminate_delay")];
    let [delay, fork_delay, terminate_delay] = delays;
    let delay = delay.or(Duration::ZERO)?;
    let (quorum, quorum_max) = counts?;
    Some(CheckKind::Process(ProcessCheck {
        process: process?,
        quorum,
        quorum_max,
        delay,
        fork_delay: fork_delay.or(delay)?,
        terminate_delay: terminate_delay.or(delay)?,
    }))
}

/// `quorum` and `quorum_max`, which some number of processes must satisfy and some other must not.
fn quorums(
    keys: &mut Keys<'_, '_>,
    quorum: &Field<u16>,
    quorum_max: &Field<u16>,
) -> Option<(u16, Option<u16>)> {
    let most = quorum_max.optional()?;
    let least = quorum.or(if most == Some(0) { 0 } else { 1 })?;
    let place = quorum_max.given().or_else(|| quorum.given()).map(|at| at.place).unwrap_or_default();
    if most.is_some_and(|most| most < least) {
        let title = format!("`quorum_max` is less than `quorum`, which is {least}");
        keys.findings
            .push(Problem::new(title, place, "no number of processes would do").help("turn them round"));
        return None;
    }
    if least == 0 && most.is_none() {
        let problem =
            Problem::new("`quorum` 0 without `quorum_max`", place, "any number of processes would do");
        keys.findings.push(problem.help("write quorum_max = 0 if the process must not be there"));
        return None;
    }
    Some((least, most))
}

fn process_name(keys: &mut Keys<'_, '_>, name: &At<String>) -> Option<ProcessName> {
    let process = keys.read("process", process_words);
    let pid_file = keys.read("pid_file", text::path);
    let param_match = keys.read("param_match", one_of(PARAM_MATCHES));
    if let (Some(process), Some(pid_file)) = (process.given(), pid_file.given()) {
        let problem = Problem::new("`process` and `pid_file`", pid_file.place, "one process by its number");
        let problem = problem.also(process.place, "processes by their name");
        keys.findings.push(problem.help("remove one of the two, or make two checks"));
    }
    if let (Field::Given(file), Field::Given(at)) = (&pid_file, &param_match) {
        let problem = Problem::new("`param_match` with `pid_file`", at.place, "has no effect");
        let problem = problem.also(file.place, "one process by its number");
        keys.findings.push(problem.help("remove one of the two"));
    }
    if let Field::Given(At { value: path, .. }) = pid_file {
        return Some(ProcessName::PidFile(path));
    }
    if matches!((&process, &pid_file), (Field::Absent, Field::Absent)) {
        keys.missing("process", "\"nginx\", or pid_file = \"/run/nginx.pid\"", name);
    }
    let At { value: (name, arguments), .. } = process.given()?.clone();
    // keepalived's: arguments that are given are compared.
    let default = (!arguments.is_empty()).then_some(ParamMatch::Exact);
    let param_match = param_match.optional()?.or(default);
    Some(ProcessName::Command { name, arguments, param_match })
}

const PARAM_MATCHES: &[(&str, ParamMatch)] =
    &[("exact", ParamMatch::Exact), ("initial", ParamMatch::Initial), ("partial", ParamMatch::Partial)];

fn process_words(value: &Node) -> Result<(String, Vec<String>), Wrong> {
    let text = string(value)?;
    let words = if text.contains('\0') { None } else { shlex::split(&text) };
    let mut words = words.unwrap_or_default().into_iter();
    let name = words.next().filter(|name| (1..=255).contains(&name.len()));
    name.map(|name| (name, words.collect())).ok_or_else(|| {
        Wrong::new("is no process name", "empty, longer than 255 bytes, or a quote is left open")
            .help("write \"nginx\", with arguments if they are to be compared")
    })
}

fn file(keys: &mut Keys<'_, '_>, name: &At<String>) -> Option<CheckKind> {
    let file = keys.read("file", text::path);
    let file = required(keys, &file, ("file", "\"/run/vrrpd/weight\""), name);
    let init = keys.table("init_file", "init_file = { value = 0, overwrite = false }", |keys| {
        let value = keys.read("value", number(i64::from(i32::MIN)..=i64::from(i32::MAX)));
        let overwrite = keys.read("overwrite", boolean);
        value.or(0).zip(overwrite.or(false))
    });
    let init = match init {
        Field::Given(at) => at.value.map(|(value, overwrite)| Some(InitFile { value, overwrite })),
        Field::Absent => Some(None),
        Field::Wrong => None,
    };
    Some(CheckKind::File(FileCheck { file: file?, init: init? }))
}
