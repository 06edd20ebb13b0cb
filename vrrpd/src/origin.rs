//! Where the daemon's configuration is: a file of ours, keepalived's, or nowhere.

use std::{fmt, path::PathBuf};

use crate::{
    config::{self, Config, ConfigError, Problems},
    keepalived::{self, ImportError, Report, Severity, ThisHost},
};

/// Where a configuration is read from, and read again on SIGHUP.
#[derive(Clone, Debug)]
pub enum Origin {
    /// The built-in default, which does not change.
    BuiltIn,
    /// A file in TOML.
    Toml(PathBuf),
    /// A `keepalived.conf`, converted each time that it is read.
    Keepalived {
        /// The file.
        path: PathBuf,
        /// What its `@id` lines are compared with; the name of the host if `None`.
        config_id: Option<String>,
    },
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The TOML file.
    #[error(transparent)]
    Toml(#[from] ConfigError),
    /// keepalived's file.
    #[error(transparent)]
    Keepalived(#[from] ImportError),
    /// keepalived's file was converted, and its settings do not go together here.
    #[error(transparent)]
    Converted(#[from] Problems),
}

impl LoadError {
    /// For a person: what is wrong, where, and what to do. `coloured`: with ANSI colours, for a terminal.
    #[must_use]
    pub fn render(&self, coloured: bool) -> String {
        match self {
            Self::Toml(error) => error.render(coloured),
            Self::Keepalived(error) => error.render(coloured),
            Self::Converted(problems) => problems.render(coloured),
        }
    }
}

impl Origin {
    /// Reads it. `None` if there is nothing to read. The report says what was not carried over from keepalived's file.
    ///
    /// # Errors
    /// The file is not to be read, or something is wrong with it.
    pub fn load(&self) -> Result<Option<(Config, Report)>, LoadError> {
        match self {
            Self::BuiltIn => Ok(None),
            Self::Toml(path) => Ok(Some((config::load(path)?, Report::default()))),
            Self::Keepalived { path, config_id } => {
                let imported = keepalived::import(path, config_id.as_deref(), &ThisHost)?;
                let config = config::parse(&format!("{} as TOML", path.display()), &imported.toml)?;
                Ok(Some((config, imported.report)))
            }
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BuiltIn => f.write_str("the built-in configuration"),
            Self::Toml(path) | Self::Keepalived { path, .. } => path.display().fmt(f),
        }
    }
}

/// Logs what was not carried over.
pub fn log(report: &Report) {
    for entry in report.entries() {
        match entry.severity {
            Severity::Harmless => tracing::info!("{entry}"),
            Severity::Different | Severity::Unsupported => tracing::warn!("{entry}"),
        }
    }
}
