//! The protocol thread: one loop that takes everything in, lets the elections decide, and carries out what they say.
//!
//! ```text
//! ring │ command │ deadline ─► Input ─► Election ─► Effects ─► door, packet socket, expectation ─► Request
//! ```
//!
//! It never waits for netlink, a file or a log: those live on the supervisor's thread, behind two bounded channels.
//! Nothing else writes the data plane's tables.

mod announce;
mod effects;
mod guarded;
mod guests;
mod heal;
mod holdings;
mod inquiry;
mod membership;
mod mismatch;
mod news;
mod note;
mod port;
mod report;
mod router;
mod run;
mod settle;
mod settling;
mod statistics;
mod sync;
mod teach;
mod tracked;
mod unheard;
mod wait;
mod way_out;

use std::{collections::BTreeSet, io, net::IpAddr, sync::Arc, thread, time::Duration};

use tokio::sync::{mpsc, oneshot};
use vrrp_common::types::Mac;

pub(crate) use port::Port;
pub(crate) use tracked::Trackings;

use crate::{belongings::Belongings, notify::News, realtime, status::Status, suitable::Nature};
use vrrp_config::Config;

/// Commands and requests that may be under way. The supervisor waits when it is full; the protocol thread does not,
/// and logs what it had to drop.
const CHANNEL: usize = 8_192;

/// What the supervisor tells the protocol thread.
#[derive(Debug)]
pub(crate) enum Command {
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
    Port {
        /// The interface's name.
        interface: String,
        /// Where its frames come from and go to.
        port: Option<Box<Port>>,
    },
    /// The XDP program of an interface is detached, and nothing is heard there any more. Ends with the next `Port`.
    Deaf {
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
    /// For `vrrpd status`.
    Status(oneshot::Sender<Status>),
    /// Leave, handing over; or at once.
    Stop {
        /// Without waiting for successors.
        at_once: bool,
    },
}

/// What an interface is like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) index: u32,
    pub(crate) mac: Mac,
    /// Administratively up, with carrier; later by the delays that are configured.
    pub(crate) up: bool,
    /// Whether it is so at this moment.
    pub(crate) carrier: bool,
    /// How often it has come up.
    pub(crate) carrier_ups: u32,
    pub(crate) nature: Nature,
    /// Its addresses, primary ones first, in the kernel's order.
    pub(crate) addresses: Vec<IpAddr>,
}

/// What the protocol thread asks of the supervisor.
#[derive(Debug)]
pub(crate) enum Request {
    /// What a router has on this host from now on, instead of what it had before.
    Holding {
        /// Whose.
        router: RouterKey,
        /// The router's name.
        name: String,
        /// Its addresses, routes and rules; `None`: nothing.
        belongings: Option<Arc<Belongings>>,
    },
    /// Addresses are guarded that no router has any more: have the kernel let go of them, and answer by
    /// [`Command::Settled`] with this ticket.
    Look {
        /// Higher than any before.
        ticket: Ticket,
    },
    /// A router or a group has changed its state.
    Transitioned(News),
    /// No router needs the data plane of this interface. It is used until it is taken away by [`Command::Port`].
    Vacant {
        /// The interface's name.
        interface: String,
    },
}

/// Orders what the protocol thread asks for and what the supervisor has done about it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ticket(u64);

impl Ticket {
    /// The one after it.
    const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// Which router, also one that has been renamed, or that nobody has configured any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RouterKey {
    /// Index in the loop's list of interfaces, which only grows.
    interface: usize,
    /// Index in the data plane's arrays.
    slot: u32,
}

/// The protocol thread, seen from the supervisor.
#[derive(Debug)]
pub(crate) struct Handle {
    pub(crate) commands: mpsc::Sender<Command>,
    pub(crate) requests: mpsc::Receiver<Request>,
    pub(crate) thread: thread::JoinHandle<io::Result<()>>,
}

/// Starts the thread, whose routers do not take part before `delay` is over. It ends by itself when all routers have stopped after [`Command::Stop`].
///
/// # Errors
/// The thread cannot be made.
pub(crate) fn spawn(config: Config, trackings: Trackings, delay: Duration) -> io::Result<Handle> {
    let (commands, command_queue) = mpsc::channel(CHANNEL);
    let (request_queue, requests) = mpsc::channel(CHANNEL);
    let thread = thread::Builder::new().name("protocol".into()).spawn(move || {
        realtime::enter();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
        runtime.block_on(async {
            let routers = run::Loop::new(config, trackings, command_queue, request_queue, delay)?;
            routers.run().await
        })
    })?;
    Ok(Handle { commands, requests, thread })
}
