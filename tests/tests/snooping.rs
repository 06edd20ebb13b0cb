//! Switches that listen who wants which multicast group (IGMP snooping) are told that this host wants the adverts, again
//! whenever they ask.

use std::{net::Ipv4Addr, time::Duration};

use anyhow::{Context as _, Result, ensure};
use tests::{
    Lab,
    daemons::Router,
    lab::{BRIDGE, INTERFACE, router_address},
    scenario::{PATIENCE, start, until_adverts, until_master, until_state, until_status},
    wait::Mark,
    wire::{GROUP, Igmp, VRRP},
};

const ADVERT_INT: Duration = Duration::from_millis(100);

fn router(priority: u8) -> Router {
    Router { priority, advert_int: ADVERT_INT, ..Router::default() }
}

/// A switch that asks once a second. It has no entry for 224.0.0.18: Linux passes what is for 224.0.0.0/24 on to all ports,
/// as RFC 4541 recommends and other switches do not.
fn snoop(lab: &Lab, version: u8) -> Result<()> {
    let interval =
        "mcast_query_interval 100 mcast_query_response_interval 50 mcast_startup_query_interval 100";
    let switch = format!("mcast_snooping 1 mcast_querier 1 mcast_igmp_version {version} {interval}");
    lab.switch().ip(&format!("link set {BRIDGE} type bridge {switch}")).map(drop)
}

fn until_said(lab: &Lab, mark: Mark, host: &str, what: &str, said: fn(&Igmp) -> bool) -> Result<Mark> {
    lab.wire().until(&format!("{host} {what}"), mark, PATIENCE, |timeline| {
        timeline.igmp().find(|(frame, igmp)| *frame.host == *host && said(igmp)).map(drop)
    })?;
    Ok(lab.wire().mark())
}

fn until_joined(lab: &Lab, mark: Mark, host: &str) -> Result<Mark> {
    until_said(
        lab,
        mark,
        host,
        "joins",
        |igmp| matches!(igmp, Igmp::Joined(groups) if groups.contains(&GROUP)),
    )
}

/// Bytes of adverts that wait in raw sockets.
fn waiting(lab: &Lab, host: &str) -> Result<u64> {
    let table = lab.host(host)?.namespace.exec("cat /proc/net/raw")?;
    let local = format!("00000000:{VRRP:04X}");
    let sockets: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
    let sockets: Vec<_> = sockets.iter().filter(|words| words.get(1) == Some(&local.as_str())).collect();
    ensure!(!sockets.is_empty(), "no raw socket of protocol 112:\n{table}");
    let queue = |words: &&Vec<&str>| -> Result<u64> {
        let queues = words.get(4).and_then(|queues| queues.split_once(':')).context("no queue")?;
        Ok(u64::from_str_radix(queues.1, 16)?)
    };
    sockets.iter().map(queue).sum()
}

/// Packets that the kernel has handed to a protocol of its own.
fn delivered(lab: &Lab, host: &str) -> Result<u64> {
    let text = lab.host(host)?.namespace.exec("nstat -asz IpInDelivers")?;
    let word = text.split_whitespace().skip_while(|word| *word != "IpInDelivers").nth(1);
    Ok(word.context("no counter")?.parse()?)
}

#[test]
fn the_group_is_joined_and_queriers_are_answered_and_no_advert_waits_in_the_kernel() -> Result<()> {
    for version in [2, 3] {
        let lab = Lab::with_routers(2)?;
        snoop(&lab, version)?;
        let r1 = start(&lab, "r1", &router(100))?;
        until_master(&lab, "r1", Mark::default())?;
        let r2 = start(&lab, "r2", &router(90))?;
        until_state(&r2, "BACKUP")?;
        for host in ["r1", "r2"] {
            let mut mark = Mark::default();
            // What is said unasked is said twice.
            for _ in 0..3 {
                mark = until_joined(&lab, mark, host).with_context(|| format!("version {version}"))?;
            }
        }
        let before = delivered(&lab, "r2")?;
        until_adverts(&lab, "r1", 5)?;
        until_status(&r2, "adverts are heard", |status| {
            status["routers"][0]["statistics"]["advertisements_recognised_by_xdp"].as_u64() >= Some(5)
        })?;
        ensure!(delivered(&lab, "r2")? - before >= 5, "the kernel does not take the adverts of the group");
        ensure!(waiting(&lab, "r2")? == 0, "adverts wait in a socket that nobody reads");
        drop((r1, r2));
    }
    Ok(())
}

#[test]
fn without_an_address_with_a_later_one_after_a_new_interface_and_over_reloads_the_group_is_wanted()
-> Result<()> {
    let lab = Lab::with_routers(2)?;
    snoop(&lab, 3)?;
    let r2 = lab.host("r2")?;
    r2.namespace.ip(&format!("address flush dev {INTERFACE}"))?;
    let mut daemon = start(&lab, "r2", &router(90))?;
    until_state(&daemon, "FAULT")?;
    let mark = until_joined(&lab, Mark::default(), "r2").context("without an address")?;
    r2.namespace.ip(&format!("address add {} dev {INTERFACE}", r2.address))?;
    until_state(&daemon, "MASTER")?;
    until_joined(&lab, mark, "r2").context("with an address")?;

    lab.unplug("r2")?;
    until_state(&daemon, "FAULT")?;
    let mark = lab.wire().mark();
    lab.replug("r2")?;
    until_joined(&lab, mark, "r2").context("on a new interface")?;
    until_state(&daemon, "MASTER")?;

    let (own, peer): (Ipv4Addr, Ipv4Addr) = (router_address(2), router_address(1));
    let extra = vec![format!("unicast_src_ip = \"{own}\""), format!("unicast_peer = [\"{peer}\"]")];
    let mark = lab.wire().mark();
    daemon.reload(&Router { extra, ..router(90) })?;
    let left = |igmp: &Igmp| matches!(igmp, Igmp::Left(groups) if groups.contains(&GROUP));
    let mark = until_said(&lab, mark, "r2", "leaves", left)?;
    daemon.reload(&router(90))?;
    let mark = until_joined(&lab, mark, "r2").context("after the reloads")?;
    drop(daemon);
    until_said(&lab, mark, "r2", "leaves", left).context("at the end").map(drop)
}
