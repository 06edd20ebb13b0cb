//! The files of the virtual machine: busybox, the programs under test, what they are linked with, and modules.

use std::{
    collections::BTreeSet,
    env, fs,
    io::Write as _,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, ensure};

use super::kernel::Kernel;
use crate::toolchain;

const INIT: &str = include_str!("init.sh");

/// In the order in which they are loaded; what a kernel has built in is not there as a file.
const MODULES: [&str; 7] = [
    "net/llc/llc.ko",
    "net/802/stp.ko",
    "net/bridge/bridge.ko",
    "drivers/net/veth.ko",
    "net/sched/sch_ingress.ko",
    "net/sched/cls_bpf.ko",
    "drivers/net/dummy.ko",
];

/// What the tests and the first process call.
const TOOLS: [&str; 2] = ["ip", "bpftool"];

/// Packs it all and returns the archive.
pub(super) fn pack(
    daemon: &Path,
    verdicts: &Path,
    kernel: &Kernel,
    directory: &Path,
) -> anyhow::Result<PathBuf> {
    let root = directory.join("root");
    if root.exists() {
        fs::remove_dir_all(&root)?;
    }
    install(Path::new("/bin/busybox"), &root.join("bin/busybox"))?;
    let init = root.join("init");
    fs::write(&init, INIT)?;
    fs::set_permissions(&init, fs::Permissions::from_mode(0o755))?;

    let mut programs = vec![(daemon.to_owned(), "vrrpd"), (verdicts.to_owned(), "dataplane")];
    for tool in TOOLS {
        programs.extend(on_path(tool).map(|path| (path, tool)));
    }
    let mut libraries = BTreeSet::new();
    for (program, name) in &programs {
        install(program, &root.join("tools").join(name))?;
        libraries.extend(linked_with(program)?);
    }
    for library in libraries {
        install(&library, &root.join(library.strip_prefix("/")?))?;
    }
    modules(kernel, &root)?;
    archive(&root, &directory.join("files.cpio"))
}

fn on_path(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|directory| directory.join(program)).find(|file| file.is_file())
}

/// Copies what a link leads to.
fn install(from: &Path, to: &Path) -> anyhow::Result<()> {
    if let Some(parent) = to.parent() {
        fs::create_dir_all(parent)?;
    }
    fs::copy(from, to).with_context(|| format!("copying {} to {}", from.display(), to.display()))?;
    Ok(())
}

/// The loader's own answer: every absolute path in it.
fn linked_with(program: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let output = toolchain::stdout_of("ldd", &[program])
        .with_context(|| format!("ldd {} fails", program.display()))?;
    let paths = output.split_whitespace().filter(|word| word.starts_with('/'));
    Ok(paths.map(|path| PathBuf::from(path.trim_end_matches(':'))).collect())
}

fn modules(kernel: &Kernel, root: &Path) -> anyhow::Result<()> {
    let mut list = String::new();
    for module in MODULES {
        let from = kernel.modules.join(module);
        if from.is_file() {
            install(&from, &root.join("modules.d").join(module))?;
            list += &format!("/modules.d/{module}\n");
        }
    }
    fs::write(root.join("modules"), list)?;
    Ok(())
}

/// In the format that the kernel unpacks. Not compressed: to emulate the unpacking takes longer than to read it.
fn archive(root: &Path, to: &Path) -> anyhow::Result<PathBuf> {
    let mut names = Vec::new();
    list(root, root, &mut names)?;
    let mut cpio = Command::new("cpio")
        .args(["--create", "--format=newc", "--quiet", "--owner=0:0"])
        .current_dir(root)
        .stdin(Stdio::piped())
        .stdout(fs::File::create(to)?)
        .spawn()
        .context("cannot start cpio")?;
    cpio.stdin.take().context("no input")?.write_all(names.join("\n").as_bytes())?;
    ensure!(cpio.wait()?.success(), "cpio failed");
    Ok(to.to_owned())
}

/// Directories before what is in them.
fn list(root: &Path, directory: &Path, names: &mut Vec<String>) -> anyhow::Result<()> {
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        names.push(path.strip_prefix(root)?.to_string_lossy().into_owned());
        if path.is_dir() && !path.is_symlink() {
            list(root, &path, names)?;
        }
    }
    Ok(())
}
