//! What was on the wire, in the order of the wire.

use std::{collections::BTreeMap, fmt, net::Ipv4Addr, ops::Deref, sync::Arc, time::Duration};

use crate::{
    Mac, Stamp,
    wire::{Advert, Arp, Igmp, Kind},
};

/// Which way a frame went at a port of the switch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// The port's host sent it.
    FromHost,
    /// The switch sent it to the port's host.
    ToHost,
}

/// One frame at one port of the switch.
#[derive(Clone, Debug)]
pub struct Frame {
    /// When the kernel saw it at the port.
    pub at: Stamp,
    /// The host behind the port.
    pub host: Arc<str>,
    /// Whether that host sent it.
    pub direction: Direction,
    /// Ethernet destination.
    pub destination: Mac,
    /// Ethernet source.
    pub source: Mac,
    /// What it carries.
    pub kind: Kind,
}

impl Frame {
    /// The advert that its host sent.
    #[must_use]
    pub fn advert(&self) -> Option<&Advert> {
        match (&self.kind, self.direction) {
            (Kind::Advert(advert), Direction::FromHost) => Some(advert),
            (Kind::Advert(_) | Kind::Arp(_) | Kind::Igmp(_) | Kind::Loopback | Kind::Other, _) => None,
        }
    }

    /// The ARP packet that its host sent.
    #[must_use]
    pub fn arp(&self) -> Option<&Arp> {
        match (&self.kind, self.direction) {
            (Kind::Arp(arp), Direction::FromHost) => Some(arp),
            (Kind::Arp(_) | Kind::Advert(_) | Kind::Igmp(_) | Kind::Loopback | Kind::Other, _) => None,
        }
    }
}

/// Frames in the order in which the kernel saw them.
#[derive(Clone, Copy, Debug)]
pub struct Timeline<'a>(pub &'a [Frame]);

/// A change of master, as the wire shows it.
#[derive(Clone, Debug)]
pub struct Takeover {
    /// The last advert of the old master that has a priority.
    pub last_advert: Stamp,
    /// The old master's priority 0, if it sent one.
    pub left: Option<Stamp>,
    /// The first advert of the new master.
    pub first_advert: Stamp,
}

impl Takeover {
    /// How much later than `master_down` after the last advert the successor spoke; negative: earlier.
    #[must_use]
    pub fn late_ms(&self, master_down: Duration) -> f64 {
        self.first_advert.ms_since(self.last_advert + master_down)
    }
}

impl<'a> Timeline<'a> {
    /// The frames of a window, both ends included.
    pub fn within(self, from: Stamp, to: Stamp) -> impl Iterator<Item = &'a Frame> {
        self.0.iter().filter(move |frame| from <= frame.at && frame.at <= to)
    }

    /// Adverts of one virtual router with the frames that brought them, whoever sent them.
    pub fn adverts(self, vrid: u8) -> impl DoubleEndedIterator<Item = (&'a Frame, &'a Advert)> {
        self.0
            .iter()
            .filter_map(|frame| Some((frame, frame.advert()?)))
            .filter(move |(_, advert)| advert.vrid == vrid)
    }

    /// Adverts that one host sent.
    pub fn adverts_by(
        self,
        vrid: u8,
        host: &str,
    ) -> impl DoubleEndedIterator<Item = (&'a Frame, &'a Advert)> {
        self.adverts(vrid).filter(move |(frame, _)| *frame.host == *host)
    }

    /// Whatever hosts sent with this address as ARP sender: replies, gratuitous ARP and requests.
    pub fn arp_claims(self, vip: Ipv4Addr) -> impl DoubleEndedIterator<Item = (&'a Frame, &'a Arp)> {
        self.0.iter().filter_map(|frame| Some((frame, frame.arp()?))).filter(move |(_, arp)| arp.spa == vip)
    }

    /// ARP replies for an address.
    pub fn arp_replies(self, vip: Ipv4Addr) -> impl DoubleEndedIterator<Item = (&'a Frame, &'a Arp)> {
        self.arp_claims(vip).filter(|(_, arp)| arp.operation == 2 && !arp.is_gratuitous())
    }

    /// Gratuitous ARP for an address, in either form.
    pub fn gratuitous(self, vip: Ipv4Addr) -> impl DoubleEndedIterator<Item = (&'a Frame, &'a Arp)> {
        self.arp_claims(vip).filter(|(_, arp)| arp.is_gratuitous())
    }

    /// What hosts say of the multicast groups that they listen to.
    pub fn igmp(self) -> impl DoubleEndedIterator<Item = (&'a Frame, &'a Igmp)> {
        self.0.iter().filter_map(|frame| match (&frame.kind, frame.direction) {
            (Kind::Igmp(igmp), Direction::FromHost) => Some((frame, igmp)),
            (Kind::Arp(_) | Kind::Advert(_) | Kind::Igmp(_) | Kind::Loopback | Kind::Other, _) => None,
        })
    }

    /// Frames that hosts sent to themselves, so that the switch learns where they are.
    pub fn to_itself(self) -> impl DoubleEndedIterator<Item = &'a Frame> {
        self.0.iter().filter(|frame| {
            frame.direction == Direction::FromHost
                && frame.kind == Kind::Loopback
                && frame.source == frame.destination
        })
    }

    /// Hosts that sent adverts with a priority, each with how many.
    #[must_use]
    pub fn masters(self, vrid: u8) -> BTreeMap<&'a str, usize> {
        let mut masters = BTreeMap::new();
        for (frame, advert) in self.adverts(vrid) {
            if advert.priority > 0 {
                *masters.entry(frame.host.deref()).or_default() += 1;
            }
        }
        masters
    }

    /// The change from one master to another: the successor's first advert, and what the old one sent before it.
    #[must_use]
    pub fn takeover(self, vrid: u8, old: &str, new: &str) -> Option<Takeover> {
        let (first, _) = self.adverts_by(vrid, new).find(|(_, advert)| advert.priority > 0)?;
        let before = || self.adverts_by(vrid, old).rev().filter(|(frame, _)| frame.at <= first.at);
        Some(Takeover {
            last_advert: before().find(|(_, advert)| advert.priority > 0)?.0.at,
            left: before().find(|(_, advert)| advert.priority == 0).map(|(frame, _)| frame.at),
            first_advert: first.at,
        })
    }
}

impl fmt::Display for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let arrow = match self.direction {
            Direction::FromHost => "from",
            Direction::ToHost => "to",
        };
        write!(f, "{} {arrow} {:8} {} > {} ", self.at, self.host, self.source, self.destination)?;
        match &self.kind {
            Kind::Advert(advert) => write!(
                f,
                "advert v{} vrid {} prio {} every {:?} {:?} checksum {:?}",
                advert.version,
                advert.vrid,
                advert.priority,
                advert.interval,
                advert.addresses,
                advert.checksum
            ),
            Kind::Arp(arp) if arp.is_gratuitous() => {
                write!(f, "arp {}: {} is at {} (gratuitous)", arp.operation, arp.spa, arp.sha)
            }
            Kind::Arp(arp) if arp.operation == 1 => {
                write!(f, "arp: who has {}, tell {} at {}", arp.tpa, arp.spa, arp.sha)
            }
            Kind::Arp(arp) => write!(f, "arp: {} is at {}, to {}", arp.spa, arp.sha, arp.tpa),
            Kind::Igmp(igmp) => write!(f, "igmp: {igmp:?}"),
            Kind::Loopback => write!(f, "loopback"),
            Kind::Other => write!(f, "other"),
        }
    }
}
