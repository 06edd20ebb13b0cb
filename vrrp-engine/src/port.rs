//! Interfaces with routers on them.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    io,
    net::{IpAddr, Ipv4Addr},
};

use vrrp_common::{
    abi::{self, RouterEntry},
    election::{Fault, Unsuitable},
    time::Time,
    types::{Mac, Priority},
};

use crate::{
    Link, RouterKey,
    guarded::Guarded,
    outside::Plane,
    roster::{RouterId, said_if_missing},
    router::VirtualRouter,
    settling::Uplink,
    suitable::Demand,
};

/// Handle of an interface. Interfaces are never taken out: a router may come back to one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PortId(u32);

/// What is known of a data plane beside what it does.
#[derive(Clone, Debug)]
pub struct Attached {
    /// The index of the interface that it belongs to.
    pub index: u32,
    /// How it is attached, for `vrrpd status`.
    pub mode: String,
    /// Where the maps are pinned, for `vrrpd status`.
    pub pins: String,
    /// Addresses that an earlier daemon had here, whether its tables were taken over or not.
    pub inherited: Vec<IpAddr>,
}

/// All interfaces that a router has ever been on.
#[derive(Debug)]
pub(crate) struct Ports<P> {
    ports: Vec<Port<P>>,
    by_name: HashMap<String, PortId>,
}

/// An interface with routers on it.
#[derive(Debug)]
pub(crate) struct Port<P> {
    pub(crate) name: String,
    /// Whether `link` was ever told: before that nothing is known, and nothing is a fault.
    pub(crate) known: bool,
    pub(crate) link: Option<Link>,
    pub(crate) uplink: Uplink,
    pub(crate) plane: Option<P>,
    pub(crate) attachment: Option<Attached>,
    /// Its program is detached: it can speak, and hears nothing.
    pub(crate) detached: bool,
    /// Routers at home here, by slot.
    pub(crate) residents: Box<[Option<RouterId>; abi::SLOTS]>,
    /// Routers that only have addresses here, by slot.
    pub(crate) visitors: BTreeMap<u32, RouterId>,
    /// Addresses that no router has here any more.
    pub(crate) guarded: Guarded,
    /// Whether the data plane's tables are to be held against the routers before the turn ends.
    pub(crate) unsettled: bool,
    /// Whether the supervisor was told that nobody here needs the data plane.
    pub(crate) offered: bool,
}

impl<P> Default for Ports<P> {
    fn default() -> Self {
        Self { ports: Vec::new(), by_name: HashMap::new() }
    }
}

impl<P> Ports<P> {
    /// The interface of that name, which need not be there yet.
    pub(crate) fn named(&mut self, name: &str) -> PortId {
        if let Some(id) = self.by_name.get(name) {
            return *id;
        }
        let id = PortId(u32::try_from(self.ports.len()).unwrap_or(u32::MAX));
        self.ports.push(Port::new(name.to_owned()));
        self.by_name.insert(name.to_owned(), id);
        id
    }

    /// The same, if some router has ever been on it.
    pub(crate) fn find(&self, name: &str) -> Option<PortId> {
        self.by_name.get(name).copied()
    }

    pub(crate) fn ids(&self) -> impl Iterator<Item = PortId> + use<P> {
        (0..self.ports.len()).filter_map(|index| u32::try_from(index).ok()).map(PortId)
    }

    pub(crate) fn get(&self, id: PortId) -> Option<&Port<P>> {
        said_if_missing(self.ports.get(id.0 as usize), "port")
    }

    pub(crate) fn get_mut(&mut self, id: PortId) -> Option<&mut Port<P>> {
        said_if_missing(self.ports.get_mut(id.0 as usize), "port")
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Port<P>> + Clone {
        self.ports.iter()
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Port<P>> {
        self.ports.iter_mut()
    }

    /// The data plane of an interface, while there is one.
    pub(crate) fn plane(&self, id: PortId) -> Option<&P> {
        self.get(id)?.plane.as_ref()
    }

    /// The same, to be changed.
    pub(crate) fn plane_mut(&mut self, id: PortId) -> Option<&mut P> {
        self.get_mut(id)?.plane.as_mut()
    }

    /// The router at home on an interface in this slot.
    pub(crate) fn resident(&self, key: RouterKey) -> Option<RouterId> {
        *self.get(key.port)?.residents.get(key.slot as usize)?
    }

    /// The same, or one that only has addresses there.
    pub(crate) fn resident_or_visitor(&self, key: RouterKey) -> Option<RouterId> {
        self.resident(key).or_else(|| self.get(key.port)?.visitors.get(&key.slot).copied())
    }

    /// Makes `id` the router at home in that slot, or nobody.
    pub(crate) fn set_resident(&mut self, key: RouterKey, id: Option<RouterId>) {
        let slots = self.get_mut(key.port).map(|port| &mut port.residents);
        if let Some(entry) = slots.and_then(|slots| slots.get_mut(key.slot as usize)) {
            *entry = id;
        }
    }

    /// The data planes in which a router's door is its own: that at home, and those where no other router is at home in its slot.
    /// With each, whether it is the one at home.
    pub(crate) fn doors_of(&mut self, router: &VirtualRouter, mut each: impl FnMut(&mut P, bool)) {
        for id in router.stations() {
            let is_home = id == router.home;
            let Some(port) = self.get_mut(id) else { continue };
            if !is_home && port.has_resident(router.slot) {
                continue;
            }
            if let Some(plane) = port.plane.as_mut() {
                each(plane, is_home);
            }
        }
    }
}

impl<P> Port<P> {
    fn new(name: String) -> Self {
        Self {
            name,
            known: false,
            link: None,
            uplink: Uplink::default(),
            plane: None,
            attachment: None,
            detached: false,
            residents: Box::new([None; abi::SLOTS]),
            visitors: BTreeMap::new(),
            guarded: Guarded::default(),
            unsettled: false,
            offered: false,
        }
    }

    /// Whether a router is at home in this slot.
    pub(crate) fn has_resident(&self, slot: u32) -> bool {
        self.residents.get(slot as usize).is_some_and(Option::is_some)
    }

    /// Whether any router is on it.
    pub(crate) fn is_used(&self) -> bool {
        !self.visitors.is_empty() || self.residents.iter().any(Option::is_some)
    }

    /// Whether the data plane is that of this interface as it is now, and hears.
    fn hears(&self, link: &Link) -> bool {
        self.attachment.as_ref().is_some_and(|attachment| attachment.index == link.index) && !self.detached
    }

    /// Whether a router that only has addresses here can take part. An interface that is down or missing is a matter of what the
    /// router [tracks](vrrp_config::Router::carriers).
    pub(crate) fn readiness_for_visitor(&self, router: &VirtualRouter) -> Result<(), Fault> {
        let Some(link) = &self.link else { return Ok(()) };
        suits(link, Demand { adverts: false, vmac: router.config.use_vmac })?;
        if self.hears(link) { Ok(()) } else { Err(Fault::DataPlane) }
    }

    /// Whether a router can take part here, and from which address. `sources`: those of the configuration that this host
    /// has, on any interface.
    pub(crate) fn readiness(
        &self,
        router: &VirtualRouter,
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
        if self.hears(link) { Ok((source, link.mac)) } else { Err(Fault::DataPlane) }
    }
}

fn suits(link: &Link, demand: Demand) -> Result<(), Fault> {
    link.nature.refuses(demand).map_or(Ok(()), |why: Unsuitable| Err(Fault::Unsuitable(why)))
}

/// Makes a router known to a data plane, with the MAC address that goes with its addresses there. An earlier daemon's role
/// and lease stay if they are still running. A visitor hears no adverts: it has no peers there.
pub(crate) fn install(
    plane: &mut impl Plane,
    router: &VirtualRouter,
    mac: Mac,
    is_visitor: bool,
    now: Time,
) -> io::Result<()> {
    let peers = if is_visitor { Some(&[][..]) } else { router.peers() };
    let entry = RouterEntry {
        vrid: router.config.vrid,
        family: router.config.family,
        use_vmac: router.uses_vmac(),
        accept: router.config.accept || router.config.priority == Priority::OWNER,
        mac,
        unicast: peers.is_some(),
        priority: router.priority(),
    };
    plane.configure(router.slot, &entry, now);
    plane.set_peers(router.slot, peers.unwrap_or_default())
}

/// The first address that does not itself move. An owner may have no other than the one it owns.
fn primary_address(link: &Link, router: &VirtualRouter) -> Option<IpAddr> {
    let own = link.addresses.iter().copied().filter(IpAddr::is_ipv4);
    own.clone().find(|address| !router.moving().any(|moving| moving == *address)).or_else(|| {
        let owner = router.config.priority == Priority::OWNER;
        owner.then(|| router.addresses_v4().first().copied().map(Ipv4Addr::into)).flatten()
    })
}
