//! The control socket: a client asks in one line, the daemon answers in JSON and closes.
//!
//! By default it is the abstract socket `@vrrpd`. Such a name belongs to the network namespace, as the routers do: so
//! one name serves every namespace, nothing is left in the file system, and a second daemon in the same namespace is
//! noticed. Only root and the daemon's own user may ask.

use std::{
    io::{self, Read, Write},
    os::{
        linux::net::SocketAddrExt,
        unix::net::{SocketAddr, UnixListener, UnixStream},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixStream as AsyncUnixStream,
};

/// The socket unless another is named.
pub const DEFAULT: &str = "@vrrpd";

/// Longest question, in bytes.
const QUESTION: u64 = 64;
/// How long either side waits for the other.
const PATIENCE: Duration = Duration::from_secs(5);

/// The only question there is.
pub(crate) const STATUS: &str = "status";

fn address(name: &str) -> io::Result<SocketAddr> {
    match name.strip_prefix('@') {
        Some(abstract_name) => SocketAddr::from_abstract_name(abstract_name),
        None => SocketAddr::from_pathname(name),
    }
}

/// Takes the socket. A file that no daemon listens on any more is replaced.
///
/// # Errors
/// `AddrInUse`: a daemon listens there.
pub(crate) fn listen(name: &str) -> io::Result<tokio::net::UnixListener> {
    let address = address(name)?;
    let listener = match UnixListener::bind_addr(&address) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse && is_stale(name, &address) => {
            std::fs::remove_file(name)?;
            UnixListener::bind_addr(&address)?
        }
        result => result?,
    };
    listener.set_nonblocking(true)?;
    tokio::net::UnixListener::from_std(listener)
}

fn is_stale(name: &str, address: &SocketAddr) -> bool {
    !name.starts_with('@')
        && UnixStream::connect_addr(address)
            .is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
}

/// Reads the question of a client that may ask: 64 bytes at most.
///
/// # Errors
/// `PermissionDenied`: the client is neither root nor the daemon's own user. `TimedOut`, or what the socket says; no
/// UTF-8 is `InvalidData`.
pub async fn question(stream: &mut AsyncUnixStream) -> io::Result<String> {
    let uid = stream.peer_cred()?.uid();
    if uid != 0 && uid != rustix::process::geteuid().as_raw() {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
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

/// Asks the daemon that listens on the socket `name`.
///
/// # Errors
/// `ConnectionRefused` or `NotFound`: no daemon is there. `TimedOut` or `WouldBlock`: it does not answer.
pub fn ask(name: &str, question: &str) -> io::Result<String> {
    let mut stream = UnixStream::connect_addr(&address(name)?)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.write_all(question.as_bytes())?;
    stream.shutdown(std::net::Shutdown::Write)?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}
