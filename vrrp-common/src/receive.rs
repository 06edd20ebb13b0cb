//! The receive ladder: every check between a frame and the election, in order, each with its own reason.
//!
//! RFC 9568 §7.1 and RFC 3768 §7.1 fix the order from the TTL on. What comes before is what the IP stack would have
//! checked, since frames reach the daemon without passing it.

use core::{fmt, net::IpAddr};

use crate::{
    types::{AdvertInterval, Family, Mac, Priority, Version, Vrid},
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
    /// It came from the virtual router's own MAC address (RFC 9568 §7.2), so that its sender answers with that too.
    pub from_virtual_mac: bool,
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
    /// Its addresses are not those configured here. Version 3 accepts it (RFC 9568 §7.1), version 2 only from the
    /// owner (RFC 3768 §7.1).
    pub address_list_differs: bool,
    /// Its interval is not the one configured here. Version 3 learns it; version 2 never gets here.
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
    /// RFC 9568 §7.1: another version than configured.
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
    /// Version 2: another interval than configured (RFC 3768 §7.1); version 3: 0 (erratum 8301).
    Interval advertisement_interval_errors,
    /// Version 2: other addresses than configured, and not from the owner (RFC 3768 §7.1).
    AddressList address_list_errors,
}

impl fmt::Display for Discard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Takes a frame from its Ethernet header to an advert for `local`. `frame_length` is its length on the wire, of
/// which `frame` may be only the front.
///
/// # Errors
/// The first check that fails.
pub fn receive<'a>(frame: &'a [u8], frame_length: usize, local: &Local<'_>) -> Result<Received<'a>, Discard> {
    let packet = ip_packet(frame, frame_length, local)?;
    let (source, message) = (packet.source, packet.payload);
    let (header, message_len, checksum) = vrrp_message(&packet, local.version)?;
    if header.vrid != local.vrid.as_u8() {
        return Err(Discard::Vrid);
    }
    if IpAddr::V4(source) == local.address {
        return Err(Discard::OwnAdvert);
    }
    if header.count == 0 {
        return Err(Discard::NoAddress);
    }
    authenticate(&header, message, message_len, local)?;
    let interval = header.interval(local.version).ok_or(Discard::Interval)?;
    let interval_differs = interval != local.interval;
    let address_list_differs = !same_addresses(message, header.count, local.addresses);
    if local.version == Version::V2 {
        if interval_differs {
            return Err(Discard::Interval);
        }
        if address_list_differs && header.priority != Priority::OWNER.as_u8() {
            return Err(Discard::AddressList);
        }
    }
    Ok(Received {
        advert: Advert {
            source: source.into(),
            priority: Priority::new(header.priority),
            interval,
            from_virtual_mac: frame.get(6..12) == Some(&Mac::virtual_router(Family::V4, local.vrid).0),
        },
        message,
        checksum,
        address_list_differs,
        interval_differs,
    })
}

/// What a frame that [`receive`] found at fault with [`Discard::Interval`] advertises, if it is an interval at all.
#[must_use]
pub fn advertised_interval(frame: &[u8], version: Version) -> Option<AdvertInterval> {
    let (_, packet) = ethernet::payload(frame)?;
    Header::parse(ipv4::parse(packet).ok()?.payload)?.interval(version)
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
    let destination = if local.peers.is_some() { local.address } else { IpAddr::V4(ipv4::GROUP) };
    if packet.protocol != VRRP || destination != IpAddr::V4(packet.destination) {
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
    version: Version,
) -> Result<(Header, usize, ChecksumForm), Discard> {
    let message = packet.payload;
    let first = *message.first().ok_or(Discard::Length)?;
    if first >> 4 != version.as_u8() {
        return Err(Discard::Version);
    }
    if first & 0x0f != ADVERTISEMENT {
        return Err(Discard::Type);
    }
    let header = Header::parse(message).ok_or(Discard::Length)?;
    let message_len = header.message_len(version, Family::V4);
    let exact = message.get(..message_len).ok_or(Discard::Length)?;
    // What follows the message (keepalived's HMAC trailer, say) may or may not be under the checksum.
    let checksum = checksum_form(exact, packet, version)
        .or_else(|| checksum_form(message, packet, version))
        .ok_or(Discard::Checksum)?;
    Ok((header, message_len, checksum))
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
    message: &[u8],
    message_len: usize,
    local: &Local<'_>,
) -> Result<(), Discard> {
    if local.version == Version::V3 {
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

/// Whether the message lists exactly the configured addresses, in any order. 255 against 255 at worst.
fn same_addresses(message: &[u8], count: u8, configured: &[IpAddr]) -> bool {
    debug_assert!(message.len() >= HEADER_LEN, "checked by the length rung");
    usize::from(count) == configured.len()
        && vrrp::addresses(message, Family::V4, count).all(|address| configured.contains(&address))
        && configured
            .iter()
            .all(|own| vrrp::addresses(message, Family::V4, count).any(|address| address == *own))
}

#[cfg(test)]
mod tests;
