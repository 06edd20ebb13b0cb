//! The switch's port mirror: every ARP packet and advert at every port, with kernel timestamps.

use std::{
    collections::HashMap,
    ops::Deref,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, anyhow};

use crate::{
    Frame, Namespace, Stamp,
    lab::{BRIDGE, SECOND_BRIDGE},
    packet::{Arrival, PacketSocket, interface_name},
    timeline::Direction,
    wait::{Log, Mark},
    wire,
};

/// Reads the ports of a switch on a thread of its own, until it is dropped. The frames are in its [`Log`].
///
/// One socket hears all ports, so the order of frames is the kernel's. Stamps are taken where a port receives a
/// frame from its host, in software, and converted to `CLOCK_BOOTTIME`.
#[derive(Debug)]
pub struct Capture {
    log: Arc<Log>,
    stop: Arc<AtomicBool>,
    /// Everything stamped before this (`CLOCK_BOOTTIME`, ns) is in the log.
    drained: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

/// How long the thread sleeps when nothing comes, and so how long it outlives its owner.
const IDLE: Duration = Duration::from_millis(20);

impl Capture {
    /// Starts to read the ports of a switch. `to_hosts`: also frames that the switch sends.
    ///
    /// # Errors
    /// Without root.
    pub fn start(switch: &Arc<Namespace>, to_hosts: bool) -> Result<Self> {
        let log = Arc::new(Log::default());
        let stop = Arc::new(AtomicBool::new(false));
        let drained = Arc::new(AtomicU64::new(0));
        let (ready, opened) = std::sync::mpsc::sync_channel(1);
        let thread = std::thread::Builder::new().name("capture".into()).spawn({
            let (switch, log) = (Arc::clone(switch), Arc::clone(&log));
            let (stop, drained) = (Arc::clone(&stop), Arc::clone(&drained));
            move || {
                let socket = switch.enter().and_then(|()| PacketSocket::capture(to_hosts));
                match socket {
                    Err(error) => drop(ready.send(Err(error))),
                    Ok(socket) => {
                        drop(ready.send(Ok(())));
                        if let Err(error) = read(&socket, &log, &stop, &drained) {
                            eprintln!("the capture ends: {error}");
                        }
                    }
                }
            }
        })?;
        let capture = Self { log, stop, drained, thread: Some(thread) };
        opened.recv().map_err(|_| anyhow!("the capture died"))?.context("starting the capture")?;
        Ok(capture)
    }

    /// Waits until everything that was on the wire before this call is in the log; 10 s at most.
    pub fn settle(&self) {
        let (now, end) = (Stamp::now().as_nanos(), Instant::now() + Duration::from_secs(10));
        while self.drained.load(Ordering::Acquire) < now && Instant::now() < end {
            std::thread::sleep(IDLE / 10);
        }
    }

    /// The log, settled, from `mark` to now.
    #[must_use]
    pub fn frames(&self, mark: Mark) -> Vec<Frame> {
        self.settle();
        self.log.look(mark, |timeline| timeline.0.to_vec())
    }

    /// The log, to be shared with threads.
    #[must_use]
    pub fn log(&self) -> Arc<Log> {
        Arc::clone(&self.log)
    }
}

impl Deref for Capture {
    type Target = Log;

    fn deref(&self) -> &Log {
        &self.log
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn read(socket: &PacketSocket, log: &Log, stop: &AtomicBool, drained: &AtomicU64) -> std::io::Result<()> {
    let mut ports = HashMap::new();
    let mut buffer = [0; 2048];
    let mut frames = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let mut empty = !socket.wait(IDLE)?;
        let now = Stamp::now();
        // A bounded batch, so that the log moves during a flood.
        for _ in 0..256 {
            let Some(arrival) = socket.receive(&mut buffer)? else {
                empty = true;
                break;
            };
            frames.extend(frame(&mut ports, &buffer[..arrival.length.min(buffer.len())], arrival));
        }
        log.extend(&mut frames, u64::from(socket.dropped()?));
        if empty {
            drained.store(now.as_nanos(), Ordering::Release);
        }
    }
    Ok(())
}

fn frame(ports: &mut HashMap<u32, Option<Arc<str>>>, bytes: &[u8], arrival: Arrival) -> Option<Frame> {
    let host = ports.entry(arrival.interface).or_insert_with(|| port(arrival.interface)).clone()?;
    let (destination, source, kind) = wire::decode(bytes)?;
    let direction = if arrival.outgoing { Direction::ToHost } else { Direction::FromHost };
    Some(Frame { at: arrival.at, host, direction, destination, source, kind })
}

/// The host behind an interface of the switch; `None` for a bridge itself.
fn port(interface: u32) -> Option<Arc<str>> {
    let own = [BRIDGE, SECOND_BRIDGE, "lo"];
    interface_name(interface).filter(|name| !own.contains(&name.as_str())).map(Arc::from)
}
