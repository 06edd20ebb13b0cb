//! The maps, behind what is done with them. Nothing else in the program knows how they are laid out.

mod watch;

use core::{mem::offset_of, ptr};

use aya_ebpf::{
    bindings::{BPF_F_MMAPABLE, BPF_F_NO_PREALLOC, BPF_RB_AVAIL_DATA},
    btf_maps::{Array, HashMap, PerCpuArray, RingBuf},
    helpers::generated::bpf_ringbuf_query,
    macros::btf_map,
    maps::ring_buf::RingBufEntry,
};
use vrrp_common::{
    abi::{
        self, BUDGETS as BUDGET_ENTRIES, Budget, EVENTS_BYTES, EXPECTED_BYTES, Event, Expected, Interface,
        MAX_PEERS, MAX_VIPS, NEAR_VIP_ENTRIES, NearVip, Peer, PeerTtl, SLOTS, Settling, Verdict, Vip,
        VipOwner, role,
    },
    types::{Family, Vrid},
};

pub(crate) use self::watch::Watch;
use crate::packet::Mac;

const MAPPED: usize = BPF_F_MMAPABLE as usize;
const ON_DEMAND: usize = BPF_F_NO_PREALLOC as usize;

#[btf_map]
static ROUTERS: Array<abi::Router, SLOTS, MAPPED> = Array::new();
#[btf_map]
static EXPECTED: Array<Expected, SLOTS, MAPPED> = Array::new();
#[btf_map]
static INTERFACE: Array<Interface, 1, MAPPED> = Array::new();
#[btf_map]
static VIPS: HashMap<Vip, VipOwner, MAX_VIPS, ON_DEMAND> = HashMap::new();
#[btf_map]
static PEERS: HashMap<Peer, PeerTtl, MAX_PEERS, ON_DEMAND> = HashMap::new();
#[btf_map]
static NEAR_VIPS: Array<NearVip, NEAR_VIP_ENTRIES, MAPPED> = Array::new();
#[btf_map]
static COUNTERS: PerCpuArray<abi::Cpu, 1> = PerCpuArray::new();
#[btf_map]
static BUDGETS: Array<Budget, BUDGET_ENTRIES> = Array::new();
#[btf_map]
static SETTLING: Array<Settling, 1, MAPPED> = Array::new();
// `()`, because libbpf refuses an object whose ring has values with a size.
#[btf_map]
static EVENTS: RingBuf<(), EVENTS_BYTES> = RingBuf::new();

/// What this processor has for itself. Programs run to their end on one, and one after the other.
#[derive(Clone, Copy)]
pub(crate) struct Cpu {
    entry: *mut abi::Cpu,
}

impl Cpu {
    /// Always there, which the verifier does not know.
    #[inline(always)]
    pub(crate) fn this() -> Option<Self> {
        Some(Self { entry: COUNTERS.get_ptr_mut(0)? })
    }

    /// Counts a frame under its verdict.
    #[inline(always)]
    pub(crate) fn count(self, verdict: Verdict) {
        const { assert!(offset_of!(abi::Cpu, frames) == 0) };
        let index = verdict as usize;
        if index < Verdict::ALL.len() {
            // SAFETY: `Counters` is one `u64` for each verdict, of this processor alone.
            unsafe { *self.entry.cast::<u64>().add(index) += 1 };
        }
    }

    /// The clock as it was last read for a lease, if that was in this tick.
    #[inline(always)]
    pub(crate) fn clock_in(self, tick: u64) -> Option<u64> {
        // SAFETY: an entry of an array, which lives as long as the program.
        let (clock_tick, clock_ns) = unsafe { ((*self.entry).clock_tick, (*self.entry).clock_ns) };
        (clock_tick == tick).then_some(clock_ns)
    }

    /// The clock was read in this tick, or in one after it.
    #[inline(always)]
    pub(crate) fn set_clock(self, tick: u64, now: u64) {
        // SAFETY: as in `clock_in`.
        unsafe {
            (*self.entry).clock_ns = now;
            (*self.entry).clock_tick = tick;
        }
    }
}

/// An [`Event`] as long as its frame needs.
#[repr(C, align(8))]
pub(crate) struct EventWith<const ROOM: usize> {
    _bytes: [u8; Event::HEAD_BYTES],
    _frame: [u8; ROOM],
}

/// A place in the ring for one event; `None` when it is full.
#[inline(always)]
pub(crate) fn reserve_event<const ROOM: usize>() -> Option<RingBufEntry<EventWith<ROOM>>> {
    EVENTS.reserve_untyped::<EventWith<ROOM>>(0)
}

/// Tells the daemon something that is no router's. When the ring is full it finds out by itself, at its next deadline.
#[inline(always)]
pub(crate) fn signal(kind: u32, now: u64) {
    let Some(mut entry) = reserve_event::<{ abi::EVENT_ROOMS[0] }>() else { return };
    let event: *mut Event = entry.as_mut_ptr().cast();
    // SAFETY: the reserved entry is an `Event`, of which the frame may stay as it is.
    unsafe {
        (&raw mut (*event).at_ns).write(now);
        (&raw mut (*event).kind).write(kind);
        (&raw mut (*event).slot).write(0);
        (&raw mut (*event).frame_length).write(0);
        (&raw mut (*event).captured).write(0);
    }
    entry.submit(0);
}

/// Whether there is room in the ring for adverts that nobody waits for.
#[inline(always)]
pub(crate) fn has_room_for_others() -> bool {
    // SAFETY: the map, which is nowhere but in the kernel.
    let unread =
        unsafe { bpf_ringbuf_query((&raw const EVENTS).cast_mut().cast(), BPF_RB_AVAIL_DATA.into()) };
    unread < abi::EVENTS_RESERVED_BYTES
}

/// `::ffff:a.b.c.d`, its third word.
const MAPPED_V4: u32 = 0xffff_u32.to_be();

/// A [`Vip`] as the stack must hold it: its bytes would be filled by a call of `memset`, which libbpf refuses, or by
/// unaligned stores, which the verifier does.
#[repr(C, align(8))]
struct VipWords([u32; 4]);

/// The interface's own hardware address.
#[inline(always)]
pub(crate) fn interface_mac() -> Option<Mac> {
    let interface = INTERFACE.get_ptr(0)?;
    // SAFETY: an entry of an array, which lives as long as the program.
    Some(Mac::from_bytes(unsafe { (*interface).mac }))
}

/// Whether a frame to `destination` is for this host, in the name of `router` or in its own, or for all.
#[inline(always)]
pub(crate) fn is_here(destination: Mac, router: Router) -> bool {
    destination.is_group() || destination == router.mac() || Some(destination) == interface_mac()
}

/// The router that has an IPv4 address, in the byte order of the wire. One load says no to most, and yes to most.
#[inline(always)]
pub(crate) fn owner_of(address: [u8; 4]) -> Option<(u32, Router)> {
    let near = NEAR_VIPS.get_ptr(NearVip::index_of(address))?;
    // SAFETY: an entry of an array, which lives as long as the program; the daemon writes it as one word.
    let near = unsafe { ptr::read_volatile(near.cast::<u64>()) };
    let slot = (near >> 32) as u32;
    let slot = match slot {
        NearVip::NONE => return None,
        NearVip::SEVERAL => owner_among_several(address)?,
        _ if near as u32 == u32::from_ne_bytes(address) => slot,
        _ => return None,
    };
    Some((slot, Router::at(slot)?))
}

#[inline(always)]
fn owner_among_several(address: [u8; 4]) -> Option<u32> {
    let words = VipWords([0, 0, MAPPED_V4, u32::from_ne_bytes(address)]);
    // SAFETY: both are sixteen plain bytes, and a `Vip` has no alignment.
    let vip: &Vip = unsafe { &*ptr::from_ref(&words).cast() };
    // SAFETY: the map keeps a removed entry until the program has ended: it is not preallocated.
    Some(unsafe { VIPS.get(vip) }?.slot)
}

/// A [`Peer`] as the stack must hold it; see [`VipWords`].
#[repr(C, align(8))]
struct PeerWords([u32; 5]);

/// What a router demands of adverts from an IPv4 address, if that is one of its peers.
#[inline(always)]
pub(crate) fn peer(slot: u32, address: [u8; 4]) -> Option<PeerTtl> {
    const { assert!(offset_of!(Peer, slot) == 16) };
    let words = PeerWords([0, 0, MAPPED_V4, u32::from_ne_bytes(address), slot]);
    // SAFETY: both are twenty plain bytes, and `PeerWords` is aligned as a `Peer` must be.
    let key: &Peer = unsafe { &*ptr::from_ref(&words).cast() };
    // SAFETY: the map keeps a removed entry until the program has ended: it is not preallocated.
    unsafe { PEERS.get(key) }.copied()
}

/// One configured router.
#[derive(Clone, Copy)]
pub(crate) struct Router {
    entry: *mut abi::Router,
}

impl Router {
    /// The router in `slot`, if there is one.
    #[inline(always)]
    pub(crate) fn at(slot: u32) -> Option<Self> {
        let router = Self { entry: ROUTERS.get_ptr_mut(slot)? };
        (router.role() != role::NONE).then_some(router)
    }

    /// The router of `family` with this VRID, and its slot.
    #[inline(always)]
    pub(crate) fn with_vrid(family: Family, vrid: u8) -> Option<(u32, Self)> {
        let slot = abi::slot(family, Vrid::new(vrid)?);
        Some((slot, Self::at(slot)?))
    }

    #[inline(always)]
    pub(crate) fn role(self) -> u32 {
        // SAFETY: `entry` is an entry of an array; the daemon writes this word whole.
        unsafe { ptr::read_volatile(&raw const (*self.entry).role) }
    }

    #[inline(always)]
    pub(crate) fn lease_until_ns(self) -> u64 {
        // SAFETY: as in `role`.
        unsafe { ptr::read_volatile(&raw const (*self.entry).lease_until_ns) }
    }

    /// What goes with the virtual addresses.
    #[inline(always)]
    pub(crate) fn mac(self) -> Mac {
        // SAFETY: as in `role`; it does not change while the router is configured.
        Mac::from_bytes(unsafe { (*self.entry).mac })
    }

    #[inline(always)]
    pub(crate) fn uses_virtual_mac(self) -> bool {
        // SAFETY: as in `mac`.
        unsafe { (*self.entry).use_vmac != 0 }
    }

    #[inline(always)]
    pub(crate) fn accepts(self) -> bool {
        // SAFETY: as in `mac`.
        unsafe { (*self.entry).accept != 0 }
    }

    /// Whether adverts come from peers, to this host alone.
    #[inline(always)]
    pub(crate) fn has_peers(self) -> bool {
        // SAFETY: as in `mac`.
        unsafe { (*self.entry).unicast != 0 }
    }

    /// Whether this host has asked who has the addresses.
    #[inline(always)]
    pub(crate) fn is_asking(self) -> bool {
        // SAFETY: as in `role`, and a byte.
        unsafe { ptr::read_volatile(&raw const (*self.entry).asking) != 0 }
    }

    /// The expected advert was heard.
    #[inline(always)]
    pub(crate) fn stamp(self, now: u64) {
        // SAFETY: as in `role`, for words that only XDP writes. Two CPUs at once may lose one count, never a stamp.
        unsafe {
            ptr::write_volatile(&raw mut (*self.entry).last_heard_ns, now);
            let heard = ptr::read_volatile(&raw const (*self.entry).heard);
            ptr::write_volatile(&raw mut (*self.entry).heard, heard + 1);
        }
    }

    /// Where the master sends from that was followed last, of an IPv4 router, as it is on the wire.
    #[inline(always)]
    pub(crate) fn master_v4(self) -> u32 {
        // SAFETY: as in `role`; the last four of 16 bytes that are aligned to eight.
        unsafe { ptr::read_volatile((&raw const (*self.entry).master_address).cast::<u32>().add(3)) }
    }

    /// This host's own priority.
    #[inline(always)]
    pub(crate) fn priority(self) -> u8 {
        // SAFETY: as in `role`, and a byte.
        unsafe { ptr::read_volatile(&raw const (*self.entry).priority) }
    }

    /// Whether one more advert of this router may go to the daemon now.
    #[inline(always)]
    pub(crate) fn may_report_advert(self, sender: Sender, now: u64) -> bool {
        // SAFETY: as in `stamp`.
        let due = unsafe {
            match sender {
                Sender::Master => &raw mut (*self.entry).master_due_ns,
                Sender::Better => &raw mut (*self.entry).better_due_ns,
                Sender::Other => &raw mut (*self.entry).events_due_ns,
            }
        };
        within_rate(due, now, abi::EVENTS_PERIOD_NS, abi::EVENTS_BURST)
    }

    /// Whether one more conflict about this router may go to the daemon now.
    #[inline(always)]
    pub(crate) fn may_report_conflict(self, now: u64) -> bool {
        // SAFETY: as in `stamp`.
        let due = unsafe { &raw mut (*self.entry).conflicts_due_ns };
        within_rate(due, now, abi::CONFLICTS_PERIOD_NS, abi::CONFLICTS_BURST)
    }
}

/// Who sends an advert, as far as the program can tell.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sender {
    /// The present master, by its address.
    Master,
    /// Another one, with a priority as high as our own: if it has the right, it is to be heard at once.
    Better,
    /// Any other.
    Other,
}

/// Whether one more advert of this host for the router in `slot` may be looked at now. That of the present master always may.
#[inline(always)]
pub(crate) fn has_budget(source: [u8; 4], slot: u32, sender: Sender, now: u64) -> bool {
    if sender == Sender::Master {
        return true;
    }
    let Some(budget) = BUDGETS.get_ptr_mut(Budget::index_of(source, slot, sender == Sender::Better)) else {
        return false;
    };
    // SAFETY: an entry of an array, which lives as long as the program.
    let due = unsafe { &raw mut (*budget).due_ns };
    within_rate(due, now, abi::SOURCE_PERIOD_NS, abi::SOURCE_BURST)
}

/// One event per `period` after a burst, by one word that says when the next is due. Two CPUs at once may let one
/// more through.
#[inline(always)]
fn within_rate(due: *mut u64, now: u64, period: u64, burst: u64) -> bool {
    // SAFETY: the callers' words are in an entry of an array, aligned, and only XDP writes them.
    let next = unsafe { ptr::read_volatile(due) };
    // One that is later than this function writes it would shut the gate for ever.
    let next = if next > now && next - now <= period * (burst + 1) { next } else { now };
    if next - now >= period * burst {
        return false;
    }
    // SAFETY: as above.
    unsafe { ptr::write_volatile(due, next + period) };
    true
}

/// The advert that needs no judgement.
#[derive(Clone, Copy)]
pub(crate) struct ExpectedAdvert {
    entry: *const Expected,
}

impl ExpectedAdvert {
    #[inline(always)]
    pub(crate) fn at(slot: u32) -> Option<Self> {
        Some(Self { entry: EXPECTED.get_ptr(slot)? })
    }

    /// Bytes of the message; 0 when none is expected.
    #[inline(always)]
    pub(crate) fn length(self) -> usize {
        // SAFETY: `entry` is an entry of an array; the daemon writes this word whole.
        unsafe { ptr::read_volatile(&raw const (*self.entry).length) as usize }
    }

    /// The source, of an IPv4 advert, as it is on the wire.
    #[inline(always)]
    pub(crate) fn source_v4(self) -> u32 {
        // SAFETY: as in `length`; the last four of 16 bytes that are aligned to eight.
        unsafe { ptr::read_volatile((&raw const (*self.entry).source).cast::<u32>().add(3)) }
    }

    /// The destination, likewise.
    #[inline(always)]
    pub(crate) fn destination_v4(self) -> u32 {
        // SAFETY: as in `source_v4`.
        unsafe { ptr::read_volatile((&raw const (*self.entry).destination).cast::<u32>().add(3)) }
    }

    /// The `index`-th four bytes of the message.
    #[inline(always)]
    pub(crate) fn word(self, index: usize) -> u32 {
        const { assert!(offset_of!(Expected, message).is_multiple_of(4)) };
        // SAFETY: as in `length`; the index is below the bound.
        unsafe {
            ptr::read_volatile(
                (&raw const (*self.entry).message).cast::<u32>().add(index % (EXPECTED_BYTES / 4)),
            )
        }
    }
}
