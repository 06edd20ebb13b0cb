//! The kernel, from Debian's archive, unpacked beside the build: the machine's own stays what it is.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, bail, ensure};

use crate::{cargo::checked, toolchain};

/// What there is to boot.
#[derive(Debug)]
pub(super) struct Kernel {
    /// The compressed image.
    pub(super) image: PathBuf,
    /// `lib/modules/RELEASE/kernel`.
    pub(super) modules: PathBuf,
}

/// Downloads and unpacks the kernel of a package, once.
pub(super) fn fetch(package: &str, directory: &Path) -> anyhow::Result<Kernel> {
    let package = image_package(package)?;
    let unpacked = directory.join(&package);
    if kernel_in(&unpacked).is_err() {
        eprintln!("vm: downloading {package}");
        checked(Command::new("apt-get").args(["download", "--quiet=2", &package]).current_dir(directory))?;
        let archive = archive_of(&package, directory)?;
        fs::create_dir_all(&unpacked)?;
        checked(Command::new("dpkg").arg("-x").arg(&archive).arg(&unpacked))?;
        fs::remove_file(archive)?;
    }
    kernel_in(&unpacked)
}

/// `linux-image-cloud-amd64` only depends on the package that has the kernel.
fn image_package(package: &str) -> anyhow::Result<String> {
    let depends = toolchain::stdout_of("apt-cache", &["depends", package])
        .with_context(|| format!("apt knows no package {package}; apt-get update?"))?;
    let mut names = depends.lines().filter_map(|line| line.trim().strip_prefix("Depends: "));
    let image = names.find(|name| name.starts_with("linux-image-"));
    Ok(image.unwrap_or(package).to_owned())
}

fn archive_of(package: &str, directory: &Path) -> anyhow::Result<PathBuf> {
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.starts_with(&format!("{package}_")) && name.ends_with(".deb") {
            return Ok(path);
        }
    }
    bail!("apt-get has left no {package}_*.deb in {}", directory.display())
}

fn kernel_in(unpacked: &Path) -> anyhow::Result<Kernel> {
    let modules = unpacked.join("lib/modules");
    let release = fs::read_dir(&modules)?.next().context("no modules")??.file_name();
    let mut name = std::ffi::OsString::from("vmlinuz-");
    name.push(&release);
    let image = unpacked.join("boot").join(name);
    ensure!(image.is_file(), "{} is not there", image.display());
    Ok(Kernel { image, modules: modules.join(release).join("kernel") })
}
