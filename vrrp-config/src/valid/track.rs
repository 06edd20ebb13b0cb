//! From the names of checks to the checks.

use crate::place::Place;
use std::collections::HashMap;

use super::super::{
    Subject, Tracked, Weight,
    problem::{Findings, Problem},
    raw::{
        check::NamedCheck,
        track::{Track, key_of},
    },
    table::Tracks,
    tree::Kind,
    vocabulary,
};

/// Index of the checks by kind and name.
pub(super) struct Names<'f> {
    /// By kind and name: the index in the list of all checks.
    indexes: HashMap<(Kind, &'f str), usize>,
    checks: &'f [NamedCheck],
}

impl<'f> Names<'f> {
    pub(super) fn of(checks: &'f [NamedCheck]) -> Self {
        let indexes = checks.iter().enumerate();
        let indexes = indexes.map(|(index, check)| ((check.kind, check.name.value.as_str()), index));
        Self { indexes: indexes.collect(), checks }
    }

    /// Tracked subjects, each with its weight; `None` if anything in it was reported.
    pub(super) fn tracked(
        &self,
        tracks: &Tracks,
        owner: &str,
        findings: &mut Findings,
    ) -> Option<Vec<Tracked>> {
        let (list, is_whole) = tracks.all();
        let list: Vec<_> = list.collect();
        once_each(&list, owner, findings);
        let tracked: Vec<_> = list.into_iter().map(|track| self.one(track, findings)).collect();
        tracked.into_iter().collect::<Option<Vec<_>>>().filter(|_| is_whole)
    }

    fn one(&self, track: &Track, findings: &mut Findings) -> Option<Tracked> {
        let name = &track.name.value;
        let own = |of: Weight| Weight {
            value: track.weight.unwrap_or(of.value),
            reverse: track.reverse.unwrap_or(of.reverse),
        };
        let Some(kind) = track.kind else {
            let subject = Subject::Interface(name.clone());
            return Some(Tracked { subject, weight: own(Weight::default()) });
        };
        let Some(index) = self.indexes.get(&(kind, name.as_str())) else {
            findings.push(self.unknown(track, kind));
            return None;
        };
        let check = self.checks.get(*index)?.check.as_ref()?;
        Some(Tracked { subject: Subject::Check(*index), weight: own(check.weight) })
    }

    fn unknown(&self, track: &Track, kind: Kind) -> Problem {
        let (name, word) = (&track.name.value, kind.word());
        let title = format!("`{}` names `{name}`, and there is no such check", key_of(track.kind));
        let problem = Problem::new(title, track.name.place, format!("no [{word}.{name}]"));
        if let Some(check) = self.checks.iter().find(|check| check.name.value == *name) {
            let problem = problem.also(check.name.place, format!("a {}", check.kind.word()));
            return problem.help(format!("write {} = [\"{name}\"]", key_of(Some(check.kind)))).absence();
        }
        let known = self.checks.iter().filter(|check| check.kind == kind);
        let near = vocabulary::nearest(name, known.map(|check| check.name.value.as_str()));
        problem
            .help(match near {
                Some(near) => format!("did you mean \"{near}\"?"),
                None => format!("add [{word}.NAME] with this name, or remove it here"),
            })
            .absence()
    }
}

fn once_each(list: &[&Track], owner: &str, findings: &mut Findings) {
    let mut first: HashMap<(Option<Kind>, &str), Place> = HashMap::new();
    for Track { kind, name, .. } in list {
        if let Some(earlier) = first.insert((*kind, &name.value), name.place) {
            let title = format!("`{}` tracks {} twice", owner, name.value);
            let problem = Problem::new(title, name.place, "again here").also(earlier, "first here");
            findings.push(problem.help("remove one of them"));
        }
    }
}
