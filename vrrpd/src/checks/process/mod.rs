//! `vrrp_process`: processes that are there.
//!
//! That one has ended is told by the kernel, through its pidfd. That one has begun is seen in /proc: often while there
//! are too few, otherwise only now and then, to see whether what is there still is what it was.

mod quorum;
mod scan;

use std::{
    collections::BTreeMap,
    future::{pending, poll_fn},
    os::fd::OwnedFd,
    task::Poll,
    time::{Duration, SystemTime},
};

use rustix::process::{Pid, PidfdFlags, pidfd_open};
use tokio::{
    io::unix::AsyncFd,
    time::{Instant, sleep_until},
};

use super::{
    reporter::{Finding, Reporter},
    watched::Watched,
};
use crate::readiness::watch as watch_fd;
use quorum::Quorum;
use scan::Found;
use vrrp_config::{ProcessCheck, ProcessName};

/// Interval in which /proc is looked through while there are too few, or too many. At most a tenth of the time goes into it.
const SEEKING: Duration = Duration::from_millis(100);

/// Interval while all is well and too many may come.
const GUARDING: Duration = Duration::from_secs(1);

/// Interval otherwise: a process may have become another program.
const CONTENT: Duration = Duration::from_secs(5);

/// Interval in which the same result is given again as long as `rise` or `fall` want more.
const REPEAT: Duration = Duration::from_millis(100);

/// Looks at once, and reports what changes.
pub(super) async fn watch(check: ProcessCheck, mut reporter: Reporter) {
    let mut population = Population::default();
    let mut quorum = Quorum::new(&check);
    let mut watched = match &check.process {
        ProcessName::PidFile(path) => Some(Watched::new(path)),
        ProcessName::Command { .. } => None,
    };
    loop {
        let began = Instant::now();
        if let Some(watched) = &mut watched {
            watched.renew();
        }
        population.look(&check.process).await;
        let took = began.elapsed();
        loop {
            let (now, count) = (Instant::now(), population.count());
            if quorum.settle(count, now) {
                reporter.report(finding(&check, count, quorum.is_met()));
                quorum.repeat(now + REPEAT, !reporter.agrees(quorum.is_met()));
            }
            // Sooner if there are too few: another may have taken the place of one that has ended.
            let next_look = began + pause(&check, quorum.is_met_by(count), took);
            if now >= next_look {
                break;
            }
            tokio::select! {
                () = population.death() => {}
                () = sleep_until(quorum.due().unwrap_or(next_look).min(next_look)) => {}
                () = changed(watched.as_ref()) => break,
            }
        }
    }
}

async fn changed(watched: Option<&Watched>) {
    match watched {
        Some(watched) => watched.changed().await,
        None => pending().await,
    }
}

fn pause(check: &ProcessCheck, met: bool, took: Duration) -> Duration {
    let pause = match (met, check.quorum_max) {
        (false, _) => SEEKING,
        (true, Some(_)) => GUARDING,
        (true, None) => CONTENT,
    };
    pause.max(took * 10)
}

fn finding(check: &ProcessCheck, count: usize, met: bool) -> Finding {
    let (least, most) = (check.quorum, check.quorum_max);
    let wanted = most.map_or_else(|| format!("{least} wanted"), |most| format!("{least} to {most} wanted"));
    let what = format!("{count} running, {wanted}");
    Finding::new(if met { Ok(what) } else { Err(what) }, Duration::ZERO)
}

/// The processes that count and are alive.
#[derive(Debug, Default)]
struct Population {
    alive: BTreeMap<i32, Option<AsyncFd<OwnedFd>>>,
    /// The last one of a PID file that ended, and from when the file is that it was in: until it is written anew the
    /// number may have become somebody else's.
    ended: Option<(i32, SystemTime)>,
    written: Option<SystemTime>,
}

impl Population {
    fn count(&self) -> usize {
        self.alive.len()
    }

    /// Looks for those that match now.
    async fn look(&mut self, process: &ProcessName) {
        let name = process.clone();
        // What cannot be read is not there.
        let Found { pids, written } =
            tokio::task::spawn_blocking(move || scan::scan(&name)).await.unwrap_or_default();
        self.written = written;
        let stale =
            written.and_then(|written| self.ended.filter(|(_, when)| *when == written)).map(|(pid, _)| pid);
        self.alive.retain(|pid, _| pids.contains(pid));
        for pid in pids.into_iter().filter(|pid| Some(*pid) != stale) {
            if !self.alive.contains_key(&pid)
                && let Some(watched) = open(pid)
            {
                self.alive.insert(pid, watched);
            }
        }
        // Those that were dead already.
        let _some_died = futures_util::FutureExt::now_or_never(self.death());
    }

    /// Returns when one or more have ended.
    async fn death(&mut self) {
        poll_fn(|cx| {
            let before = self.alive.len();
            let (ended, written) = (&mut self.ended, self.written);
            self.alive.retain(|pid, pidfd| {
                let alive = pidfd.as_ref().is_none_or(|pidfd| pidfd.poll_read_ready(cx).is_pending());
                if !alive {
                    *ended = written.map(|written| (*pid, written));
                }
                alive
            });
            if self.alive.len() < before { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }
}

/// `None`: it has ended. `Some(None)`: it is there and cannot be watched, for want of file descriptors.
fn open(pid: i32) -> Option<Option<AsyncFd<OwnedFd>>> {
    match pidfd_open(Pid::from_raw(pid)?, PidfdFlags::NONBLOCK) {
        Ok(pidfd) => Some(watch_fd(pidfd).ok()),
        Err(rustix::io::Errno::SRCH) => None,
        Err(_) => Some(None),
    }
}
