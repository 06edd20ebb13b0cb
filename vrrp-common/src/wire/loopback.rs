//! The frame that a station sends to itself, so that switches learn its port: the Ethernet Configuration Testing Protocol,
//! which many switches and routers use for that.

use super::ethernet;
use crate::types::Mac;

/// A reply that nobody waits for: nothing skipped (2 bytes), function 1, receipt number 0, all with the low byte first.
const MESSAGE: [u8; 6] = [0, 0, 1, 0, 0, 0];

/// The frame of `mac` to itself.
#[must_use]
pub fn frame(mac: Mac) -> [u8; ethernet::MIN_LEN] {
    let mut frame = [0; ethernet::MIN_LEN];
    let header = ethernet::header(mac, mac, ethernet::LOOPBACK);
    for (to, from) in frame.iter_mut().zip(header.iter().chain(&MESSAGE)) {
        *to = *from;
    }
    frame
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_to_itself_names_one_station_twice_and_asks_nobody_to_pass_it_on() {
        let frame = frame(Mac([0, 0, 0x5e, 0, 1, 51]));
        assert_eq!(frame[..6], frame[6..12]);
        assert_eq!(frame[6..20], [0, 0, 0x5e, 0, 1, 51, 0x90, 0, 0, 0, 1, 0, 0, 0]);
        assert!(frame[20..].iter().all(|byte| *byte == 0));
    }
}
