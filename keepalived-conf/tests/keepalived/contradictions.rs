//! Settings that are well as they are written, and do not go together: shown at the lines that they stand in.

use crate::memory::{contradicting, instance};

#[test]
fn two_routers_that_are_one_to_everybody_else_are_shown_at_their_own_lines() {
    let second = instance("").replace("VI", "VJ").replace("192.0.2.1", "192.0.2.2");
    let said = contradicting(&(instance("") + &second));
    let expected = "\
error: virtual_router_id 51 twice on eth0 with IPv4
  --> /etc/keepalived/keepalived.conf:11:3
   |
 3 |   virtual_router_id 51
   |   -------------------- first here
...
11 |   virtual_router_id 51
   |   ^^^^^^^^^^^^^^^^^^^^ again here
";
    assert!(said.starts_with(expected), "{said}");
    assert!(said.ends_with("keepalived.conf: 1 problem\n"), "{said}");
}

#[test]
fn what_only_toml_refuses_is_shown_at_the_line_of_the_file() {
    for (settings, place, what) in [
        ("mcast_src_ip 192.0.2.1", ":7:1", "is the virtual address 192.0.2.1"),
        (
            "virtual_ipaddress {\n 192.0.2.7 label a-label-that-is-too-long\n}",
            ":8:2",
            "`virtual_ipaddress.label`",
        ),
        ("virtual_rules {\n from 10.0.0.0/8\n}", ":8:2", "`virtual_rules`"),
        ("track_interface {\n an-interface-with-a-long-name\n}", ":8:2", "`track_interface`"),
    ] {
        let said = contradicting(&instance(settings));
        assert!(
            said.contains(&format!("keepalived.conf{place}")) && said.contains(what),
            "{settings}\n{said}"
        );
    }
}

#[test]
fn a_password_is_not_shown_beside_what_does_not_go_together() {
    let password = "authentication {\n auth_type PASS\n auth_pass geheim\n }\n mcast_src_ip 192.0.2.1";
    let said = contradicting(&instance(password));
    assert!(!said.contains("geheim"), "{said}");
}
