//! The signals as the supervisor takes them.

use std::io;

use nix::{
    errno::Errno,
    sys::{
        signal::Signal,
        signalfd::{SfdFlags, SignalFd},
    },
};
use tokio::io::unix::AsyncFd;

use crate::{readiness::watch, signals};

/// Wish that somebody has of the daemon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// SIGTERM or SIGINT.
    Stop,
    /// SIGHUP.
    Reload,
    /// SIGUSR2.
    Replace,
}

impl Wish {
    /// Of one of the signals that steer the daemon.
    fn of(signal: Signal) -> Self {
        if signal == Signal::SIGHUP {
            Self::Reload
        } else if signal == Signal::SIGUSR2 {
            Self::Replace
        } else {
            Self::Stop
        }
    }
}

/// Signals that were sent and not read yet. They are kept by the kernel, also while the program becomes another.
pub(super) struct Signals {
    stops: AsyncFd<SignalFd>,
    others: AsyncFd<SignalFd>,
}

impl Signals {
    /// The signals must be blocked already ([`signals::hold`]).
    pub(super) fn new() -> io::Result<Self> {
        let (stops, others) = signals::steering().iter().partition(|signal| Wish::of(*signal) == Wish::Stop);
        Ok(Self { stops: queue(stops)?, others: queue(others)? })
    }

    /// Takes the next one out: what is to end the daemon before all others, since the kernel keeps them by number and
    /// not by time. Dropped before it is ready, it has taken nothing.
    pub(super) async fn next(&self) -> io::Result<Wish> {
        tokio::select! {
            biased;
            wish = read(&self.stops) => wish,
            wish = read(&self.others) => wish,
        }
    }
}

fn queue(of: Vec<Signal>) -> io::Result<AsyncFd<SignalFd>> {
    let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
    watch(SignalFd::with_flags(&of.into_iter().collect(), flags)?)
}

async fn read(queue: &AsyncFd<SignalFd>) -> io::Result<Wish> {
    loop {
        let mut ready = queue.readable().await?;
        match queue.get_ref().read_signal() {
            Ok(Some(found)) => {
                let number = i32::try_from(found.ssi_signo).map_err(io::Error::other)?;
                return Ok(Wish::of(Signal::try_from(number)?));
            }
            Ok(None) => ready.clear_ready(),
            Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn send(signal: Signal) {
        // To this thread alone, like the mask.
        // SAFETY: it takes no pointers.
        let sent = unsafe { libc::pthread_kill(libc::pthread_self(), signal as libc::c_int) };
        assert_eq!(sent, 0);
    }

    /// A thread of its own, since the mask is the thread's.
    #[test]
    fn a_signal_that_comes_before_it_is_waited_for_is_not_lost_and_kills_nobody() {
        let seen = std::thread::spawn(|| {
            signals::hold();
            send(Signal::SIGUSR2);
            send(Signal::SIGHUP);
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let queue = Signals::new().unwrap();
                send(Signal::SIGTERM);
                let mut seen = Vec::new();
                for _ in 0..3 {
                    seen.push(queue.next().await.unwrap());
                }
                let more = tokio::time::timeout(std::time::Duration::from_millis(20), queue.next()).await;
                assert!(more.is_err(), "each once");
                seen
            })
        });
        let seen = seen.join().unwrap();
        assert_eq!(seen, [Wish::Stop, Wish::Reload, Wish::Replace]);
    }
}
