//! Adverts to peers by their addresses, and strangers that send some.

use std::time::Duration;

use anyhow::{Result, ensure};
use tests::{
    Lab, Mac,
    daemons::{Daemon as _, Keepalived, Router},
    inject,
    lab::{CLIENT_ADDRESS, router_address},
    scenario::{
        PATIENCE, VIP, VRID, sole_owner_over, start, until_adverts, until_master, until_state, until_status,
    },
    wait::Mark,
    wire::{self, GROUP, VRRP},
};

const ADVERT_INT: Duration = Duration::from_millis(100);

fn vrrpd(number: u8, priority: u8) -> Router {
    let (own, peer) = (router_address(number), router_address(3 - number));
    let extra = vec![format!("unicast_src_ip = \"{own}\""), format!("unicast_peer = [\"{peer}\"]")];
    Router { priority, advert_int: ADVERT_INT, extra, ..Router::default() }
}

fn keepalived(number: u8, priority: u8) -> Router {
    let (own, peer) = (router_address(number), router_address(3 - number));
    let extra = vec![format!("unicast_src_ip {own}"), format!("unicast_peer {{\n    {peer}\n  }}")];
    Router { extra, ..vrrpd(number, priority) }
}

fn icmp_unreachable_sent(lab: &Lab, host: &str) -> Result<String> {
    lab.host(host)?.namespace.exec("nstat -asz IcmpOutDestUnreachs")
}

fn version_2(router: Router) -> Router {
    Router { version: 2, advert_int: Duration::from_secs(1), auth_pass: Some("1111".to_owned()), ..router }
}

/// No advert went to the group, and each to the address of the other's.
fn nothing_to_the_group(lab: &Lab) -> Result<()> {
    lab.wire().look(Mark::default(), |timeline| {
        for (frame, advert) in timeline.adverts(VRID) {
            ensure!(advert.destination != GROUP, "{frame}");
            ensure!(frame.source != Mac::virtual_v4(VRID), "{frame}");
        }
        Ok(())
    })
}

#[test]
fn peers_elect_a_master_take_over_and_hand_over_without_multicast() -> Result<()> {
    let lab = Lab::with_routers(2)?;
    let (first, second) = (vrrpd(1, 100), vrrpd(2, 90));
    let mut r1 = start(&lab, "r1", &first)?;
    until_master(&lab, "r1", Mark::default())?;
    let mut r2 = start(&lab, "r2", &second)?;
    until_state(&r2, "BACKUP")?;
    let before = icmp_unreachable_sent(&lab, "r2")?;
    until_adverts(&lab, "r1", 5)?;
    sole_owner_over(&lab, "r1", 3 * second.master_down())?;
    let after = icmp_unreachable_sent(&lab, "r2")?;
    ensure!(before == after, "r2 tells r1 that nobody there speaks protocol 112");
    until_status(&r2, "most adverts wake nobody", |status| {
        status["routers"][0]["statistics"]["advertisements_recognised_by_xdp"].as_u64() >= Some(5)
    })?;

    let mark = lab.wire().mark();
    r1.kill()?;
    until_master(&lab, "r2", mark)?;
    sole_owner_over(&lab, "r2", 3 * second.master_down())?;

    let mark = lab.wire().mark();
    let mut r1 = start(&lab, "r1", &first)?;
    until_master(&lab, "r1", mark)?;
    until_state(&r2, "BACKUP")?;
    sole_owner_over(&lab, "r1", 3 * second.master_down())?;
    until_adverts(&lab, "r1", 2)?;
    let mark = lab.wire().mark();
    r1.terminate()?;
    until_master(&lab, "r2", mark)?;
    r2.terminate()?;
    nothing_to_the_group(&lab)
}

#[test]
fn a_stranger_is_dropped_in_xdp_and_counted() -> Result<()> {
    // The peer is only there to have a MAC address.
    let lab = Lab::with_routers(2)?;
    let r1 = start(&lab, "r1", &vrrpd(1, 100))?;
    until_master(&lab, "r1", Mark::default())?;
    let mac = lab.host("r1")?.mac;
    inject::send(&lab, &[unicast_advert(mac, CLIENT_ADDRESS, 255)], 20)?;
    until_status(&r1, "the drops are counted", |status| {
        status["interfaces"][0]["frames"]["advert_unknown_peer"].as_u64() == Some(20)
    })?;
    sole_owner_over(&lab, "r1", 3 * ADVERT_INT)?;
    // The same from the peer is heard, and outranks.
    inject::send(&lab, &[unicast_advert(mac, router_address(2), 255)], 1)?;
    until_state(&r1, "BACKUP")
}

#[test]
fn a_peer_from_too_far_away_is_not_heard() -> Result<()> {
    // The peer is only there to have a MAC address.
    let lab = Lab::with_routers(2)?;
    let mut router = vrrpd(1, 100);
    router.extra[1] = "unicast_peer = [{ address = \"192.0.2.2\", min_ttl = 254 }]".to_owned();
    let r1 = start(&lab, "r1", &router)?;
    until_master(&lab, "r1", Mark::default())?;
    let mac = lab.host("r1")?.mac;
    let mut far = unicast_advert(mac, router_address(2), 255);
    far[22] = 253;
    far[24..26].fill(0);
    let sum = wire::sum(&[&far[14..34]]);
    far[24..26].copy_from_slice(&sum.to_be_bytes());
    inject::send(&lab, &[far], 5)?;
    until_status(&r1, "the TTL is counted", |status| {
        status["interfaces"][0]["frames"]["advert_ttl_errors"].as_u64() == Some(5)
    })?;
    sole_owner_over(&lab, "r1", 3 * ADVERT_INT)
}

#[test]
fn unicast_ttl_is_that_of_the_adverts() -> Result<()> {
    let lab = Lab::with_routers(2)?;
    let mut router = vrrpd(1, 100);
    router.extra.push("unicast_ttl = 64".to_owned());
    let _r1 = start(&lab, "r1", &router)?;
    let ttl = lab.wire().until("an advert", Mark::default(), PATIENCE, |timeline| {
        timeline.adverts_by(VRID, "r1").next().map(|(_, advert)| advert.ttl)
    })?;
    ensure!(ttl == 64, "TTL {ttl}");
    Ok(())
}

/// keepalived hears vrrpd and vrrpd keepalived, as master and as backup.
#[test]
fn keepalived_is_a_peer() -> Result<()> {
    type Version = fn(Router) -> Router;
    let versions: [Version; 2] = [|router| router, version_2];
    for version in versions {
        let lab = Lab::with_routers(2)?;
        let r2 = lab.host("r2")?;
        let mut first = start(&lab, "r1", &version(vrrpd(1, 100)))?;
        until_master(&lab, "r1", Mark::default())?;
        let second = version(keepalived(2, 90));
        let backup = Keepalived::start(&r2.namespace, &lab.scratch(), &second)?;
        until_adverts(&lab, "r1", 4)?;
        let mark = lab.wire().mark();
        first.kill()?;
        until_master(&lab, "r2", mark)?;
        let mark = lab.wire().mark();
        let first = start(&lab, "r1", &version(vrrpd(1, 100)))?;
        until_master(&lab, "r1", mark)?;
        until_adverts(&lab, "r1", 3)?;
        until_state(&first, "MASTER")?;
        nothing_to_the_group(&lab)?;
        drop(backup);
    }
    Ok(())
}

/// An advert of version 3 for [`VIP`] to r1, by unicast.
fn unicast_advert(to: Mac, source: std::net::Ipv4Addr, priority: u8) -> Vec<u8> {
    let mut frame = wire::advert_frame(VRID, priority, ADVERT_INT, source, &[VIP]);
    let [a, b, c, d] = source.octets();
    let [e, f, g, h] = router_address(1).octets();
    frame[..6].copy_from_slice(&to.0);
    frame[6..12].copy_from_slice(&[2, 0, 0, 0, 0, 0x77]);
    frame[30..34].copy_from_slice(&[e, f, g, h]);
    frame[24..26].fill(0);
    let header = wire::sum(&[&frame[14..34]]);
    frame[24..26].copy_from_slice(&header.to_be_bytes());
    frame[40..42].fill(0);
    let length = (frame.len() - 34) as u8;
    let pseudo_header = [a, b, c, d, e, f, g, h, 0, VRRP, 0, length];
    let message = wire::sum(&[&pseudo_header, &frame[34..]]);
    frame[40..42].copy_from_slice(&message.to_be_bytes());
    frame
}

/// r2 names another box than r1, and r1 hears nothing of it: both are master.
#[test]
fn a_peer_that_is_never_heard_is_told_until_it_is() -> Result<()> {
    let lab = Lab::with_routers(2)?;
    let peer = router_address(2).to_string();
    let mut astray = vrrpd(2, 90);
    astray.extra =
        vec![format!("unicast_src_ip = \"{peer}\""), format!("unicast_peer = [\"{CLIENT_ADDRESS}\"]")];
    let r1 = start(&lab, "r1", &vrrpd(1, 100))?;
    let mut r2 = start(&lab, "r2", &astray)?;
    until_master(&lab, "r1", Mark::default())?;
    until_master(&lab, "r2", Mark::default())?;
    let unheard = |expected: serde_json::Value| {
        until_status(&r1, "who was not heard", |status| status["routers"][0]["unheard_peers"] == expected)
    };
    unheard(serde_json::json!([peer]))?;
    tests::wait::poll("a warning", PATIENCE, || {
        Ok(r1.log().contains("master, and this peer was never heard").then_some(()))
    })?;
    until_adverts(&lab, "r1", 10)?;
    ensure!(r1.log().matches("this peer was never heard").count() == 1, "{}", r1.log());
    r2.reload(&vrrpd(2, 200))?;
    until_state(&r1, "BACKUP")?;
    unheard(serde_json::json!([]))?;
    ensure!(r1.log().contains("a peer that was never heard is heard"), "{}", r1.log());
    Ok(())
}
