//! The names of keepalived's macvlans stand for the interface beneath.

use keepalived_conf::Severity;
use vrrp_config::{Router, Subject};

use crate::memory::{convert, instance, run};

const SETTINGS: &str = "virtual_ipaddress {\n192.0.2.7 dev vrrp.6\n}\n\
    virtual_routes {\ndefault via 192.0.2.254 dev vrrp.6 table 5\n}\n\
    virtual_rules {\nfrom 192.0.2.7 iif vrrp.6 table 5 preference 9\n}\n\
    track_interface {\nvrrp.9 weight -5\nvrrp.6\n}";

/// `VI` on eth0 with `use_vmac` and `SETTINGS`, and one on eth1 whose macvlan is vrrp.9.
fn text(use_vmac: &str) -> String {
    let other = instance("use_vmac vrrp.9")
        .replace("VI", "VJ")
        .replace("eth0", "eth1")
        .replace("192.0.2.1/", "192.0.2.2/");
    instance(&format!("{use_vmac}\n{SETTINGS}")) + &other
}

fn names(router: &Router) -> Vec<&str> {
    let devices = router.addresses.iter().filter_map(|vip| vip.dev.as_deref());
    let routes = router.routes.iter().filter_map(|route| route.dev.as_deref());
    let rules = router.rules.iter().filter_map(|rule| rule.iif.as_deref());
    let tracks = router.track.iter().filter_map(|tracked| match &tracked.subject {
        Subject::Interface(name) => Some(name.as_str()),
        Subject::Check(_) => None,
    });
    devices.chain(routes).chain(rules).chain(tracks).collect()
}

#[test]
fn whatever_names_a_macvlan_names_the_interface_beneath_it() {
    let config = run(&text("use_vmac vrrp.6"));
    assert_eq!(
        names(&config.routers[0]),
        ["eth0", "eth0", "eth0", "eth1"],
        "and not its own among what it tracks"
    );
    let imported = convert(&text("use_vmac vrrp.6"));
    let said = imported
        .report
        .entries()
        .iter()
        .filter(|entry| entry.text == "`vrrp.6` is `eth0` here: there is no macvlan");
    assert_eq!(said.map(|entry| entry.line).collect::<Vec<_>>(), [9, 12, 15, 19], "{}", imported.report);
    assert_eq!(names(&run(&text("use_vmac 02:00:00:00:00:01 vrrp.6")).routers[0]).len(), 4);
}

#[test]
fn one_without_a_name_has_keepalived_s() {
    let own = text("use_vmac").replace("vrrp.6", "vrrp.51");
    assert_eq!(names(&run(&own).routers[0]), ["eth0", "eth0", "eth0", "eth1"]);
    let prefixed =
        "global_defs {\n vmac_prefix v\n}\n".to_owned() + &text("use_vmac").replace("vrrp.6", "v.51");
    assert_eq!(names(&run(&prefixed).routers[0]), ["eth0", "eth0", "eth0", "eth1"]);
    // The second of the same name has a number.
    let first =
        instance("use_vmac").replace("VI", "VH").replace("eth0", "eth2").replace("192.0.2.1/", "192.0.2.3/");
    let second = first + &text("use_vmac").replace("vrrp.6", "vrrp1.51");
    assert_eq!(names(&run(&second).routers[1]), ["eth0", "eth0", "eth0", "eth1"]);
}

#[test]
fn a_router_does_not_track_its_own_interface() {
    let imported = convert(&instance("track_interface {\neth0 weight 5\n}"));
    assert_eq!(imported.report.worst(), Some(Severity::Harmless));
    assert!(imported.config().unwrap().routers[0].track.is_empty());
}
