//! Reasons for which a program was not run.

use std::{io, path::PathBuf};

use thiserror::Error;

use crate::trust::Unsafe;

/// A reason for which a program was not run.
#[derive(Debug, Error)]
pub(crate) enum ProgramError {
    #[error("a program needs an absolute path")]
    NoPath,
    #[error("{0:?} has a zero byte in it")]
    ZeroByte(String),
    #[error("there is no user {0:?}")]
    NoUser(String),
    #[error("there is no group {0:?}")]
    NoGroup(String),
    #[error("user {0} has no entry in the password file: name its group too (\"{0}:GROUP\")")]
    GroupUnknown(u32),
    #[error("user {name:?} cannot be looked up")]
    Lookup { name: String, source: io::Error },
    #[error("{}: there is no such file", .0.display())]
    Missing(PathBuf),
    #[error("{}: the program that its first line names (#!) is missing", .0.display())]
    NoInterpreter(PathBuf),
    #[error("{}: not an executable file (chmod +x)", .0.display())]
    NotExecutable(PathBuf),
    #[error("{}: user {user} may not execute it", path.display())]
    NotPermitted { path: PathBuf, user: String },
    #[error("{}: neither a program nor a script with a first line #!/bin/sh or the like", .0.display())]
    NoFormat(PathBuf),
    #[error("refused to run as root: {} can be written by others than root ({why})", path.display())]
    Unsafe { path: PathBuf, why: Unsafe },
    #[error("cannot become user {user}")]
    Privileges { user: String, source: io::Error },
    #[error("{}: cannot be started", path.display())]
    Start { path: PathBuf, source: io::Error },
    #[error("its output cannot be read")]
    Output(#[source] io::Error),
    #[error("starting it has panicked")]
    Panicked,
}
