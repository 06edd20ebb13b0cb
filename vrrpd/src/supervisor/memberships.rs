//! Membership of this host in the multicast group, by interface: on those with routers that listen to it, as long as they
//! are there.

use std::collections::{BTreeMap, BTreeSet};

use vrrp_common::types::Family;
use vrrp_config::Config;
use vrrp_engine::{Demand, Link};

use crate::multicast::Membership;

/// An interface, and the family whose adverts are listened to there.
type Group = (String, Family);

/// Memberships that are wanted, and those that there are.
#[derive(Debug, Default)]
pub(super) struct Memberships {
    wanted: BTreeSet<Group>,
    joined: BTreeMap<Group, Membership>,
    /// Groups of which it is said already that they cannot be joined.
    refused: BTreeSet<Group>,
}

impl Memberships {
    pub(super) fn of(config: &Config) -> Self {
        let mut new = Self::default();
        new.configure(config);
        new
    }

    /// Takes a changed configuration; [`follow`](Self::follow) does the rest.
    pub(super) fn configure(&mut self, config: &Config) {
        let listeners = config.routers.iter().filter(|router| router.unicast.is_none());
        self.wanted = listeners.map(|router| (router.interface.clone(), router.family)).collect();
    }

    /// Joins and leaves, by what links there are.
    pub(super) fn follow(&mut self, links: &BTreeMap<String, Link>) {
        let wanted = |group: &Group| links.get(&group.0).filter(|_| self.wanted.contains(group));
        self.joined.retain(|group, joined| wanted(group).is_some_and(|link| link.index == joined.index()));
        for group in &self.wanted {
            let (name, family) = group;
            let demand = Demand { adverts: true, vmac: false };
            let link = links.get(name).filter(|link| link.nature.refuses(demand).is_none());
            let Some(link) = link.filter(|_| !self.joined.contains_key(group)) else { continue };
            match Membership::join(link.index, *family) {
                Ok(joined) => {
                    self.refused.remove(group);
                    self.joined.insert(group.clone(), joined);
                }
                Err(error) => {
                    if self.refused.insert(group.clone()) {
                        tracing::warn!(
                            interface = %name, %error,
                            "cannot join 224.0.0.18: a switch that snoops IGMP may keep adverts from this host; tried again when an interface changes"
                        );
                    }
                }
            }
        }
    }
}
