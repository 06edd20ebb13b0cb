//! One contender with so many routers, from its start to the death of the master.

use std::{collections::HashMap, sync::Arc, thread, time::Duration};

use ::tests::{Capture, Namespace, Stamp, Timeline, wait::Mark};
use anyhow::{Result, bail};
use rustix::process::Pid;

use crate::{
    Bench,
    contender::{Contender, Node},
    field::{Field, Routers, place},
    process::{memory_kib, ran_ns},
    roll_call::RollCall,
};

/// Over which processor time is taken once.
const SAMPLE: Duration = Duration::from_secs(1);
/// For all routers of a host to answer, after its start.
const START: Duration = Duration::from_secs(20);
/// Further than that a takeover is not waited for, beyond Master_Down_Interval.
const fn takeover(quick: bool) -> Duration {
    Duration::from_secs(if quick { 5 } else { 20 })
}
/// Until the second burst of gratuitous ARP is over.
const SETTLE: Duration = Duration::from_millis(1500);
/// Most adverts that are captured for their distances.
const MOST_ADVERTS: f64 = 50_000.0;

const MASTER_PRIORITY: u8 = 255;
const BACKUP_PRIORITY: u8 = 90;

/// What one contender came to.
#[derive(Debug, Default)]
pub(super) struct Measured {
    /// From the start of the process to the first answer for the last address.
    pub(super) start_ms: f64,
    /// In percent of one processor: master, backup.
    pub(super) busy: [Vec<f64>; 2],
    /// In MiB: PSS and RSS, of master and backup.
    pub(super) memory: [[Vec<f64>; 2]; 2],
    pub(super) false_takeovers: usize,
    /// How far the distances of adverts are from the interval, in ms.
    pub(super) jitter: Vec<f64>,
    /// Of every router: its first answer after the master's death, less its last advert and Master_Down_Interval.
    pub(super) late_ms: Vec<f64>,
    /// Addresses that nobody answered for: theirs are lower bounds.
    pub(super) unanswered: usize,
    /// The same, less the moment of the SIGKILL.
    pub(super) after_ms: Vec<f64>,
    /// What has to be said beside the figures.
    pub(super) remarks: Vec<String>,
}

impl Measured {
    /// The master's processor time, in percent.
    pub(super) fn master_busy(&self) -> f64 {
        median(&self.busy[0])
    }

    /// For whoever waits.
    pub(super) fn summary(&self) -> String {
        format!(
            "master {:.2} %, backup {:.2} %, {} false takeovers, all answer {:.1} ms after SIGKILL",
            self.master_busy(),
            median(&self.busy[1]),
            self.false_takeovers,
            self.after_ms.iter().copied().fold(f64::NAN, f64::max),
        )
    }
}

fn median(samples: &[f64]) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Everything about one contender.
pub(super) fn measure(
    bench: &Bench,
    field: &Field,
    contender: Contender,
    routers: Routers,
    seconds: usize,
) -> Result<Measured> {
    let mut measured = Measured::default();
    let start = |host: &Arc<Namespace>, priority| {
        field.start(contender, &bench.vrrpd, host, &routers.configuration(contender, priority))
    };
    let call = RollCall::start(&field.r2, routers.count, Duration::ZERO, START)?;
    let began = Stamp::now();
    let mut master = match start(&field.r1, MASTER_PRIORITY) {
        Ok(master) => master,
        Err(error) => {
            call.abandon();
            return Err(error);
        }
    };
    measured.start_ms = last_answer(&call.finish()?, began)?;
    thread::sleep(SETTLE);
    let mut backup = start(&field.r2, BACKUP_PRIORITY)?;
    backup.until_backup(routers.count)?;
    thread::sleep(SETTLE);

    // At r1 only what r2 sends is heard, so it costs nothing while all is well.
    let from_backup = Capture::start(&field.r1, false)?;
    observe(&[master.pids()?, backup.pids()?], seconds, &mut measured)?;
    let at_backup = Capture::start(&field.r2, false)?;
    thread::sleep(jitter_window(routers));
    from_backup.settle();
    let silence = 3 * routers.advert_int;
    measured.false_takeovers = from_backup.look(Mark::default(), |timeline| takeovers(timeline, silence));
    drop(from_backup);
    let distances = |timeline: Timeline<'_>| jitter(timeline, routers.advert_int);
    measured.jitter = look(&at_backup, "jitter", &mut measured, distances).unwrap_or_default();
    drop(at_backup);
    take_over(field, &mut master, (routers, takeover(bench.quick)), &mut measured)?;
    // Its end is not measured; what it leaves goes with the namespaces.
    let _ = backup.daemon().terminate();
    Ok(measured)
}

/// How long after the start the last address was first answered, in ms.
fn last_answer(answers: &[Option<Stamp>], began: Stamp) -> Result<f64> {
    let missing = answers.iter().filter(|answer| answer.is_none()).count();
    match answers.iter().flatten().max() {
        Some(last) if missing == 0 => Ok(last.ms_since(began)),
        _ => bail!("{missing} of {} addresses were not answered {START:?} after the start", answers.len()),
    }
}

/// Two intervals hold a distance of every router; very many adverts need less.
fn jitter_window(routers: Routers) -> Duration {
    let most = Duration::from_secs_f64(MOST_ADVERTS / routers.adverts_per_second());
    (2 * routers.advert_int + Duration::from_millis(200)).max(Duration::from_secs(1)).min(most)
}

/// Processor time and memory, once a second, of two sets of processes.
fn observe(pids: &[Vec<Pid>; 2], seconds: usize, measured: &mut Measured) -> Result<()> {
    let look = || anyhow::Ok((Stamp::now(), [ran_ns(&pids[0])?, ran_ns(&pids[1])?]));
    for _ in 0..seconds {
        let (at, before) = look()?;
        thread::sleep(SAMPLE);
        let (now, after) = look()?;
        for ((samples, before), after) in measured.busy.iter_mut().zip(before).zip(after) {
            samples.push(after.saturating_sub(before) as f64 / (now - at).as_nanos() as f64 * 100.0);
        }
        for (memory, pids) in measured.memory.iter_mut().zip(pids) {
            for (samples, field) in memory.iter_mut().zip(["Pss", "Rss"]) {
                samples.push(memory_kib(pids, field)? as f64 / 1024.0);
            }
        }
    }
    Ok(())
}

/// Kills the master, and asks from its host until every address has been answered by the other.
fn take_over(
    field: &Field,
    master: &mut Node,
    (routers, patience): (Routers, Duration),
    measured: &mut Measured,
) -> Result<()> {
    let skew = routers.advert_int * (256 - u32::from(BACKUP_PRIORITY)) / 256;
    let master_down = 3 * routers.advert_int + skew;
    let at_backup = Capture::start(&field.r2, false)?;
    thread::sleep(routers.advert_int.mul_f64(1.2));
    // The last advert is an interval old at most, so nobody answers sooner than this. The capture hears questions too.
    let pause = 2 * routers.advert_int;
    let call = RollCall::start(&field.r1, routers.count, pause, master_down + patience)?;
    let killed = Stamp::now();
    master.daemon().kill()?;
    at_backup.settle();
    let last = look(&at_backup, "lateness", measured, last_adverts);
    drop(at_backup);
    let answers = call.finish()?;
    // What never came is put down as the moment at which nobody waited any more.
    let given_up = Stamp::now();
    measured.unanswered = answers.iter().filter(|answer| answer.is_none()).count();
    if measured.unanswered > 0 {
        let (missing, all) = (measured.unanswered, routers.count);
        measured.remarks.push(format!(
            "{missing} of {all} addresses were not answered {patience:?} after they should have been"
        ));
    }
    let answers: Vec<Stamp> = answers.into_iter().map(|answer| answer.unwrap_or(given_up)).collect();
    measured.after_ms = answers.iter().map(|answer| answer.ms_since(killed)).collect();
    let of_router = |(router, answer): (usize, &Stamp)| {
        Some(answer.ms_since(*last.as_ref()?.get(&place(router))? + master_down))
    };
    measured.late_ms = answers.iter().enumerate().filter_map(of_router).collect();
    Ok(())
}

/// A router on the wire: its interface and VRID.
type Place = (String, u8);

/// Reads what a capture has heard so far, if nothing is missing in it; else says what cannot be told. Does not wait for
/// the rest: of very many adverts there is always a rest.
fn look<T>(
    capture: &Capture,
    what: &str,
    measured: &mut Measured,
    read: impl FnOnce(Timeline<'_>) -> T,
) -> Option<T> {
    let lost = capture.lost();
    if lost > 0 {
        let text = format!("{what} not measured: the capture lost {lost} frames, the machine is too busy");
        measured.remarks.push(text);
        return None;
    }
    Some(capture.look(Mark::default(), read))
}

/// How far every advert's distance from the one before is from the interval, in ms.
fn jitter(timeline: Timeline<'_>, advert_int: Duration) -> Vec<f64> {
    let mut last: HashMap<Place, Stamp> = HashMap::new();
    let mut distances = Vec::new();
    for (frame, advert) in timeline.0.iter().filter_map(|frame| Some((frame, frame.advert()?))) {
        if let Some(before) = last.insert((frame.host.to_string(), advert.vrid), frame.at) {
            distances.push(frame.at.ms_since(before + advert_int).abs());
        }
    }
    distances
}

/// When each router was last heard.
fn last_adverts(timeline: Timeline<'_>) -> HashMap<Place, Stamp> {
    let adverts = timeline.0.iter().filter_map(|frame| Some((frame, frame.advert()?)));
    adverts.map(|(frame, advert)| ((frame.host.to_string(), advert.vrid), frame.at)).collect()
}

/// How often a router began to speak: it had been silent for so long.
fn takeovers(timeline: Timeline<'_>, silence: Duration) -> usize {
    let mut last: HashMap<Place, Stamp> = HashMap::new();
    let adverts = timeline.0.iter().filter_map(|frame| Some((frame, frame.advert()?)));
    adverts
        .filter(|(_, advert)| advert.priority > 0)
        .filter(|(frame, advert)| {
            let before = last.insert((frame.host.to_string(), advert.vrid), frame.at);
            before.is_none_or(|before| frame.at - before > silence)
        })
        .count()
}

#[cfg(test)]
mod wire {
    use ::tests::{
        Direction, Frame,
        wire::{advert_frame, decode},
    };

    use super::*;

    /// An advert of a router, at a time in ms.
    fn advert(interface: &str, vrid: u8, at_ms: u64) -> Frame {
        let source = std::net::Ipv4Addr::new(10, 0, 0, 1);
        let bytes = advert_frame(vrid, 100, Duration::from_millis(10), source, &[source]);
        let (destination, source, kind) = decode(&bytes).unwrap();
        let at = Stamp::from_nanos(at_ms * 1_000_000);
        Frame { at, host: Arc::from(interface), direction: Direction::FromHost, destination, source, kind }
    }

    #[test]
    fn distances_are_those_of_one_router_on_one_interface() {
        let frames = [("eth0", 1, 0), ("eth1", 1, 3), ("eth0", 2, 4), ("eth0", 1, 12), ("eth1", 1, 13)];
        let frames = frames.map(|(interface, vrid, at)| advert(interface, vrid, at));
        assert_eq!(jitter(Timeline(&frames), Duration::from_millis(10)), [2.0, 0.0]);
        let last = last_adverts(Timeline(&frames));
        assert_eq!(last.len(), 3);
        assert_eq!(last[&("eth1".to_owned(), 1)], Stamp::from_nanos(13_000_000));
    }

    #[test]
    fn who_speaks_after_a_silence_has_taken_over() {
        let frames = [0, 10, 20, 60, 70].map(|at| advert("eth0", 1, at));
        assert_eq!(takeovers(Timeline(&frames), Duration::from_millis(30)), 2);
        assert_eq!(takeovers(Timeline(&[]), Duration::from_millis(30)), 0);
    }

    #[test]
    fn a_host_has_started_when_the_last_address_answers() {
        let at = |ms: u64| Some(Stamp::from_nanos(ms * 1_000_000));
        assert_eq!(last_answer(&[at(7), at(9), at(8)], Stamp::from_nanos(4_000_000)).unwrap(), 5.0);
        let error = last_answer(&[at(7), None], Stamp::from_nanos(0)).unwrap_err();
        assert!(error.to_string().contains("1 of 2 addresses"), "{error}");
    }
}
