//! Processes that match, as /proc shows them.

use std::{collections::BTreeSet, fs, path::Path, time::SystemTime};

use vrrp_config::{ParamMatch, ProcessName};

/// Bytes of the kernel's own name for a process.
const COMM: usize = 15;

/// Processes that match.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) pids: BTreeSet<i32>,
    /// Time at which the PID file was written.
    pub(super) written: Option<SystemTime>,
}

/// Looks now. Ended ones that nobody has reaped may be among them.
pub(super) fn scan(process: &ProcessName) -> Found {
    match process {
        ProcessName::PidFile(path) => from_file(path),
        ProcessName::Command { name, arguments, param_match } => {
            let matches = |pid: &i32| command_matches(*pid, name, arguments, *param_match);
            Found { pids: all().filter(matches).collect(), written: None }
        }
    }
}

fn from_file(path: &Path) -> Found {
    let written = fs::metadata(path).and_then(|file| file.modified()).ok();
    let text = fs::read_to_string(path).unwrap_or_default();
    let pid = text.lines().next().and_then(|line| line.trim().parse().ok()).filter(|pid| *pid > 0);
    Found { pids: pid.into_iter().collect(), written }
}

fn all() -> impl Iterator<Item = i32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

fn command_matches(pid: i32, name: &str, arguments: &[String], param_match: Option<ParamMatch>) -> bool {
    let by_comm = || {
        let comm = fs::read(format!("/proc/{pid}/comm")).unwrap_or_default();
        let comm = comm.strip_suffix(b"\n").unwrap_or(&comm);
        // Of a longer name the kernel knows the beginning only, and then argv must tell.
        name.len() <= COMM && comm == name.as_bytes()
    };
    if param_match.is_none() && by_comm() {
        return true;
    }
    let command = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let argv = split(&command);
    let Some((first, rest)) = argv.split_first() else { return false };
    (is_called(first, name) || (param_match.is_some() && by_comm()))
        && parameters_match(rest, arguments, param_match)
}

fn split(command: &[u8]) -> Vec<&[u8]> {
    if command.is_empty() {
        return Vec::new();
    }
    command.strip_suffix(b"\0").unwrap_or(command).split(|byte| *byte == 0).collect()
}

/// A path is compared whole, a name with the last part.
fn is_called(program: &[u8], name: &str) -> bool {
    let last = program.rsplit(|byte| *byte == b'/').next().unwrap_or(program);
    (if name.contains('/') { program } else { last }) == name.as_bytes()
}

fn parameters_match(actual: &[&[u8]], wanted: &[String], how: Option<ParamMatch>) -> bool {
    let same = |(actual, wanted): (&&[u8], &String)| *actual == wanted.as_bytes();
    match how {
        None => true,
        Some(ParamMatch::Exact) => actual.len() == wanted.len() && actual.iter().zip(wanted).all(same),
        Some(ParamMatch::Partial) => actual.len() >= wanted.len() && actual.iter().zip(wanted).all(same),
        Some(ParamMatch::Initial) => {
            let Some((last, before)) = wanted.split_last() else { return true };
            actual.get(before.len()).is_some_and(|actual| actual.starts_with(last.as_bytes()))
                && actual.iter().zip(before).all(same)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        os::unix::process::CommandExt,
        process::{Child, Command},
    };

    use super::*;

    #[test]
    fn parameters_are_compared_as_told() {
        let matches = |actual: &str, wanted: &str, how| {
            let actual: Vec<_> = actual.split_whitespace().map(str::as_bytes).collect();
            let wanted: Vec<_> = wanted.split_whitespace().map(str::to_owned).collect();
            parameters_match(&actual, &wanted, how)
        };
        use ParamMatch::{Exact, Initial, Partial};
        assert!(matches("-a -b", "-x", None));
        assert!(matches("-a -b", "-a -b", Some(Exact)) && !matches("-a -b", "-a", Some(Exact)));
        assert!(matches("", "", Some(Exact)) && !matches("-a", "", Some(Exact)));
        assert!(matches("-a -b", "-a", Some(Partial)) && !matches("-a", "-a -b", Some(Partial)));
        assert!(!matches("-a -bc", "-a -b", Some(Partial)));
        assert!(matches("-a -bc -d", "-a -b", Some(Initial)) && !matches("-x -bc", "-a -b", Some(Initial)));
    }

    struct Killed(Child);

    impl Killed {
        fn start(name: &str) -> Self {
            Self(Command::new("/bin/sleep").arg0(name).arg("1000").spawn().unwrap())
        }

        fn found(&self, process: &ProcessName) -> bool {
            scan(process).pids.contains(&self.0.id().cast_signed())
        }
    }

    impl Drop for Killed {
        fn drop(&mut self) {
            self.0.kill().unwrap();
            self.0.wait().unwrap();
        }
    }

    fn command(name: &str, arguments: &[&str], param_match: Option<ParamMatch>) -> ProcessName {
        let arguments = arguments.iter().map(|word| (*word).to_owned()).collect();
        ProcessName::Command { name: name.into(), arguments, param_match }
    }

    #[test]
    fn a_process_is_found_by_either_of_its_names_and_by_its_parameters() {
        let process = Killed::start("/opt/a-rather-long-name-of-a-daemon");
        for name in ["sleep", "a-rather-long-name-of-a-daemon", "/opt/a-rather-long-name-of-a-daemon"] {
            assert!(process.found(&command(name, &[], None)), "{name}");
        }
        for name in ["slee", "a-rather-long-n", "/bin/sleep", "opt"] {
            assert!(!process.found(&command(name, &[], None)), "{name}");
        }
        assert!(process.found(&command("sleep", &["1000"], Some(ParamMatch::Exact))));
        assert!(process.found(&command("sleep", &["10"], Some(ParamMatch::Initial))));
        assert!(!process.found(&command("sleep", &["10"], Some(ParamMatch::Partial))));
    }

    #[test]
    fn a_pid_file_names_one_process() {
        let path = std::env::temp_dir().join(format!("vrrpd-test-pid-{}", std::process::id()));
        let found = |text: &str| {
            fs::write(&path, text).unwrap();
            scan(&ProcessName::PidFile(path.clone())).pids.into_iter().collect::<Vec<_>>()
        };
        assert_eq!(found("123\n"), [123]);
        assert_eq!(found(" 123 \nmore"), [123]);
        assert_eq!((found("").len(), found("-1").len(), found("0").len(), found("x").len()), (0, 0, 0, 0));
        fs::remove_file(&path).unwrap();
        assert!(scan(&ProcessName::PidFile(path)).pids.is_empty());
    }
}
