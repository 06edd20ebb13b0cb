//! `vrrp_sync_group`.

use std::collections::HashSet;

use vrrp_config::{Kind, Node, Place, Table, Tree};

use super::{Context, Form, Moving, hook::HOOKS, track::Tracks};
use crate::{
    report::Severity,
    tree::Statement,
    vocabulary::{Keyword, Target, carry, keep},
    words::Word,
};

/// A group in the making.
#[derive(Debug)]
pub(crate) struct Group {
    pub(super) name: String,
    pub(super) place: Place,
    pub(super) members: Vec<Word>,
    pub(super) table: Table,
    pub(super) tracks: Tracks,
}

impl Target for Group {
    fn table(&mut self) -> &mut Table {
        &mut self.table
    }
}

impl Moving for Group {
    fn tracks(&mut self) -> &mut Tracks {
        &mut self.tracks
    }
}

/// The key that lets weights count.
pub(super) const TRACKING_WEIGHT: &str = "sync_group_tracking_weight";

pub(crate) const GROUP: &[Keyword<Group>] = &[
    carry("group", "group", "", members),
    keep(TRACKING_WEIGHT, TRACKING_WEIGHT, "", Form::On),
    keep(
        "global_tracking",
        TRACKING_WEIGHT,
        "as `sync_group_tracking_weight`, as in keepalived",
        Form::Sets(TRACKING_WEIGHT, true),
    ),
];

fn members(group: &mut Group, statement: &Statement, context: &mut Context<'_>) {
    let Some(block) = context.block(statement) else { return };
    if !group.members.is_empty() {
        let note = "given twice: the first one counts, as in keepalived";
        return context.note(Severity::Harmless, statement, note);
    }
    for line in block {
        context.no_block(line);
        group.members.extend(line.words.iter().filter(|word| context.is_defined(word)).cloned());
    }
}

impl Group {
    pub(super) fn new(name: String, place: Place) -> Self {
        Self { name, place, members: Vec::new(), table: Table::default(), tracks: Tracks::default() }
    }

    /// Without members that are `gone`, or `taken` by a group before it.
    pub(super) fn settle(
        &mut self,
        gone: &HashSet<String>,
        taken: &mut HashSet<String>,
        context: &mut Context<'_>,
    ) {
        let name = &self.name;
        self.members.retain(|member| {
            let left_out = gone.contains(&member.text);
            if left_out {
                let note = format!("`{}` is left out, and so it is no member", member.text);
                context.report.push(Severity::Unsupported, member.place, "group", note);
            } else if !taken.insert(member.text.clone()) {
                let note =
                    format!("`{}` is in a group already: not in `{name}`, as in keepalived", member.text);
                context.report.push(Severity::Harmless, member.place, "group", note);
                return false;
            }
            !left_out
        });
    }

    /// Says what goes with a group that is left out.
    pub(super) fn say_what_goes(&self, context: &mut Context<'_>) {
        let hooks = HOOKS.into_iter().chain(["smtp_alert"]);
        let hooks = hooks.filter_map(|key| Some((key, self.table.get(key)?.place)));
        for (keyword, place) in self.tracks.places().chain(hooks) {
            let note = format!("goes with the group `{}`, which is left out", self.name);
            context.report.push(Severity::Unsupported, place, keyword, note);
        }
    }

    pub(super) fn plant(mut self, tree: &mut Tree, context: &Context<'_>) {
        let members = self.members.iter().map(|word| context.node(word.text.as_str(), word.place));
        let members: Vec<Node> = members.collect();
        context.list(&mut self.table, "group", members);
        self.tracks.plant(&mut self.table, context);
        context.plant(tree, Kind::Group, &self.name, self.place, self.table);
    }
}
