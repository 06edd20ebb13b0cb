//! `cargo xtask setup`, and what every other subcommand calls first.
//!
//! A table of needs, probes that say which are missing, a pure plan, and steps that say what they install and why.

use anyhow::{Context as _, bail};

mod install;
mod needs;
mod plan;
mod policy;
mod probe;

pub(crate) use needs::Scope;
pub(crate) use plan::as_root;
pub(crate) use probe::is_root;

use crate::cargo::Cargo;
use plan::{Facts, Rustup, Step};

/// Installs what is missing, and returns cargo ready to build. Nothing is missing: nothing is done or said.
pub(crate) fn ensure(scope: Scope) -> anyhow::Result<Cargo> {
    policy::remove_leftover();
    let (facts, ebpf_compiler) = probe::facts(scope);
    if let (Some(toolchain), []) = (ebpf_compiler, &facts.missing[..]) {
        return Ok(Cargo::new(toolchain));
    }
    carry_out(&facts)?;
    let (facts, ebpf_compiler) = probe::facts(scope);
    if !facts.missing.is_empty() {
        let names: Vec<_> = facts.missing.iter().map(|need| need.name).collect();
        bail!("installed, but still not found: {}. Is what provides it on the PATH?", names.join(", "));
    }
    eprintln!("setup: done");
    Ok(Cargo::new(ebpf_compiler.context("no eBPF compiler")?))
}

/// Does the plan's steps; where rustup cannot download a compiler, those of the plan without it.
fn carry_out(facts: &Facts) -> anyhow::Result<()> {
    let steps = plan::steps(facts);
    if let Some(obstacle) = plan::obstacle(facts, &steps) {
        bail!(obstacle);
    }
    for step in &steps {
        match install::apply(step) {
            Err(_reported_by_rustup) if *step == Step::Nightly && facts.apt => {
                eprintln!("setup: rustup cannot provide the toolchain; taking Debian's compiler instead");
                return carry_out(&Facts { rustup: Rustup::Refused, ..facts.clone() });
            }
            outcome => outcome?,
        }
    }
    Ok(())
}

/// Prints the table and fails if anything is missing. Changes nothing.
pub(crate) fn check(scope: Scope) -> anyhow::Result<()> {
    let (facts, _) = probe::facts(scope);
    for need in probe::needed(scope) {
        let state = if facts.missing.contains(&need) { "MISSING" } else { "found" };
        println!("{state:<8} {:<14} {}", need.name, need.why);
    }
    match facts.missing.len() {
        0 => Ok(()),
        missing => bail!("{missing} missing; `cargo xtask setup` installs them"),
    }
}
