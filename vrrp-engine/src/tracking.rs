//! What checks and interfaces make of a router's priority, and of whether it takes part at all.
//!
//! Pure: results, weights and the configured priority go in, the effective priority comes out. Knows nothing of how a
//! result comes about. The rules are keepalived's.

use std::{fmt, sync::Arc};

use vrrp_common::types::Priority;

use vrrp_config::Weight;

/// Points at or below which a file is a fault instead of a change of priority.
const FILE_FAULT: i64 = -254;

/// The most that one subject can add.
const MOST: i64 = 253;

/// How a subject of tracking is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// There is no result yet.
    Waiting,
    /// It succeeds.
    Good,
    /// It fails.
    Bad,
    /// What is in a file.
    Number(i64),
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Waiting => f.pad("init"),
            Self::Good => f.pad("up"),
            Self::Bad => f.pad("down"),
            Self::Number(number) => number.fmt(f),
        }
    }
}

/// Results in a row make a check succeed or fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Health {
    rise: u16,
    fall: u16,
    standing: Standing,
    /// Results in a row that speak against `standing`.
    against: u16,
}

impl Health {
    /// The first result decides alone, unless `init_fail`: then the check fails until it has risen.
    pub const fn new(rise: u16, fall: u16, init_fail: bool) -> Self {
        let standing = if init_fail { Standing::Bad } else { Standing::Waiting };
        Self { rise, fall, standing, against: 0 }
    }

    /// Goes on from what is known: no result has to come first.
    pub const fn resume(self, standing: Standing) -> Self {
        Self { standing, ..self }
    }

    /// How it is, as far as is known.
    #[must_use]
    pub const fn standing(&self) -> Standing {
        self.standing
    }

    /// Takes in one result. Returns whether the standing has changed.
    pub fn observe(&mut self, good: bool) -> bool {
        let (agrees, needed) = match self.standing {
            Standing::Good => (good, self.fall),
            Standing::Bad => (!good, self.rise),
            Standing::Waiting | Standing::Number(_) => (false, 1),
        };
        self.against = if agrees { 0 } else { self.against.saturating_add(1) };
        let changed = self.against >= needed.max(1);
        if changed {
            self.standing = if good { Standing::Good } else { Standing::Bad };
            self.against = 0;
        }
        changed
    }
}

/// What one subject does to one router.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// So many points are added to the priority.
    Points(i16),
    /// The router cannot take part.
    Fault,
    /// The router does not take part until there is a result.
    Waiting,
}

/// One subject of a router, and what it does to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Share {
    /// `vrrp_script nginx`, `interface eth1`.
    pub subject: String,
    /// How it is.
    pub standing: Standing,
    /// What that does to the router.
    pub effect: Effect,
}

/// What all subjects together make of a router.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tracking {
    /// The effective priority: 255 if that is the configured one, otherwise 1..=254.
    pub priority: Priority,
    /// Each subject with its part in that.
    pub shares: Arc<[Share]>,
}

impl Tracking {
    /// A router of this configured priority with these subjects. An owner's priority stays what it is.
    pub fn of(base: Priority, subjects: impl IntoIterator<Item = (String, Weight, Standing)>) -> Self {
        let owner = base == Priority::OWNER;
        let shares: Arc<[Share]> = subjects
            .into_iter()
            .map(|(subject, weight, standing)| {
                let effect =
                    if owner && weight.value != 0 { Effect::Points(0) } else { effect(weight, standing) };
                Share { subject, standing, effect }
            })
            .collect();
        Self { priority: effective(base, &shares), shares }
    }

    /// A router that tracks nothing.
    pub fn nothing(base: Priority) -> Self {
        Self::of(base, [])
    }

    /// The subjects because of which the router cannot take part.
    pub fn faults(&self) -> impl Iterator<Item = &str> {
        self.with(Effect::Fault)
    }

    /// The subjects whose first result the router waits for.
    pub fn awaited(&self) -> impl Iterator<Item = &str> {
        self.with(Effect::Waiting)
    }

    fn with(&self, effect: Effect) -> impl Iterator<Item = &str> {
        self.shares.iter().filter(move |share| share.effect == effect).map(|share| share.subject.as_str())
    }
}

fn effective(base: Priority, shares: &[Share]) -> Priority {
    if base == Priority::OWNER {
        return base;
    }
    let points = shares.iter().map(|share| match share.effect {
        Effect::Points(points) => i64::from(points),
        Effect::Fault | Effect::Waiting => 0,
    });
    let sum = points.fold(i64::from(base.as_u8()), i64::saturating_add);
    // The clamp makes it fit.
    Priority::new(u8::try_from(sum.clamp(1, 254)).unwrap_or(1))
}

/// `reverse` turns the sign of the points, and with weight 0 good into bad.
fn effect(weight: Weight, standing: Standing) -> Effect {
    let Weight { value, reverse } = weight;
    let turned = |points: i16| Effect::Points(if reverse { -points } else { points });
    match (standing, value) {
        (Standing::Waiting, 0) => Effect::Waiting,
        (Standing::Waiting, _) => Effect::Points(0),
        (Standing::Good, 0) => fault_if(reverse),
        (Standing::Bad, 0) => fault_if(!reverse),
        (Standing::Good, _) => turned(value.max(0)),
        (Standing::Bad, _) => turned(value.min(0)),
        (Standing::Number(number), 0) => fault_if((number != 0) != reverse),
        (Standing::Number(number), _) => {
            let factor = if reverse { -i64::from(value) } else { i64::from(value) };
            let points = number.saturating_mul(factor);
            i16::try_from(points.min(MOST))
                .ok()
                .filter(|_| points > FILE_FAULT)
                .map_or(Effect::Fault, Effect::Points)
        }
    }
}

const fn fault_if(fault: bool) -> Effect {
    if fault { Effect::Fault } else { Effect::Points(0) }
}

#[cfg(test)]
mod tests;
