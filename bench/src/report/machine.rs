//! Where it was measured, and what.

use std::{fs, process::Command};

use anyhow::{Context as _, Result};
use serde::Serialize;

use crate::Bench;

/// The facts of a run that are no figures.
#[derive(Debug, Serialize)]
pub(super) struct Machine {
    pub(super) kernel: String,
    pub(super) processor: String,
    pub(super) processors: usize,
    pub(super) vrrpd: String,
    pub(super) keepalived: String,
    /// When, UTC.
    pub(super) date: String,
    /// Of the minute before the run.
    pub(super) load_before: String,
    /// Milliseconds that a hypervisor kept the processors from running during the run, all together.
    pub(super) stolen_ms: u64,
    #[serde(skip)]
    pub(super) stolen_before_ms: u64,
}

impl Machine {
    /// This one, before a run.
    pub(super) fn look(bench: &Bench) -> Result<Self> {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let processor = read("/proc/cpuinfo")
            .lines()
            .find_map(|line| Some(line.strip_prefix("model name")?.split_once(':')?.1.trim().to_owned()))
            .unwrap_or_default();
        Ok(Self {
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            processor,
            processors: std::thread::available_parallelism()?.get(),
            vrrpd: said(Command::new(&bench.vrrpd).arg("-V"))?,
            keepalived: said(Command::new("keepalived").arg("--version"))?,
            date: said(Command::new("date").args(["-u", "+%F"]))?,
            load_before: read("/proc/loadavg").split_whitespace().next().unwrap_or_default().to_owned(),
            stolen_ms: 0,
            stolen_before_ms: stolen_ms(),
        })
    }

    /// Says what the machine was kept from since the look.
    pub(super) fn finish(&mut self) {
        self.stolen_ms = stolen_ms().saturating_sub(self.stolen_before_ms);
    }
}

/// Since boot, from the first line of `/proc/stat`, which has ticks of 10 ms.
fn stolen_ms() -> u64 {
    let text = fs::read_to_string("/proc/stat").unwrap_or_default();
    let ticks = text.lines().next().and_then(|line| line.split_whitespace().nth(8)?.parse::<u64>().ok());
    ticks.unwrap_or(0) * 10
}

/// The first line that a program says, without what is in brackets.
fn said(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("starting {command:?}"))?;
    let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    // keepalived uses standard error, and a second clause with a date.
    let line = text.iter().flat_map(|text| text.lines()).find(|line| !line.trim().is_empty());
    Ok(line.and_then(|line| line.split(" (").next()).unwrap_or_default().to_owned())
}
