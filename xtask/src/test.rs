//! `cargo xtask test`: what a change must pass, in the order in which failures are cheapest.
//!
//! Lints, documentation and tests share one profile, the one with overflow checks, so that everything is compiled
//! once for them; only the daemon that the end-to-end tests start is the optimised one that users get.

use std::{
    io::{self, BufRead as _, BufReader, Write as _},
    process::Command,
};

use anyhow::{Context as _, bail, ensure};

use crate::{
    cargo::{Cargo, checked, typed},
    setup::{self, Scope},
    toolchain,
};

pub(crate) mod tally;

use tally::{Failures, Tally};

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
    let units = || {
        let mut units = cargo.command(&["test", "--workspace", "--no-fail-fast"]);
        units.args(["--exclude", "vrrp-ebpf", "--exclude", "tests", "--"]).env("VRRPD_BIN", &daemon);
        units
    };
    let mut tally = twice(units, filters)?;

    if !fast {
        announce("end-to-end tests");
        // They measure time, so nothing runs beside them.
        let end_to_end = || {
            let mut tests = cargo.command(&["test", "--package", "tests", "--no-fail-fast"]);
            tests.args(["--", "--test-threads=1"]).env("VRRPD_BIN", &daemon);
            tests
        };
        let passed = twice(end_to_end, filters)?;
        ensure!(passed.passed > 0 || !filters.is_empty(), "not one end-to-end test ran");
        tally += passed;
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

/// Most tests of one step that are run again.
const SECOND_TRIES: usize = 3;

/// Runs tests that all must pass. Many hold real programs to milliseconds; a machine that stops for longer than that fails
/// them without a fault of theirs. So a few that failed are run once more, and both outcomes are told.
fn twice(tests: impl Fn() -> Command, filters: &[String]) -> anyhow::Result<Tally> {
    let mut command = tests();
    let line = typed(command.args(filters));
    let first = run(&mut command)?;
    if first.succeeded {
        return Ok(first.tally);
    }
    let failed = &first.failed;
    let told = failed.len() as u64 == first.tally.failed;
    let few = (1..=SECOND_TRIES).contains(&failed.len());
    ensure!(told && few, "`{line}` failed; {}", first.tally);
    announce("what failed, once more");
    let mut again = tests();
    let tally = counted(again.arg("--exact").args(failed))?;
    // Two crates may have a test of one name.
    ensure!(tally.passed >= first.tally.failed, "not every failed test was run again; {tally}");
    for name in failed {
        eprintln!("FLAKY: {name} failed, and passed when it was run again; its first output is above");
    }
    Ok(Tally { passed: first.tally.passed + first.tally.failed, failed: 0, ..first.tally })
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
    let mut failed = Failures::default();
    let mut out = io::stdout().lock();
    for line in BufReader::new(reader).split(b'\n') {
        let line = line?;
        out.write_all(&line)?;
        out.write_all(b"\n")?;
        let line = String::from_utf8_lossy(&line);
        tally += Tally::of_line(&line);
        failed.line(&line);
    }
    Ok(Outcome { tally, failed: failed.names, succeeded: child.wait()?.success() })
}
