//! What two instances share in keepalived.

use keepalived_conf::Severity;

use crate::memory::{contradicting, convert, instance, run, said};

/// A second instance with `settings`, and `address` of its own if any.
fn second(settings: &str, address: &str) -> String {
    instance(settings).replace("VI", "VJ").replace("    192.0.2.1/24\n", address)
}

#[test]
fn an_address_of_two_instances_is_the_firsts_and_named() {
    let excluded = "virtual_ipaddress_excluded {\n192.0.2.3\n}";
    let own = second(excluded, "192.0.2.1/24\n192.0.2.2/24\n").replace("id 51", "id 52");
    let text = instance(excluded) + &own;
    let config = run(&text);
    assert_eq!((config.routers[0].addresses.len(), config.routers[1].addresses.len()), (1, 1));
    let told = said(&convert(&text));
    let expected = [(15, "virtual_ipaddress"), (19, "virtual_ipaddress_excluded")]
        .map(|(line, keyword)| (Severity::Unsupported, line, keyword.to_owned()));
    assert_eq!(told, expected);
    let nothing_else = instance("") + &second("", "192.0.2.1/24\n").replace("id 51", "id 52");
    assert_eq!(convert(&nothing_else).routers, 1);
}

#[test]
fn a_number_that_another_has_on_the_interface_is_named_where_keepalived_takes_it() {
    let peers = |peer: &str| format!("unicast_peer {{\n{peer}\n}}");
    let text = instance(&peers("192.0.2.9")) + &second(&peers("192.0.2.10"), "192.0.2.2/24\n");
    let imported = convert(&text);
    assert_eq!(imported.routers, 1);
    let told = said(&imported);
    assert!(told.contains(&(Severity::Unsupported, 11, "vrrp_instance".to_owned())), "{}", imported.report);
    let mixed = instance("") + &second(&peers("192.0.2.10"), "192.0.2.2/24\n");
    assert_eq!(convert(&mixed).routers, 1);
    // Two by multicast are refused by keepalived as well.
    let said = contradicting(&(instance("") + &second("", "192.0.2.2/24\n")));
    assert!(said.contains("virtual_router_id 51 twice on eth0"), "{said}");
}

#[test]
fn an_instance_without_an_address_of_its_own_is_left_out_and_says_what_to_do() {
    let without = |settings: &str, addresses: &str| {
        let text = instance("") + &second(settings, addresses).replace("id 51", "id 52");
        let imported = convert(&text);
        assert_eq!((imported.routers, imported.config().unwrap().routers.len()), (1, 1), "{settings}");
        let entries = imported.report.entries().iter().filter(|entry| entry.keyword == "vrrp_instance");
        let told: Vec<_> = entries.map(|entry| (entry.severity, entry.text.clone())).collect();
        assert_eq!((told.len(), told[0].0), (1, Severity::Unsupported), "{told:?}");
        told[0].1.clone()
    };
    let excluded = without("virtual_ipaddress_excluded {\n192.0.2.9/24\n}", "");
    assert!(excluded.contains("move one from virtual_ipaddress_excluded to virtual_ipaddress"), "{excluded}");
    for settings in ["track_interface {\neth1\n}", "virtual_routes {\n10.0.0.0/8 via 192.0.2.254\n}"] {
        let none = without(settings, "");
        assert!(none.contains("give it a virtual_ipaddress, on all boxes"), "{none}");
    }
    let lost = without("", "224.0.0.1\n");
    assert!(lost.contains("no virtual address that can be carried over"), "{lost}");
}

#[test]
fn addresses_beyond_what_an_advert_holds_are_excluded_from_it() {
    let many = "virtual_ipaddress {\n~SEQ(A, 2, 3) ~SEQ(B, 1, 200) 10.0.${A}.${B}\n}";
    let router = run(&instance(many)).routers.remove(0);
    assert_eq!((router.addresses.len(), router.excluded.len()), (255, 146));
    assert_eq!(convert(&instance(many)).report.worst(), Some(Severity::Harmless));
}

#[test]
fn an_address_where_another_has_the_number_is_named() {
    let there =
        second("", "192.0.2.2/24\n192.0.2.3/24 dev eth0\n").replace("interface eth0", "interface eth1");
    let text = instance("") + &there;
    assert_eq!(run(&text).routers[1].addresses.len(), 1);
    assert_eq!(said(&convert(&text)), [(Severity::Unsupported, 14, "virtual_ipaddress".to_owned())]);
}
