//! `vrrp_sync_group`.

use std::collections::HashSet;

use super::{
    Context, Given,
    hook::{Hooks, Notifying},
    track::{Tracking, Tracks},
    write::{Item, Remark, Writer},
};
use crate::{
    report::Severity,
    text::Place,
    tree::Statement,
    vocabulary::{Keyword, Target, carry},
    words::Word,
};
use vrrp_config::quote;

/// A group in the making.
#[derive(Debug)]
pub(crate) struct Group {
    pub(super) name: String,
    pub(super) place: Place,
    pub(super) members: Vec<Word>,
    pub(super) tracking_weight: Option<Given<bool>>,
    pub(super) tracks: Tracks,
    pub(super) hooks: Hooks,
    remarks: Vec<Remark>,
}

impl Target for Group {
    fn remark(&mut self, place: Place, text: String) {
        self.remarks.push(Remark { place, text });
    }
}

impl Tracking for Group {
    fn tracks(&mut self) -> &mut Tracks {
        &mut self.tracks
    }
}

impl Notifying for Group {
    fn hooks(&mut self) -> &mut Hooks {
        &mut self.hooks
    }
}

pub(crate) const GROUP: &[Keyword<Group>] = &[
    carry("group", "group", "", members),
    carry("sync_group_tracking_weight", "sync_group_tracking_weight", "", tracking_weight),
    carry(
        "global_tracking",
        "sync_group_tracking_weight",
        "as `sync_group_tracking_weight`, as in keepalived",
        tracking_weight,
    ),
];

/// On, whatever follows it, as in keepalived.
fn tracking_weight(group: &mut Group, statement: &Statement, context: &mut Context<'_>) {
    context.no_block(statement);
    context.extra(statement, statement.arguments());
    group.tracking_weight = Some(Given { value: true, place: statement.place });
}

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
        Self {
            name,
            place,
            members: Vec::new(),
            tracking_weight: None,
            tracks: Tracks::default(),
            hooks: Hooks::default(),
            remarks: Vec::new(),
        }
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
        for (keyword, place) in self.tracks.places().chain(self.hooks.places()) {
            let note = format!("goes with the group `{}`, which is left out", self.name);
            context.report.push(Severity::Unsupported, place, keyword, note);
        }
    }

    pub(super) fn write(&self, writer: &mut Writer<'_, '_>) {
        writer.head("vrrp_sync_group", &self.name, self.place);
        let members = self.members.iter().map(|word| Item { toml: quote(&word.text), place: word.place });
        writer.list("group", &members.collect::<Vec<_>>());
        writer.show("sync_group_tracking_weight", self.tracking_weight);
        self.tracks.write(writer);
        self.hooks.write(writer);
        writer.remarks(&self.remarks);
    }
}
