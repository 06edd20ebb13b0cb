//! vrrpd measured beside keepalived: the same laboratory, the same run, turn by turn.
//!
//! A suite measures and hands [`Figure`]s to a [`Report`]; the report alone knows what they are compared with and how
//! they are shown. What is said of a daemon is read from the wire or from the kernel; only the time from decision to
//! flag is the daemon's own word, because nobody else can see the decision.
//!
//! Everything needs root and is removed afterwards, as in the laboratory of the `tests` crate.

pub mod arp;
mod bpf;
mod contender;
mod field;
mod figure;
mod flood;
mod floor;
mod hogs;
mod load;
mod pair;
mod process;
pub mod report;
mod roll_call;
pub mod scale;
pub mod service;
pub mod start;
pub mod takeover;

use std::{path::PathBuf, time::Instant};

use anyhow::Result;

pub use figure::Figure;
pub use report::{Remark, Report, Target};

/// What can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Suite {
    /// The master fails, in every way.
    Takeover,
    /// Many routers.
    Scale,
    /// A flood of ARP requests.
    Arp,
    /// HTTP behind the virtual address.
    Service,
    /// From the start of a daemon to its first answer.
    Start,
}

impl Suite {
    /// All, in the order in which they are run.
    pub const ALL: [Self; 5] = [Self::Takeover, Self::Scale, Self::Arp, Self::Service, Self::Start];

    /// As it is typed.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Takeover => "takeover",
            Self::Scale => "scale",
            Self::Arp => "arp",
            Self::Service => "service",
            Self::Start => "start",
        }
    }
}

/// What to run.
#[derive(Clone, Debug)]
pub struct Bench {
    /// The `vrrpd` to measure.
    pub vrrpd: PathBuf,
    /// Fewer rounds and shorter windows.
    pub quick: bool,
}

impl Bench {
    /// Runs suites one after the other.
    ///
    /// # Errors
    /// Without root, or if a daemon does not do what the suite waits for.
    pub fn run(&self, suites: &[Suite]) -> Result<Report> {
        let mut report = Report::new(self)?;
        for suite in suites {
            progress(&format!("== {}", suite.name()));
            let started = Instant::now();
            match suite {
                Suite::Takeover => takeover::run(self, &mut report)?,
                Suite::Scale => scale::run(self, &mut report)?,
                Suite::Arp => arp::run(self, &mut report)?,
                Suite::Service => service::run(self, &mut report)?,
                Suite::Start => start::run(self, &mut report)?,
            }
            report.took(suite.name(), started.elapsed());
            progress(&format!("== {}: {:.0} s", suite.name(), started.elapsed().as_secs_f64()));
        }
        report.finish();
        Ok(report)
    }
}

/// One line for whoever waits.
fn progress(line: &str) {
    eprintln!("{line}");
}
