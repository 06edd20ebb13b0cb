//! All virtual routers of a daemon together: which there are, what is due, and what a turn does.
//!
//! ```text
//! frames │ command │ deadline ─► Input ─► Election ─► Effects ─► door, adverts, expectation ─► Request
//! ```
//!
//! [`Engine::turn`] takes in what has come, lets the elections decide and carries out what they say, by the traits
//! [`Outside`] and [`Plane`]. It has no descriptor, no thread and no clock of its own, so that the simulation runs the
//! engine that ships.

mod announce;
mod effects;
mod engine;
mod flush;
mod guarded;
mod heal;
mod holdings;
mod inquiry;
mod link;
mod membership;
mod mismatch;
mod note;
mod outside;
mod port;
mod rate_limit;
mod reload;
mod report;
mod resources;
mod roster;
mod router;
mod secondary;
mod settle;
mod settling;
mod state_change;
mod statistics;
pub mod status;
mod suitable;
mod sync;
mod teach;
mod tracked;
mod tracking;
mod unheard;
mod way_out;

use std::{collections::BTreeSet, net::IpAddr, sync::Arc};

pub use engine::Engine;
pub use link::Link;
pub use outside::{BATCH, Outside, Plane};
pub use port::{Attached, PortId};
pub use rate_limit::RateLimit;
pub use resources::{Binding, Resources, Routing};
pub use roster::{RouterId, defects};
pub use state_change::{State, StateChange, Subject};
pub use suitable::{Demand, Demands, Kind, Nature};
pub use tracked::Trackings;
pub use tracking::{Effect, Health, Share, Standing, Tracking};
use vrrp_config::Config;

/// What the supervisor tells the engine.
#[derive(Debug)]
pub enum Command<P> {
    /// The state of an interface; `None` when there is no such interface.
    Link {
        /// Its name.
        interface: String,
        /// Its state.
        link: Option<Link>,
    },
    /// The sources of adverts that the configuration names and any interface of this host has. Told before the first `Link`.
    Sources(BTreeSet<IpAddr>),
    /// The data plane is attached to an interface, or is no more.
    Plane {
        /// The interface's name.
        interface: String,
        /// Where its frames come from and go to.
        attached: Option<(P, Attached)>,
    },
    /// The XDP program of an interface is detached, and nothing is heard there any more. Ends with the next `Plane`.
    Detached {
        /// The interface's name.
        interface: String,
    },
    /// A virtual address could not be added.
    AddressFailed {
        /// Whose.
        router: RouterKey,
    },
    /// The kernel was looked at and made to have what routers [hold](Request::Holding).
    Settled {
        /// The last [`Request::Look`] before that.
        ticket: Ticket,
        /// Addresses of this daemon's, by interface, that nobody holds and that the kernel still has.
        left: BTreeSet<(String, IpAddr)>,
    },
    /// A changed configuration, with what is known now of all that its routers track.
    Reload(Box<Config>, Trackings),
    /// What checks and interfaces have changed.
    Tracked(Trackings),
    /// Leave, handing over; or at once.
    Stop {
        /// Without waiting for successors.
        at_once: bool,
    },
}

/// What the engine asks of the supervisor.
#[derive(Debug)]
pub enum Request {
    /// What a router has on this host from now on, instead of what it had before.
    Holding {
        /// Whose.
        router: RouterKey,
        /// The router's name.
        name: String,
        /// Its addresses, routes and rules; `None`: nothing.
        resources: Option<Arc<Resources>>,
    },
    /// Addresses are guarded that no router has any more: have the kernel let go of them, and answer by
    /// [`Command::Settled`] with this ticket.
    Look {
        /// Higher than any before.
        ticket: Ticket,
    },
    /// A router or a group has changed its state.
    Changed(StateChange),
    /// No router needs the data plane of this interface. It is used until it is taken away by [`Command::Plane`].
    Vacant {
        /// The interface's name.
        interface: String,
    },
}

/// Order of what the engine asks for and of what the supervisor has done about it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket(u64);

impl Ticket {
    /// The one after it.
    const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// Name of a router that outlives it: also of one that has been renamed, or that nobody has configured any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RouterKey {
    /// The interface of its adverts.
    port: PortId,
    /// Index in the data plane's arrays.
    slot: u32,
}
