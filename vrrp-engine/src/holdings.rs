//! What the routers have on this host: told to the supervisor whenever it is not what was told last.
//!
//! By comparison, once a turn, after the doors: so nothing is lost when the supervisor does not keep up, and what has
//! changed twice is told once.

use std::{sync::Arc, time::Duration};

use crate::{
    Request,
    engine::{Engine, Supervisor},
    outside::Outside,
    roster::RouterId,
};

/// How long a supervisor that does not keep up is left alone.
const PATIENCE: Duration = Duration::from_millis(50);

impl<O: Outside> Engine<O> {
    /// Tells what each router has, where that is new.
    pub(crate) fn tell_holdings(&mut self) {
        for id in self.roster.ids().iter().copied() {
            if !self.tell_holding(id) {
                return;
            }
        }
    }

    /// Asks to look for addresses that have no router any more, after all is told that they may be held by.
    pub(crate) fn ask_to_look(&mut self) {
        let Supervisor { tell_again_at, ticket, looked } = self.supervisor;
        let is_told = tell_again_at.is_none();
        if is_told && ticket > looked && self.request(Request::Look { ticket }) {
            self.supervisor.looked = ticket;
        }
    }

    /// Whether the supervisor knows.
    fn tell_holding(&mut self, id: RouterId) -> bool {
        let Some(router) = self.roster.get(id) else { return true };
        let held = router.held();
        let known = match (held, &router.holding) {
            (None, None) => true,
            (Some(held), Some(told)) => Arc::ptr_eq(held, told),
            (Some(_), None) | (None, Some(_)) => false,
        };
        if known {
            return true;
        }
        let resources = held.cloned();
        let request = Request::Holding {
            router: router.key(),
            name: router.config.name.clone(),
            resources: resources.clone(),
        };
        let told = self.request(request);
        if told && let Some(router) = self.roster.get_mut(id) {
            router.holding = resources;
        }
        told
    }

    /// Whether the supervisor has it. What found no room is to be told again.
    pub(crate) fn request(&mut self, request: Request) -> bool {
        let is_taken = self.outside.request(request).is_ok();
        if !is_taken {
            self.supervisor.tell_again_at = Some(self.outside.now() + PATIENCE);
        }
        is_taken
    }
}
