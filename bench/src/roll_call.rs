//! Asks for many addresses until each has been answered once.
//!
//! Only what was not answered yet is asked for again, so that the last one is seen as exactly as the first.

use std::{
    collections::HashMap,
    net::Ipv4Addr,
    num::NonZeroU64,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, anyhow};
use rustix::thread::set_current_timer_slack;
use tests::{
    Mac, Namespace, Stamp,
    packet::PacketSocket,
    wire::{self, Arp, Kind, arp_frame},
};

use crate::{field, process::real_time};

/// How often one address is asked for at most.
const SHORTEST: Duration = Duration::from_micros(100);
/// What a question may take of the asker's processor: twice what it takes, so that half of it is busy at most.
const EACH: Duration = Duration::from_micros(5);
/// Questions between two looks at the answers.
const BURST: usize = 64;
/// Frames that are read at one look, so that adverts in a flood cannot keep the asker from asking.
const LOOK: usize = 4096;
/// Nobody's address on the cables.
const ASKER: Mac = Mac([0x02, 0xa5, 0xff, 0, 0, 1]);
const ASKER_HOST: u8 = 250;

/// A thread that asks for the addresses of the first `count` routers from one end of their cables.
#[derive(Debug)]
pub(crate) struct RollCall {
    thread: JoinHandle<Result<Vec<Option<Stamp>>>>,
    stop: Arc<AtomicBool>,
}

impl RollCall {
    /// Begins to ask, after a pause. It ends when all have answered, or after `limit`.
    pub(crate) fn start(
        from: &Arc<Namespace>,
        count: usize,
        pause: Duration,
        limit: Duration,
    ) -> Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let (ready, opened) = mpsc::sync_channel(1);
        let thread = thread::Builder::new().name("roll call".into()).spawn({
            let (from, stop) = (Arc::clone(from), Arc::clone(&stop));
            move || {
                let asker = from.enter().and_then(|()| Asker::open(count));
                // The starter has gone only if it was interrupted.
                let _ = ready.send(());
                asker?.run(pause, limit, &stop)
            }
        })?;
        opened.recv().map_err(|_| anyhow!("the roll call died"))?;
        Ok(Self { thread, stop })
    }

    /// Waits for the end: when each address was first answered, in the order of the routers.
    pub(crate) fn finish(self) -> Result<Vec<Option<Stamp>>> {
        self.thread.join().map_err(|_| anyhow!("the roll call panicked"))?.context("the roll call")
    }

    /// Ends it early.
    pub(crate) fn abandon(self) {
        self.stop.store(true, Ordering::Relaxed);
        let _ = self.thread.join();
    }
}

struct Asker {
    capture: PacketSocket,
    cables: Vec<PacketSocket>,
    routers: HashMap<Ipv4Addr, usize>,
    answered: Vec<Option<Stamp>>,
}

impl Asker {
    fn open(count: usize) -> Result<Self> {
        let cables = (0..count.div_ceil(field::PER_CABLE))
            .map(|cable| PacketSocket::sender(&field::interface(cable)))
            .collect::<Result<_>>()?;
        Ok(Self {
            capture: PacketSocket::capture(false)?,
            cables,
            routers: (0..count).map(|router| (field::vip(router), router)).collect(),
            answered: vec![None; count],
        })
    }

    fn run(mut self, pause: Duration, limit: Duration, stop: &AtomicBool) -> Result<Vec<Option<Stamp>>> {
        // Load must not hold up who measures. Without the right to it the times are less exact.
        let _ = real_time(1);
        let _ = set_current_timer_slack(NonZeroU64::new(1));
        thread::sleep(pause);
        let end = Instant::now() + limit;
        while Instant::now() < end && !stop.load(Ordering::Relaxed) {
            let pending: Vec<usize> =
                (0..self.answered.len()).filter(|router| self.answered[*router].is_none()).collect();
            if pending.is_empty() {
                break;
            }
            let next = Instant::now() + SHORTEST.max(EACH * u32::try_from(pending.len())?);
            for burst in pending.chunks(BURST) {
                burst.iter().for_each(|router| self.ask(*router));
                self.listen()?;
            }
            thread::sleep(next.saturating_duration_since(Instant::now()));
            self.listen()?;
        }
        Ok(self.answered)
    }

    fn ask(&self, router: usize) {
        let cable = router / field::PER_CABLE;
        let spa = field::address(cable, ASKER_HOST);
        let arp = Arp { operation: 1, sha: ASKER, spa, tha: Mac::ZERO, tpa: field::vip(router) };
        // It is asked again.
        let _ = self.cables[cable].send(&arp_frame(Mac::BROADCAST, ASKER, &arp));
    }

    fn listen(&mut self) -> Result<()> {
        let mut buffer = [0; 2048];
        for _ in 0..LOOK {
            let Some(arrival) = self.capture.receive(&mut buffer)? else { break };
            let Some((_, _, Kind::Arp(arp))) = wire::decode(&buffer[..arrival.length.min(buffer.len())])
            else {
                continue;
            };
            if arp.operation == 2
                && arp.tha == ASKER
                && let Some(router) = self.routers.get(&arp.spa)
            {
                self.answered[*router].get_or_insert(arrival.at);
            }
        }
        Ok(())
    }
}
