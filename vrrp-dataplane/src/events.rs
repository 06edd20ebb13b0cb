//! The ring of events, as the protocol thread reads it.

use std::{
    fmt,
    os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd},
};

use aya::maps::{Map, MapData, MapError, RingBuf};
use vrrp_common::abi::Event;

/// Events of one interface, in the order in which they happened on each CPU. Readable when there is one; drain it
/// before waiting again, because readiness is announced only to a reader that had caught up.
pub struct Events {
    ring: RingBuf<MapData>,
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events").finish_non_exhaustive()
    }
}

impl Events {
    pub(crate) fn new(ring: Map) -> Result<Self, MapError> {
        Ok(Self { ring: RingBuf::try_from(ring)? })
    }

    /// The oldest event that was not taken yet, without waiting. It has left the ring.
    pub fn next_event(&mut self) -> Option<Event> {
        let item = self.ring.next()?;
        let event = Event::read(&item);
        // The program writes nothing else.
        debug_assert!(event.is_some(), "{} bytes", item.len());
        event
    }
}

impl AsFd for Events {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.ring.as_fd()
    }
}

impl AsRawFd for Events {
    fn as_raw_fd(&self) -> RawFd {
        self.ring.as_raw_fd()
    }
}
