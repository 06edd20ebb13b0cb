//! What holds for every text and every configuration.

#![expect(clippy::unwrap_used, reason = "the generators are tests as well")]

mod strategies;

use std::{collections::BTreeSet, net::IpAddr, sync::Arc, time::Duration};

use proptest::{collection, option, prelude::*, sample};
use vrrp_common::types::{AdvertInterval, Family, Priority, Version, Vrid};
use vrrp_config::{
    Check, Checksum, Config, Garp, Router, Start, Subject, SyncGroup, Tracked, Weight, XdpMode, describe,
    parse, to_toml,
};

use self::strategies::{
    address, belongings, check, fifo, hooks, interface_delays, mail, name, seconds, unicast, user,
    virtual_address,
};

const VALID: &str = include_str!("../../../examples/every-key.toml");

/// Reads `text` and shows what is wrong with it.
fn survives(text: &str) {
    if let Err(problems) = parse("fuzz", text) {
        assert!(problems.count() > 0);
        assert!(!problems.render(false).is_empty() && !problems.render(true).is_empty());
    }
}

/// Pieces that mean something here, in any order.
fn piece() -> impl Strategy<Value = String> {
    let tokens = vec![
        "[",
        "]",
        "[[",
        "]]",
        "{",
        "}",
        "=",
        ",",
        ".",
        "\"",
        "'",
        "\"\"\"",
        "\n",
        "\r\n",
        "\t",
        "#",
        "é",
        "\u{0}",
        "vrrp_instance",
        "[vrrp_instance.VI_1]\n",
        "interface",
        "virtual_ipaddress",
        "authentication",
        "auth_pass",
        "garp",
        "true",
        "1979-05-27",
        "0x",
        "1e999",
        "nan",
        "-1",
        "\\u",
        "\u{feff}",
        "\"10.0.0.1/24\"",
        "\"1s\"",
        "[vrrp_script.a]\nscript = \"/bin/true 'x\"",
        "[vrrp_http.a]\nurl = \"http://[::1]/\"",
        "virtual_routes = [\"default via é dev\"]",
        "virtual_rules = [\"from all\"]",
        "track_script = [\"a\"]",
        "[vrrp_sync_group.a]\ngroup = [\"VI_1\", \"a\"]",
        "notify = ",
    ];
    prop_oneof![sample::select(tokens).prop_map(ToOwned::to_owned), any::<String>()]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_panic(bytes in collection::vec(any::<u8>(), 0..400)) {
        survives(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn no_heap_of_pieces_panics(pieces in collection::vec(piece(), 0..40)) {
        survives(&pieces.concat());
    }

    #[test]
    fn no_mutation_of_a_valid_text_panics(
        edits in collection::vec((any::<sample::Index>(), 0_usize..12, piece()), 1..6),
    ) {
        let mut text: Vec<char> = VALID.chars().collect();
        for (index, removed, inserted) in edits {
            let at = index.index(text.len() + 1);
            let end = (at + removed).min(text.len());
            text.splice(at..end, inserted.chars());
        }
        survives(&text.into_iter().collect::<String>());
    }

    #[test]
    fn a_configuration_reads_back_as_it_was_written(config in any_config()) {
        let text = to_toml(&config);
        match parse("written", &text) {
            Ok(read) => prop_assert_eq!(read, config),
            Err(problems) => prop_assert!(false, "{text}\n{problems}"),
        }
    }

    #[test]
    fn no_password_is_described(mut config in any_config()) {
        for router in config.routers.iter_mut().map(Arc::make_mut) {
            router.auth_pass = router.auth_pass.map(|_| *b"hunter2\0");
        }
        prop_assert!(!describe(&config).contains("hunter2"));
    }
}

fn any_config() -> impl Strategy<Value = Config> {
    let fifos = (option::of(fifo()), option::of(fifo())).prop_filter("two paths", |(one, other)| {
        one.as_ref().zip(other.as_ref()).is_none_or(|(one, other)| one.path != other.path)
    });
    let host = (name(), option::of(user()), fifos, option::of(mail()));
    let parts = (collection::vec(router(), 1..5), collection::vec(check(), 0..6), any::<bool>());
    let waits = (seconds(4_294), interface_delays());
    (host, parts, waits)
        .prop_map(
            |(
                (router_id, script_user, (notify_fifo, vrrp_notify_fifo), mail),
                (routers, checks, grouped),
                (startup_delay, interface_delays),
            )| {
                let mut config = Config {
                    router_id,
                    routers: routers.into_iter().map(Arc::new).collect(),
                    checks,
                    sync_groups: Vec::new(),
                    script_user,
                    notify_fifo,
                    vrrp_notify_fifo,
                    mail,
                    ip_nonlocal_bind: grouped,
                    startup_delay,
                    interface_delays,
                };
                tell_apart(&mut config);
                if grouped && config.routers.len() > 1 {
                    config.sync_groups.push(group(&config));
                }
                config
            },
        )
        .prop_filter("at least one router", |config| !config.routers.is_empty())
}

/// Makes names, numbers and addresses differ where they must, and everything fit what is there.
fn tell_apart(config: &mut Config) {
    let mut taken = BTreeSet::new();
    let mode = config.routers[0].xdp_mode;
    for (index, check) in config.checks.iter_mut().enumerate() {
        check.name = format!("{} {index}", check.name);
    }
    for (vrid, router) in (1..).zip(config.routers.iter_mut().map(Arc::make_mut)) {
        router.name = format!("{} {vrid}", router.name);
        router.vrid = Vrid::new(vrid).unwrap();
        router.xdp_mode = mode;
        Arc::make_mut(&mut router.hooks).smtp_alert &= config.mail.is_some();
        for list in [&mut router.addresses, &mut router.excluded] {
            list.retain(|virtual_one| taken.insert(virtual_one.address));
        }
        let mut routes = BTreeSet::new();
        router.routes.retain(|route| {
            routes.insert((route.to.address, route.to.length, route.metric, route.table.unwrap_or(254)))
        });
        router.track = tracked(&config.checks, vrid);
    }
    config.routers.retain(|router| !router.addresses.is_empty());
    for router in config.routers.iter_mut().map(Arc::make_mut) {
        let is_free = |address: &IpAddr| !taken.contains(address);
        router.mcast_src_ip = router.mcast_src_ip.filter(is_free).filter(|_| router.unicast.is_none());
        if let Some(unicast) = &mut router.unicast {
            unicast.source = unicast.source.filter(is_free);
            let mut seen: BTreeSet<_> = unicast.source.into_iter().collect();
            unicast.peers.retain(|peer| !taken.contains(&peer.address) && seen.insert(peer.address));
        }
        router.unicast = router.unicast.take().filter(|unicast| !unicast.peers.is_empty());
    }
}

/// Every check, in the order in which the keys are read, and an interface.
fn tracked(checks: &[Check], turn: u8) -> Vec<Tracked> {
    let value = i16::from(turn) * 5 - 10;
    let weight = Weight { value, reverse: turn.is_multiple_of(2) };
    let mut indexes: Vec<_> = (0..checks.len()).collect();
    let tables = ["vrrp_script", "vrrp_http", "vrrp_tcp", "vrrp_process", "vrrp_file"];
    indexes.sort_by_key(|index| tables.iter().position(|table| *table == checks[*index].kind.table()));
    let subjects = indexes.into_iter().map(Subject::Check).chain([Subject::Interface("eth9".to_owned())]);
    subjects.map(|subject| Tracked { subject, weight }).collect()
}

fn group(config: &Config) -> SyncGroup {
    SyncGroup {
        name: config.routers[0].name.clone(),
        members: (0..config.routers.len()).rev().collect(),
        track: tracked(&config.checks, 2),
        tracking_weight: config.routers[0].accept,
        hooks: config.routers[0].hooks.clone(),
    }
}

fn advert() -> impl Strategy<Value = (Version, AdvertInterval, Option<[u8; 8]>)> {
    let password = option::of(prop_oneof!["[ -~]{1,8}", "[a-z]{0,2}[à-ÿ€]{1,2}"]).prop_map(|text| {
        text.map(|text| {
            let mut padded = [0; 8];
            padded[..text.len()].copy_from_slice(text.as_bytes());
            padded
        })
    });
    prop_oneof![
        (1_u8..=255, password).prop_map(|(seconds, password)| {
            (Version::V2, AdvertInterval::from_seconds(seconds).unwrap(), password)
        }),
        (1_u16..=4095).prop_map(|centiseconds| {
            (Version::V3, AdvertInterval::from_centiseconds(centiseconds).unwrap(), None)
        }),
    ]
}

fn preemption() -> impl Strategy<Value = (Start, u8, bool, Duration)> {
    prop_oneof![
        (1_u8..=254, seconds(1000)).prop_map(|(priority, delay)| (Start::Backup, priority, true, delay)),
        (1_u8..=254).prop_map(|priority| (Start::Backup, priority, false, Duration::ZERO)),
        (1_u8..=255).prop_map(|priority| (Start::Master, priority, true, Duration::ZERO)),
    ]
}

fn router() -> impl Strategy<Value = Router> {
    let garp = (any::<u8>(), seconds(1000), seconds(86_400), any::<u8>(), seconds(1000));
    let modes = vec![XdpMode::Auto, XdpMode::Native, XdpMode::Generic];
    let addresses = collection::vec(virtual_address(), 1..6);
    let flags = (any::<bool>(), any::<bool>(), any::<bool>());
    let place = (name(), option::of(address()), sample::select(modes), flags, addresses);
    let more = (belongings(), option::of(unicast()), any::<bool>(), hooks(), option::of(seconds(1000)));
    (place, advert(), preemption(), garp, more).prop_map(|(place, advert, preemption, garp, more)| {
        let (repeat, delay, refresh, lower_prio_repeat, lower_prio_delay) = garp;
        let ((excluded, routes, rules), unicast, dont_track_primary, hooks, link_settle) = more;
        let (name, mcast_src_ip, xdp_mode, (accept, use_vmac, message_only), addresses) = place;
        let (version, advert_int, auth_pass) = advert;
        let (start, priority, preempt, preempt_delay) = preemption;
        Router {
            name,
            interface: "eth0".to_owned(),
            vrid: Vrid::new(1).unwrap(),
            family: Family::V4,
            version,
            start,
            priority: Priority::new(priority),
            advert_int,
            preempt,
            preempt_delay,
            link_settle,
            accept,
            mcast_src_ip,
            use_vmac,
            v3_checksum: if message_only { Checksum::Rfc9568 } else { Checksum::Rfc5798 },
            garp: Garp { repeat, delay, refresh, lower_prio_repeat, lower_prio_delay },
            xdp_mode,
            auth_pass,
            addresses,
            excluded,
            routes,
            rules,
            unicast,
            track: Vec::new(),
            dont_track_primary,
            rfc_discards: !dont_track_primary,
            probe_before_takeover: false,
            probe_limit: 1.max(repeat),
            hooks: Arc::new(hooks),
        }
    })
}

#[test]
fn the_valid_text_is_valid() {
    parse("every-key.toml", VALID).unwrap();
}
