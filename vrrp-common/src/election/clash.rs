//! Two clusters with one VRID.
//!
//! An advert without an address of ours says nothing about ours: its sender is followed only if it was of this cluster before, so
//! that a cluster can be renumbered box by box.

use core::net::IpAddr;

use super::{Election, State};
use crate::{
    receive::{Advert, Lists},
    time::Time,
    types::{AdvertInterval, Priority},
};

/// Boxes of a cluster that are remembered: only masters speak.
const ACQUAINTANCES: usize = 4;
/// After how many of its intervals a box is silent: three, and a skew that is less than one.
const SILENCE: u32 = 4;

/// Another cluster with the same VRID, as it was heard last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clash {
    /// Its last advert.
    pub advert: Advert,
    /// When it was heard.
    pub heard_at: Time,
}

/// A box that is of this cluster, whatever it lists, until it is silent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Acquaintance {
    source: IpAddr,
    heard_at: Time,
    interval: AdvertInterval,
}

/// Those that were heard last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Acquaintances([Option<Acquaintance>; ACQUAINTANCES]);

fn is_silent(heard_at: Time, interval: AdvertInterval, now: Time) -> bool {
    now.since(heard_at) > interval.span() * SILENCE
}

impl Acquaintances {
    pub(super) const NONE: Self = Self([None; ACQUAINTANCES]);

    fn find(&mut self, source: IpAddr) -> Option<&mut Acquaintance> {
        self.0.iter_mut().flatten().find(|known| known.source == source)
    }

    /// What was stamped by the kernel did not come here.
    fn was_heard(&mut self, source: IpAddr, at: Time) {
        if let Some(known) = self.find(source) {
            known.heard_at = known.heard_at.max(at);
        }
    }

    fn knows(&mut self, source: IpAddr, at: Time) -> bool {
        self.find(source).is_some_and(|known| !is_silent(known.heard_at, known.interval, at))
    }

    /// In the place of the one that has been silent for longest, if there is none.
    fn remember(&mut self, advert: Advert, at: Time) {
        let new = Acquaintance { source: advert.source, heard_at: at, interval: advert.interval };
        let place =
            match self.0.iter().position(|known| known.is_some_and(|known| known.source == new.source)) {
                Some(index) => self.0.get_mut(index),
                None => self.0.iter_mut().min_by_key(|known| known.map(|known| known.heard_at)),
            };
        if let Some(place) = place {
            let heard_at = place.map_or(at, |known| known.heard_at.max(at));
            *place = Some(Acquaintance { heard_at, ..new });
        }
    }
}

impl Election {
    /// Another cluster that was heard lately.
    #[must_use]
    pub fn clash(&self, now: Time) -> Option<Clash> {
        self.clash.filter(|clash| !is_silent(clash.heard_at, clash.advert.interval, now))
    }

    /// Whether an advert does not concern this router. `last_heard`: when the kernel last saw that of the master.
    pub(super) fn is_of_another_cluster(
        &mut self,
        advert: Advert,
        at: Time,
        last_heard: Option<Time>,
    ) -> bool {
        if let State::Backup(backup) = &self.state
            && let Some(master) = backup.master
        {
            let stamped_at = last_heard.map(|last_heard| last_heard.min(at));
            self.acquaintances
                .was_heard(master.source, stamped_at.map_or(backup.heard_at, |at| at.max(backup.heard_at)));
        }
        let ours = match advert.lists {
            Lists::Same | Lists::Overlap => true,
            Lists::Apart => self.acquaintances.knows(advert.source, at),
        };
        if ours {
            if advert.priority != Priority::RELEASE {
                self.acquaintances.remember(advert, at);
            }
            self.clash = self.clash.filter(|clash| clash.advert.source != advert.source);
        } else {
            self.clash = Some(Clash { advert, heard_at: at });
        }
        !ours
    }
}
