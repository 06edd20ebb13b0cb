//! `cargo xtask build`.

use crate::{setup, setup::Scope};

/// Builds the daemon and prints the path of the one file there is to copy.
pub(crate) fn command(release: bool) -> anyhow::Result<()> {
    let cargo = setup::ensure(Scope::Build)?;
    println!("{}", cargo.build_daemon(release)?.display());
    Ok(())
}
