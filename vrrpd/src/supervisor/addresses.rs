//! Virtual addresses on the interfaces: added with the role, removed with it, restored when somebody takes them away.

use std::{collections::BTreeMap, net::IpAddr};

use tokio::sync::mpsc;

use super::Supervisor;
use crate::{
    config::VirtualAddress,
    protocol::{Command, Link, Place, Request},
};

impl Supervisor {
    /// Carries out one request and those that wait behind it.
    pub(super) async fn request(&mut self, first: Request, requests: &mut mpsc::Receiver<Request>) {
        let mut gone = Vec::new();
        let mut confirm = Vec::new();
        let mut next = Some(first);
        while let Some(request) = next {
            match request {
                Request::Addresses { router, places, wanted: true } => self.add(&router, &places).await,
                Request::Addresses { router, places, wanted: false } => {
                    gone.extend(self.forget(&places));
                    confirm.push(router);
                }
                Request::Vacant { interface } => self.vacate(&interface).await,
            }
            next = requests.try_recv().ok();
        }
        if self.remove(&gone).await {
            for router in confirm {
                self.send(Command::AddressesGone { router }).await;
            }
        }
    }

    async fn add(&mut self, router: &str, places: &[Place]) {
        for Place { interface, address } in places {
            let key = (interface.clone(), address.address);
            self.handled.insert(key.clone());
            self.wanted.insert(key, (router.to_owned(), address.clone()));
            self.add_one(router, interface, address).await;
        }
    }

    async fn add_one(&self, router: &str, interface: &str, vip: &VirtualAddress) {
        let Some(index) = self.indexes.get(interface).copied() else { return };
        if let Err(error) = self.netlink.add(index, vip).await {
            let address = vip.address;
            tracing::error!(router, interface, %address, %error, "the virtual address could not be added");
            self.send(Command::AddressFailed { router: router.to_owned() }).await;
        }
    }

    /// The places that nobody wants any more.
    fn forget(&mut self, places: &[Place]) -> Vec<(String, IpAddr)> {
        let keys = places.iter().map(|place| (place.interface.clone(), place.address.address));
        keys.inspect(|key| drop(self.wanted.remove(key))).collect()
    }

    /// Whether none of them is left, except those that are wanted again.
    pub(super) async fn remove(&mut self, places: &[(String, IpAddr)]) -> bool {
        let unwanted = places.iter().filter(|key| !self.wanted.contains_key(*key));
        let present: Vec<_> =
            unwanted.filter_map(|(name, address)| Some((*self.indexes.get(name)?, *address))).collect();
        if present.is_empty() {
            return true;
        }
        let removed = self.netlink.remove(&present).await;
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
            lost.map(|((name, _), (router, vip))| (name.clone(), router.clone(), vip.clone())).collect();
        for (interface, router, vip) in lost {
            tracing::warn!(%router, %interface, address = %vip.address, "a virtual address was gone; adding it again");
            self.add_one(&router, &interface, &vip).await;
        }
    }
}
