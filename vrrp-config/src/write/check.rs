//! A check as TOML.

use super::{
    super::{Check, CheckKind, HttpCheck, ProcessCheck, ProcessName, duration::spell},
    Setting, quote,
    spell::command_line,
};

/// In the order of the documentation.
pub(super) fn settings(check: &Check) -> Vec<Setting> {
    let mut settings = kind(&check.kind);
    settings
        .extend([("weight", check.weight.value.to_string()), ("reverse", check.weight.reverse.to_string())]);
    if !matches!(check.kind, CheckKind::File(_)) {
        settings.extend([
            ("rise", check.rise.to_string()),
            ("fall", check.fall.to_string()),
            ("init_fail", check.init_fail.to_string()),
        ]);
    }
    settings
}

fn kind(kind: &CheckKind) -> Vec<Setting> {
    match kind {
        CheckKind::Script(check) => {
            let mut settings = vec![
                ("script", quote(&check.program.to_string())),
                ("interval", quote(&spell(check.interval))),
                ("timeout", quote(&spell(check.timeout))),
            ];
            settings.extend(check.user.as_ref().map(|user| ("user", quote(&user.to_string()))));
            settings
        }
        CheckKind::Http(check) => http(check),
        CheckKind::Tcp(check) => vec![
            ("address", quote(&check.address.to_string())),
            ("interval", quote(&spell(check.interval))),
            ("timeout", quote(&spell(check.timeout))),
        ],
        CheckKind::Process(check) => process(check),
        CheckKind::File(check) => {
            let mut settings = vec![("file", quote(&check.file.to_string_lossy()))];
            settings.extend(check.init.map(|init| {
                ("init_file", format!("{{ value = {}, overwrite = {} }}", init.value, init.overwrite))
            }));
            settings
        }
    }
}

fn http(check: &HttpCheck) -> Vec<Setting> {
    let status = super::list(&check.status, |(low, high)| {
        if low == high { low.to_string() } else { quote(&format!("{low}-{high}")) }
    });
    let mut settings = vec![("url", quote(&check.url)), ("method", quote(&check.method)), ("status", status)];
    settings.extend(check.body.as_ref().map(|body| ("body", quote(body))));
    settings.extend(check.host.as_ref().map(|host| ("host", quote(host))));
    settings.extend(check.url.starts_with("https:").then(|| ("verify", check.verify.to_string())));
    settings.extend([("interval", quote(&spell(check.interval))), ("timeout", quote(&spell(check.timeout)))]);
    settings
}

fn process(check: &ProcessCheck) -> Vec<Setting> {
    let mut settings = match &check.process {
        ProcessName::Command { name, arguments, param_match } => {
            let line = command_line(std::iter::once(name).chain(arguments));
            let matching = param_match.map(|matching| ("param_match", quote(&matching.to_string())));
            std::iter::once(("process", quote(&line))).chain(matching).collect()
        }
        ProcessName::PidFile(path) => vec![("pid_file", quote(&path.to_string_lossy()))],
    };
    settings.push(("quorum", check.quorum.to_string()));
    settings.extend(check.quorum_max.map(|most| ("quorum_max", most.to_string())));
    settings.extend([
        ("delay", quote(&spell(check.delay))),
        ("fork_delay", quote(&spell(check.fork_delay))),
        ("terminate_delay", quote(&spell(check.terminate_delay))),
    ]);
    settings
}
