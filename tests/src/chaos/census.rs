//! What the daemons hold: descriptors, threads, memory, addresses, filters, pins. Nothing of it may grow.

use std::{collections::BTreeSet, fs};

use anyhow::{Context as _, Result};
use rustix::process::Pid;

use super::cluster::{Cluster, names};
use crate::lab::INTERFACE;

/// Allocators keep what they had once; more than this in a run is a leak.
const MEMORY_KIB: u64 = 3 * 1024;
/// A control connection or an attempt to attach may be under way.
const DESCRIPTORS: usize = 2;
const THREADS: usize = 2;

/// One router's.
#[derive(Clone, Debug)]
pub struct Census {
    host: String,
    pid: u32,
    descriptors: usize,
    threads: usize,
    pss_kib: u64,
    /// IPv4 addresses of the interface.
    addresses: BTreeSet<String>,
    /// Those that are its own, and those of all its virtual routers.
    may_have: BTreeSet<String>,
    /// Lines of `tc` that are filters, and of `ip` that are XDP programs.
    filters: usize,
    /// MACs beside its own that the interface accepts.
    macs: usize,
    pins: BTreeSet<String>,
}

impl Census {
    /// Counts in a settled cluster.
    ///
    /// # Errors
    /// If a daemon has ended, or `ip` or `tc` fail.
    pub fn take(cluster: &mut Cluster) -> Result<Vec<Self>> {
        let pids =
            cluster.daemons().iter_mut().map(|daemon| daemon.process().pid()).collect::<Result<Vec<_>>>()?;
        pids.into_iter().enumerate().map(|(index, pid)| Self::of(cluster, index, pid)).collect()
    }

    fn of(cluster: &Cluster, index: usize, pid: Pid) -> Result<Self> {
        let host = format!("r{}", index + 1);
        let namespace = &cluster.lab.host(&host)?.namespace;
        let process = format!("/proc/{}", pid.as_raw_nonzero());
        let entries = |name: &str| anyhow::Ok(fs::read_dir(format!("{process}/{name}"))?.count());
        let addresses = namespace.ip(&format!("-4 -brief address show dev {INTERFACE}"))?;
        let xdp = namespace.ip(&format!("link show dev {INTERFACE}"))?.matches("prog/xdp").count();
        let filters = namespace.exec(&format!("tc filter show dev {INTERFACE} egress"))?.lines().count();
        let macs = namespace.exec(&format!("bridge fdb show dev {INTERFACE}"))?;
        Ok(Self {
            pid: pid.as_raw_nonzero().get().unsigned_abs(),
            descriptors: entries("fd")?,
            threads: entries("task")?,
            pss_kib: pss_kib(&process)?,
            addresses: listed(&addresses),
            may_have: cluster.told(number(index)).kernel(&[0, 1]),
            filters: xdp + filters,
            macs: macs.lines().count(),
            pins: names(cluster.pins().get(index).context("not settled")?),
            host,
        })
    }

    /// What there is now that there should not be. `self` is of the end.
    #[must_use]
    pub fn leaks(&self, start: &Self) -> Vec<String> {
        let mut leaks = Vec::new();
        let mut more = |what: &str, now: u64, before: u64, margin: u64| {
            if now > before + margin {
                leaks.push(format!("{}: {before} {what} at the start, {now} at the end", self.host));
            }
        };
        more("descriptors", self.descriptors as u64, start.descriptors as u64, DESCRIPTORS as u64);
        more("threads", self.threads as u64, start.threads as u64, THREADS as u64);
        more("KiB (Pss)", self.pss_kib, start.pss_kib, MEMORY_KIB);
        more("filters and programs", self.filters as u64, start.filters as u64, 0);
        more("accepted MACs", self.macs as u64, start.macs as u64, 0);
        let stray = self.addresses.difference(&self.may_have);
        leaks.extend(stray.map(|address| format!("{}: {address} stays", self.host)));
        leaks.extend(
            self.pins.difference(&start.pins).map(|pin| format!("{}: the pin {pin} is new", self.host)),
        );
        leaks
    }
}

impl std::fmt::Display for Census {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { host, pid, descriptors, threads, pss_kib, addresses, filters, macs, pins, may_have: _ } =
            self;
        let (addresses, pins) = (addresses.len(), pins.len());
        write!(
            f,
            "{host} (pid {pid}): {descriptors} descriptors, {threads} threads, {pss_kib} KiB, {addresses} addresses, \
             {filters} filters, {macs} MACs, {pins} pins"
        )
    }
}

/// Everything is gone after all daemons have left in order.
///
/// # Errors
/// If `ip` fails.
pub fn remains(cluster: &Cluster) -> Result<Vec<String>> {
    let mut remains = Vec::new();
    for (index, pins) in cluster.pins().iter().enumerate() {
        let host = format!("r{}", index + 1);
        let namespace = &cluster.lab.host(&host)?.namespace;
        let shown = namespace.ip(&format!("link show dev {INTERFACE}"))?;
        let addresses = listed(&namespace.ip(&format!("-4 -brief address show dev {INTERFACE}"))?);
        let own = cluster.told(number(index)).kernel(&[]);
        if addresses != own {
            remains.push(format!("{host}: after the end there is {addresses:?}, not {own:?}"));
        }
        let filters = namespace.exec(&format!("tc filter show dev {INTERFACE} egress"))?;
        if shown.contains("xdp") || !filters.trim().is_empty() {
            remains.push(format!("{host}: after the end there is\n{shown}{filters}"));
        }
        if pins.exists() {
            remains.push(format!("{host}: {} stays: {:?}", pins.display(), names(pins)));
        }
    }
    Ok(remains)
}

/// Addresses with prefixes, in what `ip -brief` shows.
pub(super) fn listed(shown: &str) -> BTreeSet<String> {
    shown.split_whitespace().skip(2).map(str::to_owned).collect()
}

fn number(index: usize) -> u8 {
    u8::try_from(index + 1).unwrap_or(u8::MAX)
}

fn pss_kib(process: &str) -> Result<u64> {
    let text = fs::read_to_string(format!("{process}/smaps_rollup"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:")).context("no Pss")?;
    line.split_whitespace().next().context("no number")?.parse().context("Pss")
}
