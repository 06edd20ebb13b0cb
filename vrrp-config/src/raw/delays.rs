//! `[interface_up_down_delays.NAME]`.

use crate::tree::Table;
use std::time::Duration;

use super::{
    super::{
        MAX_LINK_DELAY,
        duration::duration,
        keys::{At, Field, Keys},
        problem::Findings,
    },
    instance::interface_name,
};

/// How messages call the tables.
pub(super) const TABLE: &str = "interface_up_down_delays";

/// One `[interface_up_down_delays.NAME]`.
pub(crate) struct Delays {
    pub(crate) interface: At<String>,
    pub(crate) down: Field<Duration>,
    pub(crate) up: Field<Duration>,
}

impl Delays {
    pub(super) fn read(name: At<String>, table: &Table, findings: &mut Findings) -> Self {
        if let Err(wrong) = interface_name(name.value.clone()) {
            findings.push(wrong.at(&name.value, name.place));
        }
        let mut keys = Keys::new(TABLE, table, findings);
        let delays = Self {
            interface: name,
            down: keys.read("down", duration(Duration::ZERO..=MAX_LINK_DELAY)),
            up: keys.read("up", duration(Duration::ZERO..=MAX_LINK_DELAY)),
        };
        keys.finish();
        delays
    }
}
