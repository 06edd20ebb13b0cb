//! Who is owner, master at once, backup, and what strict mode changes: as keepalived 2.2.7 has it in its dump.

use std::sync::Arc;

use keepalived_conf::Severity;
use vrrp_common::types::Version;
use vrrp_config::{Router, Start};

use crate::memory::{convert, instance, run, said};

fn router(text: &str) -> Router {
    Arc::unwrap_or_clone(run(text).routers.remove(0))
}

/// Keywords and severities of what is said, without the lines.
fn notes(text: &str) -> Vec<(Severity, String)> {
    said(&convert(text)).into_iter().map(|(severity, _, keyword)| (severity, keyword)).collect()
}

fn harmless(keyword: &str) -> (Severity, String) {
    (Severity::Harmless, keyword.to_owned())
}

#[test]
fn state_master_without_a_priority_is_the_owner() {
    let owner = router(&instance("state MASTER"));
    assert_eq!((owner.priority.as_u8(), owner.start), (255, Start::Master));
    assert_eq!(notes(&instance("state MASTER")), [harmless("state")]);
    assert_eq!(router(&instance("state MASTER\npriority 100")).priority.as_u8(), 100);
    assert_eq!(router(&instance("state BACKUP")).priority.as_u8(), 100);
    // And the owner preempts whatever it says.
    assert!(router(&instance("state MASTER\nnopreempt")).preempt);
}

#[test]
fn a_second_state_counts_unless_the_first_is_master() {
    let start = |settings: &str| router(&instance(settings)).start;
    assert_eq!(start("priority 7\nstate MASTER\nstate BACKUP"), Start::Master);
    assert_eq!(start("priority 7\nstate BACKUP\nstate MASTER"), Start::Master);
    assert_eq!(notes(&instance("priority 7\nstate MASTER\nstate BACKUP")), [harmless("state")]);
}

const PASSWORD: &str = "authentication {\nauth_type PASS\nauth_pass 1111\n}";
const GLOBAL: &str = "global_defs {\n vrrp_strict\n}\n";

#[test]
fn in_strict_mode_there_is_no_authentication() {
    // As in the file that keepalived ships.
    let shipped = GLOBAL.to_owned() + &instance(&format!("state MASTER\npriority 100\n{PASSWORD}"));
    assert_eq!(router(&shipped).auth_pass, None);
    let expected =
        [(Severity::Different, "vrrp_strict".to_owned()), harmless("state"), harmless("authentication")];
    assert_eq!(notes(&shipped), expected);
    let own = GLOBAL.to_owned() + &instance(&format!("strict_mode off\n{PASSWORD}"));
    assert_eq!(router(&own).auth_pass, Some(*b"1111\0\0\0\0"));
    // keepalived looks at no word after it.
    let off = "global_defs {\n vrrp_strict off\n}\n".to_owned() + &instance(PASSWORD);
    assert_eq!(router(&off).auth_pass, None);
}

#[test]
fn in_strict_mode_the_state_is_that_of_the_priority_before_anything_follows_from_it() {
    let backup = router(&instance("strict_mode\nstate MASTER\npriority 100\nnopreempt"));
    assert_eq!((backup.start, backup.preempt), (Start::Backup, false), "nopreempt counts again");
    let owner = router(&instance("strict_mode\nstate BACKUP\npriority 255"));
    assert_eq!(owner.start, Start::Master);
}

#[test]
fn in_strict_mode_nothing_is_delayed_nor_accepted() {
    let strict = |settings: &str| router(&instance(&format!("strict_mode\n{settings}")));
    assert!(strict("preempt_delay 5").preempt_delay.is_zero());
    assert!(!strict("").accept && !strict("accept").accept && !strict("version 3").accept);
    assert!(strict("version 3\naccept").accept && strict("priority 255").accept);
    assert_eq!(strict("version 3").version, Version::V3);
    let said = notes(&instance("strict_mode\npreempt_delay 5\naccept"));
    assert!(said.contains(&harmless("preempt_delay")) && said.contains(&harmless("accept")), "{said:?}");
}

#[test]
fn peers_in_strict_mode_are_named_since_keepalived_does_not_start() {
    let report = convert(&instance("strict_mode\nunicast_peer {\n192.0.2.9\n}")).report;
    let is_told = |entry: &keepalived_conf::Entry| {
        entry.severity == Severity::Different && entry.text.contains("does not start with peers")
    };
    assert!(report.entries().iter().any(is_told), "{report}");
}
