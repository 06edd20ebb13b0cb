//! Everything a person or a machine does with this repository: set it up, build it, see it at work, test it.
//!
//! A module per subcommand. Nothing here knows the protocol or the daemon's insides; the lab and the tests are
//! the `tests` crate's, the daemon is a file that cargo built.

use std::{env, ffi::OsString, process::ExitCode};

use clap::{Parser, Subcommand};

mod bench;
mod build;
mod cargo;
mod chaos;
mod fuzz;
mod run;
mod setup;
mod sim;
mod test;
mod toolchain;
mod vm;

use crate::setup::Scope;

#[derive(Debug, Parser)]
#[command(name = "cargo xtask", about = "Set up, build, run and test vrrpd")]
struct Arguments {
    #[command(subcommand)]
    command: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Install what building, running and testing need; the second time there is nothing to do.
    Setup {
        /// Only report what is there and what is missing; fail if anything is.
        #[arg(long)]
        check: bool,
    },
    /// Build the daemon with its XDP program embedded and print where it is: one file to copy to a gateway.
    Build {
        /// Optimise.
        #[arg(long)]
        release: bool,
    },
    /// Show the product at work: a failover between two routers in network namespaces.
    ///
    /// With arguments after `--`, run the daemon itself in the foreground: `cargo xtask run -- --iface eth0`.
    Run {
        /// Arguments for vrrpd.
        #[arg(last = true, value_name = "VRRPD ARGUMENTS")]
        arguments: Vec<OsString>,
    },
    /// Feed libFuzzer's inputs to what takes bytes from outside.
    Fuzz(fuzz::Arguments),
    /// Measure vrrpd beside keepalived; writes `report.html` and `report.json` to `target/bench`.
    Bench(bench::Arguments),
    /// Simulate failures of several routers, from a seed: what is broken is shown with the least that breaks it.
    Sim(sim::Arguments),
    /// Break three routers at random in every way, for minutes, and judge the wire. A seed repeats a schedule.
    Chaos(chaos::Arguments),
    /// Boot the distribution's own kernel under emulation: load the programs, run every verdict and one failover.
    Vm(vm::Arguments),
    /// Check format, lints and documentation, build the daemon and run every test.
    Test {
        /// Leave out the end-to-end tests, which need root and minutes.
        #[arg(long)]
        fast: bool,
        /// Run only tests whose name contains one of these.
        filters: Vec<String>,
    },
}

fn main() -> ExitCode {
    widen_path();
    let outcome = match Arguments::parse().command {
        Task::Setup { check: true } => setup::check(Scope::Test),
        Task::Setup { check: false } => setup::ensure(Scope::Test).map(drop),
        Task::Build { release } => build::command(release),
        Task::Run { arguments } => run::command(&arguments),
        Task::Bench(arguments) => bench::command(&arguments),
        Task::Fuzz(arguments) => fuzz::command(&arguments),
        Task::Sim(arguments) => sim::command(&arguments),
        Task::Chaos(arguments) => chaos::command(&arguments),
        Task::Vm(arguments) => vm::command(&arguments),
        Task::Test { fast, filters } => test::command(fast, &filters),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\nerror: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Appends the directories that `ip`, `bpftool` and `bpf-linker` live in, which not every shell has on its PATH:
/// what is installed must be found by the probes, by cargo and by the lab alike.
fn widen_path() {
    let mut directories: Vec<_> =
        env::var_os("PATH").iter().flat_map(|path| env::split_paths(path).collect::<Vec<_>>()).collect();
    let fixed = ["/usr/local/sbin", "/usr/sbin", "/sbin"].map(Into::into);
    for directory in toolchain::cargo_bin().into_iter().chain(fixed) {
        if !directories.contains(&directory) {
            directories.push(directory);
        }
    }
    if let Ok(path) = env::join_paths(directories) {
        // SAFETY: this is the first thing the process does, while it has one thread.
        unsafe { env::set_var("PATH", path) };
    }
}
