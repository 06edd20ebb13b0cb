//! What a daemon tells a data plane of a router, and is told by it, as values and not as words in maps.

use crate::{
    time::Time,
    types::{Family, Mac, Priority, Vrid},
};

/// A virtual router, as the data plane needs to know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RouterEntry {
    /// With `family`, what makes it the same router.
    pub vrid: Vrid,
    /// The family of its addresses.
    pub family: Family,
    /// Whether `mac` is the virtual router's own.
    pub use_vmac: bool,
    /// Whether packets to its addresses are for this host.
    pub accept: bool,
    /// What its addresses are answered with.
    pub mac: Mac,
    /// Whether its adverts come from peers, to this host alone, or to the group.
    pub unicast: bool,
    /// This host's own effective priority.
    pub priority: Priority,
}

/// What has arrived since the data plane was asked to look whether the switch port forwards.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// When the first frame did that only a port which forwards lets through.
    pub forwarded: Option<Time>,
    /// When the first frame of a spanning tree did, if that was before.
    pub bpdu: Option<Time>,
}
