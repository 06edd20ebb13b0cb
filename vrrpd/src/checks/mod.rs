//! Health checks: each is a task on the main thread that finds out again and again whether something is well.
//!
//! A check knows nothing of routers. It counts its results ([`vrrp_engine::Health`]), keeps what it has found for
//! whoever asks, and gives one signal, the same for all checks, when its standing has changed. Nothing here waits for
//! anybody in a way that would hold the main thread up.

mod file;
mod http;
mod periodic;
mod process;
mod reporter;
mod script;
mod tcp;
mod tls;
mod watched;

use std::{
    collections::BTreeMap,
    env, fmt,
    sync::{Arc, Mutex},
};

use tokio::{sync::mpsc, task::JoinHandle};

use crate::{handover::STANDINGS, lock::lock, program::Launcher, status::CheckStatus};
use reporter::{Reported, Reporter};
use vrrp_config::{Check, CheckKind, Config, Subject, User, Weight};
use vrrp_engine::{Health, Standing};

/// Name of a check: unique in the configuration.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct CheckId {
    table: &'static str,
    name: String,
}

impl CheckId {
    pub(crate) fn of(check: &Check) -> Self {
        Self { table: check.kind.table(), name: check.name.clone() }
    }
}

impl fmt::Display for CheckId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.table, self.name)
    }
}

/// All checks that something tracks.
#[derive(Debug)]
pub(crate) struct Checks {
    launcher: Launcher,
    changed: mpsc::Sender<()>,
    running: BTreeMap<CheckId, Running>,
    /// Of the program before this one.
    inherited: BTreeMap<String, Standing>,
}

#[derive(Debug)]
struct Running {
    definition: Definition,
    reported: Arc<Mutex<Reported>>,
    task: JoinHandle<()>,
}

/// Settings that make it another check when they change: all but the weight.
#[derive(Clone, Debug, PartialEq)]
struct Definition {
    check: Check,
    script_user: Option<User>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Checks {
    /// None yet. What is returned with it has something to receive when a standing has changed, however many did.
    pub(crate) fn new(launcher: Launcher) -> (Self, mpsc::Receiver<()>) {
        let (changed, changes) = mpsc::channel(1);
        let inherited = inherited(&env::var(STANDINGS).unwrap_or_default());
        (Self { launcher, changed, running: BTreeMap::new(), inherited }, changes)
    }

    /// Runs the checks that something tracks, and no others. Those that are the same as before go on; changed ones
    /// start again and keep their standing until they have found another.
    pub(crate) fn configure(&mut self, config: &Config) {
        let mut before = std::mem::take(&mut self.running);
        for check in tracked(config) {
            let id = CheckId::of(check);
            let definition = Definition {
                check: Check { weight: Weight::default(), ..check.clone() },
                script_user: config.script_user.clone(),
            };
            let old = before.remove(&id);
            let running = match old {
                Some(running) if running.definition == definition => running,
                old => self.start(&id, definition, old.as_ref()),
            };
            self.running.insert(id, running);
        }
        self.inherited.clear();
    }

    fn start(&self, id: &CheckId, definition: Definition, before: Option<&Running>) -> Running {
        let check = &definition.check;
        let known = before.map(|before| lock(&before.reported).standing());
        let known = known.filter(|standing| *standing != Standing::Waiting);
        let known = known.or_else(|| self.inherited.get(&id.to_string()).copied());
        let health = Health::new(check.rise, check.fall, check.init_fail);
        let health = known.map_or(health, |standing| health.resume(standing));
        let reported = Arc::new(Mutex::new(Reported::new(health.standing())));
        let reporter = Reporter::new(id.to_string(), health, reported.clone(), self.changed.clone());
        let task = self.spawn(&definition, reporter);
        Running { definition, reported, task }
    }

    fn spawn(&self, definition: &Definition, reporter: Reporter) -> JoinHandle<()> {
        match &definition.check.kind {
            CheckKind::Script(script) => {
                let user = script.user.clone().or_else(|| definition.script_user.clone());
                tokio::spawn(script::watch(script.clone(), user, self.launcher.clone(), reporter))
            }
            CheckKind::Tcp(tcp) => {
                tokio::spawn(periodic::watch(tcp.clone(), tcp.interval, tcp.timeout, reporter))
            }
            CheckKind::Process(process) => tokio::spawn(process::watch(process.clone(), reporter)),
            CheckKind::File(file) => tokio::spawn(file::watch(file.clone(), reporter)),
            CheckKind::Http(http) => tokio::spawn(http::watch(http.clone(), reporter)),
        }
    }

    /// Ends all of them. Nothing changes any more.
    pub(crate) fn stop(&mut self) {
        self.running.clear();
    }

    /// Tells how a check stands; one that does not run has no result.
    pub(crate) fn standing(&self, id: &CheckId) -> Standing {
        self.running.get(id).map_or(Standing::Waiting, |running| lock(&running.reported).standing())
    }

    /// For `vrrpd status`.
    pub(crate) fn status(&self) -> Vec<CheckStatus> {
        self.running.iter().map(|(id, running)| lock(&running.reported).status(id.table, &id.name)).collect()
    }

    /// The standings for the program that replaces this one.
    pub(crate) fn hand_over(&self) -> String {
        let standings =
            self.running.iter().map(|(id, running)| (id.to_string(), lock(&running.reported).standing()));
        let known: BTreeMap<String, bool> = standings
            .filter_map(|(id, standing)| match standing {
                Standing::Good => Some((id, true)),
                Standing::Bad => Some((id, false)),
                // A file is read again at once.
                Standing::Waiting | Standing::Number(_) => None,
            })
            .collect();
        serde_json::to_string(&known).unwrap_or_default()
    }
}

/// Reads what the program before this one has left.
fn inherited(text: &str) -> BTreeMap<String, Standing> {
    let known: BTreeMap<String, bool> = serde_json::from_str(text).unwrap_or_default();
    known.into_iter().map(|(id, good)| (id, if good { Standing::Good } else { Standing::Bad })).collect()
}

/// The checks that a router or a group tracks.
fn tracked(config: &Config) -> impl Iterator<Item = &Check> {
    let of_routers = config.routers.iter().flat_map(|router| &router.track);
    let of_groups = config.sync_groups.iter().flat_map(|group| &group.track);
    let mut indexes: Vec<_> = of_routers
        .chain(of_groups)
        .filter_map(|tracked| match &tracked.subject {
            Subject::Check(index) => Some(*index),
            Subject::Interface(_) => None,
        })
        .collect();
    indexes.sort_unstable();
    indexes.dedup();
    indexes.into_iter().filter_map(|index| config.checks.get(index))
}

#[cfg(test)]
mod tests;
