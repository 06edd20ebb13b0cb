//! What goes wrong and when, drawn from a seed: the same seed, the same schedule.

use std::{fmt, time::Duration};

pub use super::fault::{Effect, Fault, Layout, Own, Pair};
use crate::inject::Random;

/// How many routers there are, `r1`, `r2`, ….
pub const ROUTERS: u8 = 3;

/// What befalls all of them for an episode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weather {
    /// Spinning threads of ordinary priority, four per processor.
    Hogs,
    /// ARP requests for the virtual addresses, thousands a second, besides the client's.
    Flood,
    /// Adverts that no router may believe, from strangers, thousands a second.
    Garbage,
    /// A local user without privileges at every router's control socket.
    Intruder,
    /// `CLOCK_REALTIME` is set off by so many milliseconds, and back after a moment.
    ClockStep(i64),
}

impl fmt::Display for Weather {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hogs => f.write_str("CPU hogs"),
            Self::Flood => f.write_str("ARP flood"),
            Self::Garbage => f.write_str("garbage"),
            Self::Intruder => f.write_str("an intruder"),
            Self::ClockStep(ms) => write!(f, "clock {ms:+} ms"),
        }
    }
}

/// One fault of one router.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Strike {
    /// What.
    pub fault: Fault,
    /// Number of the router, from 1.
    pub victim: u8,
    /// When, from the beginning of the episode.
    pub after: Duration,
    /// How long until it is healed.
    pub hold: Duration,
}

impl Strike {
    /// From the first signal of a pair to the second: some milliseconds.
    #[must_use]
    pub fn gap(&self) -> Duration {
        Duration::from_micros(self.hold.as_micros() as u64 % 8_000)
    }
}

impl fmt::Display for Strike {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = |time: Duration| time.as_millis();
        write!(f, "{} of r{} at {} ms for {} ms", self.fault, self.victim, ms(self.after), ms(self.hold))
    }
}

/// Faults that may overlap, with quiet before and after. One router at least is not struck.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Episode {
    /// From 1.
    pub number: u32,
    /// In the order of time.
    pub strikes: Vec<Strike>,
    /// What befalls all.
    pub weather: Option<Weather>,
}

impl fmt::Display for Episode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.number)?;
        for strike in &self.strikes {
            write!(f, " [{strike}]")?;
        }
        self.weather.map_or(Ok(()), |weather| write!(f, " under {weather}"))
    }
}

/// Episodes without end.
#[derive(Clone, Debug)]
pub struct Schedule {
    random: Random,
    unit: Duration,
    number: u32,
}

impl Schedule {
    /// Times are drawn in parts of `unit`, which is about a Master_Down_Interval.
    #[must_use]
    pub fn new(seed: u64, unit: Duration) -> Self {
        // Neighbouring seeds shall differ from the first number on; 0 is none (SplitMix64, Vigna 2015).
        let mut mixed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        Self { random: Random::new((mixed ^ (mixed >> 31)) | 1), unit, number: 0 }
    }

    fn fault(&mut self) -> Fault {
        let total = Fault::ALL.iter().map(|(_, weight)| weight).sum();
        let mut left = self.random.below(total);
        for (fault, weight) in Fault::ALL {
            match left.checked_sub(weight) {
                Some(rest) => left = rest,
                None => return fault,
            }
        }
        Fault::Kill
    }

    /// Up to so many percent of a unit.
    fn time(&mut self, percent: usize) -> Duration {
        self.unit.mul_f64(self.random.below(percent * 10) as f64 / 1e3)
    }

    fn weather(&mut self) -> Option<Weather> {
        match self.random.below(10) {
            0 => Some(Weather::Hogs),
            1 => Some(Weather::Flood),
            3 => Some(Weather::Garbage),
            4 => Some(Weather::Intruder),
            2 => {
                let ms = 500 + self.random.below(1_500).cast_signed() as i64;
                Some(Weather::ClockStep(if self.random.below(2) == 0 { ms } else { -ms }))
            }
            _ => None,
        }
    }
}

impl Iterator for Schedule {
    type Item = Episode;

    fn next(&mut self) -> Option<Episode> {
        self.number += 1;
        let count = if self.random.below(10) < 3 { 2 } else { 1 };
        let mut after = self.time(50);
        let mut victims = Vec::new();
        let mut strikes = Vec::new();
        while strikes.len() < count {
            let victim = 1 + self.random.below(usize::from(ROUTERS)) as u8;
            if victims.contains(&victim) {
                continue;
            }
            victims.push(victim);
            // Some are over before anybody can have taken over.
            let hold = if self.random.below(4) == 0 { self.time(100) } else { self.time(500) };
            strikes.push(Strike { fault: self.fault(), victim, after, hold });
            after += self.time(400);
        }
        Some(Episode { number: self.number, strikes, weather: self.weather() })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    const UNIT: Duration = Duration::from_millis(64);

    #[test]
    fn a_seed_is_a_schedule_and_another_seed_another() {
        let of = |seed| Schedule::new(seed, UNIT).take(50).collect::<Vec<_>>();
        assert_eq!(of(7), of(7));
        assert_ne!(of(7), of(8));
        assert_ne!(of(0), of(1));
    }

    #[test]
    fn every_fault_comes_and_one_router_is_always_left_alone() {
        let episodes: Vec<_> = Schedule::new(1, UNIT).take(1_000).collect();
        for (fault, _) in Fault::ALL {
            let strikes = || episodes.iter().flat_map(|episode| &episode.strikes);
            assert!(strikes().any(|strike| strike.fault == fault), "{fault} never comes");
        }
        for episode in &episodes {
            let victims: HashSet<_> = episode.strikes.iter().map(|strike| strike.victim).collect();
            assert_eq!(victims.len(), episode.strikes.len());
            assert!(victims.len() < usize::from(ROUTERS));
            assert!(victims.iter().all(|victim| (1..=ROUTERS).contains(victim)));
        }
    }
}
