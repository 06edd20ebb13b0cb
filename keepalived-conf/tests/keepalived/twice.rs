//! What is said twice: which one counts is what keepalived 2.2.7 has in its dump.

use keepalived_conf::Severity;
use vrrp_common::types::Version;
use vrrp_config::{CheckKind, ProcessName, Weight};

use crate::memory::{convert, instance, run, said};

const GROUP: &str = "vrrp_sync_group G {\n group {\n VI\n VJ\n }\n group {\n VJ\n VI\n }\n";

fn second() -> String {
    instance("").replace("VI", "VJ").replace("id 51", "id 52").replace("192.0.2.1/", "192.0.2.2/")
}

#[test]
fn the_first_hook_counts() {
    let text = instance("notify_master /bin/a\nnotify_master /bin/b\nnotify \"/bin/c x\"\nnotify /bin/d");
    let hooks = &run(&text).routers[0].hooks;
    assert_eq!(hooks.notify_master.as_ref().unwrap().program.to_string(), "/bin/a");
    assert_eq!(hooks.notify.as_ref().unwrap().program.to_string(), "/bin/c x");
    let told = said(&convert(&text));
    for line in [8, 10] {
        let second = |one: &(Severity, usize, String)| one.0 == Severity::Harmless && one.1 == line;
        assert!(told.iter().any(second), "{line}: {told:?}");
    }
    assert!(
        convert(&text).report.to_string().contains("given twice: the first one counts, as in keepalived")
    );
}

#[test]
fn the_first_version_fifo_group_process_and_file_count() {
    let router = run(&instance("version 3\nversion 2")).routers.remove(0);
    assert_eq!(router.version, Version::V3);
    let global = "global_defs {\n notify_fifo /run/a\n notify_fifo /run/b\n notify_fifo_script /bin/a\n \
                  notify_fifo_script /bin/b\n}\n";
    let fifo = run(&(global.to_owned() + &instance(""))).notify_fifo.unwrap();
    assert_eq!(
        (fifo.path.to_str(), fifo.script.unwrap().program.to_string().as_str()),
        (Some("/run/a"), "/bin/a")
    );
    let config = run(&(GROUP.to_owned() + "}\n" + &instance("") + &second()));
    assert_eq!(config.sync_groups[0].members, [0, 1]);
    let checks = "vrrp_track_process p {\n process one\n process two\n weight 5\n weight 6\n}\n\
                  track_file f {\n file /run/one\n file /run/two\n weight 7\n weight 8\n}\n\
                  vrrp_script s {\n script /bin/one\n script /bin/two\n weight 9\n weight 10\n}\n";
    let checks = run(&(checks.to_owned() + &instance(""))).checks;
    let weights: Vec<Weight> = checks.iter().map(|check| check.weight).collect();
    assert_eq!(
        weights.iter().map(|weight| weight.value).collect::<Vec<_>>(),
        [5, 7, 10],
        "the last of a script's"
    );
    let CheckKind::Process(process) = &checks[0].kind else { panic!() };
    let ProcessName::Command { name, .. } = &process.process else { panic!() };
    assert_eq!(name, "one");
    let CheckKind::File(file) = &checks[1].kind else { panic!() };
    assert_eq!(file.file.to_str(), Some("/run/one"));
    let CheckKind::Script(script) = &checks[2].kind else { panic!() };
    assert_eq!(script.program.to_string(), "/bin/two");
}

#[test]
fn words_without_a_value_are_on_whatever_follows_them() {
    let group = |word: &str| {
        run(&(GROUP.to_owned() + word + "\n}\n" + &instance("") + &second())).sync_groups.remove(0)
    };
    assert!(!group("").tracking_weight);
    assert!(
        group("sync_group_tracking_weight off").tracking_weight && group("global_tracking").tracking_weight
    );
    let script = "vrrp_script s {\n script /bin/one\n init_fail off\n}\n".to_owned() + &instance("");
    assert!(run(&script).checks[0].init_fail);
}
