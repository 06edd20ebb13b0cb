//! What keepalived 2.2.7 has in its dump where its manual does not say it.

use std::time::Duration;

use keepalived_conf::Severity;
use vrrp_config::{CheckKind, Garp};

use crate::memory::{convert, instance, run, said};

#[test]
fn the_least_of_gratuitous_arp_is_for_what_nothing_else_says() {
    let garp = |settings: &str| -> Garp {
        run(&(format!("global_defs {{\n{settings}\n}}\n") + &instance(""))).routers[0].garp
    };
    let repeat = |settings| garp(settings).repeat;
    let delay = |settings| garp(settings).delay.as_secs();
    assert_eq!((repeat("vrrp_min_garp"), delay("vrrp_min_garp")), (1, 0));
    for text in ["vrrp_garp_master_repeat 4\nvrrp_min_garp", "vrrp_min_garp\nvrrp_garp_master_repeat 4"] {
        assert_eq!((repeat(text), delay(text)), (4, 0), "{text}");
    }
    for text in ["vrrp_garp_master_delay 4\nvrrp_min_garp", "vrrp_min_garp\nvrrp_garp_master_delay 4"] {
        assert_eq!((repeat(text), delay(text)), (1, 4), "{text}");
    }
}

#[test]
fn with_the_least_of_gratuitous_arp_a_refresh_sends_none() {
    let refresh = |global: &str, own: &str| {
        let text = format!("global_defs {{\n{global}\n}}\n") + &instance(own);
        let told = said(&convert(&text)).into_iter().filter(|one| one.2 == "garp_master_refresh");
        (run(&text).routers[0].garp.refresh.as_secs(), told.count())
    };
    let (min, every) = ("vrrp_min_garp", "vrrp_garp_master_refresh 60");
    let (one, two) = ("vrrp_garp_master_refresh_repeat 1", "vrrp_garp_master_refresh_repeat 2");
    assert_eq!(refresh(every, ""), (60, 0));
    assert_eq!(refresh(&format!("{min}\n{every}"), ""), (0, 1));
    assert_eq!(refresh(&format!("{every}\n{one}\n{min}"), ""), (0, 1));
    assert_eq!(refresh(&format!("{min}\n{every}\n{one}"), ""), (60, 0));
    assert_eq!(refresh(&format!("{two}\n{min}\n{every}"), ""), (60, 0));
    assert_eq!(refresh(min, "garp_master_refresh 30"), (0, 1));
    assert_eq!(refresh(min, "garp_master_refresh 30\ngarp_master_refresh_repeat 1"), (30, 0));
}

#[test]
fn the_delay_of_a_process_is_both_delays_unless_one_comes_after_it() {
    let delays = |settings: &str| {
        let text = format!("vrrp_track_process p {{\n process x\n{settings}\n}}\n") + &instance("");
        let CheckKind::Process(process) = run(&text).checks.remove(0).kind else { panic!() };
        (process.fork_delay, process.terminate_delay, said(&convert(&text)).len())
    };
    let seconds = Duration::from_secs;
    assert_eq!(delays("delay 2\nfork_delay 3"), (seconds(3), seconds(2), 0));
    assert_eq!(delays("fork_delay 3\ndelay 2"), (seconds(2), seconds(2), 1));
    assert_eq!(delays("terminate_delay 3\nfork_delay 1\ndelay 2"), (seconds(2), seconds(2), 2));
}

#[test]
fn relative_paths_start_where_a_service_does() {
    let script = "vrrp_script s {\n script \"bin/check 'a b'\"\n}\ntrack_file f {\n file run/x\n}\n";
    let text = script.to_owned() + &instance("notify_master \"./bin/x 1\" root\nnotify true");
    let config = run(&text);
    let CheckKind::Script(check) = &config.checks[0].kind else { panic!() };
    assert_eq!(check.program.to_string(), "/bin/check 'a b'");
    let CheckKind::File(file) = &config.checks[1].kind else { panic!() };
    assert_eq!(file.file.to_str(), Some("/run/x"));
    let hooks = &config.routers[0].hooks;
    assert_eq!(hooks.notify_master.as_ref().unwrap().program.to_string(), "/./bin/x 1");
    assert_eq!(hooks.notify.as_ref().unwrap().program.to_string(), "true");
    let report = convert(&text).report;
    let told = report.entries().iter().filter(|entry| entry.text.contains("is a relative path: from /"));
    let told: Vec<_> = told.map(|entry| (entry.severity, entry.line)).collect();
    assert_eq!(told, [2, 5, 13].map(|line| (Severity::Harmless, line)));
}

#[test]
fn routes_that_the_kernel_refuses_are_left_out() {
    for route in [
        "10.0.0.0/8",
        "10.0.0.0/8 onlink dev eth1",
        "10.0.0.0/8 via 192.0.2.9 onlink",
        "blackhole 10.0.0.0/8 dev eth1",
    ] {
        let text = instance(&format!("virtual_routes {{\n {route}\n 10.1.0.0/16 dev eth1\n}}"));
        assert_eq!(run(&text).routers[0].routes.len(), 1, "{route}");
        let report = convert(&text).report;
        let told: Vec<_> = report.entries().iter().map(|entry| (entry.severity, entry.line)).collect();
        assert_eq!(told, [(Severity::Unsupported, 8)], "{report}");
        assert!(report.to_string().contains("the kernel takes no such route"), "{report}");
    }
}

#[test]
fn addresses_that_no_host_can_have_are_left_out() {
    for address in ["224.0.0.5", "0.0.0.0", "127.0.0.1", "255.255.255.255", "192.0.2.255/24"] {
        let block = format!("virtual_ipaddress_excluded {{\n 192.0.2.7\n {address}\n}}");
        let text = instance(&block).replace("192.0.2.1/24\n", &format!("192.0.2.1/24\n    {address}\n"));
        let router = run(&text).routers.remove(0);
        assert_eq!((router.addresses.len(), router.excluded.len()), (1, 1), "{address}");
        let told: Vec<_> =
            said(&convert(&text)).into_iter().map(|(severity, line, _)| (severity, line)).collect();
        assert_eq!(told, [(Severity::Unsupported, 6), (Severity::Unsupported, 10)], "{address}");
    }
}
