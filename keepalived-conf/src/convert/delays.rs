//! `interface_up_down_delays { eth0 DOWN [UP] }`.

use std::time::Duration;

use super::{
    Context, Given, Model,
    write::{Writer, spell},
};
use crate::{report::Severity, text::Place, tree::Statement};
use vrrp_config::MAX_LINK_DELAY;

/// One line of it.
#[derive(Debug)]
pub(super) struct Delays {
    interface: String,
    down: Duration,
    up: Option<Duration>,
    place: Place,
}

pub(super) fn interface_up_down_delays(model: &mut Model, statement: &Statement, context: &mut Context<'_>) {
    context.extra(statement, statement.arguments());
    for line in context.block(statement).unwrap_or_default() {
        let Some(delays) = delays(line, context) else { continue };
        // The last of several counts, as in keepalived.
        if let Some(former) = model.delays.iter().position(|former| former.interface == delays.interface) {
            context.note(Severity::Harmless, line, "given twice: this one counts, as in keepalived");
            model.delays.remove(former);
        }
        model.delays.push(delays);
    }
}

fn delays(line: &Statement, context: &mut Context<'_>) -> Option<Delays> {
    context.no_block(line);
    let seconds = Duration::ZERO..=MAX_LINK_DELAY;
    let (down, up) = match line.arguments() {
        [] => {
            context.note(Severity::Harmless, line, "without a delay it does nothing, as in keepalived");
            return None;
        }
        [down] => {
            let note = "without an up delay it has none, as in keepalived (whose manual says otherwise)";
            context.note(Severity::Harmless, line, note);
            (context.seconds(down, seconds)?, None)
        }
        [down, up, extra @ ..] => {
            context.extra(line, extra);
            (context.seconds(down, seconds.clone())?, Some(context.seconds(up, seconds)?))
        }
    };
    Some(Delays { interface: line.keyword().to_owned(), down, up, place: line.place })
}

impl Delays {
    pub(super) fn write(&self, writer: &mut Writer<'_, '_>) {
        let Self { interface, down, up, place } = self;
        writer.head("interface_up_down_delays", interface, *place);
        writer.line("down", &spell(*down), *place);
        if let Some(up) = up {
            writer.line("up", &spell(*up), *place);
        }
    }
}

/// `vrrp_startup_delay SECONDS`.
pub(super) fn startup_delay(statement: &Statement, context: &mut Context<'_>) -> Option<Given<Duration>> {
    context.timer(statement, Duration::from_millis(1)..=vrrp_config::MAX_STARTUP_DELAY)
}
