//! The kernel side: loading, attaching and pinning it, and the maps it shares with the daemon.
//!
//! [`attach`] gives three things: the [`DataPlane`], which only knows how to go away; the [`Tables`] and the
//! [`Events`], which the protocol thread owns. Nothing here knows the protocol, nor where a setting comes from.

mod attach;
mod error;
mod events;
mod filter;
mod guard;
mod hold;
mod host;
mod link;
mod mapping;
mod near;
mod notes;
mod object;
mod pins;
mod sys;
mod syscall;
mod tables;
mod watch;

use std::{fmt, io, path::Path, sync::Arc};

use vrrp_common::types::Mac;

pub use self::{
    attach::attach,
    error::AttachError,
    events::Events,
    guard::{Entrance, Guard, Report},
    hold::Detached,
    notes::{Inherited, unheld},
    object::{LoadError, Log},
    tables::{RouterEntry, Tables},
    watch::{Seen, Watch},
};
use self::{guard::Left, hold::Held, host::Lock, pins::Pins};

/// What this thread's network namespace is called, unless it is the host's: `netns-INODE`.
#[must_use]
pub fn namespace() -> Option<String> {
    pins::namespace()
}

/// The eBPF object; empty when it could not be built.
pub const OBJECT: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/vrrp-ebpf"));

/// The interface to attach to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Its name, 1..=15 bytes.
    pub name: String,
    /// Its index in this thread's network namespace.
    pub index: u32,
    /// Its own MAC address.
    pub mac: Mac,
}

/// Where the XDP program is to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Native where the driver has it, generic on veth and where native is refused.
    Auto,
    /// In the driver, or not at all.
    Native,
    /// In the network stack.
    Generic,
}

/// What [`attach`] gives.
#[derive(Debug)]
pub struct Attachment {
    /// Keeps what is attached, and takes it away.
    pub plane: DataPlane,
    /// For the protocol thread.
    pub tables: Tables,
    /// For the protocol thread.
    pub events: Events,
    /// What the daemon before has left, whether its maps were taken over or not.
    pub inherited: Inherited,
}

/// The programs on one interface. When this is dropped they stay, and go silent when the last lease is over; see
/// [`DataPlane::detach`].
#[derive(Debug)]
pub struct DataPlane {
    target: Target,
    attached: Attached,
    adopted: bool,
    egress: attach::Egress,
    pins: Pins,
    held: Arc<Held>,
    /// Keeps other daemons away.
    lock: Lock,
    /// Guards of daemons that are gone, which were pinned beside it.
    left: Vec<Left>,
}

/// How the XDP program is attached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attached {
    /// In the driver.
    Native,
    /// In the network stack.
    Generic(Why),
}

/// Why not in the driver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// The configuration says so.
    Configured,
    /// The driver is veth's, whose native mode neither delivers what is turned to the interface's own MAC nor sends
    /// answers to a peer without a program.
    Veth,
    /// What the driver said to native mode: an errno.
    Refused(i32),
    /// So it was attached by the daemon before this one.
    Adopted,
}

impl fmt::Display for Attached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Native => f.write_str("native"),
            Self::Generic(Why::Configured) => f.write_str("generic (as configured)"),
            Self::Generic(Why::Veth) => f.write_str("generic (the interface is a veth)"),
            Self::Generic(Why::Adopted) => f.write_str("generic (as the daemon before attached it)"),
            Self::Generic(Why::Refused(errno)) => {
                write!(f, "generic (the driver refused native: {})", io::Error::from_raw_os_error(*errno))
            }
        }
    }
}

impl DataPlane {
    /// The interface.
    #[must_use]
    pub const fn target(&self) -> &Target {
        &self.target
    }

    /// How the XDP program is attached.
    #[must_use]
    pub const fn mode(&self) -> &Attached {
        &self.attached
    }

    /// Whether an earlier daemon's maps and links were taken over, roles and leases included.
    #[must_use]
    pub const fn is_adopted(&self) -> bool {
        self.adopted
    }

    /// Where everything is pinned, in the host's mount namespace if that could be entered.
    #[must_use]
    pub fn pin_dir(&self) -> &Path {
        self.pins.dir()
    }

    /// A program that somebody has detached. Not told of the egress program before Linux 6.6. May block for as long as
    /// somebody else reconfigures interfaces.
    #[must_use]
    pub fn detached(&self) -> Option<Detached> {
        self.held.detached(self.target.index)
    }

    /// Whether somebody has removed pins. The programs stay attached while this lives, but would go with it.
    #[must_use]
    pub fn is_unpinned(&self) -> bool {
        self.held.is_unpinned(self.lock.dir())
    }

    /// Whether something is not pinned beside it.
    fn lacks_pin(&self, name: &str) -> bool {
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

    /// A planned stop: detaches both programs and removes the pins. From here on the kernel answers for addresses that
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
