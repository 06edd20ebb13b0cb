//! Files of one laboratory: configurations, logs, sockets.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, Result};

/// A directory that goes away with this value, unless the thread is panicking: then it stays as evidence.
#[derive(Debug)]
pub struct Scratch {
    path: PathBuf,
}

/// How long evidence of dead runs is kept.
const KEEP: Duration = Duration::from_secs(3600);

impl Scratch {
    /// Makes the directory and removes those of dead runs that are older than an hour.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn new(name: &str) -> Result<Self> {
        sweep();
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).with_context(|| format!("making {}", path.display()))?;
        Ok(Self { path })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("logs and configurations are kept in {}", self.path.display());
            return;
        }
        if let Err(error) = fs::remove_dir_all(&self.path) {
            eprintln!("{} stays: {error}", self.path.display());
        }
    }
}

fn sweep() {
    let Ok(entries) = fs::read_dir(std::env::temp_dir()) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let Some(name) = name.to_str() else { continue };
        let old = entry
            .metadata()
            .and_then(|metadata| metadata.modified())
            .is_ok_and(|modified| modified.elapsed().is_ok_and(|age| age > KEEP));
        if old && crate::netns::owner(name).is_some_and(|pid| !crate::netns::alive(pid)) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}
