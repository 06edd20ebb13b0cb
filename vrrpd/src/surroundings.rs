//! The machine that a keepalived.conf is read on.

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use keepalived_conf::{MAX_MATCHES, Surroundings};

/// The largest file that is read, in bytes.
const MAX_FILE: u64 = 4 << 20;

/// This machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct ThisHost;

impl Surroundings for ThisHost {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let file = File::open(path)?;
        if file.metadata()?.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        let mut bytes = Vec::new();
        file.take(MAX_FILE + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > MAX_FILE {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, "larger than 4 MiB"));
        }
        Ok(bytes)
    }

    fn matching(&self, pattern: &str) -> io::Result<Vec<PathBuf>> {
        // As glob(3) does it.
        let options = glob::MatchOptions {
            require_literal_separator: true,
            require_literal_leading_dot: true,
            ..glob::MatchOptions::new()
        };
        let paths = glob::glob_with(pattern, options).map_err(io::Error::other)?;
        let found: Result<Vec<_>, _> = paths.take(MAX_MATCHES).collect();
        let mut found = found.map_err(io::Error::from)?;
        found.retain(|path| !path.is_dir());
        Ok(found)
    }

    fn is_directory(&self, path: &Path) -> bool {
        path.is_dir()
    }

    fn host_name(&self) -> String {
        let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
        name.split('.').next().unwrap_or_default().to_owned()
    }

    fn has_user(&self, name: &str) -> bool {
        let accounts = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
        accounts.lines().any(|line| line.split(':').next() == Some(name))
    }
}
