//! What holds for every text.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use crate::memory::{Host, instance};

/// Pieces that mean something, so that the way goes deeper than the first line.
const WORDS: &[&str] = &[
    "vrrp_instance",
    "VI",
    "{",
    "}",
    "\n",
    "\n",
    "\n",
    "interface",
    "eth0",
    "virtual_router_id",
    "51",
    "priority",
    "virtual_ipaddress",
    "192.0.2.1/24",
    "192.0.2.300",
    "fe80::1/64",
    "dev",
    "label",
    "brd",
    "+",
    "track_script",
    "vrrp_script",
    "script",
    "\"/bin/x 'a\"",
    "weight",
    "-20",
    "reverse",
    "virtual_routes",
    "via",
    "default",
    "virtual_rules",
    "from",
    "table",
    "global_defs",
    "router_id",
    "authentication",
    "auth_type",
    "PASS",
    "auth_pass",
    "@gw1",
    "@^gw1",
    "$A=",
    "$A",
    "${A}",
    "${_RANDOM 1 2}",
    "\\\n",
    "~SEQ(A,1,3)",
    "~LST(A,x,y)",
    "~LST({A,B},{1,2})",
    "#",
    "!",
    "\"",
    "'",
    "\\",
    "include",
    "keepalived.conf",
    "include_check",
    "vrrp_sync_group",
    "group",
    "unicast_peer",
    "min_ttl",
    "notify",
    "/bin/x",
    "advert_int",
    "0.5",
    "version",
    "3",
    "state",
    "MASTER",
    "use_vmac",
    "virtual_server",
    "\t",
];

/// Some piece.
fn piece() -> impl Strategy<Value = String> {
    prop_oneof![6 => prop::sample::select(WORDS).prop_map(ToOwned::to_owned), 1 => "\\PC{0,8}", 1 => any::<char>().prop_map(String::from)]
}

fn text() -> impl Strategy<Value = String> {
    prop::collection::vec(piece(), 0..120).prop_map(|pieces| pieces.join(" "))
}

fn survives(text: &str) {
    let started = Instant::now();
    match Host::new(&[("/etc/keepalived/keepalived.conf", text)]).import(None) {
        Err(error) => assert!(!error.render(false).is_empty()),
        Ok(imported) => {
            let lines = text.matches('\n').count() + 1;
            assert!(imported.report.entries().iter().all(|entry| (1..=lines).contains(&entry.line)));
            // Not all of it is a configuration, but what is wrong with it has a place in the text.
            if let Err(error) = imported.config() {
                assert!(error.render(false).contains("/etc/keepalived/keepalived.conf:"), "{error}");
            }
            // All of it is TOML.
            let parsed = vrrp_config::parse("imported", &imported.toml());
            let problems = parsed.err().map(|problems| problems.to_string()).unwrap_or_default();
            assert!(
                !problems.contains("unknown key") && !problems.contains("invalid"),
                "{}\n{problems}",
                imported.toml()
            );
        }
    }
    assert!(started.elapsed() < Duration::from_secs(120), "{:?}", started.elapsed());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) })]

    #[test]
    fn no_text_panics_or_hangs(text in text()) {
        survives(&text);
    }

    #[test]
    fn no_setting_panics_or_hangs(settings in text()) {
        survives(&instance(&settings));
    }

    #[test]
    fn no_bytes_panic(text in "\\PC{0,200}") {
        survives(&text);
    }

    /// Whatever is numeric comes back as it was given.
    #[test]
    fn numbers_come_through(vrid in 1_u8..=255, priority in 1_u8..=254, seconds in 1_u8..=255, version in 2_u8..=3) {
        prop_assume!(version == 2 || seconds <= 40);
        let text = instance(&format!("priority {priority}\nadvert_int {seconds}\nversion {version}")).replace("router_id 51", &format!("router_id {vrid}"));
        let router = crate::memory::run(&text).routers.remove(0);
        prop_assert_eq!((router.vrid.as_u8(), router.priority.as_u8(), router.version.as_u8()), (vrid, priority, version));
        prop_assert_eq!(router.advert_int.as_seconds(), Some(seconds));
    }
}
