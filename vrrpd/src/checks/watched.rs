//! Waiting until a file changes, by inotify: written, replaced by another, removed, or made in a directory that was not
//! there before.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    io,
    mem::MaybeUninit,
    os::{
        fd::{AsFd, OwnedFd},
        unix::ffi::OsStrExt,
    },
    path::{Path, PathBuf},
    time::Duration,
};

use rustix::{
    fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags},
    io::Errno,
};
use tokio::{io::unix::AsyncFd, runtime::Handle};

use crate::readiness::watch;

/// Interval in which a file is looked at that cannot be watched.
const UNWATCHED: Duration = Duration::from_secs(1);

/// Events that are looked for in a directory. Not that something is written: it may be written in parts, and is whole when it
/// is closed.
const IN_DIRECTORY: WatchFlags = WatchFlags::CREATE
    .union(WatchFlags::CLOSE_WRITE)
    .union(WatchFlags::MOVED_FROM)
    .union(WatchFlags::MOVED_TO)
    .union(WatchFlags::DELETE)
    .union(WatchFlags::ATTRIB)
    .union(WatchFlags::DELETE_SELF)
    .union(WatchFlags::MOVE_SELF);

/// Events that are looked for in the file itself, which a link may have hidden elsewhere.
const IN_FILE: WatchFlags =
    WatchFlags::CLOSE_WRITE.union(WatchFlags::DELETE_SELF).union(WatchFlags::MOVE_SELF);

/// A file that is watched. When it has changed, renew the watch, and then look at it.
#[derive(Debug)]
pub(super) struct Watched {
    path: PathBuf,
    inotify: Option<AsyncFd<OwnedFd>>,
    /// The name that matters in each watched directory; none: all of it.
    names: BTreeMap<i32, Option<OsString>>,
}

impl Watched {
    /// Not watched before it is renewed.
    pub(super) fn new(path: &Path) -> Self {
        let inotify = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK);
        let inotify = inotify.map_err(io::Error::from).and_then(watch);
        let inotify = inotify.map_err(|error| {
            tracing::warn!(path = %path.display(), %error, "cannot be watched; looking every second");
        });
        Self { path: path.to_owned(), inotify: inotify.ok(), names: BTreeMap::new() }
    }

    /// Watches the file and every directory on the way to it that is there now.
    pub(super) fn renew(&mut self) {
        let Some(inotify) = &self.inotify else { return };
        let names = match names(inotify.get_ref(), &self.path) {
            Ok(names) => names,
            Err(error) => {
                tracing::warn!(path = %self.path.display(), %error, "cannot be watched; looking every second");
                return self.close();
            }
        };
        for number in self.names.keys().filter(|number| !names.contains_key(number)) {
            // It may have gone by itself.
            let _gone = inotify::remove_watch(inotify.get_ref(), *number);
        }
        self.names = names;
    }

    /// The kernel takes its time for it, some 20 ms: not those of the main thread.
    fn close(&mut self) {
        let inotify = self.inotify.take().map(AsyncFd::into_inner);
        if let Ok(runtime) = Handle::try_current() {
            drop(runtime.spawn_blocking(move || drop(inotify)));
        }
    }

    /// Returns when it may have changed.
    pub(super) async fn changed(&self) {
        let Some(inotify) = &self.inotify else { return tokio::time::sleep(UNWATCHED).await };
        loop {
            let Ok(mut ready) = inotify.readable().await else { return tokio::time::sleep(UNWATCHED).await };
            if self.read(inotify.get_ref()) {
                return;
            }
            ready.clear_ready();
        }
    }

    /// Takes in what there is. Returns whether some of it matters.
    fn read(&self, inotify: impl AsFd) -> bool {
        let mut buffer = [MaybeUninit::uninit(); 4_096];
        let mut reader = Reader::new(inotify, &mut buffer);
        loop {
            match reader.next() {
                Ok(event) => {
                    let name = event.file_name().map(|name| OsStr::from_bytes(name.to_bytes()));
                    if self.matters(event.wd(), name, event.events()) {
                        return true;
                    }
                }
                Err(Errno::AGAIN) => return false,
                Err(_) => return true,
            }
        }
    }

    fn matters(&self, number: i32, name: Option<&OsStr>, events: ReadFlags) -> bool {
        // Without a name it is about the directory itself, or events were lost.
        let Some(name) = name else {
            return !events.contains(ReadFlags::IGNORED) || self.names.contains_key(&number);
        };
        self.names.get(&number).is_none_or(|wanted| wanted.as_deref().is_none_or(|wanted| wanted == name))
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.close();
    }
}

fn names(inotify: &OwnedFd, path: &Path) -> io::Result<BTreeMap<i32, Option<OsString>>> {
    let mut names = BTreeMap::new();
    let mut on_the_way: Vec<_> = path.ancestors().zip(path.ancestors().skip(1)).collect();
    on_the_way.reverse();
    for (child, directory) in on_the_way {
        let Some(name) = child.file_name() else { continue };
        match inotify::add_watch(inotify, directory, IN_DIRECTORY | WatchFlags::ONLYDIR) {
            Ok(number) => drop(names.insert(number, Some(name.to_owned()))),
            // What is above it is watched.
            Err(Errno::NOENT | Errno::NOTDIR | Errno::ACCESS) => break,
            Err(error) => return Err(error.into()),
        }
    }
    if let Ok(number) = inotify::add_watch(inotify, path, IN_FILE) {
        names.insert(number, None);
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use std::{
        fs,
        sync::atomic::{AtomicU32, Ordering},
    };

    use super::*;

    fn scratch() -> PathBuf {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let dir = std::env::temp_dir().join(format!("vrrpd-test-watched-{}-{count}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        dir
    }

    /// Tells whether `action` is noticed.
    fn noticed(path: &Path, action: impl FnOnce()) -> bool {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut watched = Watched::new(path);
            watched.renew();
            action();
            tokio::time::timeout(Duration::from_millis(300), watched.changed()).await.is_ok()
        })
    }

    #[test]
    fn a_file_that_is_written_replaced_or_removed_is_noticed() {
        let dir = scratch();
        let file = dir.join("value");
        assert!(noticed(&file, || fs::write(&file, "1").unwrap()), "made");
        assert!(noticed(&file, || fs::write(&file, "2").unwrap()), "written");
        fs::write(dir.join("new"), "3").unwrap();
        assert!(noticed(&file, || fs::rename(dir.join("new"), &file).unwrap()), "replaced");
        assert!(noticed(&file, || fs::remove_file(&file).unwrap()), "removed");
        fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn its_neighbours_are_not() {
        let dir = scratch();
        let file = dir.join("value");
        fs::write(&file, "1").unwrap();
        assert!(!noticed(&file, || fs::write(dir.join("other"), "2").unwrap()));
        fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn a_directory_that_comes_or_goes_is_noticed() {
        let dir = scratch();
        let file = dir.join("a/b/value");
        assert!(noticed(&file, || fs::create_dir_all(dir.join("a/b")).unwrap()));
        assert!(noticed(&file, || fs::write(&file, "1").unwrap()));
        assert!(noticed(&file, || fs::rename(dir.join("a"), dir.join("c")).unwrap()));
        fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn a_file_behind_a_link_is_noticed() {
        let dir = scratch();
        let (real, link) = (dir.join("real"), dir.join("away/link"));
        fs::create_dir(dir.join("away")).unwrap();
        fs::write(&real, "1").unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        assert!(noticed(&link, || fs::write(&real, "2").unwrap()));
        fs::remove_dir_all(dir).unwrap();
    }
}
