//! What is said of a broken file: line, column, and what was expected.

use crate::memory::{broken, instance};

/// `text` is broken, and what is said has all of `parts`.
fn says(text: &str, parts: &[&str]) {
    let said = broken(text);
    for part in parts {
        assert!(said.contains(part), "{part}\n--- in\n{said}\n--- of\n{text}");
    }
}

#[test]
fn a_missing_brace_is_shown_at_its_block_and_before_the_next() {
    let text = "vrrp_instance A {\n  interface eth0\n  virtual_ipaddress {\n    192.0.2.1\n  }\n\nvrrp_instance B {\n}\n";
    let said = broken(text);
    let expected = "\
error: `vrrp_instance` is never closed
 --> /etc/keepalived/keepalived.conf:1:1
  |
1 | vrrp_instance A {
  | ^^^^^^^^^^^^^^^ expected `}` for the block that opens here
...
7 | vrrp_instance B {
  | --------------- missing before this
  |
  = help: every { has its }
";
    assert!(said.starts_with(expected), "{said}");
}

#[test]
fn braces_without_a_place_are_shown() {
    says("}\n", &["unexpected `}`", "keepalived.conf:1:1", "no block is open here"]);
    says("{\n}\n", &["unexpected `{`", "expected a keyword before it"]);
    says(&instance("priority 7 {\n}"), &["`priority` has a block", ":7:1"]);
    says("vrrp_instance VI\n", &["`vrrp_instance` without a block", "expected `{` after this"]);
    says("vrrp_instance {\n}\n", &["a `vrrp_instance` without a name"]);
    says(&"a {\n".repeat(40), &["blocks nested too deep"]);
}

#[test]
fn wrong_values_are_underlined_with_what_was_expected() {
    for (settings, place, expected) in [
        ("priority 300", ":7:10", "expected a whole number from 1 to 255"),
        ("virtual_router_id 0", ":7:19", "expected a whole number from 1 to 255"),
        ("advert_int x", ":7:12", "expected a number of seconds from 0.01 to 255"),
        ("state $UP", ":7:7", "expected MASTER or BACKUP"),
        ("version 4", ":7:9", "expected a whole number from 2 to 3"),
        ("mcast_src_ip 1.2.3", ":7:14", "expected an IP address"),
        ("smtp_alert maybe", ":7:12", "expected on, off"),
        ("virtual_ipaddress {\n 192.0.2.1/33\n}", ":8:2", "expected a prefix from /0 to /32"),
        ("virtual_ipaddress {\n 192.0.2./24\n}", ":8:2", "expected an IP address"),
        ("virtual_ipaddress {\n 192.0.2.7 dev\n}", ":8:12", "expected a value after this"),
        ("virtual_ipaddress {\n 192.0.2.7 192.0.2.8\n}", ":8:12", "expected dev, label"),
        ("virtual_rules {\n from 10.0.0/8 table 5\n}", ":8:7", "expected an IP address"),
        ("virtual_routes {\n via 192.0.2.1\n}", ":8:2", "expected an address and a prefix"),
        ("track_interface {\n eth1 weight 500\n}", ":8:14", "expected a whole number from -254 to 254"),
        ("unicast_peer {\n 192.0.2.9 192.0.2.10\n}", ":8:12", "one peer to a line"),
        ("notify \"'/bin/x\"", ":7:1", "without a program"),
        ("track_interface {\n eth1 reverse\n}", ":8:7", "expected weight N before this"),
        ("track_interface {\n eth1 noreverse weight 5\n}", ":8:7", "expected weight N before this"),
        ("notify \"/bin/x", ":7:8", "a quote is not closed"),
        ("interface \\", ":7:11", "a line ends with `\\`"),
        ("~SEQ(I) x", ":7:1", "bad repetition"),
        ("authentication {\nauth_type FOO\n}", ":8:11", "expected PASS or AH"),
    ] {
        says(&instance(settings), &[place, expected]);
    }
}

#[test]
fn what_is_missing_is_shown_at_its_block() {
    says("vrrp_instance VI {\n}\n", &["`VI` has no `interface`", "`VI` has no `virtual_router_id`", ":1:1"]);
    says(&("vrrp_script s {\n}\n".to_owned() + &instance("")), &["`s` has no `script`"]);
}

#[test]
fn one_mistake_is_one_error() {
    let group = "vrrp_sync_group G {\n group {\n VI\n VJ\n }\n}\nvrrp_instance VJ\n";
    for text in [
        "vrrp_instance VI {\n interface eth0\n virtual_router_id 0\n virtual_ipaddress {\n 192.0.2.1\n }\n}\n".to_owned(),
        "vrrp_instance VI {\n interface\n virtual_router_id 51\n virtual_ipaddress {\n 192.0.2.1\n }\n}\n".to_owned(),
        "vrrp_script s {\n script \"'x\"\n}\n".to_owned() + &instance("track_script {\n s\n}"),
        "vrrp_script s\n".to_owned() + &instance("track_script {\n s\n}"),
        "vrrp_track_process p {\n process\n}\n".to_owned() + &instance(""),
        "track_file f {\n file\n}\n".to_owned() + &instance(""),
        instance("authentication {\n auth_type PAS\n auth_pass x\n}"),
        instance("virtual_ipaddress {\n 192.0.2.300\n}"),
        group.to_owned() + &instance(""),
    ] {
        let said = broken(&text);
        assert!(said.ends_with("keepalived.conf: 1 problem\n"), "{text}\n{said}");
    }
}

#[test]
fn every_fault_is_in_one_run() {
    let said = broken(&instance("priority 0\nstate $X\nversion 9"));
    assert!(said.contains("keepalived.conf: 3 problems"), "{said}");
}

#[test]
fn a_definition_is_shown_where_it_is_used() {
    let said = broken(&("$P=999\n".to_owned() + &instance("priority $P")));
    assert!(said.contains(":8:10") && said.contains("8 | priority $P") && said.contains("`999`"), "{said}");
}

#[test]
fn a_file_that_is_no_text_is_refused() {
    says("vrrp_instance \u{fffd} {\n}\n", &["not UTF-8"]);
    says(&format!("x {}\n", "y".repeat(20_000)), &["a line is too long"]);
}
