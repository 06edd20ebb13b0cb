//! The file in TOML that a configuration is read from.

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use vrrp_config::{Config, Problems, read, render_bare};

/// The largest file that is read, in bytes: enough for 255 routers on each of several interfaces, with 65,535 excluded
/// addresses, and no mistake for a device or a disk image.
const MAX_FILE: u64 = 4 << 20;

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file is missing, or not to be read.
    #[error("cannot read {}: {source}", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The file is larger than 4 MiB.
    #[error("{} is larger than 4 MiB", path.display())]
    TooLarge {
        /// Which file.
        path: PathBuf,
    },
    /// The file was read, and something is wrong with it.
    #[error("{0}")]
    Invalid(#[from] Problems),
}

impl ConfigError {
    /// For a person: what is wrong, where, and what to do. `coloured`: with ANSI colours, for a terminal.
    #[must_use]
    pub fn render(&self, coloured: bool) -> String {
        let help = match self {
            Self::Invalid(problems) => return problems.render(coloured),
            Self::TooLarge { .. } => "name a configuration with --config FILE",
            Self::Unreadable { source, .. } if source.kind() == io::ErrorKind::NotFound => {
                "create it, name another with --config FILE, or try the built-in default with --iface NAME"
            }
            Self::Unreadable { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => {
                "run as root, or let the user of the daemon read it"
            }
            Self::Unreadable { .. } => "name a regular file with --config FILE",
        };
        render_bare(&self.to_string(), help, coloured)
    }
}

/// Reads the file at `path`, for the host called `host`.
///
/// # Errors
///
/// The file is not to be read, larger than 4 MiB, or has problems: all of them are reported.
pub fn load(path: &Path, host: &str) -> Result<Config, ConfigError> {
    let unreadable = |source| ConfigError::Unreadable { path: path.to_owned(), source };
    let mut bytes = Vec::new();
    File::open(path).and_then(|file| file.take(MAX_FILE + 1).read_to_end(&mut bytes)).map_err(unreadable)?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(ConfigError::TooLarge { path: path.to_owned() });
    }
    Ok(read(&path.display().to_string(), &bytes, host)?)
}

#[cfg(test)]
mod tests {
    use std::{env, fs};

    use super::*;

    fn told(path: &Path) -> String {
        load(path, "gw1").unwrap_err().render(false)
    }

    #[test]
    fn a_missing_file_is_told_apart_from_a_bad_one() {
        let error = load(Path::new("/nonexistent/vrrpd.toml"), "gw1").unwrap_err();
        assert!(matches!(error, ConfigError::Unreadable { .. }));
        let rendered = error.render(false);
        assert!(
            rendered.contains("/nonexistent/vrrpd.toml") && rendered.contains("--config FILE"),
            "{rendered}"
        );
        let rendered = told(Path::new("/"));
        assert!(rendered.contains("regular file"), "{rendered}");
        let rendered = told(Path::new("/dev/zero"));
        assert!(rendered.contains("4 MiB"), "{rendered}");
    }

    #[test]
    fn bytes_that_are_not_utf8_are_underlined_beside_the_other_faults() {
        let file = env::temp_dir().join(format!("vrrpd-not-utf8-{}.toml", std::process::id()));
        fs::write(&file, b"router_id = \"caf\xe9\"\n").unwrap();
        let rendered = told(&file);
        fs::remove_file(&file).unwrap();
        assert!(rendered.contains("0xe9") && rendered.contains("no `vrrp_instance`"), "{rendered}");
        assert!(rendered.contains(":1:17"), "{rendered}");
    }
}
