//! Adverts: the expected one is stamped here, what no configuration can accept is dropped, any other goes to the daemon, which
//! judges it.

use core::ptr;

use vrrp_common::{
    abi::{EVENT_ROOMS, EXPECTED_BYTES, Event, Verdict, event},
    types::Family,
};

use crate::{
    door::now,
    maps::{self, ExpectedAdvert, Router, Sender},
    message,
    packet::{ETHERNET_BYTES, Frame, IPV4_BYTES, Ipv4},
};

/// Where IPv4 adverts are sent (RFC 9568 §5.1.1.2), as four bytes of the wire.
const GROUP: [u8; 4] = [224, 0, 0, 18];
/// The protocol of adverts (RFC 9568 §5.1.1.4), and of CARP.
const PROTOCOL: u8 = 112;
/// The one TTL that an advert may have (RFC 9568 §5.1.1.3).
const TTL: u8 = 255;
/// "More fragments", and the fragment's offset.
const FRAGMENT: u16 = 0x3fff_u16.to_be();

/// Recognises the expected advert, and hands on any other. `None`: no advert, or by unicast for no router here that
/// has peers.
#[inline(always)]
pub(crate) fn judge(frame: &Frame, ip: &Ipv4) -> Option<Verdict> {
    if ip.protocol != PROTOCOL {
        return None;
    }
    let to_group = u32::from_ne_bytes(ip.destination) == u32::from_ne_bytes(GROUP);
    let vrid = match vrid(frame, ip) {
        Some(vrid) => vrid,
        None => return to_group.then_some(Verdict::AdvertUnreadable),
    };
    let (slot, router) = match Router::with_vrid(Family::V4, vrid) {
        Some((slot, router)) if router.has_peers() != to_group => (slot, router),
        _ => return to_group.then_some(Verdict::AdvertUnknownVrid),
    };
    let ttl_is_right = if to_group {
        ip.ttl == TTL
    } else {
        let Some(bounds) = maps::peer(slot, ip.source) else { return Some(Verdict::AdvertUnknownPeer) };
        bounds.min <= ip.ttl && ip.ttl <= bounds.max
    };
    if !ttl_is_right {
        return Some(Verdict::AdvertTtl);
    }
    if is_expected(frame, ip, slot) {
        router.stamp(now());
        return Some(Verdict::AdvertExpected);
    }
    Some(match message::check(frame, ip) {
        Ok(priority) => hand_on(frame, ip.source, priority, slot, router),
        Err(verdict) => verdict,
    })
}

/// Gives the daemon an advert to judge, if there are not too many. A flood of others leaves what the present master has, and what
/// those have who may have to be master, as it is.
#[inline(always)]
fn hand_on(frame: &Frame, source: [u8; 4], priority: u8, slot: u32, router: Router) -> Verdict {
    let now = now();
    let sender = if u32::from_ne_bytes(source) == router.master_v4() {
        Sender::Master
    } else if priority >= router.priority() {
        Sender::Better
    } else {
        Sender::Other
    };
    if !maps::has_budget(source, slot, sender, now) || !router.may_report_advert(sender, now) {
        return Verdict::AdvertLimited;
    }
    let room = sender != Sender::Other || maps::has_room_for_others();
    if room && report(frame, event::ADVERT, slot, now) {
        Verdict::AdvertJudged
    } else {
        Verdict::AdvertRingFull
    }
}

/// The second byte of a message, in both versions (RFC 9568 §5.2.3); `None` in a fragment.
#[inline(always)]
fn vrid(frame: &Frame, ip: &Ipv4) -> Option<u8> {
    let header = usize::from(ip.version_ihl & 0xf) * 4;
    if u16::from_ne_bytes(ip.fragment) & FRAGMENT != 0 || header < IPV4_BYTES {
        return None;
    }
    frame.byte(ETHERNET_BYTES + header + 1)
}

#[inline(always)]
fn is_expected(frame: &Frame, ip: &Ipv4, slot: u32) -> bool {
    let Some(expected) = ExpectedAdvert::at(slot) else { return false };
    let length = expected.length();
    if length == 0
        || !ip.is_plain()
        || usize::from(u16::from_be_bytes(ip.total_length)) != IPV4_BYTES + length
        || u32::from_ne_bytes(ip.source) != expected.source_v4()
        || u32::from_ne_bytes(ip.destination) != expected.destination_v4()
        || !ip.checksum_is_right()
    {
        return false;
    }
    for index in 0..EXPECTED_BYTES / 4 {
        if index * 4 >= length {
            return true;
        }
        if frame.word(ETHERNET_BYTES + IPV4_BYTES + index * 4) != Some(expected.word(index)) {
            return false;
        }
    }
    length == EXPECTED_BYTES
}

/// Hands the frame to the daemon; `false` when the ring is full.
#[inline(always)]
pub(crate) fn report(frame: &Frame, kind: u32, slot: u32, now: u64) -> bool {
    const { assert!(EVENT_ROOMS.len() == 4) };
    let length = frame.length();
    if length <= EVENT_ROOMS[0] as u64 {
        write::<{ EVENT_ROOMS[0] }>(frame, kind, slot, now)
    } else if length <= EVENT_ROOMS[1] as u64 {
        write::<{ EVENT_ROOMS[1] }>(frame, kind, slot, now)
    } else if length <= EVENT_ROOMS[2] as u64 {
        write::<{ EVENT_ROOMS[2] }>(frame, kind, slot, now)
    } else {
        write::<{ EVENT_ROOMS[3] }>(frame, kind, slot, now)
    }
}

#[inline(always)]
fn write<const ROOM: usize>(frame: &Frame, kind: u32, slot: u32, now: u64) -> bool {
    let Some(mut entry) = maps::reserve_event::<ROOM>() else { return false };
    let event: *mut Event = entry.as_mut_ptr().cast();
    let length = frame.length();
    let captured = if length < ROOM as u64 { length } else { ROOM as u64 };
    // Nothing shorter gets here. The bound is for the verifier: that of Linux 6.1 does not learn from a comparison with 0
    // that the number is not 0.
    // SAFETY: the reserved entry is an `Event` with a `frame` of `ROOM` bytes, and `captured` is within that.
    let copied = captured >= ETHERNET_BYTES as u64
        && unsafe {
            (&raw mut (*event).at_ns).write(now);
            (&raw mut (*event).kind).write(kind);
            (&raw mut (*event).slot).write(slot);
            (&raw mut (*event).frame_length).write(length as u32);
            (&raw mut (*event).captured).write(captured as u32);
            frame.copy_to(ptr::addr_of_mut!((*event).frame).cast(), captured)
        };
    if copied {
        entry.submit(0);
    } else {
        entry.discard(0);
    }
    copied
}
