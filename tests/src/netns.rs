//! Network namespaces that remove themselves.

use std::{
    fs::{self, File},
    path::Path,
    process::{Command, Output, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use rustix::{
    fd::AsFd as _,
    process::{Pid, Signal, kill_process},
    thread::{LinkNameSpaceType, move_into_link_name_space},
};

/// What every name begins with.
const PREFIX: &str = "vrrpd-";

/// A named network namespace, visible to `ip netns`, removed on drop.
///
/// The name is `vrrpd-PID-N-HOST`, with the process that made it, so that a later run can remove what a killed
/// run has left ([`sweep`]).
#[derive(Debug)]
pub struct Namespace {
    name: String,
    file: File,
}

impl Namespace {
    /// Makes the namespace and sets its loopback up.
    ///
    /// # Errors
    /// Without root, or if `ip` fails.
    pub fn new(prefix: &str, host: &str) -> Result<Arc<Self>> {
        ensure!(rustix::process::geteuid().is_root(), "network namespaces need root: run this as root");
        let name = format!("{prefix}-{host}");
        ip(&format!("netns add {name}"))?;
        let file = match File::open(Path::new("/run/netns").join(&name)) {
            Ok(file) => file,
            Err(error) => {
                remove(&name);
                return Err(error).with_context(|| format!("opening /run/netns/{name}"));
            }
        };
        let namespace = Self { name, file };
        // Routers are silent until they are told to speak.
        namespace.sysctl("net/ipv6/conf/all/disable_ipv6", "1")?;
        namespace.ip("link set lo up")?;
        Ok(Arc::new(namespace))
    }

    /// The name that `ip netns` knows.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Moves the calling thread in, for good.
    ///
    /// # Errors
    /// As the kernel says.
    pub fn enter(&self) -> Result<()> {
        move_into_link_name_space(self.file.as_fd(), Some(LinkNameSpaceType::Network))
            .with_context(|| format!("entering {}", self.name))
    }

    /// Runs `work` inside, on a thread of its own. The caller's thread stays where it is.
    ///
    /// # Errors
    /// That of `work`, or if the namespace cannot be entered.
    pub fn run<T: Send>(&self, work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
        thread::scope(|scope| {
            let inside = scope.spawn(|| {
                self.enter()?;
                work()
            });
            inside.join().map_err(|_| anyhow!("panic inside {}", self.name))?
        })
    }

    /// A command that runs inside as a user would start it: `ip netns exec NAME PROGRAM`, with a `/sys` of its own.
    /// `ip` executes the program in its own place, so the child's process id is the program's.
    #[must_use]
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name]).arg(program).stdin(Stdio::null());
        command
    }

    /// Runs a command line inside (split at white space) and returns what it prints.
    ///
    /// # Errors
    /// With its standard error, if it fails.
    pub fn exec(&self, line: &str) -> Result<String> {
        let mut words = line.split_whitespace();
        let program = words.next().context("an empty command")?;
        finish(line, self.command(program).args(words).output())
    }

    /// `ip -n NAME LINE`, with `LINE` split at white space.
    ///
    /// # Errors
    /// With its standard error, if it fails.
    pub fn ip(&self, line: &str) -> Result<String> {
        ip(&format!("-n {} {line}", self.name))
    }

    /// Sets a variable below `/proc/sys`, with slashes: `net/ipv4/ip_forward`.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn sysctl(&self, key: &str, value: &str) -> Result<()> {
        self.run(|| {
            let path = Path::new("/proc/sys").join(key);
            fs::write(&path, value).with_context(|| format!("writing {}", path.display()))
        })
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        remove(&self.name);
    }
}

/// A prefix for the names of one laboratory.
#[must_use]
pub fn unique_prefix() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    format!("{PREFIX}{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Removes namespaces whose maker is dead, and ends the processes that are still in them.
pub fn sweep() {
    let Ok(entries) = fs::read_dir("/run/netns") else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let Some(name) = name.to_str() else { continue };
        if owner(name).is_some_and(|pid| !alive(pid)) {
            remove(name);
        }
    }
}

/// The process that a name of this module was made by.
pub(crate) fn owner(name: &str) -> Option<u32> {
    name.strip_prefix(PREFIX)?.split('-').next()?.parse().ok()
}

pub(crate) fn alive(pid: u32) -> bool {
    Path::new("/proc").join(pid.to_string()).exists()
}

/// Ends what still runs in a namespace that we made, and removes it.
fn remove(name: &str) {
    let until = Instant::now() + Duration::from_secs(2);
    loop {
        let inside = ip(&format!("netns pids {name}")).unwrap_or_default();
        let pids: Vec<Pid> =
            inside.split_whitespace().filter_map(|pid| Pid::from_raw(pid.parse().ok()?)).collect();
        if pids.is_empty() || Instant::now() > until {
            break;
        }
        for pid in pids {
            // Our own threads that are inside show as this process.
            if pid != rustix::process::getpid() {
                let _ = kill_process(pid, Signal::KILL);
            }
        }
        thread::sleep(Duration::from_millis(5));
    }
    if let Err(error) = ip(&format!("netns del {name}")) {
        eprintln!("namespace {name} stays: {error:#}");
    }
}

/// `ip LINE`, with `LINE` split at white space.
///
/// # Errors
/// With its standard error, if it fails.
pub fn ip(line: &str) -> Result<String> {
    finish(&format!("ip {line}"), Command::new("ip").args(line.split_whitespace()).output())
}

fn finish(line: &str, output: std::io::Result<Output>) -> Result<String> {
    let output = output.with_context(|| format!("running {line}"))?;
    if !output.status.success() {
        bail!("{line}: {}, {}", output.status, String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
