//! The kernel side: loading, attaching and pinning it, and the maps it shares with the daemon.
//!
//! [`attach()`] gives three things: the [`DataPlane`], which only knows how to go away; the [`Tables`] and the
//! [`Events`], which the protocol thread owns. Nothing here knows the protocol, nor where a setting comes from.

mod attach;
mod bpffs;
mod egress;
mod error;
mod events;
mod filter;
mod guard;
mod hold;
mod host;
mod ingress;
mod left;
mod link;
mod lock;
mod mapping;
mod near;
mod notes;
mod object;
mod pins;
mod plane;
mod sys;
mod syscall;
mod tables;
mod target;
#[cfg(test)]
mod tests;
mod watch;

/// Words in which [`Tables`] are told and tell, as `vrrp-common` defines it.
pub use vrrp_common::abi::{RouterEntry, Seen};

pub use self::{
    attach::attach,
    error::AttachError,
    events::Events,
    guard::{Guard, Report},
    hold::Detached,
    ingress::Entrance,
    notes::{Inherited, unheld},
    object::{LoadError, Log, OBJECT},
    pins::namespace,
    plane::{Attachment, DataPlane},
    tables::Tables,
    target::{Attached, Mode, Target, Why},
    watch::Watch,
};
