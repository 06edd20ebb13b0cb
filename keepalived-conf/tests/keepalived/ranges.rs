//! Numbers whose range is wider in keepalived than here.

use std::time::Duration;

use keepalived_conf::Severity;
use vrrp_config::{CheckKind, Garp};

use crate::memory::{broken, convert, instance, run, said};

fn garp(text: &str) -> Garp {
    run(text).routers[0].garp
}

fn notes(text: &str) -> Vec<(Severity, String)> {
    said(&convert(text)).into_iter().map(|(severity, _, keyword)| (severity, keyword)).collect()
}

#[test]
fn at_least_one_gratuitous_arp_is_sent_as_in_keepalived() {
    let global = "global_defs {\n vrrp_garp_master_repeat 0\n}\n".to_owned() + &instance("");
    let own = instance("garp_master_repeat 0");
    assert_eq!((garp(&global).repeat, garp(&own).repeat), (1, 1));
    assert_eq!(notes(&own), [(Severity::Harmless, "garp_master_repeat".to_owned())]);
    assert_eq!(notes(&global), [(Severity::Harmless, "vrrp_garp_master_repeat".to_owned())]);
    let refresh = [(Severity::Harmless, "garp_master_refresh_repeat".to_owned())];
    assert_eq!(notes(&instance("garp_master_refresh_repeat 0")), refresh);
}

#[test]
fn the_least_of_gratuitous_arp_changes_nothing_that_was_said() {
    let global = |settings: &str| garp(&(format!("global_defs {{\n{settings}\n}}\n") + &instance("")));
    let shown = |garp: Garp| (garp.repeat, garp.delay.as_secs());
    assert_eq!(shown(global("vrrp_min_garp")), (1, 0));
    assert_eq!(shown(global("vrrp_garp_master_repeat 3\nvrrp_min_garp\nvrrp_garp_master_delay 7")), (3, 7));
    assert_eq!(shown(global("vrrp_garp_master_repeat 5\nvrrp_min_garp")), (1, 0), "5 is as good as nothing");
}

#[test]
fn more_than_there_can_be_here_is_taken_as_the_most_and_said() {
    let most = garp(&instance("garp_master_repeat 1000\ngarp_master_delay 4000\ngarp_master_refresh 100000"));
    let day = Duration::from_secs(86_400);
    assert_eq!(most, Garp { repeat: 255, delay: Duration::from_secs(1000), refresh: day, ..most });
    assert_eq!(
        notes(&instance("garp_master_repeat 1000")),
        [(Severity::Different, "garp_master_repeat".to_owned())]
    );
    assert!(broken(&instance("garp_master_repeat 5000000000")).contains("from 0 to 4294967295"));
    let mail = "global_defs {\n notification_email {\n a@example.net\n }\n smtp_connect_timeout 0\n}\n";
    let config = run(&(mail.to_owned() + &instance("")));
    assert_eq!(config.mail.unwrap().connect_timeout, Duration::from_secs(1));
}

#[test]
fn a_script_is_run_each_second_where_its_interval_is_0() {
    let script = |settings: &str| {
        let text = format!("vrrp_script s {{\n script /bin/true\n {settings}\n}}\n") + &instance("");
        let check = run(&text).checks.remove(0);
        let CheckKind::Script(script) = check.kind else { panic!("no script") };
        (script.interval.as_secs(), script.timeout.as_secs(), check.rise, check.fall)
    };
    assert_eq!(script("interval 0\ntimeout 0"), (1, 1, 1, 1));
    assert_eq!(script("interval 4000\nrise 5000\nfall 5000"), (3600, 3600, 1000, 1000));
}
