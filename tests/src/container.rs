//! A box of the laboratory that is booted: a Debian with systemd as its first process, in a host's network namespace.
//!
//! It has its own files above those of a [`Root`], which stays as it is, and a BPF file system of its own. All of it
//! is mounted in a mount namespace that only it is in, so that nothing stays when it ends.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use rustix::process::Pid;

use crate::{Lab, daemons::Process, wait::poll};

mod root;

pub use root::Root;

/// How long booting may take; a second is usual.
const PATIENCE: Duration = Duration::from_secs(30);

/// Mounts and boots: `$1` is the directory of the box, `$2` the root, `$3` the network namespace, `$4` its name.
const BOOT: &str = r#"
set -e
mount -t tmpfs -o mode=755 box "$1/mnt"
mkdir "$1/mnt/upper" "$1/mnt/work" "$1/mnt/root" "$1/mnt/bpf"
cp -a "$1/files/." "$1/mnt/upper/"
mount -t overlay -o "lowerdir=$2,upperdir=$1/mnt/upper,workdir=$1/mnt/work" box "$1/mnt/root"
mount -t bpf bpf "$1/mnt/bpf"
exec systemd-nspawn --quiet --boot -D "$1/mnt/root" --network-namespace-path="/run/netns/$3" --machine="$4" \
    --capability=all --system-call-filter="bpf perf_event_open" --bind="$1/mnt/bpf:/sys/fs/bpf" \
    --register=no --keep-unit --console=pipe
"#;

/// A box that runs systemd. Killed with everything in it on drop.
#[derive(Debug)]
pub struct Container {
    process: Process,
    leader: Pid,
    files: PathBuf,
}

/// What is to be in a box before it is booted.
#[derive(Debug)]
pub struct Files {
    directory: PathBuf,
    host: String,
}

impl Files {
    /// None yet, for a host of the laboratory.
    ///
    /// # Errors
    /// If they cannot be made.
    pub fn new(lab: &Lab, host: &str) -> Result<Self> {
        let directory = lab.scratch().path().join(format!("{host}-box"));
        fs::create_dir_all(directory.join("files"))?;
        fs::create_dir_all(directory.join("mnt"))?;
        Ok(Self { directory, host: host.to_owned() })
    }

    /// Adds a file, by its path in the box.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn add(&self, path: &str, content: impl AsRef<[u8]>, mode: u32) -> Result<()> {
        write(&self.directory.join("files"), path, content.as_ref(), mode)
    }

    /// Lets a unit be started at boot.
    ///
    /// # Errors
    /// If the link cannot be made.
    pub fn enable(&self, unit: &str) -> Result<()> {
        let wants = self.directory.join("files/etc/systemd/system/multi-user.target.wants");
        fs::create_dir_all(&wants)?;
        std::os::unix::fs::symlink(format!("/etc/systemd/system/{unit}"), wants.join(unit))?;
        Ok(())
    }
}

impl Container {
    /// Boots, and waits until everything that is to start has started or failed.
    ///
    /// # Errors
    /// If that takes longer than half a minute.
    pub fn boot(lab: &Lab, root: &Root, files: &Files) -> Result<Self> {
        let (namespace, scratch) = (Arc::clone(&lab.host(&files.host)?.namespace), lab.scratch());
        let mut command = Command::new("unshare");
        command.args(["--mount", "--propagation", "private", "sh", "-c", BOOT, "boot"]);
        command.arg(&files.directory).arg(root.path()).args([namespace.name(), &files.host]);
        // A box of its own may write to /proc/sys/net.
        command.env("SYSTEMD_NSPAWN_API_VFS_WRITABLE", "network").stdin(Stdio::null());
        let process = Process::start(command, &format!("{}-systemd", files.host), &namespace, &scratch)?;
        let mut container = Self { leader: process.pid()?, process, files: files.directory.clone() };
        let booted = poll("a booted box", PATIENCE, || {
            ensure!(container.process.runs()?, "it has ended");
            Ok(container.find_leader()?.filter(|()| container.has_booted()))
        });
        booted.with_context(|| format!("the console:\n{}", container.process.log()))?;
        Ok(container)
    }

    /// The first process of the box, a child of what has booted it.
    fn find_leader(&mut self) -> Result<Option<()>> {
        let parent = self.process.pid()?.as_raw_nonzero();
        let children =
            fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")).unwrap_or_default();
        let pids = children.split_whitespace().filter_map(|pid| Pid::from_raw(pid.parse().ok()?));
        let mut first = pids.filter(|pid| is_first_process(*pid));
        Ok(first.next().map(|leader| self.leader = leader))
    }

    fn has_booted(&self) -> bool {
        let state = self.command("systemctl is-system-running").output();
        state.is_ok_and(|state| matches!(state.stdout.trim_ascii(), b"running" | b"degraded"))
    }

    fn command(&self, line: &str) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["--all", "--target", &self.leader.as_raw_nonzero().to_string()]).stdin(Stdio::null());
        command.args(["/bin/sh", "-c", line]).env("SYSTEMD_COLORS", "0").env("SYSTEMD_PAGER", "");
        command
    }

    /// What a line of shell prints that root runs in the box.
    ///
    /// # Errors
    /// If it fails, with what it says.
    pub fn exec(&self, line: &str) -> Result<String> {
        let output = self.command(line).output()?;
        let errors = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{line}: {}, {}", output.status, errors.trim());
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    /// A property of a unit, as `systemctl show` has it.
    ///
    /// # Errors
    /// If systemd does not answer.
    pub fn property(&self, unit: &str, name: &str) -> Result<String> {
        self.exec(&format!("systemctl show --value -p {name} {unit}"))
    }

    /// The lines of a unit in the journal, as they were written.
    ///
    /// # Errors
    /// If there is no journal.
    pub fn journal(&self, unit: &str) -> Result<String> {
        self.exec(&format!("journalctl --sync; journalctl --no-pager -o cat -u {unit}"))
    }

    /// Replaces a file in the running box.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write(&self, path: &str, content: impl AsRef<[u8]>, mode: u32) -> Result<()> {
        let inside = PathBuf::from(format!("/proc/{}/root", self.leader.as_raw_nonzero()));
        write(&inside, path, content.as_ref(), mode)
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // All that the box knows goes with it.
            let journal = self.exec("journalctl --no-pager -o short-monotonic").unwrap_or_default();
            let _best_effort = fs::write(self.files.with_extension("journal"), journal);
        }
        let _already_gone = rustix::process::kill_process(self.leader, rustix::process::Signal::KILL);
    }
}

/// Whether it is number 1 of a namespace of its own.
fn is_first_process(pid: Pid) -> bool {
    let status = fs::read_to_string(format!("/proc/{}/status", pid.as_raw_nonzero())).unwrap_or_default();
    let numbers = status.lines().find_map(|line| line.strip_prefix("NSpid:")).unwrap_or_default();
    numbers.split_whitespace().skip(1).last() == Some("1")
}

/// Beside its place first: what runs from it may go on.
fn write(root: &Path, path: &str, content: &[u8], mode: u32) -> Result<()> {
    let path = root.join(path.trim_start_matches('/'));
    let (parent, draft) =
        (path.parent().context("a path without a directory")?, path.with_extension("draft"));
    fs::create_dir_all(parent)?;
    fs::write(&draft, content)?;
    fs::set_permissions(&draft, fs::Permissions::from_mode(mode))?;
    fs::rename(&draft, &path).with_context(|| format!("writing {}", path.display()))
}
