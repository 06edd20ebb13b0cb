//! Against the real kernel, in a network namespace of the test's own. Needs root.

use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv6Addr},
    process::Command,
    time::Duration,
};

use futures_util::StreamExt as _;
use rustix::thread::{UnshareFlags, unshare_unsafe};

use super::*;
use crate::ownership::traits_of;
use vrrp_config::{Prefix, RouteKind, RuleAction, VirtualAddress, VirtualRoute, VirtualRule};

fn ip(arguments: &str) -> String {
    let output = Command::new("ip").args(arguments.split_whitespace()).output().unwrap();
    assert!(output.status.success(), "ip {arguments}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Runs in a namespace with `lan0` at 192.0.2.1/24.
fn in_namespace<F: Future<Output = ()>>(work: impl FnOnce(Netlink, Changes, u32) -> F + Send + 'static) {
    assert!(rustix::process::geteuid().is_root(), "these tests need root: cargo xtask test");
    let thread = std::thread::spawn(move || {
        // SAFETY: this thread shares nothing with others that the namespace changes.
        unsafe { unshare_unsafe(UnshareFlags::NEWNET) }.unwrap();
        ip("link set lo up");
        ip("link add lan0 type veth peer name lan1");
        ip("link set lan1 up");
        ip("address add 192.0.2.1/24 dev lan0");
        ip("link set lan0 up");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (netlink, changes) = Netlink::connect().unwrap();
            let observed = netlink.observe(&BTreeSet::from(["lan0".to_owned()])).await.unwrap();
            work(netlink, changes, observed.devices["lan0"].index).await;
        });
    });
    thread.join().unwrap();
}

fn prefix(text: &str) -> Prefix {
    let (address, length) = text.split_once('/').unwrap();
    Prefix { address: address.parse().unwrap(), length: length.parse().unwrap() }
}

fn route(to: &str) -> VirtualRoute {
    VirtualRoute {
        kind: RouteKind::Unicast,
        to: prefix(to),
        via: None,
        dev: None,
        src: None,
        metric: None,
        table: None,
        scope: None,
        protocol: None,
        onlink: false,
        mtu: None,
        no_track: false,
    }
}

fn rule(action: RuleAction) -> VirtualRule {
    VirtualRule {
        not: false,
        from: None,
        to: None,
        iif: None,
        oif: None,
        tos: None,
        fwmark: None,
        action,
        priority: None,
        no_track: false,
    }
}

/// Each route in our words, as `ip route` shows it, and where.
fn routes(dev: &str) -> Vec<(VirtualRoute, &'static str, &'static str)> {
    let via = |text: &str| Some(text.parse::<IpAddr>().unwrap());
    let dev = Some(dev.to_owned());
    vec![
        (
            VirtualRoute { via: via("192.0.2.254"), ..route("10.0.0.0/8") },
            "main",
            "10.0.0.0/8 via 192.0.2.254 dev lan0 proto keepalived",
        ),
        (
            VirtualRoute { dev: dev.clone(), ..route("10.1.0.0/16") },
            "main",
            "10.1.0.0/16 dev lan0 proto keepalived scope link",
        ),
        (
            VirtualRoute { via: via("192.0.2.253"), table: Some(1000), ..route("0.0.0.0/0") },
            "1000",
            "default via 192.0.2.253 dev lan0 proto keepalived",
        ),
        (
            VirtualRoute {
                via: via("198.51.100.1"),
                dev,
                onlink: true,
                src: via("192.0.2.1"),
                metric: Some(7),
                protocol: Some(4),
                mtu: Some(1400),
                ..route("10.2.0.0/16")
            },
            "main",
            "10.2.0.0/16 via 198.51.100.1 dev lan0 proto static src 192.0.2.1 metric 7 onlink mtu 1400",
        ),
        (
            VirtualRoute { kind: RouteKind::Blackhole, ..route("10.3.0.0/16") },
            "main",
            "blackhole 10.3.0.0/16 proto keepalived",
        ),
        (
            VirtualRoute { kind: RouteKind::Prohibit, table: Some(100), ..route("10.4.0.0/16") },
            "100",
            "prohibit 10.4.0.0/16 proto keepalived",
        ),
    ]
}

fn shown(table: &str, line: &str) -> usize {
    let squeezed = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    ip(&format!("route show table {table}")).lines().filter(|shown| squeezed(shown) == line).count()
}

#[test]
fn routes_come_as_written_once_and_go() {
    in_namespace(|netlink, _changes, index| async move {
        for (route, table, line) in routes("lan0") {
            let dev = route.dev.as_ref().map(|_name| index);
            ip("route add blackhole 203.0.113.1 table 100 proto static metric 9");
            assert!(netlink.add_route(&route, dev).await.unwrap(), "{line}: was there");
            assert_eq!(shown(table, line), 1, "{line}: {}", ip(&format!("route show table {table}")));
            assert!(!netlink.add_route(&route, dev).await.unwrap(), "{line}: added twice");
            assert_eq!(shown(table, line), 1, "{line}");
            netlink.remove_route(&route, dev).await.unwrap();
            assert_eq!(shown(table, line), 0, "{line}");
            netlink.remove_route(&route, dev).await.unwrap();
            ip("route del blackhole 203.0.113.1 table 100 metric 9");
        }
    });
}

/// As in keepalived: it is preferred while it is there.
#[test]
fn a_route_beside_one_of_the_operators_leaves_that_alone() {
    in_namespace(|netlink, _changes, _index| async move {
        ip("route add default via 192.0.2.10");
        let ours = VirtualRoute { via: Some("192.0.2.254".parse().unwrap()), ..route("0.0.0.0/0") };
        assert!(netlink.add_route(&ours, None).await.unwrap());
        assert!(ip("route get 198.51.100.1").contains("via 192.0.2.254"));
        netlink.remove_route(&ours, None).await.unwrap();
        assert!(ip("route get 198.51.100.1").contains("via 192.0.2.10"));
    });
}

#[test]
fn a_route_that_the_kernel_refuses_says_why() {
    in_namespace(|netlink, _changes, _index| async move {
        let nowhere = VirtualRoute { via: Some("203.0.113.1".parse().unwrap()), ..route("10.0.0.0/8") };
        let refused = netlink.add_route(&nowhere, None).await.unwrap_err();
        assert_eq!(explain(&refused), "its gateway is on no network of this host");
        let source = VirtualRoute {
            via: Some("192.0.2.254".parse().unwrap()),
            src: Some("203.0.113.1".parse().unwrap()),
            ..route("10.0.0.0/8")
        };
        let refused = netlink.add_route(&source, None).await.unwrap_err();
        assert_eq!(explain(&refused), "the kernel refuses it; does the host have its `src`?");
    });
}

#[test]
fn rules_come_as_written_once_and_go() {
    in_namespace(|netlink, _changes, _index| async move {
        let rules = [
            (
                VirtualRule {
                    from: Some(prefix("192.0.2.0/24")),
                    priority: Some(1000),
                    ..rule(RuleAction::Table(100))
                },
                "from 192.0.2.0/24 lookup 100 proto keepalived",
            ),
            (
                VirtualRule { to: Some(prefix("10.0.0.0/8")), ..rule(RuleAction::Table(1000)) },
                "from all to 10.0.0.0/8 lookup 1000 proto keepalived",
            ),
            (
                VirtualRule {
                    not: true,
                    iif: Some("lan0".into()),
                    oif: Some("absent0".into()),
                    fwmark: Some((0x10, 0xff)),
                    tos: Some(0x10),
                    ..rule(RuleAction::Prohibit)
                },
                "not from all tos 0x10 fwmark 0x10/0xff iif lan0 oif absent0 [detached] prohibit proto keepalived",
            ),
        ];
        for (rule, line) in rules {
            let count = || ip("rule show").lines().filter(|shown| shown.ends_with(line)).count();
            assert!(netlink.add_rule(&rule).await.unwrap(), "{line}: was there");
            assert_eq!(count(), 1, "{line}: {}", ip("rule show"));
            assert!(!netlink.add_rule(&rule).await.unwrap(), "{line}: added twice");
            assert_eq!(count(), 1, "{line}");
            netlink.remove_rule(&rule).await.unwrap();
            netlink.remove_rule(&rule).await.unwrap();
            assert_eq!(count(), 0, "{line}");
        }
    });
}

#[test]
fn what_others_remove_is_told_and_what_they_add_is_not() {
    in_namespace(|_netlink, changes, _index| async move {
        // The carrier of the lab's own link may come late.
        let mut changes = changes.filter(|changed| std::future::ready(*changed != Changed::Link));
        ip("route add 10.0.0.0/8 via 192.0.2.254 proto keepalived");
        ip("rule add from 10.0.0.0/8 table 7");
        ip("route del 10.0.0.0/8");
        let told = tokio::time::timeout(Duration::from_secs(5), changes.next()).await.unwrap();
        assert_eq!(told, Some(Changed::RouteGone(DEFAULT_PROTOCOL)));
        ip("rule del from 10.0.0.0/8 table 7");
        let told = tokio::time::timeout(Duration::from_secs(5), changes.next()).await.unwrap();
        assert_eq!(told, Some(Changed::Unknown));
    });
}

fn vip(address: &str, prefix_len: u8) -> VirtualAddress {
    let address = address.parse().unwrap();
    VirtualAddress { address, prefix_len, dev: None, broadcast: None, label: None, scope: 0, no_track: false }
}

/// The kernel gives the notice the number of the request that has caused it.
#[test]
fn what_this_daemon_itself_removes_is_told() {
    in_namespace(|netlink, mut changes, index| async move {
        netlink.add(index, &vip("198.51.100.7", 24), false).await.unwrap();
        // Whatever has happened until now has been told.
        while tokio::time::timeout(Duration::from_millis(500), changes.next()).await.is_ok() {}
        let addresses = netlink.addresses().await.unwrap();
        let names = [(index, "lan0".to_owned())].into();
        let spot = addresses.seen(&names).into_iter().find(|seen| seen.marked).unwrap().spot;
        netlink.remove(addresses.message(index, &spot).unwrap().clone()).await.unwrap();
        let mut links = changes.filter(|changed| std::future::ready(*changed == Changed::Link));
        let told = tokio::time::timeout(Duration::from_secs(5), links.next()).await.unwrap();
        assert_eq!(told, Some(Changed::Link));
    });
}

/// As the model of the kernel in the tests of `ownership` has it.
#[test]
fn a_secondary_address_goes_with_the_first_unless_it_is_promoted() {
    in_namespace(|netlink, _changes, index| async move {
        let shown = || ip("-o -4 address show dev lan0");
        for promote in [false, true] {
            netlink.promote_secondaries(index, promote).await.unwrap();
            assert_eq!(netlink.observe(&BTreeSet::new()).await.unwrap().promoting.contains("lan0"), promote);
            netlink.add(index, &vip("198.51.100.7", 24), false).await.unwrap();
            ip("address add 198.51.100.8/24 dev lan0");
            let addresses = netlink.addresses().await.unwrap();
            let seen = addresses.seen(&[(index, "lan0".to_owned())].into());
            let of =
                |address: &str| seen.iter().find(|seen| seen.spot.address.to_string() == address).unwrap();
            assert_eq!((of("198.51.100.7").marked, of("198.51.100.7").secondary), (true, false));
            assert_eq!((of("198.51.100.8").marked, of("198.51.100.8").secondary), (false, true));
            let second = addresses.message(index, &of("198.51.100.8").spot).unwrap().clone();
            netlink
                .remove(addresses.message(index, &of("198.51.100.7").spot).unwrap().clone())
                .await
                .unwrap();
            assert_eq!(shown().contains("198.51.100.8/24"), promote, "{}", shown());
            netlink.put_back(second).await.unwrap();
            assert!(shown().contains("198.51.100.8/24"), "{}", shown());
            assert!(!shown().contains("198.51.100.7"), "{}", shown());
            ip("address del 198.51.100.8/24 dev lan0");
        }
    });
}

#[test]
fn an_address_gets_the_mark_in_its_place() {
    in_namespace(|netlink, _changes, index| async move {
        ip("address add 198.51.100.7/24 dev lan0");
        let refused = netlink.add(index, &vip("198.51.100.7", 24), false).await.unwrap_err();
        assert!(refused.is_there(), "{refused}");
        netlink.add(index, &vip("198.51.100.7", 24), true).await.unwrap();
        let seen = netlink.addresses().await.unwrap().seen(&[(index, "lan0".to_owned())].into());
        let marked: Vec<_> = seen.iter().map(|seen| (seen.spot.address.to_string(), seen.marked)).collect();
        assert_eq!(marked, [("192.0.2.1".to_owned(), false), ("198.51.100.7".to_owned(), true)]);
    });
}

#[test]
fn an_ipv6_address_is_refused_and_not_taken_for_added() {
    in_namespace(|netlink, _changes, index| async move {
        let address: Ipv6Addr = "2001:db8::7".parse().unwrap();
        let vip = VirtualAddress { address: address.into(), ..vip("198.51.100.7", 64) };
        let refused = netlink.add(index, &vip, false).await.unwrap_err();
        assert!(matches!(refused, addresses::AddressError::Ipv6(told) if told == address), "{refused}");
        assert!(!refused.is_there());
    });
}

/// What the kernel makes of an address that says nothing about them: a comparison that finds a difference where there is
/// none would remove and add it for ever.
#[test]
fn broadcast_label_and_scope_are_what_is_asked_for() {
    in_namespace(|netlink, _changes, index| async move {
        let plain = |prefix_len| vip("198.51.100.7", prefix_len);
        let mut vips: Vec<_> = [0, 1, 8, 24, 30, 31, 32].map(plain).into();
        vips.push(VirtualAddress { label: Some("lan0:vip".into()), scope: 253, ..plain(24) });
        vips.push(VirtualAddress { broadcast: Some([198, 51, 100, 0].into()), ..plain(25) });
        for vip in vips {
            netlink.add(index, &vip, false).await.unwrap();
            let addresses = netlink.addresses().await.unwrap();
            let seen = addresses.seen(&[(index, "lan0".to_owned())].into());
            let seen = seen.into_iter().find(|seen| seen.marked).unwrap();
            assert_eq!(seen.traits, traits_of(&vip, "lan0"), "{vip:?}");
            netlink.remove(addresses.message(index, &seen.spot).unwrap().clone()).await.unwrap();
        }
    });
}
