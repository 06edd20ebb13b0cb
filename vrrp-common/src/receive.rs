//! The receive ladder: every check between a frame and the election, in order, each with its own reason.
//!
//! RFC 9568 §7.1 and RFC 3768 §7.1 fix the order from the TTL on. What comes before is what the IP stack would have
//! checked, since frames reach the daemon without passing it.

use core::{fmt, net::IpAddr};

use crate::{
    types::{AdvertInterval, Mac, Priority, Version, Vrid},
    wire::{
        checksum::{Sum, VRRP},
        ethernet, ipv4,
        vrrp::{self, ADVERTISEMENT, AUTH_LEN, AUTH_NONE, AUTH_PASS, ChecksumForm, HEADER_LEN, Header},
    },
};

/// An advert that passed the ladder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Advert {
    /// Who sent it.
    pub source: IpAddr,
    /// Its sender's priority, [`Priority::RELEASE`] when it leaves.
    pub priority: Priority,
    /// Its sender's interval.
    pub interval: AdvertInterval,
    /// The MAC address that it came from.
    pub mac: Mac,
    /// It came from the virtual router's own MAC address (RFC 9568 §7.2), so that its sender answers with that too.
    pub from_virtual_mac: bool,
    /// By the RFC and by keepalived its sender discards what this router advertises: it has another version configured, or in
    /// version 2 another interval or other addresses.
    pub deaf: bool,
    /// How its addresses are to those configured here.
    pub lists: Lists,
}

impl Advert {
    /// Whether its sender may discard what this router advertises. keepalived does for other addresses in version 3 as well, which
    /// the RFC accepts.
    #[must_use]
    pub fn may_be_deaf(&self) -> bool {
        self.deaf || self.lists != Lists::Same
    }
}

/// How the addresses of an advert are to those configured here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lists {
    /// The same, in whatever order.
    Same,
    /// Some are in both.
    Overlap,
    /// None is in both: another cluster has the same VRID, unless its sender is known.
    Apart,
}

/// An accepted advert, with its bytes and what an operator should hear about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received<'a> {
    /// What the election needs.
    pub advert: Advert,
    /// The whole IP payload, for recognising its like.
    pub message: &'a [u8],
    /// How its checksum was taken.
    pub checksum: ChecksumForm,
    /// The version of its message.
    pub version: Version,
    /// Its interval is not the one configured here: a backup waits by its master's in version 3, by the longer one in version 2.
    pub interval_differs: bool,
}

/// The router that an advert is held against.
#[derive(Clone, Copy, Debug)]
pub struct Local<'a> {
    /// Configured version.
    pub version: Version,
    /// Configured VRID.
    pub vrid: Vrid,
    /// Source address of our own adverts.
    pub address: IpAddr,
    /// Configured interval.
    pub interval: AdvertInterval,
    /// Version 2: configured password.
    pub auth: Option<[u8; AUTH_LEN]>,
    /// Configured virtual addresses, each once.
    pub addresses: &'a [IpAddr],
    /// The only hosts that adverts are taken from, which send them to `address`; `None`: any host, to the group.
    pub peers: Option<&'a [Peer]>,
    /// This router owns the addresses: its adverts are taken whatever they list (RFC 3768 §7.1).
    pub owner: bool,
    /// Adverts that differ are discarded where the RFC has it so, although two masters may come of it: another version, in version
    /// 2 another interval, or other addresses that are not from the owner.
    pub rfc_discards: bool,
}

/// A host that sends its adverts to this one alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Its address.
    pub address: IpAddr,
    /// The lowest TTL that its adverts may arrive with.
    pub min_ttl: u8,
    /// The highest.
    pub max_ttl: u8,
}

macro_rules! discards {
    ($($(#[$doc:meta])* $discard:ident $name:ident,)*) => {
        /// Why an advert was discarded, in the order of the checks.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Discard { $($(#[$doc])* $discard,)* }

        impl Discard {
            /// All reasons, in the order of the checks.
            pub const ALL: &'static [Self] = &[$(Self::$discard,)*];

            /// The reason's name in counters and logs.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$discard => stringify!($name),)* }
            }
        }
    };
}

discards! {
    /// The frame is longer than what was captured of it.
    FrameTruncated frame_truncated,
    /// No untagged IPv4 frame.
    EtherType ether_type,
    /// Shorter than its IP header or total length says.
    IpTruncated ip_truncated,
    /// IP version or header length.
    IpHeader ip_header,
    /// IP header checksum.
    IpChecksum ip_checksum,
    /// A fragment.
    IpFragment ip_fragment,
    /// Not protocol 112 to 224.0.0.18, or to our own address where there are peers.
    NotAnAdvert not_an_advert,
    /// From a host that is none of the peers.
    UnknownPeer unknown_peer,
    /// RFC 9568 §7.1: the TTL is not 255; the packet has crossed a router. A peer may have bounds of its own.
    Ttl ip_ttl_errors,
    /// RFC 9568 §7.1: another version than configured, where that one has a password or `rfc_discards`; any but 2 and 3.
    Version version_errors,
    /// RFC 9568 §7.1: the type is not 1.
    Type invalid_type_packets_received,
    /// RFC 9568 §7.1: incomplete. Also what CARP packets, on the same protocol number, end with.
    Length packet_length_errors,
    /// RFC 9568 §7.1: neither form of checksum fits.
    Checksum checksum_errors,
    /// RFC 9568 §7.1: another virtual router.
    Vrid vrid_errors,
    /// Our own advert came back.
    OwnAdvert own_adverts_received,
    /// No address at all (RFC 9568 §5.2.5, erratum 8299).
    NoAddress no_address,
    /// RFC 2338 §7.1: another authentication type than configured.
    AuthType authentication_type_mismatch,
    /// RFC 2338 §7.1: another password than configured.
    AuthPassword authentication_failure,
    /// 0 (erratum 8301); with `rfc_discards` in version 2 another interval than configured (RFC 3768 §7.1).
    Interval advertisement_interval_errors,
    /// With `rfc_discards` in version 2: other addresses than configured, and not from the owner (RFC 3768 §7.1).
    AddressList address_list_errors,
}

impl fmt::Display for Discard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A frame that was discarded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Discarded {
    /// The first check that failed.
    pub reason: Discard,
    /// The host that the frame says it comes from, if it goes as far as that. Whoever sends what no check lets through may
    /// lie about it.
    pub source: Option<IpAddr>,
}

/// Takes a frame from its Ethernet header to an advert for `local`. `frame_length` is its length on the wire, of
/// which `frame` may be only the front.
///
/// # Errors
/// The first check that fails.
pub fn receive<'a>(
    frame: &'a [u8],
    frame_length: usize,
    local: &Local<'_>,
) -> Result<Received<'a>, Discarded> {
    judge(frame, frame_length, local).map_err(|reason| Discarded { reason, source: source(frame) })
}

/// The source in a frame of which nothing has been checked.
fn source(frame: &[u8]) -> Option<IpAddr> {
    match ethernet::payload(frame)? {
        (ethernet::IPV4, packet) => ipv4::source(packet).map(IpAddr::V4),
        _ => None,
    }
}

fn judge<'a>(frame: &'a [u8], frame_length: usize, local: &Local<'_>) -> Result<Received<'a>, Discard> {
    let packet = ip_packet(frame, frame_length, local)?;
    let (source, message) = (packet.source, packet.payload);
    let (header, version, message_len, checksum) = vrrp_message(&packet, local)?;
    if header.vrid != local.vrid.as_u8() {
        return Err(Discard::Vrid);
    }
    if IpAddr::V4(source) == local.address {
        return Err(Discard::OwnAdvert);
    }
    if header.count == 0 && !local.addresses.is_empty() {
        return Err(Discard::NoAddress);
    }
    authenticate(&header, version, message, message_len, local)?;
    let interval = header.interval(version).ok_or(Discard::Interval)?;
    let priority = Priority::new(header.priority);
    let lists = compare(message, header.count, local.addresses);
    let found = Differences { version, interval: interval != local.interval, lists };
    if local.rfc_discards {
        found.discards(priority)?;
    }
    let mac = frame.get(6..12).and_then(|bytes| bytes.try_into().ok()).map(Mac).unwrap_or_default();
    Ok(Received {
        advert: Advert {
            source: source.into(),
            priority,
            interval,
            mac,
            from_virtual_mac: mac == Mac::virtual_router(ipv4::FAMILY, local.vrid),
            deaf: found.make_deaf(local),
            lists: if local.rfc_discards { lists.and_accepted() } else { lists },
        },
        message,
        checksum,
        version,
        interval_differs: found.interval,
    })
}

/// What an advert differs in from what is configured here.
struct Differences {
    version: Version,
    interval: bool,
    lists: Lists,
}

impl Differences {
    /// What RFC 3768 §7.1 discards. Version 3 accepts both (RFC 9568 §7.1).
    fn discards(&self, priority: Priority) -> Result<(), Discard> {
        match self.version {
            Version::V3 => Ok(()),
            Version::V2 if self.interval => Err(Discard::Interval),
            Version::V2 if self.lists != Lists::Same && priority != Priority::OWNER => {
                Err(Discard::AddressList)
            }
            Version::V2 => Ok(()),
        }
    }

    /// Whether its sender discards what this router advertises, by the same rules.
    fn make_deaf(&self, local: &Local<'_>) -> bool {
        let list = self.lists != Lists::Same && !local.owner;
        self.version != local.version || (self.version == Version::V2 && (self.interval || list))
    }
}

impl Lists {
    /// What the RFC accepts has nothing apart.
    const fn and_accepted(self) -> Self {
        match self {
            Self::Same => Self::Same,
            Self::Overlap | Self::Apart => Self::Overlap,
        }
    }
}

/// From the Ethernet header to the IP packet, with everything that the IP stack checks, where it comes from, and the
/// TTL.
fn ip_packet<'a>(
    frame: &'a [u8],
    frame_length: usize,
    local: &Local<'_>,
) -> Result<ipv4::Packet<'a>, Discard> {
    if frame.len() < frame_length {
        return Err(Discard::FrameTruncated);
    }
    let Some((ethernet::IPV4, packet)) = ethernet::payload(frame) else {
        return Err(Discard::EtherType);
    };
    let packet = ipv4::parse(packet).map_err(|malformed| match malformed {
        ipv4::Malformed::Truncated => Discard::IpTruncated,
        ipv4::Malformed::Header => Discard::IpHeader,
        ipv4::Malformed::Checksum => Discard::IpChecksum,
    })?;
    if packet.fragment {
        return Err(Discard::IpFragment);
    }
    let own = match local.address {
        IpAddr::V4(own) => own,
        // Adverts for an IPv6 router come in IPv6 packets, which are not read here: no IPv4 packet is for it.
        IpAddr::V6(_) => return Err(Discard::EtherType),
    };
    let destination = if local.peers.is_some() { own } else { ipv4::GROUP };
    if packet.protocol != VRRP || destination != packet.destination {
        return Err(Discard::NotAnAdvert);
    }
    let from = |peer: &&Peer| peer.address == IpAddr::V4(packet.source);
    let bounds = match local.peers {
        None => ipv4::TTL..=ipv4::TTL,
        Some(peers) => {
            peers.iter().find(from).map(|peer| peer.min_ttl..=peer.max_ttl).ok_or(Discard::UnknownPeer)?
        }
    };
    if bounds.contains(&packet.ttl) { Ok(packet) } else { Err(Discard::Ttl) }
}

/// Version, type, length and checksum.
fn vrrp_message(
    packet: &ipv4::Packet<'_>,
    local: &Local<'_>,
) -> Result<(Header, Version, usize, ChecksumForm), Discard> {
    let message = packet.payload;
    let first = *message.first().ok_or(Discard::Length)?;
    let version = Version::new(first >> 4).filter(|version| local.hears(*version)).ok_or(Discard::Version)?;
    if first & 0x0f != ADVERTISEMENT {
        return Err(Discard::Type);
    }
    let header = Header::parse(message).ok_or(Discard::Length)?;
    let message_len = header.message_len(version, ipv4::FAMILY);
    let exact = message.get(..message_len).ok_or(Discard::Length)?;
    // What follows the message (keepalived's HMAC trailer, say) may or may not be under the checksum.
    let checksum = checksum_form(exact, packet, version)
        .or_else(|| checksum_form(message, packet, version))
        .ok_or(Discard::Checksum)?;
    Ok((header, version, message_len, checksum))
}

impl Local<'_> {
    /// Whether adverts of this version are for it: its own, and the other one too (RFC 9568 §8.4), except where that would be a
    /// way past a password.
    fn hears(&self, version: Version) -> bool {
        version == self.version || (self.auth.is_none() && !self.rfc_discards)
    }
}

fn checksum_form(message: &[u8], packet: &ipv4::Packet<'_>, version: Version) -> Option<ChecksumForm> {
    if Sum::new().with(message).finish() == 0 {
        return Some(ChecksumForm::MessageOnly);
    }
    let length = u16::try_from(message.len()).ok()?;
    let pseudo_header = Sum::pseudo_header(packet.source, packet.destination, length);
    let with_pseudo_header = pseudo_header.with(message).finish() == 0;
    (version == Version::V3 && with_pseudo_header).then_some(ChecksumForm::PseudoHeader)
}

/// Version 2 only: type and password (RFC 2338 §7.1). Without a password configured the data are ignored
/// (RFC 3768 §5.3.10).
fn authenticate(
    header: &Header,
    version: Version,
    message: &[u8],
    message_len: usize,
    local: &Local<'_>,
) -> Result<(), Discard> {
    if version == Version::V3 {
        return Ok(());
    }
    let [auth_type, _] = header.timing;
    match (local.auth, auth_type) {
        (None, AUTH_NONE) => Ok(()),
        (Some(password), AUTH_PASS) => {
            let sent = message_len.checked_sub(AUTH_LEN).and_then(|start| message.get(start..message_len));
            if sent == Some(password.as_slice()) { Ok(()) } else { Err(Discard::AuthPassword) }
        }
        (None | Some(_), _) => Err(Discard::AuthType),
    }
}

/// How the addresses of the message are to the configured ones. 255 against 255 at worst. Every router has a link-local
/// address of its own choice, so that those count only where neither list has any other.
fn compare(message: &[u8], count: u8, configured: &[IpAddr]) -> Lists {
    debug_assert!(message.len() >= HEADER_LEN, "checked by the length rung");
    let listed = || vrrp::addresses(message, ipv4::FAMILY, count);
    let same = usize::from(count) == configured.len()
        && listed().all(|address| configured.contains(&address))
        && configured.iter().all(|own| listed().any(|address| address == *own));
    if same {
        return Lists::Same;
    }
    let only_link_local = listed().chain(configured.iter().copied()).all(is_link_local);
    let overlap = listed()
        .filter(|address| only_link_local || !is_link_local(*address))
        .any(|address| configured.contains(&address));
    if overlap { Lists::Overlap } else { Lists::Apart }
}

const fn is_link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(_) => false,
        IpAddr::V6(address) => address.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests;
