//! `cargo xtask chaos`.

use std::{
    io,
    time::{Duration, SystemTime},
};

use ::tests::chaos::{self, Plan};
use anyhow::bail;
use clap::Args;

use crate::setup::{self, Scope};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// For how long.
    #[arg(long, default_value_t = 3.0)]
    minutes: f64,
    /// Of the schedule of faults; the same seed, the same schedule. Without it another one each time.
    #[arg(long)]
    seed: Option<u64>,
    /// Interval of the adverts in milliseconds: 10 to 40950, in tens.
    #[arg(long, default_value_t = 20)]
    advert_int: u64,
    /// Go on after a violation.
    #[arg(long)]
    keep_going: bool,
}

/// Runs chaos with the optimised daemon; `VRRPD_BIN` names another one.
pub(crate) fn command(arguments: &Arguments) -> anyhow::Result<()> {
    if !setup::is_root() {
        bail!("namespaces and XDP need root. Type\n\n  {}", setup::as_root("chaos"));
    }
    if !(10..=40_950).contains(&arguments.advert_int) || !arguments.advert_int.is_multiple_of(10) {
        bail!("--advert-int {}: 10 to 40950 ms, in tens", arguments.advert_int);
    }
    let Ok(length) = Duration::try_from_secs_f64(arguments.minutes * 60.0) else {
        bail!("--minutes {}: not a length of time", arguments.minutes);
    };
    let cargo = setup::ensure(Scope::Test)?;
    let vrrpd = match std::env::var_os("VRRPD_BIN") {
        Some(other) => other.into(),
        None => cargo.build_daemon(true)?,
    };
    let plan = Plan {
        vrrpd,
        seed: arguments.seed.unwrap_or_else(fresh),
        length,
        advert_int: Duration::from_millis(arguments.advert_int),
        keep_going: arguments.keep_going,
    };
    chaos::run(&plan, &mut io::stdout().lock()).map(drop)
}

/// A seed that is easy to type.
fn fresh() -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    now.as_secs() % 1_000_000
}
