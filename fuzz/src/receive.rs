//! Frames through the receive ladder, and what it accepts into the election.

use std::{
    net::{IpAddr, Ipv4Addr},
    ops::RangeInclusive,
};

use vrrp_common::{
    election::{Cause, Door, Effects, Election, Input, Settings, State, StateName},
    receive::{Advert, Discard, Lists, Local, Peer, Received, receive},
    time::Time,
    types::{AdvertInterval, Family, Mac, Priority, Version, Vrid},
    wire::{
        checksum::Sum,
        ethernet, ipv4,
        vrrp::{AdvertV4, ChecksumForm, HEADER_LEN, Header, addresses},
    },
};

/// The virtual router.
pub const VRID: u8 = 51;
/// The router that receives.
pub const OWN: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);
/// What it has configured.
pub const ADDRESSES: [IpAddr; 2] =
    [IpAddr::V4(Ipv4Addr::new(10, 77, 0, 100)), IpAddr::V4(Ipv4Addr::new(10, 77, 0, 101))];
/// The password of version 2, where there is one.
pub const PASSWORD: [u8; 8] = *b"1111\0\0\0\0";

/// Who alone may send to it, where it has peers: one on the link, one behind routers.
pub const PEERS: [Peer; 2] = [
    Peer { address: IpAddr::V4(Ipv4Addr::new(10, 77, 0, 2)), min_ttl: 255, max_ttl: 255 },
    Peer { address: IpAddr::V4(Ipv4Addr::new(10, 77, 1, 3)), min_ttl: 60, max_ttl: 64 },
];

/// The first byte of an input: what the router has configured, and what is done to the frame before it is judged, so
/// that inputs get past the checksums.
#[derive(Clone, Copy, Debug)]
struct Mode(u8);

impl Mode {
    const VERSION_2: u8 = 1;
    const PASSWORD: u8 = 2;
    const MEND_IP: u8 = 4;
    const MEND_VRRP: u8 = 8;
    const MEND_WITH_PSEUDO_HEADER: u8 = 16;
    const TRUNCATED: u8 = 32;
    const UNICAST: u8 = 64;
    const RFC_DISCARDS: u8 = 128;

    const fn has(self, bit: u8) -> bool {
        self.0 & bit != 0
    }

    fn local(self) -> Local<'static> {
        let version = if self.has(Self::VERSION_2) { Version::V2 } else { Version::V3 };
        let with_password = self.has(Self::VERSION_2) && self.has(Self::PASSWORD);
        Local {
            version,
            vrid: vrid(),
            address: OWN.into(),
            interval: AdvertInterval::DEFAULT,
            auth: with_password.then_some(PASSWORD),
            addresses: &ADDRESSES,
            peers: self.has(Self::UNICAST).then_some(&PEERS),
            owner: false,
            rfc_discards: self.has(Self::RFC_DISCARDS),
        }
    }

    fn mend(self, frame: &mut [u8]) {
        let Some(packet) = frame.get_mut(ethernet::HEADER_LEN..) else { return };
        let header_len = packet.first().map_or(0, |first| usize::from(first & 0x0f) * 4);
        if header_len < ipv4::HEADER_LEN || packet.len() < header_len {
            return;
        }
        let total = usize::from(u16::from_be_bytes([packet[2], packet[3]]));
        let address = |at: usize| Ipv4Addr::new(packet[at], packet[at + 1], packet[at + 2], packet[at + 3]);
        let (source, destination) = (address(12), address(16));
        let (header, message) = packet.split_at_mut(header_len);
        if self.has(Self::MEND_IP) {
            store(header, 10, Sum::new());
        }
        let length = total.saturating_sub(header_len).min(message.len());
        let message = &mut message[..length];
        if self.has(Self::MEND_WITH_PSEUDO_HEADER) {
            store(message, 6, Sum::pseudo_header(source, destination, length as u16));
        } else if self.has(Self::MEND_VRRP) {
            store(message, 6, Sum::new());
        }
    }
}

/// Puts the checksum of `bytes` to where it belongs.
fn store(bytes: &mut [u8], at: usize, before: Sum) {
    if bytes.len() < at + 2 {
        return;
    }
    bytes[at..at + 2].fill(0);
    let sum = before.with(bytes).finish().to_be_bytes();
    bytes[at..at + 2].copy_from_slice(&sum);
}

fn vrid() -> Vrid {
    Vrid::new(VRID).unwrap_or_else(|| panic!("a VRID"))
}

/// What the ladder makes of an input; `None` for an empty one.
#[must_use]
pub fn judge(data: &[u8]) -> Option<(Version, Result<Advert, Discard>)> {
    let (mode, frame) = data.split_first()?;
    let (mode, mut frame) = (Mode(*mode), frame.to_vec());
    mode.mend(&mut frame);
    let local = mode.local();
    let frame_length = frame.len() + usize::from(mode.has(Mode::TRUNCATED));
    let judged = receive(&frame, frame_length, &local);
    if let Ok(received) = judged {
        assert!(!mode.has(Mode::TRUNCATED), "half a frame was accepted");
        is_what_the_frame_says(&frame, &received, &local);
        is_accepted_again_when_sent_anew(&received, &local);
        moves_the_election_as_it_may(received.advert, &local);
    }
    Some((local.version, judged.map(|received| received.advert).map_err(|discarded| discarded.reason)))
}

pub(crate) fn run(data: &[u8]) {
    let _verdict = judge(data);
}

/// The checks once more, from the bytes, in no order.
fn is_what_the_frame_says(frame: &[u8], received: &Received<'_>, local: &Local<'_>) {
    let Advert { source, priority, interval, mac, from_virtual_mac, deaf, lists } = received.advert;
    let packet = &frame[14..];
    let message = received.message;
    assert_eq!(frame[12..14], [8, 0]);
    assert_eq!((packet[0] >> 4, packet[9]), (4, 112), "version, protocol");
    assert_eq!(packet[6] & 0x3f | packet[7], 0, "a fragment");
    let (destination, ttls) = way(source, local);
    assert_eq!(packet[16..20], destination.octets());
    assert!(ttls.contains(&packet[8]), "TTL {}", packet[8]);
    assert_eq!(source, IpAddr::from(<[u8; 4]>::try_from(&packet[12..16]).unwrap_or_default()));
    assert_ne!(source, local.address, "our own advert");
    let range = packet.as_ptr_range();
    assert!(range.contains(&message.as_ptr()) && range.end >= message.as_ptr_range().end);
    let (version, same) = (received.version, received.version == local.version);
    assert!(same || (local.auth.is_none() && !local.rfc_discards), "another version");
    assert_eq!(message[..2], [version.as_u8() << 4 | 1, VRID]);
    assert_eq!(message[2], priority.as_u8());
    assert!(message[3] > 0, "no address");
    assert_eq!(mac.0, frame[6..12]);
    assert_eq!(from_virtual_mac, frame[6..12] == [0, 0, 0x5e, 0, 1, VRID]);
    assert_eq!(received.interval_differs, interval != local.interval);
    let differs = received.interval_differs || lists != Lists::Same;
    assert_eq!(deaf, !same || (version == Version::V2 && differs));
    match version {
        Version::V3 => {
            assert_eq!(interval.as_centiseconds(), u16::from_be_bytes([message[4], message[5]]) & 0x0fff);
        }
        Version::V2 => {
            assert_eq!(interval.as_centiseconds(), u16::from(message[5]) * 100);
            assert_eq!(message[4], u8::from(local.auth.is_some()), "authentication type");
            let owner = priority == Priority::OWNER;
            assert!(!local.rfc_discards || (!received.interval_differs && (lists == Lists::Same || owner)));
        }
    }
}

/// Where an advert of `source` goes, and what is left of its TTL there.
fn way(source: IpAddr, local: &Local<'_>) -> (Ipv4Addr, RangeInclusive<u8>) {
    let Some(peers) = local.peers else { return (ipv4::GROUP, ipv4::TTL..=ipv4::TTL) };
    let peer = peers.iter().find(|peer| peer.address == source).unwrap_or_else(|| panic!("a stranger"));
    (OWN, peer.min_ttl..=peer.max_ttl)
}

/// The same fields in a message of our own are accepted as the same advert.
fn is_accepted_again_when_sent_anew(received: &Received<'_>, local: &Local<'_>) {
    let IpAddr::V4(source) = received.advert.source else { panic!("an IPv4 frame") };
    let header = Header::parse(received.message).unwrap_or_else(|| panic!("an accepted header"));
    let list: Vec<_> = addresses(received.message, Family::V4, header.count)
        .map(|address| match address {
            IpAddr::V4(address) => address,
            IpAddr::V6(address) => panic!("{address} in a list of IPv4 addresses"),
        })
        .collect();
    let Advert { priority, interval, mac, .. } = received.advert;
    let (destination, ttls) = way(source.into(), local);
    let advert = AdvertV4 {
        version: received.version,
        vrid: local.vrid,
        priority,
        interval,
        source,
        destination,
        ttl: *ttls.start(),
        auth: local.auth,
        checksum: received.checksum,
        addresses: &list,
    };
    let mut buffer = [0; 1100];
    let packet = advert.emit(&mut buffer).unwrap_or_else(|| panic!("longer than an accepted one can be"));
    let frame = [&ethernet::header(Mac::VRRP_GROUP_V4, mac, ethernet::IPV4), &*packet].concat();
    let again = receive(&frame, frame.len(), local);
    assert_eq!(again.map(|again| again.advert), Ok(received.advert));
    // A message sum that is right either way counts as that without a pseudo-header.
    let same = again.is_ok_and(|again| {
        again.version == received.version
            && again.interval_differs == received.interval_differs
            && (again.checksum == received.checksum || again.checksum == ChecksumForm::MessageOnly)
    });
    assert!(same, "accepted, but not in the same way");
    assert!(received.message.len() >= HEADER_LEN);
}

/// As backup, as master and as leaving master.
fn moves_the_election_as_it_may(advert: Advert, local: &Local<'_>) {
    let settings = Settings {
        version: local.version,
        priority: Priority::DEFAULT,
        interval: local.interval,
        address: local.address,
        preempt: true,
        preempt_delay: std::time::Duration::ZERO,
        grouped: false,
        probe_limit: 0,
    };
    let now = Time::from_nanos(1_000_000_000_000);
    let mut election = Election::new(settings);
    election.handle(now, Input::Start);
    takes(election, now, advert);
    let now = election.deadline();
    election.handle(now, Input::Timeout { last_heard: None });
    election.handle(now, Input::Sent { at: now });
    assert_eq!(election.name(), StateName::Master);
    takes(election, now, advert);
    election.handle(now, Input::Stop);
    takes(election, now, advert);
}

fn takes(mut election: Election, now: Time, advert: Advert) {
    let (before, lease) = (election.name(), election.lease_until());
    let Effects { door, transition, .. } =
        election.handle(now, Input::Advert { advert, at: now, last_heard: None });
    if let Some(Door::Open(granted)) = door {
        assert!(before == StateName::Leaving && granted.until <= lease, "an advert prolongs a lease");
    }
    let settings = *election.settings();
    // Another cluster moves nothing.
    let outranks = advert.priority != Priority::RELEASE
        && advert.lists != Lists::Apart
        && (advert.priority, advert.source) > (settings.priority, settings.address);
    let outranked = transition.is_some_and(|transition| matches!(transition.cause, Cause::Outranked(_)));
    assert_eq!(outranked, before == StateName::Master && outranks);
    assert!(outranked || transition.is_none(), "{transition:?}");
    assert!(matches!(election.state(), State::Leaving { .. }) || election.deadline() > now, "a busy loop");
}
