//! Reasons for which a data plane could not be put in place, for the person who must do something about it.

use std::{io, path::PathBuf};

use crate::object::LoadError;

/// A reason, with what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum AttachError {
    /// The build had no tools for the eBPF object.
    #[error("this vrrpd was built without the eBPF object: build it with `cargo xtask build`")]
    NoObject,
    /// Capabilities that are missing, by name.
    #[error("missing privilege: {}; run as root, or give the process these capabilities", .0.join(", "))]
    Privilege(Vec<&'static str>),
    /// The kernel says no, although all capabilities are there.
    #[error(
        "the kernel does not let this process {action}, though it has the capabilities: a container, or a \
             security module (SELinux, AppArmor, lockdown), forbids it"
    )]
    Forbidden {
        /// The action that was tried.
        action: &'static str,
        /// The kernel's answer.
        source: io::Error,
    },
    /// The release of a kernel that is too old.
    #[error("Linux {release} is too old for the program: 6.1 or later is needed")]
    KernelTooOld {
        /// The release, as `uname -r` says it.
        release: String,
        /// The kernel's answer.
        source: Box<LoadError>,
    },
    /// The process lives in a time namespace.
    #[error(
        "this process is in a time namespace with another CLOCK_BOOTTIME than the kernel's ({offset} s): leases \
             would be wrong; run vrrpd outside of it"
    )]
    TimeNamespace {
        /// Offset of the clock in whole seconds, and nanoseconds.
        offset: String,
    },
    /// There is no BPF file system.
    #[error("no BPF file system at {dir}, and it cannot be mounted: mount -t bpf bpf {dir}")]
    NoBpfFs {
        /// The directory where it should be.
        dir: PathBuf,
        /// The kernel's answer.
        source: io::Error,
    },
    /// Pins cannot be read or written.
    #[error("cannot {action} {path}")]
    Pin {
        /// The action that was tried.
        action: &'static str,
        /// The pin or directory that it was tried on.
        path: PathBuf,
        /// The kernel's answer.
        source: io::Error,
    },
    /// Another daemon of this kind.
    #[error("another vrrpd runs on {interface} (it holds {path})")]
    Taken {
        /// The interface.
        interface: String,
        /// The directory of its pins.
        path: PathBuf,
    },
    /// The interface has gone.
    #[error("interface {interface} does not exist")]
    NoInterface {
        /// The interface.
        interface: String,
    },
    /// Another XDP program is attached.
    #[error(
        "{interface} already has an XDP program, {program}: there can be only one; detach it \
             (`ip link set dev {interface} xdp off`, or stop what attached it)"
    )]
    Busy {
        /// The interface.
        interface: String,
        /// The program's name and id, as far as they can be found out.
        program: String,
    },
    /// Native mode was asked for and refused because of the MTU or the like.
    #[error(
        "{interface}'s driver refuses XDP in native mode as it is set up now ({source}): an MTU above about \
             3,500 and LRO are the usual reasons; lower the MTU (`ip link set dev {interface} mtu 1500`), turn LRO \
             off (`ethtool -K {interface} lro off`), or set xdp_mode = \"generic\""
    )]
    NativeRefused {
        /// The interface.
        interface: String,
        /// The kernel's answer.
        source: io::Error,
    },
    /// Native mode was asked for, and the driver has none.
    #[error("{interface}'s driver has no native XDP: set xdp_mode = \"auto\" or \"generic\"")]
    NoNative {
        /// The interface.
        interface: String,
    },
    /// The program could not be attached for another reason.
    #[error("cannot attach the {program} program to {interface}")]
    Attach {
        /// XDP or egress.
        program: &'static str,
        /// The interface.
        interface: String,
        /// The kernel's answer.
        source: io::Error,
    },
    /// The kernel does not take the object.
    #[error("the kernel does not take the eBPF object: {0}")]
    Load(#[source] Box<LoadError>),
    /// A map is not what it should be.
    #[error("a map of the data plane cannot be used")]
    Map(#[from] aya::maps::MapError),
    /// The helper thread could not be started, or panicked.
    #[error("cannot use a thread for the pins")]
    Thread(#[source] io::Error),
}

impl AttachError {
    /// Tells whether a privilege or a feature of the kernel is missing, so that another try will not help.
    #[must_use]
    pub const fn is_unsupported(&self) -> bool {
        match self {
            Self::Privilege(_)
            | Self::Forbidden { .. }
            | Self::KernelTooOld { .. }
            | Self::TimeNamespace { .. }
            | Self::NoBpfFs { .. }
            | Self::NoNative { .. }
            | Self::Load(_) => true,
            Self::NoObject
            | Self::Pin { .. }
            | Self::Taken { .. }
            | Self::NoInterface { .. }
            | Self::Busy { .. }
            | Self::NativeRefused { .. }
            | Self::Attach { .. }
            | Self::Map(_)
            | Self::Thread(_) => false,
        }
    }
}
