//! What wakes the loop.

use std::{
    future::poll_fn,
    io,
    os::fd::AsRawFd,
    task::{Context, Poll},
};

use tokio::{io::unix::AsyncFd, sync::mpsc};

use super::{Command, port::Interface};
use crate::clock::Timer;

/// Waits until the timer has run out, a data plane has an event, or there is a command, and returns the command.
///
/// Readiness is taken back before it returns, so the caller must empty every ring: what comes later wakes it again.
pub(super) async fn wait(
    timer: &AsyncFd<Timer>,
    interfaces: &[Interface],
    commands: &mut mpsc::Receiver<Command>,
) -> io::Result<Option<Command>> {
    poll_fn(|cx| {
        let timer_due = poll_fd(timer, cx)?;
        let mut woken = timer_due;
        for port in interfaces.iter().filter_map(|interface| interface.port.as_ref()) {
            woken |= poll_fd(&port.events, cx)?;
        }
        match commands.poll_recv(cx) {
            Poll::Ready(Some(command)) => Poll::Ready(Ok(Some(command))),
            // The supervisor is gone: what is left is to stop.
            Poll::Ready(None) => Poll::Ready(Ok(Some(Command::Stop { at_once: true }))),
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
