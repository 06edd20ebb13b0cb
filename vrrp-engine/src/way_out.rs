//! A master whose way to its peers is gone and that goes on all the same (`dont_track_primary`).
//!
//! No advert leaves, so nothing keeps a peer from taking over, and no lease is granted (I2): the door at home closes. On
//! its other interfaces the router may be the only one left, where the primary interface is a direct cable and the box at
//! its other end is off. So there it asks, once an interval, who has its addresses, and goes on while nobody else says
//! that they do.

use std::{
    net::{IpAddr, Ipv4Addr},
    time::Duration,
};

use vrrp_common::{
    abi::Verdict,
    election::{Input, StateName},
    time::Time,
    types::{Mac, Priority},
    wire::arp,
};

use crate::{
    announce::pace,
    effects::Queued,
    engine::Engine,
    outside::{Outside, Plane},
    roster::RouterId,
};

/// From one look at what others claim to the next: a part of the interval.
const LOOKS_PER_INTERVAL: u32 = 10;
/// And no oftener than that.
const SHORTEST_LOOK: Duration = Duration::from_millis(1);

/// How it stands with the way to the peers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum WayOut {
    /// Adverts leave.
    #[default]
    Open,
    /// They do not.
    Lost(Asked),
    /// They leave again; whether a better master hears them or is heard is known then.
    Back { until: Time, asked: Asked },
}

/// The last questions, on all other interfaces of the router.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    at: Time,
    /// Claims of others that had been counted by then.
    claims: u64,
    /// Somebody has claimed an address since.
    refuted: bool,
}

/// Which doors an advert opens, or would have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Opens {
    None,
    /// Those on other interfaces than that of its adverts.
    Secondaries,
    All,
}

/// Where doors are closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Where {
    Home,
    Elsewhere,
}

impl WayOut {
    pub(crate) fn is_open(&self) -> bool {
        *self == Self::Open
    }

    /// An advert was due, and has left or not. `claims`: how many claims of others have been counted until now. What
    /// opens, and whether to ask now.
    fn beat(&mut self, now: Time, left: bool, claims: u64, interval: Duration) -> (Opens, bool) {
        let asked = match (*self, left) {
            (Self::Open, true) => return (Opens::All, false),
            (Self::Back { until, .. }, true) if now >= until => {
                *self = Self::Open;
                return (Opens::All, false);
            }
            (Self::Open, false) => None,
            (Self::Lost(asked) | Self::Back { asked, .. }, _) => Some(asked),
        };
        let is_over = asked.is_none_or(|asked| now >= asked.at + interval / 2);
        let alone = asked.is_some_and(|asked| is_over && !asked.refuted && asked.claims == claims);
        let asked = asked.filter(|_| !is_over).unwrap_or(Asked { at: now, claims, refuted: false });
        *self = match (*self, left) {
            (Self::Back { until, .. }, true) => Self::Back { until, asked },
            (Self::Open | Self::Lost(_), true) => Self::Back { until: now + interval, asked },
            (Self::Open | Self::Lost(_) | Self::Back { .. }, false) => Self::Lost(asked),
        };
        (if alone { Opens::Secondaries } else { Opens::None }, is_over)
    }

    /// Whether somebody has claimed an address since the last questions, and that was not known.
    fn is_refuted_by(&mut self, claims: u64) -> bool {
        let (Self::Lost(asked) | Self::Back { asked, .. }) = self else { return false };
        let new = !asked.refuted && asked.claims != claims;
        asked.refuted |= new;
        new
    }
}

impl<O: Outside> Engine<O> {
    /// An advert was due: it has left or not, or was handed to a link that has no carrier.
    pub(crate) fn advert_was_due(&mut self, queued: &Queued, at: Time, left: bool) {
        let claims = self.claims_of_others(queued.router);
        let Some(router) = self.roster.get_mut(queued.router) else { return };
        if queued.priority == Priority::RELEASE {
            return self.feed(queued.router, at, at, Input::Sent { at }, None);
        }
        let before = router.way_out;
        let (opens, ask) = router.way_out.beat(at, left, claims, router.config.advert_int.span());
        if opens > std::mem::replace(&mut router.opens, opens) {
            // What was announced before stayed behind a closed door, and another host may have answered.
            router.announcements.answer(at, pace(router.config.advert_int));
            router.teaching.hurry(at);
        }
        if before.is_open() && !router.way_out.is_open() {
            let name = &router.config.name;
            tracing::warn!(router = %name, "no advert leaves: its door at home is closed, and others stay open while nobody else answers");
            self.close_at(queued.router, Where::Home);
        }
        if ask {
            self.ask_who_has(queued.router);
        }
        match opens {
            Opens::All | Opens::Secondaries => self.feed(queued.router, at, at, Input::Sent { at }, None),
            Opens::None => {}
        }
    }

    /// When to look at what others claim.
    pub(crate) fn next_look_at_claims(&self) -> Time {
        let watched = self.roster.iter().filter(|router| {
            !router.way_out.is_open()
                && !router.secondaries.is_empty()
                && router.election.name() == StateName::Master
        });
        let period = watched.map(|router| router.config.advert_int.span() / LOOKS_PER_INTERVAL).min();
        let last = self.looked_at_claims.unwrap_or(Time::BOOT);
        period.map_or(Time::NEVER, |period| last + period.max(SHORTEST_LOOK))
    }

    /// Closes the doors of routers whose addresses somebody else claims.
    pub(crate) fn look_at_claims(&mut self, at: Time) {
        if at < self.next_look_at_claims() {
            return;
        }
        self.looked_at_claims = Some(at);
        for id in self.roster.ids().iter().copied() {
            let claims = self.claims_of_others(id);
            let Some(router) = self.roster.get_mut(id) else { continue };
            if router.way_out.is_refuted_by(claims) {
                tracing::warn!(router = %router.config.name, "another host answers for its addresses: its doors are closed");
                self.close_at(id, Where::Elsewhere);
            }
        }
    }

    fn close_at(&mut self, id: RouterId, where_to: Where) {
        let at = self.outside.now();
        let Some(router) = self.roster.get(id) else { return };
        self.ports.doors_of(router, |plane, is_home| {
            if is_home == (where_to == Where::Home) {
                plane.close(router.slot, at);
            }
        });
    }

    /// Claims that were counted on the other interfaces of the router: of other MAC addresses, of its own at another
    /// station, and, where its door is closed, of a master. Those of other routers there are among them, so that it may
    /// close its doors for an interval without need.
    fn claims_of_others(&self, id: RouterId) -> u64 {
        let Some(router) = self.roster.get(id).filter(|router| !router.way_out.is_open()) else {
            return 0;
        };
        let planes = router.secondaries.iter().filter_map(|port| self.ports.plane(*port));
        let counters = planes.filter_map(Plane::counters);
        let claims = [
            Verdict::ArpConflict,
            Verdict::ArpConflictLimited,
            Verdict::ArpOwnClaim,
            Verdict::ArpMasterClaim,
        ];
        let claims = counters.map(|counters| claims.iter().map(|verdict| counters.of(*verdict)).sum::<u64>());
        claims.sum()
    }

    /// Asks on the router's other interfaces who has its addresses there: all, and whoever has its virtual MAC.
    fn ask_who_has(&mut self, id: RouterId) {
        let Some(router) = self.roster.get(id) else { return };
        for binding in &router.resources.bindings {
            // Neighbour solicitations come with the adverts of IPv6.
            let IpAddr::V4(address) = binding.address.address else { continue };
            let port = self.ports.find(&binding.interface).filter(|port| *port != router.home);
            let Some(port) = port.and_then(|port| self.ports.get_mut(port)) else { continue };
            let (Some(link), Some(plane)) = (&port.link, &mut port.plane) else { continue };
            let vmac = router.uses_vmac().then(|| router.mac());
            let frames = questions(link.mac, address, vmac);
            // Who cannot ask hears no answer either: its link is down, and so is its door's use.
            let _unsent = plane.send(frames.iter().map(<[u8; arp::FRAME_LEN]>::as_slice));
        }
    }
}

fn questions(mac: Mac, address: Ipv4Addr, vmac: Option<Mac>) -> Vec<[u8; arp::FRAME_LEN]> {
    std::iter::once(Mac::BROADCAST).chain(vmac).map(|to| arp::question(mac, address, to)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Duration = Duration::from_millis(100);

    fn at(ms: u64) -> Time {
        Time::from_nanos(1_000_000_000 + ms * 1_000_000)
    }

    #[test]
    fn without_a_way_out_only_the_other_doors_open_and_only_after_nobody_answered() {
        let mut way = WayOut::default();
        assert_eq!(way.beat(at(0), true, 0, INTERVAL), (Opens::All, false));
        assert_eq!(way.beat(at(100), false, 0, INTERVAL), (Opens::None, true), "nobody was asked yet");
        assert_eq!(way.beat(at(120), false, 0, INTERVAL), (Opens::None, false), "too early to tell");
        assert_eq!(way.beat(at(200), false, 0, INTERVAL), (Opens::Secondaries, true));
        assert_eq!(way.beat(at(300), false, 1, INTERVAL), (Opens::None, true), "somebody has answered");
        assert_eq!(way.beat(at(400), false, 1, INTERVAL), (Opens::Secondaries, true));
    }

    #[test]
    fn a_claim_between_two_beats_is_told_once_and_counts_at_the_next() {
        let mut way = WayOut::default();
        way.beat(at(0), false, 7, INTERVAL);
        assert!(!way.is_refuted_by(7));
        assert!(way.is_refuted_by(8));
        assert!(!way.is_refuted_by(9), "told already");
        assert_eq!(way.beat(at(100), false, 9, INTERVAL), (Opens::None, true));
    }

    #[test]
    fn when_the_way_is_back_the_doors_wait_for_an_interval_of_adverts() {
        let mut way = WayOut::default();
        way.beat(at(0), false, 0, INTERVAL);
        assert_eq!(way.beat(at(100), true, 0, INTERVAL), (Opens::Secondaries, true));
        assert!(!way.is_open());
        assert_eq!(way.beat(at(150), false, 0, INTERVAL), (Opens::Secondaries, true), "lost again");
        assert_eq!(way.beat(at(250), true, 0, INTERVAL), (Opens::Secondaries, true));
        assert_eq!(way.beat(at(350), true, 0, INTERVAL), (Opens::All, false));
        assert!(way.is_open());
    }
}
