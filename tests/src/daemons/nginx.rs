//! nginx with a prefix, a configuration and a pid file of its own, so that there may be one in every namespace.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use rustix::process::{Pid, Signal, WaitOptions, getpid, kill_process_group, set_child_subreaper, waitpid};

use crate::{Namespace, scratch::Scratch, wait::poll};

/// How long it may take to come or go.
const PATIENCE: Duration = Duration::from_secs(10);

/// One nginx: a master process and its workers. It daemonizes, as a service does, and is gone with its namespace.
#[derive(Debug)]
pub struct Nginx {
    namespace: Arc<Namespace>,
    prefix: PathBuf,
    /// Its files are there.
    _scratch: Arc<Scratch>,
}

impl Nginx {
    /// Writes its files, with `site` as a file of `conf.d`. It is not started.
    ///
    /// # Errors
    /// If the files cannot be written.
    pub fn new(namespace: &Arc<Namespace>, scratch: &Arc<Scratch>, site: &str) -> Result<Self> {
        let prefix = scratch.path().join(format!("{}-nginx", namespace.name()));
        fs::create_dir_all(prefix.join("conf.d"))?;
        // It leaves its parent, and somebody must reap it when it ends: a script that looks for it would see it still.
        set_child_subreaper(Some(getpid()))?;
        let nginx = Self { namespace: Arc::clone(namespace), prefix, _scratch: Arc::clone(scratch) };
        fs::write(nginx.prefix.join("nginx.conf"), nginx.main_configuration())?;
        nginx.site(site)?;
        Ok(nginx)
    }

    /// What is the distribution's business elsewhere.
    fn main_configuration(&self) -> String {
        let prefix = self.prefix.display();
        format!(
            "user root;\nworker_processes 1;\npid {prefix}/nginx.pid;\nerror_log {prefix}/error.log;\n\
             events {{ worker_connections 512; }}\n\
             http {{\n  access_log off;\n  include {prefix}/conf.d/*.conf;\n}}\n"
        )
    }

    /// Replaces the site.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn site(&self, site: &str) -> Result<()> {
        fs::write(self.prefix.join("conf.d/gateway.conf"), site).context("writing the site")
    }

    /// The command line that starts it.
    #[must_use]
    pub fn command_line(&self) -> String {
        let prefix = self.prefix.display();
        format!("nginx -p {prefix} -e {prefix}/error.log -c {prefix}/nginx.conf")
    }

    /// The file with its process id.
    #[must_use]
    pub fn pid_file(&self) -> PathBuf {
        self.prefix.join("nginx.pid")
    }

    /// Its directory.
    #[must_use]
    pub fn prefix(&self) -> &Path {
        &self.prefix
    }

    /// Starts it, and waits until it listens.
    ///
    /// # Errors
    /// If it does not start, with what it says.
    pub fn start(&self) -> Result<()> {
        self.namespace.exec(&self.command_line())?;
        poll("nginx's process", PATIENCE, || Ok(self.master().filter(|_| self.runs())))?;
        Ok(())
    }

    /// Its master process.
    #[must_use]
    pub fn master(&self) -> Option<Pid> {
        let text = fs::read_to_string(self.pid_file()).ok()?;
        Pid::from_raw(text.trim().parse().ok()?)
    }

    /// Whether its master process is there, and not merely unreaped.
    #[must_use]
    pub fn runs(&self) -> bool {
        let Some(pid) = self.master() else { return false };
        let stat = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).unwrap_or_default();
        stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
    }

    /// Ends the master and its workers at one stroke, as a crash would. Their pid file stays.
    ///
    /// # Errors
    /// If it does not run.
    pub fn kill(&self) -> Result<()> {
        let master = self.master().filter(|_| self.runs()).context("nginx does not run")?;
        let path = format!("/proc/{0}/task/{0}/children", master.as_raw_nonzero());
        let workers = fs::read_to_string(path).unwrap_or_default();
        // It has made itself the leader of a group with its workers.
        kill_process_group(master, Signal::KILL).context("SIGKILL to nginx")?;
        // A box has an init that reaps them; here it is this process.
        let workers = workers.split_whitespace().filter_map(|pid| Pid::from_raw(pid.parse().ok()?));
        for pid in std::iter::once(master).chain(workers) {
            let _of_the_daemon = waitpid(Some(pid), WaitOptions::empty());
        }
        Ok(())
    }

    /// Stops it as an operator would, and waits for its end.
    ///
    /// # Errors
    /// If it does not end.
    pub fn stop(&self) -> Result<()> {
        let line = format!("{} -s stop", self.command_line());
        self.namespace.exec(&line)?;
        poll("the end of nginx", PATIENCE, || Ok((!self.pid_file().exists()).then_some(())))
    }

    /// Lets it fail to start from now on: its configuration is broken.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn spoil(&self) -> Result<()> {
        self.site("server { listen nowhere at all\n")?;
        let checked = self.namespace.exec(&format!("{} -t", self.command_line()));
        ensure!(checked.is_err(), "nginx takes any configuration");
        Ok(())
    }
}
