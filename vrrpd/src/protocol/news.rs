//! Which states the outside is told of. The latest is never lost: what finds no room on its way is told again.

use vrrp_common::{election::StateName, time::Time};

use super::{Request, router::Router, run::Loop};
use crate::notify::{News, State, Subject};

impl Loop {
    /// Tells of the router's state if that is news.
    pub(super) fn tell_outside(&mut self, index: usize) {
        let Some(router) = self.routers.get(index) else { return };
        let Some(state) = state(router, self.stopping).filter(|state| router.told != Some(*state)) else {
            return;
        };
        let subject = Subject::Instance(router.config.name.clone());
        let priority = router.election.settings().priority.as_u8();
        if self.send_news(News { subject, state, priority })
            && let Some(router) = self.routers.get_mut(index)
        {
            router.told = Some(state);
        }
    }

    /// Whether it is on its way.
    pub(super) fn send_news(&mut self, news: News) -> bool {
        self.request(Request::Transitioned(news))
    }

    /// Tells what found no room before.
    pub(super) fn tell_again(&mut self, at: Time) {
        if at >= self.tell_again_at {
            self.tell_again_at = Time::NEVER;
            (0..self.routers.len()).for_each(|index| self.tell_outside(index));
        }
    }
}

/// What the outside is to know; `None` while there is nothing new to say.
fn state(router: &Router, stopping: bool) -> Option<State> {
    match router.election.name() {
        StateName::Master => Some(State::Master),
        StateName::Backup => Some(State::Backup),
        StateName::Fault => Some(State::Fault),
        // The door is still open.
        StateName::Init | StateName::Leaving => None,
        // Never started.
        StateName::Stopped if router.told.is_none() => None,
        // Taken out of the configuration, which keepalived calls a fault.
        StateName::Stopped if router.retired => Some(State::Fault),
        StateName::Stopped if stopping => Some(State::Stop),
        // Put back into the configuration while it left: it begins anew.
        StateName::Stopped => None,
    }
}
