//! The keys of a check.

use url::Url;

use super::{
    super::{
        Check, CheckKind, HttpCheck, ProcessCheck, ProcessName,
        keys::{Field, set},
        raw::http::METHODS,
        table::{CheckKeys, Counts, File, Http, InitFile, Pace, Process, Script, Tcp},
        tree::Table,
    },
    Written, written,
};

/// The table with which it is read as it is.
pub(super) fn table(check: &Check) -> Table {
    let any = CheckKeys { weight: set(check.weight.value), reverse: set(check.weight.reverse) };
    let counts = Counts { rise: set(check.rise), fall: set(check.fall), init_fail: set(check.init_fail) };
    let pace = |interval, timeout| Pace { interval: set(interval), timeout: set(timeout) };
    let counted = |own: &dyn Written, pace: &dyn Written| written(&[own, pace, &any, &counts]);
    match &check.kind {
        CheckKind::Script(script) => {
            let own = Script { script: set(script.program.clone()), user: script.user.clone().into() };
            counted(&own, &pace(script.interval, script.timeout))
        }
        CheckKind::Http(check) => counted(&http(check), &pace(check.interval, check.timeout)),
        CheckKind::Tcp(tcp) => counted(&Tcp { address: set(tcp.address) }, &pace(tcp.interval, tcp.timeout)),
        CheckKind::Process(check) => written(&[&process(check), &any, &counts]),
        CheckKind::File(file) => {
            let init = file.init.map(|init| InitFile {
                value: i32::try_from(init.value).ok().into(),
                overwrite: set(init.overwrite),
            });
            written(&[&File { file: set(file.file.clone()), init_file: init.into() }, &any])
        }
    }
}

fn http(check: &HttpCheck) -> Http {
    let method = METHODS.iter().find(|(word, _)| *word == check.method);
    Http {
        url: Url::parse(&check.url).ok().into(),
        method: method.map(|(_, method)| *method).into(),
        status: set(check.status.clone()),
        body: check.body.clone().into(),
        host: check.host.clone().into(),
        verify: check.url.starts_with("https:").then_some(check.verify).into(),
    }
}

fn process(check: &ProcessCheck) -> Process {
    let (process, pid_file, param_match) = match &check.process {
        ProcessName::Command { name, arguments, param_match } => {
            (set((name.clone(), arguments.clone())), Field::Absent(None), (*param_match).into())
        }
        ProcessName::PidFile(path) => (Field::Absent(None), set(path.clone()), Field::Absent(None)),
    };
    Process {
        process,
        pid_file,
        param_match,
        quorum: set(check.quorum),
        quorum_max: check.quorum_max.into(),
        delay: set(check.delay),
        fork_delay: set(check.fork_delay),
        terminate_delay: set(check.terminate_delay),
    }
}
