//! What keepalived makes of words after a script, and what becomes of one that runs long.

use keepalived_conf::Severity;

use crate::memory::{Host, convert, instance, run, said};

#[test]
fn arguments_outside_quotes_are_no_user_and_nothing_is_run_as_in_keepalived() {
    let text = instance("notify_master /bin/bash /x.sh 3 4 5");
    let imported = convert(&text);
    assert!(run(&text).routers[0].hooks.notify_master.is_none());
    assert_eq!(said(&imported), [(Severity::Unsupported, 7, "notify_master".to_owned())]);
    assert!(imported.report.to_string().contains("`/x.sh` is no user: not run, as in keepalived"));
    assert!(run(&instance("notify_master /x.sh a b c")).routers[0].hooks.notify_master.is_none());
    let extra = instance("notify_master /x.sh nobody nogroup more");
    let host = Host::new(&[("/etc/keepalived/keepalived.conf", &extra)]).with_user("nobody");
    let imported = host.import(None).unwrap();
    let hook = imported.config().unwrap().routers[0].hooks.notify_master.clone().unwrap();
    assert_eq!(hook.user.unwrap().to_string(), "nobody:nogroup");
    assert!(imported.report.to_string().contains("`more` after user and group is ignored"));
    let fifo =
        "global_defs {\n notify_fifo /run/f\n notify_fifo_script /bin/x /y\n}\n".to_owned() + &instance("");
    assert_eq!(said(&convert(&fifo)), [(Severity::Unsupported, 3, "notify_fifo_script".to_owned())]);
}

#[test]
fn that_a_hook_is_killed_after_30_seconds_is_in_the_report() {
    let imported = convert(&instance("notify \"/bin/x\"\nnotify_stop /bin/y"));
    let told: Vec<_> = imported.report.entries().iter().map(|entry| (entry.severity, entry.line)).collect();
    assert_eq!(told, [(Severity::Harmless, 7), (Severity::Harmless, 8)]);
    assert!(imported.report.to_string().contains("killed when it runs for 30 s"), "{}", imported.report);
}

#[test]
fn both_fifos_are_carried_over_each_with_its_script() {
    let global = |settings: &str| format!("global_defs {{\n{settings}\n}}\n") + &instance("");
    let both = "notify_fifo /run/a\nvrrp_notify_fifo /run/b\nvrrp_notify_fifo_script /bin/b\nnotify_fifo_script /bin/a";
    let config = run(&global(both));
    let shown = |fifo: Option<vrrp_config::NotifyFifo>| {
        let fifo = fifo.unwrap();
        format!("{} {}", fifo.path.display(), fifo.script.unwrap().program)
    };
    assert_eq!(shown(config.notify_fifo), "/run/a /bin/a");
    assert_eq!(shown(config.vrrp_notify_fifo), "/run/b /bin/b");
    assert_eq!(said(&convert(&global(both))), []);
    let same = said(&convert(&global("notify_fifo /run/a\nvrrp_notify_fifo /run/a")));
    assert_eq!(same, [(Severity::Different, 3, "vrrp_notify_fifo".to_owned())]);
    let idle = said(&convert(&global("notify_fifo /run/a\nvrrp_notify_fifo_script /bin/b")));
    assert_eq!(idle, [(Severity::Harmless, 3, "vrrp_notify_fifo_script".to_owned())]);
}
