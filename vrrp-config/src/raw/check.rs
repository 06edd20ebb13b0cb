//! `[vrrp_script.NAME]` and the other checks: their values, and what goes together in one.

use std::{net::SocketAddr, time::Duration};

use super::super::{
    Check, CheckKind, FileCheck, InitFile, ParamMatch, ProcessCheck, ProcessName, ScriptCheck, TcpCheck,
    Weight,
    key::Group as _,
    keys::{At, Field, Keys, Wrong, string},
    problem::{Findings, Problem},
    table::{self, CheckKeys, Counts, File, Pace, Process, Script, Tcp},
    tree::{Kind, Node, Table},
    types::{Own, shown},
    write::command_line,
};
use super::http;

/// One `[vrrp_script.NAME]` or the like.
pub(crate) struct NamedCheck {
    pub(crate) kind: Kind,
    pub(crate) name: At<String>,
    /// `None` if something was reported.
    pub(crate) check: Option<Check>,
}

/// An address with a port.
pub(crate) const SOCKET_ADDRESS: Own<SocketAddr> = Own {
    text: "`\"127.0.0.1:80\"`, `\"[::1]:80\"`",
    schema: r#"{ "type": "string", "pattern": ":[0-9]+$" }"#,
    read: socket_address,
    write: shown,
};

/// The name of a process and its arguments.
pub(crate) const PROCESS: Own<(String, Vec<String>)> = Own {
    text: "a name, or a command line",
    schema: r#"{ "type": "string", "minLength": 1 }"#,
    read: process_words,
    write: |(name, arguments)| command_line(std::iter::once(name).chain(arguments)).into(),
};

impl NamedCheck {
    /// Reads a check of that kind, and reports what does not go together in it.
    pub(super) fn read(kind: Kind, name: At<String>, table: &Table, findings: &mut Findings) -> Self {
        let mut keys = Keys::new(kind.word(), table, findings).of(&name);
        let check = check(kind, &name, &mut keys);
        keys.finish();
        Self { kind, name, check }
    }
}

fn check(kind: Kind, name: &At<String>, keys: &mut Keys<'_, '_>) -> Option<Check> {
    let is_file = kind == Kind::File;
    let of_kind = match kind {
        Kind::Script => script(keys),
        Kind::Http => {
            let (http, pace) = (table::Http::read(keys), Pace::read(keys));
            http::check(&http, &pace, keys.findings)
        }
        Kind::Tcp => tcp(keys),
        Kind::Process => process(keys, name),
        Kind::File => file(keys),
        Kind::Delays | Kind::Instance | Kind::Group => None,
    };
    let CheckKeys { weight, reverse } = CheckKeys::read(keys);
    // Results are counted. A number in a file is what it is.
    let (rise, fall, init_fail) = if is_file {
        (Some(1), Some(1), Some(false))
    } else {
        let Counts { rise, fall, init_fail } = Counts::read(keys);
        (rise.value(), fall.value(), init_fail.value())
    };
    Some(Check {
        name: name.value.clone(),
        kind: of_kind?,
        // keepalived's defaults.
        weight: Weight { value: weight.or(i16::from(is_file))?, reverse: reverse.value()? },
        rise: rise?,
        fall: fall?,
        init_fail: init_fail?,
    })
}

/// `interval` and `timeout`.
pub(super) fn pace(Pace { interval, timeout }: &Pace) -> Option<(Duration, Duration)> {
    let (interval, timeout) = (interval.value()?, timeout.optional()?);
    Some((interval, timeout.unwrap_or(interval)))
}

fn script(keys: &mut Keys<'_, '_>) -> Option<CheckKind> {
    let Script { script, user } = Script::read(keys);
    let (interval, timeout) = pace(&Pace::read(keys))?;
    let (program, user) = (script.value()?, user.optional()?);
    Some(CheckKind::Script(ScriptCheck { program, interval, timeout, user }))
}

fn tcp(keys: &mut Keys<'_, '_>) -> Option<CheckKind> {
    let Tcp { address } = Tcp::read(keys);
    let (interval, timeout) = pace(&Pace::read(keys))?;
    Some(CheckKind::Tcp(TcpCheck { address: address.value()?, interval, timeout }))
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
    let process = Process::read(keys);
    let of = process_name(&process, keys, name);
    let (quorum, quorum_max) = quorums(&process.quorum, &process.quorum_max, keys.findings)?;
    let delay = process.delay.value()?;
    let (fork_delay, terminate_delay) = (process.fork_delay.or(delay)?, process.terminate_delay.or(delay)?);
    let process = of?;
    Some(CheckKind::Process(ProcessCheck { process, quorum, quorum_max, delay, fork_delay, terminate_delay }))
}

/// `quorum` and `quorum_max`, which some number of processes must satisfy and some other must not.
fn quorums(
    quorum: &Field<u16>,
    quorum_max: &Field<u16>,
    findings: &mut Findings,
) -> Option<(u16, Option<u16>)> {
    let most = quorum_max.optional()?;
    let least = quorum.or(if most == Some(0) { 0 } else { 1 })?;
    let place = quorum_max.given().or_else(|| quorum.given()).map(|at| at.place).unwrap_or_default();
    if most.is_some_and(|most| most < least) {
        let title = format!("`quorum_max` is less than `quorum`, which is {least}");
        findings.push(Problem::new(title, place, "no number of processes would do").help("turn them round"));
        return None;
    }
    if least == 0 && most.is_none() {
        let problem =
            Problem::new("`quorum` 0 without `quorum_max`", place, "any number of processes would do");
        findings.push(problem.help("write quorum_max = 0 if the process must not be there"));
        return None;
    }
    Some((least, most))
}

fn process_name(of: &Process, keys: &mut Keys<'_, '_>, name: &At<String>) -> Option<ProcessName> {
    let Process { process, pid_file, param_match, .. } = of;
    if let (Some(process), Some(pid_file)) = (process.given(), pid_file.given()) {
        let problem = Problem::new("`process` and `pid_file`", pid_file.place, "one process by its number");
        let problem = problem.also(process.place, "processes by their name");
        keys.findings.push(problem.help("remove one of the two, or make two checks"));
    }
    if let (Some(file), Some(at)) = (pid_file.given(), param_match.given()) {
        let problem = Problem::new("`param_match` with `pid_file`", at.place, "has no effect");
        let problem = problem.also(file.place, "one process by its number");
        keys.findings.push(problem.help("remove one of the two"));
    }
    if let Some(path) = pid_file.given() {
        return Some(ProcessName::PidFile(path.value.clone()));
    }
    if process.is_absent() && pid_file.is_absent() {
        keys.missing("process", "\"nginx\", or pid_file = \"/run/nginx.pid\"", name);
    }
    let At { value: (name, arguments), .. } = process.given()?.clone();
    // keepalived's: arguments that are given are compared.
    let default = (!arguments.is_empty()).then_some(ParamMatch::Exact);
    let param_match = param_match.optional()?.or(default);
    Some(ProcessName::Command { name, arguments, param_match })
}

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

fn file(keys: &mut Keys<'_, '_>) -> Option<CheckKind> {
    let File { file, init_file } = File::read(keys);
    let init = match init_file.optional()? {
        Some(table::InitFile { value, overwrite }) => {
            Some(InitFile { value: value.value()?.into(), overwrite: overwrite.value()? })
        }
        None => None,
    };
    Some(CheckKind::File(FileCheck { file: file.value()?, init }))
}
