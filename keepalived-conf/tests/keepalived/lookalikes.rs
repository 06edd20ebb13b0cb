//! Characters that look like others.

use keepalived_conf::Severity;

use crate::memory::{broken, convert, instance, run, said};

#[test]
fn a_byte_order_mark_is_taken_and_said() {
    let text = format!("\u{feff}{}", instance("priority 7"));
    assert_eq!(run(&text).routers[0].priority.as_u8(), 7);
    assert_eq!(said(&convert(&text)), [(Severity::Harmless, 1, "file".to_owned())]);
    // The places behind it are right.
    let said = broken("\u{feff}vrrp_instance VI\n");
    assert!(said.contains("`vrrp_instance` without a block"), "{said}");
}

#[test]
fn what_looks_like_a_blank_or_a_quote_is_named_for_what_it_is_once() {
    for (settings, name, code) in [
        ("priority\u{a0}150", "a no-break space", "U+00A0"),
        ("priority 150\u{a0}", "a no-break space", "U+00A0"),
        ("notify \u{201c}/bin/x a\u{201d}", "a typographic quote", "U+201C"),
        ("interface \u{2018}eth0\u{2019}", "a typographic quote", "U+2018"),
        ("priority \u{200b}150", "an invisible character", "U+200B"),
        ("priority\u{2003}150", "a blank that is none here", "U+2003"),
        ("virtual_ipaddress {\n192.0.2.7/24\u{a0}dev eth0\n}", "a no-break space", "U+00A0"),
    ] {
        let said = broken(&instance(settings));
        assert!(said.contains(&format!("{name} ({code})")), "{settings}\n{said}");
        assert!(said.ends_with("keepalived.conf: 1 problem\n"), "{settings}\n{said}");
    }
}

#[test]
fn where_any_text_may_stand_or_in_quotes_it_stays_as_it_is() {
    let text = "global_defs {\n router_id B\u{fc}ro\u{2019}s\u{a0}gw\n}\n".to_owned()
        + &instance("notify \"/bin/x \u{201c}a\u{201d}\" # \u{a0}");
    let config = run(&text);
    assert_eq!(config.router_id, "B\u{fc}ro\u{2019}s\u{a0}gw");
    assert!(config.routers[0].hooks.notify.is_some());
}
