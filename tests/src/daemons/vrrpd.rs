//! The daemon under test.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context as _, Result, bail};
use rustix::process::Signal;

use super::{Daemon, Process, Router};
use crate::{Namespace, scratch::Scratch};

/// One `vrrpd` with a configuration, a socket and a log of its own.
#[derive(Debug)]
pub struct Vrrpd {
    process: Process,
    files: Files,
}

#[derive(Clone, Debug)]
struct Files {
    binary: PathBuf,
    config: PathBuf,
    socket: PathBuf,
}

impl Vrrpd {
    /// Starts the binary under test ([`binary`]) with one virtual router.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn start(namespace: &Arc<Namespace>, scratch: &Arc<Scratch>, router: &Router) -> Result<Self> {
        Self::start_with(&binary()?, namespace, scratch, &router.vrrpd(namespace.name()))
    }

    /// Starts any binary with any configuration.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn start_with(
        binary: &Path,
        namespace: &Arc<Namespace>,
        scratch: &Arc<Scratch>,
        config: &str,
    ) -> Result<Self> {
        Self::start_beside(binary, namespace, scratch, config, "vrrpd")
    }

    /// Starts one more in the same namespace, with files of its own.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn start_beside(
        binary: &Path,
        namespace: &Arc<Namespace>,
        scratch: &Arc<Scratch>,
        config: &str,
        name: &str,
    ) -> Result<Self> {
        let file = |suffix: &str| scratch.path().join(format!("{}-{name}.{suffix}", namespace.name()));
        let files = Files { binary: binary.to_owned(), config: file("toml"), socket: file("sock") };
        fs::write(&files.config, config)?;
        let process = files.start(namespace, scratch)?;
        Ok(Self { process, files })
    }

    /// Starts it again after its end, with the same files.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn restart(&mut self) -> Result<()> {
        let (namespace, scratch) = (Arc::clone(self.process.namespace()), Arc::clone(self.process.scratch()));
        self.process = self.files.start(&namespace, &scratch)?;
        Ok(())
    }

    /// The same with another configuration.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn restart_with(&mut self, config: &str) -> Result<()> {
        self.files.write(config)?;
        self.restart()
    }

    /// Replaces its configuration and tells it to read it (SIGHUP).
    ///
    /// # Errors
    /// If it has ended.
    pub fn reload(&mut self, router: &Router) -> Result<()> {
        let text = router.vrrpd(self.process.namespace().name());
        self.reload_with(&text)
    }

    /// The same with any text.
    ///
    /// # Errors
    /// If it has ended.
    pub fn reload_with(&mut self, config: &str) -> Result<()> {
        self.files.write(config)?;
        self.process.signal(Signal::HUP)
    }

    /// Replaces its configuration and has it become the program on disk, which is the same one (SIGUSR2).
    ///
    /// # Errors
    /// If it has ended.
    pub fn upgrade_with(&mut self, config: &str) -> Result<()> {
        self.files.write(config)?;
        self.process.signal(Signal::USR2)
    }

    /// What `vrrpd status --json` says.
    ///
    /// # Errors
    /// If it fails, or prints no JSON.
    pub fn status(&self) -> Result<serde_json::Value> {
        let mut command = self.process.namespace().command(&self.files.binary);
        let output = command.args(["status", "--json", "--socket"]).arg(&self.files.socket).output()?;
        if !output.status.success() {
            bail!("vrrpd status: {}", String::from_utf8_lossy(&output.stderr).trim());
        }
        serde_json::from_slice(&output.stdout).context("vrrpd status --json")
    }

    /// Its control socket.
    #[must_use]
    pub fn socket(&self) -> &Path {
        &self.files.socket
    }

    /// The process.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }
}

impl Files {
    /// As editors do: a program that reads it now finds the one or the other, and no half.
    fn write(&self, config: &str) -> Result<()> {
        let beside = self.config.with_extension("new");
        fs::write(&beside, config)?;
        Ok(fs::rename(&beside, &self.config)?)
    }

    fn start(&self, namespace: &Arc<Namespace>, scratch: &Arc<Scratch>) -> Result<Process> {
        let mut command = namespace.command(&self.binary);
        command.arg("--config").arg(&self.config).arg("--socket").arg(&self.socket);
        command.args(["--log-format", "json"]);
        Process::start(command, &format!("{}-vrrpd", namespace.name()), namespace, scratch)
    }
}

impl Daemon for Vrrpd {
    fn terminate(&mut self) -> Result<()> {
        self.process.signal(Signal::TERM)?;
        let status = self.process.ended()?;
        anyhow::ensure!(status.success(), "vrrpd ended with {status}\n{}", self.process.log());
        Ok(())
    }

    fn kill(&mut self) -> Result<()> {
        self.process.signal(Signal::KILL)?;
        self.process.ended().map(drop)
    }

    fn freeze(&mut self) -> Result<()> {
        self.process.signal(Signal::STOP)
    }

    fn thaw(&mut self) -> Result<()> {
        self.process.signal(Signal::CONT)
    }

    fn log(&self) -> String {
        self.process.log()
    }
}

/// The binary under test: `$VRRPD_BIN`, or else the `vrrpd` in the directory of this executable or one above it,
/// which is where Cargo builds it.
///
/// # Errors
/// If there is none.
pub fn binary() -> Result<PathBuf> {
    if let Some(path) = std::env::var_os("VRRPD_BIN") {
        return Ok(PathBuf::from(path));
    }
    let own = std::env::current_exe()?;
    let found =
        own.ancestors().skip(1).take(2).map(|directory| directory.join("vrrpd")).find(|path| path.is_file());
    found.with_context(|| {
        format!("no vrrpd beside {}: build it with `cargo build -p vrrpd`, or set VRRPD_BIN", own.display())
    })
}
