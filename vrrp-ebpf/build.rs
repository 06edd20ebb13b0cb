//! Tells the linker that the target reads unaligned words, where the linker knows the word for it.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

/// One load for four unaligned bytes, instead of four loads, shifts and ors.
const FEATURE: &str = "--cpu-features=+allows-misaligned-mem-access";

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if env::var("CARGO_CFG_TARGET_ARCH").as_deref() != Ok("bpf") {
        return;
    }
    if let Some(linker) = on_path("bpf-linker") {
        println!("cargo::rerun-if-changed={}", linker.display());
        if knows_feature(&linker) {
            println!("cargo::rustc-link-arg-bins={FEATURE}");
        }
    }
}

fn on_path(program: &str) -> Option<PathBuf> {
    env::split_paths(&env::var_os("PATH")?).map(|dir| dir.join(program)).find(|path| path.is_file())
}

/// bpf-linker 0.13 with LLVM 22 has the feature. Its version does not tell which LLVM it was built with, so it links
/// nothing at all, an empty archive, and complains or not: an older one refuses the argument, an older LLVM warns.
fn knows_feature(linker: &Path) -> bool {
    let Some(dir) = env::var_os("OUT_DIR").map(PathBuf::from) else { return false };
    let empty = dir.join("empty.a");
    if fs::write(&empty, "!<arch>\n").is_err() {
        return false;
    }
    Command::new(linker)
        .args(["--target=bpfel", FEATURE, "-o"])
        .args([&dir.join("empty.o"), &empty])
        .output()
        .is_ok_and(|out| out.status.success() && out.stderr.is_empty())
}
