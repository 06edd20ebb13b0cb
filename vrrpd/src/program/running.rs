//! A program that runs, until it is reaped.

use std::{fmt, future::pending, os::fd::OwnedFd, time::Duration};

use tokio::{io::unix::AsyncFd, time::Instant};

use super::{
    Guarded, ProgramError, family,
    output::{Output, Pipe, Reader, drain},
};
use crate::readiness::watch;

/// Time that a program has for its end after SIGTERM, as in keepalived.
const GRACE: Duration = Duration::from_secs(2);

/// Ends of a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// By itself, with this code.
    Exited(i32),
    /// By this signal.
    Signalled(i32),
    /// Killed by the daemon, which was about to be replaced: that says nothing about the program.
    CalledOff,
    /// Somebody else has taken its status.
    Unknown,
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exited(code) => write!(f, "exit code {code}"),
            Self::Signalled(signal) => write!(f, "killed by signal {signal}"),
            Self::CalledOff => f.write_str("called off"),
            Self::Unknown => f.write_str("end unknown"),
        }
    }
}

/// A program that has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ended {
    pub(crate) ending: Ending,
    /// Says whether it was killed at its timeout.
    pub(crate) timed_out: bool,
    pub(crate) took: Duration,
    pub(crate) output: Output,
}

impl Ended {
    /// By itself, with code 0.
    pub(crate) fn succeeded(&self) -> bool {
        !self.timed_out && self.ending == Ending::Exited(0)
    }
}

/// A running program. Dropped, it is killed.
#[derive(Debug)]
pub(crate) struct Running {
    guarded: Guarded,
    /// Readable when its leader has ended.
    pidfd: AsyncFd<OwnedFd>,
    reader: Reader,
    since: Instant,
}

impl Running {
    pub(super) fn new(guarded: Guarded, pidfd: OwnedFd, pipe: Pipe) -> Result<Self, ProgramError> {
        let pidfd = watch(pidfd).map_err(ProgramError::Output)?;
        Ok(Self { guarded, pidfd, reader: Reader::new(pipe)?, since: Instant::now() })
    }

    /// Waits for the program's end, and takes in its output meanwhile. May be dropped and called again.
    pub(crate) async fn exited(&mut self) {
        let read_on = async {
            self.reader.read().await;
            pending::<()>().await;
        };
        tokio::select! {
            // An error would come from the reactor, at the end of the daemon.
            _ready = self.pidfd.readable() => {}
            () = read_on => {}
        }
    }

    /// Takes the status of a program that has [exited](Self::exited).
    pub(crate) fn reap(mut self, timed_out: bool) -> Ended {
        let took = self.since.elapsed();
        let ending = self.guarded.reap();
        let (output, left) = self.reader.finish();
        let permit = self.guarded.shared.leftovers.clone().try_acquire_owned();
        if let (Some(pipe), Ok(permit)) = (left, permit) {
            tokio::spawn(drain(pipe, permit));
        }
        Ended { ending, timed_out, took, output }
    }

    /// Ends its group by SIGTERM, after a moment by SIGKILL, and what has left the group at once. Returns when its leader
    /// is gone, and nothing of its own is left.
    pub(crate) async fn kill(mut self) -> Ended {
        self.guarded.strike(family::kill_strays).await;
        self.guarded.signal(libc::SIGTERM);
        self.guarded.signal(libc::SIGCONT);
        let patience = tokio::time::timeout(GRACE, self.exited()).await;
        // Also what its leader has left behind, which is there as long as the leader is not reaped.
        self.guarded.strike(family::kill_all).await;
        if patience.is_err() {
            self.exited().await;
        }
        self.reap(true)
    }
}
