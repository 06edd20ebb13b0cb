//! What the kernels and the maps have at the end of an episode, held against what the masters' configurations say. Who
//! is master is read from the wire.

use std::{
    collections::BTreeSet,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};

use super::{
    census,
    cluster::{Cluster, VIRTUALS},
    schedule::ROUTERS,
};
use crate::{lab::INTERFACE, wait::Mark};

/// Addresses are added and removed by a thread of ordinary priority, after the role has moved.
const PATIENCE: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_millis(20);

/// One router as it is, or is to be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Having {
    /// Of its interface, with prefixes.
    addresses: BTreeSet<String>,
    /// In the map `vips`: each with its slot, which is its VRID.
    guarded: BTreeSet<(String, u32)>,
}

/// What is not as it shall be two seconds later either.
///
/// # Errors
/// If `ip` or `bpftool` fail.
pub(super) fn violations(cluster: &Cluster, since: Mark) -> Result<Vec<String>> {
    let end = Instant::now() + PATIENCE;
    loop {
        let found = differences(cluster, since)?;
        if found.is_empty() || Instant::now() > end {
            return Ok(found);
        }
        std::thread::sleep(PAUSE);
    }
}

fn differences(cluster: &Cluster, since: Mark) -> Result<Vec<String>> {
    let masters = masters(cluster, since);
    let mut found = Vec::new();
    for number in 1..=ROUTERS {
        let of =
            masters.iter().enumerate().filter(|(_, host)| host.as_deref() == Some(&*format!("r{number}")));
        let of: Vec<_> = of.map(|(place, _)| place).collect();
        let told = cluster.told(number);
        let wanted = Having { addresses: told.kernel(&of), guarded: told.guarded() };
        found.extend(compare(&format!("r{number}"), &wanted, &look(cluster, number)?));
    }
    Ok(found)
}

/// Who has sent the last advert of each virtual router.
fn masters(cluster: &Cluster, since: Mark) -> Vec<Option<String>> {
    let last = |vrid| {
        cluster.lab.wire().look(since, |timeline| {
            let mut adverts = timeline.adverts(vrid).filter(|(frame, advert)| {
                advert.priority > 0 && frame.host.starts_with('r') && frame.host.len() == 2
            });
            adverts.next_back().map(|(frame, _)| frame.host.to_string())
        })
    };
    VIRTUALS.iter().map(|one| last(one.vrid)).collect()
}

fn look(cluster: &Cluster, number: u8) -> Result<Having> {
    let namespace = &cluster.lab.host(&format!("r{number}"))?.namespace;
    let shown = namespace.ip(&format!("-4 -brief address show dev {INTERFACE}"))?;
    let addresses = census::listed(&shown);
    let pins = cluster.pins().get(usize::from(number) - 1).context("not settled")?;
    Ok(Having { addresses, guarded: map(&pins.join("vips"))? })
}

fn map(pin: &Path) -> Result<BTreeSet<(String, u32)>> {
    let output = Command::new("bpftool").args(["--json", "map", "dump", "pinned"]).arg(pin).output()?;
    ensure!(output.status.success(), "bpftool: {}", String::from_utf8_lossy(&output.stderr).trim());
    let entries: serde_json::Value = serde_json::from_slice(&output.stdout).context("bpftool's JSON")?;
    let entries = entries.as_array().context("no list")?;
    // One that goes while it is shown has no value.
    Ok(entries.iter().filter_map(|entry| entry_of(&entry["formatted"])).collect())
}

/// `::ffff:a.b.c.d` and a slot.
fn entry_of(entry: &serde_json::Value) -> Option<(String, u32)> {
    let bytes = entry["key"]["address"].as_array()?.get(12..16)?;
    let bytes: Vec<_> =
        bytes.iter().filter_map(serde_json::Value::as_u64).map(|byte| byte.to_string()).collect();
    Some((bytes.join("."), u32::try_from(entry["value"]["slot"].as_u64()?).ok()?))
}

fn compare(host: &str, wanted: &Having, found: &Having) -> Vec<String> {
    let mut differences = Vec::new();
    let addresses = [
        ("has not", wanted.addresses.difference(&found.addresses)),
        ("still has", found.addresses.difference(&wanted.addresses)),
    ];
    for (what, addresses) in addresses {
        differences.extend(addresses.map(|address| format!("{host}: the kernel {what} {address}")));
    }
    let guarded = [
        ("has not", wanted.guarded.difference(&found.guarded)),
        ("still has", found.guarded.difference(&wanted.guarded)),
    ];
    for (what, entries) in guarded {
        let told = |(address, vrid): &(String, u32)| {
            format!("{host}: the map of virtual addresses {what} {address} in slot {vrid}")
        };
        differences.extend(entries.map(told));
    }
    differences
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_and_what_is_too_much_is_told_of_both() {
        let set = |addresses: &[&str]| addresses.iter().map(|one| (*one).to_owned()).collect();
        let wanted = Having { addresses: set(&["a/24", "b/32"]), guarded: [("b".to_owned(), 51)].into() };
        assert_eq!(compare("r1", &wanted, &wanted), [""; 0]);
        let found = Having { addresses: set(&["a/24", "b/24"]), guarded: [("b".to_owned(), 52)].into() };
        assert_eq!(
            compare("r1", &wanted, &found),
            [
                "r1: the kernel has not b/32",
                "r1: the kernel still has b/24",
                "r1: the map of virtual addresses has not b in slot 51",
                "r1: the map of virtual addresses still has b in slot 52",
            ]
        );
    }

    #[test]
    fn an_entry_of_the_map_is_read_as_bpftool_shows_it() {
        let key = "[0,0,0,0,0,0,0,0,0,0,255,255,192,0,2,51]";
        let text = format!("{{\"key\":{{\"address\":{key}}},\"value\":{{\"slot\":51}}}}");
        let entry = serde_json::from_str(&text).unwrap();
        assert_eq!(entry_of(&entry), Some(("192.0.2.51".to_owned(), 51)));
    }
}
