//! One interface, as the protocol thread has it: the tables of its data plane, its events, and its two sockets.

use std::{
    collections::{BTreeSet, HashMap},
    io,
    net::{IpAddr, Ipv4Addr},
};

use tokio::io::unix::AsyncFd;
use vrrp_common::{
    abi::{self, RouterEntry, Seen},
    lease::Lease,
    receive::{Advert, Peer},
    time::Time,
    types::{Mac, Priority},
};
use vrrp_dataplane::{Events, Tables};
use vrrp_engine::Plane;

use crate::{packet::PacketSocket, readiness::watch, unicast::UnicastSocket};

/// All that is needed to hear and to speak on an interface.
#[derive(Debug)]
pub(crate) struct Port {
    pub(crate) tables: Tables,
    pub(crate) events: Events,
    pub(crate) socket: PacketSocket,
    pub(crate) unicast: UnicastSocket,
}

/// A [`Port`] whose events wake the protocol thread.
#[derive(Debug)]
pub(crate) struct OpenPort {
    tables: Tables,
    events: AsyncFd<Events>,
    socket: PacketSocket,
    unicast: UnicastSocket,
}

impl OpenPort {
    /// Has the events wake this thread.
    ///
    /// # Errors
    /// The kernel's, which has no room for one descriptor more.
    pub(super) fn new(port: Port) -> io::Result<Self> {
        let Port { tables, events, socket, unicast } = port;
        Ok(Self { tables, events: watch(events)?, socket, unicast })
    }

    pub(super) const fn events(&self) -> &AsyncFd<Events> {
        &self.events
    }
}

impl Plane for OpenPort {
    fn next_event(&mut self) -> Option<abi::Event> {
        self.events.get_mut().next_event()
    }

    fn set_mac(&mut self, mac: Mac) {
        self.tables.set_mac(mac);
    }

    fn configure(&mut self, slot: u32, entry: &RouterEntry, now: Time) {
        self.tables.configure(slot, entry, now);
    }

    fn set_peers(&mut self, slot: u32, peers: &[Peer]) -> io::Result<()> {
        self.tables.set_peers(slot, peers)
    }

    fn shut(&mut self, slot: u32, now: Time) {
        self.tables.shut(slot, now);
    }

    fn remove(&mut self, slot: u32) -> io::Result<()> {
        self.tables.remove(slot)
    }

    fn configured_slots(&self) -> impl Iterator<Item = u32> + '_ {
        self.tables.configured_slots()
    }

    fn vips(&self) -> impl Iterator<Item = IpAddr> + '_ {
        self.tables.vips().map(|(address, _)| address)
    }

    fn assign(&mut self, wanted: &HashMap<IpAddr, u32>) -> io::Result<()> {
        self.tables.assign(wanted)
    }

    fn open(&mut self, slot: u32, lease: Lease, now: Time) {
        self.tables.open(slot, lease, now);
    }

    fn close(&mut self, slot: u32, now: Time) {
        self.tables.close(slot, now);
    }

    fn running_lease(&self, slot: u32, now: Time) -> Option<Lease> {
        self.tables.router(slot).running_lease(now)
    }

    fn set_priority(&mut self, slot: u32, priority: Priority) {
        self.tables.set_priority(slot, priority);
    }

    fn set_asking(&mut self, slot: u32, asking: bool) {
        self.tables.set_asking(slot, asking);
    }

    fn expect(&mut self, slot: u32, advert: &Advert, destination: IpAddr, message: &[u8]) {
        self.tables.expect(slot, advert, destination, message);
    }

    fn forget(&mut self, slot: u32) {
        self.tables.forget(slot);
    }

    fn last_heard(&self, slot: u32) -> (Option<Time>, u64) {
        self.tables.last_heard(slot)
    }

    fn watch(&mut self) {
        self.tables.watch().start();
    }

    fn unwatch(&mut self) {
        self.tables.watch().stop();
    }

    fn seen(&self) -> Seen {
        self.tables.seen()
    }

    fn counters(&self) -> Option<abi::Counters> {
        self.tables.counters().ok()
    }

    fn accept(&mut self, mac: Mac) -> io::Result<()> {
        self.socket.accept(mac)
    }

    fn retain(&mut self, macs: &BTreeSet<Mac>) -> io::Result<()> {
        self.socket.retain(macs)
    }

    fn send<'a>(&mut self, frames: impl Iterator<Item = &'a [u8]>) -> io::Result<usize> {
        self.socket.send(frames)
    }

    fn send_past_the_door<'a>(&mut self, frames: impl Iterator<Item = &'a [u8]>) -> io::Result<usize> {
        self.socket.send_past_the_door(frames)
    }

    fn send_to_peers(&mut self, packets: &[(Ipv4Addr, Vec<u8>)]) -> io::Result<usize> {
        self.unicast.send(packets)
    }
}
