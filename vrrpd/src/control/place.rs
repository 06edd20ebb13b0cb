//! Place of the control socket, and whose it is: a path that only root and the daemon's own user can take, and a lock
//! beside it that goes with the daemon's life.

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::{
        fd::{AsFd as _, OwnedFd},
        unix::{
            fs::{FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _},
            net::UnixListener,
        },
    },
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use rustix::{
    fs::{FlockOperation, flock},
    net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, listen, socket_with},
};
use thiserror::Error;

use crate::{
    handover::{self, CONTROL, HandoverState},
    trust::{self, Exposed},
};

/// Directory of the sockets of all network namespaces.
const BASE: &str = "/run/vrrpd";
/// Beginning of the name of a namespace's directory.
const NAMESPACE: &str = "netns-";
const SOCKET: &str = "vrrpd.sock";
/// Behind the socket's name.
const LOCK: &str = ".lock";
/// Clients that may wait to be accepted.
const BACKLOG: i32 = 64;
/// A lock that is held is tried again for a moment: who only clears it away has it no longer.
const ATTEMPTS: u32 = 20;
const PAUSE: Duration = Duration::from_millis(10);

/// The socket of the daemon in a network namespace (`None`: the host's), unless another is named.
#[must_use]
pub fn path(named: Option<&Path>, namespace: Option<&str>) -> PathBuf {
    named.map_or_else(|| default_in(Path::new(BASE), namespace), Path::to_path_buf)
}

fn default_in(base: &Path, namespace: Option<&str>) -> PathBuf {
    let mut path = base.to_path_buf();
    path.extend(namespace);
    path.join(SOCKET)
}

/// Reasons for which there is no control socket.
#[derive(Debug, Error)]
pub(crate) enum PlaceError {
    #[error(
        "another vrrpd runs in this network namespace: it has the control socket {}; \
         stop it, or name another with --socket", .0.display()
    )]
    Taken(PathBuf),
    #[error("the control socket {} cannot be there: {source}; name another place with --socket", path.display())]
    Exposed { path: PathBuf, source: Exposed },
    #[error("the control socket {} cannot be there: there is a file that is no socket", .0.display())]
    NoSocket(PathBuf),
    #[error("cannot {action} for the control socket, {}: {source}{}", path.display(), hint(source))]
    Io { action: &'static str, path: PathBuf, source: io::Error },
}

fn hint(error: &io::Error) -> &'static str {
    if error.kind() == io::ErrorKind::ReadOnlyFilesystem {
        "; under systemd the unit needs RuntimeDirectory=vrrpd"
    } else if error.kind() == io::ErrorKind::NotFound {
        "; make the directory, or name another place with --socket"
    } else {
        ""
    }
}

/// A socket that is listened on, and its lock. Both go with it.
#[derive(Debug)]
pub(super) struct Taken {
    path: PathBuf,
    lock: File,
    /// The directory is this daemon's too.
    namespace: bool,
}

impl Drop for Taken {
    fn drop(&mut self) {
        clear(&self.path);
        if self.namespace {
            remove_directory(&self.path);
        }
    }
}

impl Taken {
    /// Takes the socket, or goes on with that of the program before this one.
    pub(super) fn take(path: &Path) -> Result<(Self, UnixListener), PlaceError> {
        let path = std::path::absolute(path).unwrap_or_else(|_none| path.to_owned());
        let namespace = is_default(&path) && prepare(&path)?;
        check(&path)?;
        let (left, lock) = inherited(&path).unzip();
        let lock = match lock {
            Some(lock) => lock,
            None => lock_of(&path, is_default(&path))?,
        };
        // Nothing is this daemon's, to be removed at its end, before it has it.
        let listener = left.filter(|_| is_socket(&path)).map_or_else(|| take_over(&path), Ok)?;
        sweep();
        Ok((Self { path, lock, namespace }, listener))
    }

    /// For the program that takes this one's place.
    pub(super) fn hand_over(&self, listener: &impl std::os::fd::AsFd) -> Option<HandoverState> {
        HandoverState::descriptors(CONTROL, &[listener.as_fd(), self.lock.as_fd()], "").ok()
    }
}

/// Whoever had it before has ended: the lock is held.
fn take_over(path: &Path) -> Result<UnixListener, PlaceError> {
    match fs::symlink_metadata(path) {
        Ok(found) if !found.file_type().is_socket() => return Err(PlaceError::NoSocket(path.to_owned())),
        Ok(_stale) => fs::remove_file(path).map_err(|error| failed("remove the old file", path, error))?,
        Err(_none) => {}
    }
    bound(path).map_err(|error| failed("listen", path, error))
}

fn failed(action: &'static str, path: &Path, source: io::Error) -> PlaceError {
    PlaceError::Io { action, path: path.to_owned(), source }
}

/// Tells whether this module made up the path.
fn is_default(path: &Path) -> bool {
    path.starts_with(BASE) && path.ends_with(SOCKET)
}

/// Makes the directories of a path of ours. Whether one of them is for this namespace alone.
fn prepare(path: &Path) -> Result<bool, PlaceError> {
    let directory = path.parent().unwrap_or(Path::new("/"));
    let own = directory != Path::new(BASE);
    let all = [Path::new(BASE), directory];
    for directory in all.iter().take(if own { 2 } else { 1 }) {
        trust::make_directory(directory).map_err(|error| failed("make the directory", directory, error))?;
    }
    Ok(own)
}

/// Refuses a directory in which others could make the socket or the lock first.
fn check(path: &Path) -> Result<(), PlaceError> {
    let directory = path.parent().unwrap_or(Path::new("/"));
    trust::check_directory(directory).map_err(|source| PlaceError::Exposed { path: path.to_owned(), source })
}

/// Not connected to before it is its owner's alone.
fn bound(path: &Path) -> io::Result<UnixListener> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    bind(&socket, &SocketAddrUnix::new(path)?)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
    listen(&socket, BACKLOG)?;
    Ok(UnixListener::from(socket))
}

fn lock_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(LOCK);
    name.into()
}

fn lock_of(path: &Path, is_default: bool) -> Result<File, PlaceError> {
    for _ in 0..ATTEMPTS {
        match try_lock(path) {
            Ok(Some(lock)) => return Ok(lock),
            Ok(None) => thread::sleep(PAUSE),
            // Somebody has swept the directory away before there was anything in it.
            Err(error) if is_default && error.kind() == io::ErrorKind::NotFound => drop(prepare(path)?),
            Err(error) => return Err(failed("lock a file", &lock_path(path), error)),
        }
    }
    Err(PlaceError::Taken(path.to_owned()))
}

/// `None` if another process has it, or it was removed at this moment.
fn try_lock(path: &Path) -> io::Result<Option<File>> {
    let path = lock_path(path);
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).mode(0o600).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK);
    let lock = options.open(&path)?;
    match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(is_at(&lock, &path).then_some(lock)),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn is_at(file: &File, path: &Path) -> bool {
    let identity = |found: fs::Metadata| (found.dev(), found.ino());
    file.metadata().map(identity).ok() == fs::symlink_metadata(path).map(identity).ok()
}

fn is_socket(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_socket())
}

/// Takes what the program before this one has left open, if it is what it says: a socket that is listened on under this path,
/// and the lock beside it.
fn inherited(path: &Path) -> Option<(UnixListener, File)> {
    let left = std::env::var(CONTROL).ok()?;
    let (listener, lock) = left.split_once(' ')?;
    let (listener, lock) = (handover::descriptor(listener)?, File::from(handover::descriptor(lock)?));
    let held =
        flock(&lock, FlockOperation::NonBlockingLockExclusive).is_ok() && is_at(&lock, &lock_path(path));
    (held && listens_at(&listener, path)).then(|| (UnixListener::from(listener), lock))
}

fn listens_at(listener: &OwnedFd, path: &Path) -> bool {
    let listens = rustix::net::sockopt::socket_acceptconn(listener).unwrap_or(false);
    let address = rustix::net::getsockname(listener).ok().and_then(|any| SocketAddrUnix::try_from(any).ok());
    let expected = SocketAddrUnix::new(path).ok();
    listens && address.is_some() && address == expected
}

/// Removes what is at a path whose lock is held.
fn clear(path: &Path) {
    for path in [path, &lock_path(path)] {
        if let Err(error) = fs::remove_file(path) {
            tracing::debug!(path = %path.display(), %error, "stays");
        }
    }
}

fn remove_directory(path: &Path) {
    // Fails if something else is in it.
    let _removed = path.parent().map(fs::remove_dir);
}

/// Removes what daemons in other network namespaces have left behind that were killed.
fn sweep() {
    let Ok(entries) = fs::read_dir(BASE) else { return };
    let stale = entries.flatten().filter(|entry| entry.file_name().to_string_lossy().starts_with(NAMESPACE));
    for path in stale.map(|entry| entry.path().join(SOCKET)) {
        // One that has no lock is being made just now.
        if let Some(_lock) = lock_path(&path).exists().then(|| try_lock(&path).ok().flatten()).flatten() {
            clear(&path);
            remove_directory(&path);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

    use super::*;

    fn scratch(name: &str) -> PathBuf {
        let directory = PathBuf::from(format!("/run/vrrpd-test-control-{name}-{}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        directory
    }

    #[test]
    fn each_network_namespace_has_a_path_of_its_own_and_a_name_wins() {
        assert_eq!(path(None, None), Path::new("/run/vrrpd/vrrpd.sock"));
        assert_eq!(path(None, Some("netns-4026531")), Path::new("/run/vrrpd/netns-4026531/vrrpd.sock"));
        assert_eq!(path(Some(Path::new("/x/y")), Some("netns-4026531")), Path::new("/x/y"));
    }

    #[test]
    fn it_is_taken_once_and_goes_with_the_daemon() {
        let directory = scratch("once");
        let path = directory.join("sock");
        let (taken, _listener) = Taken::take(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(matches!(Taken::take(&path), Err(PlaceError::Taken(_))));
        assert!(UnixStream::connect(&path).is_ok(), "the attempt has not harmed it");
        drop(taken);
        assert_eq!(fs::read_dir(&directory).unwrap().count(), 0);
        fs::remove_dir(directory).unwrap();
    }

    /// After SIGKILL its files are there and its lock is not.
    #[test]
    fn what_a_killed_daemon_has_left_is_taken() {
        let directory = scratch("killed");
        let path = directory.join("sock");
        drop(UnixListener::bind(&path).unwrap());
        fs::write(lock_path(&path), "").unwrap();
        let (taken, _listener) = Taken::take(&path).unwrap();
        assert!(UnixStream::connect(&path).is_ok());
        drop(taken);
        fs::write(&path, "a file").unwrap();
        assert!(matches!(Taken::take(&path), Err(PlaceError::NoSocket(_))));
        assert_eq!(fs::read_to_string(&path).unwrap(), "a file");
        fs::remove_dir_all(directory).unwrap();
    }

    #[test]
    fn a_place_that_others_can_take_is_refused() {
        let directory = scratch("exposed");
        for mode in [0o777, 0o1777] {
            fs::set_permissions(&directory, fs::Permissions::from_mode(mode)).unwrap();
            let refused = Taken::take(&directory.join("sock"));
            assert!(matches!(refused, Err(PlaceError::Exposed { .. })), "{mode:o}: {refused:?}");
        }
        fs::remove_dir_all(directory).unwrap();
    }
}
