//! What no configuration can accept in an advert: it is dropped here, before it can use up what others may need.
//!
//! The same checks as on the host, in the same order (RFC 9568 §7.1), as far as they need no configuration. What takes longer is
//! left to the daemon: messages with more than 62 addresses, with something behind them (an HMAC, say), or behind IP options.

use vrrp_common::abi::{EXPECTED_BYTES, Verdict};

use crate::packet::{ETHERNET_BYTES, Frame, IPV4_BYTES, Ipv4, sums_to_zero};

/// The one type of message (RFC 9568 §5.2.2).
const ADVERTISEMENT: u8 = 1;
/// Bytes of the fields before the addresses, and of the authentication data behind those of version 2.
const HEADER: usize = 8;
const AUTHENTICATION: usize = 8;
/// As the pseudo-header has it.
const PROTOCOL: [u8; 2] = [0, 112];

/// The priority of a message that may be an advert. It is for a router here, and no fragment; its VRID is in the frame.
#[inline(always)]
pub(crate) fn check(frame: &Frame, ip: &Ipv4) -> Result<u8, Verdict> {
    let plain = ip.is_plain();
    if ip.version_ihl >> 4 != 4 || (plain && !ip.checksum_is_right()) {
        return Err(Verdict::AdvertIpHeader);
    }
    let header = usize::from(ip.version_ihl & 0xf) * 4;
    let field = |offset: usize| frame.byte(ETHERNET_BYTES + header + offset).ok_or(Verdict::AdvertLength);
    let first = field(0)?;
    let version = first >> 4;
    if version != 2 && version != 3 {
        return Err(Verdict::AdvertVersion);
    }
    if first & 0xf != ADVERTISEMENT {
        return Err(Verdict::AdvertType);
    }
    let (priority, count) = (field(2)?, field(3)?);
    let authentication = if version == 2 { AUTHENTICATION } else { 0 };
    let needed = HEADER + usize::from(count) * 4 + authentication;
    let total = usize::from(u16::from_be_bytes(ip.total_length));
    if total < header + needed || frame.length() < (ETHERNET_BYTES + total) as u64 {
        return Err(Verdict::AdvertLength);
    }
    let is_cheap = plain && total == IPV4_BYTES + needed && needed <= EXPECTED_BYTES;
    if is_cheap && !checksum_is_right(frame, ip, version, needed) {
        return Err(Verdict::AdvertChecksum);
    }
    Ok(priority)
}

/// Whether either form of the checksum over `length` bytes fits: that of the message alone, and in version 3 that with a
/// pseudo-header (RFC 5798 §5.2.8).
#[inline(always)]
fn checksum_is_right(frame: &Frame, ip: &Ipv4, version: u8, length: usize) -> bool {
    let mut sum: u64 = 0;
    for index in 0..EXPECTED_BYTES / 4 {
        if index * 4 >= length {
            break;
        }
        let Some(word) = frame.word(ETHERNET_BYTES + IPV4_BYTES + index * 4) else { return false };
        sum += u64::from(word);
    }
    let [zero, protocol] = PROTOCOL;
    let [high, low] = (length as u16).to_be_bytes();
    let pseudo_header = u64::from(u32::from_ne_bytes(ip.source))
        + u64::from(u32::from_ne_bytes(ip.destination))
        + u64::from(u32::from_ne_bytes([zero, protocol, high, low]));
    sums_to_zero(sum) || (version == 3 && sums_to_zero(sum + pseudo_header))
}
