//! What checks and interfaces change about routers that run.

use std::collections::BTreeMap;

use vrrp_common::{
    election::{Cause, Fault, Input, State, StateName},
    lease::Lease,
};

use super::{router::Router, run::Loop};
use crate::{clock::now, tracking::Tracking};

/// By the router's name.
pub(crate) type Trackings = BTreeMap<String, Tracking>;

impl Loop {
    /// Takes in what has changed: a master advertises its new priority in this turn of the loop.
    pub(super) fn tracked(&mut self, changed: Trackings) {
        let at = now();
        for index in 0..self.routers.len() {
            let Some(router) = self.routers.get_mut(index) else { return };
            let Some(tracking) = changed.get(&router.config.name) else { continue };
            let input = router.set_tracking(tracking.clone());
            self.feed(index, at, at, input, None);
            self.revisit(index);
            self.prepare_as_backup(index);
        }
        self.trackings.extend(changed);
    }

    /// So that the advert need not be built when it is wanted.
    fn prepare_as_backup(&mut self, index: usize) {
        let Some(router) = self.routers.get_mut(index) else { return };
        if router.election.name() == StateName::Backup {
            router.prepare_advert(router.priority());
        }
    }

    /// What is known about a router of the configuration; before anything is, it tracks nothing.
    pub(super) fn tracking_of(&self, router: &vrrp_config::Router) -> Tracking {
        self.trackings.get(&router.name).cloned().unwrap_or_else(|| Tracking::nothing(router.priority))
    }
}

impl Router {
    /// Whether a check has no result yet.
    pub(super) fn waits_for_a_check(&self) -> bool {
        self.tracking.awaited().next().is_some()
    }

    /// What is to be done about a router that could take part, and for which an earlier daemon's lease may be running.
    pub(super) fn starting(&self, running: Option<Lease>) -> Option<Input> {
        if !matches!(self.election.state(), State::Initialize(_)) {
            return None;
        }
        let first = match self.config.start {
            vrrp_config::Start::Master => Input::Start,
            vrrp_config::Start::Backup => Input::Listen,
        };
        Some(running.map_or(first, Input::Adopt))
    }
}

impl Router {
    /// A fault in words, with the names of the checks that fail.
    pub(super) fn explain(&self, fault: Fault) -> String {
        let failing: Vec<_> = self.tracking.faults().collect();
        match fault {
            Fault::NoSource(_) => {
                let key = self.config.source().map_or("", |(key, _)| key);
                format!("{fault}: add it to one, or change {key}")
            }
            Fault::Check if !failing.is_empty() => format!("{} fails", failing.join(", ")),
            Fault::Check
            | Fault::InterfaceMissing
            | Fault::Unsuitable(_)
            | Fault::InterfaceDown
            | Fault::NoAddress
            | Fault::DataPlane
            | Fault::VirtualAddress
            | Fault::Group => fault.to_string(),
        }
    }

    /// The same where the cause of a transition is a fault. For others nothing is put into words here: the door that
    /// they may open is waiting.
    pub(super) fn explain_cause(&self, cause: Cause) -> Option<String> {
        if let Cause::Fault(fault) = cause { Some(self.explain(fault)) } else { None }
    }
}
