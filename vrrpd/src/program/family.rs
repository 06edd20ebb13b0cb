//! Everything that a script has started, wherever it has gone: into other groups and sessions, behind parents that are
//! gone.
//!
//! The first process of a script adopts its orphans ([`spawn`] asks the kernel for it), so that as long as
//! it lives all of its own are below it. What outlives it is known by a mark in its environment. All of it is stopped
//! before any of it is killed: nothing can start something else meanwhile.

use std::{
    collections::BTreeSet,
    ffi::OsString,
    fs::{self, File},
    io::{self, Read as _},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, PidfdFlags, Signal, getpid, pidfd_open, pidfd_send_signal};

use super::spawn;

/// The variable with the mark.
pub(super) const MARK: &str = "VRRPD_RUN";

/// Bytes of an environment that are looked through.
const ENVIRONMENT: u64 = 1 << 20;

/// Time for which a family is looked through until all of it stands still, and the time between two looks. What hangs in the
/// kernel stands still as it is.
const PATIENCE: Duration = Duration::from_millis(100);
const PAUSE: Duration = Duration::from_millis(1);

/// One run of a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Family {
    /// First process of the run, not reaped yet.
    pub(super) leader: libc::pid_t,
    mark: String,
    /// Time at which the leader was started, in the kernel's ticks.
    began: u64,
}

/// A process, as the kernel shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Process {
    pid: libc::pid_t,
    parent: libc::pid_t,
    group: libc::pid_t,
    started: u64,
    state: ProcessState,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ProcessState {
    Runs,
    Stopped,
    Ended,
}

/// The variable for a run that has this mark.
pub(super) fn variable(mark: &str) -> OsString {
    format!("{MARK}={mark}").into()
}

impl Family {
    pub(super) fn of(leader: libc::pid_t, mark: String) -> Self {
        let began = Process::read(leader).map_or(0, |leader| leader.started);
        Self { leader, mark, began }
    }
}

/// Kills what has left the leaders' groups. The groups themselves stand still after it: they are to be continued.
/// Blocks.
pub(super) fn kill_strays(families: &[Family]) {
    let stays = |process: &Process| families.iter().any(|family| family.leader == process.group);
    kill(freeze(families).iter().filter(|process| !stays(process)));
}

/// Kills all of the families, the leaders last. Blocks.
pub(super) fn kill_all(families: &[Family]) {
    kill(freeze(families).iter());
    families.iter().for_each(|family| spawn::kill_group(family.leader, libc::SIGKILL));
}

fn kill<'a>(processes: impl Iterator<Item = &'a Process>) {
    for process in processes {
        if let Err(error) = process.signal(Signal::KILL) {
            tracing::warn!(pid = process.pid, %error, "something that a script has started is left");
        }
    }
}

/// Stops the families, and returns all of them but the leaders.
fn freeze(families: &[Family]) -> Vec<Process> {
    families.iter().for_each(|family| spawn::kill_group(family.leader, libc::SIGSTOP));
    let until = Instant::now() + PATIENCE;
    let found = loop {
        let found = members(families);
        let running = found.iter().filter(|process| process.state == ProcessState::Runs);
        // What cannot be stopped is told when it is killed.
        let stopped = running.filter(|process| process.signal(Signal::STOP).is_ok()).count();
        if stopped == 0 || Instant::now() > until {
            break found;
        }
        thread::sleep(PAUSE);
    };
    let is_leader = |process: &Process| families.iter().any(|family| family.leader == process.pid);
    found.into_iter().filter(|process| !is_leader(process)).collect()
}

/// Finds those that live, with the leaders.
fn members(families: &[Family]) -> Vec<Process> {
    let began = families.iter().map(|family| family.began).min().unwrap_or_default();
    let all: Vec<_> = all().filter(|process| process.started >= began).collect();
    let marks: Vec<_> = families.iter().map(|family| variable(&family.mark)).collect();
    let mut found: BTreeSet<_> = families.iter().map(|family| family.leader).collect();
    found.extend(all.iter().filter(|process| process.is_marked(&marks)).map(|process| process.pid));
    loop {
        let before = found.len();
        let children = all.iter().filter(|process| found.contains(&process.parent));
        found.extend(children.map(|process| process.pid).collect::<Vec<_>>());
        if found.len() == before {
            break;
        }
    }
    all.into_iter()
        .filter(|process| found.contains(&process.pid) && process.state != ProcessState::Ended)
        .collect()
}

fn all() -> impl Iterator<Item = Process> {
    let own = getpid().as_raw_nonzero().get();
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(move |pid| *pid != own).filter_map(Process::read)
}

impl Process {
    fn read(pid: libc::pid_t) -> Option<Self> {
        let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name may have anything in it, parentheses too.
        let (_, rest) = text.rsplit_once(") ")?;
        let mut words = rest.split(' ');
        let state = match words.next()? {
            "T" | "t" => ProcessState::Stopped,
            "Z" | "X" => ProcessState::Ended,
            _ => ProcessState::Runs,
        };
        let (parent, group) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
        let started = words.nth(16)?.parse().ok()?;
        Some(Self { pid, parent, group, started, state })
    }

    /// Another user's cannot be looked at without CAP_SYS_PTRACE.
    fn is_marked(&self, marks: &[OsString]) -> bool {
        let mut environment = Vec::new();
        let file = File::open(format!("/proc/{}/environ", self.pid));
        let read = file.and_then(|file| file.take(ENVIRONMENT).read_to_end(&mut environment));
        let mut variables = environment.split(|byte| *byte == 0);
        read.is_ok() && variables.any(|variable| marks.iter().any(|mark| mark.as_encoded_bytes() == variable))
    }

    /// Nobody else can have its number by now. That it has ended is no error.
    fn signal(&self, signal: Signal) -> io::Result<()> {
        let Some(pid) = Pid::from_raw(self.pid) else { return Ok(()) };
        let Ok(pidfd) = pidfd_open(pid, PidfdFlags::empty()) else { return Ok(()) };
        if Self::read(self.pid).is_none_or(|now| now.started != self.started) {
            return Ok(());
        }
        match pidfd_send_signal(&pidfd, signal) {
            Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_read_as_the_kernel_shows_it() {
        let own = getpid().as_raw_nonzero().get();
        let read = Process::read(own).unwrap();
        assert_eq!((read.pid, read.state), (own, ProcessState::Runs));
        assert!(read.started > 0 && read.parent > 0 && read.group > 0);
        assert_eq!(Process::read(0), None);
    }
}
