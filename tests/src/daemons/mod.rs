//! The daemons under test and those that they are compared with, each in a namespace and with files of its own.

mod frr;
mod keepalived;
mod nginx;
mod process;
mod router;
mod vrrpd;

pub use frr::Frr;
pub use keepalived::Keepalived;
pub use nginx::Nginx;
pub use process::Process;
pub use router::Router;
pub use vrrpd::{Vrrpd, binary};

use anyhow::Result;

/// What can be done to any daemon.
pub trait Daemon {
    /// Asks it to leave (SIGTERM) and waits until it has ended.
    ///
    /// # Errors
    /// If it does not end.
    fn terminate(&mut self) -> Result<()>;

    /// Ends it without a chance to clean up (SIGKILL).
    ///
    /// # Errors
    /// If there is no such process any more.
    fn kill(&mut self) -> Result<()>;

    /// Stops it where it stands (SIGSTOP).
    ///
    /// # Errors
    /// If there is no such process any more.
    fn freeze(&mut self) -> Result<()>;

    /// Lets it go on (SIGCONT).
    ///
    /// # Errors
    /// If there is no such process any more.
    fn thaw(&mut self) -> Result<()>;

    /// What it has logged so far.
    fn log(&self) -> String;
}
