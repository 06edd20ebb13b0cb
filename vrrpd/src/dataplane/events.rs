//! The ring of events, as the protocol thread reads it.

use std::{
    fmt,
    ops::Deref,
    os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd},
};

use aya::maps::{Map, MapData, MapError, RingBuf, ring_buf::RingBufItem};
use vrrp_common::abi::{EVENT_FRAME_BYTES, Event};

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
    pub(super) fn new(ring: Map) -> Result<Self, MapError> {
        Ok(Self { ring: RingBuf::try_from(ring)? })
    }

    /// The oldest event that was not taken yet, without waiting.
    pub fn next_event(&mut self) -> Option<Received<'_>> {
        let item = self.ring.next()?;
        // The program writes nothing else.
        debug_assert_eq!(item.len(), size_of::<Event>());
        (item.len() == size_of::<Event>()).then_some(Received { item })
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

/// One event, in the ring until this is dropped.
pub struct Received<'a> {
    item: RingBufItem<'a>,
}

impl Received<'_> {
    /// The captured bytes of the frame, from its Ethernet header on.
    #[must_use]
    pub fn frame(&self) -> &[u8] {
        let captured = (self.captured as usize).min(EVENT_FRAME_BYTES);
        self.frame.get(..captured).unwrap_or_default()
    }
}

impl Deref for Received<'_> {
    type Target = Event;

    fn deref(&self) -> &Event {
        // Checked in `next_event`; the kernel aligns entries to eight bytes.
        bytemuck::from_bytes(&self.item)
    }
}

impl fmt::Debug for Received<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Received")
            .field("at_ns", &self.at_ns)
            .field("kind", &self.kind)
            .field("slot", &self.slot)
            .field("frame", &self.frame())
            .finish()
    }
}
