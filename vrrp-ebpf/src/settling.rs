//! Whether the port at the other end of the cable forwards, told by what arrives after the link came up.
//!
//! A switch sends frames of its own out of a port that lets nothing through yet. Any other frame came through it.

use vrrp_common::abi::event;

use crate::{
    door::now,
    maps::{self, Watch},
    packet::{Frame, Mac},
};

/// Sent by a switch itself (IEEE 802.1Q, 8.6.3): 01-80-C2-00-00-0X, to neighbours that no bridge passes it on to, and -2X, to
/// those that register with it.
const SWITCH: [u8; 5] = [0x01, 0x80, 0xc2, 0x00, 0x00];
/// The same of Cisco's: 01-00-0C-CC-CC-CX.
const SWITCH_CISCO: [u8; 5] = [0x01, 0x00, 0x0c, 0xcc, 0xcc];
/// The last bytes of the spanning tree's addresses: of a bridge, of a provider's, and of each VLAN's at Cisco.
const STP: u8 = 0x00;
const STP_PROVIDER: u8 = 0x08;
const STP_CISCO: u8 = 0xcd;

/// What a frame shows.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shows {
    /// The port forwards.
    Forwarding,
    /// The switch speaks a spanning tree, which keeps ports shut at first.
    SpanningTree,
    /// Neither.
    Nothing,
}

/// Notes the first frame of each kind, and wakes the daemon, while that asks.
#[inline(always)]
pub(crate) fn note(frame: &Frame) {
    let Some(watch) = Watch::running() else { return };
    let at = now();
    match shown_by(frame) {
        Shows::Forwarding => {
            watch.forwarded(at);
            maps::signal(event::FORWARDED, at);
        }
        Shows::SpanningTree if watch.bpdu(at) => maps::signal(event::BPDU, at),
        Shows::SpanningTree | Shows::Nothing => {}
    }
}

/// A frame of a VLAN shows nothing about others: each may have a tree of its own. Nor does one of this host's that a loop brings
/// back, nor one that a switch sends to itself to find such loops.
#[inline(always)]
fn shown_by(frame: &Frame) -> Shows {
    let (Some(to), Some(from)) = (frame.destination(), frame.source()) else { return Shows::Nothing };
    if let Some(shows) = shown_by_switch(to) {
        return shows;
    }
    let own = maps::interface_mac();
    if from == to || Some(from) == own || frame.is_of_vlan() { Shows::Nothing } else { Shows::Forwarding }
}

#[inline(always)]
fn shown_by_switch(to: Mac) -> Option<Shows> {
    let [a, b, c, d, e, last] = to.bytes();
    let head = [a, b, c, d, e];
    let tree = match head {
        SWITCH if last >> 4 == 0 => last == STP || last == STP_PROVIDER,
        SWITCH if last >> 4 == 2 => false,
        SWITCH_CISCO if last >> 4 == 0xc => last == STP_CISCO,
        _ => return None,
    };
    Some(if tree { Shows::SpanningTree } else { Shows::Nothing })
}
