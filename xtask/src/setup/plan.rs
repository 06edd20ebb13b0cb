//! From what is missing to what is to be done, or to what the user must type. Pure: it looks at nothing.

use std::fmt::Write as _;

use super::needs::{DEBIAN_COMPILER, DEBIAN_LLVM, Kind, Need};
use crate::toolchain::NIGHTLY;

/// How bpf-linker is installed. `LLVM_PREFIX` is Debian's.
pub(crate) const INSTALL_LINKER: &str = "LLVM_PREFIX=/usr/lib/llvm-22 cargo install bpf-linker --version 0.13.0 \
                                         --locked --no-default-features --features llvm-22";

/// What the plan depends on.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    /// May this user install packages?
    pub(crate) root: bool,
    /// Is there an apt-get?
    pub(crate) apt: bool,
    /// Is there a rustup, and is it to be asked for a compiler?
    pub(crate) rustup: Rustup,
    /// Are LLVM's libraries there to build the linker with?
    pub(crate) llvm: bool,
    /// What the probes did not find.
    pub(crate) missing: Vec<&'static Need>,
}

/// What rustup can do here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rustup {
    /// Not installed.
    Absent,
    /// Installed.
    Present,
    /// Installed, but it could not download a compiler.
    Refused,
}

/// One thing to do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Install the dated nightly with its sources. May fail: Debian's compiler is the second choice.
    Nightly,
    /// Add components to rustup's default toolchain.
    Components(Vec<Item>),
    /// Install Debian packages.
    Packages(Vec<Item>),
    /// Build and install bpf-linker.
    Linker,
}

/// Something to install and what for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Item {
    /// The component's or the package's name.
    pub(crate) name: &'static str,
    /// What it is for.
    pub(crate) why: &'static str,
}

/// What to do, in order. Nothing is missing: nothing to do.
pub(crate) fn steps(facts: &Facts) -> Vec<Step> {
    let mut nightly = None;
    let mut components = Vec::new();
    let mut packages = Vec::new();
    let mut linker = None;
    for need in &facts.missing {
        let item = |name| Item { name, why: need.why };
        match need.kind {
            Kind::EbpfCompiler if facts.rustup == Rustup::Present => nightly = Some(Step::Nightly),
            Kind::EbpfCompiler => packages.extend(DEBIAN_COMPILER.map(item)),
            Kind::BpfLinker => {
                if !facts.llvm {
                    let why = "bpf-linker is built with it";
                    packages.extend(DEBIAN_LLVM.map(|name| Item { name, why }));
                }
                linker = Some(Step::Linker);
            }
            Kind::Component { component, package, .. } => match facts.rustup {
                Rustup::Absent => packages.push(item(package)),
                Rustup::Present | Rustup::Refused => components.push(item(component)),
            },
            Kind::Program { package, .. } => packages.push(item(package)),
        }
    }
    let components = (!components.is_empty()).then_some(Step::Components(components));
    let packages = (!packages.is_empty()).then_some(Step::Packages(packages));
    nightly.into_iter().chain(components).chain(packages).chain(linker).collect()
}

/// Why these steps cannot be done by this user on this machine, and what to type instead.
pub(crate) fn obstacle(facts: &Facts, steps: &[Step]) -> Option<String> {
    let packages = steps.iter().find_map(|step| match step {
        Step::Packages(items) => Some(names(items)),
        Step::Nightly | Step::Components(_) | Step::Linker => None,
    })?;
    let mut text = match (facts.apt, facts.root) {
        (true, true) => return None,
        (true, false) => format!(
            "installing packages needs root. Type this, which installs the rest too:\n\n  \
             {}\n\nor, step by step (packages that hold a service will start it):\n\n  \
             sudo apt-get update\n  sudo apt-get install --no-install-recommends {packages}\n",
            as_root("setup"),
        ),
        (false, _) => format!(
            "this machine has no apt-get, so it must be set up by hand. Install with its package manager what it\n\
             has for these Debian packages:\n\n  {packages}\n\nand type\n\n"
        ),
    };
    for step in steps {
        if let Some(command) = by_hand(step) {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "  {command}");
        }
    }
    let _ = write!(text, "\nthen repeat the command. `cargo xtask setup --check` shows what is missing.");
    Some(text)
}

/// `cargo xtask …` as root with this user's cargo.
pub(crate) fn as_root(task: &str) -> String {
    format!("sudo env \"PATH=$PATH\" \"HOME=$HOME\" cargo xtask {task}")
}

/// The names alone, as they are typed.
pub(crate) fn names(items: &[Item]) -> String {
    items.iter().map(|item| item.name).collect::<Vec<_>>().join(" ")
}

fn by_hand(step: &Step) -> Option<String> {
    match step {
        Step::Nightly => {
            Some(format!("rustup toolchain install {NIGHTLY} --profile minimal --component rust-src"))
        }
        Step::Components(items) => Some(format!("rustup component add {}", names(items))),
        Step::Linker => Some(INSTALL_LINKER.to_owned()),
        Step::Packages(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::setup::needs::NEEDS;

    fn bare_machine() -> Facts {
        Facts { root: true, apt: true, rustup: Rustup::Present, llvm: false, missing: NEEDS.iter().collect() }
    }

    #[test]
    fn a_complete_machine_needs_nothing() {
        let facts = Facts { missing: Vec::new(), root: false, apt: false, ..bare_machine() };
        assert_eq!(steps(&facts), []);
        assert_eq!(obstacle(&facts, &[]), None);
    }

    #[test]
    fn a_bare_machine_gets_the_nightly_and_no_second_compiler() {
        let steps = steps(&bare_machine());
        let [Step::Nightly, Step::Components(components), Step::Packages(packages), Step::Linker] =
            &steps[..]
        else {
            panic!("{steps:?}");
        };
        assert_eq!(names(components), "rustfmt clippy");
        assert_eq!(
            names(packages),
            "llvm-22-dev libpolly-22-dev libzstd-dev zlib1g-dev iproute2 keepalived frr nginx-light wrk tcpdump \
             bpftool stress-ng openssl python3-aiosmtpd iputils-ping ethtool systemd-container debootstrap g++ \
             qemu-system-x86 busybox-static cpio"
        );
        assert_eq!(obstacle(&bare_machine(), &steps), None);
    }

    #[test]
    fn where_rustup_cannot_download_debians_compiler_is_taken() {
        let missing = vec![&NEEDS[0]];
        let steps = steps(&Facts { rustup: Rustup::Refused, missing, ..bare_machine() });
        let [Step::Packages(packages)] = &steps[..] else { panic!("{steps:?}") };
        assert_eq!(names(packages), "rustc-web cargo-web rust-web-src");
    }

    #[test]
    fn without_rustup_components_are_packages() {
        let facts = Facts { rustup: Rustup::Absent, missing: NEEDS[3..5].iter().collect(), ..bare_machine() };
        let steps = steps(&facts);
        let [Step::Packages(packages)] = &steps[..] else { panic!("{steps:?}") };
        assert_eq!(names(packages), "rustfmt-web rust-web-clippy");
    }

    #[test]
    fn the_linker_alone_needs_no_root() {
        let facts = Facts { root: false, llvm: true, missing: vec![&NEEDS[1]], ..bare_machine() };
        let steps = steps(&facts);
        assert_eq!(steps, [Step::Linker]);
        assert_eq!(obstacle(&facts, &steps), None);
    }

    #[test]
    fn a_user_is_told_what_to_type_as_root() {
        let facts = Facts { root: false, missing: vec![&NEEDS[1], &NEEDS[2]], ..bare_machine() };
        assert_eq!(
            obstacle(&facts, &steps(&facts)).as_deref(),
            Some(
                r#"installing packages needs root. Type this, which installs the rest too:

  sudo env "PATH=$PATH" "HOME=$HOME" cargo xtask setup

or, step by step (packages that hold a service will start it):

  sudo apt-get update
  sudo apt-get install --no-install-recommends llvm-22-dev libpolly-22-dev libzstd-dev zlib1g-dev iproute2
  LLVM_PREFIX=/usr/lib/llvm-22 cargo install bpf-linker --version 0.13.0 --locked --no-default-features --features llvm-22

then repeat the command. `cargo xtask setup --check` shows what is missing."#
            )
        );
    }

    #[test]
    fn without_apt_the_user_is_told_what_to_look_for() {
        let facts = Facts { apt: false, missing: vec![&NEEDS[0], &NEEDS[2]], ..bare_machine() };
        assert_eq!(
            obstacle(&facts, &steps(&facts)).as_deref(),
            Some(
                "this machine has no apt-get, so it must be set up by hand. Install with its package manager what it
has for these Debian packages:

  iproute2

and type

  rustup toolchain install nightly-2026-05-20 --profile minimal --component rust-src

then repeat the command. `cargo xtask setup --check` shows what is missing."
            )
        );
    }
}
