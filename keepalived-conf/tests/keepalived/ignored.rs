//! What keepalived ignores with a warning: it is ignored here, and said. Its dump says what is left.

use keepalived_conf::Severity;
use vrrp_config::Start;

use crate::memory::{convert, instance, run, said};

/// What is said of `text`, and that it is harmless.
fn harmless(text: &str) -> Vec<(usize, String)> {
    let said = said(&convert(text)).into_iter();
    let each = |(severity, line, keyword)| {
        assert_eq!(severity, Severity::Harmless, "{line}: {keyword} in\n{text}");
        (line, keyword)
    };
    said.map(each).collect()
}

fn second() -> String {
    instance("").replace("VI", "VJ").replace("id 51", "id 52").replace("192.0.2.1/", "192.0.2.2/")
}

#[test]
fn a_state_that_there_is_not_is_backup() {
    for state in ["SLAVE", "EQUAL", "master", "MASTER;"] {
        let text = instance(&format!("state {state}\npriority 100"));
        assert_eq!(run(&text).routers[0].start, Start::Backup, "{state}");
        assert_eq!(harmless(&text), [(7, "state".to_owned())]);
        let report = convert(&text).report.to_string();
        assert!(
            report.contains(&format!("no state is called `{state}`: BACKUP, as in keepalived")),
            "{report}"
        );
    }
    let both = run(&instance("state MASTER\nstate SLAVE\npriority 100")).routers.remove(0);
    assert_eq!(both.start, Start::Backup);
}

#[test]
fn lines_of_no_keyword_are_ignored() {
    let text = "OS: some\nglobal_defs {\n script_security\n garp_master_delay 3\n}\n".to_owned()
        + &instance("lvs_id 5\npriorty 7");
    assert_eq!(run(&text).routers[0].priority.as_u8(), 100);
    let said = harmless(&text);
    assert_eq!(said.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [1, 3, 4, 12, 13]);
    let report = convert(&text).report.to_string();
    assert!(
        report.contains(
            "priorty: no keyword of this block: ignored, as in keepalived; did you mean `priority`?"
        )
    );
}

#[test]
fn a_block_of_no_keyword_is_named_and_so_is_that_it_ends_the_block_around_it() {
    let imported = convert(&instance("fancy {\n priority 7\n}\npriority 8"));
    assert_eq!(said(&imported), [(Severity::Different, 7, "fancy".to_owned())]);
    let note =
        "keepalived, which also ignores what follows in the block around it; the whole block is skipped";
    assert!(imported.report.to_string().contains(note), "{}", imported.report);
    let told = said(&convert(&("fancy {\n priority 7\n}\n".to_owned() + &instance(""))));
    assert_eq!(told, [(Severity::Unsupported, 1, "fancy".to_owned())]);
}

#[test]
fn of_blocks_with_one_name_the_first_counts() {
    let group =
        "vrrp_sync_group G {\n group {\n VI\n VJ\n }\n}\nvrrp_sync_group G {\n group {\n VJ\n VI\n }\n}\n";
    let text = group.to_owned() + &instance("") + &second() + &instance("priority 7");
    let config = run(&text);
    assert_eq!((config.routers.len(), config.routers[0].priority.as_u8()), (2, 100));
    assert_eq!((config.sync_groups.len(), config.sync_groups[0].members.as_slice()), (1, [0, 1].as_slice()));
    let names = harmless(&text).into_iter().map(|(_, keyword)| keyword);
    assert_eq!(names.collect::<Vec<_>>(), ["vrrp_sync_group", "vrrp_instance"]);
    let report = convert(&text).report.to_string();
    assert!(
        report.contains("`VI` is defined in keepalived.conf:13: that one counts, as in keepalived"),
        "{report}"
    );

    let check = |block: &str, one: &str, two: &str| {
        let text = format!("{block} c {{\n {one}\n weight 5\n}}\n{block} c {{\n {two}\n weight 6\n}}\n");
        let text = text + &instance("");
        let checks = run(&text).checks;
        assert_eq!((checks.len(), checks[0].weight.value), (1, 5), "{block}");
        assert_eq!(harmless(&text), [(5, block.to_owned())]);
    };
    check("vrrp_script", "script /bin/one", "script /bin/two");
    check("vrrp_track_process", "process one", "process two");
    check("track_file", "file /run/one", "file /run/two");
}

#[test]
fn members_that_are_not_defined_are_no_members() {
    let group = "vrrp_sync_group G {\n group {\n VI\n VX\n VJ\n }\n}\n";
    let text = group.to_owned() + &instance("") + &second();
    assert_eq!(run(&text).sync_groups[0].members, [0, 1]);
    assert_eq!(harmless(&text), [(4, "group".to_owned())]);
    assert!(
        convert(&text)
            .report
            .to_string()
            .contains("no vrrp_instance is called `VX`: left out, as in keepalived")
    );
}

#[test]
fn what_is_tracked_and_not_defined_is_not_tracked() {
    for track in ["track_script", "track_process", "track_file"] {
        let text = instance(&format!("{track} {{\n nobody weight 5\n}}"));
        assert!(run(&text).routers[0].track.is_empty(), "{track}");
        assert_eq!(harmless(&text), [(8, track.to_owned())]);
    }
    let script = "vrrp_script s {\n script /bin/x\n}\n".to_owned();
    let text = script + &instance("track_script {\n nobody\n s\n}");
    assert_eq!(run(&text).routers[0].track.len(), 1);
    let said = "no vrrp_script is called `nobody`: not tracked, as in keepalived";
    assert!(convert(&text).report.to_string().contains(said));
}

#[test]
fn connections_of_ipvs_are_missed_only_where_there_are_some() {
    let text = "global_defs {\n lvs_sync_daemon eth1 VI\n}\n".to_owned()
        + &instance("lvs_sync_daemon_interface eth1");
    assert_eq!(harmless(&text).len(), 2);
    let told = said(&convert(&(text + "virtual_server 192.0.2.1 80 {\n}\n")));
    assert_eq!(told.iter().filter(|one| one.0 == Severity::Unsupported).count(), 3);
}

#[test]
fn other_addresses_in_an_advert_are_followed_anyway() {
    let text = "global_defs {\n vrrp_skip_check_adv_addr\n}\n".to_owned() + &instance("skip_check_adv_addr");
    assert_eq!(harmless(&text).len(), 2);
}
