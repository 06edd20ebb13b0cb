//! Packets to the virtual address, as many as one thread can send.

use std::{
    net::UdpSocket,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use tests::{Lab, lab::CLIENT, scenario::VIP};

/// It gives up after this, whatever happens to its owner.
const BOUND: Duration = Duration::from_secs(60);

/// Nobody listens there; the kernel limits its complaints.
const PORT: u16 = 9;

/// How many packets between two looks at the clock.
const BURST: u64 = 64;

/// Small UDP packets from the client's own stack, which learns by ARP where the address is, until it is dropped.
#[derive(Debug)]
pub(crate) struct Flood {
    stop: Arc<AtomicBool>,
    sent: Arc<AtomicU64>,
    since: Instant,
    thread: Option<JoinHandle<()>>,
}

impl Flood {
    pub(crate) fn start(lab: &Lab) -> Result<Self> {
        let client = &lab.host(CLIENT)?.namespace;
        let socket = client.run(|| UdpSocket::bind("0.0.0.0:0").context("the flood's socket"))?;
        let (stop, sent) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let thread = thread::Builder::new().name("flood".into()).spawn({
            let (stop, sent) = (Arc::clone(&stop), Arc::clone(&sent));
            move || run(&socket, &stop, &sent)
        })?;
        Ok(Self { stop, sent, since: Instant::now(), thread: Some(thread) })
    }

    /// Packets a second since its start.
    pub(crate) fn rate(&self) -> f64 {
        self.sent.load(Ordering::Relaxed) as f64 / self.since.elapsed().as_secs_f64()
    }
}

fn run(socket: &UdpSocket, stop: &AtomicBool, sent: &AtomicU64) {
    let end = Instant::now() + BOUND;
    while !stop.load(Ordering::Relaxed) && Instant::now() < end {
        // While nobody has the address there is nobody to send to; that is part of the experiment.
        let burst = (0..BURST).filter(|_| socket.send_to(&[0; 18], (VIP, PORT)).is_ok()).count();
        sent.fetch_add(burst as u64, Ordering::Relaxed);
    }
}

impl Drop for Flood {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
