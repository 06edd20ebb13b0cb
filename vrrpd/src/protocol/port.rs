//! One interface, as the protocol thread has it.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    net::{IpAddr, Ipv4Addr},
};

use tokio::io::unix::AsyncFd;
use vrrp_common::{
    abi,
    election::Fault,
    types::{Mac, Priority},
};
use vrrp_dataplane::{Events, RouterEntry, Tables};

use super::{Link, guarded::Guarded, router::Router, settling::Uplink};
use crate::{clock::now, packet::PacketSocket, readiness::watch, suitable::Demand, unicast::UnicastSocket};

/// What is needed to hear and to speak on an interface.
#[derive(Debug)]
pub(crate) struct Port {
    /// The index of the interface that it belongs to.
    pub(crate) index: u32,
    /// How the data plane is attached, for `vrrpd status`.
    pub(crate) mode: String,
    /// Where the maps are pinned, for `vrrpd status`.
    pub(crate) pins: String,
    pub(crate) tables: Tables,
    pub(crate) events: Events,
    pub(crate) socket: PacketSocket,
    pub(crate) unicast: UnicastSocket,
    /// Addresses that an earlier daemon had here, whether its tables were taken over or not.
    pub(crate) inherited: Vec<IpAddr>,
}

/// A [`Port`] whose events wake the loop.
#[derive(Debug)]
pub(crate) struct OpenPort {
    pub(crate) index: u32,
    pub(crate) mode: String,
    pub(crate) pins: String,
    pub(crate) tables: Tables,
    pub(crate) events: AsyncFd<Events>,
    pub(crate) socket: PacketSocket,
    pub(crate) unicast: UnicastSocket,
    /// Its program is detached: it can speak, and hears nothing.
    pub(crate) deaf: bool,
}

/// An interface with routers on it.
#[derive(Debug)]
pub(crate) struct Interface {
    pub(crate) name: String,
    /// Whether `link` was ever told: before that nothing is known, and nothing is a fault.
    pub(crate) known: bool,
    pub(crate) link: Option<Link>,
    pub(crate) uplink: Uplink,
    pub(crate) port: Option<OpenPort>,
    /// Index in the loop's list of routers, by slot, of those that only have addresses here.
    pub(crate) guests: BTreeMap<u32, usize>,
    /// Index in the loop's list of routers, by slot.
    pub(crate) by_slot: Box<[Option<usize>; abi::SLOTS]>,
    /// Addresses that no router has here any more.
    pub(crate) guarded: Guarded,
    /// Whether the data plane's tables are to be held against the routers before the turn ends.
    pub(crate) unsettled: bool,
    /// Whether the supervisor was told that nobody here needs the data plane.
    pub(crate) offered: bool,
}

impl Interface {
    pub(crate) fn new(name: String) -> Self {
        Self {
            name,
            known: false,
            link: None,
            uplink: Uplink::default(),
            port: None,
            guests: BTreeMap::new(),
            by_slot: Box::new([None; abi::SLOTS]),
            guarded: Guarded::default(),
            unsettled: false,
            offered: false,
        }
    }

    /// Whether a router is at home in this slot.
    pub(crate) fn houses(&self, slot: u32) -> bool {
        self.by_slot.get(slot as usize).is_some_and(Option::is_some)
    }

    /// Whether a router that has addresses here can take part. One that is down or missing is a matter of what the
    /// router [tracks](vrrp_config::Router::carriers).
    pub(crate) fn guest_readiness(&self, router: &Router) -> Result<(), Fault> {
        let Some(link) = &self.link else { return Ok(()) };
        suits(link, Demand { adverts: false, vmac: router.config.use_vmac })?;
        let attached = self.port.as_ref().is_some_and(|port| port.index == link.index && !port.deaf);
        if attached { Ok(()) } else { Err(Fault::DataPlane) }
    }

    /// Whether a router can take part here, and from which address. `sources`: those of the configuration that this host
    /// has, on any interface.
    pub(crate) fn readiness(
        &self,
        router: &Router,
        sources: &BTreeSet<IpAddr>,
    ) -> Result<(IpAddr, Mac), Fault> {
        let link = self.link.as_ref().ok_or(Fault::InterfaceMissing)?;
        suits(link, Demand { adverts: true, vmac: router.config.use_vmac })?;
        if !link.up && !router.config.dont_track_primary {
            return Err(Fault::InterfaceDown);
        }
        let source = match router.config.source() {
            Some((_, source)) if !sources.contains(&source) && !router.moving().any(|own| own == source) => {
                return Err(Fault::NoSource(source));
            }
            Some((_, source)) => source,
            None => primary_address(link, router).ok_or(Fault::NoAddress)?,
        };
        let port = self.port.as_ref().ok_or(Fault::DataPlane)?;
        if port.index != link.index || port.deaf {
            return Err(Fault::DataPlane);
        }
        Ok((source, link.mac))
    }
}

fn suits(link: &Link, demand: Demand) -> Result<(), Fault> {
    link.nature.refuses(demand).map_or(Ok(()), |why| Err(Fault::Unsuitable(why)))
}

impl OpenPort {
    pub(crate) fn new(port: Port) -> io::Result<Self> {
        let Port { index, mode, pins, tables, events, socket, unicast, inherited: _ } = port;
        Ok(Self { index, mode, pins, tables, events: watch(events)?, socket, unicast, deaf: false })
    }

    /// Makes the router known to the data plane, with the MAC address that goes with its addresses here. An earlier
    /// daemon's role and lease stay if they are still running. A guest hears no adverts here: it has no peers.
    pub(crate) fn install(&mut self, router: &Router, mac: Mac, guest: bool) -> io::Result<()> {
        let peers = if guest { Some(&[][..]) } else { router.peers() };
        self.tables.configure(
            router.slot,
            &RouterEntry {
                vrid: router.config.vrid,
                family: router.config.family,
                use_vmac: router.uses_vmac(),
                accept: router.config.accept || router.config.priority == Priority::OWNER,
                mac,
                unicast: peers.is_some(),
                priority: router.priority(),
            },
            now(),
        );
        self.tables.set_peers(router.slot, peers.unwrap_or_default())
    }
}

/// The first address that does not itself move. An owner may have no other than the one it owns.
fn primary_address(link: &Link, router: &Router) -> Option<IpAddr> {
    let own = link.addresses.iter().copied().filter(IpAddr::is_ipv4);
    own.clone().find(|address| !router.moving().any(|moving| moving == *address)).or_else(|| {
        let owner = router.config.priority == Priority::OWNER;
        owner.then(|| router.addresses_v4().first().copied().map(Ipv4Addr::into)).flatten()
    })
}
