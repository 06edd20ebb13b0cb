//! Reasons for which the daemon ends, and the exit codes that go with them.

use std::process::ExitCode;

/// An error with its exit code.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// Exit code 2: the configuration.
    #[error("{0}")]
    Config(String),
    /// Exit code 3: a privilege or a feature of the kernel is missing.
    #[error("{0}")]
    Environment(String),
    /// Exit code 4: a keepalived.conf was converted, and not all of it is carried over as it stands.
    #[error("{0}")]
    Incomplete(String),
    /// Exit code 1: anything else.
    #[error("{0:#}")]
    Other(#[from] anyhow::Error),
}

impl Failure {
    /// Tells what the process returns.
    #[must_use]
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::Config(_) => ExitCode::from(2),
            Self::Environment(_) => ExitCode::from(3),
            Self::Incomplete(_) => ExitCode::from(4),
            Self::Other(_) => ExitCode::FAILURE,
        }
    }
}
