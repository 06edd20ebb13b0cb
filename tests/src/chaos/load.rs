//! Trouble for the whole machine: spinning threads, a flood, a clock that is set.

use std::{
    hint,
    net::Ipv4Addr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use anyhow::{Result, anyhow};
use rustix::time::{ClockId, Timespec, clock_gettime, clock_settime};

use super::{cluster::Cluster, intruder, schedule::Weather};
use crate::{
    Mac,
    asker::ASKER_ADDRESS,
    inject::{self, Random},
    lab::{CLIENT, INTERFACE},
    packet::PacketSocket,
    wire::{Arp, advert_frame, arp_frame},
};

const HOGS_PER_PROCESSOR: usize = 4;
/// They give up after this, whatever happens to their owner.
const BOUND: Duration = Duration::from_secs(60);
const SPINS: u32 = 10_000;
/// Frames of a flood in each millisecond.
const FLOOD_PER_MS: usize = 10;
/// How long the clock is off.
const CLOCK_OFF: Duration = Duration::from_millis(100);

/// Threads of one kind of trouble, until it is dropped.
#[derive(Debug)]
pub struct Trouble {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Trouble {
    /// Starts it. A flood comes from the client and is for these addresses.
    ///
    /// # Errors
    /// If the client has no socket, or the clock must not be set.
    pub fn start(weather: Weather, cluster: &Cluster, vips: &[Ipv4Addr]) -> Result<Self> {
        let client = &cluster.lab.host(CLIENT)?.namespace;
        let mut trouble = Self { stop: Arc::new(AtomicBool::new(false)), threads: Vec::new() };
        match weather {
            Weather::Hogs => {
                let processors = thread::available_parallelism().map_or(1, usize::from);
                for _ in 0..HOGS_PER_PROCESSOR * processors {
                    trouble.spawn(spin);
                }
            }
            Weather::Flood => {
                let socket = client.run(|| PacketSocket::sender(INTERFACE))?;
                let vips = vips.to_vec();
                trouble.spawn(move |stop| flood(&socket, &vips, stop));
            }
            Weather::Garbage => {
                let socket = client.run(|| PacketSocket::sender(INTERFACE))?;
                let vips = vips.to_vec();
                trouble.spawn(move |stop| litter(&socket, &vips, stop));
            }
            Weather::Intruder => {
                for socket in cluster.sockets() {
                    trouble.spawn(move |stop| intruder::pester(&socket, BOUND, stop));
                }
            }
            Weather::ClockStep(ms) => {
                let clock = SetClock::by(ms)?;
                trouble.spawn(move |_stop| {
                    thread::sleep(CLOCK_OFF);
                    drop(clock);
                });
            }
        }
        Ok(trouble)
    }

    fn spawn(&mut self, work: impl FnOnce(&AtomicBool) + Send + 'static) {
        let stop = Arc::clone(&self.stop);
        self.threads.push(thread::spawn(move || work(&stop)));
    }
}

impl Drop for Trouble {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

fn spin(stop: &AtomicBool) {
    let end = Instant::now() + BOUND;
    while !stop.load(Ordering::Relaxed) && Instant::now() < end {
        for _ in 0..SPINS {
            hint::spin_loop();
        }
    }
}

fn flood(socket: &PacketSocket, vips: &[Ipv4Addr], stop: &AtomicBool) {
    let sender = Mac([2, 0, 0, 0, 0xf1, 0]);
    let frames: Vec<_> = vips
        .iter()
        .map(|&tpa| Arp { operation: 1, sha: sender, spa: ASKER_ADDRESS, tha: Mac::ZERO, tpa })
        .map(|arp| arp_frame(Mac::BROADCAST, sender, &arp))
        .collect();
    let end = Instant::now() + BOUND;
    while !stop.load(Ordering::Relaxed) && Instant::now() < end {
        for frame in frames.iter().cycle().take(FLOOD_PER_MS) {
            // What the kernel does not take is not sent.
            let _ = socket.send(frame);
        }
        thread::sleep(Duration::from_millis(1));
    }
}

/// Adverts of strangers that no configuration may believe.
fn litter(socket: &PacketSocket, vips: &[Ipv4Addr], stop: &AtomicBool) {
    let mut random = Random::new(BOUND.as_secs());
    let end = Instant::now() + BOUND;
    while !stop.load(Ordering::Relaxed) && Instant::now() < end {
        for _ in 0..FLOOD_PER_MS {
            let _ = socket.send(&garbage(&mut random, vips));
        }
        thread::sleep(Duration::from_millis(1));
    }
}

fn garbage(random: &mut Random, vips: &[Ipv4Addr]) -> Vec<u8> {
    let vrid = [51, 52][random.below(2)];
    let source = Ipv4Addr::new(192, 0, 2, 210 + random.below(40) as u8);
    let advert = |priority| advert_frame(vrid, priority, Duration::from_millis(10), source, vips);
    match random.below(5) {
        0 => inject::with_ip(advert(255), |header| header[8] = 64),
        1 => inject::with_message(advert(255), |message| message[0] = 0x71),
        2 => inject::with_message(advert(255), |message| message[0] = 0x32),
        3 => {
            let mut frame = advert(255);
            frame.iter_mut().rev().take(1).for_each(|last| *last ^= 0x5a);
            frame
        }
        // Who has never been followed cannot say farewell.
        _ => advert(0),
    }
}

/// `CLOCK_REALTIME` of the whole machine, off by a few seconds until this is dropped: also when a test panics.
#[derive(Debug)]
struct SetClock {
    by_ns: i128,
}

impl SetClock {
    fn by(ms: i64) -> Result<Self> {
        let by_ns = i128::from(ms) * 1_000_000;
        move_clock(by_ns).map_err(|error| anyhow!("setting the clock: {error}"))?;
        Ok(Self { by_ns })
    }
}

impl Drop for SetClock {
    fn drop(&mut self) {
        // By as much as before, so that what a time service has corrected meanwhile stays.
        if let Err(error) = move_clock(-self.by_ns) {
            eprintln!("the clock stays off by {} ms: {error}", self.by_ns / 1_000_000);
        }
    }
}

fn move_clock(by_ns: i128) -> rustix::io::Result<()> {
    let now = clock_gettime(ClockId::Realtime);
    let to = i128::from(now.tv_sec) * 1_000_000_000 + i128::from(now.tv_nsec) + by_ns;
    let part = |value: i128| i64::try_from(value).unwrap_or(0);
    clock_settime(
        ClockId::Realtime,
        Timespec { tv_sec: part(to.div_euclid(1_000_000_000)), tv_nsec: part(to.rem_euclid(1_000_000_000)) },
    )
}
