//! Virtual addresses on the interfaces: added with the role, removed with it, restored when somebody takes them away.

use std::{
    collections::{BTreeMap, HashSet},
    net::IpAddr,
};

use tokio::sync::mpsc;

use super::Supervisor;
use crate::{
    belongings::Place,
    config::VirtualAddress,
    protocol::{Command, Link, Request, RouterKey},
};

/// Who wants an address.
#[derive(Clone, Debug)]
pub(super) struct Holder {
    pub(super) router: RouterKey,
    pub(super) name: String,
}

impl Supervisor {
    /// Carries out one request and those that wait behind it.
    pub(super) async fn request(&mut self, first: Request, requests: &mut mpsc::Receiver<Request>) {
        let mut gone = Vec::new();
        let mut abandoned = HashSet::new();
        let mut routers = Vec::new();
        let mut next = Some(first);
        let mut looked = false;
        while let Some(request) = next {
            match request {
                Request::Belongings { router, name, belongings, wanted: true } => {
                    if !std::mem::replace(&mut looked, true) {
                        self.give_up_where_deaf().await;
                    }
                    let holder = Holder { router, name };
                    self.add(&holder, &belongings.places).await;
                    self.add_routing(&holder, &belongings.routing).await;
                }
                Request::Belongings { router, belongings, wanted: false, .. } => {
                    self.remove_routing(router, &belongings.routing).await;
                    gone.extend(self.forget(&belongings.places));
                    routers.push(router);
                }
                Request::Abandoned { router, interface, addresses } => {
                    let places = addresses.iter().map(|address| (interface.clone(), *address));
                    self.handled.extend(places.clone());
                    gone.extend(places);
                    abandoned.extend(addresses);
                    routers.push(router);
                }
                Request::Transitioned(news) => self.notifier.tell(&news),
                Request::Vacant { interface } => self.vacate(&interface).await,
            }
            next = requests.try_recv().ok();
        }
        if self.remove(&gone, &abandoned).await && !routers.is_empty() {
            self.send(Command::AddressesGone { routers }).await;
        }
    }

    async fn add(&mut self, holder: &Holder, places: &[Place]) {
        for Place { interface, address } in places {
            let key = (interface.clone(), address.address);
            self.handled.insert(key.clone());
            self.wanted.insert(key, (holder.clone(), address.clone()));
            self.add_one(holder, interface, address).await;
        }
    }

    async fn add_one(&self, holder: &Holder, interface: &str, vip: &VirtualAddress) {
        let Some(index) = self.indexes.get(interface).copied() else { return };
        if self.deaf.contains(interface) {
            return;
        }
        if let Err(error) = self.netlink.add(index, vip).await {
            let (router, address) = (&holder.name, vip.address);
            tracing::error!(router, interface, %address, %error, "the virtual address could not be added");
            self.send(Command::AddressFailed { router: holder.router }).await;
        }
    }

    /// The places that nobody wants any more.
    fn forget(&mut self, places: &[Place]) -> Vec<(String, IpAddr)> {
        let keys = places.iter().map(|place| (place.interface.clone(), place.address.address));
        keys.inspect(|key| drop(self.wanted.remove(key))).collect()
    }

    /// Removes these addresses, and the abandoned ones from any interface where a vrrpd has added them. Whether none of
    /// them is left, except those that are wanted.
    pub(super) async fn remove(&mut self, gone: &[(String, IpAddr)], abandoned: &HashSet<IpAddr>) -> bool {
        let index_of = |(name, address): &(String, IpAddr)| Some((*self.indexes.get(name)?, *address));
        let gone: HashSet<_> = gone.iter().filter_map(index_of).collect();
        if gone.is_empty() && abandoned.is_empty() {
            return true;
        }
        let wanted: HashSet<_> = self.wanted.keys().filter_map(index_of).collect();
        let unwanted = |index, address, ours| {
            let key = (index, address);
            (gone.contains(&key) || ours && abandoned.contains(&address)) && !wanted.contains(&key)
        };
        let removed = self.netlink.remove(unwanted).await;
        if let Err(error) = &removed {
            tracing::error!(%error, "virtual addresses could not be removed; they stay, behind a closed door");
        }
        removed.is_ok()
    }

    /// Adds wanted addresses that somebody, or the removal of their primary address, has taken away.
    pub(super) async fn restore_addresses(&mut self, found: &BTreeMap<String, Link>) {
        let lost = self.wanted.iter().filter(|((name, address), _)| {
            found.get(name).is_some_and(|link| link.up && !link.addresses.contains(address))
        });
        let lost: Vec<_> =
            lost.map(|((name, _), (holder, vip))| (name.clone(), holder.clone(), vip.clone())).collect();
        if let Some((interface, Holder { name: router, .. }, vip)) = lost.first() {
            let (address, others) = (vip.address, lost.len() - 1);
            tracing::warn!(%router, %interface, %address, others, "virtual addresses were gone; adding them again");
        }
        for (interface, holder, vip) in lost {
            self.add_one(&holder, &interface, &vip).await;
        }
    }
}
