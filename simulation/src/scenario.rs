//! From a seed to everything that happens in its run.

use std::{net::Ipv4Addr, time::Duration};

use vrrp_common::{
    election::Settings,
    time::nanos,
    types::{AdvertInterval, Priority, Version},
    wire::vrrp::ChecksumForm,
};

use crate::{
    faults::{self, Change, Kind, Trouble},
    network::Quality,
    random::Random,
    trace::Moment,
};

/// A host as its operator has set it up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) settings: Settings,
    pub(crate) source: Ipv4Addr,
    pub(crate) checksum: ChecksumForm,
    /// Which addresses it has.
    pub(crate) list: usize,
    /// It discards what differs, as keepalived does.
    pub(crate) rfc_discards: bool,
    /// In version 2 it has a password, and all others have it, too.
    pub(crate) password: bool,
    /// How fast its clock is, in parts per million.
    pub(crate) ppm: i64,
    pub(crate) starts: Moment,
}

/// Everything that a run depends on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scenario {
    pub(crate) seed: u64,
    /// Hosts may be configured differently.
    pub(crate) mixed: bool,
    pub(crate) plans: Vec<Plan>,
    pub(crate) quality: Quality,
    pub(crate) troubles: Vec<Trouble>,
    /// From here on nothing goes wrong.
    pub(crate) quiet: Moment,
    /// From here on nothing may change any more.
    pub(crate) settled: Moment,
    pub(crate) end: Moment,
}

/// Neither in the order of the hosts nor in that of signed bytes.
const SOURCES: [Ipv4Addr; 5] = [
    Ipv4Addr::new(10, 77, 0, 9),
    Ipv4Addr::new(10, 77, 0, 200),
    Ipv4Addr::new(10, 77, 0, 3),
    Ipv4Addr::new(10, 77, 0, 128),
    Ipv4Addr::new(10, 77, 0, 40),
];

const SECOND: Moment = 1_000_000_000;

/// Clocks run apart by up to 1 % each.
const MAX_PPM: u64 = 10_000;

impl Scenario {
    /// That of a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let random = &mut Random::new(seed);
        // Drawn apart, so that the others stay what they were.
        let mixed = Random::new(seed ^ MIXED).per_mille(250);
        let version = if random.per_mille(250) { Version::V2 } else { Version::V3 };
        let centiseconds = match version {
            Version::V2 => random.one_of(&[100, 200]),
            Version::V3 => random.one_of(&[1, 1, 10, 100]),
        };
        let interval = AdvertInterval::from_centiseconds(centiseconds).unwrap_or(AdvertInterval::DEFAULT);
        // Hosts that are slower by up to three are drawn below.
        let unit = nanos(interval.span()) * if mixed { 3 } else { 1 };
        let delay = random.one_of(&[20_000, 50_000, 500_000, unit / 8]).min(unit / 8);
        let calm = Quality::calm(delay);
        let quality = if random.per_mille(500) { calm } else { hostile(random, calm) };
        let preempt_delay = Duration::from_nanos(random.one_of(&[0, 0, 0, unit * 2, unit * 6]));
        let count = random.within(2, 5) as usize;
        let preempting = random.one_of(&[1000, 500]);
        let plans: Vec<_> = (0..count)
            .map(|host| {
                let preempt = random.per_mille(preempting);
                plan(random, host, Settings { preempt, ..base(version, interval, preempt_delay) })
            })
            .collect();
        let plans = if mixed { mix(&mut Random::new(!seed ^ MIXED), plans) } else { plans };
        let asking = !mixed && Random::new(seed ^ ASKING).per_mille(200);
        let plans: Vec<_> = plans.into_iter().map(|plan| if asking { plan.asking() } else { plan }).collect();
        let settings: Vec<_> = plans.iter().map(|plan| plan.settings).collect();
        let quiet = 60 * unit;
        let mut troubles: Vec<_> = (0..random.within(0, 7))
            .map(|_| {
                let setting = faults::Setting { all: &settings, calm: quality.is_calm(), mixed, asking };
                faults::draw(random, setting, unit, quiet)
            })
            .collect();
        let strange = &mut Random::new(seed ^ STRANGE);
        let setting = faults::Setting { all: &settings, calm: quality.is_calm(), mixed, asking };
        for _ in 0..strange.one_of(&[0, 0, 1, 2]) {
            troubles.push(faults::draw_stranger(strange, setting, unit, quiet));
        }
        let settled = quiet + 60 * unit;
        Self { seed, mixed, plans, quality, troubles, quiet, settled, end: settled + 15 * unit }
    }

    /// Those that no seed draws, by what they are about.
    #[must_use]
    pub fn made() -> [(&'static str, Self); 4] {
        [
            ("deaf", Self::deaf()),
            ("impatient", Self::impatient()),
            ("filtered", Self::filtered()),
            ("slow", Self::slow()),
        ]
    }

    /// In version 2, a master that advertises every five seconds, and a backup that is set to one.
    fn slow() -> Self {
        let version_2 = |mut plan: Plan| {
            plan.settings.version = Version::V2;
            plan
        };
        let plans = [simple(0, 200, 500, 0), simple(1, 100, 100, 30 * SECOND)].map(version_2);
        let trouble = Trouble { kind: Kind::Pause, host: 1, begins: SECOND, ends: Some(2 * SECOND) };
        Self { mixed: true, ..Self::of(plans, trouble, 60 * SECOND) }
    }

    /// A backup that asks hears no adverts for a while, and its master answers.
    fn filtered() -> Self {
        let (begins, ends) = (20 * SECOND, Some(25 * SECOND));
        let trouble = Trouble { kind: Kind::Filtered, host: 1, begins, ends };
        Self::of([simple(0, 200, 100, 0), simple(1, 100, 100, 0).asking()], trouble, 30 * SECOND)
    }

    /// A quick router of low priority that does not hear the slow master, but is heard by it.
    fn deaf() -> Self {
        let kind = Kind::OneWay { to: 1 };
        let trouble = Trouble { kind, host: 0, begins: 6 * SECOND, ends: Some(9 * SECOND) };
        Self::of([simple(0, 200, 100, 0), simple(1, 100, 1, 0)], trouble, 10 * SECOND)
    }

    /// A slow master is killed and started again with a shorter interval while a better one takes over.
    fn impatient() -> Self {
        let change = Change::Interval(AdvertInterval::DEFAULT);
        let kind = Kind::Restart { change, silent: false };
        let (begins, ends) = (44_650 * SECOND / 1_000, 44_690 * SECOND / 1_000);
        let trouble = Trouble { kind, host: 0, begins, ends: Some(ends) };
        // The first is master after 36.1 s, the second after 3.2 s of its own.
        Self::of(
            [simple(0, 100, 1_000, 0), simple(1, 200, 100, 41_500 * SECOND / 1_000)],
            trouble,
            50 * SECOND,
        )
    }

    fn of(plans: [Plan; 2], trouble: Trouble, quiet: Moment) -> Self {
        let settled = quiet + 60 * SECOND;
        Self {
            mixed: false,
            plans: plans.into(),
            quality: Quality::calm(20_000),
            troubles: vec![trouble],
            quiet,
            settled,
            end: settled + 10 * SECOND,
            ..Self::new(0)
        }
    }

    /// Hosts, troubles and faults of the LAN: what there is to leave out.
    #[must_use]
    pub fn size(&self) -> usize {
        let Quality { loss, duplication, reordering, flips, .. } = self.quality;
        let faults = [loss, duplication, reordering, flips].iter().filter(|chance| **chance > 0).count();
        self.plans.len() + self.troubles.len() + faults
    }

    /// Whether every advert arrives, once, in order and in time.
    pub(crate) fn is_calm(&self) -> bool {
        self.quality.is_calm()
            && !self.troubles.iter().any(|trouble| {
                matches!(
                    trouble.kind,
                    Kind::OneWay { .. } | Kind::Lossy { .. } | Kind::Filtered | Kind::SlowPort { .. }
                )
            })
    }
}

/// Version 3, with a clock that is right.
fn simple(host: usize, priority: u8, centiseconds: u16, starts: Moment) -> Plan {
    let interval = AdvertInterval::from_centiseconds(centiseconds).unwrap_or(AdvertInterval::DEFAULT);
    Plan {
        settings: Settings {
            address: SOURCES[host].into(),
            priority: Priority::new(priority),
            ..base(Version::V3, interval, Duration::ZERO)
        },
        source: SOURCES[host],
        checksum: ChecksumForm::PseudoHeader,
        list: 0,
        rfc_discards: false,
        password: true,
        ppm: 0,
        starts,
    }
}

/// Of the seed, to draw what hosts differ in.
const MIXED: u64 = 0x6d69_7865_6400_0000;

/// Of the seed, to draw what strangers do, and ways that are worse than others.
const STRANGE: u64 = 0x7374_7261_6e67_6500;

/// Of the seed, to draw who asks before a takeover.
const ASKING: u64 = 0x6173_6b69_6e67_0000;

impl Plan {
    /// Asks before a takeover, where there is time for an answer.
    fn asking(mut self) -> Self {
        let Settings { version, priority, interval, .. } = self.settings;
        if interval.skew(version, priority) >= Duration::from_millis(2) {
            self.settings.probe_limit = 3;
        }
        self
    }
}

/// Some of the hosts are configured otherwise than the rest, and some discard what differs.
fn mix(random: &mut Random, plans: Vec<Plan>) -> Vec<Plan> {
    let discarding = random.one_of(&[0, 0, 300, 700]);
    let differing = random.one_of(&[300, 700]);
    plans
        .into_iter()
        .map(|mut plan| {
            plan.password = false;
            plan.rfc_discards = random.per_mille(discarding);
            if random.per_mille(differing) {
                plan.list = random.one_of(&[0, 1, 1, 2, 3]);
            }
            if random.per_mille(differing) && plan.settings.interval.span().subsec_nanos() == 0 {
                plan.settings.version = random.one_of(&[Version::V2, Version::V3]);
            }
            if random.per_mille(differing) {
                let centiseconds = plan.settings.interval.as_centiseconds() * random.within(1, 3) as u16;
                let interval = AdvertInterval::from_centiseconds(centiseconds);
                plan.settings.interval = interval.unwrap_or(plan.settings.interval);
            }
            plan
        })
        .collect()
}

fn base(version: Version, interval: AdvertInterval, preempt_delay: Duration) -> Settings {
    let address = Ipv4Addr::UNSPECIFIED.into();
    Settings {
        version,
        priority: Priority::DEFAULT,
        interval,
        address,
        preempt: true,
        preempt_delay,
        grouped: false,
        probe_limit: 0,
    }
}

fn plan(random: &mut Random, host: usize, settings: Settings) -> Plan {
    let source = SOURCES[host];
    let priority = Priority::new(random.one_of(&[20, 90, 100, 100, 110, 150, 254, 255]));
    Plan {
        settings: Settings { address: source.into(), priority, ..settings },
        source,
        checksum: random.one_of(&[ChecksumForm::PseudoHeader, ChecksumForm::MessageOnly]),
        list: 0,
        rfc_discards: false,
        password: true,
        ppm: random.within(0, 2 * MAX_PPM) as i64 - MAX_PPM as i64,
        starts: random.within(0, nanos(settings.interval.span()) * 6),
    }
}

fn hostile(random: &mut Random, calm: Quality) -> Quality {
    Quality {
        loss: random.one_of(&[0, 20, 200, 400]),
        duplication: random.one_of(&[0, 50]),
        reordering: random.one_of(&[0, 100]),
        flips: random.one_of(&[0, 100]),
        ..calm
    }
}
