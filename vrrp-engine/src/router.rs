//! One virtual router at run time: its configuration, its election, its advert as bytes, its history.

use std::{
    collections::VecDeque,
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
    time::{Duration, SystemTime},
};

use vrrp_common::{
    abi,
    election::{Election, Input, Outgoing, Settings, StateName},
    receive::{Discard, Local, Peer},
    time::Time,
    types::{Family, Mac, Priority},
    wire::{
        ethernet, ipv4,
        vrrp::{AdvertV4, ChecksumForm, MAX_LEN_V4},
    },
};

use vrrp_config::{Checksum, UnicastPeer};

use crate::{
    RouterKey,
    announce::Announcements,
    effects::Reacted,
    heal::LastWord,
    mismatch::Mismatch,
    port::PortId,
    rate_limit::RateLimit,
    resources::Resources,
    state_change::State,
    statistics::Statistics,
    teach::Teaching,
    tracking::Tracking,
    way_out::{Opens, WayOut},
};

/// Transitions that are remembered for `vrrpd status`.
const HISTORY: usize = 16;
/// How many of them there is room for at first, and how many more each time that it is full.
const HISTORY_STEP: usize = 2;

/// An advert as it leaves.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Prepared {
    /// A frame to the group.
    Frame(Vec<u8>),
    /// An IPv4 packet to each peer.
    Packets(Vec<(Ipv4Addr, Vec<u8>)>),
}

/// The last advert that has left, and the flag after it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Opened {
    /// When the flag was set.
    pub(crate) at: Time,
    /// How long the kernel took to send the advert, with those of the same batch.
    pub(crate) send: Duration,
}

/// One virtual router.
#[derive(Debug)]
pub(crate) struct VirtualRouter {
    pub(crate) config: Arc<vrrp_config::Router>,
    /// What its checks and interfaces make of it.
    pub(crate) tracking: Tracking,
    /// The interface of its adverts.
    pub(crate) home: PortId,
    /// Other interfaces that carry addresses of it: the doors there open and close with that at home.
    pub(crate) secondaries: Box<[PortId]>,
    /// Index in the data plane's arrays, on all of them.
    pub(crate) slot: u32,
    pub(crate) election: Election,
    pub(crate) announcements: Announcements,
    pub(crate) teaching: Teaching,
    pub(crate) last_word: LastWord,
    pub(crate) statistics: Statistics,
    pub(crate) history: VecDeque<Reacted>,
    /// When the state last changed.
    pub(crate) since: SystemTime,
    /// What is to be sent before the turn ends.
    pub(crate) queued: Outgoing,
    /// In a sync group.
    grouped: bool,
    /// What the outside was told last.
    pub(crate) told: Option<State>,
    /// As of the last turn with a transition in it.
    pub(crate) opened: Option<Opened>,
    /// Taken out of the configuration: to be forgotten once it has stopped.
    pub(crate) retired: bool,
    /// Whether its adverts leave.
    pub(crate) way_out: WayOut,
    /// Which doors its last advert has opened.
    pub(crate) opens: Opens,
    /// What it has on this host, as the supervisor was told last.
    pub(crate) holding: Option<Arc<Resources>>,
    /// Kept in FAULT until then, after a virtual address could not be added.
    pub(crate) blocked_until: Option<Time>,
    /// What comes and goes with the role.
    pub(crate) resources: Arc<Resources>,
    /// Those of the advert.
    addresses: Box<[IpAddr]>,
    addresses_v4: Box<[Ipv4Addr]>,
    peers: Option<Vec<Peer>>,
    /// The interface's own MAC address.
    interface_mac: Mac,
    advert: Option<(Priority, Prepared)>,
    /// One for each [`Discard`], once there was any.
    discards: Vec<RateLimit>,
    pub(crate) remarks: Remarks,
    pub(crate) mismatch: Option<Box<Mismatch>>,
    /// The addresses that neighbours are asked for, while something hangs on the answer.
    pub(crate) asked: Vec<Ipv4Addr>,
    /// It goes by the interface's own MAC address, although it is to have the virtual one.
    own_mac: bool,
}

/// Faults that are no discards, each with its own rate limit.
#[derive(Debug, Default)]
pub(crate) struct Remarks {
    pub(crate) mismatch: RateLimit,
    pub(crate) clash: RateLimit,
    pub(crate) in_vain: RateLimit,
    pub(crate) owners: RateLimit,
    pub(crate) conflict: RateLimit,
    pub(crate) send: RateLimit,
    pub(crate) losing: RateLimit,
    pub(crate) unheard: crate::unheard::Unheard,
}

impl VirtualRouter {
    pub(crate) fn new(
        config: Arc<vrrp_config::Router>,
        tracking: Tracking,
        home: PortId,
        since: SystemTime,
    ) -> Self {
        let unknown = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
        let mut router = Self {
            home,
            secondaries: Box::default(),
            slot: abi::slot(config.family, config.vrid),
            election: Election::new(settings(&config, tracking.priority, unknown)),
            announcements: Announcements::default(),
            teaching: Teaching::default(),
            last_word: LastWord::default(),
            statistics: Statistics::default(),
            history: VecDeque::new(),
            since,
            queued: Outgoing::default(),
            grouped: false,
            told: None,
            opened: None,
            retired: false,
            way_out: WayOut::default(),
            opens: Opens::All,
            holding: None,
            blocked_until: None,
            resources: Arc::default(),
            addresses: Box::default(),
            addresses_v4: Box::default(),
            peers: None,
            interface_mac: Mac::default(),
            advert: None,
            discards: Vec::new(),
            remarks: Remarks::default(),
            tracking,
            mismatch: None,
            asked: Vec::new(),
            own_mac: false,
            config,
        };
        router.list_addresses();
        router
    }

    /// The address that its adverts come from, if it is known.
    pub(crate) fn source(&self) -> Option<IpAddr> {
        Some(self.election.settings().address).filter(|address| !address.is_unspecified())
    }

    /// Whether it is kept in FAULT after an address could not be added.
    pub(crate) fn is_blocked(&self, at: Time) -> bool {
        self.blocked_until.is_some_and(|until| at < until)
    }

    pub(crate) fn key(&self) -> RouterKey {
        RouterKey { port: self.home, slot: self.slot }
    }

    /// Takes a changed configuration of the same router and says what the election must hear.
    pub(crate) fn reconfigure(&mut self, config: Arc<vrrp_config::Router>, tracking: Tracking) -> Input {
        self.config = config;
        self.tracking = tracking;
        self.advert = None;
        self.list_addresses();
        self.configure(self.election.settings().address)
    }

    /// Takes what checks and interfaces make of it and says what the election must hear.
    pub(crate) fn set_tracking(&mut self, tracking: Tracking) -> Input {
        self.tracking = tracking;
        self.configure(self.election.settings().address)
    }

    /// Makes it a member of a sync group, or of none, and says what the election must hear.
    pub(crate) fn join(&mut self, grouped: bool) -> Option<Input> {
        if std::mem::replace(&mut self.grouped, grouped) == grouped {
            return None;
        }
        Some(self.configure(self.election.settings().address))
    }

    fn settings(&self, address: IpAddr) -> Settings {
        Settings { grouped: self.grouped, ..settings(&self.config, self.priority(), address) }
    }

    fn configure(&self, address: IpAddr) -> Input {
        Input::Configure(self.settings(address))
    }

    /// The effective priority.
    pub(crate) fn priority(&self) -> Priority {
        self.tracking.priority
    }

    fn list_addresses(&mut self) {
        let peer =
            |peer: &UnicastPeer| Peer { address: peer.address, min_ttl: peer.min_ttl, max_ttl: peer.max_ttl };
        self.peers = self.config.unicast.as_ref().map(|unicast| unicast.peers.iter().map(peer).collect());
        self.resources = Arc::new(Resources::of(&self.config));
        self.addresses = self.config.addresses.iter().map(|vip| vip.address).collect();
        self.addresses_v4 = self.addresses.iter().copied().filter_map(v4).collect();
    }

    /// Takes the interface's addresses and says what the election must hear.
    pub(crate) fn set_source(&mut self, address: IpAddr, interface_mac: Mac) -> Input {
        self.set_interface_mac(interface_mac);
        self.advert = None;
        self.configure(address)
    }

    /// Takes the interface's own MAC address.
    pub(crate) fn set_interface_mac(&mut self, mac: Mac) {
        if self.interface_mac != mac {
            self.interface_mac = mac;
            self.advert = None;
        }
    }

    pub(crate) fn interface_mac(&self) -> Mac {
        self.interface_mac
    }

    /// The MAC address that goes with the virtual addresses.
    pub(crate) fn mac(&self) -> Mac {
        self.mac_on(self.interface_mac)
    }

    /// The same on an interface with this MAC address.
    pub(crate) fn mac_on(&self, interface_mac: Mac) -> Mac {
        if self.uses_vmac() {
            Mac::virtual_router(self.config.family, self.config.vrid)
        } else {
            interface_mac
        }
    }

    /// Whether its addresses go with the virtual MAC now.
    pub(crate) fn uses_vmac(&self) -> bool {
        self.config.use_vmac && !self.own_mac
    }

    /// Whether it goes by the interface's own MAC, although it is to have the virtual one.
    pub(crate) fn has_own_mac(&self) -> bool {
        self.own_mac
    }

    /// Goes by the interface's own MAC, or not any more.
    pub(crate) fn set_own_mac(&mut self, own: bool) {
        self.own_mac = own;
        self.advert = None;
    }

    /// All interfaces whose data planes have this router, that of its adverts first.
    pub(crate) fn stations(&self) -> impl Iterator<Item = PortId> + '_ {
        std::iter::once(self.home).chain(self.secondaries.iter().copied())
    }

    /// All addresses that come and go with the role, those of the advert first.
    pub(crate) fn moving(&self) -> impl Iterator<Item = IpAddr> {
        self.resources.bindings.iter().map(|binding| binding.address.address)
    }

    /// What it is to have on this host now.
    pub(crate) fn held(&self) -> Option<&Arc<Resources>> {
        let holds = matches!(self.election.name(), StateName::Master | StateName::Leaving);
        holds.then_some(&self.resources)
    }

    /// Begins anew after it has left, as if it had just been configured.
    pub(crate) fn begin_anew(&mut self) {
        self.election = Election::new(*self.election.settings());
        self.advert = None;
    }

    pub(crate) fn addresses_v4(&self) -> &[Ipv4Addr] {
        &self.addresses_v4
    }

    /// The only hosts that adverts go to and come from, if there are any.
    pub(crate) fn peers(&self) -> Option<&[Peer]> {
        self.peers.as_deref()
    }

    /// Where a peer's adverts arrive.
    pub(crate) fn destination(&self) -> IpAddr {
        if self.peers.is_some() { self.election.settings().address } else { IpAddr::V4(ipv4::GROUP) }
    }

    /// What the receive ladder holds an advert against.
    pub(crate) fn local(&self) -> Local<'_> {
        Local {
            version: self.config.version,
            vrid: self.config.vrid,
            address: self.election.settings().address,
            interval: self.config.advert_int,
            auth: self.config.auth_pass,
            addresses: &self.addresses,
            peers: self.peers(),
            owner: self.priority() == Priority::OWNER,
            rfc_discards: self.config.rfc_discards,
        }
    }

    /// Builds what [`frame`](Self::frame) or [`packets`](Self::packets) give if it is not what they gave before.
    pub(crate) fn prepare_advert(&mut self, priority: Priority) {
        if self.advert.as_ref().is_some_and(|(built_for, _)| *built_for == priority) {
            return;
        }
        self.advert = self.build_advert(priority).map(|advert| (priority, advert));
        if self.advert.is_none() {
            // The configuration does not let that through; without an advert there is no lease, and the door stays shut.
            tracing::error!(router = %self.config.name, "no advert can be built from this configuration");
        }
    }

    /// The advert to the group that was prepared last; `None` where adverts go to peers.
    pub(crate) fn frame(&self) -> Option<&[u8]> {
        match &self.advert {
            Some((_, Prepared::Frame(frame))) => Some(frame),
            Some((_, Prepared::Packets(_))) | None => None,
        }
    }

    /// The adverts to the peers that were prepared last; none where they go to the group.
    pub(crate) fn packets(&self) -> &[(Ipv4Addr, Vec<u8>)] {
        match &self.advert {
            Some((_, Prepared::Packets(packets))) => packets,
            Some((_, Prepared::Frame(_))) | None => &[],
        }
    }

    /// Adverts to the group come from the virtual MAC (RFC 9568 §7.2), so that switches learn where it is. Those to
    /// peers come from wherever the kernel sends them. `None` where the configuration has what no advert can say.
    fn build_advert(&self, priority: Priority) -> Option<Prepared> {
        if let Some(unicast) = &self.config.unicast {
            let to = |peer: &UnicastPeer| {
                let address = v4(peer.address)?;
                Some((address, self.build_packet(priority, address, unicast.ttl)?))
            };
            return unicast.peers.iter().map(to).collect::<Option<_>>().map(Prepared::Packets);
        }
        let (group, ether_type) = match self.config.family {
            Family::V4 => (Mac::VRRP_GROUP_V4, ethernet::IPV4),
            Family::V6 => return None,
        };
        let mut frame = ethernet::header(group, self.mac(), ether_type).to_vec();
        frame.extend_from_slice(&self.build_packet(priority, ipv4::GROUP, ipv4::TTL)?);
        Some(Prepared::Frame(frame))
    }

    fn build_packet(&self, priority: Priority, destination: Ipv4Addr, ttl: u8) -> Option<Vec<u8>> {
        let advert = AdvertV4 {
            version: self.config.version,
            vrid: self.config.vrid,
            priority,
            interval: self.config.advert_int,
            source: v4(self.election.settings().address)?,
            destination,
            ttl,
            auth: self.config.auth_pass,
            checksum: match self.config.v3_checksum {
                Checksum::Rfc5798 => ChecksumForm::PseudoHeader,
                Checksum::Rfc9568 => ChecksumForm::MessageOnly,
            },
            addresses: &self.addresses_v4,
        };
        let mut buffer = [0u8; 20 + MAX_LEN_V4];
        advert.emit(&mut buffer).map(|packet| packet.to_vec())
    }

    /// How many of its kind were swallowed before, if this discard is to be logged.
    pub(crate) fn admit_discard(&mut self, now: Time, discard: Discard) -> Option<u64> {
        if self.discards.is_empty() {
            self.discards = vec![RateLimit::default(); Discard::ALL.len()];
        }
        self.discards.get_mut(discard as usize)?.admit(now)
    }

    /// Writes a finished transition into the history.
    pub(crate) fn remember(&mut self, reacted: Reacted) {
        if self.history.len() == HISTORY {
            self.history.pop_front();
        }
        // Most change their state once or twice.
        if self.history.len() == self.history.capacity() {
            self.history.reserve_exact(HISTORY_STEP);
        }
        self.since = reacted.wall;
        if reacted.transition.to == StateName::Master {
            self.statistics.master_transitions += 1;
        }
        self.history.push_back(reacted);
    }
}

/// The address if it is of the only family whose adverts and ARP frames this engine builds.
fn v4(address: IpAddr) -> Option<Ipv4Addr> {
    match address {
        IpAddr::V4(v4) => Some(v4),
        IpAddr::V6(_) => None,
    }
}

fn settings(config: &vrrp_config::Router, priority: Priority, address: IpAddr) -> Settings {
    Settings {
        version: config.version,
        priority,
        interval: config.advert_int,
        address,
        preempt: config.preempt,
        preempt_delay: config.preempt_delay,
        grouped: false,
        probe_limit: if config.probe_before_takeover { config.probe_limit } else { 0 },
    }
}

#[cfg(test)]
mod tests;
