//! An interface, and where on it the XDP program runs.

use std::{fmt, io};

use vrrp_common::types::Mac;

use crate::{error::AttachError, sys};

/// The interface to attach to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Name of the interface, 1..=15 bytes.
    pub name: String,
    /// Index of the interface in this thread's network namespace.
    pub index: u32,
    /// MAC address of the interface itself.
    pub mac: Mac,
}

/// Place where the XDP program is to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Native where the driver has it, generic on veth and where native is refused.
    Auto,
    /// The driver, or nowhere.
    Native,
    /// The network stack.
    Generic,
}

/// Place where the XDP program runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attached {
    /// The driver.
    Native,
    /// The network stack.
    Generic(Why),
}

/// Reason for which it does not run in the driver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// The configuration says so.
    Configured,
    /// The driver is veth's, whose native mode neither delivers what is turned to the interface's own MAC nor sends
    /// answers to a peer without a program.
    Veth,
    /// The driver refuses native mode, with this errno.
    Refused(i32),
    /// The daemon before this one has attached it so.
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

impl Target {
    /// Says why a program could not be attached. The kernel says that there is no such interface as it says that a driver
    /// refuses.
    pub(crate) fn not_attached(&self, program: &'static str, source: io::Error) -> AttachError {
        let interface = self.name.clone();
        if sys::interface_name(self.index).is_none() {
            return AttachError::NoInterface { interface };
        }
        AttachError::Attach { program, interface, source }
    }
}
