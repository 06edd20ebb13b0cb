//! The pins: what keeps the program and its maps when the daemon dies, so that the node stays silent.
//!
//! One directory for each interface, `/sys/fs/bpf/vrrpd/v1/eth0`, or `…/v1/netns-4026532281/eth0` in a network
//! namespace of its own. Everything is pinned except the ring, which has a reader or no use.

use std::{
    ffi::OsStr,
    fs, io,
    os::{
        fd::{AsFd as _, BorrowedFd},
        unix::fs::{DirBuilderExt as _, MetadataExt as _},
    },
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use aya::maps::{MapInfo, MapType};
use tracing::{info, warn};
use vrrp_common::abi::{
    BUDGETS, Budget, Cpu, Expected, Interface, LAYOUT_VERSION, MAX_PEERS, MAX_VIPS, NEAR_VIP_ENTRIES,
    NearVip, Peer, PeerTtl, Router, SLOTS, Settling, Vip, VipOwner, name,
};

use crate::{
    bpffs::{BPFFS, is_bpffs},
    error::AttachError,
    host,
    lock::Lock,
    sys,
};

/// Tries to make the directory. Each fails only if another daemon takes the parent away at that very moment.
const CREATIONS: usize = 10;
/// A directory that is locked is tried again for two seconds: long enough for who only clears it away.
const LOCK_ATTEMPTS: u32 = 100;
const LOCK_PAUSE: Duration = Duration::from_millis(20);
/// Names of pins that are no maps.
pub(crate) const XDP_LINK: &str = "xdp_link";
pub(crate) const EGRESS_LINK: &str = "egress_link";

/// Shape of a map that can be used again.
struct Shape {
    name: &'static str,
    kind: MapType,
    key: usize,
    value: usize,
    entries: usize,
    flags: u32,
    /// Says that it holds nothing that a role hangs on: pins of another version may have it in another shape, or lack it, and it
    /// is made anew.
    replaceable: bool,
}

const NO_PREALLOC: u32 = 1;
const MMAPABLE: u32 = 1 << 10;

/// The maps that are pinned.
const MAPS: [Shape; 9] = [
    array::<Router>(name::ROUTERS, SLOTS),
    array::<Expected>(name::EXPECTED, SLOTS),
    array::<Interface>(name::INTERFACE, 1),
    array::<NearVip>(name::NEAR_VIPS, NEAR_VIP_ENTRIES),
    hash::<Vip, VipOwner>(name::VIPS, MAX_VIPS),
    hash::<Peer, PeerTtl>(name::PEERS, MAX_PEERS),
    Shape { kind: MapType::PerCpuArray, flags: 0, replaceable: true, ..array::<Cpu>(name::COUNTERS, 1) },
    Shape { flags: 0, replaceable: true, ..array::<Budget>(name::BUDGETS, BUDGETS) },
    Shape { replaceable: true, ..array::<Settling>(name::SETTLING, 1) },
];

const fn array<T>(name: &'static str, entries: usize) -> Shape {
    let (kind, flags) = (MapType::Array, MMAPABLE);
    Shape { name, kind, key: 4, value: size_of::<T>(), entries, flags, replaceable: false }
}

const fn hash<K, V>(name: &'static str, entries: usize) -> Shape {
    Shape {
        name,
        kind: MapType::Hash,
        key: size_of::<K>(),
        value: size_of::<V>(),
        entries,
        flags: NO_PREALLOC,
        replaceable: false,
    }
}

/// The directory of one interface's pins.
#[derive(Clone, Debug)]
pub(crate) struct Pins {
    dir: PathBuf,
}

impl Pins {
    /// Names the pins of `interface` in this thread's network namespace.
    pub(crate) fn of(interface: &str) -> Self {
        let mut dir = base().join(format!("v{LAYOUT_VERSION}"));
        dir.extend(namespace());
        dir.push(interface);
        Self { dir }
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Path of the pin of a map or link: names in lower case.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name.to_lowercase())
    }

    /// Names of the maps that are pinned.
    pub(crate) fn map_names() -> impl Iterator<Item = &'static str> {
        MAPS.iter().map(|shape| shape.name)
    }

    /// Tells whether an earlier daemon's maps and program are here, as this one needs them, on this interface.
    pub(crate) fn are_usable(&self, ifindex: u32) -> bool {
        if !self.path(XDP_LINK).exists() {
            return false;
        }
        let needed = MAPS.iter().filter(|shape| !shape.replaceable);
        let wrong = needed.into_iter().find(|shape| !shape.is_at(&self.path(shape.name)));
        if let Some(shape) = wrong {
            warn!(path = %self.dir.display(), map = shape.name, "pinned maps have another layout, starting afresh");
            return false;
        }
        attached_to(&self.path(XDP_LINK)) == Some(ifindex)
    }

    /// Names of the maps that are pinned here in another shape than this version needs, and to be made anew.
    pub(crate) fn outdated(&self) -> Vec<&'static str> {
        let replaceable = MAPS.iter().filter(|shape| shape.replaceable && self.path(shape.name).exists());
        replaceable.filter(|shape| !shape.is_at(&self.path(shape.name))).map(|shape| shape.name).collect()
    }

    /// Pins a map in the place of another.
    pub(crate) fn replace(&self, name: &str, map: BorrowedFd<'_>) -> Result<(), AttachError> {
        self.forget(name)?;
        sys::pin(map, &self.path(name)).map_err(|source| self.error("pin a map in", source))
    }

    /// Pins a link.
    pub(crate) fn pin_link(&self, link: BorrowedFd<'_>, name: &str) -> Result<(), AttachError> {
        sys::pin(link, &self.path(name)).map_err(|source| self.error("pin a link in", source))
    }

    /// Makes the directory.
    pub(crate) fn create(&self) -> Result<(), AttachError> {
        let make = || fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.dir);
        let swept = |made: &io::Result<()>| made.as_ref().is_err_and(|e| e.kind() == io::ErrorKind::NotFound);
        // Another daemon that sweeps takes away a parent that is still empty.
        let made = std::iter::repeat_with(make).take(CREATIONS).find(|made| !swept(made));
        made.unwrap_or_else(|| Err(io::ErrorKind::NotFound.into()))
            .map_err(|source| self.error("create", source))
    }

    /// Removes one pin.
    pub(crate) fn forget(&self, name: &str) -> Result<(), AttachError> {
        fs::remove_file(self.path(name)).map_err(|source| self.error("remove a pin from", source))
    }

    /// Inode of the directory.
    pub(crate) fn inode(&self) -> Option<u64> {
        fs::metadata(&self.dir).map(|dir| dir.ino()).ok()
    }

    /// Takes the directory for this process, made if it is not there. A daemon in another network namespace that starts at
    /// this moment may have it while it [sweeps](Self::sweep).
    pub(crate) fn lock(&self) -> Result<Lock, AttachError> {
        for _ in 0..LOCK_ATTEMPTS {
            let lock = self.create().and_then(|()| match Lock::of(&self.dir) {
                // Swept away meanwhile.
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
                lock => lock.map_err(|source| self.error("lock", source)),
            })?;
            // A directory that was removed before it was locked is nobody's.
            if let Some(lock) = lock.filter(|lock| lock.inode() == self.inode()) {
                return Ok(lock);
            }
            thread::sleep(LOCK_PAUSE);
        }
        Err(AttachError::Taken { interface: name_of(&self.dir).to_owned(), path: self.dir.clone() })
    }

    /// Detaches what is pinned here and removes the pins; nothing there is no error.
    pub(crate) fn clear(&self) -> Result<(), AttachError> {
        clear(&self.dir).map_err(|source| self.error("clear", source))
    }

    /// Detaches what is pinned here, and removes the pins and the directory.
    pub(crate) fn remove(&self) -> Result<(), AttachError> {
        remove(&self.dir).map_err(|source| self.error("remove", source))?;
        if let Some(parent) = self.dir.parent() {
            // Fails while another interface's is in it.
            let _in_use = fs::remove_dir(parent);
        }
        Ok(())
    }

    pub(crate) fn error(&self, action: &'static str, source: io::Error) -> AttachError {
        AttachError::Pin { action, path: self.dir.clone(), source }
    }

    /// Removes what daemons that are gone have left: pins whose interface is gone, and those of this interface under
    /// a former name or layout, which would be in the way. Before a directory of this network namespace goes, `last_look`
    /// is called with it: what hangs on its pins goes with them.
    pub(crate) fn sweep(&self, ifindex: u32, mut last_look: impl FnMut(&Path)) {
        let here = namespace();
        for version in subdirectories(&base()) {
            for dir in subdirectories(&version) {
                let is_namespace = name_of(&dir).starts_with(NAMESPACE);
                let candidates = if is_namespace { subdirectories(&dir) } else { vec![dir.clone()] };
                let same = if is_namespace { here.as_deref() == Some(name_of(&dir)) } else { here.is_none() };
                for candidate in candidates {
                    if candidate == self.dir {
                        continue;
                    }
                    // Held until they are gone, so that no daemon starts on them meanwhile.
                    if let Some(_lock) = lock_stale(&candidate, same.then_some(ifindex)) {
                        info!(path = %candidate.display(), "removing the pins of a daemon that is gone");
                        if same {
                            last_look(&candidate);
                        }
                        if let Err(error) = remove(&candidate) {
                            warn!(path = %candidate.display(), %error, "cannot remove pins");
                        }
                    }
                }
                if is_namespace {
                    // Fails while something is in it.
                    let _in_use = fs::remove_dir(&dir);
                }
            }
        }
    }
}

/// Lists the directories of this network namespace that daemons have locked.
pub(crate) fn of_the_living() -> Vec<PathBuf> {
    let version = base().join(format!("v{LAYOUT_VERSION}"));
    let dir = namespace().map_or(version.clone(), |namespace| version.join(namespace));
    subdirectories(&dir).into_iter().filter(|dir| Lock::of(dir).is_ok_and(|lock| lock.is_none())).collect()
}

impl Shape {
    fn is_at(&self, path: &Path) -> bool {
        MapInfo::from_pin(path).is_ok_and(|map| {
            map.map_type().is_ok_and(|kind| kind == self.kind)
                && map.key_size() as usize == self.key
                && map.value_size() as usize == self.value
                && map.max_entries() as usize == self.entries
                && map.map_flags() == self.flags
        })
    }
}

fn base() -> PathBuf {
    Path::new(BPFFS).join("vrrpd")
}

const NAMESPACE: &str = "netns-";

/// The name of this thread's network namespace, unless it is the host's: `netns-INODE`, which is that of its directory too.
#[must_use]
pub fn namespace() -> Option<String> {
    host::foreign("net").map(|inode| format!("{NAMESPACE}{inode}"))
}

/// Lists the directories of this network namespace whose pins are there and locked by nobody, each with its interface's name.
pub(crate) fn unheld() -> Vec<(String, PathBuf)> {
    let mut dir = base().join(format!("v{LAYOUT_VERSION}"));
    dir.extend(namespace());
    let dirs = subdirectories(&dir).into_iter().filter(|dir| !name_of(dir).starts_with(NAMESPACE));
    let unheld = dirs.filter(|dir| {
        // Looked at before it is locked, as in `lock_stale`.
        let pinned = dir.join(XDP_LINK).exists();
        matches!(Lock::of(dir), Ok(Some(_free))) && pinned
    });
    unheld.map(|dir| (name_of(&dir).to_owned(), dir)).collect()
}

fn name_of(path: &Path) -> &str {
    path.file_name().and_then(OsStr::to_str).unwrap_or_default()
}

fn subdirectories(dir: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(dir) else { return Vec::new() };
    entries.flatten().map(|entry| entry.path()).filter(|path| path.is_dir()).collect()
}

/// Finds the interface that a program is attached to, by the pin of its link; 0 when it is detached or the interface is gone,
/// `None` when there is no such pin.
pub(crate) fn attached_to(link: &Path) -> Option<u32> {
    let link = sys::open_pin(link).ok()?;
    sys::link_info(link.as_fd()).ok().map(|info| info.ifindex)
}

/// Takes the lock of `dir` if nobody uses its pins: no daemon holds them, and what they are attached to is gone, or is the
/// interface that is wanted. A directory in which nothing is yet belongs to a daemon that starts just now.
///
/// Looked at before it is locked: a daemon that starts again on a working interface is not to find it taken.
fn lock_stale(dir: &Path, wanted: Option<u32>) -> Option<Lock> {
    let abandoned =
        || attached_to(&dir.join(XDP_LINK)).is_none_or(|attached| attached == 0 || Some(attached) == wanted);
    let used = fs::read_dir(dir).is_ok_and(|mut entries| entries.next().is_some());
    let lock = (used && abandoned()).then(|| Lock::of(dir).ok().flatten()).flatten();
    lock.filter(|_| abandoned())
}

fn remove(dir: &Path) -> io::Result<()> {
    clear(dir)?;
    match fs::remove_dir(dir) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn clear(dir: &Path) -> io::Result<()> {
    for link in [XDP_LINK, EGRESS_LINK] {
        if let Ok(link) = sys::open_pin(&dir.join(link)) {
            // One whose interface is gone is detached already.
            let _gone = sys::detach(link.as_fd());
        }
    }
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    for entry in entries {
        fs::remove_file(entry?.path())?;
    }
    Ok(())
}

/// Pins the maps under the same path in this thread's own view, where a BPF file system is mounted there that is not
/// the host's: for `bpftool` in the same namespace. What cannot be done is left.
pub(crate) fn mirror(pins: &Pins, maps: &[(&str, BorrowedFd<'_>)]) {
    if !is_bpffs(Path::new(BPFFS)) || pins.path(name::ROUTERS).exists() {
        return;
    }
    if pins.create().is_ok() {
        for (name, map) in maps {
            let _best_effort = sys::pin(*map, &pins.path(name));
        }
    }
}
