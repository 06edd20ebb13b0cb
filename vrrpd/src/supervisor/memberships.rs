//! On which interfaces this host is a member of the multicast group: those with routers that listen to it, as long as they
//! are there.

use std::collections::{BTreeMap, BTreeSet};

use crate::{multicast::Membership, protocol::Link, suitable::Demand};
use vrrp_config::Config;

/// What is wanted, and what there is.
#[derive(Debug, Default)]
pub(super) struct Memberships {
    wanted: BTreeSet<String>,
    joined: BTreeMap<String, Membership>,
    /// Interfaces of which it is said already that they cannot be joined on.
    refused: BTreeSet<String>,
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
        self.wanted = listeners.map(|router| router.interface.clone()).collect();
    }

    /// Joins and leaves, by what links there are.
    pub(super) fn follow(&mut self, links: &BTreeMap<String, Link>) {
        let wanted = |name: &String| links.get(name).filter(|_| self.wanted.contains(name));
        self.joined.retain(|name, joined| wanted(name).is_some_and(|link| link.index == joined.index()));
        for name in &self.wanted {
            let demand = Demand { adverts: true, vmac: false };
            let link = links.get(name).filter(|link| link.nature.refuses(demand).is_none());
            let Some(link) = link.filter(|_| !self.joined.contains_key(name)) else { continue };
            match Membership::join(link.index) {
                Ok(joined) => {
                    self.refused.remove(name);
                    self.joined.insert(name.clone(), joined);
                }
                Err(error) => {
                    if self.refused.insert(name.clone()) {
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
