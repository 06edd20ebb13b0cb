//! keepalived's configuration as ours.
//!
//! ```text
//! files ─► lines ─► words ─► statements and blocks ─► model ─► TOML
//!          comments, @id, $NAME,      │                  │
//!          ~SEQ, include              └──── faults ◄─────┤ what cannot be read on
//!                                            report ◄────┘ what is not carried over as it stands
//! ```
//!
//! Everything that a configuration says is either in the TOML or in the report, with its line: nothing is dropped
//! silently. Nothing here looks at the machine but through [`Surroundings`], and nothing decides whether the TOML is
//! a good configuration: that is for [`vrrp_config`].

mod convert;
mod define;
mod fault;
mod files;
mod lines;
mod repeat;
mod report;
mod text;
mod tree;
mod vocabulary;
mod words;

use std::{
    fmt, io,
    path::{Path, PathBuf},
};

use self::{
    convert::{Converted, Input, Origins},
    fault::{Faults, Source},
    lines::Lines,
    text::Place,
};
pub use self::{
    files::{MAX_MATCHES, Surroundings},
    report::{Entry, Report, Severity},
    vocabulary::keyword_tables,
};
use vrrp_config::{Config, Problems};

/// A configuration that was read.
#[derive(Clone, Debug)]
pub struct Imported {
    /// What vrrpd reads, with the places in keepalived's files as comments.
    pub toml: String,
    /// How many routers are in it. With none it is no configuration.
    pub routers: usize,
    /// What was not carried over as it stands.
    pub report: Report,
    origins: Origins,
    files: Vec<Source>,
    /// Passwords in the files: never shown.
    secrets: Vec<Place>,
    /// The host's name.
    host: String,
}

impl Imported {
    /// What vrrpd runs on.
    ///
    /// # Errors
    ///
    /// The settings are well as they are written, and do not go together here: shown at the lines that they stand in.
    pub fn config(&self) -> Result<Config, ImportError> {
        vrrp_config::read("converted", self.toml.as_bytes(), &self.host).map_err(|problems| {
            let mut faults = Faults::default();
            faults.secrets.clone_from(&self.secrets);
            for problem in problems.into_list() {
                faults.push_converted(problem, |at| self.origins.of(at));
            }
            ImportError::Broken(Broken(faults.in_files(&self.files)))
        })
    }
}

/// Why there is nothing.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The file is missing, or not to be read.
    #[error("cannot read {}: {source}", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// It was read, and is broken.
    #[error("{0}")]
    Broken(Broken),
}

/// All that is wrong, file by file. `Display` is the plain rendering.
#[derive(Debug)]
pub struct Broken(Problems);

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl ImportError {
    /// For a person. `coloured`: with ANSI colours, for a terminal.
    #[must_use]
    pub fn render(&self, coloured: bool) -> String {
        match self {
            Self::Unreadable { .. } => format!("{self}\n"),
            Self::Broken(Broken(problems)) => problems.render(coloured),
        }
    }
}

/// Reads keepalived's configuration at `path`. `config_id` is what `@id` lines are compared with; the name of the
/// host if `None`, as with keepalived's `-i`.
///
/// # Errors
///
/// The file is not to be read, or it or one that it includes is broken: all faults are reported.
pub fn import(
    path: &Path,
    config_id: Option<&str>,
    surroundings: &dyn Surroundings,
) -> Result<Imported, ImportError> {
    let unreadable = |source| ImportError::Unreadable { path: path.to_owned(), source };
    let bytes = surroundings.read(path).map_err(unreadable)?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let config_id = config_id.map_or_else(|| surroundings.host_name(), ToOwned::to_owned);
    let directory = path.parent().map(Path::to_path_buf).unwrap_or_default();
    let mut lines = Lines::new(surroundings, &config_id, (path.display().to_string(), text, directory));
    let statements = tree::read(&mut lines);
    let Lines { files, mut faults, mut report, .. } = lines;
    let input = Input { surroundings, files: &files, statements: &statements };
    let mut converted = Converted::default();
    if faults.is_empty() {
        converted = convert::to_toml(&input, &mut faults, &mut report);
    }
    if !faults.is_empty() {
        return Err(ImportError::Broken(Broken(faults.in_files(&files))));
    }
    report.locate(&files);
    let Converted { toml, routers, origins } = converted;
    Ok(Imported {
        toml,
        routers,
        report,
        origins,
        files,
        secrets: faults.secrets,
        host: surroundings.host_name(),
    })
}
