//! `interface_up_down_delays { eth0 DOWN [UP] }`.

use std::time::Duration;

use vrrp_config::{Kind, MAX_LINK_DELAY, Table};

use super::{Context, Model, write::spell};
use crate::{report::Severity, tree::Statement};

pub(super) fn interface_up_down_delays(model: &mut Model, statement: &Statement, context: &mut Context<'_>) {
    context.extra(statement, statement.arguments());
    for line in context.block(statement).unwrap_or_default() {
        let Some(table) = delays(line, context) else { continue };
        let sections = &mut model.tree.sections;
        // The last of several counts, as in keepalived.
        if let Some(former) = sections.iter().position(|former| former.name == line.keyword()) {
            context.note(Severity::Harmless, line, "given twice: this one counts, as in keepalived");
            sections.remove(former);
        }
        context.plant(&mut model.tree, Kind::Delays, line.keyword(), line.place, table);
    }
}

fn delays(line: &Statement, context: &mut Context<'_>) -> Option<Table> {
    context.no_block(line);
    let words = match line.arguments() {
        [] => {
            context.note(Severity::Harmless, line, "without a delay it does nothing, as in keepalived");
            return None;
        }
        [_] => {
            let note = "without an up delay it has none, as in keepalived (whose manual says otherwise)";
            context.note(Severity::Harmless, line, note);
            line.arguments()
        }
        [_, _, extra @ ..] => {
            context.extra(line, extra);
            line.arguments()
        }
    };
    let mut table = Table::default();
    for (key, word) in ["down", "up"].into_iter().zip(words) {
        let delay = context.seconds(word, Duration::ZERO..=MAX_LINK_DELAY)?;
        table.add(key, context.node(spell(delay), line.place));
    }
    Some(table)
}
