//! The notify FIFO: a line for each change of state, as keepalived writes it.
//!
//! A reader that is missing or slow holds nobody up. What it has not taken yet waits in the pipe, and what does not fit
//! there waits here, of each router and group only the latest.

use std::{
    io,
    path::Path,
    sync::{Arc, Mutex, OnceLock},
    time::Duration,
};

use tokio::{
    io::AsyncWriteExt as _,
    net::unix::pipe,
    time::{Instant, sleep, timeout, timeout_at},
};

use super::{
    Task, lock,
    mailbox::{Mailbox, Overflow},
    pipe::Pipe,
};
use crate::{
    clock::now,
    handover::HandoverState,
    program::{Job, Launcher},
};
use vrrp_config::{Hook, NotifyFifo, User};
use vrrp_engine::{RateLimit, StateChange};

/// Time for which its script, if it ends, is left alone before it is started again.
const RESTART: Duration = Duration::from_secs(1);

/// Time that the script has for the last lines when the daemon ends.
const LAST_LINES: Duration = Duration::from_secs(1);

/// Lines that wait here one by one. Of those beyond, only the latest of each router and group.
const WAITING: usize = 1_024;

/// A FIFO that is written to.
#[derive(Debug)]
pub(super) struct Fifo {
    config: NotifyFifo,
    backlog: Arc<Backlog>,
    /// Once it is open.
    pipe: Arc<OnceLock<Arc<Pipe>>>,
    task: Task,
}

/// State that one which is given up leaves to the next on the same path.
#[derive(Debug, Default)]
pub(super) struct Estate {
    backlog: Arc<Backlog>,
    pipe: Option<Arc<Pipe>>,
}

impl Estate {
    /// Takes the state of the program before this one, which has left it under this name.
    fn inherited(name: &str) -> Self {
        Self { pipe: Pipe::inherited(name).map(Arc::new), ..Self::default() }
    }
}

/// A place in the configuration where a FIFO may be named.
#[derive(Debug)]
pub(super) struct Outlet {
    /// Variable that it is handed over to the next program in.
    variable: &'static str,
    fifo: Option<Fifo>,
    /// State of the program before, until the first configuration says what becomes of it.
    estate: Estate,
}

impl Outlet {
    pub(super) fn new(variable: &'static str) -> Self {
        Self { variable, fifo: None, estate: Estate::inherited(variable) }
    }

    /// Goes by a configuration. A FIFO that stays where it is stays open: its readers go on.
    pub(super) fn configure(
        &mut self,
        config: Option<&NotifyFifo>,
        launcher: &Launcher,
        user: Option<&User>,
    ) {
        let inherited = std::mem::take(&mut self.estate);
        if self.fifo.as_ref().map(Fifo::config) == config {
            return;
        }
        let before = self.fifo.take();
        let stays = |fifo: &Fifo| config.is_some_and(|config| config.path == fifo.config().path);
        let estate = match before {
            Some(before) if stays(&before) => before.give_up(),
            Some(_) => Estate::default(),
            None => inherited,
        };
        self.fifo = config.map(|config| Fifo::open(config.clone(), launcher.clone(), user.cloned(), estate));
    }

    pub(super) fn hand_over(&self) -> Option<HandoverState> {
        self.fifo.as_ref()?.hand_over(self.variable)
    }

    pub(super) fn write(&self, change: &StateChange) {
        if let Some(fifo) = &self.fifo {
            fifo.write(change);
        }
    }

    pub(super) async fn finish(&mut self, deadline: Instant) {
        if let Some(fifo) = self.fifo.take() {
            fifo.finish(deadline).await;
        }
    }
}

/// Lines that are not in the pipe yet.
#[derive(Debug)]
struct Backlog {
    waiting: Mailbox<StateChange>,
    /// Limit on the log line about what is left out, which may be thousands.
    limit: Mutex<RateLimit>,
}

impl Default for Backlog {
    fn default() -> Self {
        let same_subject = Overflow::Superseded {
            by: |older: &StateChange, newer: &StateChange| older.subject == newer.subject,
        };
        Self { waiting: Mailbox::new(WAITING, same_subject), limit: Mutex::default() }
    }
}

impl Backlog {
    /// Takes a line, and never waits.
    fn push(&self, change: &StateChange, path: &Path) {
        let left_out = self.waiting.push(change.clone()).len();
        if left_out > 0
            && let Some(repeated) = lock(&self.limit).admit(now())
        {
            let (path, subject) = (path.display(), &change.subject);
            tracing::warn!(
                %path, %subject, left_out, repeated,
                "the notify FIFO is not read in time; earlier states of this one are left out"
            );
        }
    }
}

impl Fifo {
    /// Makes the FIFO if there is none, and starts its script. What goes wrong is logged.
    pub(super) fn open(
        config: NotifyFifo,
        launcher: Launcher,
        script_user: Option<User>,
        estate: Estate,
    ) -> Self {
        let (backlog, pipe) = (estate.backlog, Arc::new(OnceLock::new()));
        let place = Place { pipe: Arc::clone(&pipe), before: estate.pipe };
        let served = serve(config.clone(), Arc::clone(&backlog), place, launcher, script_user);
        Self { config, backlog, pipe, task: Task(tokio::spawn(served)) }
    }

    /// Gives it up. Readers that have it open do not notice if the next one takes it on.
    pub(super) fn give_up(self) -> Estate {
        Estate { backlog: Arc::clone(&self.backlog), pipe: self.pipe.get().cloned() }
    }

    /// Hands it over to the program that takes this one's place. What is in the pipe stays there meanwhile.
    fn hand_over(&self, name: &'static str) -> Option<HandoverState> {
        self.pipe.get()?.hand_over(name)
    }

    pub(super) const fn config(&self) -> &NotifyFifo {
        &self.config
    }

    /// Takes a line to be written, and never waits.
    pub(super) fn write(&self, change: &StateChange) {
        self.backlog.push(change, &self.config.path);
    }

    /// Lines that are not in the pipe yet.
    #[cfg(test)]
    pub(super) fn backlog(&self) -> usize {
        self.backlog.waiting.len()
    }

    /// Writes what is left, and lets the script read it.
    pub(super) async fn finish(mut self, deadline: Instant) {
        self.backlog.waiting.close();
        if timeout_at(deadline, &mut self.task.0).await.is_err() {
            tracing::warn!(path = %self.config.path.display(), "nobody reads the notify FIFO");
        }
    }
}

/// Place where the open FIFO is put, and the one that is there already.
struct Place {
    pipe: Arc<OnceLock<Arc<Pipe>>>,
    before: Option<Arc<Pipe>>,
}

async fn serve(
    config: NotifyFifo,
    backlog: Arc<Backlog>,
    place: Place,
    launcher: Launcher,
    script_user: Option<User>,
) {
    let path = config.path.clone();
    let job = config.script.map(|hook| job(hook, &path, script_user.clone()));
    let reader = job.as_ref().and_then(|job| job.user.clone()).or(script_user);
    let opened = tokio::task::spawn_blocking(move || Pipe::open(&path, reader.as_ref(), place.before));
    let sender = opened.await.map_err(io::Error::other).flatten().and_then(|pipe| {
        let sender = pipe::Sender::from_file(pipe.file()?)?;
        Ok((pipe, sender))
    });
    let (pipe, sender) = match sender {
        Ok(opened) => opened,
        Err(error) => {
            tracing::error!(path = %config.path.display(), %error, "the notify FIFO cannot be written to");
            return;
        }
    };
    let _once = place.pipe.set(Arc::clone(&pipe));
    let script = job.map(|job| Task(tokio::spawn(keep_running(job, launcher, Arc::clone(&backlog)))));
    write(&backlog, sender).await;
    // The last writer goes. The end of file ends a script that reads.
    pipe.close();
    if let Some(mut script) = script {
        let _killed = timeout(LAST_LINES, &mut script.0).await;
    }
}

/// Returns when there will be nothing more to write.
async fn write(backlog: &Backlog, mut pipe: pipe::Sender) {
    while let Some(change) = backlog.waiting.next().await {
        // A line is shorter than PIPE_BUF: it is in the pipe as a whole, or not at all.
        if let Err(error) = pipe.write_all(super::line(&change).as_bytes()).await {
            tracing::error!(%error, "the notify FIFO cannot be written to");
            return;
        }
    }
}

fn job(hook: Hook, path: &Path, script_user: Option<User>) -> Job {
    let arguments = vec![path.display().to_string()];
    Job { program: hook.program, arguments, user: hook.user.or(script_user) }
}

async fn keep_running(job: Job, launcher: Launcher, backlog: Arc<Backlog>) {
    loop {
        match launcher.start_lasting(&job).await {
            Ok(mut running) => {
                running.exited().await;
                let ended = running.reap(false);
                ended.output.log("notify_fifo_script");
                if backlog.waiting.is_closed() {
                    return;
                }
                tracing::warn!(outcome = %ended.ending, "notify_fifo_script has ended; it is started again");
            }
            Err(error) => return tracing::error!(%error, "notify_fifo_script was not run"),
        }
        sleep(RESTART).await;
    }
}
