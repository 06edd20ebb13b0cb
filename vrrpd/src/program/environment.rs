//! The environment variables of programs.

use std::{
    collections::BTreeMap,
    env,
    ffi::{OsStr, OsString},
    path::Path,
};

use super::{account::Account, family};
use crate::handover;

const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Variables that the service manager says something to the daemon alone by. A program that answered would speak for it.
const OURS: [&str; 9] = [
    family::MARK,
    "NOTIFY_SOCKET",
    "WATCHDOG_USEC",
    "WATCHDOG_PID",
    "LISTEN_FDS",
    "LISTEN_PID",
    "LISTEN_FDNAMES",
    "JOURNAL_STREAM",
    "INVOCATION_ID",
];

/// The daemon's environment at its start, without what is the daemon's alone.
#[derive(Clone, Debug)]
pub(super) struct Environment {
    variables: BTreeMap<OsString, OsString>,
}

impl Environment {
    pub(super) fn new() -> Self {
        let mut variables: BTreeMap<_, _> = env::vars_os().collect();
        let ours = || OURS.iter().chain(&handover::NAMES);
        variables.retain(|name, _| !ours().any(|ours| OsStr::new(ours) == name));
        variables.entry("PATH".into()).or_insert_with(|| PATH.into());
        Self { variables }
    }

    /// `NAME=VALUE`, with those that belong to the user, and the mark of this run.
    pub(super) fn for_run(&self, account: &Account, mark: &str) -> Vec<OsString> {
        let mut variables = self.variables.clone();
        let name = Path::new(&account.name);
        let own = [("HOME", &*account.home), ("SHELL", &*account.shell), ("USER", name), ("LOGNAME", name)];
        variables.extend(own.map(|(name, value)| (name.into(), value.into())));
        let assignment = |(mut name, value): (OsString, OsString)| {
            name.push("=");
            name.push(value);
            name
        };
        variables.into_iter().map(assignment).chain([family::variable(mark)]).collect()
    }
}
