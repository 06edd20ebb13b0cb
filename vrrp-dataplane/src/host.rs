//! Surroundings of this process: mount namespace, capabilities, clock.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    thread,
};

use tracing::warn;

use crate::{bpffs::BPFFS, error::AttachError, sys};

/// Runs `work` on a thread of its own, in the mount namespace of the host.
///
/// `ip netns exec` gives a process mounts of its own; what is pinned there goes when the process does, and with it
/// the program that keeps the node silent.
pub(crate) fn in_mounts_of_the_host<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, AttachError> + Send + 'static,
) -> Result<T, AttachError> {
    let thread = thread::Builder::new().name("pins".into()).spawn(move || {
        if let Err(error) = enter() {
            warn!(%error, "cannot enter the host's mount namespace: pins will go when this process does");
        }
        work()
    });
    let panicked = |_payload| AttachError::Thread(io::Error::other("it panicked"));
    thread.map_err(AttachError::Thread)?.join().map_err(panicked)?
}

/// Tells whether this process sees other mounts than the host.
pub(crate) fn has_own_mounts() -> bool {
    foreign("mnt").is_some()
}

/// Finds this thread's namespace of one kind, by its inode, unless it is the host's.
pub(crate) fn foreign(kind: &str) -> Option<u64> {
    let own = inode(&namespaces("thread-self").join(kind))?;
    (own != inode(&host_namespace(kind)?)?).then_some(own)
}

fn enter() -> io::Result<()> {
    if inherits(Path::new(BPFFS)) {
        return Ok(());
    }
    let Some(mounts) = host_namespace("mnt") else { return Err(io::ErrorKind::PermissionDenied.into()) };
    if !has_own_mounts() {
        if inode(&namespaces("1").join("mnt")).is_none() {
            warn!(
                "cannot tell whether this mount namespace is the host's: if it is not, pins will go when this process \
                 does; give it CAP_SYS_PTRACE"
            );
        }
        return Ok(());
    }
    sys::enter_mounts(&File::open(mounts)?)
}

/// Tells whether what is mounted at `dir` here is mounted in the namespace too that this one was copied from, as in a service
/// that systemd has put into a sandbox: what is pinned there stays, whoever may look at the host's namespaces.
fn inherits(dir: &Path) -> bool {
    fs::read_to_string("/proc/thread-self/mountinfo").is_ok_and(|mounts| has_master(&mounts, dir))
}

/// Tells whether the last of these mounts at `dir`, which is the one that is seen, receives what is mounted in another
/// namespace: proc_pid_mountinfo(5) calls that one its master, and it goes when the master does. `ip netns exec` puts
/// a `/sys` of its own in its place, in which nothing has one.
fn has_master(mounts: &str, dir: &Path) -> bool {
    let at_dir = mounts.lines().rev().find(|mount| mount.split(' ').nth(4).map(Path::new) == Some(dir));
    let options = at_dir.and_then(|mount| mount.split(" - ").next()).unwrap_or_default();
    options.split(' ').skip(6).any(|option| option.starts_with("master:"))
}

/// The host's namespace of one kind: that of process 1. Where a sandbox hides it, the eldest among those of all
/// processes, which is the one with the lowest inode, since the kernel numbers them upwards from the first.
fn host_namespace(kind: &str) -> Option<PathBuf> {
    let of_first = namespaces("1").join(kind);
    if inode(&of_first).is_some() {
        return Some(of_first);
    }
    // As last found, while the process is there whose it was: to look at all of them takes a millisecond.
    static FOUND: Mutex<Vec<(u64, PathBuf)>> = Mutex::new(Vec::new());
    let mut found = FOUND.lock().unwrap_or_else(PoisonError::into_inner);
    found.retain(|(eldest, path)| inode(path) == Some(*eldest));
    let known = found.iter().map(|(_, path)| path).find(|path| path.ends_with(kind)).cloned();
    known.or_else(|| {
        let eldest = eldest_namespace(kind)?;
        found.push(eldest.clone());
        Some(eldest.1)
    })
}

fn eldest_namespace(kind: &str) -> Option<(u64, PathBuf)> {
    let processes =
        fs::read_dir("/proc").ok()?.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let processes = processes.filter(|name| name.bytes().all(|byte| byte.is_ascii_digit()));
    let paths = processes.map(|process| namespaces(&process).join(kind));
    paths.filter_map(|path| Some((inode(&path)?, path))).min()
}

fn inode(namespace: &Path) -> Option<u64> {
    fs::metadata(namespace).map(|namespace| namespace.ino()).ok()
}

fn namespaces(process: &str) -> PathBuf {
    Path::new("/proc").join(process).join("ns")
}

/// Bits of `CapEff` and their names.
const NET_ADMIN: (u32, &str) = (12, "CAP_NET_ADMIN");
const PERFMON: (u32, &str) = (38, "CAP_PERFMON");
const BPF: (u32, &str) = (39, "CAP_BPF");
/// Bit that stands for the two newer ones.
const SYS_ADMIN: u32 = 21;

/// Refuses to go on without the capabilities that loading and attaching need. Without CAP_PERFMON the verifier
/// forbids arithmetic on pointers that this program does, and makes the rest slower.
pub(crate) fn require_capabilities() -> Result<(), AttachError> {
    let Some(effective) = effective_capabilities() else { return Ok(()) };
    let has = |bit: u32| effective & (1 << bit) != 0;
    let missing: Vec<&str> = [NET_ADMIN, BPF, PERFMON]
        .into_iter()
        .filter(|&(bit, _)| !(has(bit) || bit != NET_ADMIN.0 && has(SYS_ADMIN)))
        .map(|(_, name)| name)
        .collect();
    if missing.is_empty() { Ok(()) } else { Err(AttachError::Privilege(missing)) }
}

fn effective_capabilities() -> Option<u64> {
    let status = fs::read_to_string("/proc/thread-self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("CapEff:"))?;
    u64::from_str_radix(line.trim(), 16).ok()
}

/// Refuses a time namespace that moves `CLOCK_BOOTTIME`: the kernel side does not see the move.
pub(crate) fn require_the_kernels_clock() -> Result<(), AttachError> {
    let Ok(offsets) = fs::read_to_string("/proc/self/timens_offsets") else { return Ok(()) };
    let Some(offset) = offsets.lines().find_map(|line| line.strip_prefix("boottime")) else { return Ok(()) };
    if offset.split_whitespace().all(|part| part == "0") {
        return Ok(());
    }
    Err(AttachError::TimeNamespace { offset: offset.trim().to_owned() })
}

/// `uname -r`, and whether it is older than `major.minor`.
pub(crate) fn kernel_older_than(major: u32, minor: u32) -> (String, bool) {
    let release = rustix::system::uname().release().to_string_lossy().into_owned();
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(|number| number.parse().unwrap_or(0));
    let version: (u32, u32) = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    (release, version < (major, minor))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ON_THE_HOST: &str = "35 24 0:31 / /sys/fs/bpf rw,nosuid shared:12 - bpf bpf rw,mode=700";
    const IN_A_SERVICE: &str =
        "412 400 0:31 / /sys/fs/bpf rw,nosuid shared:214 master:12 - bpf bpf rw,mode=700";
    const BY_IP_NETNS: &str = "77 70 0:50 / /sys rw,relatime - sysfs mynet rw\n\
                               78 77 0:51 / /sys/fs/bpf rw,relatime - bpf master:1 rw";

    #[test]
    fn only_a_bpf_file_system_of_the_namespace_before_is_inherited() {
        let bpffs = Path::new(BPFFS);
        assert!(has_master(IN_A_SERVICE, bpffs));
        assert!(!has_master(ON_THE_HOST, bpffs), "the host's own");
        assert!(!has_master(BY_IP_NETNS, bpffs), "what is mounted after `ip netns exec`");
        assert!(
            !has_master(&format!("{IN_A_SERVICE}\n{BY_IP_NETNS}"), bpffs),
            "the topmost is the one that is seen"
        );
        assert!(!has_master("", bpffs));
    }
}
