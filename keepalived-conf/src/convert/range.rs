//! Numbers whose range is wider in keepalived than here: taken, and brought within ours.

use std::{fmt, ops::RangeInclusive, time::Duration};

use super::{Context, Given};
use crate::{report::Severity, tree::Statement};

/// keepalived holds seconds as 32 bits of microseconds.
const MOST_SECONDS: u64 = 4_294;
/// keepalived takes 0 for it where at least one is needed.
const LEAST: i64 = 1;

/// A whole number of 32 bits, brought within `ours`.
pub(super) fn number(
    statement: &Statement,
    ours: RangeInclusive<i64>,
    context: &mut Context<'_>,
) -> Option<Given<i64>> {
    let given = context.integer(statement, 0..=i64::from(u32::MAX))?;
    let value = given.value.clamp(*ours.start(), *ours.end());
    said(statement, &given.value, &value, given.value < LEAST && value == LEAST, context);
    Some(Given { value, ..given })
}

/// Seconds, brought within `ours`; 0 is one second.
pub(super) fn seconds(
    statement: &Statement,
    ours: RangeInclusive<Duration>,
    context: &mut Context<'_>,
) -> Option<Given<Duration>> {
    let given = context.timer(statement, Duration::ZERO..=Duration::from_secs(MOST_SECONDS))?;
    let zero = given.value.is_zero();
    let wanted = if zero { Duration::from_secs(1) } else { given.value };
    let value = wanted.clamp(*ours.start(), *ours.end());
    said(statement, &given.value.as_secs_f64(), &value.as_secs_f64(), zero, context);
    Some(Given { value, ..given })
}

/// `as_keepalived`: it makes the same of it.
fn said<T: PartialEq + fmt::Display>(
    statement: &Statement,
    given: &T,
    taken: &T,
    as_keepalived: bool,
    context: &mut Context<'_>,
) {
    if given == taken {
        return;
    }
    let (severity, end) = if as_keepalived {
        (Severity::Harmless, ", as in keepalived")
    } else {
        (Severity::Different, " here")
    };
    context.note(severity, statement, format!("{given} is {taken}{end}"));
}
