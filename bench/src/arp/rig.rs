//! A client, a router, and the cable between them.

use std::{
    net::Ipv4Addr,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use tests::{
    Lab, Mac, Namespace,
    daemons::{Router, Vrrpd},
    lab::{CLIENT_ADDRESS, INTERFACE},
    netns,
    scenario::{VIP, until_state},
    wire::{Arp, arp_frame},
};

use super::path::Counts;
use crate::{
    Bench,
    bpf::{Counters, Link, Mode, Program, programs},
};

/// For frames that are still under way.
const DRAIN: Duration = Duration::from_millis(20);
const ROUTER_MAC: Mac = Mac([2, 0, 0, 0, 0, 1]);
pub(super) const CLIENT_MAC: Mac = Mac([2, 0, 0, 0, 1, 0]);

/// Who answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answerer {
    VrrpdNative,
    SwapNative,
    ClockNative,
    Kernel,
    VrrpdGeneric,
    SwapGeneric,
}

impl Answerer {
    /// In the order of their turns: what is compared stands together.
    pub(super) const ALL: [Self; 6] = [
        Self::VrrpdNative,
        Self::SwapNative,
        Self::ClockNative,
        Self::Kernel,
        Self::VrrpdGeneric,
        Self::SwapGeneric,
    ];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::VrrpdNative => "vrrpd, native",
            Self::SwapNative => "limit, native",
            Self::ClockNative => "limit with a clock, native",
            Self::Kernel => "kernel",
            Self::VrrpdGeneric => "vrrpd, generic",
            Self::SwapGeneric => "limit, generic",
        }
    }

    /// The ARP operation of what it sends back: the limit leaves the request a request.
    const fn operation(self) -> u32 {
        match self {
            Self::SwapNative | Self::ClockNative | Self::SwapGeneric => 1,
            Self::VrrpdNative | Self::VrrpdGeneric | Self::Kernel => 2,
        }
    }
}

/// What one flood came to.
#[derive(Clone, Debug)]
pub(super) struct Flood {
    pub(super) answers_per_second: f64,
    /// The part of the requests that was not answered.
    pub(super) lost: f64,
    /// Where they were lost, if they were.
    pub(super) explanation: Option<String>,
}

/// A client that floods, and an answerer.
#[derive(Debug)]
pub(super) struct Rig {
    pub(super) answerer: Answerer,
    generator: Program,
    counters: Counters,
    client_index: u32,
    // Held, in the order of the removal.
    on_router: OnRouter,
    _sink: Link,
    cable: Cable,
}

#[derive(Debug)]
enum OnRouter {
    Daemon(Vrrpd),
    Program(#[expect(dead_code, reason = "held: it is detached on drop")] Link),
    Kernel,
}

impl Rig {
    pub(super) fn new(bench: &Bench, lab: &Lab, answerer: Answerer) -> Result<Self> {
        let cable = Cable::new()?;
        let counters = Counters::new(4)?;
        // Before there is anything that sends: a native program can only send to an end that has one too.
        let (client_index, sink) = cable.client.run(|| {
            let index = index_of(INTERFACE)?;
            Ok((index, programs::sink(&counters)?.attach(index, Mode::Native)?))
        })?;
        let request = Arp { operation: 1, sha: CLIENT_MAC, spa: CLIENT_ADDRESS, tha: Mac::ZERO, tpa: VIP };
        let generator = programs::generator(&arp_frame(Mac::BROADCAST, CLIENT_MAC, &request))?;
        let on_router = match answerer {
            Answerer::VrrpdNative => OnRouter::Daemon(cable.daemon(bench, lab, "native")?),
            Answerer::VrrpdGeneric => {
                cable.take_frames()?;
                OnRouter::Daemon(cable.daemon(bench, lab, "generic")?)
            }
            Answerer::SwapNative => OnRouter::Program(cable.swap(false, Mode::Native)?),
            Answerer::ClockNative => OnRouter::Program(cable.swap(true, Mode::Native)?),
            Answerer::SwapGeneric => {
                cable.take_frames()?;
                OnRouter::Program(cable.swap(false, Mode::Generic)?)
            }
            Answerer::Kernel => {
                cable.take_frames()?;
                cable.router.ip(&format!("address add {VIP}/32 dev {INTERFACE}"))?;
                OnRouter::Kernel
            }
        };
        Ok(Self { answerer, generator, counters, client_index, on_router, _sink: sink, cable })
    }

    /// Sends so many requests as fast as it goes.
    pub(super) fn flood(&self, frames: u32) -> Result<Flood> {
        let operation = self.answerer.operation();
        let (counted, before) = (self.counts()?, self.counters.read(operation)?);
        let took = self.cable.client.run(|| {
            stay_on_one_processor()?;
            let started = Instant::now();
            self.generator.send(&[0; 60], self.client_index, frames)?;
            let took = started.elapsed();
            thread::sleep(DRAIN);
            Ok(took)
        })?;
        let answers = self.counters.read(operation)? - before;
        let counted = self.counts()?.since(&counted);
        let explain = || counted.explain(frames.into(), answers);
        ensure!(answers > 0, "not one answer: {}", explain());
        Ok(Flood {
            answers_per_second: answers as f64 / took.as_secs_f64(),
            lost: 1.0 - answers as f64 / f64::from(frames),
            explanation: (answers != u64::from(frames)).then(explain),
        })
    }

    fn counts(&self) -> Result<Counts> {
        let daemon = match &self.on_router {
            OnRouter::Daemon(daemon) => Some(daemon),
            OnRouter::Program(_) | OnRouter::Kernel => None,
        };
        Counts::read(&self.cable.client, &self.cable.router, daemon, &self.counters)
    }
}

/// The ends of a veth in two namespaces, both called `eth0`.
#[derive(Debug)]
pub(super) struct Cable {
    pub(super) router: Arc<Namespace>,
    pub(super) client: Arc<Namespace>,
}

impl Cable {
    pub(super) fn new() -> Result<Self> {
        let prefix = netns::unique_prefix();
        let (router, client) = (Namespace::new(&prefix, "r1")?, Namespace::new(&prefix, "client")?);
        netns::ip(&format!(
            "link add {INTERFACE} netns {} address {ROUTER_MAC} type veth peer name {INTERFACE} netns {} \
             address {CLIENT_MAC}",
            router.name(),
            client.name()
        ))?;
        for (host, address) in [(&router, Ipv4Addr::new(192, 0, 2, 1)), (&client, CLIENT_ADDRESS)] {
            host.ip(&format!("address add {address}/24 dev {INTERFACE}"))?;
            host.ip(&format!("link set {INTERFACE} up"))?;
        }
        Ok(Self { router, client })
    }

    /// Lets the router's end take live frames without a native program of its own.
    fn take_frames(&self) -> Result<()> {
        self.router.exec(&format!("ethtool -K {INTERFACE} gro on")).map(drop)
    }

    /// Starts a `vrrpd` and waits until it is master.
    fn daemon(&self, bench: &Bench, lab: &Lab, xdp_mode: &str) -> Result<Vrrpd> {
        let router = Router { extra: vec![format!("xdp_mode = \"{xdp_mode}\"")], ..Router::default() };
        let daemon = Vrrpd::start_with(&bench.vrrpd, &self.router, &lab.scratch(), &router.vrrpd("bench"))?;
        until_state(&daemon, "MASTER")?;
        Ok(daemon)
    }

    fn swap(&self, clock: bool, mode: Mode) -> Result<Link> {
        self.router.run(|| programs::swap(clock)?.attach(index_of(INTERFACE)?, mode))
    }
}

/// The index of an interface of the calling thread's namespace.
fn index_of(interface: &str) -> Result<u32> {
    let name = std::ffi::CString::new(interface)?;
    // SAFETY: a live, terminated string.
    match unsafe { libc::if_nametoindex(name.as_ptr()) } {
        0 => Err(std::io::Error::last_os_error()).with_context(|| format!("no interface {interface}")),
        index => Ok(index),
    }
}

/// The last processor, so that every round has the same conditions.
fn stay_on_one_processor() -> Result<()> {
    let last = thread::available_parallelism()?.get() - 1;
    let mut set = rustix::thread::CpuSet::new();
    set.set(last);
    rustix::thread::sched_setaffinity(None, &set).context("staying on one processor")
}
