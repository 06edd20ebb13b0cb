//! Builds the eBPF object, which the daemon carries inside it, and leaves it at `$OUT_DIR/vrrp-ebpf`.
//!
//! Without the tools for it the object is empty, so that `cargo check` and editors work anywhere; the daemon says so
//! when it is started. `VRRPD_REQUIRE_EBPF=1`, which `cargo xtask` sets, makes it an error.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, bail};

/// The package, its program, and the file in `$OUT_DIR`.
const PACKAGE: &str = "vrrp-ebpf";
const REQUIRE: &str = "VRRPD_REQUIRE_EBPF";
const TOOLCHAIN: &str = "EBPF_TOOLCHAIN";
/// aya-build's own: it builds nothing then.
const SKIP: &str = "AYA_BUILD_SKIP";
/// What the object is made of: sources, manifests with profiles, versions.
const SOURCES: [&str; 6] = [
    "vrrp-dataplane/build.rs",
    "vrrp-ebpf",
    "vrrp-common/src",
    "vrrp-common/Cargo.toml",
    "Cargo.toml",
    "Cargo.lock",
];

fn main() -> anyhow::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("the package is not in a workspace")?;
    for source in SOURCES {
        println!("cargo::rerun-if-changed={}", root.join(source).display());
    }
    for variable in [TOOLCHAIN, REQUIRE, SKIP] {
        println!("cargo::rerun-if-env-changed={variable}");
    }
    let object = PathBuf::from(env::var_os("OUT_DIR").context("no OUT_DIR")?).join(PACKAGE);
    // One of an earlier build is not this one.
    let _none = fs::remove_file(&object);

    match tools().and_then(|toolchain| build(&toolchain, &root.join(PACKAGE))) {
        Ok(()) if fs::metadata(&object).is_ok_and(|built| built.len() > 0) => Ok(()),
        Ok(()) => {
            do_without(&object, &anyhow::anyhow!("the build has left no object at {}", object.display()))
        }
        Err(Missing::Tool(missing)) => do_without(&object, &missing),
        Err(Missing::Object(error)) => Err(error),
    }
}

/// Leaves an empty object, and says so: at every build, until there is another.
fn do_without(object: &Path, missing: &anyhow::Error) -> anyhow::Result<()> {
    if env::var(REQUIRE).as_deref() == Ok("1") {
        bail!("there is no eBPF object: {missing}");
    }
    println!("cargo::warning=built without the eBPF object, this vrrpd cannot run (`cargo xtask setup`)");
    for line in missing.to_string().lines() {
        println!("cargo::warning={line}");
    }
    // What is missing now may be installed at any time, which changes no file that is known here: one that never is there is
    // looked for at every build.
    println!("cargo::rerun-if-changed={}", object.with_extension("never").display());
    Ok(fs::write(object, [])?)
}

/// Why there is no object.
enum Missing {
    /// The tools for it are not there, which is no fault.
    Tool(anyhow::Error),
    /// They are, and it was not built.
    Object(anyhow::Error),
}

fn build(toolchain: &str, package: &Path) -> Result<(), Missing> {
    build_with(toolchain, package).map_err(Missing::Object)
}

fn build_with(toolchain: &str, package: &Path) -> anyhow::Result<()> {
    // A stable compiler needs the first to accept `-Z build-std`; a nightly ignores it. It is set here, and not in
    // .cargo/config.toml, so that the host's crates never see it. Of the second, cargo would show every line of the
    // inner build as a warning, at every build.
    // SAFETY: this process has one thread.
    unsafe {
        env::set_var("RUSTC_BOOTSTRAP", "1");
        env::set_var("CARGO_TERM_QUIET", "true");
    }
    let root_dir = package.to_str().context("the path of the workspace is not UTF-8")?;
    aya_build::build_ebpf(
        [aya_build::Package { name: PACKAGE, root_dir, ..Default::default() }],
        aya_build::Toolchain::Custom(toolchain),
    )
}

/// The toolchain to build with, if everything is there.
fn tools() -> Result<String, Missing> {
    let Some(linker) = linker() else {
        return Err(Missing::Tool(anyhow::anyhow!(
            "there is no bpf-linker on PATH\n\
             cargo install bpf-linker --version 0.13.0 --no-default-features --features llvm-22"
        )));
    };
    println!("cargo::rerun-if-changed={}", linker.display());
    toolchain().map_err(Missing::Tool)
}

/// Where bpf-linker is, if it runs.
fn linker() -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    let mut found = env::split_paths(&path).map(|dir| dir.join("bpf-linker"));
    found.find(|linker| runs(Command::new(linker).arg("--version")))
}

/// The toolchain that has the sources of `core`: what `EBPF_TOOLCHAIN` says, else rustup's nightly, else the
/// distribution's compiler under /usr. A name or an absolute path; `rustup run` takes both, and without rustup the
/// compiler on PATH is used whatever this says.
fn toolchain() -> anyhow::Result<String> {
    let candidates = match env::var(TOOLCHAIN) {
        Ok(one) => vec![one],
        Err(_) => vec!["nightly".into(), "/usr".into()],
    };
    for candidate in &candidates {
        if has_core_sources(candidate) {
            return Ok(candidate.clone());
        }
    }
    bail!(
        "no Rust toolchain has the sources of `core` (tried: {})\n\
         rustup: rustup toolchain install nightly --component rust-src\n\
         Debian: apt-get install rustc-web cargo-web rust-web-src",
        candidates.join(", ")
    )
}

fn has_core_sources(toolchain: &str) -> bool {
    let print = ["--print", "sysroot"];
    let out = Command::new("rustup")
        .args(["run", toolchain, "rustc"])
        .args(print)
        .env_remove("RUSTC")
        .output()
        .or_else(|_no_rustup| Command::new("rustc").args(print).output());
    let Ok(out) = out else { return false };
    let sysroot = String::from_utf8_lossy(&out.stdout);
    let core = Path::new(sysroot.trim()).join("lib/rustlib/src/rust/library/core/src/lib.rs");
    out.status.success() && core.exists()
}

fn runs(command: &mut Command) -> bool {
    command.output().is_ok_and(|out| out.status.success())
}
