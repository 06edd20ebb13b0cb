//! Asking the program what arrives after the link came up.

use std::{fmt, io, mem::offset_of, sync::atomic::Ordering};

use aya::maps::MapData;
use vrrp_common::{
    abi::{Seen, Settling},
    time::Time,
};

use crate::mapping::Mapping;

/// The map `SETTLING`.
pub struct Watch {
    settling: Mapping<Settling>,
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").field("settling", &self.settling.read(0)).finish()
    }
}

impl Watch {
    pub(crate) fn new(map: &MapData) -> io::Result<Self> {
        Ok(Self { settling: Mapping::new(map, 1)? })
    }

    /// Asks anew: what was seen before is forgotten.
    pub fn start(&mut self) {
        let stamp = |offset| self.settling.u64(0, offset);
        stamp(offset_of!(Settling, bpdu_ns)).store(0, Ordering::Relaxed);
        stamp(offset_of!(Settling, forwarded_ns)).store(0, Ordering::Release);
        self.settling.u32(0, offset_of!(Settling, watched)).store(1, Ordering::Release);
    }

    /// Asks no more, so that no frame is looked at for it.
    pub fn stop(&mut self) {
        self.settling.u32(0, offset_of!(Settling, watched)).store(0, Ordering::Release);
    }

    /// Tells what has arrived since the start.
    #[must_use]
    pub fn seen(&self) -> Seen {
        let stamp = |offset| {
            let at = self.settling.u64(0, offset).load(Ordering::Acquire);
            (at != 0).then_some(Time::from_nanos(at))
        };
        Seen {
            forwarded: stamp(offset_of!(Settling, forwarded_ns)),
            bpdu: stamp(offset_of!(Settling, bpdu_ns)),
        }
    }
}
