//! ARP: announcements (RFC 826, RFC 9568 §8.1.2) and questions that claim nothing (RFC 5227 §2.1.1).

use core::net::Ipv4Addr;

use super::ethernet;
use crate::types::Mac;

/// Bytes of an ARP frame on Ethernet, without padding.
pub const FRAME_LEN: usize = 42;
/// Bytes of an ARP message for IPv4 on Ethernet.
const MESSAGE_LEN: usize = 28;

/// The operation of a reply (RFC 826).
const REPLY: [u8; 2] = [0, 2];

/// A claim seen in an ARP frame: this MAC says that it has this address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Sender hardware address.
    pub mac: Mac,
    /// Sender protocol address.
    pub address: Ipv4Addr,
}

/// The broadcast request by which `mac` announces that it has `address`.
#[must_use]
pub fn gratuitous(mac: Mac, address: Ipv4Addr) -> [u8; FRAME_LEN] {
    request(Mac::BROADCAST, mac, address, Mac::BROADCAST, address)
}

/// The broadcast request that says that `address` is at `mac`, which is another station's than that of its sender.
#[must_use]
pub fn elsewhere(sender: Mac, mac: Mac, address: Ipv4Addr) -> [u8; FRAME_LEN] {
    let mut frame = gratuitous(mac, address);
    for (to, from) in frame.iter_mut().zip(&ethernet::header(Mac::BROADCAST, sender, ethernet::ARP)) {
        *to = *from;
    }
    frame
}

/// The question of `mac`, which has no address to ask from, who has `address`: to all, or to one station.
#[must_use]
pub fn question(mac: Mac, address: Ipv4Addr, to: Mac) -> [u8; FRAME_LEN] {
    request(to, mac, Ipv4Addr::UNSPECIFIED, Mac([0; 6]), address)
}

fn request(to: Mac, mac: Mac, sender: Ipv4Addr, target_mac: Mac, target: Ipv4Addr) -> [u8; FRAME_LEN] {
    let mut frame = [0u8; FRAME_LEN];
    let fields: [&[u8]; 6] = [
        &ethernet::header(to, mac, ethernet::ARP),
        &[0, 1, 0x08, 0x00, 6, 4, 0, 1],
        &mac.0,
        &sender.octets(),
        &target_mac.0,
        &target.octets(),
    ];
    for (to, from) in frame.iter_mut().zip(fields.into_iter().flatten()) {
        *to = *from;
    }
    frame
}

/// Who claims what in an ARP frame; `None` when it is none.
#[must_use]
pub fn claim(frame: &[u8]) -> Option<Claim> {
    let (ethernet::ARP, message) = ethernet::payload(frame)? else { return None };
    let m = message.first_chunk::<MESSAGE_LEN>()?;
    Some(Claim {
        mac: Mac([m[8], m[9], m[10], m[11], m[12], m[13]]),
        address: Ipv4Addr::new(m[14], m[15], m[16], m[17]),
    })
}

/// The claim in the reply to a [`question`] of `mac`; `None` when the frame is anything else.
#[must_use]
pub fn answer(frame: &[u8], mac: Mac) -> Option<Claim> {
    let claim = claim(frame)?;
    let operation = frame.get(20..22)?;
    let target = frame.get(38..42)?;
    // It goes to who has asked, and to the address that was asked from.
    let is_answer = frame.get(..6)? == mac.0 && operation == REPLY && target == [0; 4];
    is_answer.then_some(claim)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{Family, Vrid};

    #[test]
    fn a_gratuitous_arp_claims_its_address_for_the_virtual_mac() {
        let mac = Mac::virtual_router(Family::V4, Vrid::new(51).unwrap());
        let address = Ipv4Addr::new(192, 0, 2, 51);
        let frame = gratuitous(mac, address);
        assert_eq!(claim(&frame), Some(Claim { mac, address }));
        assert_eq!(frame[..14], [255, 255, 255, 255, 255, 255, 0, 0, 0x5e, 0, 1, 51, 8, 6]);
        assert_eq!(frame[38..], [192, 0, 2, 51]);
    }

    #[test]
    fn a_question_claims_no_address() {
        let (mac, peer) = (Mac([2, 0, 0, 0, 0, 1]), Mac([2, 0, 0, 0, 0, 2]));
        let frame = question(mac, Ipv4Addr::new(192, 0, 2, 51), peer);
        assert_eq!(claim(&frame), Some(Claim { mac, address: Ipv4Addr::UNSPECIFIED }));
        assert_eq!(frame[..6], peer.0);
        assert_eq!(frame[20..22], [0, 1], "a request");
        assert_eq!(frame[32..], [0, 0, 0, 0, 0, 0, 192, 0, 2, 51]);
    }

    #[test]
    fn what_is_elsewhere_is_said_from_here() {
        let (here, there) = (Mac([2, 0, 0, 0, 0, 1]), Mac([2, 0, 0, 0, 0, 2]));
        let address = Ipv4Addr::new(192, 0, 2, 51);
        let frame = elsewhere(here, there, address);
        assert_eq!(claim(&frame), Some(Claim { mac: there, address }));
        assert_eq!((&frame[..6], &frame[6..12]), (&Mac::BROADCAST.0[..], &here.0[..]));
    }

    #[test]
    fn only_a_reply_to_the_question_is_an_answer() {
        let (mac, peer) = (Mac([2, 0, 0, 0, 0, 1]), Mac([2, 0, 0, 0, 0, 2]));
        let address = Ipv4Addr::new(192, 0, 2, 51);
        let mut reply = request(mac, peer, address, mac, Ipv4Addr::UNSPECIFIED);
        assert_eq!(answer(&reply, mac), None, "a request");
        reply[21] = 2;
        assert_eq!(answer(&reply, mac), Some(Claim { mac: peer, address }));
        assert_eq!(answer(&reply, peer), None, "to another host");
        let mut announcement = gratuitous(peer, address);
        announcement[..6].copy_from_slice(&mac.0);
        announcement[21] = 2;
        assert_eq!(answer(&announcement, mac), None, "an announcement");
        assert_eq!(answer(&reply[..41], mac), None);
    }

    #[test]
    fn short_and_foreign_frames_claim_nothing() {
        let mut frame = gratuitous(Mac::BROADCAST, Ipv4Addr::LOCALHOST);
        assert_eq!(claim(&frame[..41]), None);
        assert_eq!(claim(&[]), None);
        frame[13] = 0;
        assert_eq!(claim(&frame), None);
    }
}
