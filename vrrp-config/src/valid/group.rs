//! Sync groups: which routers, and none in two of them.

use crate::place::Place;
use std::collections::HashMap;

use super::{
    super::{
        SyncGroup,
        keys::At,
        problem::{Findings, Problem},
        raw::{File, Group},
        vocabulary,
    },
    hooks,
    track::Names,
};

/// Sync groups of the file; `None` if anything in them was reported.
pub(super) fn groups(
    file: &File,
    names: &Names<'_>,
    alert: Option<bool>,
    findings: &mut Findings,
) -> Option<Vec<SyncGroup>> {
    let mut taken = HashMap::new();
    let groups: Vec<_> = file
        .groups
        .iter()
        .map(|group| {
            let members = members(file, group, &mut taken, findings);
            let track = names.tracked(&group.track, &group.name.value, findings);
            Some(SyncGroup {
                name: group.name.value.clone(),
                members: members?,
                track: track?,
                tracking_weight: group.own.sync_group_tracking_weight.value()?,
                hooks: hooks(&group.hooks, alert)?,
            })
        })
        .collect();
    groups.into_iter().collect()
}

/// `taken`: the place where each router was named, and by which group.
fn members<'f>(
    file: &File,
    group: &'f Group,
    taken: &mut HashMap<usize, (&'f str, Place)>,
    findings: &mut Findings,
) -> Option<Vec<usize>> {
    let At { value: list, place } = group.own.group.given()?;
    let mut members = Vec::new();
    for member in list {
        let index = file.instances.iter().position(|instance| instance.name.value == member.value);
        let Some(index) = index else {
            findings.push(no_such_router(file, member));
            continue;
        };
        members.push(index);
        let here = (group.name.value.as_str(), member.place);
        let Some((earlier, place)) = taken.insert(index, here) else { continue };
        let title = format!("`{}` in two sync groups", member.value);
        let title = if earlier == group.name.value {
            format!("`{}` twice in a sync group", member.value)
        } else {
            title
        };
        let problem = Problem::new(title, member.place, format!("in `{}`", group.name.value));
        findings.push(problem.also(place, format!("in `{earlier}`")).help("leave it to one of them"));
    }
    if list.is_empty() {
        let problem = Problem::new("`group` of nobody", *place, "empty");
        findings.push(problem.help("name a router or more, or remove the group"));
    }
    (members.len() == list.len()).then_some(members)
}

fn no_such_router(file: &File, member: &At<String>) -> Problem {
    let title = format!("`group` names `{}`, and there is no such router", member.value);
    let label = format!("no [vrrp_instance.{}]", member.value);
    let problem = Problem::new(title, member.place, label).absence();
    let known = file.instances.iter().map(|instance| instance.name.value.as_str());
    problem.help(match vocabulary::nearest(&member.value, known) {
        Some(near) => format!("did you mean \"{near}\"?"),
        None => "add the router, or remove it here".to_owned(),
    })
}
