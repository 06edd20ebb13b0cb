//! What an election is told.

use super::{Fault, Settings, Settling};
use crate::{lease::Lease, receive::Advert, time::Time, types::Mac};

/// What happened. Times lie at or before the `now` that goes with them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// The interface is ready. An owner is master at once (RFC 9568 §6.4.1).
    Start,
    /// The interface is ready, and even an owner is to listen for Master_Down_Interval first.
    Listen,
    /// The interface is ready, and an earlier daemon's lease is still running: go on as the master that it was.
    Adopt(Lease),
    /// An advert passed the receive ladder.
    Advert {
        /// The advert.
        advert: Advert,
        /// When it reached the host.
        at: Time,
        /// When the kernel last saw the expected advert, if ever.
        last_heard: Option<Time>,
    },
    /// A deadline may have passed. All adverts that had arrived by now were handed in before.
    Timeout {
        /// When the kernel last saw the expected advert, if ever.
        last_heard: Option<Time>,
    },
    /// An advert with our priority, or the farewell, has left.
    Sent {
        /// Read from the clock before it was handed to the kernel.
        at: Time,
    },
    /// Another host says by ARP that it has one of the virtual addresses.
    Claimed {
        /// When that reached the host.
        at: Time,
    },
    /// The same, in answer to a question of ours ([`Effects::ask`]).
    Answered {
        /// When that reached the host.
        at: Time,
        /// Where it says that the address is.
        mac: Mac,
    },
    /// The router cannot take part any more.
    Fault(Fault),
    /// Leave, handing over if master.
    Stop,
    /// Leave at once.
    Halt,
    /// In a group: all members would take the role. Does nothing unless this one would too.
    Promote,
    /// In a group: another member has lost the role.
    Yield,
    /// Priority, interval, or preemption have changed.
    Configure(Settings),
    /// The link has come up or gone down, or something was heard since.
    Settle(Settling),
}
