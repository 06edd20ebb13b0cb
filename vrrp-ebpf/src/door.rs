//! Whether a router may answer: its role, and its lease, at this moment.

use aya_ebpf::helpers::generated::bpf_ktime_get_boot_ns;
use vrrp_common::abi::role;

use crate::maps::Router;

/// The door of one router.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Door {
    /// Master, with a lease: this host answers.
    Open,
    /// Another one is master.
    NotMaster,
    /// Master, but the daemon has not renewed the lease: another one may be master by now.
    Lapsed,
}

impl Door {
    /// Looked at anew for every frame.
    #[inline(always)]
    pub(crate) fn of(router: Router) -> Self {
        if router.role() != role::MASTER {
            return Self::NotMaster;
        }
        if now() < router.lease_until_ns() { Self::Open } else { Self::Lapsed }
    }
}

/// `CLOCK_BOOTTIME` in ns.
#[inline(always)]
pub(crate) fn now() -> u64 {
    // SAFETY: a helper without arguments.
    unsafe { bpf_ktime_get_boot_ns() }
}
