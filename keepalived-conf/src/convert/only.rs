//! Keywords that say what vrrpd does anyway, or something that it cannot do.

use std::time::Duration;

use super::Context;
use crate::{report::Severity, tree::Statement, vocabulary::Target};

/// A number that must be `ours`.
pub(super) fn number(
    target: &mut impl Target,
    statement: &Statement,
    ours: i64,
    note: &str,
    context: &mut Context<'_>,
) {
    if let Some(value) = context.integer(statement, 0..=86_400) {
        say(target, statement, value == ours, note, context);
    }
}

/// A number of times, which must be once. keepalived takes 0 for that too.
pub(super) fn one(
    target: &mut impl Target,
    statement: &Statement,
    note: &str,
    context: &mut Context<'_>,
) -> Option<i64> {
    let value = context.integer(statement, 0..=i64::from(u32::MAX))?;
    say(target, statement, value <= 1, note, context);
    Some(value.max(1))
}

/// A switch that must be off.
pub(super) fn off(target: &mut impl Target, statement: &Statement, note: &str, context: &mut Context<'_>) {
    if let Some(value) = context.boolean(statement) {
        say(target, statement, !value, note, context);
    }
}

/// Seconds that must be 0.
pub(super) fn zero(target: &mut impl Target, statement: &Statement, note: &str, context: &mut Context<'_>) {
    if let Some(value) = context.timer(statement, Duration::ZERO..=Duration::from_secs(86_400)) {
        say(target, statement, value.is_zero(), note, context);
    }
}

/// The daemon that copies IPVS's connections to the other box: without a `virtual_server` there are none.
pub(super) fn sync_daemon(target: &mut impl Target, statement: &Statement, context: &mut Context<'_>) {
    let (severity, note) = if context.has_ipvs {
        (Severity::Unsupported, "there is no IPVS")
    } else {
        (Severity::Harmless, "without a virtual_server there are no connections to be copied")
    };
    context.leave(target, severity, statement, note);
}

fn say(
    target: &mut impl Target,
    statement: &Statement,
    is_ours: bool,
    note: &str,
    context: &mut Context<'_>,
) {
    let severity = if is_ours { Severity::Harmless } else { Severity::Unsupported };
    context.leave(target, severity, statement, note);
}
