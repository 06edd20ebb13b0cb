//! Which weights count in groups and for owners: as real keepalived 2.2.7 changes its effective priority.

use keepalived_conf::Severity;
use vrrp_config::{Config, Subject, Weight};

use crate::memory::{convert, instance, run, said};

const CHECKS: &str = "vrrp_script s {\n script /bin/true\n weight -7\n}\ntrack_file f {\n file /run/f\n}\n\
                      track_file g {\n file /run/g\n weight 3\n}\nvrrp_track_process p {\n process p\n weight -13\n}\n";

/// Two members, `VI` with `settings`, in a group with `group`.
fn grouped(settings: &str, group: &str) -> String {
    let second =
        instance("").replace("VI", "VJ").replace("id 51", "id 52").replace("192.0.2.1/", "192.0.2.2/");
    format!(
        "{CHECKS}{}{second}vrrp_sync_group G {{\n group {{\n VI\n VJ\n }}\n{group}\n}}\n",
        instance(settings)
    )
}

/// `s -7`, `eth1 -20`.
fn tracked(config: &Config, list: &[vrrp_config::Tracked]) -> Vec<String> {
    let entries = list.iter().map(|tracked| match &tracked.subject {
        Subject::Check(index) => format!("{} {}", config.checks[*index].name, tracked.weight),
        Subject::Interface(name) => format!("{name} {}", tracked.weight),
    });
    entries.collect()
}

const ALL: &str = "track_script {\n s\n}\ntrack_file {\n f\n g\n}\ntrack_process {\n p\n}\ntrack_interface {\n eth1 weight -20\n}";

#[test]
fn of_a_members_weights_those_of_interfaces_and_processes_count_and_a_file_is_a_fault() {
    let config = run(&grouped(ALL, ""));
    assert_eq!(tracked(&config, &config.routers[0].track), ["p -13", "f 0", "eth1 -20"]);
    assert!(config.sync_groups[0].tracking_weight, "or they would not count here");
    let told = said(&convert(&grouped(ALL, "")));
    let keywords: Vec<&str> = told.iter().map(|(_, _, keyword)| keyword.as_str()).collect();
    assert_eq!(keywords, ["track_script", "track_file", "track_file", "track_process", "track_interface"]);
    assert!(told.iter().all(|(severity, ..)| *severity == Severity::Harmless), "{told:?}");
}

#[test]
fn faults_need_no_word_and_change_nothing() {
    let faults = "track_script {\n s weight 0\n}\ntrack_file {\n f weight 0\n}\ntrack_interface {\n eth1\n}";
    let config = run(&grouped(faults, ""));
    assert_eq!(tracked(&config, &config.routers[0].track), ["s 0", "f 0", "eth1 0"]);
    assert!(!config.sync_groups[0].tracking_weight);
    assert_eq!(said(&convert(&grouped(faults, ""))), []);
}

#[test]
fn with_the_groups_word_all_of_them_count() {
    let config = run(&grouped(ALL, "sync_group_tracking_weight"));
    assert_eq!(tracked(&config, &config.routers[0].track), ["s -7", "p -13", "f 1", "g 3", "eth1 -20"]);
}

#[test]
fn the_groups_own_weights_count_without_its_word() {
    let config = run(&grouped("", "track_script {\n s\n}"));
    let group = &config.sync_groups[0];
    assert_eq!((tracked(&config, &group.track), group.tracking_weight), (vec!["s -7".to_owned()], true));
}

#[test]
fn what_group_and_member_track_has_the_groups_weight() {
    let twice = grouped("track_interface {\n eth1 weight -20\n}", "track_interface {\n eth1 weight -30\n}");
    let config = run(&twice);
    assert!(config.routers[0].track.is_empty());
    assert_eq!(tracked(&config, &config.sync_groups[0].track), ["eth1 -30"]);
    let fault = convert(&grouped("track_interface {\n eth1\n}", "track_interface {\n eth1 weight 30\n}"));
    assert_eq!(fault.report.worst(), Some(Severity::Different), "{}", fault.report);
}

#[test]
fn an_owner_has_no_weights_and_a_group_with_one_has_faults() {
    let owner = run(&(CHECKS.to_owned() + &instance(&format!("priority 255\n{ALL}"))));
    assert_eq!(
        tracked(&owner, &owner.routers[0].track),
        ["p -13", "f 0", "eth1 -20"],
        "without effect on 255"
    );
    let config = run(&grouped("priority 255", "track_script {\n s\n}"));
    let group = &config.sync_groups[0];
    assert_eq!(group.track[0].weight, Weight { value: 0, reverse: false });
    assert!(!group.tracking_weight);
}

#[test]
fn what_is_tracked_above_its_definition_is_said() {
    let script = "vrrp_script s {\n script /bin/true\n}\n";
    let late = instance("track_script {\n s\n}") + script;
    assert_eq!(said(&convert(&late)), [(Severity::Different, 8, "track_script".to_owned())]);
    assert!(convert(&late).report.to_string().contains("defined below: keepalived does not track it"));
    assert_eq!(said(&convert(&(script.to_owned() + &instance("track_script {\n s\n}")))), []);
    let group = "vrrp_sync_group G {\n group {\n VI\n VJ\n }\n track_file {\n f weight 0\n }\n}\n".to_owned();
    let text = group
        + &grouped("", "").replace("sync_group G", "sync_group H").replace("VI\n VJ\n }\n\n", "VI\n }\n");
    let told = convert(&text).report;
    assert!(told.entries().iter().any(|entry| entry.keyword == "track_file" && entry.line == 7), "{told}");
}
