//! The lock on a directory of pins.

use std::{fs::File, io, os::unix::fs::MetadataExt as _, path::Path};

use rustix::fs::FlockOperation;

/// Keeps a second daemon off the same interface, as long as it lives.
#[derive(Debug)]
pub(crate) struct Lock {
    dir: File,
}

impl Lock {
    /// The directory, open.
    pub(crate) fn dir(&self) -> &File {
        &self.dir
    }

    /// Inode of the directory, which may have been removed meanwhile.
    pub(crate) fn inode(&self) -> Option<u64> {
        self.dir.metadata().map(|dir| dir.ino()).ok()
    }

    /// Locks a directory; `None` when another process has.
    pub(crate) fn of(dir: &Path) -> io::Result<Option<Self>> {
        let dir = File::open(dir)?;
        match rustix::fs::flock(&dir, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(Self { dir })),
            Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}
