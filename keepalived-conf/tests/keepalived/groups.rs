//! Sync groups: as real keepalived 2.2.7 has them in its dump.

use keepalived_conf::Severity;

use crate::memory::{convert, instance, run, said};

const SIX: &str =
    "vrrp_instance SIX {\n interface eth0\n virtual_router_id 6\n virtual_ipaddress {\n fe80::1\n }\n}\n";
const SCRIPT: &str = "vrrp_script s {\n script /bin/true\n}\n";

fn group(name: &str, members: &str, more: &str) -> String {
    format!("vrrp_sync_group {name} {{\n group {{\n {members}\n }}\n{more}\n}}\n")
}

#[test]
fn a_group_of_one_works_with_all_that_it_has() {
    let more = "notify_master /bin/up\ntrack_script {\n s\n}";
    let config = run(&(SCRIPT.to_owned() + &instance("") + &group("G", "VI", more)));
    let one = &config.sync_groups[0];
    assert_eq!((one.members.as_slice(), one.track.len()), ([0].as_slice(), 1));
    assert!(one.hooks.notify_master.is_some());
}

#[test]
fn a_group_that_loses_members_goes_on_with_the_others_and_says_whom() {
    let text = SIX.to_owned() + &instance("") + &group("G", "VI\n SIX", "notify /bin/x");
    let imported = convert(&text);
    let told = said(&imported);
    assert!(told.contains(&(Severity::Unsupported, 19, "group".to_owned())), "{}", imported.report);
    assert_eq!(run(&text).sync_groups[0].members, [0]);
}

#[test]
fn of_a_group_that_loses_all_of_them_everything_is_named() {
    let more = "notify_master /bin/up\nsmtp_alert\ntrack_script {\n s\n}\ntrack_interface {\n eth1\n}";
    let text = SCRIPT.to_owned() + SIX + &instance("") + &group("G", "SIX", more);
    let imported = convert(&text);
    let entries = imported.report.entries().iter();
    let goes = entries.filter(|entry| entry.text.contains("goes with the group `G`"));
    let goes: Vec<_> = goes.map(|entry| (entry.line, entry.keyword.as_str())).collect();
    let expected = [(23, "notify_master"), (24, "smtp_alert"), (26, "track_script"), (29, "track_interface")];
    assert_eq!(goes, expected, "{}", imported.report);
    assert!(imported.report.to_string().contains("none of its members is left"), "{}", imported.report);
    assert!(run(&text).sync_groups.is_empty());
}

#[test]
fn a_member_of_two_groups_is_the_firsts() {
    let text = instance("") + &group("G", "VI", "") + &group("H", "VI", "notify /bin/x");
    let config = run(&text);
    assert_eq!(config.sync_groups.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), ["G"]);
    let told = said(&convert(&text));
    assert!(told.contains(&(Severity::Harmless, 17, "group".to_owned())), "{told:?}");
}
