//! Peers by unicast that are configured and were never heard.
//!
//! A healthy backup is silent, so that this alone is no fault. But a master that has never heard a peer cannot tell it
//! from one whose adverts do not arrive: then both are master, and nothing else would show it.

use std::{net::IpAddr, time::Duration};

use vrrp_common::{election::StateName, receive::Peer, time::Time};

use crate::router::VirtualRouter;

/// For how long a master leaves peers time to be heard, in intervals.
const INTERVALS: u32 = 3;

/// Who was heard of those that adverts go to.
#[derive(Debug, Default)]
pub(crate) struct Unheard {
    heard: Vec<IpAddr>,
    /// Since when this is master without a break.
    master_since: Option<Time>,
    /// Those that were told of.
    said: Vec<IpAddr>,
}

impl Unheard {
    /// Takes note of an advert. Whether it is the first of one that was missed.
    fn hears(&mut self, source: IpAddr, peers: &[Peer]) -> bool {
        if self.heard.contains(&source) || !peers.iter().any(|peer| peer.address == source) {
            return false;
        }
        self.heard.push(source);
        let missed = self.said.contains(&source);
        self.said.retain(|said| *said != source);
        missed
    }

    /// Those that are to be told of now: each once, by a master that has given them time.
    fn due(&mut self, is_master: bool, at: Time, patience: Duration, peers: &[Peer]) -> Vec<IpAddr> {
        if !is_master {
            self.master_since = None;
            return Vec::new();
        }
        let since = *self.master_since.get_or_insert(at);
        let all_are_known = self.heard.len() + self.said.len() >= peers.len();
        if at.since(since) < patience || all_are_known {
            return Vec::new();
        }
        let mut due = self.among(peers);
        due.retain(|peer| !self.said.contains(peer));
        self.said.extend(&due);
        due
    }

    fn among(&self, peers: &[Peer]) -> Vec<IpAddr> {
        let addresses = peers.iter().map(|peer| peer.address);
        addresses.filter(|address| !self.heard.contains(address)).collect()
    }

    /// Those that are no peers any more are to be heard anew if they are again.
    fn forget_others(&mut self, peers: &[Peer]) {
        let is_peer = |address: &IpAddr| peers.iter().any(|peer| peer.address == *address);
        self.heard.retain(is_peer);
        self.said.retain(is_peer);
    }
}

/// Takes note of an advert from `source`, whatever becomes of it.
pub(crate) fn hear(router: &mut VirtualRouter, source: IpAddr) {
    let mut unheard = std::mem::take(&mut router.remarks.unheard);
    if unheard.hears(source, router.peers().unwrap_or_default()) {
        tracing::info!(router = %router.config.name, peer = %source, "a peer that was never heard is heard");
    }
    router.remarks.unheard = unheard;
}

/// Says which peers a master has never heard, once for each.
pub(crate) fn look(router: &mut VirtualRouter, at: Time) {
    if router.peers().is_none() {
        return;
    }
    let mut unheard = std::mem::take(&mut router.remarks.unheard);
    let peers = router.peers().unwrap_or_default();
    let is_master = router.election.name() == StateName::Master;
    unheard.forget_others(peers);
    for peer in unheard.due(is_master, at, INTERVALS * router.config.advert_int.span(), peers) {
        tracing::warn!(
            router = %router.config.name, %peer,
            "master, and this peer was never heard: a backup is silent, but if it is master too, its adverts do not \
             arrive; look at its unicast_peer and at filters on the way"
        );
    }
    router.remarks.unheard = unheard;
}

/// Those that were never heard, for `vrrpd status`.
pub(crate) fn present(router: &VirtualRouter) -> Vec<IpAddr> {
    router.remarks.unheard.among(router.peers().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(3);

    fn address(last: u8) -> IpAddr {
        Ipv4Addr::new(192, 0, 2, last).into()
    }

    fn peers(of: &[u8]) -> Vec<Peer> {
        of.iter().map(|last| Peer { address: address(*last), min_ttl: 255, max_ttl: 255 }).collect()
    }

    fn at(seconds: u64) -> Time {
        Time::from_nanos(seconds * 1_000_000_000)
    }

    #[test]
    fn a_master_tells_once_of_each_peer_that_it_has_never_heard() {
        let (mut unheard, peers) = (Unheard::default(), peers(&[1, 2]));
        assert!(!unheard.hears(address(1), &peers), "heard before it was missed");
        assert!(unheard.due(true, at(100), PATIENCE, &peers).is_empty(), "just become master");
        assert!(unheard.due(true, at(102), PATIENCE, &peers).is_empty());
        assert_eq!(unheard.due(true, at(103), PATIENCE, &peers), [address(2)]);
        assert!(unheard.due(true, at(104), PATIENCE, &peers).is_empty(), "said already");
        assert_eq!(unheard.among(&peers), [address(2)]);
        assert!(unheard.hears(address(2), &peers), "missed, and heard");
        assert!(unheard.among(&peers).is_empty());
        assert!(!unheard.hears(address(9), &peers), "no peer");
    }

    #[test]
    fn a_backup_says_nothing_and_time_as_master_counts_in_one_piece() {
        let (mut unheard, peers) = (Unheard::default(), peers(&[1]));
        assert!(unheard.due(false, at(100), PATIENCE, &peers).is_empty());
        unheard.due(true, at(110), PATIENCE, &peers);
        unheard.due(false, at(112), PATIENCE, &peers);
        assert!(unheard.due(true, at(114), PATIENCE, &peers).is_empty());
        assert_eq!(unheard.due(true, at(117), PATIENCE, &peers), [address(1)]);
    }

    #[test]
    fn a_peer_that_comes_back_into_the_configuration_is_to_be_heard_anew() {
        let mut unheard = Unheard::default();
        unheard.hears(address(1), &peers(&[1]));
        unheard.forget_others(&peers(&[2]));
        assert_eq!(unheard.among(&peers(&[1, 2])), [address(1), address(2)]);
    }
}
