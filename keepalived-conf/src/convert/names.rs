//! Names: what is defined, once each, and who is a member of a group.

use std::collections::{HashMap, HashSet};

use vrrp_config::Place;

use super::{Context, Group, Model};
use crate::report::Severity;

/// Names of one kind of block, and where each was defined first.
struct Names<'m> {
    kind: &'static str,
    first: HashMap<String, Place>,
    remarks: &'m mut Vec<String>,
}

impl Names<'_> {
    /// Takes note of a name. `false`, and said, if a block above has it.
    fn is_first(&mut self, name: &str, place: Place, context: &mut Context<'_>) -> bool {
        let Some(first) = self.first.get(name) else {
            self.first.insert(name.to_owned(), place);
            return true;
        };
        let note =
            format!("`{name}` is defined in {}: that one counts, as in keepalived", context.at(*first));
        self.remarks.push(context.remark(place, &format!("{} {note}", self.kind)));
        context.report.push(Severity::Harmless, place, self.kind, note);
        false
    }
}

impl Model {
    /// Drops every block with a name that one of its kind above has, as keepalived does.
    pub(super) fn names_once(&mut self, context: &mut Context<'_>) {
        let remarks = &mut self.global.table.remarks;
        let mut names = Names { kind: "vrrp_instance", first: HashMap::new(), remarks };
        self.instances.retain(|one| names.is_first(&one.name, one.place, context));
        let mut names = Names { kind: "vrrp_sync_group", first: HashMap::new(), remarks: names.remarks };
        self.groups.retain(|one| names.is_first(&one.name, one.place, context));
        let mut remarks = names.remarks;
        for kind in ["vrrp_script", "vrrp_track_process", "track_file"] {
            let mut names = Names { kind, first: HashMap::new(), remarks };
            self.checks
                .retain(|one| one.kind.keyword != kind || names.is_first(&one.name, one.place, context));
            remarks = names.remarks;
        }
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
