//! What goes wrong with hosts and ways, and what operators do to them.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    time::Duration,
};

use vrrp_common::{
    election::Settings,
    types::{AdvertInterval, Priority, Version},
};

use crate::{host::LIST_COUNT, random::Random, trace::Moment};

/// Something that begins and, mostly, ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Trouble {
    pub(crate) kind: Kind,
    pub(crate) host: usize,
    pub(crate) begins: Moment,
    /// `None`: it lasts.
    pub(crate) ends: Option<Moment>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The daemon dies, its data plane goes on. Ends with a new daemon.
    Kill,
    /// Daemon and data plane die. Ends with a new daemon.
    PowerOff,
    /// SIGSTOP and SIGCONT.
    Pause,
    /// SIGTERM. Ends with a new daemon.
    Stop,
    /// The daemon dies, its data plane goes on. Ends with a new daemon with other settings, which stay.
    Restart {
        change: Change,
        /// The daemon that dies did not say which interval its lease goes by.
        silent: bool,
    },
    /// The interface goes down and comes back.
    Fault,
    /// The link goes down and comes back, on a port that lets nothing through for a while longer; the switch speaks a spanning
    /// tree all that time.
    SlowPort { hello: u64, shut: u64 },
    /// `to` does not hear the host.
    OneWay { to: usize },
    /// The host hears nobody.
    Gap,
    /// The host hears no advert, and is asked and answered.
    Filtered,
    /// SIGTERM in the turn in which its source address has changed. Ends with a new daemon with its first address.
    MoveAndStop,
    /// `to` hears only some of what the host sends, and the host all of what `to` does.
    Lossy { to: usize, per_mille: u64 },
    /// The machine is suspended: it hears and says nothing, and its clock goes on.
    Sleep,
    /// A stranger on the LAN says so often that it leaves.
    Stranger { period: u64 },
    /// A stranger's box on the LAN says so often that it is master, as in `speech`, or each time otherwise. It may leave with a
    /// farewell.
    Rival { speech: Speech, period: u64, flaps: bool },
    /// Other settings. Ends with the earlier ones.
    Configure(Change),
}

/// What a stranger's box says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Speech {
    pub(crate) priority: Priority,
    pub(crate) interval: AdvertInterval,
    pub(crate) source: Ipv4Addr,
}

impl Speech {
    /// Below, between and above the addresses of the hosts.
    const SOURCES: [Ipv4Addr; 3] =
        [Ipv4Addr::new(10, 77, 0, 1), Ipv4Addr::new(10, 77, 0, 150), Ipv4Addr::new(10, 77, 0, 250)];

    /// Something that is just above a host with these settings, just below it, or like it. In version 2 with its interval: another
    /// one is what boxes are configured differently in.
    pub(crate) fn draw(random: &mut Random, settings: Settings) -> Self {
        let own = settings.priority.as_u8();
        let priority = random.one_of(&[own.saturating_sub(1), own, own.saturating_add(1), 1, 254]);
        let centiseconds = settings.interval.as_centiseconds();
        let centiseconds = match settings.version {
            Version::V2 => centiseconds,
            Version::V3 => random.one_of(&[1, centiseconds.div_ceil(10), centiseconds, centiseconds * 3]),
        };
        Self {
            // Nobody but a host of the cluster owns the addresses.
            priority: Priority::new(priority.clamp(1, 254)),
            interval: AdvertInterval::from_centiseconds(centiseconds).unwrap_or(settings.interval),
            source: random.one_of(&Self::SOURCES),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Priority(Priority),
    Interval(AdvertInterval),
    Preempt(bool),
    /// The other source address of the host.
    Move,
    Version(Version),
    /// Another list of addresses.
    List(usize),
}

impl Change {
    /// What comes of it. A configuration that cannot be is refused, and the earlier one stays: version 2 says whole seconds.
    pub(crate) fn apply(self, settings: Settings) -> Settings {
        let changed = self.applied(settings);
        let possible = changed.version != Version::V2 || changed.interval.as_seconds().is_some();
        if possible { changed } else { settings }
    }

    fn applied(self, settings: Settings) -> Settings {
        match self {
            Self::Priority(priority) => Settings { priority, ..settings },
            Self::Interval(interval) => Settings { interval, ..settings },
            Self::Preempt(preempt) => Settings { preempt, ..settings },
            Self::Move => Settings { address: moved(settings.address), ..settings },
            Self::Version(version) => Settings { version, ..settings },
            Self::List(_) => settings,
        }
    }
}

/// The other address of a host; the other of that is the first again.
fn moved(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(v4) => Ipv4Addr::from_bits(v4.to_bits() ^ 16).into(),
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() ^ 16).into(),
    }
}

/// How the hosts of a scenario are, as far as their troubles depend on it.
#[derive(Clone, Copy)]
pub(crate) struct Setting<'a> {
    pub(crate) all: &'a [Settings],
    pub(crate) calm: bool,
    /// They may be configured differently.
    pub(crate) mixed: bool,
    /// They ask before they take over.
    pub(crate) asking: bool,
}

/// A trouble of some host between `from` and `to`.
pub(crate) fn draw(random: &mut Random, setting: Setting<'_>, from: Moment, to: Moment) -> Trouble {
    let Setting { all, calm, mixed, asking } = setting;
    let host = random.index(all.len());
    let settings = all[host];
    let change =
        |random: &mut Random| if mixed { difference(random, settings) } else { change(random, settings) };
    let kind = match random.within(0, if calm && !mixed { 14 } else { 16 }) {
        0 => Kind::Kill,
        1 => Kind::PowerOff,
        2 | 3 => Kind::Pause,
        4 | 5 => Kind::Stop,
        6 => Kind::Fault,
        7 | 8 => Kind::Configure(change(random)),
        9 | 10 => Kind::Restart { change: change(random), silent: random.per_mille(200) },
        11 => Kind::MoveAndStop,
        12 | 13 if mixed => Kind::Gap,
        12 | 13 if asking => Kind::Filtered,
        12 | 13 => Kind::Stranger { period: period(random, settings) },
        14 if !mixed => slow_port(random, settings),
        _ => Kind::OneWay { to: (host + 1 + random.index(all.len() - 1)) % all.len() },
    };
    let begins = random.within(from, to);
    let unit = settings.interval.span();
    let longest = random.one_of(&[1, 3, 5, 12]) * u64::try_from(unit.as_nanos()).unwrap_or(u64::MAX);
    let ends = begins + random.within(Duration::from_micros(300).as_nanos() as u64, longest);
    let ends = if let Kind::Stranger { period } = kind { ends.min(begins + STRAYS * period) } else { ends };
    // A host may stay away, but never be left paused, faulty or deaf: who is quiet then could not be said.
    let lasts =
        matches!(kind, Kind::Kill | Kind::PowerOff | Kind::Stop | Kind::MoveAndStop | Kind::Configure(_));
    let ends = ends.min(to);
    // Ports are open before nothing goes wrong any more.
    let ends = if let Kind::SlowPort { shut, .. } = kind { ends.min(to.saturating_sub(shut)) } else { ends };
    Trouble { kind, host, begins: begins.min(ends), ends: (!lasts || random.per_mille(700)).then_some(ends) }
}

/// What was drawn by no seed before: asymmetric loss, a suspended machine, another box.
pub(crate) fn draw_stranger(random: &mut Random, setting: Setting<'_>, unit: u64, to: Moment) -> Trouble {
    let Setting { all, calm, mixed, asking } = setting;
    let host = random.index(all.len());
    let settings = all[host];
    let begins = random.within(unit, to - unit);
    let longest = random.one_of(&[1, 3, 8, 20]) * unit;
    let ends = (begins + random.within(unit / 10, longest)).min(to);
    let kind = match random.within(0, 3) {
        0 => Kind::Sleep,
        1 if !calm || mixed => {
            let other = (host + 1 + random.index(all.len() - 1)) % all.len();
            Kind::Lossy { to: other, per_mille: random.one_of(&[300, 600, 900]) }
        }
        _ if asking => Kind::Sleep,
        _ => {
            let (speech, flaps) = (Speech::draw(random, settings), random.per_mille(500));
            let spoken = u64::try_from(speech.interval.span().as_nanos()).unwrap_or(u64::MAX);
            let period = if flaps { unit / random.one_of(&[1, 5, 30]) } else { spoken };
            Kind::Rival { speech, period, flaps }
        }
    };
    let ends = if let Kind::Rival { period, .. } = kind { ends.min(begins + STRAYS * period) } else { ends };
    Trouble { kind, host, begins, ends: Some(ends) }
}

/// Shut for longer than a takeover takes.
fn slow_port(random: &mut Random, settings: Settings) -> Kind {
    let unit = u64::try_from(settings.interval.span().as_nanos()).unwrap_or(u64::MAX);
    Kind::SlowPort { hello: unit * random.within(1, 24) / 4, shut: unit * random.within(4, 20) }
}

/// Farewells of a stranger at a time, at most.
const STRAYS: u64 = 120;

/// From a few in an interval to hundreds.
fn period(random: &mut Random, settings: Settings) -> u64 {
    let unit = u64::try_from(settings.interval.span().as_nanos()).unwrap_or(u64::MAX);
    (unit / random.one_of(&[1, 5, 30, 300])).max(50_000)
}

fn change(random: &mut Random, settings: Settings) -> Change {
    // Version 2 discards adverts of another interval, so that a change at one host alone makes two masters.
    match random.within(0, if settings.version == Version::V2 { 2 } else { 4 }) {
        2 => Change::Move,
        0 => Change::Priority(Priority::new(random.one_of(&[30, 70, 100, 130, 200, 254]))),
        1 => Change::Preempt(!settings.preempt),
        _ => {
            let factor = random.within(2, 3) as u16;
            let centiseconds = settings.interval.as_centiseconds();
            let other =
                if random.per_mille(500) { centiseconds * factor } else { centiseconds.div_ceil(factor) };
            Change::Interval(AdvertInterval::from_centiseconds(other).unwrap_or(settings.interval))
        }
    }
}

/// What is to be the same on all boxes of a cluster, and is changed on one.
fn difference(random: &mut Random, settings: Settings) -> Change {
    match random.within(0, 3) {
        0 => Change::List(random.index(LIST_COUNT)),
        1 if settings.interval.span().subsec_nanos() == 0 => {
            let other = if settings.version == Version::V2 { Version::V3 } else { Version::V2 };
            Change::Version(other)
        }
        2 => {
            let centiseconds = settings.interval.as_centiseconds() * random.within(2, 3) as u16;
            Change::Interval(AdvertInterval::from_centiseconds(centiseconds).unwrap_or(settings.interval))
        }
        _ => change(random, settings),
    }
}
