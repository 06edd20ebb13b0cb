//! Faults are shown where the user wrote them, each once: nobody has seen the TOML.

use keepalived_conf::{ImportError, Imported};

use crate::memory::{Host, instance};

const MAIN: &str = "/etc/keepalived/keepalived.conf";
const INCLUDED: &str = "/etc/keepalived/more.conf";

/// What is said of `main`, which may include `more.conf`.
fn shown(main: &str, included: &str) -> String {
    let imported = Host::new(&[(MAIN, main), (INCLUDED, included)]).import(None);
    let error: ImportError = match imported.and_then(|imported: Imported| imported.config().map(|_| ())) {
        Ok(()) => panic!("{main}\nis a configuration"),
        Err(error) => error,
    };
    error.render(false)
}

/// One fault, with all of `parts` in what is said of it, and nothing that nobody has written.
fn one_fault(main: &str, included: &str, parts: &[&str]) {
    let said = shown(main, included);
    for part in parts {
        assert!(said.contains(part), "{part}\n--- in\n{said}");
    }
    assert_eq!(said.matches("error: ").count(), 2, "one fault and the sum of it\n{said}");
    let written = |line: &str| main.lines().chain(included.lines()).any(|own| own == line);
    let quoted = said.lines().filter_map(|line| {
        let (number, text) = line.split_once(" | ")?;
        number.trim().parse::<usize>().ok()?;
        Some(text)
    });
    for line in quoted {
        assert!(written(line), "nobody has written `{line}`\n{said}");
    }
}

fn second(settings: &str) -> String {
    instance(settings).replace("VI", "VJ").replace("192.0.2.1/", "192.0.2.2/")
}

#[test]
fn a_value_out_of_range_is_shown_at_its_line() {
    one_fault(&instance("priority 300"), "", &["keepalived.conf:7:10", "7 | priority 300"]);
    // keepalived takes this one: it is not for its reader to refuse.
    let label = "virtual_ipaddress_excluded {\n 192.0.2.7 label a-label-that-is-too-long\n}";
    one_fault(
        &instance(label),
        "",
        &[
            "keepalived.conf:8:2",
            "8 |  192.0.2.7 label a-label-that-is-too-long",
            "24 bytes; the kernel takes 15",
        ],
    );
}

#[test]
fn two_keys_that_contradict_each_other_are_shown_at_both_lines() {
    let text = instance("version 2\nadvert_int 1\nmcast_src_ip 192.0.2.1");
    one_fault(&text, "", &[":9:1", "9 | mcast_src_ip 192.0.2.1", "5 |     192.0.2.1/24"]);
}

#[test]
fn a_number_that_two_instances_have_is_shown_at_both() {
    let text = instance("") + &second("");
    one_fault(&text, "", &[":11:3", "again here", "3 |   virtual_router_id 51", "first here"]);
}

#[test]
fn a_fault_in_an_included_file_is_shown_in_that_file() {
    let main = format!("include more.conf\n{}", instance(""));
    one_fault(&main, &second("mcast_src_ip 192.0.2.2").replace("51", "52"), &["more.conf:7:1", "1 problem"]);
}

#[test]
fn a_number_of_two_files_is_shown_in_both() {
    let main = format!("{}include more.conf\n", instance(""));
    let places = ["more.conf:3:3", "again here", "keepalived.conf:3:3", "first here"];
    one_fault(&main, &second(""), &places);
}

#[test]
fn a_value_from_a_definition_is_shown_where_it_is_used() {
    let main = format!("$WHERE=192.0.2.1\n{}", instance("mcast_src_ip $WHERE"));
    one_fault(&main, "", &["keepalived.conf:8:1", "8 | mcast_src_ip $WHERE"]);
    let block = "$MORE= \\\n  interface eth0 \\\n  virtual_router_id 51 \\\n  mcast_src_ip 192.0.2.1 \\\n  virtual_ipaddress { \\\n  \
                 192.0.2.1 \\\n }\n";
    let used = format!("{block}vrrp_instance VI {{\n$MORE\n}}\n");
    one_fault(&used, "", &["192.0.2.1", "keepalived.conf:4:3"]);
}

#[test]
fn two_routes_that_are_one_to_the_kernel_are_shown_at_both_lines() {
    let routes = "virtual_routes {\n 10.0.0.0/8 via 192.0.2.9\n 10.0.0.0/8 gw 192.0.2.8\n}";
    let places = [":9:2", "9 |  10.0.0.0/8 gw 192.0.2.8", "again here", "8 |  10.0.0.0/8 via 192.0.2.9"];
    one_fault(&instance(routes), "", &places);
}

#[test]
fn the_file_that_is_written_is_judged_as_the_tree_is() {
    let checks = "vrrp_script s {\n script \"/bin/x 'a b'\" \n}\n";
    let text = format!(
        "global_defs {{\n router_id gw\n}}\n{checks}{}",
        instance(
            "track_script {\n s weight 5\n}\nnotify /bin/n\npreempt_delay 7\nunicast_peer {\n192.0.2.9 min_ttl 5\n}"
        )
    );
    let imported = Host::new(&[(MAIN, &text)]).import(None).unwrap();
    let of_tree = imported.config().unwrap();
    let of_file = vrrp_config::parse("vrrpd.toml", &imported.toml()).unwrap();
    assert_eq!(of_tree, of_file);
}

#[test]
fn what_is_not_carried_over_stands_under_one_heading_before_the_sections() {
    let six = instance("").replace("VI", "SIX").replace("192.0.2.1/24", "fe80::1/64").replace("51", "52");
    let text = format!("global_defs {{\n enable_dbus\n}}\ntrack_group G {{\n}}\n{six}{}", instance(""));
    let toml = Host::new(&[(MAIN, &text)]).import(None).unwrap().toml();
    let (top, sections) = toml.split_once("\n[").unwrap();
    let (_, listed) = top.split_once("# Not carried over:\n").unwrap();
    for left in ["enable_dbus", "track_group G", "vrrp_instance SIX is left out"] {
        assert!(listed.contains(left) && !sections.contains(left), "{left}\n{toml}");
    }
    assert_eq!(toml.matches("Not carried over").count(), 1, "{toml}");
    let whole = Host::new(&[(MAIN, &instance(""))]).import(None).unwrap().toml();
    assert!(!whole.contains("Not carried over"), "{whole}");
}

/// A text with `line` in the block that a table of keywords is about.
fn in_block(title: &str, line: &str) -> Option<String> {
    let check = |kind: &str, subject: &str| format!("{kind} c {{\n {subject}\n {line}\n}}\n{}", instance(""));
    Some(match title {
        "`global_defs`" => format!(
            "global_defs {{\n notification_email {{\n a@example.net\n }}\n notify_fifo /run/f\n {line}\n}}\n{}",
            instance("")
        ),
        "`vrrp_instance`" | "`vrrp_instance` and `vrrp_sync_group`: notification" => instance(line),
        "`vrrp_sync_group`" => {
            format!("vrrp_sync_group G {{\n group {{\n VI\n }}\n {line}\n}}\n{}", instance(""))
        }
        "`vrrp_script`" => check("vrrp_script", "script /bin/x"),
        "`vrrp_track_process`" => check("vrrp_track_process", "process x"),
        "`track_file`, `vrrp_track_file`" => check("track_file", "file /run/x"),
        "`authentication`" => instance(&format!("authentication {{\n {line}\n}}")),
        _ => return None,
    })
}

#[test]
fn no_word_of_keepalived_s_is_taken_for_one_of_ours() {
    let tables = keepalived_conf::keyword_tables();
    let mut judged = 0;
    for table in tables.split("### ").skip(1) {
        let title = table.lines().next().unwrap();
        let words = table.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
        for (word, value) in
            words.flat_map(|word| ["", "1", "2", "on", "/bin/x", "eth0"].map(|value| (word, value)))
        {
            let Some(text) = in_block(title, &format!("{word} {value}")) else { continue };
            let Ok(imported) = Host::new(&[(MAIN, &text)]).import(None) else { continue };
            judged += 1;
            if let Err(error) = imported.config() {
                assert!(
                    !error.render(false).contains("unknown key"),
                    "{word} {value}\n{}",
                    error.render(false)
                );
            }
        }
    }
    assert!(judged > 300, "{judged} settings");
}
