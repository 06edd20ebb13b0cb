//! Settings that are valid and do not do what they look like: weights without effect.

use std::fmt;

use vrrp_common::types::Priority;

use super::{CheckKind, Config, Router, Subject, SyncGroup, Tracked};

/// Hint for an operator about one router.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advice {
    /// Name of the router.
    pub router: String,
    /// A sentence without its end.
    pub text: String,
}

impl fmt::Display for Advice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.router, self.text)
    }
}

/// All that there is to be said about the weights of a configuration: those that do not count, and those that can never
/// move the role. What the other boxes are configured with is not known here.
#[must_use]
pub fn advise(config: &Config) -> Vec<Advice> {
    let routers = config.routers.iter().enumerate();
    let texts = routers.flat_map(|(index, router)| {
        let group = config.sync_groups.iter().find(|group| group.members.contains(&index));
        let texts = Weighed::of(router, group, config).texts();
        texts.into_iter().map(|text| Advice { router: router.name.clone(), text })
    });
    texts.collect()
}

/// A router with what it tracks with a weight.
struct Weighed<'c> {
    router: &'c Router,
    group: Option<&'c SyncGroup>,
    /// Its own, and its group's.
    tracked: Vec<&'c Tracked>,
    config: &'c Config,
}

/// The points that something adds to a priority at least and at most. `None`: any number of them.
type Points = Option<(i32, i32)>;

impl<'c> Weighed<'c> {
    fn of(router: &'c Router, group: Option<&'c SyncGroup>, config: &'c Config) -> Self {
        let groups = group.map(|group| group.track.as_slice()).unwrap_or_default();
        let all = router.track.iter().chain(groups);
        Self { router, group, tracked: all.filter(|tracked| tracked.weight.value != 0).collect(), config }
    }

    fn texts(&self) -> Vec<String> {
        if self.tracked.is_empty() {
            return Vec::new();
        }
        if let Some(group) = self.group.filter(|group| !group.tracking_weight) {
            let why = format!("in `{}` without sync_group_tracking_weight", group.name);
            return self.tracked.iter().map(|tracked| self.idle(tracked, &why)).collect();
        }
        if self.router.priority == Priority::OWNER {
            return self.tracked.iter().map(|tracked| self.idle(tracked, "with priority 255")).collect();
        }
        let idle = (0..self.tracked.len()).filter_map(|index| self.without_effect(index));
        idle.chain(self.without_preemption()).collect()
    }

    fn idle(&self, tracked: &Tracked, why: &str) -> String {
        format!("weight {} of `{}` does not count {why}", tracked.weight.value, self.name(tracked))
    }

    /// One that leaves the priority where it is, whatever else happens: it is at its bound already.
    fn without_effect(&self, index: usize) -> Option<String> {
        let (least, most) = self.points(self.tracked.get(index)?)?;
        let base = i32::from(self.router.priority.as_u8());
        let others = self.tracked.iter().enumerate().filter(|(other, _)| *other != index);
        let (low, high) = others
            .map(|(_, tracked)| self.points(tracked))
            .try_fold((base, base), |(low, high), points| {
                points.map(|(least, most)| (low + least, high + most))
            })?;
        // Some sum of the others from which the two ends of this one lead to different priorities within 1 to 254.
        let changes = low.max(2 - most) <= high.min(253 - least);
        let tracked = self.tracked.get(index)?;
        let text = format!(
            "weight {} of `{}` never changes the priority, which stays within 1 to 254",
            tracked.weight.value,
            self.name(tracked)
        );
        (!changes).then_some(text)
    }

    /// A master that lowers its priority is taken over from by those who preempt.
    fn without_preemption(&self) -> Option<String> {
        let names: Vec<String> =
            self.tracked.iter().map(|tracked| format!("`{}`", self.name(tracked))).collect();
        let text = format!(
            "with preempt = false on all boxes, as on this one, the weight of {} never moves the role: \
             only weight 0, a fault, does",
            names.join(", ")
        );
        (!self.router.preempt).then_some(text)
    }

    fn points(&self, tracked: &Tracked) -> Points {
        if let Subject::Check(index) = tracked.subject
            && self.config.checks.get(index).is_some_and(|check| matches!(check.kind, CheckKind::File(_)))
        {
            return None;
        }
        let value = i32::from(tracked.weight.value) * if tracked.weight.reverse { -1 } else { 1 };
        Some((value.min(0), value.max(0)))
    }

    fn name(&self, tracked: &'c Tracked) -> &'c str {
        match &tracked.subject {
            Subject::Interface(name) => name,
            Subject::Check(index) => self.config.checks.get(*index).map_or("", |check| &check.name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse;

    const CHECKS: &str = "[vrrp_script.s]\nscript = \"/bin/true\"\n[vrrp_file.f]\nfile = \"/run/f\"\n";

    fn router(settings: &str) -> String {
        format!(
            "{CHECKS}[vrrp_instance.A]\ninterface = \"eth0\"\nvirtual_router_id = 1\n\
             virtual_ipaddress = [\"192.0.2.1/24\"]\n{settings}\n"
        )
    }

    fn said(text: &str) -> Vec<String> {
        let config = parse("test", text).unwrap_or_else(|problems| panic!("{problems}"));
        advise(&config).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn members_weights_that_do_not_count_are_named_those_of_the_group_too() {
        let member = router("track_script = [{ name = \"s\", weight = -20 }]\ntrack_interface = [\"eth1\"]");
        let group = "[vrrp_sync_group.G]\ngroup = [\"A\"]\ntrack_interface = [{ interface = \"eth2\", weight = 5 }]\n";
        let why = "does not count in `G` without sync_group_tracking_weight";
        assert_eq!(
            said(&(member.clone() + group)),
            [format!("A: weight -20 of `s` {why}"), format!("A: weight 5 of `eth2` {why}")]
        );
        assert!(said(&(member.clone() + group + "sync_group_tracking_weight = true")).is_empty());
        assert!(said(&member).is_empty());
    }

    #[test]
    fn an_owner_s_weights_do_not_count() {
        let owner = router("priority = 255\ntrack_script = [{ name = \"s\", weight = -20 }]");
        assert_eq!(said(&owner), ["A: weight -20 of `s` does not count with priority 255"]);
    }

    #[test]
    fn a_weight_beyond_the_bounds_changes_nothing_unless_another_makes_room() {
        let with = |priority: u8, track: &str| said(&router(&format!("priority = {priority}\n{track}")));
        let up = "track_script = [{ name = \"s\", weight = 20 }]";
        assert_eq!(
            with(254, up),
            ["A: weight 20 of `s` never changes the priority, which stays within 1 to 254"]
        );
        assert!(with(253, up).is_empty() && with(1, up).is_empty());
        let down = "track_script = [{ name = \"s\", weight = 20, reverse = true }]";
        assert_eq!(with(1, down).len(), 1);
        assert!(with(2, down).is_empty());
        let room = format!("{up}\ntrack_interface = [{{ interface = \"eth1\", weight = -5 }}]");
        assert!(with(254, &room).is_empty());
        // What is in a file may be anything.
        assert!(with(254, &format!("{up}\ntrack_file = [\"f\"]")).is_empty());
    }

    #[test]
    fn where_nobody_preempts_no_weight_moves_the_role() {
        let with = |track: &str| said(&router(&format!("preempt = false\n{track}")));
        let weighted = with("track_script = [{ name = \"s\", weight = -20 }]\ntrack_interface = [\"eth1\"]");
        assert_eq!(weighted.len(), 1);
        assert!(
            weighted[0].contains("preempt = false on all boxes") && weighted[0].contains("`s`"),
            "{weighted:?}"
        );
        assert!(with("track_script = [\"s\"]").is_empty());
    }
}
