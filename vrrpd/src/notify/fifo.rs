//! The notify FIFO: a line for each change of state, as keepalived writes it.
//!
//! A reader that is missing or slow holds nobody up. What it has not taken yet waits in the pipe, and what does not fit
//! there waits here, of each router and group only the latest.

use std::{
    collections::VecDeque,
    fs, io,
    os::unix::fs::{FileTypeExt as _, lchown},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use rustix::{
    fs::{CWD, FileType, Mode, mknodat},
    io::Errno,
};
use tokio::{
    io::AsyncWriteExt as _,
    net::unix::pipe,
    sync::Notify,
    time::{Instant, sleep, timeout, timeout_at},
};

use super::{News, Task, lock};
use crate::{
    config::{Hook, NotifyFifo, User},
    program::{self, Job, Launcher},
};

/// How long its script, if it ends, is left alone before it is started again.
const RESTART: Duration = Duration::from_secs(1);

/// What the script has for the last lines when the daemon ends.
const LAST_LINES: Duration = Duration::from_secs(1);

/// Lines that wait here one by one. Of those beyond, only the latest of each router and group.
const WAITING: usize = 1_024;

/// A FIFO that is written to.
#[derive(Debug)]
pub(super) struct Fifo {
    config: NotifyFifo,
    backlog: Arc<Backlog>,
    task: Task,
}

/// What is not in the pipe yet.
#[derive(Debug, Default)]
struct Backlog {
    state: Mutex<Waiting>,
    bell: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    news: VecDeque<News>,
    closing: bool,
}

/// A FIFO that was made here, and goes with its writer.
struct Made(PathBuf);

impl Drop for Made {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(&self.0) {
            tracing::debug!(%error, "the notify FIFO stays");
        }
    }
}

impl Fifo {
    /// Makes the FIFO if there is none, and starts its script. What goes wrong is logged.
    pub(super) fn open(config: NotifyFifo, launcher: Launcher, script_user: Option<User>) -> Self {
        let backlog = Arc::new(Backlog::default());
        let served = serve(config.clone(), Arc::clone(&backlog), launcher, script_user);
        Self { config, backlog, task: Task(tokio::spawn(served)) }
    }

    pub(super) const fn config(&self) -> &NotifyFifo {
        &self.config
    }

    /// Never waits.
    pub(super) fn write(&self, news: &News) {
        let mut waiting = self.backlog.lock();
        waiting.push(news.clone());
        drop(waiting);
        self.backlog.bell.notify_one();
    }

    /// Lines that are not in the pipe yet.
    #[cfg(test)]
    pub(super) fn backlog(&self) -> usize {
        self.backlog.lock().news.len()
    }

    /// Writes what is left, and lets the script read it.
    pub(super) async fn finish(mut self, deadline: Instant) {
        self.backlog.lock().closing = true;
        self.backlog.bell.notify_one();
        if timeout_at(deadline, &mut self.task.0).await.is_err() {
            tracing::warn!(path = %self.config.path.display(), "nobody reads the notify FIFO");
        }
    }
}

impl Waiting {
    fn push(&mut self, news: News) {
        if self.news.len() >= WAITING {
            self.news.retain(|older| older.subject != news.subject);
        }
        self.news.push_back(news);
    }
}

impl Backlog {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        lock(&self.state)
    }

    /// The next one, or `None` when there will be no other.
    async fn next(&self) -> Option<News> {
        loop {
            {
                let mut waiting = self.lock();
                let next = waiting.news.pop_front();
                if next.is_some() || waiting.closing {
                    return next;
                }
            }
            self.bell.notified().await;
        }
    }
}

async fn serve(config: NotifyFifo, backlog: Arc<Backlog>, launcher: Launcher, script_user: Option<User>) {
    let path = config.path.clone();
    let job = config.script.map(|hook| job(hook, &path, script_user.clone()));
    let reader = job.as_ref().and_then(|job| job.user.clone()).or(script_user);
    let opened = tokio::task::spawn_blocking(move || make(&path, reader.as_ref()).map(|made| (made, path)));
    let (made, pipe) = match opened.await.map_err(io::Error::other).and_then(|made| open(made?)) {
        Ok(opened) => opened,
        Err(error) => {
            tracing::error!(path = %config.path.display(), %error, "the notify FIFO cannot be written to");
            return;
        }
    };
    let script = job.map(|job| Task(tokio::spawn(keep_running(job, launcher, Arc::clone(&backlog)))));
    write(&backlog, pipe).await;
    // The last writer is gone. The end of file ends a script that reads.
    if let Some(mut script) = script {
        let _killed = timeout(LAST_LINES, &mut script.0).await;
    }
    drop(made);
}

/// Makes it, readable for the script's user. Whether it was not there before. Blocks.
fn make(path: &Path, reader: Option<&User>) -> io::Result<bool> {
    match mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0) {
        Ok(()) => {}
        Err(Errno::EXIST) if fs::symlink_metadata(path)?.file_type().is_fifo() => return Ok(false),
        Err(Errno::EXIST) => {
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, "there is a file that is no FIFO"));
        }
        Err(error) => return Err(error.into()),
    }
    if reader.is_some() {
        let (uid, gid) = program::ids(reader).map_err(io::Error::other)?;
        lchown(path, Some(uid), Some(gid))?;
    }
    Ok(true)
}

/// Open for reading too, so that it can be opened, and holds what is written, without a reader.
fn open((made, path): (bool, PathBuf)) -> io::Result<(Option<Made>, pipe::Sender)> {
    let sender = pipe::OpenOptions::new().read_write(true).open_sender(&path);
    let made = made.then_some(Made(path));
    sender.map(|sender| (made, sender))
}

/// Returns when there will be nothing more to write.
async fn write(backlog: &Backlog, mut pipe: pipe::Sender) {
    while let Some(news) = backlog.next().await {
        // A line is shorter than PIPE_BUF: it is in the pipe as a whole, or not at all.
        if let Err(error) = pipe.write_all(news.line().as_bytes()).await {
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
        match launcher.start(&job).await {
            Ok(mut running) => {
                running.exited().await;
                let ended = running.reap(false);
                ended.output.log("notify_fifo_script");
                if backlog.lock().closing {
                    return;
                }
                tracing::warn!(outcome = %ended.ending, "notify_fifo_script has ended; it is started again");
            }
            Err(error) => return tracing::error!(%error, "notify_fifo_script was not run"),
        }
        sleep(RESTART).await;
    }
}
