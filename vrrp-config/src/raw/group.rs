//! `[vrrp_sync_group.NAME]`.

use super::{
    super::{
        keys::{At, Field, GROUP, Keys, boolean, entry},
        problem::Findings,
    },
    Hooks, Tracks, text,
};
use crate::tree::Table;

/// One `[vrrp_sync_group.NAME]`.
pub(crate) struct Group {
    pub(crate) name: At<String>,
    pub(crate) group: Field<Vec<At<String>>>,
    pub(crate) track: Tracks,
    pub(crate) sync_group_tracking_weight: Field<bool>,
    pub(crate) hooks: Hooks,
}

impl Group {
    pub(super) fn read(name: At<String>, table: &Table, findings: &mut Findings) -> Self {
        let mut keys = Keys::new(GROUP, table, findings);
        let example = "group = [\"VI_1\", \"VI_2\"]";
        let group = Self {
            group: keys.list("group", 0..=usize::MAX, example, |value, findings| {
                entry("group", value, findings, text::name)
            }),
            track: Tracks::read(&mut keys),
            sync_group_tracking_weight: keys.read("sync_group_tracking_weight", boolean),
            hooks: Hooks::read(&mut keys),
            name,
        };
        if matches!(group.group, Field::Absent) {
            keys.missing("group", "[\"VI_1\", \"VI_2\"]", &group.name);
        }
        keys.finish();
        group
    }
}
