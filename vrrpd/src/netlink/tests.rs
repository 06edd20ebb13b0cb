//! Against the real kernel, in a network namespace of the test's own. Needs root.

use std::{collections::BTreeSet, net::IpAddr, process::Command, time::Duration};

use futures_util::StreamExt as _;
use rustix::thread::{UnshareFlags, unshare_unsafe};

use super::*;
use crate::config::{Prefix, RouteKind, RuleAction, VirtualRoute, VirtualRule};

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
            let links = netlink.links(&BTreeSet::from(["lan0".to_owned()])).await.unwrap();
            work(netlink, changes, links["lan0"].index).await;
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
    in_namespace(|_netlink, mut changes, _index| async move {
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
