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
mod figure;
mod floor;
mod hogs;
mod process;
pub mod report;
pub mod scale;
pub mod takeover;

use std::path::PathBuf;

use anyhow::Result;

pub use figure::Figure;
pub use report::{Report, Target};

/// What can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Suite {
    /// The master fails, in every way.
    Takeover,
    /// Many routers.
    Scale,
    /// A flood of ARP requests.
    Arp,
}

impl Suite {
    /// All, in the order in which they are run.
    pub const ALL: [Self; 3] = [Self::Takeover, Self::Scale, Self::Arp];

    /// As it is typed.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Takeover => "takeover",
            Self::Scale => "scale",
            Self::Arp => "arp",
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
            match suite {
                Suite::Takeover => takeover::run(self, &mut report)?,
                Suite::Scale => scale::run(self, &mut report)?,
                Suite::Arp => arp::run(self, &mut report)?,
            }
        }
        report.finish();
        Ok(report)
    }
}

/// One line for whoever waits.
fn progress(line: &str) {
    eprintln!("{line}");
}
