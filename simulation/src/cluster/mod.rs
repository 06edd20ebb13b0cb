//! Clusters of hosts with several virtual routers each: sync groups, unicast peers, secondary interfaces, reloads, restarts, checks
//! that fail, carriers that go, programs that are detached. What elections do to each other is the other simulation's
//! ([`World`](crate::world)); this one is about what stands around them.

mod flaw;
mod host;
mod judge;
mod plan;

use std::{cmp::Reverse, collections::BinaryHeap, net::Ipv4Addr};

use vrrp_common::{
    abi,
    time::Time,
    types::{Family, Vrid},
    wire::{ethernet, ipv4},
};
use vrrp_engine::Command;

pub use flaw::Flaw;

use self::{
    host::Host,
    judge::Judge,
    plan::{END, PORTS, Plan, QUIET, Step},
};
use crate::random::Random;

/// All clocks have been running for a while.
const EPOCH: u64 = 1_000_000_000_000;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Next {
    Frame {
        host: usize,
        port: usize,
        frame: Vec<u8>,
    },
    Wake {
        host: usize,
        epoch: u32,
    },
    Start(usize),
    Step(usize),
    /// A supervisor gets round to what it was asked for.
    Supervise {
        host: usize,
        epoch: u32,
    },
    Attach {
        host: usize,
        port: usize,
        epoch: u32,
    },
}

/// A run under way.
struct Cluster<'a> {
    plan: &'a Plan,
    hosts: Vec<Host>,
    queue: BinaryHeap<Reverse<(u64, u64, Next)>>,
    random: Random,
    order: u64,
    now: u64,
    judge: Judge,
}

/// Runs the cluster of a seed, with a defect or without.
///
/// # Errors
/// What does not hold, and when.
pub fn run(seed: u64, flaw: Option<Flaw>) -> Result<u64, String> {
    let mut random = Random::new(seed ^ 0x636c_7573_7465_7200);
    let plan = Plan::draw(&mut random);
    let hosts: Vec<_> = (0..plan.files.len()).map(|host| Host::new(&plan, host, flaw)).collect();
    let judge = Judge::new(&plan);
    let mut cluster =
        Cluster { plan: &plan, hosts, queue: BinaryHeap::new(), random, order: 0, now: 0, judge };
    for host in 0..plan.files.len() {
        let at = cluster.random.within(0, 500_000_000);
        cluster.at(at, Next::Start(host));
    }
    for (index, (at, ..)) in plan.steps.iter().enumerate() {
        cluster.at(*at, Next::Step(index));
    }
    let ended = cluster.go();
    ended.map_err(|what| format!("seed {seed} at {} ms: {what}\n{plan:#?}", cluster.now / 1_000_000))?;
    Ok(cluster.order)
}

impl Cluster<'_> {
    fn at(&mut self, at: u64, next: Next) {
        self.order += 1;
        self.queue.push(Reverse((at, self.order, next)));
    }

    fn clock(&self) -> Time {
        Time::from_nanos(EPOCH + self.now)
    }

    fn go(&mut self) -> Result<(), String> {
        while let Some(Reverse((at, _, next))) = self.queue.pop() {
            if at > END {
                break;
            }
            self.now = at;
            match next {
                Next::Frame { host, port, frame } => self.hear(host, port, &frame),
                Next::Wake { host, epoch } if self.hosts[host].epoch == epoch => self.wake(host),
                Next::Wake { .. } => {}
                Next::Start(host) => self.start(host),
                Next::Step(index) => self.step(index),
                Next::Attach { host, port, epoch } if self.hosts[host].epoch == epoch => {
                    self.hosts[host].set_attached(port, true);
                    self.schedule(host);
                }
                Next::Attach { .. } => {}
                Next::Supervise { host, epoch } if self.hosts[host].epoch == epoch => {
                    self.hosts[host].supervise();
                    self.schedule(host);
                }
                Next::Supervise { .. } => {}
            }
            let now = self.clock();
            self.judge.look(self.plan, &self.hosts, self.now, now)?;
        }
        self.judge.rest(self.plan, &self.hosts, self.clock())
    }

    fn start(&mut self, host: usize) {
        if !self.hosts[host].runs() {
            let now = self.clock();
            // What was detached is attached by the next daemon.
            (0..PORTS.len()).for_each(|port| self.hosts[host].set_attached(port, true));
            self.judge.expect_adoption(self.plan, (host, &self.hosts[host]), (self.now, now));
            self.hosts[host].start(now);
            self.judge.disturb(host, self.now);
            self.schedule(host);
        }
    }

    fn step(&mut self, index: usize) {
        let (at, host, ref step) = self.plan.steps[index];
        self.judge.disturb(host, self.now);
        match step {
            Step::Reload(file) => self.hosts[host].reload(self.plan, file),
            Step::Kill(after) => {
                self.hosts[host].kill();
                self.at((at + after).min(QUIET), Next::Start(host));
            }
            Step::Stop(after) => {
                self.hosts[host].tell(Command::Stop { at_once: false });
                self.at((at + after).min(QUIET), Next::Start(host));
            }
            Step::Check(router, fails) => self.hosts[host].check(*router, *fails),
            Step::Carrier(port, is_up) => self.hosts[host].set_carrier(*port, *is_up),
            Step::Detach(port, after) => {
                self.hosts[host].set_attached(*port, false);
                let epoch = self.hosts[host].epoch;
                self.at((at + after).min(QUIET), Next::Attach { host, port: *port, epoch });
            }
        }
        self.schedule(host);
    }

    fn schedule(&mut self, host: usize) {
        let Some(deadline) = self.hosts[host].deadline().filter(|deadline| *deadline != Time::NEVER) else {
            return;
        };
        let at = deadline.as_nanos().saturating_sub(EPOCH).max(self.now) + self.random.within(1_000, 50_000);
        let epoch = self.hosts[host].epoch;
        self.at(at, Next::Wake { host, epoch });
    }

    fn wake(&mut self, host: usize) {
        let now = self.clock();
        if self.hosts[host].deadline().is_none_or(|deadline| deadline > now) {
            return;
        }
        let sent = self.hosts[host].turn(now);
        if self.hosts[host].is_asked() {
            let at = self.now + self.random.within(100_000, 20_000_000);
            let epoch = self.hosts[host].epoch;
            self.at(at, Next::Supervise { host, epoch });
        }
        for (port, (frames, packets)) in sent.into_iter().enumerate() {
            for frame in frames {
                self.judge.hear(host, port, &frame, now);
                let others = (0..self.hosts.len()).filter(|other| *other != host).collect::<Vec<_>>();
                others.into_iter().for_each(|other| self.carry((host, other), port, frame.clone()));
            }
            for (peer, packet) in packets {
                let frame = [&[2; 12][..], &ethernet::IPV4.to_be_bytes(), &packet].concat();
                self.judge.hear(host, port, &frame, now);
                let to = (0..self.hosts.len()).find(|other| Plan::own(*other, port) == peer);
                to.into_iter().for_each(|to| self.carry((host, to), port, frame.clone()));
            }
        }
        self.schedule(host);
    }

    fn carry(&mut self, (from, to): (usize, usize), port: usize, frame: Vec<u8>) {
        if self.hosts[from].is_up(port) && self.hosts[to].is_up(port) {
            let at = self.now + self.random.within(5_000, 100_000);
            self.at(at, Next::Frame { host: to, port, frame });
        }
    }

    /// What XDP does with a frame.
    fn hear(&mut self, host: usize, port: usize, frame: &[u8]) {
        let now = self.clock();
        let Some((vrid, source)) = advert_of(frame) else { return };
        if !self.hosts[host].is_up(port) || source == Plan::own(host, port) {
            return;
        }
        let slot = abi::slot(Family::V4, vrid);
        self.hosts[host].kernels[port].borrow_mut().let_through(now);
        self.hosts[host].kernels[port].borrow_mut().receive(slot, frame, true, now);
        self.schedule(host);
    }
}

/// Of which router an advert is, and of which host.
fn advert_of(frame: &[u8]) -> Option<(Vrid, Ipv4Addr)> {
    let (_, packet) = ethernet::payload(frame).filter(|(kind, _)| *kind == ethernet::IPV4)?;
    let packet = ipv4::parse(packet).ok()?;
    let vrid = packet.payload.get(1).copied().and_then(Vrid::new)?;
    Some((vrid, packet.source))
}
