//! The workspace and how cargo is called in it.

use std::{env, path::Path, path::PathBuf, process::Command};

use anyhow::{Context as _, bail, ensure};

/// Cargo, ready to build the daemon with its XDP program.
#[derive(Debug)]
pub(crate) struct Cargo {
    ebpf_toolchain: String,
}

impl Cargo {
    /// Cargo with the toolchain that compiles the XDP program: a rustup name or a path.
    pub(crate) fn new(ebpf_toolchain: String) -> Self {
        Self { ebpf_toolchain }
    }

    /// `cargo <arguments>` at the top of the workspace.
    ///
    /// Every call has the same environment, or build scripts would run again at each change of step.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = bare(arguments);
        command.env("EBPF_TOOLCHAIN", &self.ebpf_toolchain).env("VRRPD_REQUIRE_EBPF", "1");
        command
    }

    /// Builds the daemon and returns where it is.
    pub(crate) fn build_daemon(&self, release: bool) -> anyhow::Result<PathBuf> {
        let mut arguments = vec!["build", "--package", "vrrpd", "--bin", "vrrpd"];
        if release {
            arguments.push("--release");
        }
        // Cargo's standard output is kept free for the path.
        checked(&mut self.command(&arguments))?;
        let daemon = target_directory()?.join(if release { "release" } else { "debug" }).join("vrrpd");
        ensure!(daemon.is_file(), "cargo succeeded but {} is not there", daemon.display());
        Ok(daemon)
    }
}

/// Runs a command and fails if it does, with the command as it can be typed.
pub(crate) fn checked(command: &mut Command) -> anyhow::Result<()> {
    let status = command.status().with_context(|| format!("cannot start `{}`", typed(command)))?;
    if !status.success() {
        bail!("`{}` failed ({status})", typed(command));
    }
    Ok(())
}

/// The command as a person would type it; only variables that it sets, not those it inherits.
pub(crate) fn typed(command: &Command) -> String {
    let variables = command
        .get_envs()
        .filter_map(|(name, value)| Some(format!("{}={}", name.to_string_lossy(), value?.to_string_lossy())));
    let program = Path::new(command.get_program()).file_name().unwrap_or(command.get_program());
    let words = std::iter::once(program).chain(command.get_args());
    variables.chain(words.map(|word| word.to_string_lossy().into_owned())).collect::<Vec<_>>().join(" ")
}

fn bare(arguments: &[&str]) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments).current_dir(root());
    command
}

/// The top of the workspace.
pub(crate) fn root() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here)
}

/// Asks cargo, because the target directory may come from a variable or from any of its configuration files.
pub(crate) fn target_directory() -> anyhow::Result<PathBuf> {
    let output = bare(&["metadata", "--format-version=1", "--no-deps"]).output().context("cargo metadata")?;
    ensure!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout)?;
    let directory =
        metadata["target_directory"].as_str().context("cargo metadata names no target directory")?;
    Ok(directory.into())
}
