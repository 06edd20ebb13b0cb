//! What an election wants done.

use super::Transition;
use crate::{
    lease::Lease,
    types::{Mac, Priority},
};

/// What is to be done, in this order: close, send, expect, tell. A door opens only in answer to [`Input::Sent`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Effects {
    /// The door of the data plane.
    pub door: Option<Door>,
    /// An advert to send, with this priority.
    pub send: Option<Priority>,
    /// One to send before it, which is a farewell: that is believed only from whom peers know.
    pub first: Option<Priority>,
    /// What the kernel may recognise without asking.
    pub expect: Option<Expect>,
    /// The state has changed.
    pub transition: Option<Transition>,
    /// To ask by ARP who has the addresses that are in both lists: this station, or all.
    pub ask: Option<Mac>,
    /// To tell by ARP, once, that those addresses are at this MAC: the role was given up to one that cannot be told by an advert.
    pub moved_to: Option<Mac>,
    /// What an operator is to be told.
    pub remark: Option<Remark>,
}

/// What is no change of state, and an operator is to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remark {
    /// The advert was of another cluster with the same VRID, and did not count.
    Clash,
    /// The master that is followed has lowered its priority, to hand over, and does not hear that this router would take over.
    HandsOverInVain,
    /// The master is silent, and answers ARP: adverts are lost on their way. It is left alone.
    SilentMasterAnswers,
}

/// Whether the data plane answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    /// Answer for that long.
    Open(Lease),
    /// Be silent.
    Close,
}

/// What the kernel may recognise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// The advert that was just handed in.
    This,
    /// Nothing: every advert is to be judged.
    Nothing,
}
