//! Gratuitous ARP: what `global_defs` and an instance say about it, in the same words but for their first.

use std::time::Duration;

use vrrp_config::{Node, Place, Table};

use super::{Context, Target, only, write::spell};
use crate::{report::Severity, tree::Statement};

/// Each of its keys: keepalived's word in an instance, whether it is in seconds, and the key whose value in the instance
/// stands for it where nothing else is said.
const KEYS: [(&str, &str, bool, Option<&str>); 5] = [
    ("repeat", "garp_master_repeat", false, None),
    ("delay", "garp_master_delay", true, None),
    ("refresh", "garp_master_refresh", true, None),
    ("lower_prio_repeat", "garp_lower_prio_repeat", false, Some("garp_master_repeat")),
    ("lower_prio_delay", "garp_lower_prio_delay", true, Some("garp_master_delay")),
];

/// keepalived's default of how many, and after how many seconds again.
pub(super) const DEFAULT: i64 = 5;

/// keepalived's word in `global_defs`.
fn in_global(word: &str) -> String {
    format!("vrrp_{word}")
}

/// Number and place that `own` has for a word, or else those that hold for all.
fn said<'t>(word: &str, own: &'t Table, global: &'t Table) -> Option<(i64, Place)> {
    let node: &Node = own.get(word).or_else(|| global.get(&in_global(word)))?;
    Some((node.value.as_integer()?, node.place))
}

/// Has `garp` in place of keepalived's words. For a master of lower priority keepalived falls back on what holds for all
/// instances, vrrpd on what holds for this one: so that is written out.
pub(super) fn settle(own: &mut Table, global: &Table, context: &mut Context<'_>) {
    without_refresh(own, global, context);
    let mut garp = Table::default();
    let mut first = None;
    for (key, word, is_seconds, fallback) in KEYS {
        let inherited = || {
            let place = own.get(fallback?)?.place;
            let of_all = global.get(&in_global(fallback?)).and_then(|node| node.value.as_integer());
            Some((of_all.unwrap_or(DEFAULT), place))
        };
        let Some((number, place)) = said(word, own, global).or_else(inherited) else { continue };
        first = first.or(Some(place));
        if is_seconds {
            garp.set(key, spell(Duration::from_secs(number.unsigned_abs())), place);
        } else {
            garp.set(key, number, place);
        }
    }
    for word in KEYS.map(|(_, word, ..)| word).into_iter().chain([REFRESH_REPEAT]) {
        own.take(word);
    }
    if let Some(place) = first {
        own.add("garp", context.node(garp, place));
    }
}

const REFRESH_REPEAT: &str = "garp_master_refresh_repeat";

/// With `vrrp_min_garp` a refresh sends nothing, unless `garp_master_refresh_repeat` says how much.
fn without_refresh(own: &mut Table, global: &Table, context: &mut Context<'_>) {
    let sends_none = said(REFRESH_REPEAT, own, global).is_some_and(|(repeat, _)| repeat == 0);
    let refresh = said("garp_master_refresh", own, global).filter(|(seconds, _)| *seconds != 0);
    if let Some((_, place)) = refresh.filter(|_| sends_none) {
        let note = "with vrrp_min_garp none is sent: left out, as in keepalived";
        context.report.push(Severity::Harmless, place, "garp_master_refresh", note);
        own.replace("garp_master_refresh", context.node(0, place));
    }
}

/// `vrrp_min_garp`: one gratuitous ARP, once, where nothing else was said before.
pub(super) fn least(target: &mut impl Target, statement: &Statement, context: &mut Context<'_>) {
    if context.boolean(statement) != Some(true) {
        return;
    }
    let table = target.table();
    let said = |table: &Table, word: &str| table.integer(&in_global(word));
    for (word, least) in [("garp_master_repeat", 1), ("garp_master_delay", 0)] {
        if said(table, word).is_none_or(|number| number == DEFAULT) {
            table.replace(&in_global(word), context.node(least, statement.place));
        }
    }
    if said(table, REFRESH_REPEAT).is_none_or(|number| number <= 1) {
        table.replace(&in_global(REFRESH_REPEAT), context.node(0, statement.place));
    }
}

/// `garp_master_refresh_repeat`. 0 is kept for where `vrrp_min_garp` made it so.
pub(super) fn refresh_repeat(target: &mut impl Target, statement: &Statement, context: &mut Context<'_>) {
    let note = "one gratuitous ARP for each address in a refresh";
    if let Some(repeat) = only::one(target, statement, note, context) {
        target.table().replace(statement.keyword(), context.node(repeat, statement.place));
    }
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
    if let Some(is_on) = context.boolean(statement) {
        let severity = if is_on { Severity::Harmless } else { Severity::Different };
        context.leave(target, severity, statement, NOTE);
    }
}
