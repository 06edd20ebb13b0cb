//! Virtual addresses that are on this host without vrrpd's doing: they stay when it ends, and the kernel then answers for
//! them beside the master.

use std::{collections::BTreeSet, net::IpAddr};

use vrrp_common::types::Priority;

use super::Supervisor;
use vrrp_engine::Resources;

use crate::netlink::Observed;
use vrrp_config::Config;

/// The virtual addresses of routers that do not own them, and those that were found here already.
#[derive(Debug, Default)]
pub(super) struct Operators {
    virtual_addresses: BTreeSet<(String, IpAddr)>,
    named: BTreeSet<(String, IpAddr)>,
}

impl Operators {
    pub(super) fn of(config: &Config) -> Self {
        let others = config.routers.iter().filter(|router| router.priority != Priority::OWNER);
        let places = others.map(|router| Resources::of(router)).flat_map(|resources| resources.bindings);
        let virtual_addresses = places.map(|place| (place.interface, place.address.address)).collect();
        Self { virtual_addresses, named: BTreeSet::new() }
    }

    /// Finds those that the kernel has now, and that were not named before.
    fn find(&mut self, observed: &Observed) -> Vec<(String, IpAddr)> {
        let seen = observed.addresses.seen(&observed.names).into_iter().filter(|seen| !seen.marked);
        let present: BTreeSet<_> = seen
            .map(|seen| (seen.spot.interface, seen.spot.address))
            .filter(|place| self.virtual_addresses.contains(place))
            .collect();
        let new = present.difference(&self.named).cloned().collect();
        self.named = present;
        new
    }
}

impl Supervisor {
    /// Names what has come since the last look.
    pub(super) fn name_what_operators_have_added(&mut self, observed: &Observed) {
        for (interface, address) in self.operators.find(observed) {
            tracing::warn!(
                %interface, %address,
                "the interface has a virtual address that vrrpd has not added: it stays when vrrpd ends, and this host \
                 then answers for it beside the master; unless that is wanted: ip address del"
            );
        }
    }
}
