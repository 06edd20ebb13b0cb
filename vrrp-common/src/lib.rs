//! VRRP without I/O: types with their units, wire formats, the receive ladder, the election, and what daemon and
//! kernel share.
//!
//! Nothing here reads a clock, allocates, or knows a socket, an interface name or a file: `no_std` makes that a build
//! error. The word "master" is that of RFC 5798 and keepalived; RFC 9568 says "Active".

#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

pub mod abi;
pub mod election;
pub mod group;
pub mod lease;
pub mod receive;
pub mod time;
pub mod types;
pub mod wire;
