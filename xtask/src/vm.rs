//! `cargo xtask vm`: the distribution's own kernel in a virtual machine, the programs loaded into it, every verdict, and
//! one failover. The verifier is a dependency, and each kernel has its own.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail, ensure};
use clap::Args;

use crate::{
    cargo::{self, Cargo},
    setup::{self, Scope},
    test::tally::{Failures, Tally},
};

mod image;
mod kernel;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The Debian package of the kernel, or of what depends on it.
    #[arg(long, value_name = "PACKAGE", default_value = "linux-image-cloud-amd64")]
    kernel: String,
    /// When the machine is stopped if it has not come to its end.
    #[arg(long, value_name = "MINUTES", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..))]
    patience: u64,
}

/// What a kernel makes of the programs.
#[derive(Debug, Default)]
struct Findings {
    kernel: String,
    tally: Tally,
    failed: Failures,
    /// Ingress and egress.
    verified: Option<[u64; 2]>,
    failover_ms: Option<u64>,
    ended: bool,
}

/// Boots, prints everything the machine says, and then a table; fails if anything in the machine did.
pub(crate) fn command(arguments: &Arguments) -> anyhow::Result<()> {
    ensure!(cfg!(target_arch = "x86_64"), "the virtual machine is an x86-64 one");
    let cargo = setup::ensure(Scope::Vm)?;
    let daemon = cargo.build_daemon(true)?;
    let verdicts = test_program(&cargo)?;
    let directory = cargo::target_directory()?.join("vm");
    fs::create_dir_all(&directory)?;
    let kernel = kernel::fetch(&arguments.kernel, &directory)?;
    let image = image::pack(&daemon, &verdicts, &kernel, &directory)?;
    let there = boot(&kernel.image, &image, Duration::from_secs(60 * arguments.patience))?;
    let here = if setup::is_root() { Some(on_this_kernel(&verdicts)?) } else { None };
    print_table(here.as_ref(), &there);
    judge(&there)
}

/// The tests of the data plane are a program of their own.
fn test_program(cargo: &Cargo) -> anyhow::Result<PathBuf> {
    let mut build =
        cargo.command(&["test", "--package", "vrrp-dataplane", "--test", "dataplane", "--no-run"]);
    build.arg("--message-format=json-render-diagnostics").stderr(Stdio::inherit());
    let output = build.output().context("cannot start cargo")?;
    ensure!(output.status.success(), "`{}` failed", cargo::typed(&build));
    let messages = String::from_utf8_lossy(&output.stdout);
    let mut programs = messages.lines().filter_map(|line| {
        let message: serde_json::Value = serde_json::from_str(line).ok()?;
        let is_ours = message["target"]["name"] == "dataplane";
        message["executable"].as_str().filter(|_| is_ours).map(PathBuf::from)
    });
    programs.next_back().context("cargo names no test program")
}

/// Without KVM: it runs wherever this does, and the kernel under test does not see the processor.
fn boot(kernel: &Path, image: &Path, patience: Duration) -> anyhow::Result<Findings> {
    eprintln!("vm: booting {} under emulation; this takes minutes", kernel.display());
    let mut machine = Command::new("qemu-system-x86_64");
    machine.args(["-accel", "tcg", "-cpu", "max", "-smp", "2", "-m", "1024", "-no-reboot", "-nodefaults"]);
    machine.args(["-nographic", "-serial", "stdio", "-append", "console=ttyS0 panic=-1 quiet"]);
    machine.arg("-kernel").arg(kernel).arg("-initrd").arg(image);
    machine.stdin(Stdio::null()).stdout(Stdio::piped());
    let mut machine = Machine(machine.spawn().context("cannot start qemu-system-x86_64")?);
    let output = machine.0.stdout.take().context("no output")?;
    let (sender, lines) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(output).split(b'\n').map_while(Result::ok) {
            let line = String::from_utf8_lossy(&line).trim_end().to_owned();
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    let end = Instant::now() + patience;
    let mut findings = Findings::default();
    loop {
        match lines.recv_timeout(end.saturating_duration_since(Instant::now())) {
            Ok(line) => {
                println!("{line}");
                findings.read(&line);
            }
            Err(mpsc::RecvTimeoutError::Disconnected) => return Ok(findings),
            Err(mpsc::RecvTimeoutError::Timeout) => {
                bail!("the machine did not come to its end within {} minutes", patience.as_secs() / 60)
            }
        }
    }
}

/// Ends when this does.
struct Machine(Child);

impl Drop for Machine {
    fn drop(&mut self) {
        // It has ended, or it has not: both are well.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn on_this_kernel(verdicts: &Path) -> anyhow::Result<Findings> {
    eprintln!("vm: the same tests on this kernel");
    let output = Command::new(verdicts).args(["--test-threads=1", "--show-output"]).output()?;
    let mut findings = Findings { ended: true, ..Findings::default() };
    findings.kernel = fs::read_to_string("/proc/sys/kernel/osrelease")?.trim().to_owned();
    String::from_utf8_lossy(&output.stdout).lines().for_each(|line| findings.read(line));
    Ok(findings)
}

impl Findings {
    /// What a line of the tests or of the machine's first process adds.
    fn read(&mut self, line: &str) {
        self.tally += Tally::of_line(line);
        self.failed.line(line);
        if let Some(counts) = line.strip_prefix("verified instructions: ") {
            let mut numbers = counts.split_whitespace().filter_map(|word| word.parse().ok());
            // `ingress N of BUDGET, egress N of BUDGET`, the first budget with a comma.
            self.verified = numbers.next().zip(numbers.next()).map(|(ingress, egress)| [ingress, egress]);
        }
        let Some(said) = line.strip_prefix("VM: ") else { return };
        match said.split_whitespace().collect::<Vec<_>>()[..] {
            ["kernel", release] => release.clone_into(&mut self.kernel),
            ["failover", "ok", ms] => self.failover_ms = ms.parse().ok(),
            ["end"] => self.ended = true,
            _ => {}
        }
    }
}

fn print_table(here: Option<&Findings>, there: &Findings) {
    let row = |what: &str, of: &dyn Fn(&Findings) -> String| {
        println!(
            "| {what:<30} | {:>24} | {:>24} |",
            here.map_or_else(|| "needs root".to_owned(), of),
            of(there)
        );
    };
    println!();
    row("kernel", &|findings| findings.kernel.clone());
    println!("|{}|{}:|{}:|", "-".repeat(32), "-".repeat(25), "-".repeat(25));
    let verified = |index: usize| {
        move |findings: &Findings| {
            findings.verified.map_or_else(|| "-".to_owned(), |both| both[index].to_string())
        }
    };
    row("verified instructions, ingress", &verified(0));
    row("verified instructions, egress", &verified(1));
    row("tests of the data plane", &|findings| {
        format!("{} passed, {} failed", findings.tally.passed, findings.tally.failed)
    });
    row("failover after SIGKILL", &|findings| {
        findings.failover_ms.map_or_else(|| "-".to_owned(), |ms| format!("{ms} ms at 1 s adverts"))
    });
}

fn judge(there: &Findings) -> anyhow::Result<()> {
    ensure!(there.ended, "the machine stopped before its end");
    ensure!(
        there.failed.names.is_empty(),
        "failed under {}: {}",
        there.kernel,
        there.failed.names.join(", ")
    );
    ensure!(there.tally.passed > 0 && there.tally.failed == 0, "the tests did not run: {}", there.tally);
    ensure!(there.verified.is_some(), "no count of verified instructions");
    ensure!(there.failover_ms.is_some(), "no failover under {}", there.kernel);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_machine_says_is_understood() {
        let mut findings = Findings::default();
        for line in [
            "VM: kernel 6.1.0-56-cloud-amd64",
            "test verdicts::a ... ok",
            "failures:",
            "    egress::b",
            "",
            "verified instructions of the guard: Some(1107)",
            "verified instructions: ingress 7106 of 20000, egress 301 of 2000",
            "test result: FAILED. 33 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 9.00s",
            "VM: failover ok 3710",
        ] {
            findings.read(line);
        }
        assert_eq!(findings.kernel, "6.1.0-56-cloud-amd64");
        assert_eq!(findings.verified, Some([7106, 301]));
        assert_eq!(
            (findings.tally.passed, findings.failed.names.as_slice()),
            (33, &["egress::b".to_owned()][..])
        );
        assert_eq!(findings.failover_ms, Some(3710));
        assert!(judge(&findings).is_err_and(|error| error.to_string().contains("before its end")));
    }
}
