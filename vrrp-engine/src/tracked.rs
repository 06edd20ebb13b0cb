//! What checks and interfaces change about routers that run.

use std::collections::BTreeMap;

use vrrp_common::{
    election::{Cause, Fault, Input, State, StateName},
    lease::Lease,
};

use crate::{engine::Engine, outside::Outside, roster::RouterId, router::VirtualRouter, tracking::Tracking};

/// What is tracked for each router, by its name.
pub type Trackings = BTreeMap<String, Tracking>;

impl<O: Outside> Engine<O> {
    /// Takes in what has changed: a master advertises its new priority in this turn of the loop.
    pub(crate) fn tracked(&mut self, changed: Trackings) {
        let at = self.outside.now();
        for id in self.roster.ids().iter().copied() {
            let Some(router) = self.roster.get_mut(id) else { continue };
            let Some(tracking) = changed.get(&router.config.name) else { continue };
            let input = router.set_tracking(tracking.clone());
            self.feed(id, at, at, input, None);
            self.revisit(id);
            self.prepare_as_backup(id);
        }
        self.trackings.extend(changed);
    }

    /// So that the advert need not be built when it is wanted.
    fn prepare_as_backup(&mut self, id: RouterId) {
        let Some(router) = self.roster.get_mut(id) else { return };
        if router.election.name() == StateName::Backup {
            router.prepare_advert(router.priority());
        }
    }

    /// What is known about a router of the configuration; before anything is, it tracks nothing.
    pub(crate) fn tracking_of(&self, router: &vrrp_config::Router) -> Tracking {
        self.trackings.get(&router.name).cloned().unwrap_or_else(|| Tracking::nothing(router.priority))
    }
}

impl VirtualRouter {
    /// Whether a check has no result yet.
    pub(crate) fn waits_for_a_check(&self) -> bool {
        self.tracking.awaited().next().is_some()
    }

    /// What is to be done about a router that could take part, and for which an earlier daemon's lease may be running.
    pub(crate) fn starting(&self, running: Option<Lease>) -> Option<Input> {
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

impl VirtualRouter {
    /// A fault in words, with the names of the checks that fail.
    pub(crate) fn explain(&self, fault: Fault) -> String {
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
    pub(crate) fn explain_cause(&self, cause: Cause) -> Option<String> {
        if let Cause::Fault(fault) = cause { Some(self.explain(fault)) } else { None }
    }
}
