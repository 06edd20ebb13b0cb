//! Frames, made by hand.

use std::net::Ipv4Addr;

use vrrp_common::types::Mac;

pub(crate) const REQUEST: u16 = 1;
pub(crate) const REPLY: u16 = 2;

/// An ARP frame before it is bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arp {
    pub(crate) to: Mac,
    pub(crate) from: Mac,
    pub(crate) hardware: u16,
    pub(crate) operation: u16,
    pub(crate) sender_mac: Mac,
    pub(crate) sender: Ipv4Addr,
    pub(crate) target_mac: Mac,
    pub(crate) target: Ipv4Addr,
}

impl Arp {
    /// "Who has `target`? Tell `sender`."
    pub(crate) fn request(sender_mac: Mac, sender: &str, target: &str) -> Self {
        Self {
            to: Mac::BROADCAST,
            from: sender_mac,
            hardware: 1,
            operation: REQUEST,
            sender_mac,
            sender: sender.parse().unwrap(),
            target_mac: Mac::default(),
            target: target.parse().unwrap(),
        }
    }

    /// "`sender` is at `sender_mac`", to one host.
    pub(crate) fn reply(sender_mac: Mac, sender: &str, to: Mac, target: &str) -> Self {
        Self { to, operation: REPLY, target_mac: to, ..Self::request(sender_mac, sender, target) }
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut frame = ethernet(self.to, self.from, 0x0806);
        frame.extend(self.hardware.to_be_bytes());
        frame.extend([0x08, 0x00, 6, 4]);
        frame.extend(self.operation.to_be_bytes());
        frame.extend(self.sender_mac.0);
        frame.extend(self.sender.octets());
        frame.extend(self.target_mac.0);
        frame.extend(self.target.octets());
        frame
    }
}

pub(crate) fn ethernet(to: Mac, from: Mac, ether_type: u16) -> Vec<u8> {
    [&to.0[..], &from.0[..], &ether_type.to_be_bytes()[..]].concat()
}

/// `frame` with a tag after its addresses.
pub(crate) fn tagged(frame: &[u8], vlan: u16) -> Vec<u8> {
    [&frame[..12], &[0x81, 0x00], &vlan.to_be_bytes(), &frame[12..]].concat()
}

/// IPv4 with a right checksum; `options` is a multiple of four bytes.
pub(crate) fn ipv4(
    to: Mac,
    source: &str,
    destination: &str,
    protocol: u8,
    ttl: u8,
    options: &[u8],
    payload: &[u8],
) -> Vec<u8> {
    let header = 20 + options.len();
    let mut ip = vec![0x40 | (header / 4) as u8, 0xc0];
    ip.extend(((header + payload.len()) as u16).to_be_bytes());
    ip.extend([0, 1, 0, 0, ttl, protocol, 0, 0]);
    ip.extend(source.parse::<Ipv4Addr>().unwrap().octets());
    ip.extend(destination.parse::<Ipv4Addr>().unwrap().octets());
    ip.extend(options);
    let sum = checksum(&ip);
    ip[10..12].copy_from_slice(&sum.to_be_bytes());
    let mut frame = ethernet(to, Mac([0x02, 0, 0, 0, 0, 0x0b]), 0x0800);
    frame.extend(ip);
    frame.extend(payload);
    frame
}

/// Over big-endian words, as RFC 1071 has it.
pub(crate) fn checksum(bytes: &[u8]) -> u16 {
    let mut sum: u32 =
        bytes.chunks(2).map(|word| u32::from(word[0]) << 8 | word.get(1).map_or(0, |&b| b.into())).sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

/// An advert of version 3 with one address, and the checksum of the message alone.
pub(crate) fn message(vrid: u8, priority: u8) -> Vec<u8> {
    summed(vec![0x31, vrid, priority, 1, 0, 100, 0, 0, 192, 0, 2, 51])
}

/// The message with the checksum that it should have.
pub(crate) fn summed(mut message: Vec<u8>) -> Vec<u8> {
    message[6..8].fill(0);
    let sum = checksum(&message);
    message[6..8].copy_from_slice(&sum.to_be_bytes());
    message
}

/// Changes one byte of the IP header of a frame and mends its checksum.
pub(crate) fn mend(frame: &mut [u8], at: usize, value: u8) {
    frame[at] = value;
    frame[24..26].fill(0);
    let sum = checksum(&frame[14..34]).to_be_bytes();
    frame[24..26].copy_from_slice(&sum);
}

pub(crate) fn advert(source: &str, message: &[u8]) -> Vec<u8> {
    ipv4(Mac::VRRP_GROUP_V4, source, "224.0.0.18", 112, 255, &[], message)
}
