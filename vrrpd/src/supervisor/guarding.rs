//! The guard of the whole host: which addresses it has, where it is, what is said of it. Nothing waits for it, and
//! nothing fails with it.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    net::IpAddr,
    sync::Arc,
};

use vrrp_common::abi;
use vrrp_dataplane::{Entrance, Guard, Tables};

use super::{Plane, Supervisor, reconcile::Claims};
use crate::{netlink::Observed, status::GuardStatus};
use vrrp_config::Config;

/// An interface, and the router's slot in its data plane.
type Door = (String, u32);

/// Risk of a host without a guard, in words.
const RISK: &str = "while this host is not master and still has virtual addresses, after a crash above all, another \
                    interface of it may answer for them";

/// The guard, if it could be loaded, and what it is to be told.
#[derive(Debug, Default)]
pub(super) struct Guarding {
    guard: Option<Guard>,
    /// Says whether it was tried to load it: when there is a data plane that it looks at, and not before.
    loaded: bool,
    /// Interfaces whose data planes it does not know yet.
    strange: Vec<String>,
    /// Reason for which there is none.
    failure: Option<String>,
    /// Addresses that a daemon before had: of which interface, in which slot.
    inherited: Vec<(IpAddr, Door)>,
    doors: BTreeMap<IpAddr, Door>,
    /// Addresses that could not be.
    unguarded: HashSet<IpAddr>,
    /// Counts the looks at whether somebody has taken it away.
    looks: usize,
}

impl Guarding {
    pub(super) fn new(config: &Config) -> Self {
        let mut new = Self::default();
        new.configure(config);
        new
    }

    /// A data plane was attached, with the routers of a daemon before in it or with none. The guard takes it for its own before
    /// the kernel gets an address: until then there is nothing to guard, but what an earlier guard goes on to guard.
    pub(super) fn expect(&mut self, interface: &str, tables: &Tables) {
        self.strange.push(interface.to_owned());
        self.inherited.extend(tables.vips().map(|(address, slot)| (address, (interface.to_owned(), slot))));
    }

    fn load(&mut self) {
        self.loaded = true;
        match Guard::load() {
            Ok(guard) => self.guard = Some(guard),
            Err(error) => {
                let error = error.to_string();
                tracing::warn!(error, "the guard cannot be loaded: {RISK}");
                self.failure = Some(error);
            }
        }
    }

    /// Takes in the data planes that were attached since it was asked last. Blocks, for milliseconds.
    fn adopt(&mut self, planes: &mut BTreeMap<String, Plane>) {
        if self.strange.is_empty() {
            return;
        }
        if !self.loaded {
            self.load();
        }
        for name in std::mem::take(&mut self.strange) {
            let (Some(guard), Some(plane)) = (&mut self.guard, planes.get_mut(&name)) else { continue };
            if let Err(error) = guard.adopt(&mut plane.plane) {
                tracing::warn!(interface = name, %error, "the guard does not know all doors");
            }
        }
    }

    /// Takes in whose door it is that each address of the configuration is behind.
    pub(super) fn configure(&mut self, config: &Config) {
        let of_router = |router: &Arc<vrrp_config::Router>| {
            let (home, slot) = (router.interface.clone(), abi::slot(router.family, router.vrid));
            let addresses: Vec<_> = router.addresses.iter().chain(&router.excluded).cloned().collect();
            addresses.into_iter().map(move |vip| {
                // Nobody asks for it on the loopback.
                let interface = vip.dev.filter(|dev| dev != "lo").unwrap_or_else(|| home.clone());
                (vip.address, (interface, slot))
            })
        };
        self.doors = config.routers.iter().flat_map(of_router).collect();
    }

    /// Guards what the kernel is about to get, and what of the configuration, or of a daemon before, it has.
    pub(super) fn admit(&mut self, present: &HashSet<IpAddr>, claims: &Claims) {
        let Some(guard) = &mut self.guard else { return };
        let claimed: HashSet<IpAddr> = claims.keys().map(|spot| spot.address).collect();
        let inherited = std::mem::take(&mut self.inherited).into_iter();
        let inherited = inherited.filter(|(address, _)| !self.doors.contains_key(address));
        let configured = self.doors.iter().map(|(address, door)| (*address, door.clone()));
        let doors: Vec<_> = inherited.chain(configured).collect();
        let of_kernel =
            doors.iter().filter(|(address, _)| present.contains(address) || claimed.contains(address));
        for (address, (interface, slot)) in of_kernel {
            match guard.admit(*address, interface, *slot) {
                Ok(()) => {
                    self.unguarded.remove(address);
                }
                Err(error) if self.unguarded.insert(*address) => {
                    tracing::warn!(%address, %error, "not guarded on other interfaces than its own");
                }
                // Said.
                Err(_) => {}
            }
        }
    }

    /// Guards nothing any more that the kernel has not, or has for another reason. `left` are addresses of ours that
    /// nobody claims.
    pub(super) fn dismiss(
        &mut self,
        present: &HashSet<IpAddr>,
        claims: &Claims,
        left: &BTreeSet<(String, IpAddr)>,
    ) {
        let Some(guard) = &mut self.guard else { return };
        let mut kept: HashSet<IpAddr> = claims.keys().map(|spot| spot.address).collect();
        kept.extend(left.iter().map(|(_, address)| *address));
        kept.extend(self.doors.keys().filter(|address| present.contains(address)));
        kept.extend(guard.strays().filter(|address| present.contains(address)));
        for address in guard.guarded().filter(|address| !kept.contains(address)).collect::<Vec<_>>() {
            if let Err(error) = guard.dismiss(address) {
                tracing::warn!(%address, %error, "stays guarded");
            }
        }
    }

    pub(super) fn status(&self) -> GuardStatus {
        let report = self.guard.as_ref().map(Guard::report).unwrap_or_default();
        GuardStatus {
            failure: self.failure.clone(),
            interfaces: report.covered,
            unguarded: report.uncovered.into_iter().collect(),
            arp_dropped: report.dropped.arp,
            ipv4_dropped: report.dropped.ipv4,
            tags_too_deep: report.dropped.tags_too_deep,
        }
    }
}

impl Supervisor {
    /// Brings the guard to the entrances that there are. Takes over from that of a daemon before.
    pub(super) async fn cover(&mut self, observed: &Observed) {
        self.guarding.adopt(&mut self.planes);
        let present = observed.addresses.all();
        self.guarding.admit(&present, &self.holdings.claims());
        let Some(mut guard) = self.guarding.guard.take() else { return };
        let entrances = observed.entrances.iter();
        let entrances =
            entrances.map(|(index, name)| Entrance { index: *index, name: name.clone() }).collect();
        if !guard.is_settled(&entrances) {
            let covered = tokio::task::spawn_blocking(move || {
                guard.cover(&entrances, &present);
                guard
            });
            match covered.await {
                Ok(covered) => guard = covered,
                Err(error) => return tracing::error!(%error, "covering has panicked"),
            }
        }
        self.guarding.guard = Some(guard);
    }

    /// Brings the guard to the entrances that there are now.
    pub(super) async fn cover_again(&mut self) {
        match self.observe().await {
            Ok(observed) => self.cover(&observed).await,
            Err(error) => tracing::warn!(%error, "cannot list the interfaces"),
        }
    }

    /// Puts the guard and its pins back where somebody has taken them away.
    pub(super) async fn inspect_guard(&mut self) {
        let Guarding { guard: Some(guard), looks, .. } = &mut self.guarding else { return };
        for (name, plane) in &self.planes {
            if guard.is_unpinned(&plane.plane)
                && let Err(error) = guard.pin(&plane.plane)
            {
                tracing::warn!(interface = %name, %error, "the guard cannot be pinned again");
            }
        }
        *looks = looks.wrapping_add(1);
        if guard.is_taken_away(*looks) {
            tracing::error!("somebody has taken the guard away from an interface: putting it back");
            self.cover_again().await;
        }
    }

    /// The kernel has no virtual address any more.
    pub(super) async fn leave_guard(&mut self) {
        if let Some(guard) = self.guarding.guard.take()
            && let Err(error) = tokio::task::spawn_blocking(move || guard.detach()).await
        {
            tracing::error!(%error, "taking the guard away has panicked");
        }
    }
}
