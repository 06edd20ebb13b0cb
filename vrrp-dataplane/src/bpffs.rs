//! The BPF file system, which holds the pins.

use std::path::Path;

use tracing::info;

use crate::{error::AttachError, sys};

/// Directory of the BPF file system.
pub(crate) const BPFFS: &str = "/sys/fs/bpf";
/// Magic number of that file system, as statfs(2) gives it.
const BPFFS_MAGIC: u64 = 0xcafe_4a11;

/// Sees to it that there is a BPF file system, in this thread's mount namespace.
pub(crate) fn ensure() -> Result<(), AttachError> {
    let dir = Path::new(BPFFS);
    if is_bpffs(dir) {
        return Ok(());
    }
    sys::mount_bpffs(dir).map_err(|source| AttachError::NoBpfFs { dir: dir.into(), source })?;
    info!(path = %dir.display(), "mounted the BPF file system");
    Ok(())
}

pub(crate) fn is_bpffs(dir: &Path) -> bool {
    rustix::fs::statfs(dir).is_ok_and(|fs| fs.f_type as u64 & 0xffff_ffff == BPFFS_MAGIC)
}
