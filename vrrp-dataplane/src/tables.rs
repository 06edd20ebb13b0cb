//! The maps as the protocol thread uses them: plain stores and loads in shared memory for all that is urgent.
//!
//! Owns every word that [`vrrp_common::abi`] says the daemon writes. Knows no protocol: it is told who is master.

use std::{
    collections::{HashMap, HashSet},
    fmt, io,
    mem::offset_of,
    net::IpAddr,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use aya::maps::{Map, MapData, MapError, PerCpuArray, PerCpuValues};
use vrrp_common::{
    abi::{
        self, COUNTERS_ROOM, Counters, Cpu, EXPECTED_BYTES, Expected, Interface, PeerTtl, Router,
        RouterEntry, SLOTS, Seen, Verdict, Vip, role,
    },
    lease::Lease,
    receive::{Advert, Peer},
    time::Time,
    types::{AdvertInterval, Mac, Priority},
};

use crate::{
    mapping::Mapping,
    near::{NearVips, recognise},
    watch::Watch,
};

/// Value of `COUNTERS`, as plain as aya wants it.
type CpuWords = [u64; size_of::<Cpu>() / 8];

/// Key and value of `VIPS`, as plain as aya wants them.
type Vips = aya::maps::HashMap<MapData, [u8; 16], u32>;
/// Key and value of `PEERS`, as plain as aya wants them.
type Peers = aya::maps::HashMap<MapData, [u8; 20], [u8; 4]>;

/// A stamp that is later than this after now was made by no clock: it would keep a master alive that is dead.
const STAMP_AHEAD: Duration = Duration::from_secs(1);

/// The maps of one interface. One owner, on one thread.
///
/// A `slot` is what [`abi::slot`] gives; one beyond [`SLOTS`] is a defect of the caller and panics.
pub struct Tables {
    routers: Mapping<Router>,
    expected: Mapping<Expected>,
    interface: Mapping<Interface>,
    near: NearVips,
    watch: Watch,
    vips: Vips,
    peers: Peers,
    counters: PerCpuArray<MapData, CpuWords>,
    /// Entries of `peers`.
    bounds: HashMap<[u8; 20], [u8; 4]>,
    /// Entries of `vips`: address to slot.
    owners: HashMap<[u8; 16], u32>,
}

impl fmt::Debug for Tables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tables").field("vips", &self.owners.len()).finish_non_exhaustive()
    }
}

impl Tables {
    /// Reads what an earlier daemon left in the maps, which have the layout of [`abi`].
    pub(crate) fn new(
        [routers, expected, interface, near, settling]: [&MapData; 5],
        [vips, peers]: [Map; 2],
        counters: Map,
    ) -> Result<Self, MapError> {
        let vips = Vips::try_from(vips)?;
        let owners: HashMap<_, _> = vips.iter().collect::<Result<_, _>>()?;
        let peers = Peers::try_from(peers)?;
        let bounds = peers.iter().collect::<Result<_, _>>()?;
        Ok(Self {
            routers: Mapping::new(routers, SLOTS)?,
            expected: Mapping::new(expected, SLOTS)?,
            interface: Mapping::new(interface, 1)?,
            near: NearVips::new(near, &owners)?,
            watch: Watch::new(settling)?,
            vips,
            peers,
            bounds,
            counters: PerCpuArray::try_from(counters)?,
            owners,
        })
    }

    /// Reads what the map says about `slot`.
    #[must_use]
    pub fn router(&self, slot: u32) -> Router {
        self.routers.read(slot)
    }

    /// Lists the slots that hold a router, in order.
    pub fn configured_slots(&self) -> impl Iterator<Item = u32> + '_ {
        (0..SLOTS as u32).filter(|&slot| self.role(slot).load(Ordering::Relaxed) != role::NONE)
    }

    /// Lists the virtual addresses with their slots, in no order.
    pub fn vips(&self) -> impl Iterator<Item = (IpAddr, u32)> + '_ {
        self.owners.iter().map(|(address, slot)| (abi::address_from_bytes(*address), *slot))
    }

    /// Makes `slot` hold `entry`. The same router keeps its role while its lease is good: that is how a restarted
    /// daemon takes over from itself, and how a reload leaves a master alone. Any other starts as backup.
    ///
    /// Returns whether the door is open.
    pub fn configure(&mut self, slot: u32, entry: &RouterEntry, now: Time) -> bool {
        let old = self.router(slot);
        let same =
            old.role != role::NONE && old.vrid == entry.vrid.as_u8() && old.family == entry.family.as_u8();
        if !same {
            self.role(slot).store(role::NONE, Ordering::Release);
            self.forget(slot);
            let fresh =
                Router { vrid: entry.vrid.as_u8(), family: entry.family.as_u8(), ..Router::default() };
            self.routers.write(slot, 0, bytemuck::bytes_of(&fresh));
        }
        let flag = |offset, value: bool| self.routers.u8(slot, offset).store(value.into(), Ordering::Relaxed);
        flag(offset_of!(Router, use_vmac), entry.use_vmac);
        flag(offset_of!(Router, accept), entry.accept);
        flag(offset_of!(Router, unicast), entry.unicast);
        self.store_mac(slot, entry.mac, if same { old.vips } else { 0 });
        self.set_priority(slot, entry.priority);

        if Time::from_nanos(old.last_heard_ns) > now + STAMP_AHEAD {
            self.routers.u64(slot, offset_of!(Router, last_heard_ns)).store(0, Ordering::Relaxed);
        }
        let open = same && old.running_lease(now).is_some();
        if !open && self.role(slot).load(Ordering::Relaxed) != role::BACKUP {
            self.close(slot, now);
        }
        open
    }

    /// Makes `slot` hold no router that could ever be master, and guard what addresses it has. Nothing but stores if it
    /// is so already.
    pub fn shut(&mut self, slot: u32, now: Time) {
        if self.role(slot).load(Ordering::Relaxed) != role::BACKUP {
            self.close(slot, now);
        }
    }

    /// Forgets the router in `slot`. An address that it still has is guarded no more: see [`assign`](Self::assign).
    ///
    /// # Errors
    ///
    /// That of the map of its peers; the router is gone in any case.
    pub fn remove(&mut self, slot: u32) -> io::Result<()> {
        // The door first: from here on the program answers no frame for it, whatever is left below.
        self.role(slot).store(role::NONE, Ordering::Release);
        self.forget(slot);
        self.set_peers(slot, &[])
    }

    /// Makes the virtual addresses those of `wanted`, each with its slot, in the map when this returns. What stays is
    /// never missing from it meanwhile, also where its slot changes.
    ///
    /// # Errors
    ///
    /// `E2BIG`: more than [`abi::MAX_VIPS`] addresses on the interface. Some may have been added. `Unsupported`: there is
    /// an IPv6 address among them, for which no program would answer or be silent; all others are assigned.
    pub fn assign(&mut self, wanted: &HashMap<IpAddr, u32>) -> io::Result<()> {
        let recognised = wanted.iter().filter(|(vip, _)| recognise(**vip).is_ok());
        self.assign_recognised(&recognised.map(|(vip, slot)| (*vip, *slot)).collect())?;
        wanted.keys().try_for_each(|vip| recognise(*vip))
    }

    fn assign_recognised(&mut self, wanted: &HashMap<IpAddr, u32>) -> io::Result<()> {
        let wanted: HashMap<[u8; 16], u32> =
            wanted.iter().map(|(&vip, &slot)| (Vip::new(vip).address, slot)).collect();
        let mut changed: HashSet<u32> = HashSet::new();
        // What comes and what moves goes before what leaves, so that an address that only changes its slot is never without
        // one, and the kernel never answers for it meanwhile.
        for (&address, &slot) in &wanted {
            if self.owners.get(&address) != Some(&slot) {
                self.vips.insert(address, slot, 0).map_err(map_error)?;
                changed.extend(self.owners.insert(address, slot));
                changed.insert(slot);
                self.near.add(address, slot);
            }
        }
        let stale = self.owners.keys().filter(|address| !wanted.contains_key(*address));
        for address in stale.copied().collect::<Vec<_>>() {
            self.vips.remove(&address).map_err(map_error)?;
            changed.extend(self.owners.remove(&address));
            self.near.remove(address);
        }
        self.count(&changed);
        Ok(())
    }

    /// Writes how many addresses each of these slots has.
    fn count(&self, slots: &HashSet<u32>) {
        let mut counts: HashMap<u32, u16> = slots.iter().map(|&slot| (slot, 0)).collect();
        for slot in self.owners.values() {
            if let Some(count) = counts.get_mut(slot) {
                *count = count.saturating_add(1);
            }
        }
        for (slot, count) in counts.into_iter().filter(|(slot, _)| (*slot as usize) < SLOTS) {
            self.store_mac(slot, Mac(self.router(slot).mac), count);
        }
    }

    /// Sets this host's own effective priority.
    pub fn set_priority(&mut self, slot: u32, priority: Priority) {
        self.routers.u8(slot, offset_of!(Router, priority)).store(priority.as_u8(), Ordering::Relaxed);
    }

    /// Sets whether replies to this host that speak as addresses of `slot` are reported whatever its role.
    pub fn set_asking(&mut self, slot: u32, asking: bool) {
        self.routers.u8(slot, offset_of!(Router, asking)).store(asking.into(), Ordering::Release);
    }

    /// Makes `peers` the hosts that adverts of `slot` are taken from.
    ///
    /// # Errors
    ///
    /// `E2BIG`: more than [`abi::MAX_PEERS`] on the interface. Some may have been added.
    pub fn set_peers(&mut self, slot: u32, peers: &[Peer]) -> io::Result<()> {
        let wanted: HashMap<[u8; 20], [u8; 4]> = peers.iter().map(|peer| peer_entry(slot, peer)).collect();
        for (key, ttl) in &wanted {
            if self.bounds.get(key) != Some(ttl) {
                self.peers.insert(key, ttl, 0).map_err(map_error)?;
                self.bounds.insert(*key, *ttl);
            }
        }
        let of_slot = |key: &&[u8; 20]| key.ends_with(&slot.to_ne_bytes());
        let stale = self.bounds.keys().filter(of_slot).filter(|key| !wanted.contains_key(*key));
        for key in stale.copied().collect::<Vec<_>>() {
            self.peers.remove(&key).map_err(map_error)?;
            self.bounds.remove(&key);
        }
        Ok(())
    }

    /// Opens the door: master for the length of `lease`, and since `now` if it was not before. Nothing but stores.
    pub fn open(&mut self, slot: u32, lease: Lease, now: Time) {
        // The lease before the role: no program finds a master whose lease was another's.
        self.renew(slot, lease);
        if self.role(slot).load(Ordering::Relaxed) != role::MASTER {
            self.store_role(slot, role::MASTER, now);
        }
    }

    /// Writes the lease of a master. Nothing but stores.
    pub fn renew(&mut self, slot: u32, lease: Lease) {
        let until = self.routers.u64(slot, offset_of!(Router, lease_until_ns));
        let told = self.routers.u16(slot, offset_of!(Router, told_centiseconds));
        let interval = lease.told.map_or(0, AdvertInterval::as_centiseconds);
        let changed = told.load(Ordering::Relaxed) != interval;
        // Who dies in between has left a lease whose interval is not known, and never one with another's.
        if changed {
            told.store(0, Ordering::Release);
        }
        until.store(lease.until.as_nanos(), Ordering::Release);
        if changed {
            told.store(interval, Ordering::Release);
        }
    }

    /// Closes the door: not master from now on. Nothing but stores.
    pub fn close(&mut self, slot: u32, now: Time) {
        // The role before the lease: a program that looks in between finds the door closed by either.
        self.store_role(slot, role::BACKUP, now);
        self.renew(slot, Lease::NONE);
    }

    /// Has adverts to `destination` like this one need no judgement any more: its like was accepted just now. A message that the kernel cannot
    /// compare, longer than [`EXPECTED_BYTES`] or no multiple of four, goes to the daemon every time.
    pub fn expect(&mut self, slot: u32, advert: &Advert, destination: IpAddr, message: &[u8]) {
        let source = abi::address_bytes(advert.source);
        self.routers.write(slot, offset_of!(Router, master_address), &source);
        self.routers
            .u8(slot, offset_of!(Router, master_priority))
            .store(advert.priority.as_u8(), Ordering::Relaxed);
        self.forget(slot);
        if message.len() > EXPECTED_BYTES || !message.len().is_multiple_of(4) {
            return;
        }
        let mut padded = [0; EXPECTED_BYTES];
        for (to, from) in padded.iter_mut().zip(message) {
            *to = *from;
        }
        self.expected.write(slot, offset_of!(Expected, source), &source);
        let destination = abi::address_bytes(destination);
        self.expected.write(slot, offset_of!(Expected, destination), &destination);
        self.expected.write(slot, offset_of!(Expected, message), &padded);
        // Last, as it says that the rest is whole: the program compares nothing while the length is 0.
        self.expected_length(slot).store(message.len() as u32, Ordering::Release);
    }

    /// Has every advert go to the daemon from now on.
    pub fn forget(&mut self, slot: u32) {
        // Sequentially consistent: nothing that is written after this is seen before it.
        self.expected_length(slot).store(0, Ordering::SeqCst);
        std::sync::atomic::fence(Ordering::SeqCst);
    }

    /// Tells when the expected advert was last heard, and how many were; `None` and 0 when none was yet.
    #[must_use]
    pub fn last_heard(&self, slot: u32) -> (Option<Time>, u64) {
        let heard = |offset| self.routers.u64(slot, offset).load(Ordering::Acquire);
        let at = heard(offset_of!(Router, last_heard_ns));
        // The program writes no stamp of 0: the clock has run since the machine was booted.
        ((at != 0).then_some(Time::from_nanos(at)), heard(offset_of!(Router, heard)))
    }

    /// Sets the interface's own MAC address, where frames to a virtual one are turned to.
    pub fn set_mac(&mut self, mac: Mac) {
        const { assert!(offset_of!(Interface, mac) == 0) };
        let [a, b, c, d, e, f] = mac.0;
        self.interface.u64(0, 0).store(u64::from_ne_bytes([a, b, c, d, e, f, 0, 0]), Ordering::Release);
    }

    /// Tells what has arrived since the watch began.
    #[must_use]
    pub fn seen(&self) -> Seen {
        self.watch.seen()
    }

    /// Gives access to what arrives here after the link came up.
    pub const fn watch(&mut self) -> &mut Watch {
        &mut self.watch
    }

    /// Counts frames by verdict since the maps were made, of all CPUs.
    ///
    /// # Errors
    ///
    /// That of the map.
    pub fn counters(&self) -> io::Result<Counters> {
        let mut sum = [0_u64; Verdict::ALL.len()];
        for cpu in self.counters.get(&0, 0).map_err(map_error)?.iter() {
            // The frames come first.
            for (sum, count) in sum.iter_mut().zip(cpu) {
                *sum = sum.wrapping_add(*count);
            }
        }
        Ok(bytemuck::cast(sum))
    }

    /// Adds what a map of another size had counted on each processor: one word for each verdict, and two that are no counts.
    pub(crate) fn add_counts(&mut self, counted: &[Vec<u64>]) -> io::Result<()> {
        let mut values = self.counters.get(&0, 0).map_err(map_error)?.to_vec();
        for (value, counted) in values.iter_mut().zip(counted) {
            let counts = counted.len().saturating_sub(size_of::<Cpu>() / 8 - COUNTERS_ROOM);
            for (sum, count) in value.iter_mut().take(COUNTERS_ROOM).zip(counted.iter().take(counts)) {
                *sum = sum.wrapping_add(*count);
            }
        }
        let values = PerCpuValues::try_from(values)?;
        self.counters.set(0, values, 0).map_err(map_error)
    }

    fn role(&self, slot: u32) -> &AtomicU32 {
        self.routers.u32(slot, offset_of!(Router, role))
    }

    fn store_role(&self, slot: u32, role: u32, now: Time) {
        self.role(slot).store(role, Ordering::Release);
        self.routers.u64(slot, offset_of!(Router, role_since_ns)).store(now.as_nanos(), Ordering::Relaxed);
    }

    fn expected_length(&self, slot: u32) -> &AtomicU32 {
        self.expected.u32(slot, offset_of!(Expected, length))
    }

    /// Writes MAC and count in one store, so that no frame is ever answered with half of one address and half of another.
    fn store_mac(&self, slot: u32, mac: Mac, vips: u16) {
        const { assert!(offset_of!(Router, vips) == offset_of!(Router, mac) + 6) };
        let [a, b, c, d, e, f] = mac.0;
        let [g, h] = vips.to_ne_bytes();
        let word = u64::from_ne_bytes([a, b, c, d, e, f, g, h]);
        self.routers.u64(slot, offset_of!(Router, mac)).store(word, Ordering::Release);
    }
}

fn peer_entry(slot: u32, peer: &Peer) -> ([u8; 20], [u8; 4]) {
    let key = abi::Peer { address: abi::address_bytes(peer.address), slot };
    let ttl = PeerTtl { min: peer.min_ttl, max: peer.max_ttl, reserved: [0; 2] };
    (bytemuck::cast(key), bytemuck::cast(ttl))
}

/// The errno that the kernel said, where it said one.
fn map_error(error: MapError) -> io::Error {
    if let MapError::SyscallError(error) = error {
        return error.io_error;
    }
    io::Error::other(error)
}
