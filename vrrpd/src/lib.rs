//! vrrpd: a VRRP daemon whose data plane is an XDP program.
//!
//! Modules do not import each other sideways: the [`protocol`] loop is the only one that sees the data plane's
//! tables, the packet socket and the elections together; the [`supervisor`] is the only one that sees netlink,
//! signals and the control socket.

mod belongings;
pub mod cli;
mod clock;
pub mod config;
pub mod control;
pub mod dataplane;
pub mod failure;
pub mod logging;
mod netlink;
mod packet;
#[allow(dead_code, reason = "checks and hooks will run them")]
mod program;
mod protocol;
mod readiness;
mod realtime;
pub mod status;
pub mod supervisor;
mod unicast;
