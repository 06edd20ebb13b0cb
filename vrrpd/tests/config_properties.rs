//! What holds for every text and every configuration.

#![expect(clippy::unwrap_used, reason = "the generators are tests as well")]

use std::{collections::BTreeSet, net::IpAddr, time::Duration};

use proptest::{collection, option, prelude::*, sample};
use vrrp_common::types::{AdvertInterval, Family, Priority, Version, Vrid};
use vrrpd::config::{
    Checksum, Config, Garp, Hooks, Router, Start, VirtualAddress, XdpMode, describe, parse, to_toml,
};

const VALID: &str = include_str!("../../examples/every-key.toml");

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
        for router in &mut config.routers {
            router.auth_pass = router.auth_pass.map(|_| *b"hunter2\0");
        }
        prop_assert!(!describe(&config).contains("hunter2"));
    }
}

fn any_config() -> impl Strategy<Value = Config> {
    (name(), collection::vec(router(), 1..5))
        .prop_map(|(router_id, mut routers)| {
            let mut taken = BTreeSet::new();
            let mode = routers[0].xdp_mode;
            for (vrid, router) in (1..).zip(&mut routers) {
                router.name = format!("{} {vrid}", router.name);
                router.vrid = Vrid::new(vrid).unwrap();
                router.xdp_mode = mode;
                router.addresses.retain(|virtual_one| taken.insert(virtual_one.address));
            }
            routers.retain(|router| !router.addresses.is_empty());
            for router in &mut routers {
                router.mcast_src_ip = router.mcast_src_ip.filter(|source| !taken.contains(source));
            }
            Config {
                router_id,
                routers,
                checks: Vec::new(),
                sync_groups: Vec::new(),
                script_user: None,
                notify_fifo: None,
                mail: None,
            }
        })
        .prop_filter("at least one router", |config| !config.routers.is_empty())
}

fn name() -> impl Strategy<Value = String> {
    "[^\\p{Cc}]{1,40}"
}

fn address() -> impl Strategy<Value = IpAddr> {
    (1_u8..=223, any::<u8>(), any::<u8>(), 1_u8..=254)
        .prop_filter("loopback", |(a, ..)| *a != 127)
        .prop_map(|(a, b, c, d)| IpAddr::from([a, b, c, d]))
}

fn virtual_address() -> impl Strategy<Value = VirtualAddress> {
    // From /24 on, the last byte decides what is a broadcast address.
    let host = (address(), prop_oneof![0_u8..=24, 31_u8..=32]);
    (host, option::of("lo"), option::of("[a-z:\"\\\\]{1,15}"), any::<u8>()).prop_map(
        |((address, prefix_len), dev, label, scope)| VirtualAddress {
            address,
            prefix_len,
            dev,
            broadcast: None,
            label,
            scope,
        },
    )
}

fn seconds(most: u64) -> impl Strategy<Value = Duration> {
    (0..=most * 1_000_000_000).prop_map(Duration::from_nanos)
}

fn advert() -> impl Strategy<Value = (Version, AdvertInterval, Option<[u8; 8]>)> {
    let password = option::of("[ -~]{1,8}").prop_map(|text| {
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
    let garp = (any::<u8>(), seconds(1000), seconds(86_400));
    let modes = vec![XdpMode::Auto, XdpMode::Native, XdpMode::Generic];
    let addresses = collection::vec(virtual_address(), 1..6);
    let flags = (any::<bool>(), any::<bool>(), any::<bool>());
    let place = (name(), option::of(address()), sample::select(modes), flags, addresses);
    (place, advert(), preemption(), garp).prop_map(|(place, advert, preemption, (repeat, delay, refresh))| {
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
            accept,
            mcast_src_ip,
            use_vmac,
            v3_checksum: if message_only { Checksum::Rfc9568 } else { Checksum::Rfc5798 },
            garp: Garp { repeat, delay, refresh },
            xdp_mode,
            auth_pass,
            addresses,
            excluded: Vec::new(),
            routes: Vec::new(),
            rules: Vec::new(),
            unicast: None,
            track: Vec::new(),
            dont_track_primary: false,
            hooks: Hooks::default(),
        }
    })
}

#[test]
fn the_valid_text_is_valid() {
    parse("every-key.toml", VALID).unwrap();
}
