//! `cargo xtask sim`: seeds of the simulation, and how each ends.

use std::{
    io::{self, Write as _},
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context as _, bail};
use clap::Args;
use simulation::{Failure, Mutation, Scenario, run, sweep};

/// Seeds that are tried when none is named.
const FRESH: u64 = 20_000;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The first seed; without it, seeds that nobody has tried.
    #[arg(long)]
    seed: Option<u64>,
    /// How many seeds, one after the other [default: 1 with --seed, 20000 without].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    seeds: Option<u64>,
    /// Show every event of the first seed.
    #[arg(long)]
    trace: bool,
    /// With a deliberate defect, to see how it is found; `list` names them.
    #[arg(long, value_name = "DEFECT", value_parser = defect)]
    defect: Option<Defect>,
}

#[derive(Clone, Copy, Debug)]
enum Defect {
    List,
    One(Mutation),
}

fn defect(name: &str) -> Result<Defect, String> {
    match (name, Mutation::named(name)) {
        ("list", _) => Ok(Defect::List),
        (_, Some(mutation)) => Ok(Defect::One(mutation)),
        (_, None) => Err("no defect has this name; `--defect list` shows all".to_owned()),
    }
}

/// Needs no root and nothing that is not compiled into this program.
pub(crate) fn command(arguments: &Arguments) -> anyhow::Result<()> {
    let mutation = match arguments.defect {
        Some(Defect::List) => {
            list();
            return Ok(());
        }
        Some(Defect::One(mutation)) => Some(mutation),
        None => None,
    };
    let first = arguments.seed.map_or_else(unused, Ok)?;
    let count = arguments.seeds.unwrap_or(if arguments.seed.is_some() { 1 } else { FRESH });
    if arguments.trace || count == 1 {
        show(first, mutation, arguments.trace).or_else(unread)?;
    }
    let end = first.checked_add(count).context("seeds end at 2^64")?;
    let began = Instant::now();
    let outcome = sweep(first..end, mutation);
    match outcome.failure {
        Some(failure) => report(&failure),
        None => {
            let seconds = began.elapsed().as_secs_f64();
            eprintln!(
                "{count} seeds from {first} on keep every invariant ({} events, {seconds:.1} s)",
                outcome.events
            );
            Ok(())
        }
    }
}

fn list() {
    for mutation in Mutation::ALL {
        println!("{mutation:<26}{}", mutation.what());
    }
}

/// The scenario, and with `trace` every event of its run.
fn show(seed: u64, mutation: Option<Mutation>, trace: bool) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let scenario = Scenario::new(seed);
    writeln!(out, "seed {seed}\n\n{scenario}")?;
    if trace {
        for line in run(&scenario, mutation, true).trace {
            writeln!(out, "{line}")?;
        }
        writeln!(out)?;
    }
    Ok(())
}

/// A pager that was left early is no error.
fn unread(error: io::Error) -> anyhow::Result<()> {
    if error.kind() == io::ErrorKind::BrokenPipe { Ok(()) } else { Err(error.into()) }
}

fn report(failure: &Failure) -> anyhow::Result<()> {
    write!(io::stdout(), "{failure}").or_else(unread)?;
    bail!("seed {} breaks an invariant: {}", failure.seed, failure.violation);
}

/// Other seeds in every second.
fn unused() -> anyhow::Result<u64> {
    Ok(SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs() * FRESH)
}

#[cfg(test)]
mod tests {
    use super::{Defect, defect};

    #[test]
    fn a_defect_is_known_by_its_name() {
        assert!(matches!(defect("LeaseTooLong"), Ok(Defect::One(simulation::Mutation::LeaseTooLong))));
        assert!(matches!(defect("list"), Ok(Defect::List)));
        assert!(defect("leasetoolong").is_err());
    }
}
