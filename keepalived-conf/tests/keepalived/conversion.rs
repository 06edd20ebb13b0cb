//! What becomes of each setting.

use std::{sync::Arc, time::Duration};

use keepalived_conf::{Severity, keyword_tables};
use vrrp_common::types::Version;
use vrrp_config::{CheckKind, Checksum, Config, ParamMatch, ProcessName, Router, Start, Subject, Weight};

use crate::memory::{Host, broken, convert, instance, run, said};

fn router(settings: &str) -> Router {
    Arc::unwrap_or_clone(run(&instance(settings)).routers.remove(0))
}

/// What is said of `settings` in an instance, beside the lines.
fn notes(settings: &str) -> Vec<(Severity, String)> {
    let said = said(&convert(&instance(settings))).into_iter();
    said.map(|(severity, _, keyword)| (severity, keyword)).collect()
}

#[test]
fn keepalived_s_defaults_are_written_out_where_they_differ() {
    let router = router("");
    assert_eq!((router.version, router.use_vmac, router.start), (Version::V2, false, Start::Backup));
    assert_eq!(
        (router.priority.as_u8(), router.advert_int.as_seconds(), router.preempt),
        (100, Some(1), true)
    );
    assert_eq!(
        (router.garp.repeat, router.garp.delay, router.garp.refresh.is_zero()),
        (5, Duration::from_secs(5), true)
    );
    assert_eq!((router.v3_checksum, router.accept), (Checksum::Rfc5798, true));
    // Without a state the owner is master at once, in keepalived too.
    assert_eq!(run(&instance("priority 255")).routers[0].start, Start::Master);
    assert_eq!(run(&instance("priority 255\nstate BACKUP")).routers[0].start, Start::Backup);
}

#[test]
fn every_line_of_toml_names_its_source() {
    let toml = convert(&instance("  priority 7\n  use_vmac")).toml();
    for line in [
        "priority = 7  # keepalived.conf:7",
        "use_vmac = true  # keepalived.conf:8",
        "version = 2  # keepalived's default",
    ] {
        assert!(toml.lines().any(|found| found == line), "{line}\n{toml}");
    }
}

#[test]
fn plain_settings_are_carried_over() {
    let router = router(
        "state MASTER\nversion 3\npriority 200\nadvert_int 0.25\nno_accept\nmcast_src_ip 192.0.2.9\nuse_vmac\n\
         v3_checksum_as_v2\ngarp_master_repeat 3\ngarp_master_delay 2\ngarp_master_refresh 60\ndont_track_primary",
    );
    assert_eq!((router.start, router.version, router.priority.as_u8()), (Start::Master, Version::V3, 200));
    assert_eq!(router.advert_int.to_string(), "250ms");
    assert!(!router.accept && router.use_vmac && router.dont_track_primary);
    assert_eq!(
        (router.v3_checksum, router.mcast_src_ip),
        (Checksum::Rfc9568, Some("192.0.2.9".parse().unwrap()))
    );
    assert_eq!(
        (router.garp.repeat, router.garp.delay, router.garp.refresh),
        (3, Duration::from_secs(2), Duration::from_secs(60))
    );
}

#[test]
fn what_is_announced_to_a_losing_master_is_what_keepalived_announces() {
    let garp = |global: &str, lines: &str| {
        let garp = run(&format!("global_defs {{\n{global}\n}}\n{}", instance(lines))).routers[0].garp;
        (garp.lower_prio_repeat, garp.lower_prio_delay.as_secs())
    };
    assert_eq!(garp("", ""), (5, 5));
    assert_eq!(garp("", "garp_lower_prio_repeat 2\ngarp_lower_prio_delay 7"), (2, 7));
    assert_eq!(garp("", "garp_lower_prio_repeat 0"), (0, 5));
    assert_eq!(garp("vrrp_garp_lower_prio_repeat 3\nvrrp_garp_lower_prio_delay 0", ""), (3, 0));
    assert_eq!(garp("vrrp_garp_lower_prio_repeat 3", "garp_lower_prio_repeat 1"), (1, 5));
    // The default is what is said on becoming master, for all instances; not what this one says then.
    assert_eq!(garp("vrrp_garp_master_repeat 2\nvrrp_garp_master_delay 3", ""), (2, 3));
    assert_eq!(garp("", "garp_master_repeat 1\ngarp_master_delay 2"), (5, 5));
    assert_eq!(garp("vrrp_garp_master_repeat 2", "garp_master_repeat 1\ngarp_master_delay 2"), (2, 5));
    assert_eq!(garp("vrrp_min_garp", ""), (1, 0));
}

#[test]
fn preemption_is_what_keepalived_makes_of_it() {
    assert!(!router("nopreempt").preempt);
    assert_eq!(router("preempt_delay 2.5").preempt_delay, Duration::from_millis(2500));
    let master = router("state MASTER\npriority 150\nnopreempt\npreempt_delay 5");
    assert!(master.preempt && master.preempt_delay.is_zero());
    let dropped: Vec<_> =
        ["nopreempt", "preempt_delay"].map(|keyword| (Severity::Harmless, keyword.to_owned())).into();
    assert_eq!(notes("state MASTER\npriority 150\nnopreempt\npreempt_delay 5"), dropped);
}

#[test]
fn intervals_are_rounded_as_keepalived_does() {
    let spelled = |settings: &str| router(settings).advert_int.to_string();
    for (settings, interval) in [
        ("advert_int 1.4", "1s"),
        ("advert_int 2.5", "3s"),
        ("advert_int 0.3", "1s"),
        ("advert_int 255", "255s"),
        ("version 3\nadvert_int 0.014", "10ms"),
        ("version 3\nadvert_int 0.015", "20ms"),
        ("version 3\nadvert_int 50", "40.95s"),
        ("version 3\nadvert_int 0.92", "920ms"),
    ] {
        assert_eq!(spelled(settings), interval, "{settings}");
    }
    assert_eq!(notes("advert_int 1.4"), [(Severity::Harmless, "advert_int".to_owned())]);
    assert_eq!(notes("advert_int 3"), []);
}

#[test]
fn passwords_are_cut_and_left_out_as_in_keepalived() {
    let password = |settings: &str| router(settings).auth_pass;
    let block = "authentication {\nauth_type PASS\nauth_pass abcdefghijkl\n}";
    assert_eq!(password(block), Some(*b"abcdefgh"));
    assert_eq!(password(&format!("version 3\n{block}")), None);
    assert_eq!(password("authentication { auth_type PASS auth_pass abc }"), None);
    assert_eq!(
        notes("authentication {\nauth_type AH\nauth_pass x\n}"),
        [(Severity::Unsupported, "authentication".to_owned())]
    );
}

#[test]
fn a_password_is_never_shown_in_a_message() {
    let text = broken(&instance("authentication {\nauth_type PASS\nauth_pass geheim\u{e9}\n}\npriority 300"));
    assert!(text.contains("priority") || text.contains("300"), "{text}");
    assert!(!text.contains("geheim"), "{text}");
}

#[test]
fn addresses_keep_their_options() {
    let config = run(&instance(
        "virtual_ipaddress {\n192.0.2.2 dev eth1 label eth1:x scope link\n192.0.2.50/24 brd +\n192.0.2.51/24 brd 192.0.2.77\n}\n\
         virtual_ipaddress_excluded {\n198.51.100.1/28\n}",
    ));
    let vips = &config.routers[0].addresses;
    assert_eq!(vips.len(), 4);
    assert_eq!((vips[1].prefix_len, vips[1].dev.as_deref(), vips[1].scope), (32, Some("eth1"), 253));
    assert_eq!(vips[1].label.as_deref(), Some("eth1:x"));
    assert_eq!(vips[2].broadcast, Some("192.0.2.255".parse().unwrap()));
    assert_eq!(vips[3].broadcast, Some("192.0.2.77".parse().unwrap()));
    assert_eq!(config.routers[0].excluded[0].prefix_len, 28);
}

#[test]
fn no_track_stays_with_what_names_an_interface() {
    let config = router(
        "virtual_ipaddress {\n192.0.2.2 dev eth1 no_track\n192.0.2.3 no_track\n192.0.2.4 dev eth1\n}\n\
         virtual_ipaddress_excluded {\n198.51.100.1/28 no_track dev eth1\n}",
    );
    let told: Vec<_> = config.addresses.iter().chain(&config.excluded).map(|vip| vip.no_track).collect();
    assert_eq!(told, [false, true, false, false, true], "the first is the instance's own");
}

#[test]
fn what_an_address_cannot_keep_is_said() {
    let said = notes(
        "virtual_ipaddress {\n192.0.2.2 peer 192.0.2.3 no_track preferred_lft 0\n2001:db8::1\n192.0.2.1\n}",
    );
    let severities: Vec<_> = said.iter().map(|(severity, _)| *severity).collect();
    assert_eq!(
        severities,
        [Severity::Unsupported, Severity::Different, Severity::Unsupported, Severity::Unsupported],
        "{said:?}"
    );
    assert_eq!(router("virtual_ipaddress {\n192.0.2.2\n2001:db8::1\n}").addresses.len(), 2);
}

#[test]
fn an_instance_of_ipv6_is_left_out_and_no_member_of_its_group() {
    let six =
        "vrrp_instance SIX {\n interface eth0\n virtual_router_id 6\n virtual_ipaddress {\n fe80::1\n }\n}\n";
    let group = "vrrp_sync_group G {\n group {\n VI\n SIX\n }\n}\n";
    let imported = convert(&(group.to_owned() + six + &instance("")));
    assert_eq!(imported.routers, 1);
    let unsupported = |keyword: &str, line| (Severity::Unsupported, line, keyword.to_owned());
    assert_eq!(said(&imported), [unsupported("group", 4), unsupported("vrrp_instance", 7)]);
    assert!(
        imported.toml().contains("# keepalived.conf:7: vrrp_instance SIX is left out"),
        "{}",
        imported.toml()
    );
}

#[test]
fn routes_and_rules_are_in_our_words() {
    let toml = convert(&instance(
        "virtual_routes {\nsrc 192.0.2.1 to 10.1.0.0/16 gw 192.0.2.254 dev eth0 priority 5 no_track\nblackhole 10.2.0.1\n\
         default via 192.0.2.254 dev eth0 table main protocol static scope global mtu 1400 onlink\n10.3.0.0/16 via 192.0.2.2 or 192.0.2.3\n}\n\
         virtual_rules {\nfrom 10.0.0.0/8 lookup 100 preference 7\nto all iif eth0 fwmark 0x5/0xff tos 0x10 blackhole\nfrom 10.9.0.0/16 table 9\n\
         from 10.8.0.0/16 oif eth1 table 9 preference 8 no_track\nfrom 10.7.0.0/16 table 9 preference 9 no_track\n}",
    ))
    .toml();
    for line in [
        "\"10.1.0.0/16 src 192.0.2.1 via 192.0.2.254 dev eth0 metric 5 no_track\"",
        "\"blackhole 10.2.0.1/32\"",
        "\"default via 192.0.2.254 dev eth0 table 254 proto static scope global mtu 1400 onlink\"",
        "\"from 10.0.0.0/8 table 100 priority 7\"",
        "\"iif eth0 fwmark 0x5/0xff tos 0x10 blackhole priority 16384\"",
        "\"from 10.9.0.0/16 table 9 priority 16383\"",
        "\"from 10.8.0.0/16 oif eth1 table 9 priority 8 no_track\"",
        "\"from 10.7.0.0/16 table 9 priority 9\"",
        "# keepalived.conf:11: virtual_routes: `10.3.0.0/16 via 192.0.2.2 or 192.0.2.3` is left out",
    ] {
        assert!(toml.contains(line), "{line}\n{toml}");
    }
    let parsed = vrrp_config::parse("imported", &toml).unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!((parsed.routers[0].routes.len(), parsed.routers[0].rules.len()), (3, 5));
}

#[test]
fn unicast_peers_take_the_place_of_the_group() {
    let peers = "unicast_src_ip 192.0.2.8\nunicast_ttl 7\nunicast_peer {\n192.0.2.9\n192.0.2.10 min_ttl 5 max_ttl 9\n}";
    let unicast = router(peers).unicast.unwrap();
    assert_eq!(
        (unicast.source, unicast.ttl, unicast.peers.len()),
        (Some("192.0.2.8".parse().unwrap()), 7, 2)
    );
    assert_eq!((unicast.peers[1].min_ttl, unicast.peers[1].max_ttl), (5, 9));
    assert_eq!(notes(peers), [], "the bounds have turned the check on");
    let multicast = "mcast_src_ip 192.0.2.8\nunicast_peer {\n192.0.2.9\n}";
    assert_eq!(router(multicast).unicast.unwrap().source, Some("192.0.2.8".parse().unwrap()));
    assert_eq!(notes(multicast), [(Severity::Harmless, "unicast_peer".to_owned())]);
    assert_eq!(router("unicast_src_ip 192.0.2.8").mcast_src_ip, Some("192.0.2.8".parse().unwrap()));
}

const CHECKS: &str = "vrrp_script up {\n script \"/bin/check 'a b'\"\n interval 2\n timeout 3\n weight -20\n rise 2\n fall 4\n \
    user nginx www-data\n init_fail\n}\nvrrp_script plain {\n script \"killall -0 nginx\"\n}\n\
    vrrp_script shell {\n script \"</dev/tcp/127.0.0.1/80\"\n}\nvrrp_script direct {\n script \"/bin/x $HOME && *\"\n}\n\
    vrrp_track_process nginx {\n process nginx -g \"daemon off;\"\n quorum 2\n quorum_max 9\n delay 0.5\n}\n\
    track_process other {\n process other\n param_match partial\n weight 5 reverse\n}\n\
    vrrp_track_file old {\n file /run/old\n init_file 5 overwrite\n}\ntrack_file new {\n file /run/new\n weight -3\n}\n";

fn checks() -> Config {
    run(&(CHECKS.to_owned()
        + &instance(
            "track_script {\nup\nplain weight 5 reverse\n}\ntrack_process {\nnginx weight 10\n}\ntrack_file {\nold\n}\n\
             track_interface {\neth1\neth2 weight -20\n}",
        )))
}

#[test]
fn checks_have_keepalived_s_defaults() {
    let config = checks();
    let by_name = |name: &str| config.checks.iter().find(|check| check.name == name).unwrap();
    let CheckKind::Script(up) = &by_name("up").kind else { panic!() };
    assert_eq!((up.interval, up.timeout), (Duration::from_secs(2), Duration::from_secs(3)));
    assert_eq!(up.user.as_ref().unwrap().to_string(), "nginx:www-data");
    assert_eq!((by_name("up").rise, by_name("up").fall, by_name("up").init_fail), (2, 4, true));
    let CheckKind::Script(plain) = &by_name("plain").kind else { panic!() };
    assert_eq!((plain.interval, plain.timeout), (Duration::from_secs(1), Duration::from_secs(1)));
    assert_eq!((by_name("plain").rise, by_name("plain").fall), (1, 1));
    // What keepalived 2.2.7 has, whatever its manual says.
    assert_eq!(by_name("nginx").weight, Weight::default());
    assert_eq!(by_name("old").weight, Weight { value: 1, reverse: false });
    assert_eq!(by_name("other").weight, Weight { value: 5, reverse: true });
}

#[test]
fn a_script_goes_to_a_shell_only_where_keepalived_s_does() {
    let config = checks();
    let program = |name: &str| {
        let check = config.checks.iter().find(|check| check.name == name).unwrap();
        let CheckKind::Script(script) = &check.kind else { panic!("{check:?}") };
        format!("{:?}", script.program)
    };
    assert_eq!(program("up"), r#"Direct(["/bin/check", "a b"])"#);
    assert_eq!(program("direct"), r#"Direct(["/bin/x", "$HOME", "&&", "*"])"#);
    assert_eq!(program("shell"), r#"Shell("</dev/tcp/127.0.0.1/80")"#);
}

#[test]
fn processes_are_found_by_name_and_arguments() {
    let config = checks();
    let process = |name: &str| {
        let check = config.checks.iter().find(|check| check.name == name).unwrap();
        let CheckKind::Process(process) = &check.kind else { panic!("{check:?}") };
        process.clone()
    };
    let nginx = process("nginx");
    assert_eq!((nginx.quorum, nginx.quorum_max), (2, Some(9)));
    assert_eq!(
        (nginx.fork_delay, nginx.terminate_delay),
        (Duration::from_millis(500), Duration::from_millis(500))
    );
    let ProcessName::Command { name, arguments, param_match } = nginx.process else { panic!() };
    assert_eq!((name.as_str(), arguments.join("|").as_str()), ("nginx", "-g|daemon off;"));
    assert_eq!(param_match, Some(ParamMatch::Exact));
    // The first arguments, each of them whole.
    let ProcessName::Command { param_match, .. } = process("other").process else { panic!() };
    assert_eq!(param_match, Some(ParamMatch::Partial));
}

#[test]
fn what_is_tracked_has_its_own_weight() {
    let config = checks();
    let tracked: Vec<_> = config.routers[0]
        .track
        .iter()
        .map(|tracked| match &tracked.subject {
            Subject::Check(index) => format!("{} {}", config.checks[*index].name, tracked.weight),
            Subject::Interface(name) => format!("{name} {}", tracked.weight),
        })
        .collect();
    assert_eq!(tracked, ["up -20", "plain 5 reverse", "nginx 10", "old 1", "eth1 0", "eth2 -20"]);
}

#[test]
fn groups_hooks_and_globals_are_carried_over() {
    let config = run(&("global_defs {\n router_id gw\n script_user nobody nogroup\n notification_email {\n a@example.net b@example.net\n }\n \
        notification_email_from c@example.net\n smtp_server 192.0.2.25 2525\n smtp_connect_timeout 5\n smtp_helo_name gw\n smtp_alert\n \
        vrrp_notify_fifo /run/fifo\n vrrp_notify_fifo_script \"/bin/reader x\"\n vrrp_version 3\n vrrp_min_garp\n}\n"
        .to_owned()
        + "vrrp_sync_group G {\n group {\n VI\n VJ\n }\n sync_group_tracking_weight\n notify_fault \"/bin/x f\"\n smtp_alert off\n}\n"
        + &instance("notify_stop /bin/stop")
        + &instance("").replace("VI", "VJ").replace("51", "52").replace("192.0.2.1/", "192.0.2.2/")));
    assert_eq!(
        (config.router_id.as_str(), config.script_user.as_ref().unwrap().to_string().as_str()),
        ("gw", "nobody:nogroup")
    );
    let mail = config.mail.as_ref().unwrap();
    assert_eq!((mail.to.len(), mail.server.as_str(), mail.port), (2, "192.0.2.25", 2525));
    assert_eq!(mail.connect_timeout, Duration::from_secs(5));
    let fifo = config.vrrp_notify_fifo.as_ref().unwrap();
    assert_eq!(fifo.script.as_ref().unwrap().program.to_string(), "/bin/reader x");
    let group = &config.sync_groups[0];
    assert_eq!(
        (group.members.as_slice(), group.tracking_weight, group.hooks.smtp_alert),
        ([0, 1].as_slice(), true, false)
    );
    assert!(group.hooks.notify_fault.is_some() && config.routers[0].hooks.notify_stop.is_some());
    assert!(config.routers[0].hooks.smtp_alert, "the default of all");
    assert_eq!((config.routers[0].version, config.routers[0].garp.repeat), (Version::V3, 1));
}

#[test]
fn scripts_run_as_keepalived_s_own_user_if_there_is_one() {
    let text = instance("notify /bin/x");
    let host = || Host::new(&[("/etc/keepalived/keepalived.conf", &text)]);
    let line = "script_user = \"keepalived_script\"  # keepalived's default";
    assert!(!host().import(None).unwrap().toml().contains("script_user"));
    assert!(host().with_user("keepalived_script").import(None).unwrap().toml().contains(line));
}

#[test]
fn what_is_not_known_is_named_with_its_line() {
    let imported = convert(&instance("prioritty 5\ntrack_bfd {\n b\n}\ndebug 1\nfoo {\n priority 7\n}"));
    let expected = [
        (Severity::Harmless, 7, "prioritty"),
        (Severity::Unsupported, 8, "track_bfd"),
        (Severity::Harmless, 11, "debug"),
        (Severity::Different, 12, "foo"),
    ];
    assert_eq!(
        said(&imported),
        expected.map(|(severity, line, keyword)| (severity, line, keyword.to_owned()))
    );
    assert!(imported.report.to_string().contains("did you mean `priority`?"), "{}", imported.report);
    assert_eq!(imported.report.worst(), Some(Severity::Unsupported));
    assert!(
        imported
            .report
            .to_string()
            .ends_with("1 not supported, 1 behaves differently, 2 ignored, harmless\n")
    );
}

#[test]
fn blocks_of_ipvs_are_skipped_as_blocks_and_said() {
    let text = "virtual_server 192.0.2.1 80 {\n delay_loop 6\n real_server 192.0.2.9 80 {\n  TCP_CHECK {\n  }\n }\n}\n".to_owned()
        + &instance("");
    let imported = convert(&text);
    assert_eq!(said(&imported), [(Severity::Unsupported, 1, "virtual_server".to_owned())]);
    assert!(imported.report.to_string().contains("the whole block is skipped"));
    assert_eq!(imported.routers, 1);
}

#[test]
fn a_switch_that_says_what_vrrpd_does_anyway_is_harmless() {
    assert_eq!(notes("lower_prio_no_advert off"), [(Severity::Harmless, "lower_prio_no_advert".to_owned())]);
    assert_eq!(notes("lower_prio_no_advert"), [(Severity::Unsupported, "lower_prio_no_advert".to_owned())]);
    assert_eq!(notes("down_timer_adverts 3"), [(Severity::Harmless, "down_timer_adverts".to_owned())]);
    assert_eq!(notes("down_timer_adverts 5"), [(Severity::Unsupported, "down_timer_adverts".to_owned())]);
}

#[test]
fn every_keyword_of_the_tables_is_known_where_it_stands() {
    // Each name once in its block: a second would never be reached.
    for table in keyword_tables().split("### ").skip(1) {
        let mut names: Vec<&str> =
            table.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all, "{table}");
        assert!(all > 1, "{table}");
    }
}

#[test]
fn delays_of_links_and_of_the_start_are_carried_over() {
    let text = |delays: &str| {
        format!(
            "global_defs {{\nvrrp_startup_delay 5.5\n}}\ninterface_up_down_delays {{\n{delays}\n}}\n{}",
            instance("")
        )
    };
    let config = run(&text("eth0 0.5 12\neth1 1.5\neth2 0 255\neth0 0.00001 3 extra"));
    assert_eq!(config.startup_delay, Duration::from_millis(5500));
    let delays = config.interface_delays.iter().map(|one| (one.interface.as_str(), one.down, one.up));
    assert_eq!(
        delays.collect::<Vec<_>>(),
        [
            ("eth1", Duration::from_millis(1500), Duration::ZERO),
            ("eth2", Duration::ZERO, Duration::from_secs(255)),
            ("eth0", Duration::from_micros(10), Duration::from_secs(3)),
        ],
        "as keepalived has them: the last counts, and without an up delay there is none"
    );
    let notes = said(&convert(&text("eth0 1 2\neth0 3\neth1\n")));
    let harmless = |line, keyword: &str| (Severity::Harmless, line, keyword.to_owned());
    assert_eq!(notes, [harmless(6, "eth0"), harmless(6, "eth0"), harmless(7, "eth1")]);
    for wrong in ["eth0 256", "eth0 x", "eth0 1 -1"] {
        assert!(!broken(&text(wrong)).is_empty(), "{wrong}");
    }
    for wrong in ["0", "0.0005", "5000", "x"] {
        let text = format!("global_defs {{\nvrrp_startup_delay {wrong}\n}}\n{}", instance(""));
        assert!(!broken(&text).is_empty(), "{wrong}");
    }
}

#[test]
fn a_last_word_to_a_better_master_is_always_said() {
    let key = || "higher_prio_send_advert".to_owned();
    assert_eq!(notes("higher_prio_send_advert on"), [(Severity::Harmless, key())]);
    assert_eq!(notes("higher_prio_send_advert off"), [(Severity::Different, key())]);
}
