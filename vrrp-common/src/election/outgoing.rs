//! What one turn of a daemon sends for a router.

use super::{Door, Effects};
use crate::types::Priority;

/// An advert, a farewell, or the one and then the other. Of what a turn wants to send the last counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outgoing {
    advert: Option<Priority>,
    farewell: bool,
}

impl Outgoing {
    /// Takes in what the election wants. A closed door sends nothing but a farewell, with the advert that goes before it.
    pub fn take_in(&mut self, effects: &Effects) {
        if effects.door == Some(Door::Close) && !self.farewell {
            self.advert = None;
        }
        match effects.send {
            None => {}
            Some(Priority::RELEASE) => *self = Self { advert: effects.first, farewell: true },
            Some(priority) => *self = Self { advert: Some(priority), farewell: false },
        }
    }

    /// Takes out what is to be sent next.
    pub fn take_next(&mut self) -> Option<Priority> {
        let farewell = || core::mem::take(&mut self.farewell).then_some(Priority::RELEASE);
        self.advert.take().or_else(farewell)
    }
}
