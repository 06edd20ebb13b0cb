//! The guard: a program at tc ingress of every interface of the namespace, for what the program at XDP does not see. It
//! keeps the kernel from answering for a virtual address on another interface than the address's own.
//!
//! One for each daemon. It stays by itself when the daemon dies, and looks at the same roles and leases.

use bytemuck::{Pod, Zeroable};

use super::MAX_VIPS;

/// The names in the object file.
pub mod name {
    /// The program.
    pub const PROGRAM: &str = "vrrp_guard";
    /// `HashMap<Vip, Guarded, ENTRIES>`.
    pub const GUARD: &str = "GUARD";
    /// `ArrayOfMaps` of the `ROUTERS` of the interfaces.
    pub const PLANES: &str = "GUARD_PLANES";
    /// `Array<u64, 1>`, mapped into the daemon's memory: the [`near`](super::near) of all addresses in `GUARD`.
    pub const NEAR: &str = "GUARD_NEAR";
    /// `PerCpuArray<Dropped, 1>`.
    pub const COUNTERS: &str = "GUARD_COUNTERS";
}

/// Most addresses of one daemon.
pub const ENTRIES: usize = MAX_VIPS;

/// Most interfaces with a data plane of one daemon.
pub const PLANES: usize = 1024;

/// Value of `GUARD`: whose door it is. Its key is an address that the kernel has through this daemon.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Guarded {
    /// Index in `GUARD_PLANES`; [`NO_PLANE`]: nobody's, always shut.
    pub plane: u32,
    /// The [`slot`](super::slot) of the router there.
    pub slot: u32,
}

/// Value of [`Guarded::plane`].
pub const NO_PLANE: u32 = u32::MAX;

/// Value of `GUARD_COUNTERS`: frames that were dropped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Dropped {
    /// ARP questions.
    pub arp: u64,
    /// IPv4 packets.
    pub ipv4: u64,
    /// More than two priority tags (VLAN 0) on top of each other.
    pub tags_too_deep: u64,
}

/// One of 64 bits that an address has. Where that of none is set, none is looked for.
#[inline(always)]
#[must_use]
pub const fn near(address: [u8; 4]) -> u64 {
    1 << (u32::from_be_bytes(address) % 64)
}
