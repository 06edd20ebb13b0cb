//! keepalived's language.

use std::time::{Duration, Instant};

use keepalived_conf::Severity;

use crate::memory::{Host, broken, convert, instance, run, said};

/// The addresses of the one router.
fn addresses(text: &str) -> Vec<String> {
    let config = run(text);
    config.routers[0].addresses.iter().map(|vip| format!("{}/{}", vip.address, vip.prefix_len)).collect()
}

fn main_file(text: &str) -> Host {
    Host::new(&[("/etc/keepalived/keepalived.conf", text)])
}

#[test]
fn comments_start_with_either_mark_anywhere() {
    let text = "! top\n# more\n".to_owned()
        + &instance("  priority 150 ! why\n  advert_int 2 # how\n  notify \"/bin/x a#b !c\"\n");
    let config = run(&text);
    assert_eq!(config.routers[0].priority.as_u8(), 150);
    assert_eq!(config.routers[0].hooks.notify.as_ref().unwrap().program.to_string(), "/bin/x 'a#b' '!c'");
}

#[test]
fn a_mark_that_an_escape_or_a_value_puts_there_starts_a_comment_too() {
    let password = |definition: &str, password: &str| {
        let settings = format!("authentication {{\nauth_type PASS\nauth_pass {password}\n}}");
        let text = format!("{definition}\n{}", instance(&settings));
        let told = said(&convert(&text));
        assert!(told.iter().all(|(severity, ..)| *severity == Severity::Harmless), "{told:?}");
        let password = run(&text).routers[0].auth_pass.unwrap();
        (String::from_utf8(password.to_vec()).unwrap().trim_end_matches('\0').to_owned(), told.len())
    };
    for (definition, word, expected, told) in [
        ("", "ab\\#cd", "ab", 1),
        ("", "ab\\!cd", "ab", 1),
        ("", "a${_HASH}b", "a", 1),
        ("", "\"a${_HASH}b\"", "a#b", 0),
        ("", "\"ab#cd\"", "ab#cd", 0),
        ("$X=a\\#b", "$X", "a", 1),
        ("$X=a${_HASH}b", "$X", "a", 1),
        ("$X=\"a#b\"", "$X", "a#b", 0),
    ] {
        assert_eq!(password(definition, word), (expected.to_owned(), told), "{definition} {word}");
    }
    // What follows is off where the value is a mark, and on where it is nothing.
    let addresses = |definition: &str| {
        let text = instance("").replace("192.0.2.1/24\n", "192.0.2.1/24\n    $OFF 192.0.2.3\n");
        run(&format!("{definition}\n{text}")).routers[0].addresses.len()
    };
    assert_eq!((addresses("$OFF=${_HASH}"), addresses("$OFF=\\#")), (1, 2));
}

#[test]
fn braces_may_stand_on_the_same_line_the_next_or_all_on_one() {
    for text in [
        "vrrp_instance VI {\n interface eth0\n virtual_router_id 51\n virtual_ipaddress {\n 192.0.2.1/24\n }\n}\n",
        "vrrp_instance VI\n{\n interface eth0\n virtual_router_id 51\n virtual_ipaddress\n {\n 192.0.2.1/24\n }\n}\n",
        "vrrp_instance VI { interface eth0\n virtual_router_id 51\n virtual_ipaddress { 192.0.2.1/24 } }",
        "vrrp_instance VI{interface eth0\nvirtual_router_id 51\nvirtual_ipaddress{192.0.2.1/24}}",
    ] {
        assert_eq!(addresses(text), ["192.0.2.1/24"], "{text}");
    }
}

#[test]
fn windows_line_ends_and_tabs_are_blanks() {
    let text = instance("\tpriority\t 77").replace('\n', "\r\n");
    assert_eq!(run(&text).routers[0].priority.as_u8(), 77);
}

#[test]
fn double_quotes_keep_blanks_and_single_ones_only_within_a_script() {
    let config = run(&("global_defs {\n router_id \"a b\"\n}\n".to_owned()
        + &instance("  notify_master \"/bin/x 'c d' \\\"e f\\\"\" nobody nogroup\n  notify_backup /bin/y")));
    assert_eq!(config.router_id, "a b");
    let hooks = &config.routers[0].hooks;
    let master = hooks.notify_master.as_ref().unwrap();
    assert_eq!(master.program.to_string(), "/bin/x 'c d' 'e f'");
    assert_eq!(master.user.as_ref().unwrap().to_string(), "nobody:nogroup");
    assert_eq!(hooks.notify_backup.as_ref().unwrap().program.to_string(), "/bin/y");
}

#[test]
fn conditional_lines_are_for_the_host_or_for_all_others() {
    let text = instance("@gw1 priority 150\n@gw2 priority 90\n@^gw1 advert_int 3\n@^gw2 advert_int 2");
    let config = run(&text);
    assert_eq!(
        (config.routers[0].priority.as_u8(), config.routers[0].advert_int.as_seconds()),
        (150, Some(2))
    );
    let other = main_file(&text).import(Some("gw2")).unwrap();
    assert!(
        other.toml().contains("priority = 90 ") && other.toml().contains("advert_int = \"3s\""),
        "{}",
        other.toml()
    );
}

#[test]
fn a_definition_is_replaced_where_it_is_used_and_with_what_it_is_then() {
    let text = "$BASE=192.0.${SUB}\n$SUB=2\n".to_owned()
        + "vrrp_instance VI {\n interface eth0\n virtual_router_id 51\n virtual_ipaddress {\n ${BASE}.1/24\n"
        + "$SUB=3\n ${BASE}.1/24\n }\n priority $P\n$P=7\n priority $P\n}\n$EMPTY=\n$EMPTY\n";
    assert!(broken(&text).contains("$P"), "not defined yet there: it stays as it is");
    assert_eq!(addresses(&text.replacen(" priority $P\n", "", 1)), ["192.0.2.1/24", "192.0.3.1/24"]);
}

#[test]
fn a_definition_of_several_lines_is_a_block_with_its_own_conditions() {
    let text = "$VI= \\\n vrrp_instance VI_${N} { \\\n  interface eth${N} \\\n  virtual_router_id 51 \\\n  \\\n \
                @gw1 priority 130 \\\n  @gw2 priority 120 \\\n  virtual_ipaddress { \\\n   10.0.${N}.254/24 \\\n  } \\\n }\n\
                $N=0\n$VI\n$N=1\n$VI\n";
    let config = run(text);
    let names: Vec<_> =
        config.routers.iter().map(|router| (router.name.as_str(), router.priority.as_u8())).collect();
    assert_eq!(names, [("VI_0", 130), ("VI_1", 130)]);
    // Each place is that of the line in the definition.
    assert!(convert(text).toml().contains("virtual_router_id = 51  # keepalived.conf:4"));
}

#[test]
fn a_definition_goes_on_over_comments_and_ends_with_an_empty_line() {
    let body = |between: &str| {
        let head = "$VI= \\\n vrrp_instance VI { \\\n interface eth0 \\\n";
        let tail = " virtual_router_id 51 \\\n virtual_ipaddress { 192.0.2.1/24 } \\\n }\n$VI\n";
        format!("{head}{between}{tail}")
    };
    for between in
        ["", "# a comment\n", "  ! another\n   \n", "# one with a mark \\\n", " priority 7 # why \\\n"]
    {
        assert_eq!(addresses(&body(between)), ["192.0.2.1/24"], "{between:?}");
    }
    assert_eq!(run(&body(" priority 7 # why \\\n")).routers[0].priority.as_u8(), 7);
    // keepalived 2.2.7 ends there unless the comment has its own mark: no file that works has one without.
    let told = said(&convert(&body("# a comment\n")));
    assert_eq!(told, [(Severity::Different, 4, "$NAME=".to_owned())]);
    assert_eq!(said(&convert(&body("# one with a mark \\\n"))), []);
    // What follows an empty line is outside, as in keepalived.
    assert!(broken(&body("\n")).contains("a line ends with `\\`"));
    // And outside of one a comment is a comment.
    assert_eq!(addresses(&instance("  priority 7 # C:\\")), ["192.0.2.1/24"]);
}

#[test]
fn blocks_of_definitions_may_use_each_other() {
    let text = "$IP= \\\n ${NET}.${N} \\\n ${NET}.1${N}\n$VI= \\\n vrrp_instance VI { \\\n interface eth0 \\\n \
                virtual_router_id 51 \\\n virtual_ipaddress { \\\n $N=1 \\\n $IP \\\n $N=2 \\\n $IP \\\n } \\\n }\n\
                $NET=10.0.0\n$VI\n";
    assert_eq!(addresses(text), ["10.0.0.1/32", "10.0.0.11/32", "10.0.0.2/32", "10.0.0.12/32"]);
}

#[test]
fn sequences_and_lists_repeat_the_rest_of_their_line() {
    let text = instance(
        "virtual_ipaddress_excluded {\n~SEQ(I, 8, -2, 4) 192.0.3.$I\n~SEQx(H, 0x10, 0x10, 0x20) 192.0.4.${H}\n\
         ~LST({A, B}, {1, 2}, {3, 4}) ~SEQ(C, 0, 1) 10.${A}.${B}.${C}\n$LIST=~LST(N, 5, 6) 192.0.5.$N\n$LIST\n}",
    );
    let config = run(&text);
    let excluded: Vec<_> = config.routers[0].excluded.iter().map(|vip| vip.address.to_string()).collect();
    assert_eq!(
        excluded,
        [
            "192.0.3.8",
            "192.0.3.6",
            "192.0.3.4",
            "192.0.4.10",
            "192.0.4.20",
            "10.1.2.0",
            "10.1.2.1",
            "10.3.4.0",
            "10.3.4.1",
            "192.0.5.5",
            "192.0.5.6"
        ]
    );
}

#[test]
fn a_definition_has_its_equals_sign_at_its_name() {
    assert_eq!(run(&("$P= 7\n".to_owned() + &instance("priority $P"))).routers[0].priority.as_u8(), 7);
    let text = "$P = 7\n".to_owned() + &instance("");
    assert_eq!(said(&convert(&text)), [(Severity::Harmless, 1, "$P".to_owned())]);
    assert!(broken(&("$P = 7\n".to_owned() + &instance("priority $P"))).contains(":8:10"));
}

#[test]
fn what_is_predefined_is_known() {
    let text = "global_defs {\n router_id \"${_INSTANCE}${_HASH}${_BANG}\"\n}\n".to_owned()
        + &instance(" priority ${_RANDOM 7 9}\n notify ${_PWD}/x.sh");
    let imported = convert(&text);
    let config = run(&text);
    assert_eq!(config.router_id, "gw1#!");
    assert_eq!(config.routers[0].priority.as_u8(), 7);
    assert_eq!(config.routers[0].hooks.notify.as_ref().unwrap().program.to_string(), "/etc/keepalived/x.sh");
    assert_eq!(said(&imported)[0], (Severity::Different, 10, "${_RANDOM}".to_owned()));
}

#[test]
fn what_is_not_defined_stays_as_it_is_within_quotes() {
    let config = run(&instance(" notify \"/bin/echo $HOME ${UNDEFINED}\""));
    let program = config.routers[0].hooks.notify.as_ref().unwrap().program.to_string();
    assert_eq!(program, "/bin/echo '$HOME' '${UNDEFINED}'");
    assert!(broken(&instance(" priority ${UNDEFINED}")).contains("`${UNDEFINED}` is not defined"));
}

#[test]
fn includes_are_relative_to_their_file_and_have_wildcards_and_braces() {
    let host = Host::new(&[
        ("/etc/keepalived/keepalived.conf", "include conf.d/*.conf\ninclude {a,b}/x.inc\n"),
        ("/etc/keepalived/conf.d/1.conf", "include more/vi.inc\n"),
        ("/etc/keepalived/conf.d/more/vi.inc", &instance(" priority 99")),
        ("/etc/keepalived/conf.d/2.conf", "global_defs {\n router_id two\n}"),
        ("/etc/keepalived/b/x.inc", "vrrp_script s {\n script /bin/true\n}"),
    ]);
    let imported = host.import(None).unwrap();
    assert!(imported.toml().contains("router_id = \"two\"  # 2.conf:2"), "{}", imported.toml());
    assert!(imported.toml().contains("priority = 99  # vi.inc:7"), "{}", imported.toml());
    assert!(imported.toml().contains("[vrrp_script.s]  # x.inc:1"), "{}", imported.toml());
    assert_eq!(said(&imported), []);
}

#[test]
fn an_include_without_a_file_is_said_or_refused_as_its_kind_asks() {
    let with = |keyword: &str, file: &str| format!("{keyword} {file}\n{}", instance(""));
    let imported = convert(&with("include", "none.conf"));
    assert_eq!(said(&imported), [(Severity::Harmless, 1, "include".to_owned())]);
    for (keyword, file) in [
        ("includem", "none.conf"),
        ("includew", "none/*.conf"),
        ("includeb", "{a,b}.conf"),
        ("includea", "none.conf"),
    ] {
        let text = broken(&with(keyword, file));
        assert!(text.contains("no file matches") && text.contains("keepalived.conf:1:"), "{keyword}\n{text}");
    }
    convert(&with("includew", "none.conf"));
    convert(&with("includem", "none/*.conf"));
    let checked = format!("global_defs {{\n include_check match\n include none.conf\n}}\n{}", instance(""));
    assert!(broken(&checked).contains("no file matches `none.conf`"));
}

#[test]
fn a_directory_that_is_included_is_named_as_one() {
    let main = format!("include conf.d\n{}", instance(""));
    let host =
        Host::new(&[("/etc/keepalived/keepalived.conf", &main), ("/etc/keepalived/conf.d/1.conf", "")]);
    let imported = host.import(None).unwrap();
    assert_eq!(said(&imported), [(Severity::Unsupported, 1, "include".to_owned())]);
    assert!(imported.report.to_string().contains("is a directory"), "{}", imported.report);
}

#[test]
fn a_file_that_includes_itself_is_found_out() {
    let text = broken("include keepalived.conf\n");
    assert!(text.contains("nested too deep"), "{text}");
}

#[test]
fn a_definition_that_uses_itself_is_found_out() {
    for text in
        ["$A=x $A\n$A\n", "$A=${B}\n$B=${A}\n$A\n", "$A= \\\n x \\\n $A\n$A\n", "$A=$B $B\n$B=$A $A\n$A\n"]
    {
        let said = broken(text);
        assert!(said.contains("has no end") || said.contains("nested too deep"), "{text}\n{said}");
    }
}

/// keepalived's own example.
const MANY: &str = "$VI4= \\\n vrrp_instance vrrp4.${IF}.${NUM}.${ID} { \\\n interface bond${IF}.${NUM} \\\n \
    virtual_router_id ${ID} \\\n priority 130 \\\n virtual_ipaddress { \\\n 10.${IF}.${NUM}.${ID}/24 \\\n } \\\n }\n";

#[test]
fn many_routers_come_of_one_line() {
    let text = format!("{MANY}~SEQ(IF,0,1) ~SEQ(NUM,0,3) ~SEQ(ID,1,254) $VI4\n");
    let imported = convert(&text);
    assert_eq!(imported.routers, 2 * 4 * 254);
    assert!(imported.toml().contains("[vrrp_instance.\"vrrp4.1.3.254\"]"));
}

#[test]
fn too_many_are_refused_and_soon() {
    let started = Instant::now();
    let text = broken(&format!("{MANY}~SEQ(IF,0,7) ~SEQ(NUM,0,31) ~SEQ(ID,1,254) $VI4\n"));
    assert!(text.contains("comes to too much") && text.contains("200000 lines"), "{text}");
    for endless in [
        "~SEQ(A,1,1000000) ~SEQ(B,1,1000000) $X=1\n",
        "~SEQ(A,1,1000000) ~SEQ(B,1,1000000) debug 1\n",
        "$A=$B$B\n~SEQ(I,1,1000000) x ${A}\n",
    ] {
        assert!(broken(endless).contains("comes to too much"), "{endless}");
    }
    assert!(started.elapsed() < Duration::from_secs(300), "{:?}", started.elapsed());
}
