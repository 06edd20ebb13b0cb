//! The LAN: what becomes of a frame between its sender and each receiver.

use crate::{random::Random, trace::Moment};

/// What the LAN does to frames. Chances are per mille.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Quality {
    pub(crate) max_delay: u64,
    pub(crate) loss: u64,
    pub(crate) duplication: u64,
    pub(crate) reordering: u64,
    pub(crate) flips: u64,
}

impl Quality {
    pub(crate) const fn calm(max_delay: u64) -> Self {
        Self { max_delay, loss: 0, duplication: 0, reordering: 0, flips: 0 }
    }

    pub(crate) const fn is_calm(&self) -> bool {
        self.loss + self.duplication + self.reordering + self.flips == 0
    }
}

/// The shortest way of a frame.
pub(crate) const MIN_DELAY: u64 = 5_000;

/// Every host hears every other, unless the way is blocked.
#[derive(Debug)]
pub(crate) struct Network {
    pub(crate) quality: Quality,
    blocked: Vec<Vec<bool>>,
    /// How many of a thousand frames are lost on a way, besides those that the LAN loses.
    lossy: Vec<Vec<u64>>,
    /// Who gets no multicast.
    filtered: Vec<bool>,
    /// Hosts whose ports let nothing through.
    shut: Vec<bool>,
    /// Hosts that are suspended.
    asleep: Vec<bool>,
    last: Vec<Vec<Moment>>,
    /// The same of what each hears from strangers.
    last_strange: Vec<Moment>,
}

impl Network {
    pub(crate) fn new(hosts: usize, quality: Quality) -> Self {
        Self {
            quality,
            blocked: vec![vec![false; hosts]; hosts],
            lossy: vec![vec![0; hosts]; hosts],
            filtered: vec![false; hosts],
            shut: vec![false; hosts],
            asleep: vec![false; hosts],
            last: vec![vec![0; hosts]; hosts],
            last_strange: vec![0; hosts],
        }
    }

    pub(crate) fn block(&mut self, from: usize, to: usize, blocked: bool) {
        self.blocked[from][to] = blocked;
    }

    pub(crate) fn lose(&mut self, from: usize, to: usize, per_mille: u64) {
        self.lossy[from][to] = per_mille;
    }

    pub(crate) fn filter(&mut self, to: usize, filtered: bool) {
        self.filtered[to] = filtered;
    }

    pub(crate) fn shut(&mut self, host: usize, shut: bool) {
        self.shut[host] = shut;
    }

    pub(crate) fn suspend(&mut self, host: usize, asleep: bool) {
        self.asleep[host] = asleep;
    }

    /// Whether a host hears and says nothing.
    pub(crate) fn is_cut_off(&self, host: usize) -> bool {
        self.shut[host] || self.asleep[host]
    }

    pub(crate) fn is_blocked(&self, from: usize, to: usize) -> bool {
        self.blocked[from][to] || self.is_cut_off(from) || self.is_cut_off(to)
    }

    /// Whether whatever the LAN does not lose arrives.
    pub(crate) fn is_clear(&self, from: usize, to: usize) -> bool {
        !self.is_blocked(from, to) && self.lossy[from][to] == 0
    }

    fn loses(&self, random: &mut Random, (from, to): (usize, usize)) -> bool {
        random.per_mille(self.quality.loss.max(self.lossy[from][to]))
    }

    /// How long a frame of ARP takes, if it arrives.
    pub(crate) fn carry_one(&self, random: &mut Random, (from, to): (usize, usize)) -> Option<u64> {
        let lost = self.is_blocked(from, to) || self.loses(random, (from, to));
        (!lost).then(|| random.within(MIN_DELAY, self.quality.max_delay))
    }

    /// When `to` hears what a stranger says now: in order, unless the LAN is one that keeps none.
    pub(crate) fn carry_strange(&mut self, random: &mut Random, now: Moment, to: usize) -> Moment {
        let at = now + random.within(MIN_DELAY, self.quality.max_delay);
        let in_order = at.max(self.last_strange[to] + 1);
        self.last_strange[to] = in_order;
        if self.quality.reordering > 0 { at } else { in_order }
    }

    /// When which copies of `frame` arrive at `to`.
    pub(crate) fn carry(
        &mut self,
        random: &mut Random,
        now: Moment,
        (from, to): (usize, usize),
        frame: &[u8],
    ) -> Vec<(Moment, Vec<u8>)> {
        let quality = self.quality;
        let copies = 1 + u64::from(random.per_mille(quality.duplication));
        let mut arriving = Vec::new();
        for _ in 0..copies {
            if self.is_blocked(from, to) || self.filtered[to] || self.loses(random, (from, to)) {
                continue;
            }
            let mut at = now + random.within(MIN_DELAY, quality.max_delay);
            if random.per_mille(quality.reordering) {
                at += random.within(0, 20 * quality.max_delay);
            } else {
                // First in, first out.
                at = at.max(self.last[from][to] + 1);
                self.last[from][to] = at;
            }
            let mut frame = frame.to_vec();
            if random.per_mille(quality.flips) {
                let bit = random.index(frame.len() * 8);
                frame[bit / 8] ^= 1 << (bit % 8);
            }
            arriving.push((at, frame));
        }
        arriving
    }
}
