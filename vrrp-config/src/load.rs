//! From a file to a [`Config`].

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use super::{
    Config, Problems,
    problem::{Findings, Problem, render_bare},
    raw, syntax, valid,
};

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

/// Reads the file at `path`.
///
/// # Errors
///
/// The file is not to be read, larger than 4 MiB, or has problems: all of them are reported.
pub fn load(path: &Path) -> Result<Config, ConfigError> {
    let unreadable = |source| ConfigError::Unreadable { path: path.to_owned(), source };
    let mut bytes = Vec::new();
    File::open(path).and_then(|file| file.take(MAX_FILE + 1).read_to_end(&mut bytes)).map_err(unreadable)?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(ConfigError::TooLarge { path: path.to_owned() });
    }
    Ok(read(&path.display().to_string(), &bytes)?)
}

/// Reads the bytes of a file, whatever they are. `origin` names them in messages.
///
/// # Errors
///
/// Every problem, that it is no UTF-8 among them.
pub fn read(origin: &str, bytes: &[u8]) -> Result<Config, Problems> {
    match str::from_utf8(bytes) {
        Ok(text) => parse(origin, text),
        Err(error) => {
            let known = vec![not_utf8(bytes, error.valid_up_to())];
            parse_after(origin, &String::from_utf8_lossy(bytes), known)
        }
    }
}

/// Reads `text`; `origin` is where it comes from, for the messages.
///
/// # Errors
///
/// Every problem that the text has.
pub fn parse(origin: &str, text: &str) -> Result<Config, Problems> {
    parse_after(origin, text, Vec::new())
}

/// As [`parse`], with problems that are known already.
fn parse_after(origin: &str, text: &str, known: Vec<Problem>) -> Result<Config, Problems> {
    let (root, syntax) = syntax::read(text);
    let mut findings = Findings::default();
    let file = raw::File::read(&root, &mut findings);
    let config = valid::config(&file, &mut findings);
    syntax.merge_into(&mut findings);
    findings.problems.extend(known);
    match config {
        Some(config) if findings.problems.is_empty() => Ok(config),
        Some(_) | None => Err(Problems::new(origin, text, findings)),
    }
}

fn not_utf8(bytes: &[u8], valid_up_to: usize) -> Problem {
    let byte = bytes.get(valid_up_to).copied().unwrap_or_default();
    let span = valid_up_to..valid_up_to + char::REPLACEMENT_CHARACTER.len_utf8();
    Problem::new(format!("byte 0x{byte:02x} is not UTF-8"), span, "here").help("save the file as UTF-8")
}
