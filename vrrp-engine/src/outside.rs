//! All that the engine does not have itself: the clock, the data planes with their sockets, and the supervisor.

use std::{
    collections::{BTreeSet, HashMap},
    io,
    net::{IpAddr, Ipv4Addr},
    time::SystemTime,
};

use vrrp_common::{
    abi::{self, RouterEntry, Seen},
    election::{Effects, Election, Input},
    lease::Lease,
    receive::{Advert, Peer},
    time::Time,
    types::{Mac, Priority},
};

use super::{Request, RouterKey};

/// The surroundings of an engine. The daemon gives it the kernel's; the simulation gives it a model of them.
pub trait Outside {
    /// The data plane and the sockets of one interface.
    type Plane: Plane;

    /// `CLOCK_BOOTTIME`. Never goes back.
    fn now(&self) -> Time;

    /// The time of day, for people only.
    fn wall(&self) -> SystemTime;

    /// Hands an input to the election of a router. A seam: what breaks elections on purpose stands here.
    fn decide(&mut self, _router: RouterKey, election: &mut Election, now: Time, input: Input) -> Effects {
        election.handle(now, input)
    }

    /// When the election of a router wants its timeout. A seam like [`decide`](Self::decide).
    fn deadline_of(&self, _router: RouterKey, election: &Election) -> Time {
        election.deadline()
    }

    /// Hands a request to the supervisor.
    ///
    /// # Errors
    /// The request comes back when there is no room for it now.
    fn request(&mut self, request: Request) -> Result<(), Request>;
}

/// The data plane of one interface, and the sockets that frames leave by. A `slot` is what [`abi::slot`] gives.
///
/// Nothing here waits: each call is a few stores into shared memory, or one system call that does not block.
pub trait Plane {
    /// The next frame that the data plane has handed on.
    fn next_event(&mut self) -> Option<abi::Event>;

    /// Sets the interface's own MAC address, where frames to a virtual one are turned to.
    fn set_mac(&mut self, mac: Mac);

    /// Makes `slot` hold `entry`. The same router keeps its role while its lease is good, any other starts as backup.
    fn configure(&mut self, slot: u32, entry: &RouterEntry, now: Time);

    /// Makes `peers` the only hosts that adverts of `slot` are taken from.
    ///
    /// # Errors
    /// There is no room for so many; some may have been taken.
    fn set_peers(&mut self, slot: u32, peers: &[Peer]) -> io::Result<()>;

    /// Makes `slot` hold a router that is never master, and that guards the addresses of the slot.
    fn shut(&mut self, slot: u32, now: Time);

    /// Forgets the router in `slot`.
    ///
    /// # Errors
    /// That of the table of its peers; the router is gone in any case.
    fn remove(&mut self, slot: u32) -> io::Result<()>;

    /// The slots that hold a router.
    fn configured_slots(&self) -> impl Iterator<Item = u32> + '_;

    /// The virtual addresses that are recognised.
    fn vips(&self) -> impl Iterator<Item = IpAddr> + '_;

    /// Makes the virtual addresses those of `wanted`, each with its slot.
    ///
    /// # Errors
    /// There is no room for so many; some may have been added.
    fn assign(&mut self, wanted: &HashMap<IpAddr, u32>) -> io::Result<()>;

    /// Opens the door of `slot` for the length of `lease`.
    fn open(&mut self, slot: u32, lease: Lease, now: Time);

    /// Closes the door of `slot`.
    fn close(&mut self, slot: u32, now: Time);

    /// The lease of `slot`, if it is master and the lease runs at `now`.
    fn running_lease(&self, slot: u32, now: Time) -> Option<Lease>;

    /// Sets this host's own effective priority.
    fn set_priority(&mut self, slot: u32, priority: Priority);

    /// Sets whether replies to this host that speak as addresses of `slot` are handed on whatever its role.
    fn set_asking(&mut self, slot: u32, asking: bool);

    /// Has adverts like this one, to `destination`, stamped and not handed on any more.
    fn expect(&mut self, slot: u32, advert: &Advert, destination: IpAddr, message: &[u8]);

    /// Has every advert handed on from now on.
    fn forget(&mut self, slot: u32);

    /// When the expected advert was last heard, if ever, and how many were.
    fn last_heard(&self, slot: u32) -> (Option<Time>, u64);

    /// Begins to look for what shows whether the switch port forwards. What was seen before is forgotten.
    fn watch(&mut self);

    /// Looks for that no more.
    fn unwatch(&mut self);

    /// What was seen since it was looked for.
    fn seen(&self) -> Seen;

    /// Frames by verdict since the data plane was made; `None` when they cannot be read.
    fn counters(&self) -> Option<abi::Counters>;

    /// Has the interface accept frames to `mac`.
    ///
    /// # Errors
    /// What the kernel says.
    fn accept(&mut self, mac: Mac) -> io::Result<()>;

    /// Takes [`accept`](Self::accept) back for all but these.
    ///
    /// # Errors
    /// What the kernel says to the first that it does not let go.
    fn retain(&mut self, macs: &BTreeSet<Mac>) -> io::Result<()>;

    /// Sends up to [`BATCH`] frames and returns how many have left.
    ///
    /// # Errors
    /// The first one did not leave.
    fn send<'a>(&mut self, frames: impl Iterator<Item = &'a [u8]>) -> io::Result<usize>;

    /// Sends frames that speak for addresses whose door is closed.
    ///
    /// # Errors
    /// The first one did not leave.
    fn send_past_the_door<'a>(&mut self, frames: impl Iterator<Item = &'a [u8]>) -> io::Result<usize>;

    /// Sends each peer its packet, and returns how many have left.
    ///
    /// # Errors
    /// None has left.
    fn send_to_peers(&mut self, packets: &[(Ipv4Addr, Vec<u8>)]) -> io::Result<usize>;
}

/// The most frames of one [`Plane::send`].
pub const BATCH: usize = 32;
