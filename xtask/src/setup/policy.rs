//! Keeps Debian's packages from starting their services while they are installed.

use std::{fs, io, os::unix::fs::PermissionsExt as _, path::Path};

use anyhow::Context as _;

/// Debian asks this program before it starts a service; 101 means no.
const POLICY: &str = "/usr/sbin/policy-rc.d";

/// The last line tells ours, should an interrupted run have left it, from the machine's own.
const NO_SERVICES: &str = "#!/bin/sh\nexit 101\n# Left by `cargo xtask setup` of vrrpd; safe to remove.\n";

/// No service starts while this lives.
#[derive(Debug)]
pub(super) struct NoServices {
    /// A policy of the machine's own is left alone: whoever wrote it has decided.
    ours: bool,
}

impl NoServices {
    /// Takes effect at once.
    pub(super) fn until_dropped() -> anyhow::Result<Self> {
        remove_leftover();
        if Path::new(POLICY).exists() {
            return Ok(Self { ours: false });
        }
        let guard = Self { ours: true };
        write_policy().with_context(|| format!("cannot write {POLICY}"))?;
        Ok(guard)
    }
}

impl Drop for NoServices {
    fn drop(&mut self) {
        if self.ours {
            remove_leftover();
        }
    }
}

/// Removes our policy if it is there: an interrupted set-up must not keep the machine's services down for good.
pub(super) fn remove_leftover() {
    if fs::read(POLICY).is_ok_and(|policy| policy == NO_SERVICES.as_bytes())
        && let Err(error) = fs::remove_file(POLICY)
    {
        eprintln!("setup: cannot remove {POLICY}, which keeps services from starting: {error}");
    }
}

fn write_policy() -> io::Result<()> {
    fs::write(POLICY, NO_SERVICES)?;
    fs::set_permissions(POLICY, fs::Permissions::from_mode(0o755))
}
