//! Peers, and where adverts come from: as keepalived 2.2.7 has it in its dump.

use std::{net::IpAddr, sync::Arc};

use keepalived_conf::Severity;
use vrrp_config::Router;

use crate::memory::{convert, instance, run, said};

fn router(settings: &str) -> Router {
    Arc::unwrap_or_clone(run(&instance(settings)).routers.remove(0))
}

fn address(text: &str) -> Option<IpAddr> {
    Some(text.parse().unwrap())
}

#[test]
fn the_two_words_for_the_source_are_one_setting_and_the_last_counts() {
    let both = "unicast_src_ip 192.0.2.7\nmcast_src_ip 192.0.2.8\n";
    let peers = "unicast_peer {\n192.0.2.9\n}";
    assert_eq!(router(&format!("{both}{peers}")).unicast.unwrap().source, address("192.0.2.8"));
    assert_eq!(router(both).mcast_src_ip, address("192.0.2.8"));
    let told = said(&convert(&instance(both)));
    assert_eq!(told, [(Severity::Harmless, 8, "mcast_src_ip".to_owned())]);
}

#[test]
fn what_stands_behind_an_address_of_a_host_is_dropped_and_said() {
    assert_eq!(router("mcast_src_ip 192.0.2.8/24").mcast_src_ip, address("192.0.2.8"));
    let settings = "unicast_src_ip 192.0.2.8/24\nunicast_peer {\n192.0.2.9/24\n192.0.2.10-20\n}";
    let unicast = router(settings).unicast.unwrap();
    let peers: Vec<IpAddr> = unicast.peers.iter().map(|peer| peer.address).collect();
    assert_eq!(unicast.source, address("192.0.2.8"));
    assert_eq!(peers.iter().map(ToString::to_string).collect::<Vec<_>>(), ["192.0.2.9", "192.0.2.10"]);
    let imported = convert(&instance(settings));
    assert_eq!(imported.report.worst(), Some(Severity::Harmless));
    for (line, dropped) in [(7, "`/24`"), (9, "`/24`"), (10, "`-20`")] {
        let entries = imported.report.entries();
        let told = entries.iter().any(|entry| entry.line == line && entry.text.contains(dropped));
        assert!(told, "{line} {dropped}\n{}", imported.report);
    }
}

#[test]
fn peers_are_nothing_that_matters() {
    let imported = convert(&instance("unicast_peer {\n192.0.2.9\n}"));
    assert_eq!(imported.report.worst(), Some(Severity::Harmless), "{}", imported.report);
}

#[test]
fn a_block_without_peers_is_multicast_unless_that_is_to_be_a_fault() {
    let empty = instance("unicast_peer {\n}\nunicast_src_ip 192.0.2.8\nunicast_ttl 5");
    let router = Arc::unwrap_or_clone(run(&empty).routers.remove(0));
    assert_eq!((router.unicast, router.mcast_src_ip), (None, address("192.0.2.8")));
    assert_eq!(convert(&empty).report.worst(), Some(Severity::Harmless));
    for fault in ["unicast_peer {\n}\nunicast_fault_no_peer", "unicast_fault_no_peer"] {
        let imported = convert(&instance(fault));
        assert_eq!((imported.routers, imported.report.worst()), (0, Some(Severity::Unsupported)), "{fault}");
    }
    // Peers that are not carried over are peers: multicast is heard by others.
    assert_eq!(convert(&instance("unicast_peer {\n2001:db8::9\n}")).routers, 0);
}

#[test]
fn the_own_address_and_a_peer_that_is_named_twice_are_left_out_and_said() {
    let settings = "unicast_src_ip 192.0.2.8\nunicast_peer {\n192.0.2.8\n192.0.2.9\n192.0.2.9\n}";
    let peers = router(settings).unicast.unwrap().peers;
    assert_eq!(peers.iter().map(|peer| Some(peer.address)).collect::<Vec<_>>(), [address("192.0.2.9")]);
    let imported = convert(&instance(settings));
    let told: Vec<_> = said(&imported).into_iter().map(|(_, line, _)| line).collect();
    assert_eq!((told, imported.report.worst()), (vec![8, 9, 11], Some(Severity::Harmless)));
}
