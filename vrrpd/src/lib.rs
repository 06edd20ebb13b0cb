//! vrrpd: a VRRP daemon whose data plane is an XDP program.
//!
//! No module uses one that uses it: the [`protocol`] loop is the only one that sees the data plane's tables, the packet
//! socket and the elections together; the [`supervisor`], which is the top, is the only one that sees netlink, signals and
//! the control socket.

mod address;
mod checks;
pub mod cli;
mod clock;
pub mod config_file;
pub mod control;
mod descriptors;
pub mod failure;
mod handover;
mod lock;
pub mod logging;
mod multicast;
mod netlink;
mod nonlocal_bind;
mod notify;
pub mod origin;
mod ownership;
mod packet;
mod program;
mod protocol;
mod readiness;
pub mod realtime;
pub mod signals;
pub use vrrp_engine::status;
pub mod supervisor;
pub mod surroundings;
mod trust;
mod unicast;
