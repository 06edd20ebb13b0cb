//! A check, for a person.

use std::time::Duration;

use super::{
    super::{
        Check, CheckKind, Config, HttpCheck, ParamMatch, ProcessCheck, ProcessName, ScriptCheck, Subject,
        duration::spell,
    },
    Line, role,
};

/// Lines about what is looked at, how often, and when it counts.
pub(super) fn lines(check: &Check, config: &Config) -> Vec<Line> {
    let mut lines = match &check.kind {
        CheckKind::Script(script) => run(script),
        CheckKind::Http(http) => request(http),
        CheckKind::Tcp(tcp) => {
            vec![("connects to", tcp.address.to_string()), pace(tcp.interval, tcp.timeout)]
        }
        CheckKind::Process(process) => watch(process),
        CheckKind::File(file) => {
            let init = file.init.map(|init| match init.overwrite {
                true => format!("; set to {} at the start", init.value),
                false => format!("; made with {} if it is missing", init.value),
            });
            vec![("number in", format!("{}{}", file.file.display(), init.unwrap_or_default()))]
        }
    };
    if !matches!(check.kind, CheckKind::File(_)) {
        lines.push(("counts", counts(check)));
    }
    let is_this = |subject: &Subject| matches!(subject, Subject::Check(index) if config.checks.get(*index) == Some(check));
    let tracks = |track: &[super::super::Tracked]| track.iter().any(|tracked| is_this(&tracked.subject));
    let routers = config.routers.iter().filter(|router| tracks(&router.track)).map(|router| &router.name);
    let groups = config.sync_groups.iter().filter(|group| tracks(&group.track)).map(|group| &group.name);
    let names: Vec<_> = routers.chain(groups).map(String::as_str).collect();
    let nobody = "nobody: it is not run".to_owned();
    lines.push(("tracked by", if names.is_empty() { nobody } else { names.join(", ") }));
    lines
}

fn run(script: &ScriptCheck) -> Vec<Line> {
    let user = script.user.as_ref().map(|user| format!(" as {user}")).unwrap_or_default();
    vec![("runs", role::program(&script.program) + &user), pace(script.interval, script.timeout)]
}

fn pace(interval: Duration, timeout: Duration) -> Line {
    ("how often", format!("every {}, given up after {}", spell(interval), spell(timeout)))
}

fn request(http: &HttpCheck) -> Vec<Line> {
    let spelled =
        |(low, high): &(u16, u16)| if low == high { low.to_string() } else { format!("{low}-{high}") };
    let statuses: Vec<_> = http.status.iter().map(spelled).collect();
    let mut expected = format!("status {}", statuses.join(", "));
    expected.extend(http.body.as_ref().map(|body| format!(" and {body:?} in the body")));
    let mut line = format!("{} {}", http.method, http.url);
    line.extend(http.host.as_ref().map(|host| format!(" with Host: {host}")));
    if http.url.starts_with("https:") && !http.verify {
        line += ", whatever its certificate is";
    }
    vec![("requests", line), ("expects", expected), pace(http.interval, http.timeout)]
}

fn watch(process: &ProcessCheck) -> Vec<Line> {
    let name = match &process.process {
        ProcessName::PidFile(path) => format!("the process whose number is in {}", path.display()),
        ProcessName::Command { name, arguments, param_match } => {
            let arguments = arguments.join(" ");
            match param_match {
                None => format!("processes called {name}"),
                Some(ParamMatch::Exact) if arguments.is_empty() => {
                    format!("processes called {name}, without arguments")
                }
                Some(ParamMatch::Exact) => {
                    format!("processes called {name}, with just the arguments {arguments}")
                }
                Some(ParamMatch::Partial) => format!("processes called {name}, with {arguments} first"),
                Some(ParamMatch::Initial) => {
                    format!("processes called {name}, with {arguments} first, perhaps longer")
                }
            }
        }
    };
    let numbers = match process.quorum_max {
        Some(most) if most == process.quorum => format!("just {most}"),
        Some(most) => format!("{} to {most}", process.quorum),
        None => format!("at least {}", process.quorum),
    };
    let delays = format!(
        "{} after one starts, {} after one ends",
        spell(process.fork_delay),
        spell(process.terminate_delay)
    );
    vec![("watches", name), ("expects", numbers), ("noticed", delays)]
}

fn counts(check: &Check) -> String {
    let times =
        |number: u16| if number == 1 { "1 result".to_owned() } else { format!("{number} results in a row") };
    let first = if check.init_fail { "failing until then" } else { "the first one alone decides" };
    format!("succeeds after {}, fails after {}; {first}", times(check.rise), times(check.fall))
}
