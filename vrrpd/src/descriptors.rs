//! Number of file descriptors that the daemon may have.
//!
//! Most systems start a process with 1,024, for the sake of programs that use select(2). The daemon does not, so it
//! takes more where it may; what it starts, and the program that takes its place, begin with what it began with.

use std::sync::OnceLock;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Enough for a data plane on every interface and a script for every check of the largest configuration.
const WANTED: u64 = 16_384;

/// As it was at the start.
static FOUND: OnceLock<Rlimit> = OnceLock::new();

/// Raises the limit as far as it is useful and permitted.
pub(crate) fn raise() {
    let found = FOUND.get_or_init(|| getrlimit(Resource::Nofile));
    let wanted = found.maximum.map_or(WANTED, |maximum| maximum.min(WANTED));
    if found.current.is_some_and(|current| current < wanted)
        && let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), ..*found })
    {
        tracing::warn!(%error, "the number of open files stays limited as it was");
    }
}

/// The soft limit of the start, for a program that is started: `None` if it was not changed.
pub(crate) fn found() -> Option<Rlimit> {
    FOUND.get().copied()
}

/// Puts the limit back until what is returned is dropped.
pub(crate) fn lower() -> impl Drop {
    struct Raised;
    impl Drop for Raised {
        fn drop(&mut self) {
            raise();
        }
    }
    if let Some(found) = found() {
        // Lowering is always permitted.
        let _lowered = setrlimit(Resource::Nofile, found);
    }
    Raised
}
