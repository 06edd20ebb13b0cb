//! A child that never outlives its owner.

use std::{
    fs::{self, File},
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process, set_parent_process_death_signal};

use crate::{Namespace, scratch::Scratch, wait};

/// How long a daemon may take to end.
const PATIENCE: Duration = Duration::from_secs(10);

/// A process in a namespace, with standard output and error in a file. Killed by its id on drop.
///
/// It also dies with the thread that started it, so that a killed test leaves nothing behind: start it from the
/// thread that keeps it.
#[derive(Debug)]
pub struct Process {
    child: Child,
    name: String,
    log: PathBuf,
    // Held, so that both outlive the process.
    namespace: Arc<Namespace>,
    scratch: Arc<Scratch>,
}

impl Process {
    /// Starts a command of `namespace`. `name` is that of its log in `scratch`.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn start(
        mut command: Command,
        name: &str,
        namespace: &Arc<Namespace>,
        scratch: &Arc<Scratch>,
    ) -> Result<Self> {
        let log = scratch.path().join(format!("{name}.log"));
        let output = File::options().create(true).append(true).open(&log)?;
        command.stdout(output.try_clone()?).stderr(output);
        // SAFETY: between fork and exec only a system call is made; nothing is allocated.
        unsafe {
            command.pre_exec(|| Ok(set_parent_process_death_signal(Some(Signal::KILL))?));
        }
        let child = command.spawn().with_context(|| format!("starting {name}"))?;
        let (namespace, scratch) = (Arc::clone(namespace), Arc::clone(scratch));
        Ok(Self { child, name: name.to_owned(), log, namespace, scratch })
    }

    /// Sends a signal.
    ///
    /// # Errors
    /// If it has ended.
    pub fn signal(&mut self, signal: Signal) -> Result<()> {
        if let Some(status) = self.child.try_wait()? {
            bail!("{} has ended: {status}\n{}", self.name, self.log());
        }
        kill_process(self.pid()?, signal).with_context(|| format!("signal to {}", self.name))
    }

    /// Its process id.
    ///
    /// # Errors
    /// Never, on Linux.
    pub fn pid(&self) -> Result<Pid> {
        Pid::from_raw(i32::try_from(self.child.id())?).context("process id 0")
    }

    /// Waits until it has ended, at most 10 s.
    ///
    /// # Errors
    /// If it does not.
    pub fn ended(&mut self) -> Result<ExitStatus> {
        let what = format!("the end of {}", self.name);
        wait::poll(&what, PATIENCE, || Ok(self.child.try_wait()?))
    }

    /// Whether it still runs.
    ///
    /// # Errors
    /// As `waitpid`.
    pub fn runs(&mut self) -> Result<bool> {
        Ok(self.child.try_wait()?.is_none())
    }

    /// Its output so far.
    #[must_use]
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// The file of its output.
    #[must_use]
    pub fn log_path(&self) -> &Path {
        &self.log
    }

    /// Where it runs.
    #[must_use]
    pub fn namespace(&self) -> &Arc<Namespace> {
        &self.namespace
    }

    /// Where its files are.
    #[must_use]
    pub fn scratch(&self) -> &Arc<Scratch> {
        &self.scratch
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = self.log();
            let lines: Vec<_> = log.lines().collect();
            let tail = &lines[lines.len().saturating_sub(25)..];
            eprintln!("--- the last of {} ({}):\n{}", self.name, self.log.display(), tail.join("\n"));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
