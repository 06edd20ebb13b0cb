//! Interfaces that no virtual router can work on, however they are configured.

use core::fmt;

/// Why an interface cannot carry a router, up or down. The words go on after "the interface …".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unsuitable {
    /// The loopback interface.
    Loopback,
    /// Its frames have no Ethernet header: tunnels, PPP, InfiniBand.
    NotEthernet,
    /// Its frames go to a program: macvtap, ipvtap.
    Tap,
    /// It is told not to speak ARP, or has nobody to speak it with.
    NoArp,
    /// A macvlan, with the virtual MAC: it is given frames for its own MAC only.
    Macvlan,
    /// An ipvlan, with the virtual MAC: likewise.
    Ipvlan,
}

impl fmt::Display for Unsuitable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Loopback => "is the loopback interface, where no other host is: name the one of the LAN",
            Self::NotEthernet => {
                "is no Ethernet interface (a tunnel, PPP or the like) and knows neither ARP nor a virtual MAC: name one \
                 that is"
            }
            Self::Tap => {
                "is a macvtap or ipvtap, whose frames go to a program and not to this host: name the one beneath it"
            }
            Self::NoArp => "does not speak ARP: `ip link set dev NAME arp on`, or name another",
            Self::Macvlan => {
                "is a macvlan, which gets no frames for the virtual MAC: set use_vmac = false, or give it mode \
                 passthru, or name the one beneath it"
            }
            Self::Ipvlan => {
                "is an ipvlan, which gets no frames for the virtual MAC: set use_vmac = false, or name the one beneath it"
            }
        })
    }
}
