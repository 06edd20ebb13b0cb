//! Running other programs: scripts of checks and hooks.
//!
//! Each runs in a process group of its own, as the user that it is to run as, and is killed with everything that it has
//! started ([`family`]). None is ever left unreaped, and none that others could have changed runs as root. What a program's end means is its caller's
//! matter.
//!
//! Nothing here blocks the thread that awaits: users are looked up and programs started on blocking threads, without
//! copying the daemon's memory ([`spawn`]).

mod account;
mod environment;
mod error;
mod family;
mod output;
mod running;
mod safety;
mod spawn;

use std::{
    collections::{BTreeMap, BTreeSet},
    os::fd::OwnedFd,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use tokio::{
    runtime::Handle,
    sync::{OwnedSemaphorePermit, Semaphore},
};

pub(crate) use error::ProgramError;
pub(crate) use output::Output;
pub(crate) use running::{Ended, Ending, Running};

use crate::{clock, lock::lock};
use account::Account;
use environment::Environment;
use family::Family;
use output::Pipe;
use spawn::Execution;
use vrrp_config::{Program, User};

/// Programs that are started at the same time. One that hangs in it, on a dead network file system, holds up no more.
const STARTING: usize = 16;

/// Outputs of ended programs that something left behind still writes to: they are read and thrown away, so that it is
/// not killed by SIGPIPE. More are closed.
const LEFTOVERS: usize = 64;

/// Time for which the groups that are killed before the daemon is replaced are waited for.
const LAST_WAIT: Duration = Duration::from_millis(200);

/// Program that is to be run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Job {
    pub(crate) program: Program,
    /// Added behind its own. A shell gets them as further words of the line.
    pub(crate) arguments: Vec<String>,
    /// The daemon's own user if `None`.
    pub(crate) user: Option<User>,
}

impl Job {
    /// The file to execute and the whole `argv`.
    fn command(&self) -> Result<(PathBuf, Vec<String>), ProgramError> {
        let arguments = self.arguments.iter().cloned();
        match &self.program {
            Program::Direct(words) => {
                let file = words.first().filter(|word| word.starts_with('/')).ok_or(ProgramError::NoPath)?;
                Ok((file.into(), words.iter().cloned().chain(arguments).collect()))
            }
            Program::Shell(line) => {
                let line = if self.arguments.is_empty() { line.clone() } else { format!("{line} \"$@\"") };
                let words = ["/bin/sh".into(), "-c".into(), line, "sh".into()];
                Ok(("/bin/sh".into(), words.into_iter().chain(arguments).collect()))
            }
        }
    }
}

/// User and group that a program of this user has; the daemon's own if `None`. Blocks.
pub(crate) fn ids(user: Option<&User>) -> Result<(u32, u32), ProgramError> {
    Account::of(user).map(|account| (account.uid, account.gid))
}

/// Starts programs, and knows those that are running. Clones are the same launcher.
#[derive(Clone, Debug)]
pub(crate) struct Launcher {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    environment: Environment,
    starting: Arc<Semaphore>,
    leftovers: Arc<Semaphore>,
    /// Families whose leader is not reaped yet, by its number.
    running: Mutex<BTreeMap<libc::pid_t, Family>>,
    /// Number that were started.
    started: AtomicU64,
    /// Name of whose programs these are, of all daemons that there were since the machine started.
    name: u64,
    /// Killed while nobody waited for them.
    abandoned: Mutex<Vec<libc::pid_t>>,
    /// Killed and reaped, and somebody waits for them.
    called_off: Mutex<BTreeSet<libc::pid_t>>,
}

impl Launcher {
    pub(crate) fn new() -> Self {
        spawn::keep_children();
        let shared = Shared {
            environment: Environment::new(),
            starting: Arc::new(Semaphore::new(STARTING)),
            leftovers: Arc::new(Semaphore::new(LEFTOVERS)),
            running: Mutex::default(),
            started: AtomicU64::new(0),
            name: clock::now().as_nanos(),
            abandoned: Mutex::default(),
            called_off: Mutex::default(),
        };
        Self { shared: Arc::new(shared) }
    }

    /// Starts a program. It is killed, with all of its own, when the [`Running`] or this future is dropped.
    pub(crate) async fn start(&self, job: &Job) -> Result<Running, ProgramError> {
        self.begin(job, Kind::Brief).await
    }

    /// Starts one that is to run as long as the daemon.
    pub(crate) async fn start_lasting(&self, job: &Job) -> Result<Running, ProgramError> {
        self.begin(job, Kind::Lasting).await
    }

    async fn begin(&self, job: &Job, kind: Kind) -> Result<Running, ProgramError> {
        self.shared.sweep();
        let permit = self.shared.starting.clone().acquire_owned().await;
        let (job, shared) = (job.clone(), self.shared.clone());
        let started = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            Guarded::start(&job, kind, shared)
        });
        let (guarded, pidfd, pipe) = started.await.map_err(|_panic| ProgramError::Panicked)??;
        Running::new(guarded, pidfd, pipe)
    }

    /// Runs a program to its end, or kills it at `timeout`.
    pub(crate) async fn run(&self, job: &Job, timeout: Duration) -> Result<Ended, ProgramError> {
        end(self.start(job).await?, timeout).await
    }

    /// Runs the daemon's own program, as the daemon and where the daemon is. It is whose file it is: the operator has
    /// said that it is to be run.
    pub(crate) async fn run_own(
        &self,
        program: &Path,
        arguments: Vec<String>,
        timeout: Duration,
    ) -> Result<Ended, ProgramError> {
        let words = vec![program.to_string_lossy().into_owned()];
        let job = Job { program: Program::Direct(words), arguments, user: None };
        end(self.begin(&job, Kind::Own).await?, timeout).await
    }

    /// Kills everything that runs, before the daemon is replaced by another program. Nothing is started as long as the
    /// answer is kept. Blocks, for a moment.
    pub(crate) fn kill_all(&self) -> Halted {
        let deadline = Instant::now() + LAST_WAIT;
        let mut halted = Halted(None);
        loop {
            let mut running = lock(&self.shared.running);
            if !running.is_empty() {
                family::kill_all(&running.values().cloned().collect::<Vec<_>>());
            }
            let ended = running.extract_if(.., |pid, _| spawn::reap(*pid).is_some());
            lock(&self.shared.called_off).extend(ended.map(|(pid, _)| pid));
            if (running.is_empty() && halted.0.is_some()) || Instant::now() >= deadline {
                return halted;
            }
            drop(running);
            // What is being started now has its turn in the next round.
            let all = || self.shared.starting.clone().try_acquire_many_owned(STARTING as u32).ok();
            halted.0 = halted.0.take().or_else(all);
            thread::sleep(Duration::from_millis(1));
        }
    }
}

/// Kinds of programs, by whose they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// A script of the configuration's, which ends soon.
    Brief,
    /// One that does not end. Orphans are not for it: they would pile up if it did not care for them.
    Lasting,
    /// The daemon itself.
    Own,
}

async fn end(mut running: Running, timeout: Duration) -> Result<Ended, ProgramError> {
    match tokio::time::timeout(timeout, running.exited()).await {
        Ok(()) => Ok(running.reap(false)),
        Err(_elapsed) => Ok(running.kill().await),
    }
}

/// As long as it is kept, no program is started.
#[derive(Debug)]
pub(crate) struct Halted(Option<OwnedSemaphorePermit>);

impl Shared {
    /// No other run has the same.
    fn mark(&self) -> String {
        format!("{}.{}", self.name, self.started.fetch_add(1, Ordering::Relaxed))
    }

    /// Reaps what has ended without anybody waiting.
    fn sweep(&self) {
        let mut running = lock(&self.running);
        lock(&self.abandoned).retain(|pid| {
            let ended = spawn::reap(*pid).is_some();
            if ended {
                running.remove(pid);
            }
            !ended
        });
    }
}

/// A child that is killed with all of its own and reaped, whoever forgets it.
#[derive(Debug)]
struct Guarded {
    /// `None` once reaped.
    family: Option<Family>,
    shared: Arc<Shared>,
}

impl Guarded {
    fn start(job: &Job, kind: Kind, shared: Arc<Shared>) -> Result<(Self, OwnedFd, Pipe), ProgramError> {
        let (file, argv) = job.command()?;
        let account = Account::of(job.user.as_ref())?;
        if account.is_root() && kind != Kind::Own {
            safety::check(&job.program)?;
        }
        let mark = shared.mark();
        let environment = shared.environment.for_run(&account, &mark);
        let (pipe, writer) = output::pipe()?;
        let execution = Execution {
            file: &file,
            argv: &argv,
            environment: &environment,
            account: &account,
            directory: if kind == Kind::Own { c"." } else { c"/" },
            adopts: kind == Kind::Brief,
        };
        let (pid, pidfd) = spawn::spawn(execution, &writer)?;
        let family = Family::of(pid, mark);
        lock(&shared.running).insert(pid, family.clone());
        Ok((Self { family: Some(family), shared }, pidfd, pipe))
    }

    fn signal(&self, signal: libc::c_int) {
        if let Some(family) = &self.family {
            spawn::kill_group(family.leader, signal);
        }
    }

    /// Does something to all of it that takes a moment.
    async fn strike(&self, blow: fn(&[Family])) {
        let Some(family) = self.family.clone() else { return };
        if let Err(error) = tokio::task::spawn_blocking(move || blow(&[family])).await {
            tracing::error!(%error, "killing a script has panicked");
        }
    }

    /// Takes the status of a child that has ended.
    fn reap(&mut self) -> Ending {
        let Some(Family { leader, .. }) = self.family.take() else { return Ending::Unknown };
        if lock(&self.shared.called_off).remove(&leader) {
            return Ending::CalledOff;
        }
        let status = spawn::reap(leader);
        lock(&self.shared.running).remove(&leader);
        status.unwrap_or(Ending::Unknown)
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        let Some(family) = self.family.take() else { return };
        if lock(&self.shared.called_off).remove(&family.leader) {
            return;
        }
        let shared = Arc::clone(&self.shared);
        let end_and_reap = move || {
            family::kill_all(std::slice::from_ref(&family));
            lock(&shared.abandoned).push(family.leader);
            shared.sweep();
        };
        // Whoever drops it does not wait for that.
        match Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn_blocking(end_and_reap)),
            Err(_none) => end_and_reap(),
        }
    }
}

#[cfg(test)]
mod tests;
