//! The daemon's end: who is let in, and how many.
//!
//! A client that may not ask is gone as soon as it is seen, and costs no line. Those that may are few at a time, so that
//! they cannot take the descriptors that checks and scripts need.

use std::{future::pending, io, path::Path, sync::Arc, time::Duration};

use tokio::{
    net::{UnixListener, UnixStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, sleep_until, timeout},
};

use super::place::{PlaceError, Taken};
use vrrp_engine::RateLimit;

use crate::{clock::now, handover::HandoverState};

/// Clients that are served at the same time. More wait.
const SEATS: usize = 8;

/// Time for which nobody is accepted after it has failed.
const REST: Duration = Duration::from_millis(200);

/// Time for which those that are being served are waited for before the daemon is replaced.
const LAST_ANSWERS: Duration = Duration::from_millis(500);

/// Somebody who may ask.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) stream: UnixStream,
    _seat: OwnedSemaphorePermit,
}

/// The control socket, if there is one.
#[derive(Debug)]
pub(crate) struct Listener {
    // Before the lock goes.
    socket: Option<(UnixListener, Taken)>,
    seats: Arc<Semaphore>,
    rest_until: Instant,
    faults: RateLimit,
    strangers: RateLimit,
}

impl Listener {
    /// Takes the socket.
    pub(crate) fn at(path: &Path) -> Result<Self, PlaceError> {
        let (taken, listener) = Taken::take(path)?;
        let listen = |source| PlaceError::Io { action: "listen", path: path.to_owned(), source };
        listener.set_nonblocking(true).map_err(listen)?;
        let listener = UnixListener::from_std(listener).map_err(listen)?;
        Ok(Self { socket: Some((listener, taken)), ..Self::nowhere() })
    }

    /// One that nobody ever comes to.
    pub(crate) fn nowhere() -> Self {
        Self {
            socket: None,
            seats: Arc::new(Semaphore::new(SEATS)),
            rest_until: Instant::now(),
            faults: RateLimit::default(),
            strangers: RateLimit::default(),
        }
    }

    /// Waits for the next one. May be dropped and called again.
    pub(crate) async fn client(&mut self) -> Client {
        loop {
            let Some((listener, _)) = &self.socket else { return pending().await };
            let Ok(seat) = Arc::clone(&self.seats).acquire_owned().await else { return pending().await };
            sleep_until(self.rest_until).await;
            match listener.accept().await {
                Ok((stream, _)) => match may_ask(&stream) {
                    Ok(()) => return Client { stream, _seat: seat },
                    Err(uid) => self.say_stranger(uid),
                },
                Err(error) => self.say_fault(&error),
            }
        }
    }

    /// For the program that takes this one's place: who connects meanwhile waits for it.
    pub(crate) async fn hand_over(&self) -> Option<HandoverState> {
        let (listener, taken) = self.socket.as_ref()?;
        let seats = u32::try_from(SEATS).ok()?;
        let _answered = timeout(LAST_ANSWERS, self.seats.acquire_many(seats)).await;
        taken.hand_over(listener)
    }

    fn say_stranger(&mut self, uid: u32) {
        if let Some(repeated) = self.strangers.admit(now()) {
            tracing::warn!(uid, repeated, "a user who may not ask has come to the control socket");
        }
    }

    fn say_fault(&mut self, error: &io::Error) {
        self.rest_until = Instant::now() + REST;
        if let Some(repeated) = self.faults.admit(now()) {
            tracing::warn!(%error, repeated, "clients of the control socket have to wait");
        }
    }
}

/// Root and the daemon's own user. Else who it is.
fn may_ask(stream: &UnixStream) -> Result<(), u32> {
    let uid = stream.peer_cred().map_or(u32::MAX, |client| client.uid());
    if super::is_believed(uid) { Ok(()) } else { Err(uid) }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::net::UnixStream as Blocking, path::PathBuf};

    use super::*;

    fn scratch(name: &str) -> PathBuf {
        let directory = PathBuf::from(format!("/run/vrrpd-test-listener-{name}-{}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        directory
    }

    #[tokio::test]
    async fn eight_are_served_and_the_ninth_waits_for_a_seat() {
        let directory = scratch("seats");
        let path = directory.join("sock");
        let mut listener = Listener::at(&path).unwrap();
        let waiting: Vec<_> = (0..9).map(|_| Blocking::connect(&path).unwrap()).collect();
        let mut served = Vec::new();
        for _ in 0..SEATS {
            served.push(listener.client().await);
        }
        let moment = Duration::from_millis(50);
        assert!(timeout(moment, listener.client()).await.is_err(), "no seat");
        served.pop();
        assert!(timeout(moment, listener.client()).await.is_ok());
        drop((served, waiting, listener));
        fs::remove_dir(directory).unwrap();
    }

    #[tokio::test]
    async fn nobody_comes_to_a_socket_that_is_nowhere() {
        let mut listener = Listener::nowhere();
        assert!(timeout(Duration::from_millis(20), listener.client()).await.is_err());
        assert!(listener.hand_over().await.is_none());
    }
}
