//! The guard of the whole host: one program at every entrance to the kernel, for the addresses that it has through this
//! daemon. Where another interface than that of the adverts could answer for them, it is as silent as the XDP program
//! is, by the same roles and leases, and after a crash too.
//!
//! Knows nothing of the protocol, and never keeps the daemon from anything: what cannot be guarded is said.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    fmt, io,
    net::IpAddr,
    os::fd::{AsFd as _, OwnedFd},
    sync::atomic::Ordering,
};

use aya::maps::{Array, ArrayOfMaps, Map, MapData, MapError, PerCpuArray};
use tracing::{debug, info, warn};
use vrrp_common::abi::{
    self, Vip,
    guard::{self, Dropped, Guarded, NO_PLANE, name},
};

use crate::{
    error::AttachError,
    filter::errno_of,
    host,
    ingress::{Entrance, Way, id_of},
    left::{self, Left},
    mapping::Mapping,
    near::recognise,
    object::{self, Linked, OBJECT},
    plane::DataPlane,
    sys,
};

/// `GUARD_PLANES` and the value of `GUARD_COUNTERS`, as aya wants them.
type Planes = ArrayOfMaps<MapData, Array<MapData, [u64; 16]>>;
/// Maps of the guard's program.
const MAPS: [&str; 4] = [name::GUARD, name::PLANES, name::NEAR, name::COUNTERS];

type Counts = [u64; size_of::<Dropped>() / 8];

/// The guard of one daemon. Dropped, it stays where it is attached, and drops all that is for the addresses when the
/// last lease is over; see [`Guard::detach`].
pub struct Guard {
    program: OwnedFd,
    id: u32,
    way: Way,
    map: aya::maps::HashMap<MapData, [u8; 16], [u32; 2]>,
    map_descriptor: OwnedFd,
    planes: Planes,
    near: Mapping<u64>,
    counters: PerCpuArray<MapData, Counts>,
    /// Entries of `map`.
    guarded: HashMap<IpAddr, Guarded>,
    /// Indexes in `planes`, by interface.
    numbers: HashMap<String, u32>,
    covered: BTreeSet<Entrance>,
    /// Entrances that could not be covered, and why.
    uncovered: BTreeMap<Entrance, String>,
    /// Guards of earlier daemons, which go when this one is in place.
    left: Vec<Left>,
    /// Says whether orphans were looked for.
    looked: bool,
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard").field("id", &self.id).field("covered", &self.covered).finish_non_exhaustive()
    }
}

impl Guard {
    /// Loads the program. Attached nowhere yet, it guards nothing.
    ///
    /// # Errors
    ///
    /// See [`AttachError`].
    pub fn load() -> Result<Self, AttachError> {
        Self::load_for(Way::here())
    }

    fn load_for(way: Way) -> Result<Self, AttachError> {
        if OBJECT.is_empty() {
            return Err(AttachError::NoObject);
        }
        let (program, mut linked) = load_program()?;
        let id = id_of(program.as_fd()).map_err(MapError::from)?;
        let Map::Array(near) = linked.map(name::NEAR)? else {
            return Err(MapError::InvalidName { name: name::NEAR.to_owned() }.into());
        };
        let Map::HashMap(map) = linked.map(name::GUARD)? else {
            return Err(MapError::InvalidName { name: name::GUARD.to_owned() }.into());
        };
        Ok(Self {
            map_descriptor: map.fd().as_fd().try_clone_to_owned().map_err(MapError::from)?,
            map: Map::HashMap(map).try_into()?,
            planes: linked.map(name::PLANES)?.try_into()?,
            near: Mapping::new(&near, 1).map_err(MapError::from)?,
            counters: linked.map(name::COUNTERS)?.try_into()?,
            program,
            id,
            way,
            guarded: HashMap::new(),
            numbers: HashMap::new(),
            covered: BTreeSet::new(),
            uncovered: BTreeMap::new(),
            left: Vec::new(),
            looked: false,
        })
    }

    /// Takes a data plane's doors for its own, pins itself beside it, and notes the guard that a daemon before has left
    /// there. Again whenever a data plane is attached. Blocks, for milliseconds.
    ///
    /// # Errors
    ///
    /// Those of maps and pins. What could be done is.
    pub fn adopt(&mut self, plane: &mut DataPlane) -> Result<(), AttachError> {
        self.left.extend(plane.left.drain(..).filter(|left| left.id != self.id));
        let name = plane.target.name.clone();
        let number = self.numbers.get(&name).copied().unwrap_or(self.numbers.len() as u32);
        let routers =
            plane.held.map(abi::name::ROUTERS).ok_or(io::ErrorKind::NotFound).map_err(io::Error::from);
        let routers = routers.and_then(OwnedFd::try_clone).map_err(MapError::from)?;
        let routers = Map::Array(MapData::from_fd(routers)?).try_into()?;
        self.planes.set(number, &routers, 0)?;
        self.numbers.insert(name, number);
        self.pin(plane)
    }

    /// Pins what is not pinned beside a data plane: by that the next daemon finds it. Blocks, for milliseconds.
    ///
    /// # Errors
    ///
    /// [`AttachError::Pin`].
    pub fn pin(&self, plane: &DataPlane) -> Result<(), AttachError> {
        let pins = plane.pins.clone();
        let id = self.id;
        let program = self.program.try_clone().map_err(MapError::from)?;
        let map = self.map_descriptor.try_clone().map_err(MapError::from)?;
        host::in_mounts_of_the_host(move || {
            let dir = pins.dir();
            if Left::pinned(dir).is_some_and(|left| left.id == id) {
                return Ok(());
            }
            for (name, object) in [(left::PROGRAM, program), (left::GUARD, map)] {
                let path = pins.path(name);
                // Another's, which `adopt` has taken note of.
                let _absent = std::fs::remove_file(&path);
                sys::pin(object.as_fd(), &path).map_err(|source| pins.error("pin the guard in", source))?;
            }
            Ok(())
        })
    }

    /// Tells whether the pins beside a data plane are gone, in this thread's mount namespace or through its lock.
    #[must_use]
    pub fn is_unpinned(&self, plane: &DataPlane) -> bool {
        plane.lacks_pin(left::PROGRAM)
    }

    /// Guards an address that the kernel is about to get: whoever asks for it is let through while the router in `slot` of the
    /// data plane of `interface` may answer.
    ///
    /// # Errors
    ///
    /// That of the map, or `NotFound`: the data plane is unknown. Then the address is not guarded, since who asks for it
    /// would never be let through. Or `Unsupported`: the guard looks at no IPv6.
    pub fn admit(&mut self, address: IpAddr, interface: &str, slot: u32) -> io::Result<()> {
        let Some(plane) = self.numbers.get(interface).copied() else {
            self.dismiss(address)?;
            return Err(io::ErrorKind::NotFound.into());
        };
        self.insert(address, Guarded { plane, slot })
    }

    /// Guards an address no more that the kernel does not have any more.
    ///
    /// # Errors
    ///
    /// That of the map.
    pub fn dismiss(&mut self, address: IpAddr) -> io::Result<()> {
        if self.guarded.remove(&address).is_some() {
            self.store_near();
            self.map.remove(&Vip::new(address).address).map_err(|error| errno_of(&error))?;
        }
        Ok(())
    }

    /// Lists the addresses that are guarded.
    pub fn guarded(&self) -> impl Iterator<Item = IpAddr> + '_ {
        self.guarded.keys().copied()
    }

    /// Tells whether [`cover`](Self::cover) would find nothing to do.
    #[must_use]
    pub fn is_settled(&self, entrances: &BTreeSet<Entrance>) -> bool {
        self.looked && self.left.is_empty() && self.covered == *entrances
    }

    /// Lists the addresses of earlier daemons, whose routers this one does not know.
    pub fn strays(&self) -> impl Iterator<Item = IpAddr> + '_ {
        self.guarded.iter().filter(|(_, guarded)| guarded.plane == NO_PLANE).map(|(address, _)| *address)
    }

    /// Covers these entrances and no others, then takes away the guards of earlier daemons: what they guard of `present`,
    /// which the kernel has, this one guards from now on. Blocks, for a hundredth of a second an entrance.
    pub fn cover(&mut self, entrances: &BTreeSet<Entrance>, present: &HashSet<IpAddr>) {
        // First this one, then the others go: at no moment is an entrance without a guard.
        self.look_for_orphans(entrances);
        let inherited: Vec<_> = self.left.iter().flat_map(|left| left.addresses.iter().copied()).collect();
        for address in inherited.into_iter().filter(|address| present.contains(address)) {
            if !self.guarded.contains_key(&address)
                && let Err(error) = self.insert(address, Guarded { plane: NO_PLANE, slot: 0 })
            {
                warn!(%address, %error, "an earlier daemon's address is guarded on its own interface only");
            }
        }
        let superfluous: Vec<_> = self.covered.difference(entrances).cloned().collect();
        superfluous.iter().for_each(|entrance| self.uncover(entrance));
        self.uncovered.retain(|entrance, _| entrances.contains(entrance));
        let missing: Vec<_> = entrances.difference(&self.covered).cloned().collect();
        missing.into_iter().for_each(|entrance| self.attach(entrance));
        if !self.left.is_empty() {
            self.succeed(entrances);
            // There may be room now.
            let refused: Vec<_> = self.uncovered.keys().cloned().collect();
            refused.into_iter().for_each(|entrance| self.attach(entrance));
        }
    }

    /// Tells whether somebody has taken the guard away from an entrance. Looks at one of them each time that it is asked,
    /// as `turn` grows.
    pub fn is_taken_away(&mut self, turn: usize) -> bool {
        let count = self.covered.len().max(1);
        let Some(entrance) = self.covered.iter().nth(turn % count).cloned() else { return false };
        let gone = self.way.attached(entrance.index).is_some_and(|ids| !ids.contains(&self.id));
        if gone {
            self.covered.remove(&entrance);
        }
        gone
    }

    /// A planned stop: it is attached nowhere any more. Its pins go with those of the data planes.
    pub fn detach(mut self) {
        let covered = std::mem::take(&mut self.covered);
        covered.iter().for_each(|entrance| self.uncover(entrance));
    }

    /// Reports to an operator.
    #[must_use]
    pub fn report(&self) -> Report {
        let mut dropped = [0_u64; size_of::<Dropped>() / 8];
        if let Ok(counts) = self.counters.get(&0, 0) {
            for counts in counts.iter() {
                dropped.iter_mut().zip(counts).for_each(|(sum, count)| *sum = sum.wrapping_add(*count));
            }
        }
        let covered = self.covered.iter().map(|entrance| entrance.name.clone()).collect();
        let uncovered = self.uncovered.iter().map(|(entrance, why)| (entrance.name.clone(), why.clone()));
        Report { covered, uncovered: uncovered.collect(), dropped: bytemuck::cast(dropped) }
    }

    fn insert(&mut self, address: IpAddr, guarded: Guarded) -> io::Result<()> {
        if self.guarded.get(&address) == Some(&guarded) {
            return Ok(());
        }
        recognise(address)?;
        let value = [guarded.plane, guarded.slot];
        self.map.insert(Vip::new(address).address, value, 0).map_err(|error| errno_of(&error))?;
        self.guarded.insert(address, guarded);
        self.store_near();
        Ok(())
    }

    fn store_near(&self) {
        let near = self.guarded.keys().fold(0, |near, address| match address {
            IpAddr::V4(v4) => near | guard::near(v4.octets()),
            // `insert` lets none in.
            IpAddr::V6(_) => near,
        });
        self.near.u64(0, 0).store(near, Ordering::Release);
    }

    fn attach(&mut self, entrance: Entrance) {
        match self.way.attach(self.program.as_fd(), self.id, &entrance) {
            Ok(()) => {
                debug!(interface = entrance.name, "guarded");
                self.uncovered.remove(&entrance);
                self.covered.insert(entrance);
            }
            // Gone meanwhile.
            Err(error) if error.raw_os_error() == Some(libc::ENODEV) => {}
            Err(error) => {
                let error = error.to_string();
                if self.uncovered.get(&entrance) != Some(&error) {
                    warn!(
                        interface = entrance.name,
                        error,
                        "cannot be guarded: while this host is not master and still has virtual addresses, after a \
                         crash above all, it may answer for them there"
                    );
                }
                self.uncovered.insert(entrance, error);
            }
        }
    }

    fn uncover(&mut self, entrance: &Entrance) {
        self.covered.remove(entrance);
        if let Err(error) = self.way.detach(self.program.as_fd(), self.id, entrance) {
            warn!(interface = entrance.name, %error, "the guard could not be taken away");
        }
    }

    fn look_for_orphans(&mut self, entrances: &BTreeSet<Entrance>) {
        if std::mem::replace(&mut self.looked, true) {
            return;
        }
        let known = self.left.iter().map(|left| left.id).chain([self.id]).collect();
        self.left.extend(left::orphans(self.way, entrances, &known));
    }

    fn succeed(&mut self, entrances: &BTreeSet<Entrance>) {
        for Left { program, id, .. } in self.left.drain(..) {
            for entrance in entrances {
                if let Err(error) = self.way.detach(program.as_fd(), id, entrance) {
                    warn!(interface = entrance.name, %error, "the guard of an earlier daemon stays");
                }
            }
            info!(id, "took over from the guard of an earlier daemon");
        }
    }
}

/// Loads the program, with the maps that it uses.
pub(crate) fn load_program() -> Result<(OwnedFd, Linked), AttachError> {
    let load = |error| AttachError::Load(Box::new(error));
    let linked = object::link(&[name::PROGRAM], &MAPS, |_| None).map_err(load)?;
    Ok((linked.load(name::PROGRAM).map_err(load)?, linked))
}

/// Report about the guard for an operator.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Interfaces that the guard is attached to.
    pub covered: Vec<String>,
    /// Interfaces that it cannot be attached to, with the reason.
    pub uncovered: Vec<(String, String)>,
    /// Frames that were dropped.
    pub dropped: Dropped,
}
