//! Doing what the plan says, and saying so.

use std::process::{Command, Stdio};

use anyhow::{Context as _, bail};

use super::{
    needs::SERVICES,
    plan::{INSTALL_LINKER, Item, Step, names},
    policy::NoServices,
};
use crate::{
    cargo::{checked, typed},
    toolchain::{self, NIGHTLY},
};

/// Does one step.
pub(super) fn apply(step: &Step) -> anyhow::Result<()> {
    match step {
        Step::Nightly => nightly(),
        Step::Components(items) => components(items),
        Step::Packages(items) => packages(items),
        Step::Linker => linker(),
    }
}

fn nightly() -> anyhow::Result<()> {
    eprintln!("setup: installing the toolchain {NIGHTLY} with rust-src: compiles the XDP program");
    let mut rustup = Command::new("rustup");
    rustup.args(["toolchain", "install", NIGHTLY, "--profile", "minimal", "--component", "rust-src"]);
    // Where the download is not to be had there is another way, so there is no point in insisting.
    rustup.arg("--no-self-update").env("RUSTUP_MAX_RETRIES", "0").env_remove("RUST_BACKTRACE");
    attempt(&mut rustup)
}

fn components(items: &[Item]) -> anyhow::Result<()> {
    announce(items);
    attempt(Command::new("rustup").args(["component", "add"]).args(items.iter().map(|item| item.name)))
}

fn linker() -> anyhow::Result<()> {
    eprintln!("setup: installing bpf-linker 0.13.0: links the XDP program");
    let mut words = INSTALL_LINKER.split_whitespace();
    let (variable, prefix) =
        words.next().and_then(|word| word.split_once('=')).context("the linker's command")?;
    let mut cargo = Command::new(words.next().context("the linker's command")?);
    cargo.args(words);
    // Its build belongs in a directory of its own, and with an LLVM of the user's choice if there is one.
    cargo.env_remove("CARGO_TARGET_DIR");
    if std::env::var_os(variable).is_none() {
        cargo.env(variable, prefix);
    }
    attempt(&mut cargo)
}

fn packages(items: &[Item]) -> anyhow::Result<()> {
    announce(items);
    let names: Vec<_> = items.iter().map(|item| item.name).collect();
    let mut updated = false;
    if !can_be_installed(&names) {
        update()?;
        updated = true;
    }
    let services = NoServices::until_dropped()?;
    let mut outcome = install(&names);
    if outcome.is_err() && !updated {
        // The lists name versions that the mirror no longer has.
        update()?;
        outcome = install(&names);
    }
    drop(services);
    outcome?;
    disable_services(&names);
    Ok(())
}

/// Asks apt what it would do, without the network: lists that are missing or too old show here.
fn can_be_installed(packages: &[&str]) -> bool {
    apt_get(&["install", "--simulate", "--no-install-recommends"])
        .args(packages)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

fn update() -> anyhow::Result<()> {
    eprintln!("setup: updating apt's package lists");
    attempt(apt_get(&["update"]).arg("--quiet=2"))
}

fn install(packages: &[&str]) -> anyhow::Result<()> {
    let options = ["install", "--yes", "--quiet=2", "--no-install-recommends", "--option=Dpkg::Use-Pty=0"];
    attempt(apt_get(&options).args(packages).stdout(Stdio::null()))
}

fn apt_get(arguments: &[&str]) -> Command {
    let mut command = Command::new("apt-get");
    // A machine that has just come up may be updating itself.
    command.arg("--option=DPkg::Lock::Timeout=300");
    command.args(arguments).env("DEBIAN_FRONTEND", "noninteractive").stdin(Stdio::null());
    command
}

/// What was installed for the lab must not come up as a service at the next boot either.
fn disable_services(installed: &[&str]) {
    let units = SERVICES.iter().filter(|(package, _)| installed.contains(package)).map(|(_, unit)| *unit);
    let units: Vec<_> = units.collect();
    if units.is_empty() || !toolchain::on_path("systemctl") {
        return;
    }
    eprintln!("setup: disabling {}: the lab starts what it needs", units.join(" "));
    let status =
        Command::new("systemctl").args(["disable", "--quiet"]).args(&units).stderr(Stdio::null()).status();
    if !status.is_ok_and(|status| status.success()) {
        eprintln!(
            "setup: systemctl failed; if this machine boots with systemd: systemctl disable {}",
            units.join(" ")
        );
    }
}

/// One line for each reason, with what is installed for it.
fn announce(items: &[Item]) {
    for same in items.chunk_by(|one, next| one.why == next.why) {
        if let [first, ..] = same {
            eprintln!("setup: installing {}: {}", names(same), first.why);
        }
    }
}

/// Runs an installer. The user gets the command back: the cause is most often outside, and it can then be repeated.
fn attempt(command: &mut Command) -> anyhow::Result<()> {
    let Err(error) = checked(command) else { return Ok(()) };
    bail!("{error:#}.\nIs there a network? To see it fail, or to do it by hand:\n\n  {}", typed(command))
}
