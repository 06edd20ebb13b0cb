//! Tracking: what checks and interfaces make of each router, and who is told of it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use tokio::sync::{Mutex, mpsc};

use crate::{
    checks::{CheckId, Checks},
    protocol::{Command, Message},
    status::CheckStatus,
};
use vrrp_config::{Carrier, Config, Subject, Tracked, Weight};
use vrrp_engine::{Link, Standing, Tracking, Trackings};

/// Everything that routers track.
#[derive(Debug)]
pub(super) struct Tracker {
    checks: Checks,
    config: Config,
    /// Says whether an interface is up, with carrier. Nothing is known of those that are not listed.
    interfaces: BTreeMap<String, bool>,
    /// As the protocol thread knows it.
    told: Trackings,
    messages: Option<mpsc::Sender<Message>>,
}

/// Shared with the task that passes results on, so that they need not wait while the supervisor waits for netlink.
pub(super) type SharedTracker = Arc<Mutex<Tracker>>;

impl Tracker {
    pub(super) fn new(mut checks: Checks, config: &Config) -> Self {
        checks.configure(config);
        let mut new = Self {
            checks,
            config: config.clone(),
            interfaces: BTreeMap::new(),
            told: Trackings::new(),
            messages: None,
        };
        new.told = new.evaluate();
        new
    }

    /// Tells what the protocol thread is to start with.
    pub(super) fn told(&self) -> Trackings {
        self.told.clone()
    }

    /// Starts to pass results on.
    pub(super) fn share(
        mut self,
        messages: mpsc::Sender<Message>,
        mut changes: mpsc::Receiver<()>,
    ) -> SharedTracker {
        self.messages = Some(messages);
        let shared = Arc::new(Mutex::new(self));
        let passed_on = shared.clone();
        tokio::spawn(async move {
            while changes.recv().await.is_some() {
                passed_on.lock().await.tell().await;
            }
        });
        shared
    }

    /// Takes a changed configuration and returns what its routers make of everything.
    pub(super) fn configure(&mut self, config: &Config) -> Trackings {
        self.checks.configure(config);
        self.config = config.clone();
        self.told = self.evaluate();
        self.told.clone()
    }

    /// Takes in the interfaces that there are.
    pub(super) async fn look(&mut self, found: &BTreeMap<String, Link>) {
        let up = |name: &String| found.get(name).is_some_and(|link| link.up);
        self.interfaces = self.interfaces().into_iter().map(|name| (name.clone(), up(&name))).collect();
        self.tell().await;
    }

    /// The interfaces that something tracks, or that carry something of a router's.
    pub(super) fn interfaces(&self) -> BTreeSet<String> {
        let of_routers = self.config.routers.iter().flat_map(|router| &router.track);
        let of_groups = self.config.sync_groups.iter().flat_map(|group| &group.track);
        let named = of_routers.chain(of_groups).filter_map(|tracked| match &tracked.subject {
            Subject::Interface(name) => Some(name.clone()),
            Subject::Check(_) => None,
        });
        let carriers = self.config.routers.iter().flat_map(|router| router.carriers());
        named.chain(carriers.map(|carrier| carrier.interface)).collect()
    }

    /// Ends the checks: what they find while the daemon stops shall change nothing.
    pub(super) fn stop(&mut self) {
        self.checks.stop();
        self.messages = None;
    }

    pub(super) fn status(&self) -> Vec<CheckStatus> {
        self.checks.status()
    }

    pub(super) fn hand_over(&self) -> String {
        self.checks.hand_over()
    }

    /// The lock is held until it is told, so that nothing older can come after it.
    async fn tell(&mut self) {
        let Some(messages) = &self.messages else { return };
        let now = self.evaluate();
        let changed: Trackings = now
            .iter()
            .filter(|(name, tracking)| self.told.get(*name) != Some(tracking))
            .map(|(name, tracking)| (name.clone(), tracking.clone()))
            .collect();
        if !changed.is_empty() && messages.send(Command::Tracked(changed).into()).await.is_ok() {
            self.told = now;
        }
    }

    fn evaluate(&self) -> Trackings {
        let routers = self.config.routers.iter().enumerate();
        routers
            .map(|(index, router)| {
                let tracked = self.tracked_by(index).into_iter().map(|tracked| self.subject(tracked));
                let carriers = router.carriers().into_iter().map(|carrier| self.carrier(&carrier));
                (router.name.clone(), Tracking::of(router.priority, tracked.chain(carriers)))
            })
            .collect()
    }

    /// A member of a sync group tracks what the group tracks too, and only with weight 0 unless the group allows others.
    fn tracked_by(&self, index: usize) -> Vec<&Tracked> {
        let group = self.config.sync_groups.iter().find(|group| group.members.contains(&index));
        let own = self.config.routers.get(index).map(|router| router.track.as_slice()).unwrap_or_default();
        let groups = group.map(|group| group.track.as_slice()).unwrap_or_default();
        let any_weight = group.is_none_or(|group| group.tracking_weight);
        own.iter().chain(groups).filter(|tracked| any_weight || tracked.weight.value == 0).collect()
    }

    fn subject(&self, tracked: &Tracked) -> (String, Weight, Standing) {
        let (name, standing) = match &tracked.subject {
            Subject::Check(index) => match self.config.checks.get(*index) {
                Some(check) => {
                    let id = CheckId::of(check);
                    (id.to_string(), self.checks.standing(&id))
                }
                None => (format!("check {index}"), Standing::Waiting),
            },
            Subject::Interface(name) => (format!("interface {name}"), self.interface(name)),
        };
        (name, tracked.weight, standing)
    }

    fn carrier(&self, carrier: &Carrier) -> (String, Weight, Standing) {
        (carrier.subject(), Weight::default(), self.interface(&carrier.interface))
    }

    fn interface(&self, name: &str) -> Standing {
        match self.interfaces.get(name) {
            Some(true) => Standing::Good,
            Some(false) => Standing::Bad,
            None => Standing::Waiting,
        }
    }
}
