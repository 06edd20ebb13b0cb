//! A client that asks who has the virtual address, many times a second.

use std::{
    net::Ipv4Addr,
    num::NonZeroU64,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU8, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use anyhow::{Context as _, Result, anyhow};
use rustix::{
    thread::{clock_nanosleep_absolute, set_current_timer_slack},
    time::{ClockId, Timespec},
};

use crate::{
    Answers, Mac, Namespace, Stamp,
    packet::PacketSocket,
    wait::{Log, Mark},
    wire::{Arp, arp_frame},
};

/// Whom the asker says it is. Not the client's own address, whose neighbour entries are left alone.
pub const ASKER_ADDRESS: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 250);

/// Requests go round through so many sender MACs. At 2,000 a second a reply may be 4 s late.
pub const SEQUENCE: u16 = 8192;

/// How long the last answers may take.
const LAST_ANSWERS: Duration = Duration::from_millis(100);

/// What to ask.
#[derive(Clone, Copy, Debug)]
pub struct Ask {
    /// The address that is asked for.
    pub vip: Ipv4Addr,
    /// How often.
    pub per_second: u32,
    /// How.
    pub form: Form,
}

impl Ask {
    /// Broadcast requests.
    #[must_use]
    pub const fn broadcast(vip: Ipv4Addr, per_second: u32) -> Self {
        Self { vip, per_second, form: Form::Broadcast }
    }
}

/// The form of the requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// An ordinary request.
    Broadcast,
    /// With the sender's address 0.0.0.0 (RFC 5227).
    Probe,
    /// To one MAC, as a kernel does that confirms a neighbour entry.
    Unicast(Mac),
}

/// Asks on a thread of its own, until it is stopped or dropped.
///
/// Every request has a sender MAC of its own, which replies repeat: so the capture at the switch matches them, and
/// the times are those of the wire, not of this thread.
#[derive(Debug)]
pub struct Asker {
    ask: Ask,
    id: u8,
    log: Arc<Log>,
    mark: Mark,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Asker {
    /// Starts to ask from an interface of a namespace. `log` is that of the switch.
    ///
    /// # Errors
    /// If the socket cannot be opened.
    pub fn start(client: &Arc<Namespace>, interface: &'static str, log: Arc<Log>, ask: Ask) -> Result<Self> {
        static NEXT: AtomicU8 = AtomicU8::new(1);
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        let stop = Arc::new(AtomicBool::new(false));
        let mark = log.mark();
        let (ready, opened) = std::sync::mpsc::sync_channel(1);
        let thread = std::thread::Builder::new().name("asker".into()).spawn({
            let (client, stop) = (Arc::clone(client), Arc::clone(&stop));
            move || match client.enter().and_then(|()| PacketSocket::sender(interface)) {
                Err(error) => drop(ready.send(Err(error))),
                Ok(socket) => {
                    drop(ready.send(Ok(())));
                    run(&socket, id, ask, &stop);
                }
            }
        })?;
        let asker = Self { ask, id, log, mark, stop, thread: Some(thread) };
        opened.recv().map_err(|_| anyhow!("the asker died"))?.context("starting the asker")?;
        Ok(asker)
    }

    /// What came of the requests so far.
    #[must_use]
    pub fn answers(&self) -> Answers {
        self.answers_since(self.mark)
    }

    /// What came of the requests since a mark.
    #[must_use]
    pub fn answers_since(&self, mark: Mark) -> Answers {
        self.log.look(mark.max(self.mark), |timeline| Answers::read(timeline, self.id, self.ask.vip))
    }

    /// Stops asking, waits for the last answers, and says what came of the requests.
    #[must_use]
    pub fn finish(mut self) -> Answers {
        self.halt();
        std::thread::sleep(LAST_ANSWERS);
        self.answers()
    }

    fn halt(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for Asker {
    fn drop(&mut self) {
        self.halt();
    }
}

/// The sender MAC of a request.
#[must_use]
pub fn sequence_mac(id: u8, sequence: u16) -> Mac {
    let [high, low] = (sequence % SEQUENCE).to_be_bytes();
    Mac([0x02, 0xa5, id, 0, high, low])
}

fn run(socket: &PacketSocket, id: u8, ask: Ask, stop: &AtomicBool) {
    let _ = set_current_timer_slack(NonZeroU64::new(1));
    let period = Duration::from_secs(1) / ask.per_second.max(1);
    let mut due = Stamp::now();
    let mut sequence = 0_u16;
    while !stop.load(Ordering::Relaxed) {
        let sender = sequence_mac(id, sequence);
        let spa = if ask.form == Form::Probe { Ipv4Addr::UNSPECIFIED } else { ASKER_ADDRESS };
        let destination = match ask.form {
            Form::Broadcast | Form::Probe => Mac::BROADCAST,
            Form::Unicast(mac) => mac,
        };
        let arp = Arp { operation: 1, sha: sender, spa, tha: Mac::ZERO, tpa: ask.vip };
        // A link that is down is part of the experiment.
        let _ = socket.send(&arp_frame(destination, sender, &arp));
        sequence = (sequence + 1) % SEQUENCE;
        // Requests that came too late are left out, not made up for in a burst.
        due = (due + period).max(Stamp::now() - period);
        sleep_until(due);
    }
}

pub(crate) fn sleep_until(due: Stamp) {
    let (seconds, nanos) = (due.as_nanos() / 1_000_000_000, due.as_nanos() % 1_000_000_000);
    let due = Timespec { tv_sec: seconds.cast_signed(), tv_nsec: nanos.cast_signed() };
    // Interrupted: the next request is early, which does no harm.
    let _ = clock_nanosleep_absolute(ClockId::Boottime, &due);
}
