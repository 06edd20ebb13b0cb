//! What the wire showed, held against what is promised. Knows requests, replies and when which router was struck; it
//! knows nothing of daemons.

use std::{collections::BTreeSet, fmt, time::Duration};

use super::schedule::{Effect, Fault};
use crate::{Answers, Stamp, answers::Request};

/// How long after Master_Down_Interval the virtual address may be answered again.
pub const REACTION: Duration = Duration::from_millis(5);
/// `2 (D + W)` of `docs/rfc9568.md`, with the half millisecond of a planned handover: the way of an advert, and the time
/// in which a running daemon reads it and acts.
pub const CROSSING: Duration = Duration::from_millis(3);

/// Bounds of the time after which a router notices that its program is detached: three intervals within them. It looks by a
/// thread of ordinary priority, which may be late.
const LOOK: (Duration, Duration) = (Duration::from_millis(100), Duration::from_millis(500));
const LOOK_LATE: Duration = Duration::from_millis(100);

/// A fault as it happened.
#[derive(Clone, Debug)]
pub struct Blow {
    /// What.
    pub fault: Fault,
    /// Number of the router.
    pub victim: u8,
    /// Before the first thing was done.
    pub begin: Stamp,
    /// After the last.
    pub end: Stamp,
    /// When healing began.
    pub healed: Option<Stamp>,
}

impl Blow {
    fn host(&self) -> String {
        format!("r{}", self.victim)
    }
}

/// What holds for one virtual router.
pub struct Rules<'a> {
    /// The interval of the adverts.
    pub advert_int: Duration,
    /// Master_Down_Interval of a router, by number.
    pub master_down: &'a dyn Fn(u8) -> Duration,
    /// How late the machine itself was in a window.
    pub stalled: &'a dyn Fn(Stamp, Stamp) -> Duration,
    /// From one request to the next: so much later than the address is answered the first answer may be.
    pub asked_every: Duration,
    /// Numbers of all routers.
    pub routers: std::ops::RangeInclusive<u8>,
}

impl fmt::Debug for Rules<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rules").field("advert_int", &self.advert_int).finish_non_exhaustive()
    }
}

/// A run of requests that have something in common.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Run {
    /// The first of them.
    from: Stamp,
    /// The first one after them, or the last if there is none.
    to: Stamp,
    requests: usize,
    /// Who answered the last one before them.
    before: Option<String>,
}

/// A measured time with its limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Measured {
    /// The longest.
    pub time: Duration,
    /// What it might have been.
    pub limit: Duration,
    /// How much of the limit is the machine's own lateness.
    pub stalled: Duration,
}

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = |time: Duration| time.as_secs_f64() * 1e3;
        write!(f, "{:.1}", ms(self.time))?;
        if !self.time.is_zero() {
            write!(f, " of {:.1}", ms(self.limit))?;
        }
        if !self.stalled.is_zero() && !self.time.is_zero() {
            write!(f, " (machine {:.1})", ms(self.stalled))?;
        }
        Ok(())
    }
}

/// The verdict on one virtual router over an episode.
#[derive(Clone, Debug, Default)]
pub struct Ruling {
    /// Who answered first and last.
    pub masters: (Option<String>, Option<String>),
    /// The longest time without an answer.
    pub outage: Measured,
    /// The longest time with two answering hosts.
    pub overlap: Measured,
    /// What was against the rules.
    pub violations: Vec<String>,
}

/// Judges the answers of one virtual router. `adverts` are its adverts with a priority: when, and whose.
#[must_use]
pub fn judge(answers: &Answers, adverts: &[(Stamp, String)], blows: &[Blow], rules: &Rules<'_>) -> Ruling {
    let mut ruling = Ruling { masters: masters(answers), ..Ruling::default() };
    for run in runs(answers, |request| request.replies.is_empty()) {
        outage(&run, adverts, blows, rules, &mut ruling);
    }
    for run in runs(answers, |request| request.hosts().len() > 1) {
        overlap(&run, blows, rules, &mut ruling);
    }
    ruling
}

fn masters(answers: &Answers) -> (Option<String>, Option<String>) {
    let mut hosts = answers.replies().map(|reply| reply.host.to_string());
    let first = hosts.next();
    (first.clone(), hosts.last().or(first))
}

fn runs(answers: &Answers, marked: impl Fn(&Request) -> bool) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    let mut open = false;
    let mut before = None;
    for request in &answers.requests {
        if let Some(run) = runs.last_mut().filter(|_| open) {
            run.to = request.at;
        }
        if !marked(request) {
            open = false;
        } else if let Some(run) = runs.last_mut().filter(|_| open) {
            run.requests += 1;
        } else {
            runs.push(Run { from: request.at, to: request.at, requests: 1, before: Clone::clone(&before) });
            open = true;
        }
        if let Some(reply) = request.replies.last() {
            before = Some(reply.host.to_string());
        }
    }
    runs
}

/// Nobody answered: only after a fault of the one who did, and not for longer than its successor waits.
fn outage(run: &Run, adverts: &[(Stamp, String)], blows: &[Blow], rules: &Rules<'_>, ruling: &mut Ruling) {
    let length = run.to - run.from;
    let mut owners: BTreeSet<&str> = run.before.as_deref().into_iter().collect();
    let since = run.from - rules.advert_int;
    owners.extend(adverts.iter().filter(|(at, _)| (since..=run.to).contains(at)).map(|(_, host)| &**host));
    let struck = |blow: &&Blow| blow.begin <= run.to && blow.fault.effect() != Effect::None;
    let cause = blows.iter().filter(struck).rfind(|blow| owners.contains(&*blow.host()));
    let begin = cause.map_or(run.from, |blow| blow.begin.min(run.from));
    let stalled = (rules.stalled)(begin, run.to);
    let Some(blow) = cause else {
        ruling.outage = longer(ruling.outage, Measured { time: length, limit: stalled, stalled });
        if length > stalled {
            let host = run.before.as_deref().unwrap_or("nobody");
            ruling.violations.push(format!(
                "{} requests over {length:.1?} were not answered, without a fault of {host} (machine {stalled:.1?})",
                run.requests
            ));
        }
        return;
    };
    let struck: BTreeSet<u8> = blows.iter().filter(struck).map(|blow| blow.victim).collect();
    let alive = rules.routers.clone().filter(|number| !struck.contains(number));
    let master_down = alive.map(|number| (rules.master_down)(number)).min().unwrap_or(Duration::MAX);
    let limit = master_down.saturating_add(REACTION + rules.asked_every + stalled);
    // A fault takes hold some time between its begin and its end, and two may follow each other. A process goes on until
    // a thread of it has seen the signal, and Master_Down_Interval counts from its last advert.
    let host = blow.host();
    let last = adverts
        .iter()
        .filter(|(at, of)| *of == host && (blow.begin..=run.to).contains(at))
        .map(|(at, _)| *at);
    let last = last.max().filter(|_| blow.fault.effect() == Effect::Silence);
    let (silent, after) =
        (run.to - run.from.max(blow.begin), run.to - last.map_or(blow.end, |at| at.max(blow.end)));
    // One whose programs are detached answers on until it looks, and then leaves.
    let detached = matches!(blow.fault, Fault::XdpDetached | Fault::EgressDetached);
    let after = if detached { after.saturating_sub(look(rules)) } else { after };
    ruling.outage = longer(ruling.outage, Measured { time: silent.max(after), limit, stalled });
    if silent > limit || after > limit {
        ruling.violations.push(format!(
            "answered again {after:.1?} after {} of {host} and {silent:.1?} of silence; {limit:.1?} is the most \
             (machine {stalled:.1?})",
            blow.fault
        ));
    }
}

/// Two answered: the bounds of `docs/rfc9568.md`.
fn overlap(run: &Run, blows: &[Blow], rules: &Rules<'_>, ruling: &mut Ruling) {
    // The one request that was the only one is as good as nothing between two that are half a period apart.
    let length = run.to - run.from;
    let stalled = (rules.stalled)(run.from - rules.advert_int, run.to);
    let limit = overlap_limit(run, blows, rules, stalled);
    ruling.overlap = longer(ruling.overlap, Measured { time: length, limit, stalled });
    if length > limit {
        ruling.violations.push(format!(
            "two hosts answered {} requests over {length:.1?}; {limit:.1?} is the most (machine {stalled:.1?})",
            run.requests
        ));
    }
}

fn overlap_limit(run: &Run, blows: &[Blow], rules: &Rules<'_>, stalled: Duration) -> Duration {
    let before: Vec<_> = blows.iter().filter(|blow| blow.begin <= run.to).collect();
    let partition = before.iter().any(|blow| blow.fault.effect() == Effect::Partition);
    // One whose program is detached does not hear that it is being preempted, until it looks.
    let deaf = before.iter().any(|blow| blow.fault == Fault::XdpDetached);
    if deaf && before.len() > 1 {
        return look(rules) + stalled;
    }
    // One may be struck at the moment at which it is being preempted, or adverts that should be heard are lost.
    if before.len() > 1 || partition {
        return 3 * rules.advert_int + stalled;
    }
    let healed = before.iter().any(|blow| blow.healed.is_some_and(|healed| healed <= run.to));
    let silence =
        before.iter().any(|blow| blow.fault.effect() == Effect::Silence && !blow.fault.may_hand_over());
    // A backup that takes over because the master is silent never finds it speaking, whatever the machine does.
    if silence && !healed {
        return Duration::ZERO;
    }
    CROSSING + stalled
}

/// The most until a router has looked after its programs.
fn look(rules: &Rules<'_>) -> Duration {
    (3 * rules.advert_int).clamp(LOOK.0, LOOK.1) + LOOK_LATE
}

fn longer(one: Measured, other: Measured) -> Measured {
    if other.time > one.time { other } else { one }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{Mac, answers::Reply};

    const MS: Duration = Duration::from_millis(1);

    fn at(ms: u64) -> Stamp {
        Stamp::from_nanos((1_000 + ms) * 1_000_000)
    }

    /// A request a millisecond; each entry is for so many of them.
    fn answers(pattern: &[(usize, &[&str])]) -> Answers {
        let hosts = pattern.iter().flat_map(|(count, hosts)| std::iter::repeat_n(*hosts, *count));
        let requests = hosts.enumerate().map(|(ms, hosts)| {
            let at = at(ms as u64);
            let reply = |host: &&str| Reply { at, host: Arc::from(*host), mac: Mac::virtual_v4(51) };
            Request { at, replies: hosts.iter().map(reply).collect() }
        });
        Answers { requests: requests.collect() }
    }

    fn blow(fault: Fault, victim: u8, ms: u64, healed: Option<u64>) -> Blow {
        Blow { fault, victim, begin: at(ms), end: at(ms), healed: healed.map(at) }
    }

    fn ruling(answers: &Answers, blows: &[Blow], stalled: Duration) -> Ruling {
        let rules = Rules {
            asked_every: Duration::ZERO,
            advert_int: 10 * MS,
            master_down: &|number| (30 + u32::from(number)) * MS,
            stalled: &|_, _| stalled,
            routers: 1..=3,
        };
        judge(answers, &[], blows, &rules)
    }

    #[test]
    fn an_outage_after_a_fault_of_the_master_ends_within_the_successors_down_interval_and_the_reaction() {
        let kill = [blow(Fault::Kill, 1, 50, None)];
        let took = |silent| answers(&[(55, &["r1"]), (silent, &[]), (20, &["r2"])]);
        // r2 waits for 32 ms: 37 ms after the blow at 50 is at 87.
        assert!(ruling(&took(32), &kill, Duration::ZERO).violations.is_empty());
        assert_eq!(ruling(&took(33), &kill, Duration::ZERO).violations.len(), 1);
        // A machine that was late itself is told, and allowed.
        let late = ruling(&took(33), &kill, MS);
        assert!(late.violations.is_empty());
        assert_eq!(late.outage.stalled, MS);
    }

    #[test]
    fn a_router_whose_program_is_detached_may_answer_until_it_has_looked_and_its_successor_is_no_later_for_it()
     {
        let detached = [blow(Fault::XdpDetached, 1, 50, None)];
        let took =
            |answered: usize, silent| answers(&[(50 + answered, &["r1"]), (silent, &[]), (20, &["r2"])]);
        // It looks after 100 ms, may be 100 ms late, and r2 has 37 ms.
        assert!(ruling(&took(200, 37), &detached, Duration::ZERO).violations.is_empty());
        assert_eq!(ruling(&took(200, 38), &detached, Duration::ZERO).violations.len(), 1);
        assert_eq!(ruling(&took(20, 38), &detached, Duration::ZERO).violations.len(), 1);
    }

    #[test]
    fn an_outage_without_a_fault_of_the_master_is_a_violation() {
        let silent = answers(&[(50, &["r1"]), (4, &[]), (20, &["r1"])]);
        for blows in [&[][..], &[blow(Fault::Kill, 2, 40, None)], &[blow(Fault::Reload, 1, 40, None)]] {
            assert_eq!(ruling(&silent, blows, Duration::ZERO).violations.len(), 1, "{blows:?}");
        }
    }

    #[test]
    fn the_routers_that_were_struck_too_are_not_waited_for() {
        let both = [blow(Fault::Kill, 1, 50, None), blow(Fault::Freeze, 2, 52, None)];
        let took = |silent| answers(&[(50, &["r1"]), (silent, &[]), (20, &["r3"])]);
        assert!(ruling(&took(38), &both, Duration::ZERO).violations.is_empty());
        assert_eq!(ruling(&took(39), &both, Duration::ZERO).violations.len(), 1);
    }

    #[test]
    fn no_request_is_answered_by_two_while_the_old_master_is_dead() {
        let one = answers(&[(50, &["r1"]), (1, &["r1", "r2"]), (50, &["r2"])]);
        assert_eq!(ruling(&one, &[blow(Fault::Kill, 1, 20, None)], MS).violations.len(), 1);
        // It is back, and takes the role.
        assert!(ruling(&one, &[blow(Fault::Kill, 1, 20, Some(40))], MS).violations.is_empty());
    }

    #[test]
    fn two_answering_hosts_for_longer_than_the_stated_bound_are_a_violation() {
        let two = |count| answers(&[(50, &["r1"]), (count, &["r1", "r2"]), (50, &["r2"])]);
        assert!(ruling(&two(3), &[], Duration::ZERO).violations.is_empty());
        assert_eq!(ruling(&two(4), &[], Duration::ZERO).violations.len(), 1);
        let cut = [blow(Fault::Isolated, 1, 10, Some(45))];
        assert!(ruling(&two(30), &cut, Duration::ZERO).violations.is_empty());
        assert_eq!(ruling(&two(31), &cut, Duration::ZERO).violations.len(), 1);
    }
}
