//! Guards that daemons which are gone have left: found by their pins beside those of the data planes that this daemon
//! has taken over, or else among what is attached.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    os::fd::{AsFd as _, OwnedFd},
    path::Path,
};

use aya::{
    maps::{HashMap, Map, MapData, MapInfo},
    programs::{ProgramInfo, loaded_programs},
};
use vrrp_common::abi::{self, guard::name};

use crate::{
    host,
    ingress::{self, Entrance, Way, id_of},
    pins, sys,
};

/// Pins beside those of a data plane.
pub(crate) const PROGRAM: &str = "guard_program";
pub(crate) const GUARD: &str = "guard";

/// A guard of another daemon.
#[derive(Debug)]
pub(crate) struct Left {
    pub(crate) program: OwnedFd,
    pub(crate) id: u32,
    /// Addresses that it guards.
    pub(crate) addresses: Vec<IpAddr>,
}

impl Left {
    /// Opens the guard that is pinned in this directory.
    pub(crate) fn pinned(dir: &Path) -> Option<Self> {
        let program = sys::open_pin(&dir.join(PROGRAM)).ok()?;
        let id = id_of(program.as_fd()).ok()?;
        let guard = MapData::from_pin(dir.join(GUARD)).ok();
        Some(Self { program, id, addresses: guard.map(addresses).unwrap_or_default() })
    }
}

fn addresses(guard: MapData) -> Vec<IpAddr> {
    let guard: Option<HashMap<MapData, [u8; 16], [u32; 2]>> = Map::HashMap(guard).try_into().ok();
    let keys = guard.iter().flat_map(|guard| guard.keys().flatten().collect::<Vec<_>>());
    keys.map(abi::address_from_bytes).collect()
}

/// Finds guards that are attached to these entrances, are none of `known`, and belong to no daemon that lives: their pins are
/// gone. Finds none without CAP_SYS_ADMIN.
pub(crate) fn orphans(way: Way, entrances: &BTreeSet<Entrance>, known: &BTreeSet<u32>) -> Vec<Left> {
    let attached = entrances.iter().filter_map(|entrance| way.attached(entrance.index)).flatten();
    let strange: BTreeSet<u32> = attached.filter(|id| !known.contains(id)).collect();
    if strange.is_empty() {
        return Vec::new();
    }
    let Ok(living) = host::in_mounts_of_the_host(|| Ok(living())) else { return Vec::new() };
    let infos = loaded_programs().flatten().filter(|info| info.name_as_str() == Some(name::PROGRAM));
    let infos: BTreeMap<u32, ProgramInfo> = infos.map(|info| (info.id(), info)).collect();
    let orphans = strange.difference(&living).filter_map(|id| infos.get(id));
    orphans.filter_map(open).collect()
}

fn living() -> BTreeSet<u32> {
    pins::of_the_living().iter().filter_map(|dir| Left::pinned(dir)).map(|left| left.id).collect()
}

fn open(info: &ProgramInfo) -> Option<Left> {
    let program = ingress::open_program(info.id()).ok()?;
    let maps = info.map_ids().ok().flatten().unwrap_or_default();
    let guard = maps.into_iter().find_map(|id| {
        let map = MapInfo::from_id(id).ok().filter(|map| map.name_as_str() == Some(name::GUARD))?;
        MapData::from_id(map.id()).ok()
    });
    Some(Left { program, id: info.id(), addresses: guard.map(addresses).unwrap_or_default() })
}
