//! `cargo xtask test`: what a change must pass, in the order in which failures are cheapest.
//!
//! Lints, documentation and tests share one profile, the one with overflow checks, so that everything is compiled
//! once for them; only the daemon that the end-to-end tests start is the optimised one that users get.

use std::{
    io::{self, BufRead as _, BufReader, Write as _},
    path::Path,
    process::Command,
};

use anyhow::{Context as _, bail, ensure};

use crate::{
    cargo::{Cargo, checked, typed},
    setup::{self, Scope},
    toolchain,
};

pub(crate) mod tally;

use tally::Tally;

/// Every step, stopping at the first that fails.
pub(crate) fn command(fast: bool, filters: &[String]) -> anyhow::Result<()> {
    if !fast && !setup::is_root() {
        bail!(
            "the end-to-end tests need root. Type\n\n  {}\n\nor leave them out: cargo xtask test --fast",
            setup::as_root("test")
        );
    }
    announce("set-up");
    let cargo = setup::ensure(if fast { Scope::Check } else { Scope::Test })?;
    static_checks(&cargo)?;

    announce("daemon");
    let daemon = cargo.build_daemon(true)?;
    eprintln!("{}", daemon.display());

    announce("unit tests");
    let mut units = cargo.command(&["test", "--workspace", "--no-fail-fast"]);
    units.args(["--exclude", "vrrp-ebpf", "--exclude", "tests", "--"]).args(filters);
    units.env("VRRPD_BIN", &daemon);
    let mut tally = counted(&mut units)?;

    if !fast {
        announce("end-to-end tests");
        // They measure time, so nothing runs beside them.
        let mut end_to_end = cargo.command(&["test", "--package", "tests", "--no-fail-fast"]);
        end_to_end.args(["--", "--test-threads=1"]).args(filters).env("VRRPD_BIN", &daemon);
        let outcome = run(&mut end_to_end)?;
        ensure!(outcome.tally.passed > 0 || !filters.is_empty(), "not one end-to-end test ran");
        tally += outcome.tally;
        if !outcome.succeeded {
            tally += second_try(&cargo, &daemon, &outcome)?;
            // They passed in the end.
            tally.failed -= outcome.tally.failed;
        }
    }
    ensure!(tally.passed > 0, "no test has a name with {}", filters.join(" or "));
    println!("\nall steps passed; {tally}");
    Ok(())
}

fn static_checks(cargo: &Cargo) -> anyhow::Result<()> {
    announce("format");
    checked(&mut cargo.command(&["fmt", "--all", "--check"]))?;

    announce("lints");
    checked(&mut cargo.command(&[
        "clippy",
        "--workspace",
        "--all-targets",
        "--keep-going",
        "--",
        "-Dwarnings",
    ]))?;

    announce("documentation");
    checked(
        cargo.command(&["doc", "--workspace", "--no-deps", "--keep-going"]).env("RUSTDOCFLAGS", "-Dwarnings"),
    )?;

    announce("licences, advisories, sources");
    if toolchain::on_path("cargo-deny") {
        checked(&mut cargo.command(&["deny", "--workspace", "check"]))
    } else {
        eprintln!("skipped: cargo-deny is not installed (cargo install cargo-deny)");
        Ok(())
    }
}

fn announce(step: &str) {
    eprintln!("\n== {step}");
}

/// Most end-to-end tests that are run again.
const SECOND_TRIES: usize = 3;

/// End-to-end tests hold real daemons to milliseconds; a machine that stops for longer than their intervals fails them
/// without a fault of theirs. So a few that failed are run once more, one after the other, and both outcomes are told.
fn second_try(cargo: &Cargo, daemon: &Path, first: &Outcome) -> anyhow::Result<Tally> {
    let failed = &first.failed;
    ensure!((1..=SECOND_TRIES).contains(&failed.len()), "end-to-end tests failed; {}", first.tally);
    announce("end-to-end tests that failed, once more");
    let mut again = cargo.command(&["test", "--package", "tests", "--no-fail-fast"]);
    again.args(["--", "--test-threads=1", "--exact"]).args(failed).env("VRRPD_BIN", daemon);
    let tally = counted(&mut again)?;
    ensure!(tally.passed == failed.len() as u64, "not every failed test was run again; {tally}");
    for name in failed {
        eprintln!("FLAKY: {name} failed, and passed when it was run again; its first output is above");
    }
    Ok(tally)
}

/// What a run of tests came to.
struct Outcome {
    tally: Tally,
    /// Names of the tests that failed.
    failed: Vec<String>,
    succeeded: bool,
}

/// Runs tests that all must pass.
fn counted(command: &mut Command) -> anyhow::Result<Tally> {
    let line = typed(command);
    let outcome = run(command)?;
    ensure!(outcome.succeeded, "`{line}` failed; {}", outcome.tally);
    Ok(outcome.tally)
}

/// Runs tests, showing their output as it comes, and adds up what the runners say.
fn run(command: &mut Command) -> anyhow::Result<Outcome> {
    // One pipe for both, so that cargo's lines stay above the tests they announce.
    let (reader, writer) = io::pipe()?;
    let mut child =
        command.stdout(writer.try_clone()?).stderr(writer).spawn().context("cannot start cargo")?;
    // The command keeps the writing ends open; without this there would be no end of file.
    command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());

    let mut tally = Tally::default();
    let mut failed = Vec::new();
    let mut out = io::stdout().lock();
    for line in BufReader::new(reader).split(b'\n') {
        let line = line?;
        out.write_all(&line)?;
        out.write_all(b"\n")?;
        let line = String::from_utf8_lossy(&line);
        tally += Tally::of_line(&line);
        failed.extend(tally::failed_test(&line).map(str::to_owned));
    }
    failed.sort();
    failed.dedup();
    Ok(Outcome { tally, failed, succeeded: child.wait()?.success() })
}
