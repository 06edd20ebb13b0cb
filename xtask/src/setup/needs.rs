//! The table of what building, running and testing need beyond cargo itself.

/// What is to be done. Up to `Test` each needs what the ones before it need; the last two stand beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Scope {
    /// Build the daemon.
    Build,
    /// Build it and run it in the lab.
    Run,
    /// Check the code and run the tests that stay in one process.
    Check,
    /// Test everything.
    Test,
    /// Build, and fuzz.
    Fuzz,
    /// Run, on another kernel.
    Vm,
}

impl Scope {
    /// Whether who wants to do `self` needs what `other` does.
    pub(crate) fn includes(self, other: Self) -> bool {
        match self {
            Self::Build | Self::Run | Self::Check | Self::Test => other <= self,
            Self::Fuzz => matches!(other, Self::Build | Self::Fuzz),
            Self::Vm => matches!(other, Self::Build | Self::Run | Self::Vm),
        }
    }
}

/// One thing that must be there.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Need {
    /// What people call it.
    pub(crate) name: &'static str,
    /// What it is for, as the end of a sentence.
    pub(crate) why: &'static str,
    /// The least that needs it.
    pub(crate) scope: Scope,
    /// How it is recognised and provided.
    pub(crate) kind: Kind,
}

/// How a need is recognised and provided.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A compiler with the sources of `core`: from rustup, else from Debian.
    EbpfCompiler,
    /// The linker for BPF, built by cargo against LLVM's libraries.
    BpfLinker,
    /// A cargo subcommand: a component for rustup, a package for Debian.
    Component { subcommand: &'static str, component: &'static str, package: &'static str },
    /// Any one of these programs, by name or by absolute path, from a Debian package.
    Program { any_of: &'static [&'static str], package: &'static str },
}

/// The packages that hold Debian's own compiler and its sources.
pub(crate) const DEBIAN_COMPILER: [&str; 3] = ["rustc-web", "cargo-web", "rust-web-src"];

/// The packages that bpf-linker is built with.
pub(crate) const DEBIAN_LLVM: [&str; 4] = ["llvm-22-dev", "libpolly-22-dev", "libzstd-dev", "zlib1g-dev"];

/// The services among the packages. Debian starts a service when it is installed, and at every boot thereafter.
pub(crate) const SERVICES: [(&str, &str); 3] =
    [("keepalived", "keepalived.service"), ("frr", "frr.service"), ("nginx-light", "nginx.service")];

/// In the order in which they are reported and installed.
pub(crate) const NEEDS: [Need; 22] = [
    Need {
        name: "eBPF compiler",
        why: "compiles the XDP program; it must have the sources of `core`",
        scope: Scope::Build,
        kind: Kind::EbpfCompiler,
    },
    Need {
        name: "bpf-linker",
        why: "links the XDP program; version 0.13 or later",
        scope: Scope::Build,
        kind: Kind::BpfLinker,
    },
    program("iproute2", "makes the lab's namespaces and links", Scope::Run, &["ip"]),
    Need {
        name: "rustfmt",
        why: "checks the format of the code",
        scope: Scope::Check,
        kind: Kind::Component { subcommand: "fmt", component: "rustfmt", package: "rustfmt-web" },
    },
    Need {
        name: "clippy",
        why: "checks the code against the lints",
        scope: Scope::Check,
        kind: Kind::Component { subcommand: "clippy", component: "clippy", package: "rust-web-clippy" },
    },
    program("keepalived", "the peer to fail over with, and to measure against", Scope::Test, &["keepalived"]),
    program(
        "frr",
        "the second implementation to fail over with",
        Scope::Test,
        &["/usr/lib/frr/vrrpd", "/usr/libexec/frr/vrrpd"],
    ),
    program("nginx-light", "the service behind the virtual address", Scope::Test, &["nginx"]),
    program("wrk", "the client of that service, for the benchmark", Scope::Test, &["wrk"]),
    program("tcpdump", "reads the wire independently of the daemon", Scope::Test, &["tcpdump"]),
    program(
        "bpftool",
        "reads the maps and loads the XDP program as an operator would",
        Scope::Test,
        &["bpftool"],
    ),
    program("stress-ng", "loads the machine while time is measured", Scope::Test, &["stress-ng"]),
    program("openssl", "makes the certificates of the servers in the tests", Scope::Test, &["openssl"]),
    program("python3-aiosmtpd", "the mail server that is told of changes", Scope::Test, &["aiosmtpd"]),
    program("iputils-ping", "the client's ping", Scope::Test, &["ping"]),
    program("ethtool", "turns offloads off on the lab's links", Scope::Test, &["ethtool"]),
    program(
        "systemd-container",
        "boots the box that the unit is tested in",
        Scope::Test,
        &["systemd-nspawn"],
    ),
    program("debootstrap", "makes that box, once", Scope::Test, &["debootstrap"]),
    program("g++", "compiles libFuzzer", Scope::Fuzz, &["c++"]),
    program(
        "qemu-system-x86",
        "runs another kernel, without the processor's help",
        Scope::Vm,
        &["qemu-system-x86_64"],
    ),
    program("busybox-static", "the shell in the virtual machine", Scope::Vm, &["busybox"]),
    program("cpio", "packs the virtual machine's files", Scope::Vm, &["cpio"]),
];

/// A program from the Debian package that names the need.
const fn program(
    package: &'static str,
    why: &'static str,
    scope: Scope,
    any_of: &'static [&'static str],
) -> Need {
    Need { name: package, why, scope, kind: Kind::Program { any_of, package } }
}
