//! What this machine has.

use std::{env, path::Path};

use super::{
    needs::{Kind, NEEDS, Need, Scope},
    plan::{Facts, Rustup},
};
use crate::toolchain;

/// The oldest bpf-linker whose output has been tested: major and minor version.
const LINKER_VERSION: (u32, u32) = (0, 13);

/// Everything the plan depends on, and the eBPF compiler if there is one.
pub(super) fn facts(scope: Scope) -> (Facts, Option<String>) {
    let ebpf_compiler = toolchain::for_ebpf();
    let missing = needed(scope).filter(|need| !is_there(need, ebpf_compiler.is_some())).collect();
    let facts = Facts {
        root: is_root(),
        apt: toolchain::on_path("apt-get"),
        rustup: if toolchain::on_path("rustup") { Rustup::Present } else { Rustup::Absent },
        llvm: env::var_os("LLVM_PREFIX").is_some() || has_debian_llvm(),
        missing,
    };
    (facts, ebpf_compiler)
}

/// The needs of a scope.
pub(super) fn needed(scope: Scope) -> impl Iterator<Item = &'static Need> {
    NEEDS.iter().filter(move |need| scope.includes(need.scope))
}

/// Whether this process may install packages, make namespaces and load programs.
pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

fn is_there(need: &Need, ebpf_compiler: bool) -> bool {
    match need.kind {
        Kind::EbpfCompiler => ebpf_compiler,
        Kind::BpfLinker => toolchain::stdout_of("bpf-linker", &["--version"])
            .as_deref()
            .and_then(major_minor)
            .is_some_and(|version| version >= LINKER_VERSION),
        Kind::Component { subcommand, .. } => {
            toolchain::stdout_of("cargo", &[subcommand, "--version"]).is_some()
        }
        Kind::Program { any_of, .. } => any_of.iter().any(|program| {
            if program.starts_with('/') { Path::new(program).is_file() } else { toolchain::on_path(program) }
        }),
    }
}

/// Not only LLVM itself: Debian's packages of it leave out what it was linked with.
fn has_debian_llvm() -> bool {
    let libraries =
        ["/usr/lib/llvm-22/bin/llvm-config", "/usr/lib/llvm-22/lib/libPolly.a", "/usr/include/zstd.h"];
    libraries.iter().chain(&["/usr/include/zlib.h"]).all(|file| Path::new(file).exists())
}

/// The version in `bpf-linker 0.13.0`.
fn major_minor(output: &str) -> Option<(u32, u32)> {
    let mut numbers = output.split_whitespace().nth(1)?.split('.').map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_linkers_version_is_read_from_its_output() {
        assert_eq!(major_minor("bpf-linker 0.13.0\n"), Some((0, 13)));
        assert_eq!(major_minor("bpf-linker 1.0.0-rc.1 (abc)\n"), Some((1, 0)));
        assert_eq!(major_minor("bpf-linker\n"), None);
    }

    #[test]
    fn a_build_needs_no_peers() {
        assert_eq!(
            needed(Scope::Build).map(|need| need.name).collect::<Vec<_>>(),
            ["eBPF compiler", "bpf-linker"]
        );
        assert_eq!(needed(Scope::Run).count(), 3);
        assert_eq!(needed(Scope::Test).count(), NEEDS.len() - 4);
        assert_eq!(needed(Scope::Fuzz).map(|need| need.name).last(), Some("g++"));
        assert!(needed(Scope::Vm).all(|need| need.name != "keepalived"));
    }
}
