//! Makes the kernel have what the routers hold: looks, asks [`ownership`](crate::ownership) what is to be done, does it,
//! and looks again.

use std::collections::{BTreeMap, BTreeSet};

use tokio::{sync::mpsc, time::Instant};
use vrrp_common::time::Time;

use super::{RETRY, Supervisor};
use crate::{
    address::Spot,
    clock::now,
    netlink::Observed,
    ownership::{Again, Claim, Operation, plan, remaining},
    protocol::Command,
};
use vrrp_engine::{Request, RouterKey};

/// Looks in one go. Each follows on what the one before has done; what is left after the last waits for the next change.
const LOOKS: usize = 4;

pub(super) type Claims = BTreeMap<Spot, Claim<RouterKey>>;

/// Result of one go.
#[derive(Debug, Default)]
struct Outcome {
    /// Not to be tried again in this go.
    refused: BTreeSet<Spot>,
    /// Links whose secondary addresses the kernel would not be told to keep.
    unpromoted: BTreeSet<String>,
    /// Time at which somebody who takes things away is to be met again.
    wait: Option<Time>,
    /// Something could not be removed.
    stuck: bool,
}

impl Supervisor {
    /// Carries out one request and those that wait behind it.
    pub(super) async fn request(&mut self, first: Request, requests: &mut mpsc::Receiver<Request>) {
        let mut next = Some(first);
        let mut look = false;
        while let Some(request) = next {
            match request {
                Request::Holding { router, name, resources } => {
                    if resources.is_some() && !look {
                        self.give_up_where_detached().await;
                    }
                    if let Some(resources) = &resources {
                        self.enter(resources);
                    }
                    self.holdings.hold(router, name, resources);
                    look = true;
                }
                Request::Look { ticket } => {
                    self.ticket = ticket;
                    look = true;
                }
                Request::Changed(change) => self.notifier.tell(&change),
                Request::Vacant { interface } => self.vacate(&interface).await,
            }
            next = requests.try_recv().ok();
        }
        if look {
            let _tried_again = self.reconcile().await;
        }
    }

    /// Looks, and makes equal what is not. Whether nothing of ours is known to be left that nobody holds.
    pub(super) async fn reconcile(&mut self) -> bool {
        match self.observe().await {
            Ok(observed) => {
                self.reconcile_with(observed).await;
                self.left.is_empty()
            }
            Err(error) => {
                tracing::error!(%error, "the kernel's addresses cannot be listed; tried again");
                self.next_look = Some(Instant::now() + RETRY);
                false
            }
        }
    }

    pub(super) async fn observe(&self) -> Result<Observed, rtnetlink::Error> {
        let tracked = self.tracker.lock().await.interfaces();
        self.netlink.observe(&self.modes.keys().cloned().chain(tracked).collect()).await
    }

    /// Makes equal what was seen just now.
    pub(super) async fn reconcile_with(&mut self, mut observed: Observed) {
        self.excuse(&observed);
        self.withdraw_routing(&observed).await;
        let claims = self.holdings.claims();
        // Before the kernel gets them.
        self.guarding.admit(&observed.addresses.all(), &claims);
        let mut outcome = Outcome::default();
        for _ in 0..LOOKS {
            let seen = observed.addresses.seen(&observed.names);
            let mut operations = plan(&claims, &seen, &self.record, &observed.promoting);
            operations.retain(|operation| self.is_due(operation, &observed, &mut outcome));
            if operations.is_empty() {
                break;
            }
            for operation in &operations {
                self.carry_out(operation, &claims, &observed, &mut outcome).await;
            }
            match self.observe().await {
                Ok(next) => observed = next,
                Err(error) => tracing::error!(%error, "the kernel's addresses cannot be listed"),
            }
        }
        self.record.marked();
        self.name_what_operators_have_added(&observed);
        self.finish(&claims, &observed, &outcome).await;
        self.tidying.changed();
    }

    async fn finish(&mut self, claims: &Claims, observed: &Observed, outcome: &Outcome) {
        let seen = observed.addresses.seen(&observed.names);
        let there: BTreeSet<&Spot> = seen.iter().map(|seen| &seen.spot).collect();
        self.address_hand.seen(claims.keys().map(|spot| (spot, there.contains(spot))));
        let again = self.settle_routing(observed).await;
        let left = remaining(claims, &seen, &self.record);
        self.guarding.dismiss(&observed.addresses.all(), claims, &left);
        let wait = [outcome.wait, again].into_iter().flatten().min();
        let wait = wait.map(|until| Instant::now() + until.since(now()));
        let retry = (outcome.stuck || !left.is_empty()).then(|| Instant::now() + RETRY);
        self.next_look = wait.into_iter().chain(retry).min();
        self.left = left;
        let answer = (self.ticket, self.left.clone());
        if self.answered.as_ref() != Some(&answer) {
            let (ticket, left) = answer.clone();
            self.send(Command::Settled { ticket, left }).await;
            self.answered = Some(answer);
        }
    }

    /// Tells whether an operation is to be carried out now.
    fn is_due(&mut self, operation: &Operation, observed: &Observed, outcome: &mut Outcome) -> bool {
        let spot = match operation {
            Operation::Promote { interface, .. } => return !outcome.unpromoted.contains(interface),
            Operation::Remove { spot, .. } | Operation::Mark(spot) => return !outcome.refused.contains(spot),
            Operation::Add(spot) => spot,
        };
        let possible = observed.index(&spot.interface).is_some() && !self.detached.contains(&spot.interface);
        if !possible || outcome.refused.contains(spot) {
            return false;
        }
        let (interface, address) = (&spot.interface, spot.address);
        match self.address_hand.missing(spot, now()) {
            Again::First => true,
            Again::Lost => {
                tracing::warn!(%interface, %address, "a virtual address was gone; adding it again");
                true
            }
            Again::Fought => {
                tracing::error!(
                    %interface, %address,
                    "somebody removes a virtual address again and again (NetworkManager, networkd, a script?): tell it \
                     to leave the address alone; it is added again at most once a second"
                );
                true
            }
            Again::Wait(until) => {
                outcome.refused.insert(spot.clone());
                outcome.wait = Some(outcome.wait.map_or(until, |wait| wait.min(until)));
                false
            }
        }
    }

    async fn carry_out(
        &self,
        operation: &Operation,
        claims: &Claims,
        observed: &Observed,
        outcome: &mut Outcome,
    ) {
        match operation {
            Operation::Promote { interface, on } => self.promote(interface, *on, observed, outcome).await,
            Operation::Remove { spot, dependents } => self.remove(spot, dependents, observed, outcome).await,
            Operation::Add(spot) => self.add(spot, false, claims, observed, outcome).await,
            Operation::Mark(spot) => self.add(spot, true, claims, observed, outcome).await,
        }
    }

    async fn add(
        &self,
        spot: &Spot,
        replace: bool,
        claims: &Claims,
        observed: &Observed,
        outcome: &mut Outcome,
    ) {
        let (Some(index), Some(claim)) = (observed.index(&spot.interface), claims.get(spot)) else { return };
        let added = self.netlink.add(index, &claim.vip, replace).await;
        if let Err(error) = added.or_else(|error| if error.is_there() { Ok(()) } else { Err(error) }) {
            let (router, interface, address) = (&claim.router, &spot.interface, spot.address);
            tracing::error!(router, interface, %address, %error, "the virtual address could not be added");
            outcome.refused.insert(spot.clone());
            self.send(Command::AddressFailed { router: claim.holder }).await;
        }
    }

    async fn remove(&self, spot: &Spot, dependents: &[Spot], observed: &Observed, outcome: &mut Outcome) {
        let Some(index) = observed.index(&spot.interface) else { return };
        let Some(message) = observed.addresses.message(index, spot) else { return };
        if let Err(error) = self.netlink.remove(message.clone()).await {
            let (interface, address) = (&spot.interface, spot.address);
            tracing::error!(interface, %address, %error, "a virtual address could not be removed; it stays, behind a closed door");
            outcome.refused.insert(spot.clone());
            outcome.stuck = true;
            return;
        }
        if outcome.unpromoted.contains(&spot.interface) {
            for lost in dependents.iter().filter_map(|spot| observed.addresses.message(index, spot)) {
                if let Err(error) = self.netlink.put_back(lost.clone()).await {
                    tracing::error!(interface = %spot.interface, %error, "an address that went with a virtual one cannot be put back");
                }
            }
        }
    }

    async fn promote(&self, interface: &str, on: bool, observed: &Observed, outcome: &mut Outcome) {
        let Some(index) = observed.index(interface) else { return };
        if outcome.unpromoted.contains(interface) {
            return;
        }
        if let Err(error) = self.netlink.promote_secondaries(index, on).await {
            tracing::warn!(
                interface, on, %error,
                "promote_secondaries cannot be set; what goes with a virtual address is put back"
            );
            outcome.unpromoted.insert(interface.to_owned());
        }
    }

    /// An address on a link that is gone, or is another one now, was taken away by nobody.
    fn excuse(&mut self, observed: &Observed) {
        let indexes: BTreeMap<String, u32> =
            observed.names.iter().map(|(index, name)| (name.clone(), *index)).collect();
        let same = |name: &String| indexes.contains_key(name) && indexes.get(name) == self.indexes.get(name);
        self.address_hand.excuse(|spot: &Spot| !same(&spot.interface));
        if indexes != self.indexes {
            self.routing.excuse();
        }
        self.indexes = indexes;
    }
}
