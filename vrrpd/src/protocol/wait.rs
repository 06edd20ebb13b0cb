//! Events that wake the protocol thread.

use std::{
    future::poll_fn,
    io,
    os::fd::AsRawFd,
    task::{Context, Poll},
};

use tokio::{io::unix::AsyncFd, sync::mpsc};

use super::{Command, Message, plane::OpenPort};
use crate::clock::Timer;

/// Waits until the timer has run out, a data plane has an event, or there is a message, and returns the message.
///
/// Readiness is taken back before it returns, so the caller must empty every ring: what comes later wakes it again.
pub(super) async fn wait(
    timer: &AsyncFd<Timer>,
    planes: impl Iterator<Item = &OpenPort> + Clone,
    messages: &mut mpsc::Receiver<Message>,
) -> io::Result<Option<Message>> {
    poll_fn(|cx| {
        let mut woken = poll_fd(timer, cx)?;
        for plane in planes.clone() {
            woken |= poll_fd(plane.events(), cx)?;
        }
        match messages.poll_recv(cx) {
            Poll::Ready(Some(message)) => Poll::Ready(Ok(Some(message))),
            // The supervisor is gone: what is left is to stop.
            Poll::Ready(None) => Poll::Ready(Ok(Some(Command::Stop { at_once: true }.into()))),
            Poll::Pending if woken => Poll::Ready(Ok(None)),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

fn poll_fd<T: AsRawFd>(fd: &AsyncFd<T>, cx: &mut Context<'_>) -> io::Result<bool> {
    let mut ready = false;
    // Polled again after clearing, so that the waker is registered for the next edge.
    while let Poll::Ready(guard) = fd.poll_read_ready(cx) {
        guard?.clear_ready();
        ready = true;
    }
    Ok(ready)
}
