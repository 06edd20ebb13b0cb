//! One interface, and where on it the XDP program runs.

use std::{fmt, io};

use vrrp_common::types::Mac;

use crate::{error::AttachError, sys};

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
