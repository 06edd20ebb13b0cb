//! Deliberate defects of what stands around elections: found, or the checks of the cluster are worth nothing.

use std::fmt;

macro_rules! flaws {
    ($($(#[doc = $doc:literal])* $flaw:ident,)*) => {
        /// A deliberate defect.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Flaw { $($(#[doc = $doc])* $flaw,)* }

        impl Flaw {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$flaw,)*];
        }
    };
}

flaws! {
    /// A door on a secondary interface stays open when the one at home closes.
    SecondaryDoorLeftOpen,
    /// A door at home stays open.
    DoorLeftOpen,
    /// A door on a secondary interface does not open.
    SecondaryDoorStaysShut,
    /// The advert of one router opens another one's door.
    DoorOfAnother,
    /// The last peer is not sent to.
    PeerNotSentTo,
    /// The last frame of a batch does not leave, and is said to have.
    LastOfBatchLost,
    /// Addresses that no router has any more are not guarded.
    LeftOverUnguarded,
    /// The addresses of a new configuration are not recognised.
    AddressesNotAssigned,
    /// A member of a group does not go with the others.
    MemberStaysAlone,
    /// A member of a group leaves, and the others are not told.
    MemberLeavesAlone,
    /// One router does not hear that the daemon stops.
    StopUnheard,
    /// A running lease is not gone on with.
    LeaseNotAdopted,
    /// A check that fails does not reach the election.
    CheckUnheard,
    /// A router that has been taken out stays in the tables.
    SlotNotRemoved,
    /// What the supervisor is told of the resources of a router is lost.
    HoldingLost,
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}
