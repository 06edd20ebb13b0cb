//! What daemon and kernel share: the maps, by name, key and value.
//!
//! Every value is plain old data in a fixed layout, described by BTF, so that `bpftool map dump` shows it under the
//! field names of this file. A change of layout changes [`LAYOUT_VERSION`] and with it the directory of the pins.
//!
//! Who writes what: the daemon writes everything except the fields under "written by XDP" in [`Router`], the
//! [`Counters`] and the events. Words that one side reads while the other writes them are single aligned `u64`s or
//! are invalidated first (see [`Expected`]). Addresses are 16 bytes, an IPv4 address as `::ffff:a.b.c.d`.

pub mod guard;
mod told;

use core::net::{IpAddr, Ipv6Addr};
pub use told::{RouterEntry, Seen};

use bytemuck::{Pod, Zeroable};

use crate::{
    lease::Lease,
    time::Time,
    types::{AdvertInterval, Family, Vrid},
};

/// Changes with every change of a layout below. Part of the path of the pins.
pub const LAYOUT_VERSION: u32 = 1;

/// Entries of the arrays that are indexed by [`slot`].
pub const SLOTS: usize = 512;

/// Most virtual addresses on one interface: 255 routers with 255 addresses each, in IPv4, fit.
pub const MAX_VIPS: usize = 65_536;

/// Most unicast peers on one interface: 254 of each of 255 routers fit.
pub const MAX_PEERS: usize = 65_536;

/// Bytes of the ring of events, per interface: an advert of every router with up to 200 addresses each, two with up to 70, seven
/// with up to 15.
pub const EVENTS_BYTES: usize = 256 * 1024;

/// Names of maps and programs in the object, and of their pins.
pub mod name {
    /// `Array<Router, SLOTS>`, mapped into the daemon's memory.
    pub const ROUTERS: &str = "ROUTERS";
    /// `Array<Expected, SLOTS>`, mapped into the daemon's memory.
    pub const EXPECTED: &str = "EXPECTED";
    /// `Array<Interface, 1>`, mapped into the daemon's memory.
    pub const INTERFACE: &str = "INTERFACE";
    /// `HashMap<Vip, VipOwner, MAX_VIPS>`.
    pub const VIPS: &str = "VIPS";
    /// `HashMap<Peer, PeerTtl, MAX_PEERS>`.
    pub const PEERS: &str = "PEERS";
    /// `Array<NearVip, NEAR_VIP_ENTRIES>`, mapped into the daemon's memory.
    pub const NEAR_VIPS: &str = "NEAR_VIPS";
    /// `PerCpuArray<Cpu, 1>`.
    pub const COUNTERS: &str = "COUNTERS";
    /// `Array<Budget, BUDGETS>`.
    pub const BUDGETS: &str = "BUDGETS";
    /// `Array<Settling, 1>`, mapped into the daemon's memory.
    pub const SETTLING: &str = "SETTLING";
    /// Ring buffer of [`Event`](super::Event)s.
    pub const EVENTS: &str = "EVENTS";
    /// The XDP program.
    pub const INGRESS: &str = "vrrp_ingress";
    /// The program at tc egress.
    pub const EGRESS: &str = "vrrp_egress";
}

/// Index of a virtual router in the arrays: its VRID, and 256 more for IPv6.
#[must_use]
pub const fn slot(family: Family, vrid: Vrid) -> u32 {
    let base = match family {
        Family::V4 => 0,
        Family::V6 => 256,
    };
    base + vrid.as_u8() as u32
}

/// The slot of addresses that no router has any more and that the kernel may still have: that of VRID 0 in IPv6, which no
/// router can have. Its role is [`role::BACKUP`] while it has any, so that its door is never open.
pub const CLOSED_SLOT: u32 = 256;

/// Values of [`Router::role`].
pub mod role {
    /// No such router is configured.
    pub const NONE: u32 = 0;
    /// Silent: ARP and traffic for it are dropped.
    pub const BACKUP: u32 = 1;
    /// Answers until the lease is over.
    pub const MASTER: u32 = 2;
}

/// The mark of a frame by which the daemon says that an address is at another host now, although the door is closed.
pub const ELSEWHERE_MARK: u32 = 0x7672_7270;

/// One virtual router, at its [`slot`]. Two cache lines: one for each writer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Router {
    /// `CLOCK_BOOTTIME` in ns. The door is open while `role` is [`role::MASTER`] and this is ahead.
    pub lease_until_ns: u64,
    /// One of [`role`].
    pub role: u32,
    /// 1..=255.
    pub vrid: u8,
    /// 4 or 6.
    pub family: u8,
    /// Priority in the last accepted advert of another master.
    pub master_priority: u8,
    /// 1: `mac` is the virtual router's own; 0: it is the interface's.
    pub use_vmac: u8,
    /// The MAC address that goes with the virtual addresses.
    pub mac: [u8; 6],
    /// Number of virtual addresses; they are in `VIPS`.
    pub vips: u16,
    /// Who sent the last accepted advert of another master.
    pub master_address: [u8; 16],
    /// When `role` was last written, `CLOCK_BOOTTIME` in ns.
    pub role_since_ns: u64,
    /// 1: packets to the virtual addresses are for this host; 0: they are dropped (RFC 9568 §6.1, Accept_Mode).
    pub accept: u8,
    /// 1: adverts come to this host alone, from those in `PEERS`; 0: to the group.
    pub unicast: u8,
    /// The interval that the advert told which granted the lease, in units of 10 ms; 0: not known. Until a changed one is
    /// here with its lease it is 0.
    pub told_centiseconds: u16,
    /// This host's own effective priority: adverts with as much or more have a budget of their own. 0: not known, and all have.
    pub priority: u8,
    /// 1: this host has asked who has the addresses: replies to it are reported as [`event::CONFLICT`] whatever the role.
    pub asking: u8,
    /// Zero.
    pub reserved: [u8; 10],

    /// Written by XDP: when the expected advert was last heard, `CLOCK_BOOTTIME` in ns.
    pub last_heard_ns: u64,
    /// Written by XDP: how many expected adverts were heard since the router was configured.
    pub heard: u64,
    /// Written by XDP: the rate limit's own clock, `CLOCK_BOOTTIME` in ns: the next advert is due then that comes neither from
    /// the present master nor with a priority as high as our own.
    pub events_due_ns: u64,
    /// Written by XDP: the same for conflicts, which must not take the adverts' share.
    pub conflicts_due_ns: u64,
    /// Written by XDP: the same for adverts of the present master, at `master_address`.
    pub master_due_ns: u64,
    /// Written by XDP: the same for adverts of others with a priority as high as our own, or higher.
    pub better_due_ns: u64,
    /// Zero.
    pub reserved_xdp: [u64; 2],
}

impl Router {
    /// The lease of a master, if it is running at `now` and can have been granted: one that reaches too far into the future
    /// was not written by a daemon.
    #[must_use]
    pub fn running_lease(&self, now: Time) -> Option<Lease> {
        let until = Time::from_nanos(self.lease_until_ns);
        let lease = Lease { until, told: AdvertInterval::again(self.told_centiseconds) };
        (self.role == role::MASTER && lease.is_running(now)).then_some(lease)
    }
}

/// The advert that needs no judgement, at the router's [`slot`], because the daemon has judged its like.
///
/// To change it the daemon first sets `length` to 0, then writes the rest, then the new length. A reader that falls
/// between sees a mixture of two accepted adverts at worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Expected {
    /// Bytes of the VRRP message, a multiple of 4 up to [`EXPECTED_BYTES`]; 0: every advert goes to the daemon.
    pub length: u32,
    /// Zero.
    pub reserved: u32,
    /// Source address.
    pub source: [u8; 16],
    /// Destination address: the group, or this host's own.
    pub destination: [u8; 16],
    /// The VRRP message; zero beyond `length`.
    pub message: [u8; EXPECTED_BYTES],
}

/// Longest message that the kernel recognises: version 3 with 62 IPv4 addresses. Longer ones all go to the daemon.
pub const EXPECTED_BYTES: usize = 256;

/// The interface that the program is attached to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Interface {
    /// The interface's own MAC address, where frames to a virtual one are turned to.
    pub mac: [u8; 6],
    /// Zero.
    pub reserved: [u8; 2],
}

/// Key of `VIPS`: a virtual address, in the byte order of the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Pod, Zeroable)]
#[repr(C)]
pub struct Vip {
    /// An IPv4 address as `::ffff:a.b.c.d`.
    pub address: [u8; 16],
}

impl Vip {
    /// The key of `address`.
    #[must_use]
    pub const fn new(address: IpAddr) -> Self {
        Self { address: address_bytes(address) }
    }
}

/// Entries of `NEAR_VIPS`.
pub const NEAR_VIP_ENTRIES: usize = 4096;

/// The IPv4 addresses of `VIPS`, at [`NearVip::index_of`] each: one load instead of a hash for most questions. Read and
/// written as one word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
#[repr(C, align(8))]
pub struct NearVip {
    /// The address, in the byte order of the wire.
    pub address: [u8; 4],
    /// The [`slot`] of its router; [`NearVip::NONE`]; [`NearVip::SEVERAL`].
    pub slot: u32,
}

impl NearVip {
    /// Value of `slot`: none of the addresses that share this entry is virtual.
    pub const NONE: u32 = 0;
    /// Value of `slot`: several of them are, look in `VIPS`.
    pub const SEVERAL: u32 = u32::MAX;

    /// Where `address` is, if it is anywhere: neighbours are in entries of their own.
    #[inline(always)]
    #[must_use]
    pub const fn index_of(address: [u8; 4]) -> u32 {
        u32::from_be_bytes(address) % NEAR_VIP_ENTRIES as u32
    }
}

/// Value of `BUDGETS`, at [`Budget::index_of`] a source: what one host may take of what a router takes in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Budget {
    /// Written by XDP: the rate limit's own clock, `CLOCK_BOOTTIME` in ns: the next advert is due then.
    pub due_ns: u64,
}

/// Entries of `BUDGETS`: as many again for adverts with a priority as high as our own, which no others can use up.
pub const BUDGETS: usize = 2 * SOURCE_BUDGETS;
const SOURCE_BUDGETS: usize = 4096;

impl Budget {
    /// Where the budget is that adverts of `source`, in the byte order of the wire, have at the router in `slot`. Some share one.
    #[inline(always)]
    #[must_use]
    pub const fn index_of(source: [u8; 4], slot: u32, better: bool) -> u32 {
        let mixed = u32::from_ne_bytes(source).wrapping_mul(0x9e37_79b1);
        let mixed = (mixed ^ (mixed >> 15) ^ slot).wrapping_mul(0x85eb_ca6b);
        (mixed >> 20) % SOURCE_BUDGETS as u32 + if better { SOURCE_BUDGETS as u32 } else { 0 }
    }
}

/// Value of `SETTLING`: what the interface has let through since the daemon began to ask, which it does when the link goes down
/// or may have come up. One look at `watched` is all that a frame costs when it does not ask.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Settling {
    /// 1: the daemon asks; 0: it does not.
    pub watched: u32,
    /// Zero.
    pub reserved: u32,
    /// Written by XDP: when the first frame was heard that only a port which forwards lets through, `CLOCK_BOOTTIME` in ns;
    /// 0: none yet.
    pub forwarded_ns: u64,
    /// Written by XDP: the same for the first frame of a spanning tree, if it came before.
    pub bpdu_ns: u64,
}

/// Counters that there is room for, so that a new [`Verdict`] changes no map.
pub const COUNTERS_ROOM: usize = 64;

/// Value of `COUNTERS`: what each processor has for itself. A map of another size was made by another version: it is made anew,
/// with the counts that it had, which come first whatever its size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Cpu {
    /// Frames by verdict.
    pub frames: Counters,
    /// Zero.
    pub reserved: [u64; COUNTERS_ROOM - Verdict::ALL.len()],
    /// When the clock was last read for a lease, `CLOCK_BOOTTIME` in ns.
    pub clock_ns: u64,
    /// The tick in which that was.
    pub clock_tick: u64,
}

/// A lease with more than this ahead, in ns, is held against the clock once a tick and not for every frame: much longer
/// than a tick takes, so that it is never found running when it is over.
pub const LEASE_AHEAD_NS: u64 = 1_000_000_000;

/// An address as the maps hold it.
#[must_use]
pub const fn address_bytes(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
        IpAddr::V6(v6) => v6.octets(),
    }
}

/// The address that [`address_bytes`] came from.
#[must_use]
pub const fn address_from_bytes(bytes: [u8; 16]) -> IpAddr {
    let v6 = Ipv6Addr::from_octets(bytes);
    match v6.to_ipv4_mapped() {
        Some(v4) => IpAddr::V4(v4),
        None => IpAddr::V6(v6),
    }
}

/// Value of `VIPS`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct VipOwner {
    /// The [`slot`] of the router that has this address.
    pub slot: u32,
}

/// Key of `PEERS`: a host that a router takes adverts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Pod, Zeroable)]
#[repr(C)]
pub struct Peer {
    /// An IPv4 address as `::ffff:a.b.c.d`.
    pub address: [u8; 16],
    /// The [`slot`] of the router.
    pub slot: u32,
}

/// Value of `PEERS`: the TTL that adverts of this peer may arrive with, both bounds included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct PeerTtl {
    /// The lowest.
    pub min: u8,
    /// The highest.
    pub max: u8,
    /// Zero.
    pub reserved: [u8; 2],
}

/// Something that the daemon must judge, with the frame that brought it. In the ring it ends with the [room](EVENT_ROOMS) that
/// its frame needs.
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C)]
pub struct Event {
    /// When the frame reached XDP, `CLOCK_BOOTTIME` in ns.
    pub at_ns: u64,
    /// One of [`event`].
    pub kind: u32,
    /// The router's [`slot`].
    pub slot: u32,
    /// Bytes of the frame on the wire.
    pub frame_length: u32,
    /// Bytes of it that are in `frame`; the rest of `frame` is undefined.
    pub captured: u32,
    /// The frame from its Ethernet header on.
    pub frame: [u8; EVENT_FRAME_BYTES],
}

/// Most bytes of a frame in an [`Event`]: an untagged Ethernet frame with an MTU of 1498.
pub const EVENT_FRAME_BYTES: usize = 1512;

/// What a frame may take in the ring, in bytes, the smallest that does: adverts with up to 15 addresses, up to 70, up to 200, and
/// any.
pub const EVENT_ROOMS: [usize; 4] = [104, 328, 848, EVENT_FRAME_BYTES];

impl Event {
    /// Bytes before the frame.
    pub const HEAD_BYTES: usize = size_of::<Self>() - EVENT_FRAME_BYTES;

    /// What is in the ring, if it is of one of the sizes that are written there.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let room = bytes.len().checked_sub(Self::HEAD_BYTES)?;
        let mut event = EVENT_ROOMS.contains(&room).then(Self::zeroed)?;
        bytemuck::bytes_of_mut(&mut event).get_mut(..bytes.len())?.copy_from_slice(bytes);
        event.captured = event.captured.min(room as u32);
        Some(event)
    }

    /// The captured bytes of the frame, from its Ethernet header on.
    #[must_use]
    pub fn captured_frame(&self) -> &[u8] {
        self.frame.get(..self.captured as usize).unwrap_or(&self.frame)
    }
}

/// Values of [`Event::kind`].
pub mod event {
    /// An advert that is not the expected one.
    pub const ADVERT: u32 = 1;
    /// Somebody else claims a virtual address by ARP while this host is master, or replies to this host's question.
    pub const CONFLICT: u32 = 2;
    /// The first frame that only a port which forwards lets through, since the daemon asked. It is no router's, and none of the
    /// frame is captured.
    pub const FORWARDED: u32 = 3;
    /// The first frame of a spanning tree, likewise.
    pub const BPDU: u32 = 4;
}

/// Adverts of one router, in each of the three kinds: after a burst of [`EVENTS_BURST`], one per this many ns (1,000 a second).
pub const EVENTS_PERIOD_NS: u64 = 1_000_000;
/// Adverts of one router and kind that are let through at once.
pub const EVENTS_BURST: u64 = 128;
/// Of these, adverts of one host that is not the present master: after a burst of [`SOURCE_BURST`], one per this many ns
/// (250 a second).
pub const SOURCE_PERIOD_NS: u64 = 4_000_000;
/// Adverts of one host that are let through at once.
pub const SOURCE_BURST: u64 = 32;
/// Unread bytes of the ring from which on only adverts of the present master are let through, and those with a priority as high
/// as our own.
pub const EVENTS_RESERVED_BYTES: u64 = EVENTS_BYTES as u64 / 2;
/// Conflicts about one router: after a burst of [`CONFLICTS_BURST`], one per this many ns (10 a second).
pub const CONFLICTS_PERIOD_NS: u64 = 100_000_000;
/// Conflicts about one router that are let through at once.
pub const CONFLICTS_BURST: u64 = 8;

macro_rules! verdicts {
    ($($(#[$doc:meta])* $verdict:ident $counter:ident,)*) => {
        /// What a program decided about a frame, each with its own counter. New ones come last, so that counts keep their place.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u32)]
        pub enum Verdict { $($(#[$doc])* $verdict,)* }

        impl Verdict {
            /// All of them, in the order of [`Counters`].
            pub const ALL: &'static [Self] = &[$(Self::$verdict,)*];

            /// The name of its counter.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$verdict => stringify!($counter),)* }
            }
        }

        /// Frames by verdict, one `u64` for each [`Verdict`] in its order.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
        #[repr(C)]
        pub struct Counters { $($(#[$doc])* pub $counter: u64,)* }

        impl Counters {
            /// The counter of one verdict.
            #[must_use]
            pub const fn of(&self, verdict: Verdict) -> u64 {
                match verdict { $(Verdict::$verdict => self.$counter,)* }
            }
        }
    };
}

verdicts! {
    /// Not ours: passed untouched.
    NotOurs not_ours,
    /// More than two priority tags (VLAN 0) on top of each other, dropped: the kernel would look beneath them.
    TagsTooDeep tags_too_deep,
    /// ARP request for a virtual address, answered from the frame itself.
    ArpAnswered arp_answered,
    /// ARP reply to a question that this host asked as a virtual address, as master: passed, and turned to the
    /// interface's own MAC if it was for the virtual one.
    ArpAdmitted arp_admitted,
    /// ARP about a virtual address, dropped: this router is not master.
    ArpNotMaster arp_not_master,
    /// ARP about a virtual address, dropped: master, but the lease is over.
    ArpLeaseLapsed arp_lease_lapsed,
    /// ARP that claims a virtual address for another MAC while master: dropped and reported.
    ArpConflict arp_conflict,
    /// ARP that claims a virtual address for another MAC while master: dropped, too many to report.
    ArpConflictLimited arp_conflict_limited,
    /// ARP in which the virtual MAC itself claims its address while master (a peer at a handover, or a loop): dropped.
    ArpOwnClaim arp_own_claim,
    /// ARP in which the present master claims its address, while not master: passed, so that this host learns it.
    ArpMasterClaim arp_master_claim,
    /// ARP about a virtual address that is neither request nor reply, or whose sender has no MAC of one station:
    /// dropped.
    ArpMalformed arp_malformed,
    /// The advert that was expected: stamped and passed.
    AdvertExpected advert_expected,
    /// Any other advert for a router here: handed to the daemon, and passed.
    AdvertJudged advert_judged,
    /// An advert for a router here, dropped: more of them than the limit of its kind or of its source.
    AdvertLimited advert_limited,
    /// An advert for a router here, dropped: the ring of events is full.
    AdvertRingFull advert_ring_full,
    /// An advert for a VRID that is not configured: passed.
    AdvertUnknownVrid advert_unknown_vrid,
    /// A fragment of an advert, or one too short to hold a VRID: passed, and judged by nobody.
    AdvertUnreadable advert_unreadable,
    /// An advert by unicast for a router here, dropped: its sender is none of the router's peers.
    AdvertUnknownPeer advert_unknown_peer,
    /// To the virtual MAC, as master: turned to the interface's own MAC and passed.
    VmacAdmitted vmac_admitted,
    /// To the virtual MAC, dropped: not master.
    VmacNotMaster vmac_not_master,
    /// To the virtual MAC, dropped: master, but the lease is over.
    VmacLeaseLapsed vmac_lease_lapsed,
    /// IP to a virtual address at another MAC, as master: passed.
    VipAdmitted vip_admitted,
    /// IP to a virtual address at another MAC, dropped: not master.
    VipNotMaster vip_not_master,
    /// IP to a virtual address at another MAC, dropped: master, but the lease is over.
    VipLeaseLapsed vip_lease_lapsed,
    /// IP to a virtual address, as master with `accept = false`: dropped.
    VipNotAccepted vip_not_accepted,
    /// ARP that leaves with a virtual address as its sender: given the virtual MAC.
    EgressCorrected egress_corrected,
    /// ARP that wanted to leave with a virtual address as its sender, dropped: the door is closed.
    EgressDropped egress_dropped,
    /// An advert for a router here, dropped: its TTL is not 255, or not within the bounds of the peer.
    AdvertTtl advert_ttl_errors,
    /// An advert for a router here, dropped: its IP header says another version than 4, or has a wrong checksum.
    AdvertIpHeader advert_ip_header_errors,
    /// An advert for a router here, dropped: neither version 2 nor 3.
    AdvertVersion advert_version_errors,
    /// An advert for a router here, dropped: the type is not 1.
    AdvertType advert_type_errors,
    /// An advert for a router here, dropped: shorter than its own header or that of IP says.
    AdvertLength advert_length_errors,
    /// An advert for a router here, dropped: its checksum is wrong in every form.
    AdvertChecksum advert_checksum_errors,
}

#[cfg(test)]
mod tests {
    use core::mem::{align_of, offset_of, size_of};

    use super::*;

    #[test]
    fn each_writer_has_its_own_cache_line() {
        assert_eq!(size_of::<Router>(), 128);
        assert_eq!(offset_of!(Router, last_heard_ns), 64);
        assert_eq!(offset_of!(Router, told_centiseconds), 50);
    }

    #[test]
    fn layouts_are_what_version_1_says() {
        assert_eq!(LAYOUT_VERSION, 1);
        assert_eq!(size_of::<Expected>(), 296);
        assert_eq!(size_of::<Interface>(), 8);
        assert_eq!(size_of::<NearVip>(), 8);
        assert_eq!(size_of::<Event>(), 1536);
        assert_eq!(align_of::<Event>(), 8);
        assert_eq!(size_of::<Counters>(), 8 * Verdict::ALL.len());
        assert_eq!(size_of::<Cpu>(), 8 * COUNTERS_ROOM + 16);
        assert_eq!(size_of::<Budget>(), 8);
        assert_eq!(size_of::<Settling>(), 24);
    }

    /// Counts that an earlier version has left are taken for those of the same place.
    #[test]
    fn verdicts_keep_their_places() {
        let places = [
            (Verdict::NotOurs, 0),
            (Verdict::ArpAnswered, 2),
            (Verdict::AdvertExpected, 11),
            (Verdict::AdvertJudged, 12),
            (Verdict::AdvertUnknownPeer, 17),
            (Verdict::VmacAdmitted, 18),
            (Verdict::VipNotAccepted, 24),
            (Verdict::EgressDropped, 26),
            (Verdict::AdvertTtl, 27),
        ];
        for (verdict, place) in places {
            assert_eq!(verdict as usize, place, "{verdict:?}");
        }
    }

    #[test]
    fn budgets_are_spread_over_sources_and_kinds() {
        let mut seen = [0_u8; BUDGETS];
        for host in 0..1_024_u32 {
            for better in [false, true] {
                let index = Budget::index_of((0x0a00_0000 + host).to_be_bytes(), 51, better) as usize;
                assert_eq!(index >= SOURCE_BUDGETS, better, "no kind takes another's");
                seen[index] += 1;
            }
        }
        assert!(seen.iter().all(|hosts| *hosts <= 4), "neighbours share few: {:?}", seen.iter().max());
    }

    #[test]
    fn only_a_master_has_a_lease_and_only_one_that_was_granted() {
        let now = Time::from_nanos(1 << 50);
        let lease = Lease::granted(now, AdvertInterval::DEFAULT);
        let until = lease.until.as_nanos();
        let master = |lease_until_ns, told_centiseconds| Router {
            role: role::MASTER,
            lease_until_ns,
            told_centiseconds,
            ..Router::default()
        };
        assert_eq!(master(until, 100).running_lease(now), Some(lease));
        assert_eq!(
            master(until, 0).running_lease(now),
            Some(Lease { told: None, ..lease }),
            "as 0.1 wrote it"
        );
        assert_eq!(Router { role: role::BACKUP, ..master(until, 100) }.running_lease(now), None);
        for (until, told) in
            [(until + 1, 100), (u64::MAX, 0), (u64::MAX, 100), (until, 10), (now.as_nanos(), 100)]
        {
            assert_eq!(master(until, told).running_lease(now), None, "{until} {told}");
        }
    }

    #[test]
    fn slots_of_all_routers_differ_and_fit() {
        let mut seen = [false; SLOTS];
        for family in [Family::V4, Family::V6] {
            for vrid in 1..=255 {
                let slot = slot(family, Vrid::new(vrid).unwrap()) as usize;
                assert!(!core::mem::replace(&mut seen[slot], true));
            }
        }
        assert!(!seen[CLOSED_SLOT as usize], "a router can have the slot that is never open");
    }

    #[test]
    fn addresses_come_back_as_they_went_in() {
        for text in ["192.0.2.51", "2001:db8::51", "::"] {
            let address: IpAddr = text.parse().unwrap();
            assert_eq!(address_from_bytes(address_bytes(address)), address);
        }
    }
}
