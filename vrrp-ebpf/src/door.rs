//! Whether a router may answer: its role, and its lease, at this moment.

use aya_ebpf::helpers::generated::{bpf_jiffies64, bpf_ktime_get_boot_ns};
use vrrp_common::abi::{LEASE_AHEAD_NS, role};

use crate::maps::{Cpu, Router};

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
    pub(crate) fn of(router: Router, cpu: Cpu) -> Self {
        if router.role() != role::MASTER {
            return Self::NotMaster;
        }
        if is_ahead(router.lease_until_ns(), cpu) { Self::Open } else { Self::Lapsed }
    }
}

/// Whether a time has not come yet.
///
/// To read the clock costs as much as all else that is done for a frame. So what was read in this tick stands in for
/// it, as long as there is more ahead than a tick can take, however late the next one is: a second, where ticks are 1
/// to 10 ms. The last second of a lease is always held against the clock itself.
#[inline(always)]
fn is_ahead(until: u64, cpu: Cpu) -> bool {
    // Before the clock: the tick may end in between, but what is kept is never newer than its tick says.
    // SAFETY: a helper without arguments.
    let tick = unsafe { bpf_jiffies64() };
    if let Some(read) = cpu.clock_in(tick)
        && read + LEASE_AHEAD_NS < until
    {
        return true;
    }
    let now = now();
    cpu.set_clock(tick, now);
    now < until
}

/// `CLOCK_BOOTTIME` in ns.
#[inline(always)]
pub(crate) fn now() -> u64 {
    // SAFETY: a helper without arguments.
    unsafe { bpf_ktime_get_boot_ns() }
}
