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

mod tally;

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
        let counts = counted(&mut end_to_end)?;
        ensure!(counts.passed > 0 || !filters.is_empty(), "not one end-to-end test ran");
        tally += counts;
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

/// Runs tests, showing their output as it comes, and adds up what the runners say.
fn counted(command: &mut Command) -> anyhow::Result<Tally> {
    // One pipe for both, so that cargo's lines stay above the tests they announce.
    let (reader, writer) = io::pipe()?;
    let line = typed(command);
    let mut child =
        command.stdout(writer.try_clone()?).stderr(writer).spawn().context("cannot start cargo")?;
    // The command keeps the writing ends open; without this there would be no end of file.
    command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());

    let mut tally = Tally::default();
    let mut out = io::stdout().lock();
    for line in BufReader::new(reader).split(b'\n') {
        let line = line?;
        out.write_all(&line)?;
        out.write_all(b"\n")?;
        tally += Tally::of_line(&String::from_utf8_lossy(&line));
    }
    let status = child.wait()?;
    ensure!(status.success(), "`{line}` failed; {tally}");
    Ok(tally)
}
