//! Every counter that a flooded frame can be found in, so that a loss has a place.

use std::{collections::BTreeMap, fs};

use ::tests::{Namespace, daemons::Vrrpd, lab::INTERFACE};
use anyhow::{Context as _, Result};

use crate::bpf::Counters;

/// Counts by place and name, such as `router: rx_queue_0_xdp_drops`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts(BTreeMap<String, u64>);

impl Counts {
    /// Both ends of the cable as driver and kernel count them, the verdicts of a `vrrpd`, what the sink saw, and what
    /// the processors' queues dropped.
    pub(super) fn read(
        client: &Namespace,
        router: &Namespace,
        daemon: Option<&Vrrpd>,
        sink: &Counters,
    ) -> Result<Self> {
        let mut counts = BTreeMap::new();
        for (place, host) in [("client", client), ("router", router)] {
            let mut add = |name: &str, count| counts.insert(format!("{place}: {name}"), count);
            for (name, count) in driver(&host.exec(&format!("ethtool -S {INTERFACE}"))?) {
                add(&name, count);
            }
            for (name, count) in link(&host.ip(&format!("-s -s -j link show dev {INTERFACE}"))?)? {
                add(&name, count);
            }
        }
        if let Some(daemon) = daemon {
            let status = daemon.status()?;
            let frames =
                status["interfaces"][0]["frames"].as_object().context("no verdicts in the status")?;
            for (verdict, count) in frames {
                counts.insert(format!("verdict: {verdict}"), count.as_u64().unwrap_or(0));
            }
        }
        for (index, what) in ["not ARP", "ARP requests", "ARP replies"].into_iter().enumerate() {
            counts.insert(format!("sink: {what}"), sink.read(u32::try_from(index)?)?);
        }
        let queues = fs::read_to_string("/proc/net/softnet_stat").context("reading softnet_stat")?;
        counts.insert("processors' queues: dropped".to_owned(), softnet_dropped(&queues));
        Ok(Self(counts))
    }

    /// What has been counted since.
    pub(super) fn since(&self, before: &Self) -> Self {
        let counted = self.0.iter().filter_map(|(name, count)| {
            let counted = count.saturating_sub(before.0.get(name).copied().unwrap_or(0));
            (counted > 0).then(|| (name.clone(), counted))
        });
        Self(counted.collect())
    }

    /// Where frames were lost, as far as anything counted them: a clause for each counter that is about loss, and the
    /// whole path, so that what nobody counted can be told by subtraction.
    pub(super) fn explain(&self, asked: u64, answered: u64) -> String {
        let lost = asked.saturating_sub(answered);
        let suspects: Vec<String> = self
            .0
            .iter()
            .filter(|(name, _)| is_loss(name))
            .map(|(name, count)| format!("{name} {count}"))
            .collect();
        let path: Vec<String> = self
            .0
            .iter()
            .filter(|(name, count)| !is_loss(name) && **count > asked / 100 && !name.ends_with("bytes"))
            .map(|(name, count)| format!("{name} {count}"))
            .collect();
        let suspects =
            if suspects.is_empty() { "no counter of losses moved".to_owned() } else { suspects.join(", ") };
        format!("{lost} of {asked} requests were not answered; {suspects}; on the way: {}", path.join(", "))
    }
}

/// A name that stands for frames which went nowhere. The sink drops what it has counted: that is its task.
fn is_loss(name: &str) -> bool {
    let told = ["drop", "error", "missed", "no_buffer", "over"].iter().any(|word| name.contains(word));
    let refused = name.starts_with("verdict: ")
        && !["verdict: arp_answered", "verdict: not_ours", "verdict: arp_own_claim"].contains(&name);
    (told && !(name.starts_with("client: rx_queue") && name.ends_with("xdp_drops"))) || refused
}

/// `     name: count` in every line.
fn driver(text: &str) -> Vec<(String, u64)> {
    let pairs = text.lines().filter_map(|line| {
        let (name, count) = line.rsplit_once(':')?;
        Some((name.trim().to_owned(), count.trim().parse().ok()?))
    });
    pairs.collect()
}

/// `ip -s -s -j link`: `stats64.rx.dropped` becomes `rx dropped`.
fn link(text: &str) -> Result<Vec<(String, u64)>> {
    let links: serde_json::Value = serde_json::from_str(text).context("ip -j link")?;
    let mut counts = Vec::new();
    for way in ["rx", "tx"] {
        let of_way = links[0]["stats64"][way].as_object().context("no statistics of the link")?;
        let numbers =
            of_way.iter().filter_map(|(name, count)| Some((format!("{way} {name}"), count.as_u64()?)));
        counts.extend(numbers);
    }
    Ok(counts)
}

/// The second column, of all processors, in hexadecimal.
fn softnet_dropped(text: &str) -> u64 {
    let columns = text.lines().filter_map(|line| line.split_whitespace().nth(1));
    columns.filter_map(|column| u64::from_str_radix(column, 16).ok()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(pairs: &[(&str, u64)]) -> Counts {
        Counts(pairs.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect())
    }

    #[test]
    fn a_loss_is_told_with_its_place() {
        let before =
            counts(&[("router: rx_queue_0_xdp_drops", 5), ("client: tx_queue_0_xdp_xmit_errors", 1)]);
        let after = counts(&[
            ("router: rx_queue_0_xdp_drops", 5),
            ("client: tx_queue_0_xdp_xmit_errors", 19),
            ("router: rx_queue_0_xdp_packets", 99_982),
            ("client: rx_queue_0_xdp_drops", 99_982),
            ("sink: ARP replies", 99_982),
        ]);
        let text = after.since(&before).explain(100_000, 99_982);
        assert!(
            text.starts_with(
                "18 of 100000 requests were not answered; client: tx_queue_0_xdp_xmit_errors 18;"
            )
        );
        assert!(
            text.contains("on the way: ") && text.contains("router: rx_queue_0_xdp_packets 99982"),
            "{text}"
        );
    }

    #[test]
    fn a_loss_that_nobody_counted_is_said_to_be_one() {
        let text = counts(&[("sink: ARP replies", 90)]).explain(100, 90);
        assert!(text.contains("no counter of losses moved"), "{text}");
    }

    #[test]
    fn a_verdict_other_than_an_answer_is_a_place_of_loss() {
        assert!(is_loss("verdict: arp_lease_lapsed") && is_loss("router: rx dropped"));
        assert!(!is_loss("verdict: arp_answered") && !is_loss("client: rx_queue_0_xdp_drops"));
    }

    #[test]
    fn the_formats_of_the_tools_are_read() {
        let text = "NIC statistics:\n     peer_ifindex: 2\n     rx_queue_0_xdp_packets: 17\n";
        assert_eq!(driver(text)[1], ("rx_queue_0_xdp_packets".to_owned(), 17));
        let text = r#"[{"stats64":{"rx":{"packets":3,"dropped":1},"tx":{"packets":4}}}]"#;
        assert!(link(text).unwrap().contains(&("rx dropped".to_owned(), 1)));
        assert_eq!(softnet_dropped("0001 00000002 0000\n0001 0000000a 0000\n"), 12);
    }
}
