//! What goes wrong and when, drawn from a seed: the same seed, the same schedule.

use std::{fmt, time::Duration};

use crate::inject::Random;

/// How many routers there are, `r1`, `r2`, ….
pub const ROUTERS: u8 = 3;

/// What befalls one router.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// SIGKILL; healed by a start.
    Kill,
    /// SIGSTOP; healed by SIGCONT.
    Freeze,
    /// SIGTERM; healed by a start.
    Terminate,
    /// SIGHUP with an address more; healed by one with an address less.
    Reload,
    /// SIGUSR2.
    Upgrade,
    /// The switch's port goes down: the carrier is lost.
    Carrier,
    /// `ip link set eth0 down`.
    Down,
    /// The interface is deleted; healed by another one with its name.
    Delete,
    /// The virtual addresses are removed by hand.
    VipRemoved,
    /// The interface's own address is removed by hand.
    AddressRemoved,
    /// `ip link set eth0 xdp off`.
    XdpOff,
    /// `bpftool link detach` of the XDP program.
    XdpDetached,
    /// `bpftool link detach` of the egress program.
    EgressDetached,
    /// The pins of the maps are removed.
    MapsUnpinned,
    /// All pins are removed.
    Unpinned,
    /// The directory of the pins is removed.
    DirectoryRemoved,
    /// The switch's port is blocked: the carrier stays.
    Isolated,
    /// The switch's port is blocked and opened several times.
    Flapping,
}

/// How an outage of the virtual address after a fault of its master is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// None: the virtual address is answered throughout.
    None,
    /// The router falls silent at once or when its lease is over, and its successor waits for that.
    Silence,
    /// The router says that it leaves.
    Leaves,
    /// The router goes on in a part of the network of its own.
    Partition,
}

impl Fault {
    /// Each with how often it comes, relative to the others.
    pub const ALL: [(Self, usize); 18] = [
        (Self::Kill, 4),
        (Self::Freeze, 4),
        (Self::Terminate, 2),
        (Self::Reload, 2),
        (Self::Upgrade, 2),
        (Self::Carrier, 3),
        (Self::Down, 2),
        (Self::Delete, 3),
        (Self::VipRemoved, 2),
        (Self::AddressRemoved, 2),
        (Self::XdpOff, 1),
        (Self::XdpDetached, 3),
        (Self::EgressDetached, 1),
        (Self::MapsUnpinned, 1),
        (Self::Unpinned, 2),
        (Self::DirectoryRemoved, 1),
        (Self::Isolated, 3),
        (Self::Flapping, 2),
    ];

    /// What the wire may show of it.
    #[must_use]
    pub const fn effect(self) -> Effect {
        match self {
            Self::Reload
            | Self::VipRemoved
            | Self::XdpOff
            | Self::MapsUnpinned
            | Self::Unpinned
            | Self::DirectoryRemoved => Effect::None,
            // The lease of the program before it runs on while the new one starts.
            Self::Kill | Self::Freeze | Self::Upgrade | Self::Carrier | Self::Down | Self::Delete => {
                Effect::Silence
            }
            Self::Terminate | Self::AddressRemoved | Self::XdpDetached | Self::EgressDetached => {
                Effect::Leaves
            }
            Self::Isolated | Self::Flapping => Effect::Partition,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Kill => "SIGKILL",
            Self::Freeze => "SIGSTOP",
            Self::Terminate => "SIGTERM",
            Self::Reload => "SIGHUP",
            Self::Upgrade => "SIGUSR2",
            Self::Carrier => "carrier lost",
            Self::Down => "interface down",
            Self::Delete => "interface deleted",
            Self::VipRemoved => "virtual addresses removed",
            Self::AddressRemoved => "own address removed",
            Self::XdpOff => "xdp off",
            Self::XdpDetached => "XDP detached",
            Self::EgressDetached => "egress detached",
            Self::MapsUnpinned => "maps unpinned",
            Self::Unpinned => "all unpinned",
            Self::DirectoryRemoved => "pins' directory removed",
            Self::Isolated => "port blocked",
            Self::Flapping => "port flaps",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What befalls all of them for an episode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weather {
    /// Spinning threads of ordinary priority, four per processor.
    Hogs,
    /// ARP requests for the virtual addresses, thousands a second, besides the client's.
    Flood,
    /// `CLOCK_REALTIME` is set off by so many milliseconds, and back after a moment.
    ClockStep(i64),
}

impl fmt::Display for Weather {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hogs => f.write_str("CPU hogs"),
            Self::Flood => f.write_str("ARP flood"),
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
        match self.random.below(8) {
            0 => Some(Weather::Hogs),
            1 => Some(Weather::Flood),
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
        let episodes: Vec<_> = Schedule::new(1, UNIT).take(500).collect();
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
