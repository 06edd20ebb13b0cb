//! What XDP has and does on one interface, and the sockets of the daemon on it: a model of what the daemon that ships has in the
//! kernel. It outlives the daemon.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    io,
    net::{IpAddr, Ipv4Addr},
    rc::Rc,
    time::Duration,
};

use vrrp_common::{
    abi::{self, EVENT_FRAME_BYTES, RouterEntry, Seen},
    lease::Lease,
    receive::{Advert, Peer},
    time::Time,
    types::{Mac, Priority},
    wire::{ethernet, ipv4},
};
use vrrp_engine::Plane;

use crate::cluster::Flaw;

/// Events that wait for a daemon at most, as in the real ring some 680 do. The second half is kept for adverts of the present
/// master, and for those that outrank this host.
const RING: usize = 512;

/// A virtual router in the tables.
#[derive(Debug, Default)]
struct Slot {
    entry: Option<RouterEntry>,
    master: bool,
    lease: Lease,
    expected: Option<(IpAddr, Vec<u8>)>,
    /// Of the master that was followed last.
    master_address: Option<IpAddr>,
    last_heard: Option<Time>,
    heard: u64,
    asking: bool,
    /// It has no peers here, which nobody has at home.
    is_visitor: bool,
}

#[derive(Debug)]
struct Waiting {
    frame: Vec<u8>,
    at: Time,
    kind: u32,
    slot: u32,
}

/// The data plane of one interface.
#[derive(Debug, Default)]
pub(crate) struct Kernel {
    slots: BTreeMap<u32, Slot>,
    vips: HashMap<IpAddr, u32>,
    ring: VecDeque<Waiting>,
    last_stamp: Time,
    watched: bool,
    seen: Seen,
    /// Doors are open whatever the lease.
    pub(crate) lease_ignored: bool,
    /// Nothing is read from the ring now.
    pub(crate) withheld: bool,
    /// What the daemon has sent in this turn.
    pub(crate) sent: Vec<Vec<u8>>,
    /// To one peer each.
    pub(crate) sent_to_peers: Vec<(Ipv4Addr, Vec<u8>)>,
    /// A deliberate defect.
    pub(crate) flaw: Option<Flaw>,
    /// The socket refuses whatever is sent.
    pub(crate) jammed: bool,
    /// An advert has left, and what follows on it is carried out.
    pub(crate) after_send: bool,
    /// Stores after a send, which come a moment later.
    opening: Vec<(u32, Lease)>,
}

impl Kernel {
    pub(crate) fn with_flaw(flaw: Option<Flaw>) -> Self {
        Self { flaw, ..Self::default() }
    }

    /// Stamps what is expected and queues what is not; `false` when the ring is full.
    pub(crate) fn receive(&mut self, slot: u32, frame: &[u8], privileged: bool, now: Time) -> bool {
        // No two frames have the same stamp: each takes many nanoseconds, however slow the clock is.
        let now = now.max(self.last_stamp + Duration::from_nanos(1));
        self.last_stamp = now;
        let of = self.slots.entry(slot).or_default();
        if of.recognises(frame) {
            (of.last_heard, of.heard) = (Some(now), of.heard + 1);
            return true;
        }
        let room = self.ring.len() < if privileged { RING } else { RING / 2 };
        if room {
            self.ring.push_back(Waiting { frame: frame.to_vec(), at: now, kind: abi::event::ADVERT, slot });
        }
        room
    }

    /// Hands on what claims an address of the router in `slot`, where its daemon asks for that.
    pub(crate) fn claim(&mut self, slot: u32, frame: Vec<u8>, at: Time) {
        if self.slots.get(&slot).is_some_and(|of| of.asking) {
            self.ring.push_back(Waiting { frame, at, kind: abi::event::CONFLICT, slot });
        }
    }

    /// A frame of the switch's spanning tree. Whether it is known of now.
    pub(crate) fn hear_bpdu(&mut self, at: Time) -> bool {
        if self.watched && self.seen == Seen::default() {
            self.seen.bpdu = Some(at);
            self.ring.push_back(Waiting { frame: Vec::new(), at, kind: abi::event::BPDU, slot: 0 });
        }
        self.watched && self.seen.bpdu.is_some()
    }

    /// Something that only a port which forwards lets through.
    pub(crate) fn let_through(&mut self, at: Time) {
        if self.watched && self.seen.forwarded.is_none() {
            self.seen.forwarded = Some(at);
            self.ring.push_back(Waiting { frame: Vec::new(), at, kind: abi::event::FORWARDED, slot: 0 });
        }
    }

    /// The addresses that the tables name.
    pub(crate) fn named(&self) -> impl Iterator<Item = IpAddr> {
        self.vips.keys().copied()
    }

    pub(crate) fn names(&self, address: IpAddr) -> bool {
        self.vips.contains_key(&address)
    }

    pub(crate) fn slot_of(&self, address: IpAddr) -> Option<u32> {
        self.vips.get(&address).copied()
    }

    /// The slots that hold a router, besides the closed one.
    pub(crate) fn configured(&self) -> impl Iterator<Item = u32> {
        let configured = self.slots.iter().filter(|(_, of)| of.entry.is_some());
        configured.map(|(slot, _)| *slot).filter(|slot| *slot != abi::CLOSED_SLOT)
    }

    pub(crate) fn has_events(&self) -> bool {
        !self.ring.is_empty()
    }

    /// Whether the door of that router is open. Of one that was not made known nothing is answered.
    pub(crate) fn is_open(&self, slot: u32, now: Time) -> bool {
        let of = self.slots.get(&slot).filter(|of| of.entry.is_some() && of.master);
        of.is_some_and(|of| now < of.lease.until || self.lease_ignored)
    }

    pub(crate) fn lease_until(&self, slot: u32) -> Time {
        self.slots.get(&slot).map_or(Time::BOOT, |of| of.lease.until)
    }

    /// The lease of a router that is master, running or not.
    pub(crate) fn lease_of_master(&self, slot: u32) -> Option<Lease> {
        self.slots.get(&slot).filter(|of| of.master).map(|of| of.lease)
    }

    pub(crate) fn master_address(&self, slot: u32) -> Option<IpAddr> {
        self.slots.get(&slot)?.master_address
    }

    /// Whether the router of the slot has its adverts elsewhere: nothing was ever expected here.
    pub(crate) fn is_visitor(&self, slot: u32) -> bool {
        self.slots.get(&slot).is_some_and(|of| of.is_visitor)
    }

    /// The daemon was one that wrote no interval beside its leases.
    pub(crate) fn forget_intervals(&mut self) {
        self.slots.values_mut().for_each(|of| of.lease.told = None);
    }

    /// The stores that follow a send.
    pub(crate) fn write_doors(&mut self) {
        for (slot, lease) in std::mem::take(&mut self.opening) {
            self.slots.entry(slot).or_default().open(lease);
        }
    }

    /// What was about to be stored is not: the process is gone.
    pub(crate) fn abandon(&mut self) {
        self.opening.clear();
        (self.after_send, self.jammed, self.withheld) = (false, false, false);
    }
}

impl Slot {
    fn open(&mut self, lease: Lease) {
        (self.master, self.lease) = (true, lease);
    }

    /// What it was leased for is what checkers go by.
    fn close(&mut self) {
        self.master = false;
    }

    fn recognises(&self, frame: &[u8]) -> bool {
        let Some((source, message)) = &self.expected else { return false };
        let Some((ethernet::IPV4, packet)) = ethernet::payload(frame) else { return false };
        ipv4::parse(packet).is_ok_and(|packet| {
            packet.ttl == ipv4::TTL
                && IpAddr::V4(packet.source) == *source
                && packet.payload == message.as_slice()
        })
    }
}

/// The daemon's way to the kernel of its host.
#[derive(Debug)]
pub(crate) struct SharedKernel(pub(crate) Rc<RefCell<Kernel>>);

impl SharedKernel {
    fn with<T>(&self, with: impl FnOnce(&mut Kernel) -> T) -> T {
        with(&mut self.0.borrow_mut())
    }

    fn slot<T>(&self, slot: u32, with: impl FnOnce(&mut Slot) -> T) -> T {
        with(self.0.borrow_mut().slots.entry(slot).or_default())
    }
}

impl Plane for SharedKernel {
    fn next_event(&mut self) -> Option<abi::Event> {
        self.with(|kernel| {
            if kernel.withheld {
                return None;
            }
            let Waiting { frame, at, kind, slot } = kernel.ring.pop_front()?;
            let captured = frame.len().min(EVENT_FRAME_BYTES);
            let mut bytes = [0; EVENT_FRAME_BYTES];
            bytes[..captured].copy_from_slice(&frame[..captured]);
            Some(abi::Event {
                at_ns: at.as_nanos(),
                kind,
                slot,
                frame_length: frame.len() as u32,
                captured: captured as u32,
                frame: bytes,
            })
        })
    }

    fn set_mac(&mut self, _mac: Mac) {}

    fn configure(&mut self, slot: u32, entry: &RouterEntry, now: Time) {
        self.slot(slot, |of| {
            let same = of.entry.is_some_and(|old| (old.vrid, old.family) == (entry.vrid, entry.family));
            if !same {
                *of = Slot::default();
            }
            of.entry = Some(*entry);
            if !(same && of.master && of.lease.is_running(now)) {
                of.close();
            }
        });
    }

    fn set_peers(&mut self, slot: u32, peers: &[Peer]) -> io::Result<()> {
        self.slot(slot, |of| {
            of.is_visitor = of.entry.is_some_and(|entry| entry.unicast) && peers.is_empty();
        });
        Ok(())
    }

    fn shut(&mut self, slot: u32, _now: Time) {
        self.slot(slot, Slot::close);
    }

    fn remove(&mut self, slot: u32) -> io::Result<()> {
        self.with(|kernel| {
            if kernel.flaw != Some(Flaw::SlotNotRemoved) {
                kernel.slots.remove(&slot);
            }
        });
        Ok(())
    }

    fn configured_slots(&self) -> impl Iterator<Item = u32> + '_ {
        let configured = self.with(|kernel| {
            let configured = kernel.slots.iter().filter(|(_, of)| of.entry.is_some());
            configured.map(|(slot, _)| *slot).collect::<Vec<_>>()
        });
        configured.into_iter()
    }

    fn vips(&self) -> impl Iterator<Item = IpAddr> + '_ {
        self.with(|kernel| kernel.vips.keys().copied().collect::<Vec<_>>()).into_iter()
    }

    fn assign(&mut self, wanted: &HashMap<IpAddr, u32>) -> io::Result<()> {
        self.with(|kernel| match kernel.flaw {
            Some(Flaw::LeftOverUnguarded) => {
                let guarded = wanted.iter().filter(|(_, slot)| **slot != abi::CLOSED_SLOT);
                kernel.vips = guarded.map(|(address, slot)| (*address, *slot)).collect();
            }
            Some(Flaw::AddressesNotAssigned) if !kernel.vips.is_empty() => {}
            _ => kernel.vips.clone_from(wanted),
        });
        Ok(())
    }

    fn open(&mut self, slot: u32, lease: Lease, _now: Time) {
        self.with(|kernel| {
            let slot = if kernel.flaw == Some(Flaw::DoorOfAnother) { slot ^ 1 } else { slot };
            if kernel.flaw == Some(Flaw::SecondaryDoorStaysShut) && kernel.is_visitor(slot) {
                return;
            }
            if kernel.after_send {
                kernel.opening.push((slot, lease));
            } else {
                kernel.slots.entry(slot).or_default().open(lease);
            }
        });
    }

    fn close(&mut self, slot: u32, _now: Time) {
        self.with(|kernel| {
            match kernel.flaw {
                Some(Flaw::DoorLeftOpen) => return,
                Some(Flaw::SecondaryDoorLeftOpen) if kernel.is_visitor(slot) => return,
                _ => {}
            }
            kernel.opening.retain(|(opening, _)| *opening != slot);
            kernel.slots.entry(slot).or_default().close();
        });
    }

    fn running_lease(&self, slot: u32, now: Time) -> Option<Lease> {
        self.slot(slot, |of| Some(of.lease).filter(|lease| of.master && lease.is_running(now)))
    }

    fn set_priority(&mut self, slot: u32, priority: Priority) {
        self.slot(slot, |of| {
            if let Some(entry) = &mut of.entry {
                entry.priority = priority;
            }
        });
    }

    fn set_asking(&mut self, slot: u32, asking: bool) {
        self.slot(slot, |of| of.asking = asking);
    }

    fn expect(&mut self, slot: u32, advert: &Advert, _destination: IpAddr, message: &[u8]) {
        self.slot(slot, |of| {
            of.expected = Some((advert.source, message.to_vec()));
            of.master_address = Some(advert.source);
        });
    }

    fn forget(&mut self, slot: u32) {
        self.slot(slot, |of| of.expected = None);
    }

    fn last_heard(&self, slot: u32) -> (Option<Time>, u64) {
        self.slot(slot, |of| (of.last_heard, of.heard))
    }

    fn watch(&mut self) {
        self.with(|kernel| (kernel.watched, kernel.seen) = (true, Seen::default()));
    }

    fn unwatch(&mut self) {
        self.with(|kernel| kernel.watched = false);
    }

    fn seen(&self) -> Seen {
        self.with(|kernel| kernel.seen)
    }

    fn counters(&self) -> Option<abi::Counters> {
        None
    }

    fn accept(&mut self, _mac: Mac) -> io::Result<()> {
        Ok(())
    }

    fn retain(&mut self, _macs: &BTreeSet<Mac>) -> io::Result<()> {
        Ok(())
    }

    fn send<'a>(&mut self, frames: impl Iterator<Item = &'a [u8]>) -> io::Result<usize> {
        self.with(|kernel| {
            if kernel.jammed {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            let before = kernel.sent.len();
            kernel.sent.extend(frames.map(<[u8]>::to_vec));
            let count = kernel.sent.len() - before;
            if kernel.flaw == Some(Flaw::LastOfBatchLost) && count > 1 {
                kernel.sent.pop();
            }
            Ok(count)
        })
    }

    fn send_past_the_door<'a>(&mut self, frames: impl Iterator<Item = &'a [u8]>) -> io::Result<usize> {
        Ok(frames.count())
    }

    fn send_to_peers(&mut self, packets: &[(Ipv4Addr, Vec<u8>)]) -> io::Result<usize> {
        self.with(|kernel| {
            let left_out = usize::from(kernel.flaw == Some(Flaw::PeerNotSentTo));
            let sent = packets.iter().take(packets.len().saturating_sub(left_out));
            kernel.sent_to_peers.extend(sent.cloned());
        });
        Ok(packets.len())
    }
}
