//! Events that an election is told of.

use super::{Fault, Settings, Settling};
use crate::{lease::Lease, receive::Advert, time::Time, types::Mac};

/// Event that an election is told of. Times lie at or before the `now` that goes with them.
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
        /// Arrival at the host.
        at: Time,
        /// Time at which the kernel last saw the expected advert, if ever.
        last_heard: Option<Time>,
    },
    /// A deadline may have passed. All adverts that had arrived by now were handed in before.
    Timeout {
        /// Time at which the kernel last saw the expected advert, if ever.
        last_heard: Option<Time>,
    },
    /// An advert with our priority, or the farewell, has left.
    Sent {
        /// Time that was read from the clock before the advert was handed to the kernel.
        at: Time,
    },
    /// A host says by ARP that it has one of the virtual addresses.
    Claimed {
        /// Arrival at the host.
        at: Time,
    },
    /// A host says so in answer to a question of ours ([`Effects::ask`](super::Effects::ask)).
    Answered {
        /// Arrival at the host.
        at: Time,
        /// MAC address in the answer.
        mac: Mac,
    },
    /// The router cannot take part any more.
    Fault(Fault),
    /// The operator stops the router. A master hands over.
    Stop,
    /// The router is to leave at once.
    Halt,
    /// All members of the group would take the role. Does nothing unless this one would too.
    Promote,
    /// A member of the group has lost the role.
    Yield,
    /// Priority, interval, or preemption have changed.
    Configure(Settings),
    /// The link has come up or gone down, or something was heard since.
    Settle(Settling),
}
