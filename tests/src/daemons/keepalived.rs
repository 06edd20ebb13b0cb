//! keepalived, with files of its own.

use std::{fs, path::PathBuf, sync::Arc, time::Duration};

use anyhow::{Context as _, Result};
use rustix::process::{Pid, Signal, kill_process};

use super::{Daemon, Process, Router};
use crate::{Namespace, scratch::Scratch, wait};

/// How long the VRRP process may take to show up.
const PATIENCE: Duration = Duration::from_secs(10);

/// keepalived's parent and its VRRP process.
#[derive(Debug)]
pub struct Keepalived {
    parent: Process,
    vrrp: Pid,
    config: PathBuf,
}

impl Keepalived {
    /// Starts it with one virtual router and waits until its VRRP process runs.
    ///
    /// # Errors
    /// If it does not start.
    pub fn start(namespace: &Arc<Namespace>, scratch: &Arc<Scratch>, router: &Router) -> Result<Self> {
        Self::start_with(namespace, scratch, &router.keepalived())
    }

    /// Starts it with a `keepalived.conf`. It logs every detail.
    ///
    /// # Errors
    /// If it does not start.
    pub fn start_with(namespace: &Arc<Namespace>, scratch: &Arc<Scratch>, text: &str) -> Result<Self> {
        Self::start_logging(namespace, scratch, text, &["-D"])
    }

    /// As [`Self::start_with`], but it logs what it logs by default: for when its speed matters. Every gratuitous ARP
    /// would be a line.
    ///
    /// # Errors
    /// If it does not start.
    pub fn start_terse(namespace: &Arc<Namespace>, scratch: &Arc<Scratch>, text: &str) -> Result<Self> {
        Self::start_logging(namespace, scratch, text, &[])
    }

    fn start_logging(
        namespace: &Arc<Namespace>,
        scratch: &Arc<Scratch>,
        text: &str,
        details: &[&str],
    ) -> Result<Self> {
        let name = format!("{}-keepalived", namespace.name());
        let file = |suffix: &str| scratch.path().join(format!("{name}.{suffix}"));
        let (config, pid_file) = (file("conf"), file("vrrp.pid"));
        let _ = fs::remove_file(&pid_file);
        fs::write(&config, text)?;
        let mut command = namespace.command("keepalived");
        command.args(["-n", "-l", "-P"]).args(details).arg("-f").arg(&config);
        command.arg("-p").arg(file("pid")).arg("-r").arg(&pid_file);
        let mut parent = Process::start(command, &name, namespace, scratch)?;
        let vrrp = wait::poll("keepalived's VRRP process", PATIENCE, || {
            anyhow::ensure!(parent.runs()?, "keepalived has ended:\n{}", parent.log());
            let Ok(text) = fs::read_to_string(&pid_file) else { return Ok(None) };
            Ok(text.trim().parse().ok().and_then(Pid::from_raw))
        })?;
        Ok(Self { parent, vrrp, config })
    }

    /// Its `keepalived.conf`.
    #[must_use]
    pub fn config(&self) -> &PathBuf {
        &self.config
    }

    /// The process that speaks VRRP.
    #[must_use]
    pub fn vrrp_pid(&self) -> Pid {
        self.vrrp
    }

    /// To the process that speaks VRRP. It ends only after its parent has seen it, so the id is still its own.
    fn signal_vrrp(&self, signal: Signal) -> Result<()> {
        kill_process(self.vrrp, signal).context("signal to keepalived's VRRP process")
    }
}

impl Daemon for Keepalived {
    fn terminate(&mut self) -> Result<()> {
        self.parent.signal(Signal::TERM)?;
        self.parent.ended().map(drop)
    }

    /// Both processes. The parent is stopped first, or it would start another child, or its death end the child
    /// in order.
    fn kill(&mut self) -> Result<()> {
        self.parent.signal(Signal::STOP)?;
        self.signal_vrrp(Signal::KILL)?;
        self.parent.signal(Signal::KILL)?;
        self.parent.ended().map(drop)
    }

    fn freeze(&mut self) -> Result<()> {
        self.signal_vrrp(Signal::STOP)?;
        self.parent.signal(Signal::STOP)
    }

    fn thaw(&mut self) -> Result<()> {
        self.parent.signal(Signal::CONT)?;
        self.signal_vrrp(Signal::CONT)
    }

    fn log(&self) -> String {
        self.parent.log()
    }
}

impl Drop for Keepalived {
    fn drop(&mut self) {
        if self.parent.runs().unwrap_or(false) {
            let _ = self.kill();
        }
    }
}
