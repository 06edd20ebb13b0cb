//! Everything that can go wrong, at random, for as long as one likes: three routers, two virtual routers, a client that
//! asks by ARP and by HTTP all the time.
//!
//! [`schedule`] draws from a seed what befalls whom and when, [`cluster`] does it, [`judge`] reads the wire. The client's
//! questions, the replies and the adverts are all that is judged; what the daemons say serves only to know when they are
//! ready for the next episode. What the machine itself is late ([`floor`]) is allowed, and printed.

pub mod census;
pub mod cluster;
mod deeds;
mod fault;
pub mod floor;
mod intruder;
pub mod judge;
mod kernel;
mod layout;
pub mod load;
mod pin;
pub mod schedule;
pub mod service;
mod verdict;

use std::{
    collections::VecDeque,
    fmt,
    io::Write,
    path::PathBuf,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};

use self::{
    census::Census,
    cluster::{Cluster, VIRTUALS, Virtual},
    floor::Floor,
    judge::{Blow, Measured, Ruling},
    load::Trouble,
    schedule::{Episode, ROUTERS, Schedule, Strike},
    service::{Server, Visitor},
};
use crate::{Ask, Asker, Stamp, daemons::Daemon as _, lab::CLIENT, realtime};

/// The client's questions for each virtual address.
const PER_SECOND: u32 = 500;
/// How much longer than Master_Down_Interval there may be no page: a kernel that is new to the address asks for the client's
/// MAC, and when two have claimed the virtual MAC the reply may go astray. It asks again after a second.
const PAGES: Duration = Duration::from_millis(1_500);
/// How long is watched after everybody is ready again.
const AFTERWARDS: Duration = Duration::from_millis(50);
/// Episodes that a failure is shown with.
const CONTEXT: usize = 3;
/// Lines of a daemon's log that a failure is shown with.
const LOG_LINES: usize = 40;

/// What is to be run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The daemon.
    pub vrrpd: PathBuf,
    /// Of the schedule.
    pub seed: u64,
    /// For how long.
    pub length: Duration,
    /// Interval of the adverts.
    pub advert_int: Duration,
    /// Whether to go on after a violation.
    pub keep_going: bool,
}

/// What a run came to.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// How many episodes.
    pub episodes: u32,
    /// How many requests were asked by ARP.
    pub requests: usize,
    /// The longest time without an answer.
    pub outage: Measured,
    /// The longest time with two answering hosts.
    pub overlap: Measured,
    /// What was against the rules, with the episode.
    pub violations: Vec<String>,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} episodes, {} requests: longest outage {} ms, longest with two answering hosts {} ms, {} violations",
            self.episodes,
            self.requests,
            self.outage,
            self.overlap,
            self.violations.len()
        )
    }
}

/// Runs a plan and prints a line for each fault.
///
/// # Errors
/// Without root, or at the first violation (at the end, if it is to go on): with the seed, the schedule around it and the
/// logs.
pub fn run(plan: &Plan, out: &mut dyn Write) -> Result<Summary> {
    writeln!(
        out,
        "seed {}, {:.1} minutes, an advert every {:?}; times in ms",
        plan.seed,
        plan.length.as_secs_f64() / 60.0,
        plan.advert_int
    )?;
    let mut chaos = Chaos::start(plan)?;
    let end = Instant::now() + plan.length;
    let mut recent = VecDeque::new();
    let unit = VIRTUALS[0].router(ROUTERS, plan.advert_int).master_down();
    for episode in Schedule::new(plan.seed, unit) {
        if Instant::now() > end {
            break;
        }
        recent.push_back(episode.to_string());
        recent.drain(..recent.len().saturating_sub(CONTEXT));
        let outcome = chaos.episode(&episode, out);
        let outcome = outcome.and_then(|violations| {
            ensure!(violations.is_empty() || plan.keep_going, "{}", violations.join("\n"));
            Ok(())
        });
        if let Err(error) = outcome {
            let around: Vec<_> = recent.into_iter().collect();
            bail!("{}", chaos.evidence(plan, &around, &format!("{error:#}")));
        }
    }
    let summary = chaos.finish(out)?;
    writeln!(out, "{summary}")?;
    ensure!(summary.violations.is_empty(), "seed {}:\n{}", plan.seed, summary.violations.join("\n"));
    Ok(summary)
}

/// A running laboratory.
#[derive(Debug)]
pub struct Chaos {
    askers: Vec<Asker>,
    visitors: Vec<Visitor>,
    _servers: Vec<Server>,
    floor: Floor,
    census: Vec<Census>,
    summary: Summary,
    started: Stamp,
    advert_int: Duration,
    log_lengths: Vec<usize>,
    /// Goes last.
    pub cluster: Cluster,
}

impl Chaos {
    /// Starts routers, servers and the client.
    ///
    /// # Errors
    /// Without root, or if the routers do not settle.
    pub fn start(plan: &Plan) -> Result<Self> {
        let mut cluster = Cluster::start(&plan.vrrpd, plan.advert_int)?;
        let lab = &cluster.lab;
        let serve = |number| {
            let host = lab.host(&format!("r{number}"))?;
            Server::start(&host.namespace, &host.name)
        };
        let servers = (1..=ROUTERS).map(serve).collect::<Result<_>>()?;
        let client = &lab.host(CLIENT)?.namespace;
        let askers = VIRTUALS.iter().map(|one| ask(&cluster, one)).collect::<Result<_>>()?;
        let visitors = VIRTUALS.iter().map(|one| Visitor::start(client, one.vip)).collect::<Result<_>>()?;
        let census = Census::take(&mut cluster)?;
        Ok(Self {
            askers,
            visitors,
            _servers: servers,
            floor: Floor::start(),
            census,
            summary: Summary::default(),
            started: Stamp::now(),
            advert_int: plan.advert_int,
            log_lengths: vec![0; ROUTERS.into()],
            cluster,
        })
    }

    /// Runs one episode and prints its lines. Returns what was against the rules.
    ///
    /// # Errors
    /// If something could not be done, or the routers do not settle afterwards.
    pub fn episode(&mut self, episode: &Episode, out: &mut dyn Write) -> Result<Vec<String>> {
        for (length, daemon) in self.log_lengths.iter_mut().zip(self.cluster.daemons()) {
            *length = daemon.log().len();
        }
        let (from, mark) = (Stamp::now(), self.cluster.lab.wire().mark());
        let trouble = self.trouble(episode, out)?;
        let (blows, undone) = self.strike(&episode.strikes);
        drop(trouble);
        let settled = self.cluster.settle();
        let ready = Stamp::now();
        self.visitors.iter().for_each(|visitor| visitor.until_page(ready));
        thread::sleep(AFTERWARDS);
        let to = Stamp::now();
        thread::sleep(AFTERWARDS);
        self.cluster.lab.wire().settle();
        let mut violations = self.verdict(episode, &blows, (from, to), mark, out)?;
        violations.extend(undone);
        match settled {
            Err(error) => {
                violations.push(format!("the routers do not recover: {error:#}"));
                self.cluster.revive()?;
            }
            Ok(()) => violations.extend(kernel::violations(&self.cluster, mark)?),
        }
        violations.extend(self.learnt()?);
        self.summary.episodes += 1;
        let place = |violation: &String| format!("episode {}: {violation}", episode.number);
        self.summary.violations.extend(violations.iter().map(place));
        self.cluster.lab.wire().forget(mark);
        self.floor.forget(from);
        self.visitors.iter().for_each(|visitor| visitor.forget(from));
        Ok(violations)
    }

    fn trouble(&self, episode: &Episode, out: &mut dyn Write) -> Result<Option<Trouble>> {
        let vips: Vec<_> = VIRTUALS.iter().map(|one| one.vip).collect();
        let start = |weather| Trouble::start(weather, &self.cluster, &vips);
        match episode.weather.map(start).transpose() {
            Ok(trouble) => Ok(trouble),
            Err(error) => {
                writeln!(out, "{episode}: without {error:#}")?;
                Ok(None)
            }
        }
    }

    /// Strikes and heals in the order of time. Returns also what could not be done, because a daemon has ended or an
    /// address is gone that nobody should have taken.
    fn strike(&mut self, strikes: &[Strike]) -> (Vec<Blow>, Vec<String>) {
        let begin = Instant::now();
        let mut steps: Vec<_> = strikes
            .iter()
            .enumerate()
            .flat_map(|(index, strike)| {
                [(strike.after, index, false), (strike.after + strike.hold, index, true)]
            })
            .collect();
        steps.sort_by_key(|(at, index, heals)| (*at, *index, *heals));
        let mut blows: Vec<Option<Blow>> = vec![None; strikes.len()];
        let mut undone = Vec::new();
        for (at, index, heals) in steps {
            thread::sleep((begin + at).saturating_duration_since(Instant::now()));
            let strike = &strikes[index];
            let Strike { fault, victim, .. } = *strike;
            let begin = Stamp::now();
            if heals {
                undone.extend(self.cluster.heal(fault, victim).err());
                if let Some(blow) = &mut blows[index] {
                    blow.healed = Some(begin);
                }
            } else {
                undone.extend(self.cluster.strike(strike).err());
                blows[index] = Some(Blow { fault, victim, begin, end: Stamp::now(), healed: None });
            }
        }
        let undone = undone.iter().map(|error| format!("{error:#}")).collect();
        (blows.into_iter().flatten().collect(), undone)
    }

    fn print(
        &self,
        episode: &Episode,
        blows: &[Blow],
        from: Stamp,
        told: &[(u8, Ruling, Stamp, Duration)],
        out: &mut dyn Write,
    ) -> Result<()> {
        let weather = episode.weather.map(|weather| format!(" under {weather}")).unwrap_or_default();
        for blow in blows {
            let at = (blow.begin - self.started).as_secs_f64();
            writeln!(out, "{at:9.3} s  #{:<4} {} of r{}{weather}", episode.number, blow.fault, blow.victim)?;
        }
        for (vrid, ruling, gap_at, gap) in told {
            let name = |host: &Option<String>| host.clone().unwrap_or_else(|| "nobody".into());
            let (first, last) = (name(&ruling.masters.0), name(&ruling.masters.1));
            writeln!(
                out,
                "             VRID {vrid}: {first} → {last}, no answer {}, two answer {}, no page {:.1} (at +{:.0})",
                ruling.outage,
                ruling.overlap,
                gap.as_secs_f64() * 1e3,
                gap_at.ms_since(from)
            )?;
        }
        Ok(())
    }

    /// Counts what the daemons hold, has them leave, and looks whether anything remains.
    ///
    /// # Errors
    /// If a daemon does not leave.
    pub fn finish(mut self, out: &mut dyn Write) -> Result<Summary> {
        let now = Census::take(&mut self.cluster)?;
        for (now, start) in now.iter().zip(&self.census) {
            writeln!(out, "at the start  {start}\nat the end    {now}")?;
            self.summary.violations.extend(now.leaks(start));
        }
        for daemon in self.cluster.daemons() {
            daemon.terminate()?;
        }
        self.summary.violations.extend(census::remains(&self.cluster)?);
        Ok(self.summary)
    }

    /// What a person needs to find out why.
    fn evidence(&mut self, plan: &Plan, around: &[String], what: &str) -> String {
        let mut text = format!("seed {}, advert_int {:?}\n", plan.seed, plan.advert_int);
        text.push_str(&format!("the schedule before and with it:\n  {}\n", around.join("\n  ")));
        for (index, daemon) in self.cluster.daemons().iter().enumerate() {
            let log = daemon.log();
            let lines: Vec<_> = log.get(self.log_lengths[index]..).unwrap_or_default().lines().collect();
            let tail = lines[lines.len().saturating_sub(LOG_LINES)..].join("\n  ");
            text.push_str(&format!("r{} has logged in this episode:\n  {tail}\n", index + 1));
        }
        text + what
    }
}

/// Asks from a thread that hogs cannot hold up, as a client on a machine of its own would.
fn ask(cluster: &Cluster, one: &Virtual) -> Result<Asker> {
    thread::scope(|scope| {
        let asker = scope.spawn(|| {
            // What this thread is, its asker is. Without the right to it the questions are less even.
            let _ = realtime::enter(1);
            cluster.lab.ask(Ask::broadcast(one.vip, PER_SECOND))
        });
        asker.join().map_err(|_| anyhow::anyhow!("the asker's maker died"))?.context("the asker")
    })
}
