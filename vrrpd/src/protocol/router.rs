//! One virtual router at run time: its configuration, its election, its advert as bytes, its history.

use std::{
    collections::VecDeque,
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
    time::{Duration, SystemTime},
};

use vrrp_common::{
    abi,
    election::{Election, Input, Outgoing, Settings, StateName, Transition},
    receive::{Discard, Local, Peer},
    time::Time,
    types::{Family, Mac, Priority},
    wire::{
        ethernet, ipv4,
        vrrp::{AdvertV4, ChecksumForm, MAX_LEN_V4},
    },
};

use super::{
    RouterKey,
    announce::Announcements,
    heal::LastWord,
    mismatch::Mismatch,
    statistics::Statistics,
    teach::Teaching,
    way_out::{Opens, WayOut},
};
use crate::{belongings::Belongings, muffle::Muffle, notify::State, tracking::Tracking};
use vrrp_config::{Checksum, UnicastPeer};

/// Transitions that are remembered for `vrrpd status`.
const HISTORY: usize = 16;
/// How many of them there is room for at first, and how many more each time that it is full.
const HISTORY_STEP: usize = 2;

/// A transition with its measured reaction.
#[derive(Clone, Debug)]
pub(crate) struct Reacted {
    pub(crate) transition: Transition,
    /// When it was decided.
    pub(crate) at: Time,
    pub(crate) wall: SystemTime,
    /// What failed then, where the cause is a fault; any other cause says enough.
    pub(crate) fault: Option<String>,
    /// From its cause (the deadline, the advert's stamp) to the decision.
    pub(crate) late: Duration,
    /// From the decision to the changed flag in the data plane.
    pub(crate) flip: Duration,
    /// What of that the kernel took to send the advert.
    pub(crate) send: Duration,
}

impl Reacted {
    /// The cause in words.
    pub(crate) fn because(&self) -> String {
        self.fault.clone().unwrap_or_else(|| self.transition.cause.to_string())
    }
}

/// An advert as it leaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Advert {
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
pub(crate) struct Router {
    pub(crate) config: Arc<vrrp_config::Router>,
    /// What its checks and interfaces make of it.
    pub(crate) tracking: Tracking,
    /// Index in the loop's list of interfaces.
    pub(crate) interface: usize,
    /// The same for other interfaces that carry addresses of it: their data planes open and close with its own.
    pub(crate) guests: Vec<usize>,
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
    pub(crate) holding: Option<Arc<Belongings>>,
    /// Kept in FAULT until then, after a virtual address could not be added.
    pub(crate) blocked_until: Time,
    /// What comes and goes with the role.
    pub(crate) belongings: Arc<Belongings>,
    /// Those of the advert.
    addresses: Vec<IpAddr>,
    addresses_v4: Vec<Ipv4Addr>,
    peers: Option<Vec<Peer>>,
    /// The interface's own MAC address.
    interface_mac: Mac,
    advert: Option<(Priority, Advert)>,
    /// One for each [`Discard`], once there was any.
    discards: Vec<Muffle>,
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
    pub(crate) mismatch: Muffle,
    pub(crate) clash: Muffle,
    pub(crate) in_vain: Muffle,
    pub(crate) owners: Muffle,
    pub(crate) conflict: Muffle,
    pub(crate) send: Muffle,
    pub(crate) losing: Muffle,
    pub(crate) unheard: super::unheard::Unheard,
}

impl Router {
    pub(crate) fn new(config: Arc<vrrp_config::Router>, tracking: Tracking, interface: usize) -> Self {
        let unknown = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
        let mut router = Self {
            interface,
            guests: Vec::new(),
            slot: abi::slot(config.family, config.vrid),
            election: Election::new(settings(&config, tracking.priority, unknown)),
            announcements: Announcements::default(),
            teaching: Teaching::default(),
            last_word: LastWord::default(),
            statistics: Statistics::default(),
            history: VecDeque::new(),
            since: SystemTime::now(),
            queued: Outgoing::default(),
            grouped: false,
            told: None,
            opened: None,
            retired: false,
            way_out: WayOut::default(),
            opens: Opens::All,
            holding: None,
            blocked_until: Time::BOOT,
            belongings: Arc::default(),
            addresses: Vec::new(),
            addresses_v4: Vec::new(),
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

    pub(crate) fn key(&self) -> RouterKey {
        RouterKey { interface: self.interface, slot: self.slot }
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
        self.belongings = Arc::new(Belongings::of(&self.config));
        self.addresses = self.config.addresses.iter().map(|vip| vip.address).collect();
        self.addresses_v4 = self
            .addresses
            .iter()
            .filter_map(|address| match address {
                IpAddr::V4(v4) => Some(*v4),
                IpAddr::V6(_) => None,
            })
            .collect();
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

    /// All interfaces whose data planes have this router, its own first.
    pub(crate) fn stations(&self) -> impl Iterator<Item = usize> + '_ {
        std::iter::once(self.interface).chain(self.guests.iter().copied())
    }

    /// All addresses that come and go with the role, those of the advert first.
    pub(crate) fn moving(&self) -> impl Iterator<Item = IpAddr> {
        self.belongings.places.iter().map(|place| place.address.address)
    }

    /// What it is to have on this host now.
    pub(crate) fn held(&self) -> Option<&Arc<Belongings>> {
        let holds = matches!(self.election.name(), StateName::Master | StateName::Leaving);
        holds.then_some(&self.belongings)
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
        if self.advert.as_ref().is_none_or(|(built_for, _)| *built_for != priority) {
            self.advert = Some((priority, self.build_advert(priority)));
        }
    }

    /// The advert to the group that was prepared last.
    pub(crate) fn frame(&self) -> &[u8] {
        match &self.advert {
            Some((_, Advert::Frame(frame))) => frame,
            Some((_, Advert::Packets(_))) | None => &[],
        }
    }

    /// The adverts to the peers that were prepared last.
    pub(crate) fn packets(&self) -> &[(Ipv4Addr, Vec<u8>)] {
        match &self.advert {
            Some((_, Advert::Packets(packets))) => packets,
            Some((_, Advert::Frame(_))) | None => &[],
        }
    }

    /// Adverts to the group come from the virtual MAC (RFC 9568 §7.2), so that switches learn where it is. Those to
    /// peers come from wherever the kernel sends them.
    fn build_advert(&self, priority: Priority) -> Advert {
        if let Some(unicast) = &self.config.unicast {
            let v4 = unicast.peers.iter().filter_map(|peer| match peer.address {
                IpAddr::V4(address) => Some(address),
                IpAddr::V6(_) => None,
            });
            let to = |peer| (peer, self.build_packet(priority, peer, unicast.ttl));
            return Advert::Packets(v4.map(to).collect());
        }
        let group = match self.config.family {
            Family::V4 => Mac::VRRP_GROUP_V4,
            Family::V6 => Mac::VRRP_GROUP_V6,
        };
        let mut frame = ethernet::header(group, self.mac(), ethernet::IPV4).to_vec();
        frame.extend_from_slice(&self.build_packet(priority, ipv4::GROUP, ipv4::TTL));
        Advert::Frame(frame)
    }

    fn build_packet(&self, priority: Priority, destination: Ipv4Addr, ttl: u8) -> Vec<u8> {
        let IpAddr::V4(source) = self.election.settings().address else {
            return Vec::new();
        };
        let advert = AdvertV4 {
            version: self.config.version,
            vrid: self.config.vrid,
            priority,
            interval: self.config.advert_int,
            source,
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
        advert.emit(&mut buffer).unwrap_or_default().to_vec()
    }

    /// How many of its kind were swallowed before, if this discard is to be logged.
    pub(crate) fn admit_discard(&mut self, now: Time, discard: Discard) -> Option<u64> {
        if self.discards.is_empty() {
            self.discards = vec![Muffle::default(); Discard::ALL.len()];
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
