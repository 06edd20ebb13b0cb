//! Command lines and durations in our words.

use std::time::Duration;

use vrrp_config::Program;

/// Words as one command line that is parted into the same words again, and that needs no shell.
pub(super) fn command_line(words: Vec<String>) -> String {
    Program::Direct(words).to_string()
}

/// A duration as the configuration takes it.
pub(super) fn spell(duration: Duration) -> String {
    if duration.is_zero() { "0s".to_owned() } else { format!("{duration:?}") }
}
