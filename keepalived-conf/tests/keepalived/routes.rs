//! Routes and rules of both families, and prefixes with bits behind them.

use keepalived_conf::Severity;
use vrrp_config::{Config, LineWord, ROUTE, RULE, Takes};

use crate::memory::{broken, convert, instance, run, said};

fn with(routes: &str, rules: &str) -> String {
    instance(&format!("virtual_routes {{\n{routes}\n}}\nvirtual_rules {{\n{rules}\n}}"))
}

fn spelled(config: &Config) -> Vec<String> {
    let router = &config.routers[0];
    router
        .routes
        .iter()
        .map(ToString::to_string)
        .chain(router.rules.iter().map(ToString::to_string))
        .collect()
}

#[test]
fn routes_and_rules_of_ipv6_are_carried_over() {
    let routes = "default via inet6 2001:db8::1 dev eth1\n2001:db8:1::/48 via 2001:db8::1\ninet6 default dev eth1 metric 9\n\
                  10.0.0.0/8 via inet 192.0.2.254";
    let config = run(&with(
        routes,
        "from 2001:db8::/64 table 5 preference 9\ninet6 to 2001:db8::5 table 5 preference 8",
    ));
    let expected = [
        "::/0 via 2001:db8::1 dev eth1",
        "2001:db8:1::/48 via 2001:db8::1",
        "::/0 dev eth1 metric 9",
        "10.0.0.0/8 via 192.0.2.254",
        "from 2001:db8::/64 table 5 priority 9",
        "from all to 2001:db8::5/128 table 5 priority 8",
    ];
    let spelled = spelled(&config);
    for expected in expected {
        assert!(
            spelled.iter().any(|line| line.starts_with(expected) || line == expected),
            "{expected}\n{spelled:#?}"
        );
    }
    assert_eq!(said(&convert(&with(routes, "from 10.0.0.0/8 table 5 preference 9"))), []);
}

#[test]
fn preferences_count_down_in_each_family_by_itself() {
    let rules = "from 10.0.0.0/8 table 5\nfrom 2001:db8::/64 table 5\nfrom 10.0.0.0/8 table 6\nfrom 2001:db8::/64 table 6";
    let spelled = spelled(&run(&with("10.0.0.0/8 dev eth1", rules)));
    let preferences: Vec<_> = spelled.iter().skip(1).map(|line| line.rsplit(' ').next().unwrap()).collect();
    assert_eq!(preferences, ["16384", "16384", "16383", "16383"], "{spelled:?}");
}

#[test]
fn what_mixes_families_is_named() {
    for route in [
        "10.0.0.0/8 via inet6 2001:db8::1",
        "inet 2001:db8::/64 dev eth1",
        "default src 192.0.2.1 via 2001:db8::1",
    ] {
        let told = said(&convert(&with(route, "from 192.0.2.1 table 5 preference 9")));
        assert_eq!(told, [(Severity::Unsupported, 8, "virtual_routes".to_owned())], "{route}");
    }
    let rule = said(&convert(&with("10.0.0.0/8 dev eth1", "inet6 iif eth1 table 5 preference 9")));
    assert_eq!(rule, [(Severity::Unsupported, 11, "virtual_rules".to_owned())]);
}

#[test]
fn bits_behind_a_prefix_count_in_no_rule_and_in_a_route_they_are_refused_by_the_kernel() {
    let text = with("10.0.0.1/8 dev eth1", "from 192.0.2.21/28 to 2001:db8::1/64 table 5 preference 9");
    assert_eq!(said(&convert(&text)).len(), 3, "{:?}", said(&convert(&text)));
    let text = with("10.0.0.1/8 dev eth1", "from 192.0.2.21/28 table 5 preference 9");
    let told = said(&convert(&text));
    assert_eq!(told[0], (Severity::Unsupported, 8, "virtual_routes".to_owned()));
    assert_eq!(told[1], (Severity::Harmless, 11, "virtual_rules".to_owned()));
    assert_eq!(spelled(&run(&text)), ["from 192.0.2.16/28 table 5 priority 9"]);
}

#[test]
fn a_name_that_is_not_defined_is_an_error_wherever_a_name_stands() {
    for settings in [
        "interface $IF",
        "interface ${IF}",
        "virtual_ipaddress {\n192.0.2.7 dev $IF\n}",
        "virtual_ipaddress {\n192.0.2.7 label $IF\n}",
        "virtual_routes {\n10.0.0.0/8 dev $IF\n}",
        "virtual_rules {\nfrom 10.0.0.0/8 iif $IF table 5\n}",
        "track_interface {\n$IF\n}",
        "track_script {\n$IF\n}",
    ] {
        let said = broken(&instance(settings));
        assert!(
            said.contains("IF` is not defined") || said.contains("IF}` is not defined"),
            "{settings}\n{said}"
        );
        assert!(said.ends_with("keepalived.conf: 1 problem\n"), "{settings}\n{said}");
    }
    let said = broken(&instance("").replace("VI {", "VI_$IF {"));
    assert!(said.contains("`$IF` is not defined"), "{said}");
    // Where any text may stand it is one.
    let text = instance("authentication {\nauth_type PASS\nauth_pass $ecret\n}");
    assert_eq!(run(&text).routers[0].auth_pass, Some(*b"$ecret\0\0"));
}

/// A value that every word of its kind takes.
const fn value(word: &LineWord) -> &'static str {
    match word.takes {
        Takes::Nothing => "",
        Takes::Host => "192.0.2.9",
        Takes::Prefix => "10.9.0.0/16",
        Takes::Interface => "eth7",
        Takes::Number | Takes::Table => "99",
        Takes::Code => "7",
    }
}

/// Each word of the grammar by each of its names, in a line after `start`: all come to the same.
fn by_any_name(grammar: &[LineWord], of: impl Fn(&str) -> String) {
    for word in grammar.iter().filter(|word| !word.others.is_empty()) {
        let by = |name: &str| spelled(&run(&of(&format!("{name} {}", value(word)))));
        let ours = by(word.word);
        for other in word.others {
            assert_eq!(by(other), ours, "{other} is {}", word.word);
        }
    }
}

#[test]
fn the_words_of_routes_and_rules_are_those_of_the_grammar() {
    by_any_name(ROUTE, |word| {
        let way = if word.contains("eth7") { "" } else { "dev eth1" };
        with(&format!("10.0.0.0/8 {way} {word}"), "from 10.0.0.0/8 table 5 preference 9")
    });
    by_any_name(RULE, |word| {
        let action = if word.starts_with("table") || word.starts_with("lookup") { "" } else { "table 5" };
        with("10.0.0.0/8 dev eth1", &format!("from 10.0.0.0/8 {word} {action}"))
    });
    let named = |grammar: &[LineWord]| grammar.iter().filter(|word| !word.others.is_empty()).count();
    assert!(named(ROUTE) >= 5 && named(RULE) >= 4, "the grammar was not read");
}

#[test]
fn what_the_kernel_refuses_is_left_out_in_the_words_of_the_one_grammar() {
    for (route, why) in [
        ("10.0.0.0/8 metric 5", "has no way"),
        ("10.0.0.0/8 dev eth1 onlink", "`onlink` needs `via` and `dev`"),
        ("blackhole 10.0.0.0/8 dev eth1", "leads nowhere"),
        ("10.0.0.0/8 dev eth1 default", "`default` is not supported"),
    ] {
        let imported = convert(&with(route, "from 10.0.0.0/8 table 5 preference 9"));
        assert_eq!(said(&imported), [(Severity::Unsupported, 8, "virtual_routes".to_owned())], "{route}");
        assert!(imported.report.to_string().contains(why), "{}", imported.report);
        assert_eq!(imported.config().unwrap().routers[0].routes.len(), 0, "{route}");
    }
}
