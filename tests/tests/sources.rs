//! Adverts from an address that the configuration names: only while this host has it.

use std::{net::Ipv4Addr, time::Duration};

use anyhow::{Context as _, Result, ensure};
use tests::{
    Lab,
    daemons::{Daemon as _, Router, Vrrpd},
    lab::{INTERFACE, router_address},
    scenario::{PATIENCE, VRID, start, until_adverts, until_master, until_state, until_status},
    wait::{Mark, poll},
};

const ADVERT_INT: Duration = Duration::from_millis(100);
const SOURCE: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 7);
const OTHER: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 8);

fn from_source(source: Ipv4Addr) -> Router {
    Router {
        advert_int: ADVERT_INT,
        extra: vec![format!("mcast_src_ip = \"{source}\"")],
        ..Router::default()
    }
}

fn to_peer(source: Ipv4Addr) -> Router {
    let peer = router_address(2);
    let extra = vec![format!("unicast_src_ip = \"{source}\""), format!("unicast_peer = [\"{peer}\"]")];
    Router { advert_int: ADVERT_INT, extra, ..Router::default() }
}

/// The router is in FAULT, and says which address is missing and what to do.
fn until_without_source(daemon: &Vrrpd, key: &str) -> Result<()> {
    until_status(daemon, "FAULT for its source", |status| {
        let router = &status["routers"][0];
        let why = router["fault"].as_str().unwrap_or_default();
        router["state"] == "FAULT"
            && why.contains(&SOURCE.to_string())
            && why.contains(&format!("change {key}"))
    })
}

#[test]
fn a_source_that_no_interface_has_is_a_named_fault_until_it_comes_and_again_when_it_goes() -> Result<()> {
    type Settings = fn(Ipv4Addr) -> Router;
    let both: [(Settings, &str); 2] = [(from_source, "mcast_src_ip"), (to_peer, "unicast_src_ip")];
    for (settings, key) in both {
        // The second is only there to have a MAC address.
        let lab = Lab::with_routers(2)?;
        let namespace = &lab.host("r1")?.namespace;
        // Whoever may bind it has it no more than before.
        namespace.sysctl("net/ipv4/ip_nonlocal_bind", "1")?;
        let mut r1 = start(&lab, "r1", &settings(SOURCE))?;
        until_without_source(&r1, key)?;
        ensure!(r1.log().contains("no interface of this host has 203.0.113.7"), "{}", r1.log());
        // Any interface will do.
        namespace.ip("link set lo up")?;
        namespace.ip(&format!("address add {SOURCE}/32 dev lo"))?;
        until_master(&lab, "r1", Mark::default())?;
        let mark = lab.wire().mark();
        namespace.ip(&format!("address del {SOURCE}/32 dev lo"))?;
        until_without_source(&r1, key)?;
        lab.wire().settle();
        lab.wire().look(mark, |timeline| {
            let (_, last) = timeline.adverts_by(VRID, "r1").next_back().context("no farewell")?;
            ensure!(last.priority == 0 && last.source == SOURCE, "{last:?}");
            Ok(())
        })?;
        let mark = lab.wire().mark();
        namespace.ip(&format!("address add {SOURCE}/32 dev {INTERFACE}"))?;
        until_master(&lab, "r1", mark)?;
        r1.terminate()?;
    }
    Ok(())
}

#[test]
fn i9_a_reload_to_another_source_of_this_host_does_not_move_the_role() -> Result<()> {
    let lab = Lab::with_routers(1)?;
    let namespace = &lab.host("r1")?.namespace;
    for source in [SOURCE, OTHER] {
        namespace.ip(&format!("address add {source}/32 dev {INTERFACE}"))?;
    }
    let mut r1 = start(&lab, "r1", &from_source(SOURCE))?;
    until_master(&lab, "r1", Mark::default())?;
    let mark = lab.wire().mark();
    r1.reload(&from_source(OTHER))?;
    lab.wire().until("adverts from the other", mark, PATIENCE, |timeline| {
        timeline.adverts_by(VRID, "r1").find(|(_, advert)| advert.source == OTHER).map(drop)
    })?;
    until_adverts(&lab, "r1", 3)?;
    // The former one is nobody's business any more.
    namespace.ip(&format!("address del {SOURCE}/32 dev {INTERFACE}"))?;
    until_adverts(&lab, "r1", 3)?;
    until_state(&r1, "MASTER")?;
    lab.wire().look(mark, |timeline| {
        let farewell = timeline.adverts_by(VRID, "r1").find(|(_, advert)| advert.priority == 0);
        ensure!(farewell.is_none(), "{farewell:?}");
        Ok(())
    })?;
    poll("one transition to MASTER", PATIENCE, || {
        let status = r1.status()?;
        let count = status["routers"][0]["statistics"]["master_transitions"].as_u64();
        ensure!(count == Some(1), "{count:?}");
        Ok(Some(()))
    })
}
