//! What the daemon asks about an interface whose link may have come up.

use core::ptr;

use vrrp_common::abi::Settling;

use super::SETTLING;

/// What the daemon asks about the interface.
#[derive(Clone, Copy)]
pub(crate) struct Watch {
    entry: *mut Settling,
}

impl Watch {
    /// While the daemon asks, and a port that forwards has not shown itself.
    #[inline(always)]
    pub(crate) fn running() -> Option<Self> {
        let entry = SETTLING.get_ptr_mut(0)?;
        // SAFETY: an entry of an array, which lives as long as the program; the daemon writes this word whole.
        if unsafe { ptr::read_volatile(&raw const (*entry).watched) } == 0 {
            return None;
        }
        // SAFETY: as above, for a word that XDP writes.
        (unsafe { ptr::read_volatile(&raw const (*entry).forwarded_ns) } == 0).then_some(Self { entry })
    }

    /// A frame was heard that only a port which forwards lets through. Two CPUs at once may both be the first.
    #[inline(always)]
    pub(crate) fn forwarded(self, now: u64) {
        // SAFETY: as in `running`.
        unsafe { ptr::write_volatile(&raw mut (*self.entry).forwarded_ns, now) };
    }

    /// A frame of a spanning tree was heard. Whether it is the first.
    #[inline(always)]
    pub(crate) fn bpdu(self, now: u64) -> bool {
        // SAFETY: as in `running`.
        let word = unsafe { &raw mut (*self.entry).bpdu_ns };
        // SAFETY: as in `running`.
        let first = unsafe { ptr::read_volatile(word) } == 0;
        if first {
            // SAFETY: as in `running`.
            unsafe { ptr::write_volatile(word, now) };
        }
        first
    }
}
