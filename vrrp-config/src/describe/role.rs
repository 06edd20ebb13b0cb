//! What goes with a role, for routers and groups: what it depends on, and what is run when it changes.

use super::{
    super::{
        CheckKind, Config, Hook, Hooks, Program, Subject, Tracked, Weight, carriers::Carrier, duration::spell,
    },
    Line,
};

/// `chk_nginx (vrrp_script): -20 while it fails`.
pub(super) fn tracked(tracked: &Tracked, config: &Config) -> String {
    match &tracked.subject {
        Subject::Interface(name) => {
            format!("interface {name}: {}", effect(tracked.weight, ("is down", "is up")))
        }
        Subject::Check(index) => {
            let Some(check) = config.checks.get(*index) else { return String::new() };
            let effect = match check.kind {
                CheckKind::File(_) => multiplied(tracked.weight),
                CheckKind::Script(_) | CheckKind::Http(_) | CheckKind::Tcp(_) | CheckKind::Process(_) => {
                    effect(tracked.weight, ("fails", "succeeds"))
                }
            };
            format!("{} ({}): {effect}", check.name, check.kind.table())
        }
    }
}

/// `interface eth1 (198.51.100.1): a fault while it is down`.
pub(super) fn carrier(carrier: &Carrier) -> String {
    format!("{}: a fault while it is down", carrier.subject())
}

/// keepalived's: `reverse` turns the sign, and a fault round.
fn effect(weight: Weight, (bad, good): (&str, &str)) -> String {
    match (weight.value, weight.reverse) {
        (0, false) => format!("a fault while it {bad}"),
        (0, true) => format!("a fault while it {good}"),
        (1.., reverse) => format!("{:+} while it {good}", signed(weight.value, reverse)),
        (_, reverse) => format!("{:+} while it {bad}", signed(weight.value, reverse)),
    }
}

fn multiplied(weight: Weight) -> String {
    match (weight.value, weight.reverse) {
        (0, false) => "a fault while the number is not 0".to_owned(),
        (0, true) => "a fault while the number is 0".to_owned(),
        (value, reverse) => format!("the number × {} is added", signed(value, reverse)),
    }
}

const fn signed(value: i16, reverse: bool) -> i16 {
    if reverse { -value } else { value }
}

/// In the order in which they are run.
pub(super) fn hooks(hooks: &Hooks) -> Vec<Line> {
    let named = [
        ("on master", &hooks.notify_master),
        ("on backup", &hooks.notify_backup),
        ("on fault", &hooks.notify_fault),
        ("on stop", &hooks.notify_stop),
        ("on each change", &hooks.notify),
    ];
    let mut lines: Vec<_> =
        named.into_iter().filter_map(|(when, one)| one.as_ref().map(|one| (when, hook(one)))).collect();
    if hooks.smtp_alert {
        lines.push(("mail", "on each change".to_owned()));
    }
    lines
}

/// The command line and how it is run.
pub(super) fn hook(hook: &Hook) -> String {
    let user = hook.user.as_ref().map(|user| format!(" as {user}")).unwrap_or_default();
    format!("{}{user}, killed after {}", program(&hook.program), spell(hook.timeout))
}

/// The command line.
pub(super) fn program(program: &Program) -> String {
    match program {
        Program::Direct(_) => program.to_string(),
        Program::Shell(line) => format!("{line} (by /bin/sh)"),
    }
}
