//! keepalived's configuration as ours.
//!
//! ```text
//! files ─► lines ─► words ─► statements and blocks ─► model ─► Tree ─► vrrp_config: judged, or written as TOML
//!          comments, @id, $NAME,      │                  │
//!          ~SEQ, include              └──── faults ◄─────┤ what cannot be read on
//!                                            report ◄────┘ what is not carried over as it stands
//! ```
//!
//! Everything that a configuration says is either in the tree or in the report, with its line: nothing is dropped
//! silently. The model is keepalived's: a block is a table of its words, out of which our keys are made once all of the
//! file is read, since what one word means may hang on another. Nothing here looks at the machine but through
//! [`Surroundings`], and nothing decides whether the tree is a good configuration: that is for [`vrrp_config`], which
//! shows what is wrong at the places that the tree has.

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
    io,
    path::{Path, PathBuf},
};

use vrrp_config::{Config, Kind, Problems, Tree};

use self::{convert::Input, lines::Lines};
pub use self::{
    files::{MAX_MATCHES, Surroundings},
    report::{Entry, Report, Severity},
    vocabulary::keyword_tables,
};

/// A configuration that was read.
#[derive(Clone, Debug)]
pub struct Imported {
    /// Our keys, with the places that they have in keepalived's files.
    tree: Tree,
    /// Number of routers in it. With none it is no configuration.
    pub routers: usize,
    /// Everything that was not carried over as it stands.
    pub report: Report,
}

impl Imported {
    /// The configuration as a file of vrrpd's, with the places in keepalived's files as comments.
    #[must_use]
    pub fn toml(&self) -> String {
        let name = self.tree.sources.first().map_or("", |source| source.name.as_str());
        let name = name.replace(char::is_control, "\u{fffd}");
        format!("# Made from {name} by `vrrpd import`.\n\n{}", self.tree.to_toml())
    }

    /// The configuration that vrrpd runs on.
    ///
    /// # Errors
    ///
    /// The settings are well as they are written, and do not go together here: shown at the lines that they stand in.
    pub fn config(&self) -> Result<Config, ImportError> {
        vrrp_config::judge(&self.tree).map_err(ImportError::Broken)
    }
}

/// Reasons for which there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The file is missing, or not to be read.
    #[error("cannot read {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// The file was read, and is broken: each fault is shown in the file that it is in.
    #[error("{0}")]
    Broken(Problems),
}

impl ImportError {
    /// For a person. `coloured`: with ANSI colours, for a terminal.
    #[must_use]
    pub fn render(&self, coloured: bool) -> String {
        match self {
            Self::Unreadable { .. } => format!("{self}\n"),
            Self::Broken(problems) => problems.render(coloured),
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
    let mut tree = Tree::default();
    if faults.is_empty() {
        tree = convert::to_tree(&input, &mut faults, &mut report);
    }
    if !faults.is_empty() {
        return Err(ImportError::Broken(faults.in_files(&files)));
    }
    report.locate(&files);
    let routers = tree.sections.iter().filter(|section| section.kind == Kind::Instance).count();
    (tree.sources, tree.secrets, tree.host) = (files, faults.secrets, surroundings.host_name());
    Ok(Imported { tree, routers, report })
}
