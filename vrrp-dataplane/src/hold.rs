//! Descriptors of what is attached and pinned. While the daemon lives nothing of it goes because somebody removes a
//! pin, and somebody who detaches a program is noticed.

use std::{
    fs::File,
    os::fd::{AsFd as _, AsRawFd as _, OwnedFd},
    path::Path,
};

use crate::{
    error::AttachError,
    pins::{EGRESS_LINK, Pins, XDP_LINK},
    sys,
};

/// Descriptors that a [`DataPlane`](crate::DataPlane) keeps open.
#[derive(Debug)]
pub(crate) struct Held {
    /// Maps and links by the names of their pins.
    objects: Vec<(&'static str, OwnedFd)>,
}

/// A program that is no longer attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detached {
    /// The one that answers, recognises and gates.
    Xdp,
    /// The one that corrects what leaves.
    Egress,
}

impl Held {
    /// Opens the links that are pinned, beside the maps. A link of the kind that older kernels have not is left out.
    pub(crate) fn open(pins: &Pins, maps: &[(&'static str, OwnedFd)]) -> Result<Self, AttachError> {
        let links = [XDP_LINK, EGRESS_LINK].map(|name| (name, pins.path(name)));
        let links = links.into_iter().filter(|(_, path)| path.exists());
        let links = links.map(|(name, path)| Ok((name, sys::open_pin(&path)?)));
        let maps = maps.iter().map(|(name, map)| Ok((*name, map.try_clone()?)));
        let objects: std::io::Result<Vec<_>> = maps.chain(links).collect();
        let objects = objects.map_err(|source| pins.error("open", source))?;
        Ok(Self { objects })
    }

    /// Finds a program that is not attached to this interface any more. Takes the kernel's lock of all interfaces for a
    /// moment, and so may wait for others who have it.
    pub(crate) fn detached(&self, ifindex: u32) -> Option<Detached> {
        let is_off = |link: &OwnedFd| sys::link_info(link.as_fd()).is_ok_and(|info| info.ifindex != ifindex);
        [(XDP_LINK, Detached::Xdp), (EGRESS_LINK, Detached::Egress)].into_iter().find_map(
            |(name, detached)| {
                let link = self.objects.iter().find(|(held, _)| *held == name);
                link.is_some_and(|(_, link)| is_off(link)).then_some(detached)
            },
        )
    }

    /// Tells whether a pin of the directory is missing. The directory may be of another mount namespace than this thread's.
    pub(crate) fn is_unpinned(&self, dir: &File) -> bool {
        self.objects.iter().any(|(name, _)| lacks_pin(dir, name))
    }

    /// Finds a map by its name.
    pub(crate) fn map(&self, name: &str) -> Option<&OwnedFd> {
        self.objects.iter().find(|(held, _)| *held == name).map(|(_, object)| object)
    }

    /// Pins again what is not pinned, in this thread's mount namespace.
    pub(crate) fn pin_again(&self, pins: &Pins) -> Result<(), AttachError> {
        let missing = self.objects.iter().map(|(name, object)| (pins.path(name), object));
        for (path, object) in missing.filter(|(path, _)| !path.exists()) {
            sys::pin(object.as_fd(), &path).map_err(|source| pins.error("pin again in", source))?;
        }
        Ok(())
    }

    /// Detaches both programs, pinned or not.
    pub(crate) fn detach(&self) {
        for (_, link) in self.objects.iter().filter(|(name, _)| [XDP_LINK, EGRESS_LINK].contains(name)) {
            // One whose interface is gone is detached already.
            let _gone = sys::detach(link.as_fd());
        }
    }
}

/// Tells whether a directory has no pin of that name. The directory may be of another mount namespace than this thread's.
pub(crate) fn lacks_pin(dir: &File, name: &str) -> bool {
    // Through the descriptor, which every mount namespace sees alike.
    let dir = Path::new("/proc/thread-self/fd").join(dir.as_raw_fd().to_string());
    !dir.join(name.to_lowercase()).exists()
}
