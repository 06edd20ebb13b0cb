//! The control socket: a client asks in one line, the daemon answers in JSON and closes.
//!
//! Each network namespace has its own, `/run/vrrpd/vrrpd.sock` or `/run/vrrpd/netns-INODE/vrrpd.sock`, since the routers
//! belong to a namespace too: a second daemon in the same one is noticed by the lock beside it. Only root and the
//! daemon's own user may ask, and only they are believed to be the daemon.

mod listener;
mod place;

use std::{
    io::{self, Read, Write},
    os::{fd::OwnedFd, unix::net::UnixStream},
    path::Path,
    time::Duration,
};

use rustix::net::sockopt::socket_peercred;
use socket2::{Domain, SockAddr, Socket, Type};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixStream as AsyncUnixStream,
};

pub(crate) use self::listener::{Client, Listener};
pub use self::place::path;

/// Longest question, in bytes.
const QUESTION: u64 = 64;
/// Time for which either side waits for the other.
const PATIENCE: Duration = Duration::from_secs(5);

/// The only question there is.
pub(crate) const STATUS: &str = "status";

fn is_believed(uid: u32) -> bool {
    uid == 0 || uid == rustix::process::geteuid().as_raw()
}

/// Reads the question of a client: 64 bytes at most.
///
/// # Errors
/// `TimedOut`, or what the socket says; no UTF-8 is `InvalidData`.
pub async fn question(stream: &mut AsyncUnixStream) -> io::Result<String> {
    let mut text = String::new();
    let mut limited = stream.take(QUESTION);
    tokio::time::timeout(PATIENCE, limited.read_to_string(&mut text)).await??;
    Ok(text.trim().to_owned())
}

/// Answers and closes.
pub(crate) async fn answer(stream: &mut AsyncUnixStream, text: &str) -> io::Result<()> {
    tokio::time::timeout(PATIENCE, stream.write_all(text.as_bytes())).await??;
    stream.shutdown().await
}

/// Asks the daemon that listens on the socket at `path`.
///
/// # Errors
/// `ConnectionRefused` or `NotFound`: no daemon is there. `PermissionDenied`: this user may not ask, or somebody answers
/// who is neither root nor this user, and is not asked anything. `TimedOut` or `WouldBlock`: it does not answer.
pub fn ask(path: &Path, question: &str) -> io::Result<String> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    // Also how long it waits to be let in.
    socket.set_write_timeout(Some(PATIENCE))?;
    socket.connect(&SockAddr::unix(path)?)?;
    let daemon = socket_peercred(&socket)?.uid.as_raw();
    if !is_believed(daemon) {
        let why = format!("user {daemon} answers there, who is neither root nor you: not believed");
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, why));
    }
    let mut stream = UnixStream::from(OwnedFd::from(socket));
    stream.write_all(question.as_bytes())?;
    stream.shutdown(std::net::Shutdown::Write)?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}
