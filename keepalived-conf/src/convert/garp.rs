//! Gratuitous ARP: what `global_defs` and an instance say about it in the same words.

use super::{Context, Given, Target, only, range};
use crate::{report::Severity, tree::Statement};

/// The keywords that become `garp`.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Garp {
    pub(super) repeat: Option<Given<i64>>,
    pub(super) delay: Option<Given<i64>>,
    pub(super) refresh: Option<Given<i64>>,
    /// 0 where `vrrp_min_garp` made it so: then a refresh sends none.
    pub(super) refresh_repeat: Option<Given<i64>>,
    pub(super) lower_prio_repeat: Option<Given<i64>>,
    pub(super) lower_prio_delay: Option<Given<i64>>,
}

impl Garp {
    /// `garp_master_delay`.
    pub(super) fn delay(&mut self, statement: &Statement, context: &mut Context<'_>) {
        let value = range::number(statement, 0..=1000, context);
        context.set(statement, &mut self.delay, value);
    }

    /// `garp_master_repeat`.
    pub(super) fn repeat(&mut self, statement: &Statement, context: &mut Context<'_>) {
        let value = range::number(statement, 1..=255, context);
        context.set(statement, &mut self.repeat, value);
    }

    /// `garp_master_refresh`.
    pub(super) fn refresh(&mut self, statement: &Statement, context: &mut Context<'_>) {
        let value = range::number(statement, 0..=86_400, context);
        context.set(statement, &mut self.refresh, value);
    }

    /// `garp_lower_prio_delay`.
    pub(super) fn lower_prio_delay(&mut self, statement: &Statement, context: &mut Context<'_>) {
        let value = range::number(statement, 0..=1000, context);
        context.set(statement, &mut self.lower_prio_delay, value);
    }

    /// `garp_lower_prio_repeat`.
    pub(super) fn lower_prio_repeat(&mut self, statement: &Statement, context: &mut Context<'_>) {
        let value = range::number(statement, 0..=255, context);
        context.set(statement, &mut self.lower_prio_repeat, value);
    }
}

/// `garp_master_refresh_repeat`.
pub(super) fn refresh_repeat(
    target: &mut impl Target,
    statement: &Statement,
    context: &mut Context<'_>,
) -> Option<Given<i64>> {
    only::one(target, statement, "one gratuitous ARP for each address in a refresh", context)
}

/// `lower_prio_no_advert`.
pub(super) fn lower_prio_no_advert(
    target: &mut impl Target,
    statement: &Statement,
    context: &mut Context<'_>,
) {
    only::off(target, statement, "a losing advert is always answered by one of ours", context);
}

/// `higher_prio_send_advert`.
pub(super) fn higher_prio_send_advert(
    target: &mut impl Target,
    statement: &Statement,
    context: &mut Context<'_>,
) {
    const NOTE: &str =
        "a master that yields always answers with one advert, unless both speak from the virtual MAC";
    if let Some(given) = context.boolean(statement) {
        let severity = if given.value { Severity::Harmless } else { Severity::Different };
        context.leave(target, severity, statement, NOTE);
    }
}
