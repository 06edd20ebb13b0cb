//! Names: each is defined once, and so is who is a member of a group.

use std::collections::{HashMap, HashSet, hash_map::Entry};

use vrrp_config::Place;

use super::{Context, Group, Model};
use crate::report::Severity;

impl Model {
    /// Drops every block with a name that one of its kind above has, as keepalived does.
    pub(super) fn names_once(&mut self, context: &mut Context<'_>) {
        let remarks = &mut self.global.table.remarks;
        let mut first: HashMap<(&'static str, String), Place> = HashMap::new();
        let mut is_first = |kind: &'static str, name: &str, place: Place| {
            let known = match first.entry((kind, name.to_owned())) {
                Entry::Vacant(free) => {
                    free.insert(place);
                    return true;
                }
                Entry::Occupied(taken) => *taken.get(),
            };
            let note =
                format!("`{name}` is defined in {}: that one counts, as in keepalived", context.at(known));
            remarks.push(context.remark(place, &format!("{kind} {note}")));
            context.report.push(Severity::Harmless, place, kind, note);
            false
        };
        self.instances.retain(|one| is_first("vrrp_instance", &one.name, one.place));
        self.groups.retain(|one| is_first("vrrp_sync_group", &one.name, one.place));
        self.checks.retain(|one| is_first(one.kind.keyword, &one.name, one.place));
    }
}

impl Group {
    /// Drops the members that are no instances, as keepalived does.
    pub(super) fn known_members(&mut self, instances: &HashSet<String>, context: &mut Context<'_>) {
        self.members.retain(|member| {
            let known = instances.contains(&member.text);
            if !known {
                let note =
                    format!("no vrrp_instance is called `{}`: left out, as in keepalived", member.text);
                context.report.push(Severity::Harmless, member.place, "group", note);
            }
            known
        });
    }
}
