//! The programs on one interface: kept, looked after, taken away.

use std::{io, path::Path, sync::Arc};

use crate::{
    egress::Egress,
    error::AttachError,
    events::Events,
    hold::{self, Detached, Held},
    host,
    left::Left,
    lock::Lock,
    notes::{self, Inherited},
    pins::Pins,
    tables::Tables,
    target::{Attached, Target},
};

/// Result of [`attach`](crate::attach()).
#[derive(Debug)]
pub struct Attachment {
    /// Keeps what is attached, and takes it away.
    pub plane: DataPlane,
    /// Maps, for the protocol thread.
    pub tables: Tables,
    /// Ring, for the protocol thread.
    pub events: Events,
    /// State that the daemon before has left, whether its maps were taken over or not.
    pub inherited: Inherited,
}

/// The programs on one interface. When this is dropped they stay, and go silent when the last lease is over; see
/// [`DataPlane::detach`].
#[derive(Debug)]
pub struct DataPlane {
    pub(crate) target: Target,
    pub(crate) attached: Attached,
    pub(crate) adopted: bool,
    pub(crate) egress: Egress,
    pub(crate) pins: Pins,
    pub(crate) held: Arc<Held>,
    /// Lock that keeps other daemons away.
    pub(crate) lock: Lock,
    /// Guards of daemons that are gone, which were pinned beside it.
    pub(crate) left: Vec<Left>,
}

impl DataPlane {
    /// The interface.
    #[must_use]
    pub const fn target(&self) -> &Target {
        &self.target
    }

    /// Way in which the XDP program is attached.
    #[must_use]
    pub const fn mode(&self) -> &Attached {
        &self.attached
    }

    /// Tells whether an earlier daemon's maps and links were taken over, roles and leases included.
    #[must_use]
    pub const fn is_adopted(&self) -> bool {
        self.adopted
    }

    /// Directory of the pins, in the host's mount namespace if that could be entered.
    #[must_use]
    pub fn pin_dir(&self) -> &Path {
        self.pins.dir()
    }

    /// Finds a program that somebody has detached. Not told of the egress program before Linux 6.6. May block for as long as
    /// somebody else reconfigures interfaces.
    #[must_use]
    pub fn detached(&self) -> Option<Detached> {
        self.held.detached(self.target.index)
    }

    /// Tells whether somebody has removed pins. The programs stay attached while this lives, but would go with it.
    #[must_use]
    pub fn is_unpinned(&self) -> bool {
        self.held.is_unpinned(self.lock.dir())
    }

    /// Tells whether something is not pinned beside the programs.
    pub(crate) fn lacks_pin(&self, name: &str) -> bool {
        hold::lacks_pin(self.lock.dir(), name)
    }

    /// Pins again what somebody has unpinned. Blocks, for milliseconds.
    ///
    /// # Errors
    ///
    /// [`AttachError::Pin`], or [`AttachError::Taken`] when another daemon has made the directory its own.
    pub fn pin_again(&mut self) -> Result<(), AttachError> {
        let (pins, held) = (self.pins.clone(), Arc::clone(&self.held));
        let own = self.lock.inode();
        let lock = host::in_mounts_of_the_host(move || {
            pins.create()?;
            let lock = if pins.inode() == own { None } else { Some(pins.lock()?) };
            held.pin_again(&pins)?;
            Ok(lock)
        })?;
        if let Some(lock) = lock {
            self.lock = lock;
        }
        Ok(())
    }

    /// Leaves a text for the next daemon beside the pins, or takes it back: a name without a full stop, and at most 4,095
    /// bytes.
    ///
    /// # Errors
    ///
    /// That of the file system.
    pub fn note(&self, name: &str, text: Option<&str>) -> io::Result<()> {
        notes::write(self.lock.dir(), name, text)
    }

    /// Ends it as planned: detaches both programs and removes the pins. From here on the kernel answers for addresses that
    /// it still has.
    ///
    /// # Errors
    ///
    /// [`AttachError::Pin`], with what could be removed gone.
    pub fn detach(self) -> Result<(), AttachError> {
        let mirrored = self.pins.clone();
        let (pins, target, egress, held) = (self.pins, self.target, self.egress, self.held);
        host::in_mounts_of_the_host(move || {
            egress.detach(&target.name);
            held.detach();
            pins.remove()
        })?;
        // The second view of `pins::mirror`, if there is one.
        mirrored.remove()
    }
}
