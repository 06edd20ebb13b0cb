//! Effects that an election asks for.

use super::Transition;
use crate::{
    lease::Lease,
    types::{Mac, Priority},
};

/// Effects of an input, in this order: close, send, expect, tell. A door opens only in answer to [`Input::Sent`](super::Input::Sent).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Effects {
    /// Change of the data plane's door.
    pub door: Option<Door>,
    /// Priority of an advert to send.
    pub send: Option<Priority>,
    /// Priority of an advert to send before that one, which is a farewell: peers believe it only from whom they know.
    pub first: Option<Priority>,
    /// Change of what the kernel may recognise by itself.
    pub expect: Option<Expect>,
    /// Change of the state.
    pub transition: Option<Transition>,
    /// Station, or all, to ask by ARP who has the addresses that are in both lists.
    pub ask: Option<Mac>,
    /// MAC address to tell by ARP, once, as that of those addresses: the role was given up to a master that no advert can tell.
    pub moved_to: Option<Mac>,
    /// Remark for the operator.
    pub remark: Option<Remark>,
}

/// Remark for the operator about something that changes no state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remark {
    /// The advert was of another cluster with the same VRID, and did not count.
    Clash,
    /// The master that is followed has lowered its priority, to hand over, and does not hear that this router would take over.
    HandsOverInVain,
    /// The master is silent, and answers ARP: adverts are lost on their way. It is left alone.
    SilentMasterAnswers,
}

/// Order to the data plane's door.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    /// Answer until the lease is over.
    Open(Lease),
    /// Be silent.
    Close,
}

/// Order to the kernel about what to recognise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// The advert that was just handed in.
    This,
    /// Nothing: every advert is to be judged.
    Nothing,
}
