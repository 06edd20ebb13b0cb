//! What the routers have on this host: told to the supervisor whenever it is not what was told last.
//!
//! By comparison, once a turn, after the doors: so nothing is lost when the supervisor does not keep up, and what has
//! changed twice is told once.

use std::{sync::Arc, time::Duration};

use tokio::sync::mpsc::error::TrySendError;
use vrrp_common::time::Time;

use super::{Request, run::Loop};
use crate::clock::now;

/// How long a supervisor that does not keep up is left alone.
const PATIENCE: Duration = Duration::from_millis(50);

impl Loop {
    /// Tells what each router has, where that is new.
    pub(super) fn tell_holdings(&mut self) {
        for index in 0..self.routers.len() {
            if !self.tell_holding(index) {
                return;
            }
        }
    }

    /// Asks to look for addresses that linger, after all is told that they may be held by.
    pub(super) fn ask_to_look(&mut self) {
        let told = self.tell_again_at == Time::NEVER;
        if told && self.ticket > self.looked && self.request(Request::Look { ticket: self.ticket }) {
            self.looked = self.ticket;
        }
    }

    /// Whether the supervisor knows.
    fn tell_holding(&mut self, index: usize) -> bool {
        let Some(router) = self.routers.get(index) else { return true };
        let held = router.held();
        let known = match (held, &router.holding) {
            (None, None) => true,
            (Some(held), Some(told)) => Arc::ptr_eq(held, told),
            (Some(_), None) | (None, Some(_)) => false,
        };
        if known {
            return true;
        }
        let belongings = held.cloned();
        let request = Request::Holding {
            router: router.key(),
            name: router.config.name.clone(),
            belongings: belongings.clone(),
        };
        let told = self.request(request);
        if told && let Some(router) = self.routers.get_mut(index) {
            router.holding = belongings;
        }
        told
    }

    /// Whether the supervisor has it, or nobody is left who could. What found no room is to be told again.
    pub(super) fn request(&mut self, request: Request) -> bool {
        match self.requests.try_send(request) {
            Ok(()) | Err(TrySendError::Closed(_)) => true,
            Err(TrySendError::Full(_)) => {
                self.tell_again_at = now() + PATIENCE;
                false
            }
        }
    }
}
