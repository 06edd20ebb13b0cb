//! Frames that nobody should have sent.

use std::{
    net::Ipv4Addr,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use rustix::thread::{CpuSet, sched_setaffinity};

use crate::{
    Lab,
    lab::{CLIENT, INTERFACE},
    netns::Namespace,
    packet::{BATCH, FLOOD_MAC, PacketSocket},
    wire::sum,
};

/// Sends frames from the client, in order, each so many times.
///
/// # Errors
/// If the socket cannot be opened or the kernel does not take a frame.
pub fn send(lab: &Lab, frames: &[Vec<u8>], times: usize) -> Result<()> {
    lab.host(CLIENT)?.namespace.run(|| {
        let socket = PacketSocket::sender(INTERFACE)?;
        for frame in frames {
            for _ in 0..times {
                socket.send(frame)?;
            }
        }
        Ok(())
    })
}

/// Sends frames of `make` from the client for a while, `per_ms` each millisecond. Says how many.
///
/// # Errors
/// If the socket cannot be opened.
pub fn flood(
    lab: &Lab,
    window: Duration,
    per_ms: usize,
    mut make: impl FnMut() -> Vec<u8> + Send,
) -> Result<usize> {
    lab.host(CLIENT)?.namespace.run(|| {
        let socket = PacketSocket::sender(INTERFACE)?;
        let end = Instant::now() + window;
        let mut sent = 0;
        while Instant::now() < end {
            for _ in 0..per_ms {
                // A frame that is too short for the kernel is not sent.
                sent += usize::from(socket.send(&make()).is_ok());
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(sent)
    })
}

/// What a flood came to.
#[derive(Clone, Copy, Debug)]
pub struct Flood {
    /// Frames a second.
    pub per_second: f64,
    /// For what part of the time it did not wait for a processor that others had.
    pub share: f64,
}

/// Sends frames from a host, over and over in their order, so many a second, until it is told to stop. Captures leave them out.
/// Stays on one processor, so that a daemon that runs on another does not hold it up.
///
/// # Errors
/// If the socket cannot be opened.
pub fn flood_until(
    host: &Namespace,
    per_second: u32,
    frames: &[Vec<u8>],
    processor: usize,
    stop: &AtomicBool,
) -> Result<Flood> {
    host.run(|| {
        let mut here = CpuSet::new();
        here.set(processor);
        sched_setaffinity(None, &here)?;
        let socket = PacketSocket::flooder(INTERFACE)?;
        let frames: Vec<_> = frames.iter().map(|frame| from_the_flood(frame)).collect();
        let (began, waited) = (Instant::now(), waited()?);
        let mut sent = 0;
        for batch in frames.chunks(BATCH).cycle() {
            if stop.load(Ordering::Relaxed) {
                break;
            }
            // What a full queue does not take is not sent again, and not counted.
            sent += socket.send_batch(batch).unwrap_or(0);
            // What is behind is caught up with, what is ahead waits.
            let due = began + Duration::from_secs_f64(sent as f64 / f64::from(per_second));
            let ahead = due.saturating_duration_since(Instant::now());
            if ahead > Duration::from_micros(500) {
                std::thread::sleep(ahead);
            }
        }
        let elapsed = began.elapsed().as_secs_f64().max(f64::EPSILON);
        let waited = (self::waited()? - waited).as_secs_f64();
        Ok(Flood { per_second: sent as f64 / elapsed, share: 1.0 - waited / elapsed })
    })
}

/// For how long this thread was ready to run and did not.
fn waited() -> Result<Duration> {
    let account = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    let waited = account.split_whitespace().nth(1).context("no account of the scheduler's")?;
    Ok(Duration::from_nanos(waited.parse()?))
}

fn from_the_flood(frame: &[u8]) -> Vec<u8> {
    let mut frame = frame.to_vec();
    if let Some(source) = frame.get_mut(6..12) {
        source.copy_from_slice(&FLOOD_MAC.0);
    }
    frame
}

/// Numbers that look random and are the same in every run (xorshift64*, Vigna 2014).
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// `seed` is not 0.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next one.
    pub fn number(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// Below a bound.
    pub fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.number() >> 33).unwrap_or(0) % bound.max(1)
    }

    /// So many bytes.
    pub fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.number().to_be_bytes()[0]).collect()
    }
}

/// Offset of the IPv4 header in a frame.
const IP: usize = 14;

/// Changes bytes of a frame's IPv4 header and sets its checksum right.
#[must_use]
pub fn with_ip(mut frame: Vec<u8>, change: impl FnOnce(&mut [u8])) -> Vec<u8> {
    let Some(header) = frame.get_mut(IP..IP + 20) else { return frame };
    change(header);
    header[10..12].fill(0);
    let checksum = sum(&[header]);
    header[10..12].copy_from_slice(&checksum.to_be_bytes());
    frame
}

/// Changes bytes of the VRRP message behind a header of 20 bytes and sets its checksum right, in the form without a
/// pseudo-header.
#[must_use]
pub fn with_message(mut frame: Vec<u8>, change: impl FnOnce(&mut [u8])) -> Vec<u8> {
    let Some(message) = frame.get_mut(IP + 20..).filter(|message| message.len() >= 8) else { return frame };
    change(message);
    message[6..8].fill(0);
    let checksum = sum(&[message]);
    message[6..8].copy_from_slice(&checksum.to_be_bytes());
    frame
}

/// Puts a tag with a VLAN identifier before the EtherType.
#[must_use]
pub fn with_vlan(mut frame: Vec<u8>, vlan: u16) -> Vec<u8> {
    let [high, low] = vlan.to_be_bytes();
    drop(frame.splice(12..12, [0x81, 0x00, high, low]));
    frame
}

/// Puts an IP option of four bytes (no operation) behind the header.
#[must_use]
pub fn with_option(frame: Vec<u8>) -> Vec<u8> {
    let mut frame = frame;
    drop(frame.splice(IP + 20..IP + 20, [1, 1, 1, 0]));
    let length = u16::try_from(frame.len() - IP).unwrap_or(u16::MAX).to_be_bytes();
    frame[IP] = 0x46;
    frame[IP + 2..IP + 4].copy_from_slice(&length);
    frame[IP + 10..IP + 12].fill(0);
    let checksum = sum(&[&frame[IP..IP + 24]]);
    frame[IP + 10..IP + 12].copy_from_slice(&checksum.to_be_bytes());
    frame
}

/// A CARP packet: the same protocol number and group, version 2, type 1, and a message of another kind.
#[must_use]
pub fn carp(vrid: u8, source: Ipv4Addr) -> Vec<u8> {
    let frame = crate::wire::advert_frame(vrid, 0, Duration::from_secs(1), source, &[source; 7]);
    // Advskew 0, authentication length 7, advbase 1.
    with_message(frame, |message| message[..6].copy_from_slice(&[0x21, vrid, 0, 7, 0, 1]))
}
