//! `cargo xtask run`.

use std::{ffi::OsString, io, os::unix::process::CommandExt as _, path::Path, process::Command};

use anyhow::{Context as _, bail};

use crate::setup::{self, Scope};

/// The lab without arguments, the daemon itself with them.
///
/// Always the optimised build: what is to be seen is measured in microseconds.
pub(crate) fn command(arguments: &[OsString]) -> anyhow::Result<()> {
    if !setup::is_root() {
        bail!("namespaces and XDP need root. Type\n\n  {}", setup::as_root(&task(arguments)));
    }
    let daemon = setup::ensure(Scope::Run)?.build_daemon(true)?;
    if arguments.is_empty() { lab(&daemon) } else { become_daemon(&daemon, arguments) }
}

/// What was typed after `cargo xtask`.
fn task(arguments: &[OsString]) -> String {
    let separator = (!arguments.is_empty()).then_some("--".into());
    let words = separator.into_iter().chain(arguments.iter().map(|word| word.to_string_lossy()));
    std::iter::once("run".into()).chain(words).collect::<Vec<_>>().join(" ")
}

fn lab(daemon: &Path) -> anyhow::Result<()> {
    ::tests::demo::run(daemon, &mut io::stdout().lock())
}

/// Replaces this process, so that signals and the exit code are the daemon's.
fn become_daemon(daemon: &Path, arguments: &[OsString]) -> anyhow::Result<()> {
    let error = Command::new(daemon).args(arguments).exec();
    Err(error).with_context(|| format!("cannot start {}", daemon.display()))
}

#[cfg(test)]
mod tests {
    use super::task;

    #[test]
    fn what_was_typed_is_repeated() {
        assert_eq!(task(&[]), "run");
        assert_eq!(task(&["--iface".into(), "eth0".into()]), "run -- --iface eth0");
    }
}
