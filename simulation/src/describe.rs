//! A scenario in words.

use std::fmt;

use vrrp_common::wire::vrrp::ChecksumForm;

use crate::{
    faults::{Change, Kind, Speech, Trouble},
    network::Quality,
    scenario::{Plan, Scenario},
    trace::Instant,
};

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (delay, quiet, end) = (self.quality.max_delay / 1000, Instant(self.quiet), Instant(self.end));
        writeln!(
            f,
            "{} hosts; a frame takes up to {delay} µs; quiet from {quiet} on, until {end}",
            self.plans.len()
        )?;
        for (host, plan) in self.plans.iter().enumerate() {
            writeln!(f, "  host {host}: {plan}")?;
        }
        if !self.quality.is_calm() {
            writeln!(f, "  the LAN: {}", self.quality)?;
        }
        self.troubles.iter().try_for_each(|trouble| writeln!(f, "  {trouble}"))
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let settings = self.settings;
        let (version, priority, interval) = (settings.version.as_u8(), settings.priority, settings.interval);
        write!(f, "{} version {version}, priority {priority}, adverts every {interval}", self.source)?;
        if !settings.preempt {
            f.write_str(", does not preempt")?;
        }
        if !settings.preempt_delay.is_zero() {
            write!(f, ", preempts after {:?}", settings.preempt_delay)?;
        }
        if self.checksum == ChecksumForm::MessageOnly {
            f.write_str(", checksum over the message alone")?;
        }
        if self.list != 0 {
            write!(f, ", list {}", self.list)?;
        }
        if self.rfc_discards {
            f.write_str(", discards what differs")?;
        }
        if self.settings.probe_limit > 0 {
            f.write_str(", asks before a takeover")?;
        }
        if self.ppm != 0 {
            write!(f, ", clock {:+} ppm", self.ppm)?;
        }
        write!(f, ", starts at {}", Instant(self.starts))
    }
}

impl fmt::Display for Quality {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [
            (self.loss, "lost"),
            (self.duplication, "doubled"),
            (self.reordering, "late and out of order"),
            (self.flips, "with a bit flipped"),
        ];
        let words: Vec<_> = parts
            .iter()
            .filter(|(per_mille, _)| *per_mille > 0)
            .map(|(per_mille, what)| format!("{per_mille} of 1000 frames {what}"))
            .collect();
        f.write_str(&words.join(", "))
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "from {} host {} {}", Instant(self.begins), self.host, self.kind)?;
        match self.ends {
            Some(ends) => write!(f, ", until {}", Instant(ends)),
            None => f.write_str(", for good"),
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kill => f.write_str("has no daemon (killed)"),
            Self::PowerOff => f.write_str("is off"),
            Self::Pause => f.write_str("is paused"),
            Self::Stop => f.write_str("is stopped"),
            Self::Fault => f.write_str("has its interface down"),
            Self::Restart { change, silent } => {
                let silent = if *silent { ", as from a version that keeps no interval" } else { "" };
                write!(f, "is killed and started again with {change}{silent}")
            }
            Self::MoveAndStop => f.write_str("changes its source address and is stopped"),
            Self::Stranger { period } => {
                write!(f, "hears, as all do, a stranger say farewell every {} µs", period / 1_000)
            }
            Self::Rival { speech, period, flaps } => {
                let others = if *flaps { ", or near that" } else { "" };
                write!(f, "hears, as all do, a stranger every {} µs: {speech}{others}", period / 1_000)
            }
            Self::Lossy { to, per_mille } => {
                write!(f, "is not heard by host {to} with {per_mille} of 1000 frames")
            }
            Self::Sleep => f.write_str("is suspended"),
            Self::Filtered => f.write_str("hears no adverts"),
            Self::Gap => f.write_str("hears nobody"),
            Self::SlowPort { hello, shut } => {
                let (hello, shut) = (hello / 1_000, shut / 1_000);
                write!(
                    f,
                    "has its link down, and then a port that lets nothing through for {shut} µs but its switch's hello, every {hello} µs"
                )
            }
            Self::OneWay { to } => write!(f, "is not heard by host {to}"),
            Self::Configure(change) => write!(f, "is configured with {change}"),
        }
    }
}

impl fmt::Display for Speech {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { priority, interval, source } = self;
        write!(f, "{source} is master with priority {priority}, adverts every {interval}")
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Priority(priority) => write!(f, "priority {priority}"),
            Self::Interval(interval) => write!(f, "adverts every {interval}"),
            Self::Move => f.write_str("its other source address"),
            Self::Version(version) => write!(f, "version {}", version.as_u8()),
            Self::List(list) => write!(f, "list {list}"),
            Self::Preempt(true) => f.write_str("preempt"),
            Self::Preempt(false) => f.write_str("no preempt"),
        }
    }
}
