//! From the names of checks to the checks.

use crate::place::Place;
use std::collections::HashMap;

use super::super::{
    Subject, Tracked, Weight,
    problem::{Findings, Problem},
    raw::{NamedCheck, Track, TrackKey, Tracks},
    vocabulary,
};

/// Where each check is.
pub(super) struct Names<'f> {
    /// By table and name: the index in the list of all checks.
    indexes: HashMap<(&'static str, &'f str), usize>,
    checks: &'f [NamedCheck],
}

impl<'f> Names<'f> {
    pub(super) fn of(checks: &'f [NamedCheck]) -> Self {
        let indexes = checks.iter().enumerate();
        let indexes = indexes.map(|(index, check)| ((check.table, check.name.value.as_str()), index));
        Self { indexes: indexes.collect(), checks }
    }

    /// What is tracked, each with its weight; `None` if anything in it was reported.
    pub(super) fn tracked(
        &self,
        tracks: &Tracks,
        owner: &str,
        findings: &mut Findings,
    ) -> Option<Vec<Tracked>> {
        once_each(&tracks.list, owner, findings);
        let tracked: Vec<_> = tracks.list.iter().map(|track| self.one(track, findings)).collect();
        tracked.into_iter().collect::<Option<Vec<_>>>().filter(|_| tracks.is_whole)
    }

    fn one(&self, track: &Track, findings: &mut Findings) -> Option<Tracked> {
        let name = &track.name.value;
        let own = |of: Weight| Weight {
            value: track.weight.unwrap_or(of.value),
            reverse: track.reverse.unwrap_or(of.reverse),
        };
        let Some(table) = track.key.table else {
            let subject = Subject::Interface(name.clone());
            return Some(Tracked { subject, weight: own(Weight::default()) });
        };
        let Some(index) = self.indexes.get(&(table, name.as_str())) else {
            findings.push(self.unknown(track, table));
            return None;
        };
        let check = self.checks.get(*index)?.check.as_ref()?;
        Some(Tracked { subject: Subject::Check(*index), weight: own(check.weight) })
    }

    fn unknown(&self, track: &Track, table: &str) -> Problem {
        let name = &track.name.value;
        let title = format!("`{}` names `{name}`, and there is no such check", track.key.key);
        let problem = Problem::new(title, track.name.place, format!("no [{table}.{name}]"));
        let elsewhere = self.checks.iter().find(|check| check.name.value == *name);
        let key_of = |table| TrackKey::ALL.iter().find(|key| key.table == Some(table));
        if let Some((check, key)) = elsewhere.and_then(|check| key_of(check.table).map(|key| (check, key))) {
            let problem = problem.also(check.name.place, format!("a {}", check.table));
            return problem.help(format!("write {} = [\"{name}\"]", key.key)).absence();
        }
        let known = self.checks.iter().filter(|check| check.table == table);
        let near = vocabulary::nearest(name, known.map(|check| check.name.value.as_str()));
        problem
            .help(match near {
                Some(near) => format!("did you mean \"{near}\"?"),
                None => format!("add [{table}.NAME] with this name, or remove it here"),
            })
            .absence()
    }
}

fn once_each(list: &[Track], owner: &str, findings: &mut Findings) {
    let mut first: HashMap<(&str, &str), Place> = HashMap::new();
    for Track { key, name, .. } in list {
        if let Some(earlier) = first.insert((key.key, &name.value), name.place) {
            let title = format!("`{}` tracks {} twice", owner, name.value);
            let problem = Problem::new(title, name.place, "again here").also(earlier, "first here");
            findings.push(problem.help("remove one of them"));
        }
    }
}
