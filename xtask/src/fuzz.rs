//! `cargo xtask fuzz`: libFuzzer over the targets of the crate `fuzz`.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, bail, ensure};
use clap::Args;

use crate::{
    cargo::{self, Cargo, checked},
    setup::{self, Scope},
    toolchain,
};

/// What cargo-fuzz sets without a sanitizer: LLVM counts edges and reports comparisons, which a stable compiler can do.
/// The address sanitizer needs a nightly, and the code under test has no unsafe block.
const INSTRUMENTATION: [&str; 7] = [
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Ccodegen-units=1",
    "-Cdebug-assertions",
];

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// What to feed: a directory of fuzz/corpus. All of them, one after the other, if none is named.
    #[arg(value_name = "TARGET", value_parser = known)]
    targets: Vec<String>,
    /// How long each.
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..))]
    seconds: u32,
}

/// Targets and directories with more inputs for them: texts that are kept for another purpose are not copied, so that
/// they have every key that there is.
const ELSEWHERE: [(&str, &str); 2] = [("config", "examples"), ("config", "vrrp-config/tests/config")];

fn corpora() -> PathBuf {
    cargo::root().join("fuzz/corpus")
}

fn all() -> Vec<String> {
    let entries = fs::read_dir(corpora()).into_iter().flatten().filter_map(Result::ok);
    let mut names: Vec<_> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

fn known(name: &str) -> Result<String, String> {
    let all = all();
    if all.iter().any(|known| known == name) {
        return Ok(name.to_owned());
    }
    Err(format!("no such target; there are {}", all.join(", ")))
}

/// Stops at the first target for which an input fails, and says where that is.
pub(crate) fn command(arguments: &Arguments) -> anyhow::Result<()> {
    let cargo = setup::ensure(Scope::Fuzz)?;
    let directory = cargo::target_directory()?.join("fuzz");
    let program = build(&cargo, &directory)?;
    let named = if arguments.targets.is_empty() { all() } else { arguments.targets.clone() };
    ensure!(!named.is_empty(), "no corpus in {}", corpora().display());
    for target in &named {
        run(&program, target, arguments.seconds, &directory)?;
    }
    Ok(())
}

/// In a directory of its own, since every dependency is instrumented; not the build scripts, for which the triple is
/// named.
fn build(cargo: &Cargo, directory: &Path) -> anyhow::Result<PathBuf> {
    let version = toolchain::stdout_of("rustc", &["-vV"]).context("rustc does not run")?;
    let triple =
        version.lines().find_map(|line| line.strip_prefix("host: ")).context("rustc names no host")?;
    let mut build = cargo.command(&["build", "--release", "--package", "fuzz", "--features", "libfuzzer"]);
    build.args(["--target", triple, "--target-dir"]).arg(directory);
    // The targets are host code: they need no XDP program.
    build.env("AYA_BUILD_SKIP", "1").env("CARGO_ENCODED_RUSTFLAGS", INSTRUMENTATION.join("\x1f"));
    checked(&mut build)?;
    Ok(directory.join(triple).join("release/fuzz"))
}

/// What it learns stays beside the build; what is committed is only read.
fn run(program: &Path, target: &str, seconds: u32, directory: &Path) -> anyhow::Result<()> {
    let (learned, failed) = (directory.join("corpus").join(target), directory.join("failed").join(target));
    fs::create_dir_all(&learned)?;
    fs::create_dir_all(&failed)?;
    eprintln!("\n== {target}: {seconds} s");
    let mut fuzzer = Command::new(program);
    fuzzer.env("VRRPD_FUZZ_TARGET", target);
    fuzzer.args([format!("-max_total_time={seconds}"), format!("-artifact_prefix={}/", failed.display())]);
    fuzzer.args(["-timeout=10", "-rss_limit_mb=1024", "-print_final_stats=1"]);
    let dictionary = cargo::root().join("fuzz/dictionaries").join(format!("{target}.dict"));
    if dictionary.is_file() {
        fuzzer.arg(format!("-dict={}", dictionary.display()));
    }
    fuzzer.arg(&learned).arg(corpora().join(target));
    let more = ELSEWHERE.iter().filter(|(of, _)| *of == target);
    fuzzer.args(more.map(|(_, directory)| cargo::root().join(directory)));
    if checked(&mut fuzzer).is_err() {
        bail!(
            "an input of {target} fails; it is the newest file in {failed}\nonce more: VRRPD_FUZZ_TARGET={target} \
             {program} FILE\nwhen it is mended, keep the file in fuzz/corpus/{target}: `cargo xtask test` replays it",
            failed = failed.display(),
            program = program.display(),
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{all, known};

    #[test]
    fn the_targets_are_the_committed_corpora() {
        assert!(all().iter().any(|name| name == "receive"));
        assert_eq!(known("receive"), Ok("receive".to_owned()));
        assert!(known("recieve").is_err_and(|error| error.contains("receive")));
    }
}
