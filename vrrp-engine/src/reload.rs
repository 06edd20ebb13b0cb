//! A changed configuration, taken in while all routers run.

use std::{collections::BTreeSet, sync::Arc};

use vrrp_common::{
    abi,
    election::{Input, StateName},
};
use vrrp_config::Config;

use crate::{RouterKey, Trackings, engine::Engine, outside::Outside, roster::RouterId};

impl<O: Outside> Engine<O> {
    /// Makes the running routers those of `config`. A router is the same if its interface, family and VRID are; what
    /// else has changed is changed in place and does not move the role (I9).
    pub(crate) fn reload(&mut self, config: Config, trackings: Trackings) {
        self.trackings = trackings;
        self.router_id = config.router_id;
        let keys: Vec<_> = config.routers.iter().map(|router| self.key_of(router)).collect();
        let wanted: BTreeSet<_> = keys.iter().copied().collect();
        let at = self.outside.now();
        for id in self.roster.ids().iter().copied() {
            let Some(router) = self.roster.get_mut(id) else { continue };
            if !wanted.contains(&router.key()) {
                router.retired = true;
                self.feed(id, at, at, Input::Stop, None);
            }
        }
        // Before a new member could take the role by itself.
        let groups = config.sync_groups;
        self.regroup(&groups, &keys, at);
        for (key, new) in keys.iter().copied().zip(config.routers) {
            match self.ports.resident(key) {
                Some(id) => self.reconfigure(id, new),
                None => self.add_router(new),
            }
        }
    }

    pub(crate) fn key_of(&mut self, router: &vrrp_config::Router) -> RouterKey {
        RouterKey { port: self.ports.named(&router.interface), slot: abi::slot(router.family, router.vrid) }
    }

    fn reconfigure(&mut self, id: RouterId, new: Arc<vrrp_config::Router>) {
        let at = self.outside.now();
        let tracking = self.tracking_of(&new);
        let Some(router) = self.roster.get_mut(id) else { return };
        if router.config == new && router.tracking == tracking && !router.retired {
            return;
        }
        let before = Arc::clone(&router.resources);
        let revived = std::mem::take(&mut router.retired);
        let input = router.reconfigure(new, tracking);
        let master = router.election.name() == StateName::Master;
        tracing::info!(router = %router.config.name, revived, "reconfigured");
        if master && router.resources.adds_addresses_to(&before) {
            router.announcements.start(at);
        }
        self.find_secondaries(id);
        self.install(id);
        self.feed(id, at, at, input, None);
        self.settle_router(id);
        self.revisit(id);
    }
}
