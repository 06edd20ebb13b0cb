//! Changes of state that the outside is told of. The latest is never lost: what finds no room on its way is told again.

use std::fmt;

use vrrp_common::{election::StateName, time::Time};

use crate::{Request, engine::Engine, outside::Outside, roster::RouterId, router::VirtualRouter};

/// A router or a sync group that has changed its state.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// A router, by its name.
    Instance(String),
    /// A sync group, by its name.
    Group(String),
}

impl Subject {
    /// keepalived's word for its kind.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Instance(_) => "INSTANCE",
            Self::Group(_) => "GROUP",
        }
    }

    /// Its name in the configuration.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Instance(name) | Self::Group(name) => name,
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.word(), self.name())
    }
}

/// A state that the outside is told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Master.
    Master,
    /// Backup.
    Backup,
    /// Unable to take part.
    Fault,
    /// Stopped with the daemon.
    Stop,
    /// No change: the master is silent and still answers. Told to `notify` and the FIFO, and by mail.
    Split,
}

impl State {
    /// keepalived's word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Master => "MASTER",
            Self::Backup => "BACKUP",
            Self::Fault => "FAULT",
            Self::Stop => "STOP",
            Self::Split => "SPLIT",
        }
    }
}

/// A change of state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateChange {
    /// The router or group that has changed.
    pub subject: Subject,
    /// Its new state.
    pub state: State,
    /// The effective priority; 0 for a group, as in keepalived.
    pub priority: u8,
}

impl<O: Outside> Engine<O> {
    /// Tells of the router's state if that is new.
    pub(crate) fn tell_outside(&mut self, id: RouterId) {
        let Some(router) = self.roster.get(id) else { return };
        let Some(state) = state(router, self.stopping).filter(|state| router.told != Some(*state)) else {
            return;
        };
        let subject = Subject::Instance(router.config.name.clone());
        let priority = router.election.settings().priority.as_u8();
        if self.report(StateChange { subject, state, priority })
            && let Some(router) = self.roster.get_mut(id)
        {
            router.told = Some(state);
        }
    }

    /// Whether it is on its way.
    pub(crate) fn report(&mut self, change: StateChange) -> bool {
        self.request(Request::Changed(change))
    }

    /// Tells what found no room before.
    pub(crate) fn tell_again(&mut self, at: Time) {
        if self.supervisor.tell_again_at.is_some_and(|due| at >= due) {
            self.supervisor.tell_again_at = None;
            self.roster.ids().iter().for_each(|id| self.tell_outside(*id));
        }
    }
}

/// What the outside is to know; `None` while there is nothing new to say.
fn state(router: &VirtualRouter, stopping: bool) -> Option<State> {
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
