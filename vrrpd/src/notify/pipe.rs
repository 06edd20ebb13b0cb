//! The FIFO itself: found or made, open, left to the next program or removed.

use std::{
    fs::{self, File, Metadata, OpenOptions},
    io,
    os::{
        fd::AsFd as _,
        unix::fs::{FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _, fchown},
    },
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use rustix::{
    fs::{CWD, FileType, Mode, mknodat},
    io::Errno,
};

use super::lock;
use crate::{
    handover::{self, HandoverState},
    program,
};
use vrrp_config::User;

/// Words by which the next program is told how it came about.
const MADE: &str = "made";
const FOUND: &str = "found";

/// An open FIFO. Open for reading too, so that it can be opened, and holds what is written, without a reader. One that
/// the daemon made goes with it; one that was there is somebody else's.
#[derive(Debug)]
pub(super) struct Pipe {
    path: PathBuf,
    file: Mutex<Option<File>>,
    identity: (u64, u64),
    made: bool,
}

impl Drop for Pipe {
    fn drop(&mut self) {
        if self.made
            && self.is_at(&self.path)
            && let Err(error) = fs::remove_file(&self.path)
        {
            tracing::debug!(%error, "the notify FIFO stays");
        }
    }
}

impl Pipe {
    /// Goes on with the one that was open before, if it is still there; else opens the one that is there, or makes
    /// one, readable for this user. Blocks.
    pub(super) fn open(
        path: &Path,
        reader: Option<&User>,
        before: Option<Arc<Self>>,
    ) -> io::Result<Arc<Self>> {
        if let Some(before) = before.filter(|before| before.is_at(path)) {
            return Ok(before);
        }
        let made = match mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0) {
            Ok(()) => true,
            Err(Errno::EXIST) => false,
            Err(error) => return Err(error.into()),
        };
        let pipe = Self::found(path, made)?;
        if let (true, Some(reader)) = (made, reader) {
            let (uid, gid) = program::ids(Some(reader)).map_err(io::Error::other)?;
            fchown(pipe.file()?, Some(uid), Some(gid))?;
        }
        Ok(Arc::new(pipe))
    }

    fn found(path: &Path, made: bool) -> io::Result<Self> {
        let no_fifo = || io::Error::new(io::ErrorKind::AlreadyExists, "there is a file that is no FIFO");
        // Looked at before: to open a file may have effects.
        if !fs::symlink_metadata(path)?.file_type().is_fifo() {
            return Err(no_fifo());
        }
        let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK;
        let file = OpenOptions::new().read(true).write(true).custom_flags(flags).open(path)?;
        let found = file.metadata()?;
        if !found.file_type().is_fifo() {
            return Err(no_fifo());
        }
        Ok(Self { path: path.to_owned(), file: Mutex::new(Some(file)), identity: identity(&found), made })
    }

    /// The one that the program before this one has left open.
    pub(super) fn inherited(name: &str) -> Option<Self> {
        let left = std::env::var(name).ok()?;
        let mut words = left.splitn(3, ' ');
        let file = File::from(handover::descriptor(words.next()?)?);
        let (made, path) = (words.next()? == MADE, PathBuf::from(words.next()?));
        let found = file.metadata().ok().filter(|found| found.file_type().is_fifo())?;
        Some(Self { path, file: Mutex::new(Some(file)), identity: identity(&found), made })
    }

    /// Hands it over to the program that takes this one's place.
    pub(super) fn hand_over(&self, name: &'static str) -> Option<HandoverState> {
        let note = format!("{} {}", if self.made { MADE } else { FOUND }, self.path.to_str()?);
        let file = lock(&self.file);
        HandoverState::descriptors(name, &[file.as_ref()?.as_fd()], &note).ok()
    }

    /// Another descriptor of it.
    pub(super) fn file(&self) -> io::Result<File> {
        lock(&self.file).as_ref().ok_or_else(|| io::Error::from(io::ErrorKind::BrokenPipe))?.try_clone()
    }

    /// Readers see the end of it, if nobody else has it open for writing.
    pub(super) fn close(&self) {
        drop(lock(&self.file).take());
    }

    fn is_at(&self, path: &Path) -> bool {
        fs::symlink_metadata(path).is_ok_and(|found| identity(&found) == self.identity)
    }
}

fn identity(file: &Metadata) -> (u64, u64) {
    (file.dev(), file.ino())
}
