//! The control socket: taken at the start, and who comes to it is answered.

use std::{io, path::Path, time::Duration};

use tokio::sync::oneshot;

use super::Supervisor;
use crate::{
    control::{self, Client, Listener},
    failure::Failure,
    handover,
    protocol::Message,
};

/// Time that the protocol thread is given for an answer to `vrrpd status`.
const STATUS_PATIENCE: Duration = Duration::from_secs(2);

/// Takes the control socket. A program that has taken another's place goes on without it rather than not at all.
pub(super) fn take_socket(named: Option<&Path>) -> Result<Listener, Failure> {
    let path = control::path(named, vrrp_dataplane::namespace().as_deref());
    match Listener::at(&path) {
        Ok(listener) => Ok(listener),
        Err(error) if handover::is_successor() => {
            tracing::error!(%error, "there is no control socket until the next start");
            Ok(Listener::nowhere())
        }
        Err(error) => Err(Failure::Other(error.into())),
    }
}

impl Supervisor {
    /// Answers one client, whatever else is waited for.
    pub(super) fn serve_client(&self, client: Client) {
        let (messages, tracker) = (self.messages.clone(), self.tracker.clone());
        let hooks = self.notifier.status();
        let guard = self.guarding.status();
        tokio::spawn(async move {
            // As a whole, with its seat.
            let mut client = client;
            let stream = &mut client.stream;
            let answered = async {
                let question = control::question(stream).await?;
                if question != control::STATUS {
                    return control::answer(stream, "{\"error\":\"ask for status\"}").await;
                }
                let (answer, status) = oneshot::channel();
                messages.send(Message::Status(answer)).await.map_err(|_ended| io::ErrorKind::BrokenPipe)?;
                let mut status =
                    tokio::time::timeout(STATUS_PATIENCE, status).await?.map_err(io::Error::other)?;
                status.checks = tracker.lock().await.status();
                status.hooks = hooks;
                status.guard = guard;
                control::answer(stream, &serde_json::to_string(&status)?).await
            };
            if let Err(error) = answered.await {
                tracing::debug!(%error, "a client of the control socket was not answered");
            }
        });
    }
}
