//! Which weights count: in a sync group and for an owner keepalived 2.2.7 ignores some of them, turns some to 0, and
//! counts others although it says that it does not.

use std::collections::HashMap;

use super::{
    Context, Model,
    group::{Group, TRACKING_WEIGHT},
    instance::Instance,
    track::{FILE, SCRIPT, Tracks},
};
use crate::report::Severity;

/// The weight of each check: by the keyword of its block, and its name.
type Weights = HashMap<(&'static str, String), i64>;

/// Reasons for which weights do not count.
#[derive(Clone, Copy)]
enum Reason {
    /// Of a member, where the group does not say `sync_group_tracking_weight`.
    Grouped,
    /// The priority is 255.
    Owner,
}

impl Reason {
    const fn text(self) -> &'static str {
        match self {
            Self::Grouped => "in a sync group without sync_group_tracking_weight",
            Self::Owner => "with priority 255",
        }
    }
}

/// Fate of a weight of a member or an owner in keepalived.
enum Fate {
    Counts,
    /// Not tracked at all.
    Ignored,
    /// Tracked with weight 0: a fault.
    Zero,
}

impl Fate {
    fn of(kind: usize, weight: i64) -> Self {
        match (kind, weight) {
            (_, 0) => Self::Counts,
            (SCRIPT, _) => Self::Ignored,
            (FILE, 1) => Self::Zero,
            (FILE, _) => Self::Ignored,
            // Interfaces and processes.
            (_, _) => Self::Counts,
        }
    }
}

impl Model {
    /// Has the configuration do what keepalived does with these weights, and says it.
    pub(super) fn weigh(&mut self, context: &mut Context<'_>) {
        let Self { checks, instances, groups, .. } = self;
        let weights: Weights =
            checks.iter().map(|check| ((check.kind.keyword, check.name.clone()), check.weight())).collect();
        let groups_of = groups
            .iter()
            .enumerate()
            .flat_map(|(index, group)| group.members.iter().map(move |member| (member.text.clone(), index)));
        let groups_of: HashMap<String, usize> = groups_of.collect();
        let mut members: Vec<Vec<&mut Instance>> = groups.iter().map(|_| Vec::new()).collect();
        for instance in instances {
            let of_group = groups_of.get(&instance.name).and_then(|index| members.get_mut(*index));
            match of_group {
                Some(list) => list.push(instance),
                None if instance.is_owner() => instance.tracks.unweigh(Reason::Owner, &weights, context),
                None => {}
            }
        }
        for (group, members) in groups.iter_mut().zip(members) {
            weigh_group(group, members, &weights, context);
        }
    }
}

fn weigh_group(
    group: &mut Group,
    mut members: Vec<&mut Instance>,
    weights: &Weights,
    context: &mut Context<'_>,
) {
    let counts = group.table.get(TRACKING_WEIGHT).is_some();
    if members.iter().any(|member| member.is_owner()) {
        group.tracks.clear_weights(weights, context);
    }
    for member in &mut members {
        if member.is_owner() || !counts {
            let reason = if counts { Reason::Owner } else { Reason::Grouped };
            member.tracks.unweigh(reason, weights, context);
        }
        member.tracks.leave_to(&group.tracks, weights, context);
    }
    if counts {
        return;
    }
    let floating = members.iter().map(|member| &member.tracks).chain([&group.tracks]);
    let floating = floating.map(|tracks| tracks.say_that_they_count(weights, context)).max();
    if floating == Some(true) {
        group.table.add(TRACKING_WEIGHT, context.node(true, group.place));
    }
}

impl Tracks {
    fn unweigh(&mut self, reason: Reason, weights: &Weights, context: &mut Context<'_>) {
        let why = reason.text();
        self.retain(weights, |kind, key, entry, weight| {
            let note = match Fate::of(kind, weight) {
                Fate::Counts => return true,
                Fate::Ignored => {
                    format!("`{}` with weight {weight} is ignored {why}, as in keepalived", entry.name)
                }
                Fate::Zero => {
                    format!("weight 1 is 0 {why}, as in keepalived: what is not 0 in the file is a fault")
                }
            };
            context.report.push(Severity::Harmless, entry.place, key, note);
            let is_zero = matches!(Fate::of(kind, weight), Fate::Zero);
            entry.weight = if is_zero { Some(0) } else { entry.weight };
            is_zero
        });
    }

    /// With an owner among the members the group tracks with weight 0.
    fn clear_weights(&mut self, weights: &Weights, context: &mut Context<'_>) {
        self.retain(weights, |_, key, entry, weight| {
            if weight != 0 {
                let note = format!("weight {weight} is 0, since a member has priority 255, as in keepalived");
                context.report.push(Severity::Harmless, entry.place, key, note);
                entry.weight = Some(0);
            }
            true
        });
    }

    /// Leaves to the group what that tracks too, unless it is a fault here.
    fn leave_to(&mut self, groups: &Self, weights: &Weights, context: &mut Context<'_>) {
        self.retain(weights, |kind, key, entry, weight| {
            match (groups.weight(kind, &entry.name, weights), weight) {
                (None | Some(0), 0) | (None, _) => true,
                (Some(group), 0) => {
                    let note =
                        format!("the group tracks it with weight {group}: that counts for this member too");
                    context.report.push(Severity::Different, entry.place, key, note);
                    true
                }
                (Some(_), _) => {
                    let note = "tracked by the group too: the group's weight counts, as in keepalived";
                    context.report.push(Severity::Harmless, entry.place, key, note);
                    false
                }
            }
        });
    }

    /// Says which weights are left. `true` if any is.
    fn say_that_they_count(&self, weights: &Weights, context: &mut Context<'_>) -> bool {
        let mut any = false;
        for (key, entry, weight) in self.weighted(weights).filter(|(_, _, weight)| *weight != 0) {
            let why = Reason::Grouped.text();
            let note = format!("weight {weight} counts also {why}, as in keepalived");
            context.report.push(Severity::Harmless, entry.place, key, note);
            any = true;
        }
        any
    }
}
