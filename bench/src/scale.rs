//! Many routers: what they cost, and whether they keep time.
//!
//! Two hosts on one cable, without a switch: r1 is master of all routers, r2 backup of all. Contenders take turns.
//! What the kernel does for a frame that is sent to the other end runs on the sender's account, for both contenders
//! alike.

use std::{collections::HashMap, fmt::Write as _, sync::Arc, thread, time::Duration};

use anyhow::{Context as _, Result, ensure};
use rustix::process::Pid;
use tests::{Capture, Lab, Namespace, Stamp, Timeline, lab::INTERFACE, netns};

use crate::{
    Bench, Figure, Report, Target,
    contender::{Contender, Node},
    process::{memory_kib, ran_ns},
    progress,
};

const SUITE: &str = "scale";
const ADVERT_INT: Duration = Duration::from_millis(10);
/// Over which processor time is taken once.
const SAMPLE: Duration = Duration::from_secs(1);
/// For all routers of a host to become masters.
const PATIENCE: Duration = Duration::from_secs(30);
/// The second burst of gratuitous ARP comes after 5 s.
const SETTLE: Duration = Duration::from_secs(6);
/// Of the adverts whose distances are measured.
const JITTER: Duration = Duration::from_secs(2);

/// How many routers, and for how many seconds.
fn cases(quick: bool) -> &'static [(u8, usize)] {
    if quick { &[(1, 5), (250, 10)] } else { &[(1, 10), (50, 10), (250, 60)] }
}

/// Runs the suite.
pub(crate) fn run(bench: &Bench, report: &mut Report) -> Result<()> {
    for (routers, seconds) in cases(bench.quick) {
        for contender in Contender::ALL {
            let measured = measure(bench, contender, *routers, *seconds)
                .with_context(|| format!("{}, {routers} routers", contender.name()))?;
            for figure in measured.figures(contender, &name(*routers)) {
                let headline = *routers == 250 && !figure.metric.ends_with("(RSS)");
                report.add(figure.headline(headline));
            }
        }
    }
    targets(report);
    Ok(())
}

const MASTER: &str = "master's processor time";
const BACKUP: &str = "backup's processor time";
const MASTER_PSS: &str = "master's memory (PSS)";
const BACKUP_PSS: &str = "backup's memory (PSS)";
const FALSE_TAKEOVERS: &str = "false takeovers";

fn targets(report: &mut Report) {
    let of = |metric| (SUITE, name(250), metric);
    for (metric, statistic, limit) in [
        (MASTER, "median", 0.30),
        (BACKUP, "median", 0.05),
        (MASTER_PSS, "max", 2.0),
        (BACKUP_PSS, "max", 2.0),
    ] {
        let target = Target::at_most(format!("250 routers at 10 ms: {metric}"), of(metric), statistic, limit);
        report.expect(&target.relative_to(Contender::Keepalived.name()));
    }
    let text = format!("250 routers at 10 ms: {FALSE_TAKEOVERS}");
    report.expect(&Target::at_most(text, of(FALSE_TAKEOVERS), "max", 0.0));
}

fn name(routers: u8) -> String {
    let plural = if routers == 1 { "" } else { "s" };
    format!("{routers} router{plural}, {} ms adverts", ADVERT_INT.as_millis())
}

/// What one contender came to.
#[derive(Debug, Default)]
struct Measured {
    /// In percent of one processor: master, backup.
    busy: [Vec<f64>; 2],
    /// In MiB: PSS and RSS, of master and backup.
    memory: [[f64; 2]; 2],
    false_takeovers: usize,
    /// How far the distances of adverts are from the interval, in ms.
    jitter: Vec<f64>,
}

impl Measured {
    fn figures(&self, contender: Contender, case: &str) -> Vec<Figure> {
        let figure = |metric, unit, samples: &[f64]| {
            Figure::new((SUITE, case, metric, unit), contender.name(), samples)
        };
        let [[master_pss, master_rss], [backup_pss, backup_rss]] = self.memory;
        [
            figure(MASTER, "% of a core", &self.busy[0]),
            figure(BACKUP, "% of a core", &self.busy[1]),
            figure(MASTER_PSS, "MiB", &[master_pss]),
            figure(BACKUP_PSS, "MiB", &[backup_pss]),
            figure("master's memory (RSS)", "MiB", &[master_rss]),
            figure("backup's memory (RSS)", "MiB", &[backup_rss]),
            figure(FALSE_TAKEOVERS, "in all", &[self.false_takeovers as f64]),
            figure("advert jitter", "ms", &self.jitter),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

fn measure(bench: &Bench, contender: Contender, routers: u8, seconds: usize) -> Result<Measured> {
    let cable = Cable::new()?;
    let scratch = cable.lab.scratch();
    let start = |host: &Arc<Namespace>, priority| {
        let text = configuration(contender, routers, priority);
        Node::start_with(contender, &bench.vrrpd, (host, &scratch), &text)
    };
    let mut master = start(&cable.r1, 100)?;
    cable.until_masters(routers).with_context(|| format!("the log of r1:\n{}", master.log()))?;
    thread::sleep(SETTLE);
    let mut backup = start(&cable.r2, 90)?;
    backup.until_backup(usize::from(routers))?;
    thread::sleep(SETTLE);

    let pids = [master.pids()?, backup.pids()?];
    // At r1 only what r2 sends is heard, so it costs nothing while all is well.
    let from_backup = Capture::start(&cable.r1, false)?;
    let mut measured = Measured { busy: busy(&pids, seconds)?, ..Measured::default() };
    for (memory, pids) in measured.memory.iter_mut().zip(&pids) {
        *memory = [mebibytes(pids, "Pss")?, mebibytes(pids, "Rss")?];
    }
    let at_backup = Capture::start(&cable.r2, false)?;
    thread::sleep(JITTER);
    at_backup.settle();
    measured.jitter = at_backup.look(tests::wait::Mark::default(), jitter);
    from_backup.settle();
    measured.false_takeovers = from_backup.look(tests::wait::Mark::default(), takeovers);
    ensure!(at_backup.lost() == 0, "the capture lost frames: the machine is too busy");
    let median = |samples: &[f64]| {
        let mut sorted = samples.to_vec();
        sorted.sort_by(f64::total_cmp);
        sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
    };
    let [master, backup] = [0, 1].map(|index: usize| median(&measured.busy[index]));
    progress(&format!(
        "{:10} {:30} master {master:.2} %, backup {backup:.2} %, {} false takeovers",
        contender.name(),
        name(routers),
        measured.false_takeovers,
    ));
    Ok(measured)
}

/// Percent of a processor, once a second, of two sets of processes.
fn busy(pids: &[Vec<Pid>; 2], seconds: usize) -> Result<[Vec<f64>; 2]> {
    let look = || anyhow::Ok((Stamp::now(), [ran_ns(&pids[0])?, ran_ns(&pids[1])?]));
    let mut samples: [Vec<f64>; 2] = Default::default();
    let (mut at, mut before) = look()?;
    for _ in 0..seconds {
        thread::sleep(SAMPLE);
        let (now, after) = look()?;
        for ((samples, before), after) in samples.iter_mut().zip(before).zip(after) {
            samples.push(after.saturating_sub(before) as f64 / (now - at).as_nanos() as f64 * 100.0);
        }
        (at, before) = (now, after);
    }
    Ok(samples)
}

fn mebibytes(pids: &[Pid], field: &str) -> Result<f64> {
    Ok(memory_kib(pids, field)? as f64 / 1024.0)
}

/// How far every advert's distance from the one before is from the interval.
fn jitter(timeline: Timeline<'_>) -> Vec<f64> {
    let mut last: HashMap<u8, Stamp> = HashMap::new();
    let mut distances = Vec::new();
    for (frame, advert) in timeline.0.iter().filter_map(|frame| Some((frame, frame.advert()?))) {
        if let Some(before) = last.insert(advert.vrid, frame.at) {
            distances.push(frame.at.ms_since(before + ADVERT_INT).abs());
        }
    }
    distances
}

/// How often a router began to speak.
fn takeovers(timeline: Timeline<'_>) -> usize {
    let mut last: HashMap<u8, Stamp> = HashMap::new();
    let adverts = timeline.0.iter().filter_map(|frame| Some((frame.at, frame.advert()?)));
    adverts
        .filter(|(_, advert)| advert.priority > 0)
        .filter(|(at, advert)| {
            last.insert(advert.vrid, *at).is_none_or(|before| *at - before > 3 * ADVERT_INT)
        })
        .count()
}

/// Two hosts with an `eth0` each, which are the ends of one cable.
#[derive(Debug)]
struct Cable {
    r1: Arc<Namespace>,
    r2: Arc<Namespace>,
    /// Held for its lock and its files; its switch stays empty. Goes last.
    lab: Lab,
}

impl Cable {
    fn new() -> Result<Self> {
        let lab = Lab::empty()?;
        let prefix = netns::unique_prefix();
        let (r1, r2) = (Namespace::new(&prefix, "r1")?, Namespace::new(&prefix, "r2")?);
        netns::ip(&format!(
            "link add {INTERFACE} netns {} type veth peer name {INTERFACE} netns {}",
            r1.name(),
            r2.name()
        ))?;
        for (host, number) in [(&r1, 1), (&r2, 2)] {
            host.ip(&format!("address add 192.0.2.{number}/24 dev {INTERFACE}"))?;
            host.ip(&format!("link set {INTERFACE} up"))?;
        }
        Ok(Self { r1, r2, lab })
    }

    /// Waits until r2 has heard all routers of r1.
    fn until_masters(&self, routers: u8) -> Result<()> {
        let capture = Capture::start(&self.r2, false)?;
        let mark = capture.mark();
        capture.until("all routers are masters", mark, PATIENCE, |timeline| {
            let speaking: std::collections::BTreeSet<u8> =
                timeline.0.iter().filter_map(|frame| Some(frame.advert()?.vrid)).collect();
            (speaking.len() == usize::from(routers)).then_some(())
        })
    }
}

/// Routers with the VRIDs from 1 on, each with an address of its own.
fn configuration(contender: Contender, routers: u8, priority: u8) -> String {
    let mut text = match contender {
        Contender::Vrrpd => "router_id = \"bench\"\n".to_owned(),
        Contender::Keepalived => "global_defs {\n  vrrp_garp_master_refresh 0\n}\n".to_owned(),
    };
    for vrid in 1..=routers {
        let _ = match contender {
            Contender::Vrrpd => write!(
                text,
                "\n[vrrp_instance.VI_{vrid}]\ninterface = \"{INTERFACE}\"\nvirtual_router_id = {vrid}\nversion = 3\n\
                 priority = {priority}\nadvert_int = \"10ms\"\nvirtual_ipaddress = [\"198.51.100.{vrid}/32\"]\n"
            ),
            Contender::Keepalived => write!(
                text,
                "vrrp_instance VI_{vrid} {{\n  state BACKUP\n  interface {INTERFACE}\n  version 3\n  \
                 virtual_router_id {vrid}\n  priority {priority}\n  advert_int 0.01\n  virtual_ipaddress {{\n    \
                 198.51.100.{vrid}/32\n  }}\n}}\n"
            ),
        };
    }
    text
}
