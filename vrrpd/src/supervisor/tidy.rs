//! Memory that is not needed any more: to look at thousands of addresses takes megabytes, and the C library keeps them.

use std::time::Duration;

use tokio::time::Instant;

use crate::realtime;

/// For so long nothing has changed before it is done.
const CALM: Duration = Duration::from_secs(2);
/// The process must have grown by so much.
const WORTHWHILE: usize = 1 << 20;

/// Time to give memory back.
#[derive(Debug, Default)]
pub(super) struct Tidying {
    /// Since when nothing has changed, if there was anything since it was done last.
    changed: Option<Instant>,
    /// Bytes in memory after that.
    kept: usize,
}

impl Tidying {
    /// Something has changed, and memory was used for it.
    pub(super) fn changed(&mut self) {
        self.changed = Some(Instant::now());
    }

    /// Gives memory back if it is time for that and worth it.
    pub(super) fn look(&mut self) {
        let is_calm = self.changed.is_some_and(|changed| changed.elapsed() >= CALM);
        if !is_calm {
            return;
        }
        self.changed = None;
        if realtime::resident().is_some_and(|resident| resident > self.kept + WORTHWHILE) {
            realtime::tidy_up();
            self.kept = realtime::resident().unwrap_or_default();
        }
    }
}
