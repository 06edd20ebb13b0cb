//! Which Rust compiler can build the XDP program.
//!
//! It must have the sources of `core`, because nobody ships `core` for BPF, and an LLVM that the linker can read.
//! Being a nightly is not needed: the build script turns the one unstable flag on.

use std::{
    env,
    ffi::OsStr,
    path::{Path, PathBuf},
    process::Command,
};

/// The nightly that is installed where none is: dated, so that its LLVM stays the linker's.
pub(crate) const NIGHTLY: &str = "nightly-2026-05-20";

/// The LLVM that bpf-linker is built with. It reads what this and older ones wrote.
pub(crate) const LLVM_MAJOR: u32 = 22;

/// Where cargo installs programs.
pub(crate) fn cargo_bin() -> Option<PathBuf> {
    let home = env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| env::home_dir().map(|home| home.join(".cargo")))?;
    Some(home.join("bin"))
}

/// The toolchain to build the XDP program with, as a rustup name or a path, if the machine has one.
///
/// `EBPF_TOOLCHAIN` overrides the choice. Without rustup there is no choice: the compiler on PATH or none.
pub(crate) fn for_ebpf() -> Option<String> {
    let candidates = match env::var("EBPF_TOOLCHAIN") {
        Ok(chosen) => vec![chosen],
        Err(_) => vec!["nightly".to_owned(), NIGHTLY.to_owned(), "/usr".to_owned()],
    };
    candidates.into_iter().find(|toolchain| builds_ebpf(toolchain))
}

/// Whether a program of this name can be run.
pub(crate) fn on_path(program: &str) -> bool {
    let Some(path) = env::var_os("PATH") else { return false };
    env::split_paths(&path).any(|directory| directory.join(program).is_file())
}

/// A command's standard output if it succeeds.
pub(crate) fn stdout_of<S: AsRef<OsStr>>(program: &str, arguments: &[S]) -> Option<String> {
    let output = Command::new(program)
        .args(arguments)
        .env_remove("RUSTC")
        .env("RUSTUP_AUTO_INSTALL", "0")
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    String::from_utf8(output.stdout).ok()
}

fn builds_ebpf(toolchain: &str) -> bool {
    let rustc = |arguments: &[&str]| {
        if on_path("rustup") {
            stdout_of("rustup", &[&["run", toolchain, "rustc"], arguments].concat())
        } else {
            stdout_of("rustc", arguments)
        }
    };
    let has_core = |sysroot: String| {
        Path::new(sysroot.trim()).join("lib/rustlib/src/rust/library/core/src/lib.rs").is_file()
    };
    // rustup takes any directory for a toolchain and finds no compiler in it only when it runs one.
    if toolchain == "/usr" && !Path::new("/usr/bin/rustc").is_file() && on_path("rustup") {
        return false;
    }
    rustc(&["--print", "sysroot"]).is_some_and(has_core)
        && rustc(&["-vV"]).as_deref().and_then(llvm_major).is_some_and(|major| major <= LLVM_MAJOR)
}

/// The major version in `rustc -vV`'s line `LLVM version: 22.1.4`.
fn llvm_major(version: &str) -> Option<u32> {
    let llvm = version.lines().find_map(|line| line.strip_prefix("LLVM version: "))?;
    llvm.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::llvm_major;

    #[test]
    fn the_llvm_version_is_read_from_rustc() {
        assert_eq!(llvm_major("rustc 1.97.0\nrelease: 1.97.0\nLLVM version: 22.1.4\n"), Some(22));
        assert_eq!(llvm_major("rustc 1.97.0\n"), None);
    }
}
