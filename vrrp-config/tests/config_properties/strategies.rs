//! Any check, hook, route, peer: whatever a configuration may have.

use std::{
    net::{IpAddr, Ipv4Addr},
    path::PathBuf,
    time::Duration,
};

use proptest::{collection, option, prelude::*, sample};
use vrrp_config::{
    Check, CheckKind, FileCheck, Hook, Hooks, HttpCheck, InitFile, InterfaceDelays, Mail, MailTls,
    NotifyFifo, ParamMatch, Prefix, ProcessCheck, ProcessName, Program, RouteKind, RuleAction, ScriptCheck,
    TcpCheck, Unicast, UnicastPeer, User, VirtualAddress, VirtualRoute, VirtualRule, Weight,
};

pub(crate) fn name() -> impl Strategy<Value = String> {
    "[^\\p{Cc}]{1,40}"
}

pub(crate) fn address() -> impl Strategy<Value = IpAddr> {
    (1_u8..=223, any::<u8>(), any::<u8>(), 1_u8..=254)
        .prop_filter("loopback", |(a, ..)| *a != 127)
        .prop_map(|(a, b, c, d)| IpAddr::from([a, b, c, d]))
}

pub(crate) fn virtual_address() -> impl Strategy<Value = VirtualAddress> {
    // From /24 on, the last byte decides what is a broadcast address.
    let host = (address(), prop_oneof![0_u8..=24, 31_u8..=32]);
    let dev = option::of(prop_oneof!["lo", "eth[1-3]"]);
    let broadcast = option::of(any::<[u8; 4]>().prop_map(Into::into));
    (host, dev, broadcast, option::of("[a-z:\"\\\\]{1,15}"), any::<(u8, bool)>()).prop_map(
        |((address, prefix_len), dev, broadcast, label, (scope, no_track))| VirtualAddress {
            address,
            prefix_len,
            no_track: no_track && dev.is_some(),
            dev,
            broadcast,
            label,
            scope,
        },
    )
}

pub(crate) fn seconds(most: u64) -> impl Strategy<Value = Duration> {
    (0..=most * 1_000_000_000).prop_map(Duration::from_nanos)
}

pub(crate) fn interface_delays() -> impl Strategy<Value = Vec<InterfaceDelays>> {
    let delays = collection::btree_map(
        "[a-z.0-9é]{1,6}".prop_filter("a directory", |name| !name.trim_matches('.').is_empty()),
        (seconds(255), seconds(255)),
        0..3,
    );
    delays.prop_map(|delays| {
        delays.into_iter().map(|(interface, (down, up))| InterfaceDelays { interface, down, up }).collect()
    })
}

fn between(low: Duration, high: Duration) -> impl Strategy<Value = Duration> {
    (low.as_nanos() as u64..=high.as_nanos() as u64).prop_map(Duration::from_nanos)
}

const HOUR: Duration = Duration::from_secs(3600);

pub(crate) fn user() -> impl Strategy<Value = User> {
    ("[a-z_][a-z0-9_-]{0,10}", option::of("[a-z_][a-z0-9_-]{0,10}|[0-9]{1,5}"))
        .prop_map(|(user, group)| User { user, group })
}

fn program() -> impl Strategy<Value = Program> {
    let lines = vec![
        "killall -0 nginx",
        "/bin/true && /bin/false",
        "</dev/tcp/127.0.0.1/80",
        "A=b /bin/date",
        "/bin/echo \"$HOME\" # \\ 'x'",
    ];
    let words = collection::vec("[^\u{0}]{0,12}", 0..4);
    prop_oneof![
        sample::select(lines).prop_map(|line| Program::Shell(line.to_owned())),
        ("/[^\u{0}]{1,20}", words)
            .prop_map(|(path, words)| { Program::Direct(std::iter::once(path).chain(words).collect()) }),
    ]
}

fn hook() -> impl Strategy<Value = Hook> {
    (program(), option::of(user()), between(Duration::from_secs(1), HOUR))
        .prop_map(|(program, user, timeout)| Hook { program, user, timeout })
}

pub(crate) fn hooks() -> impl Strategy<Value = Hooks> {
    let one = || option::weighted(0.3, hook());
    (one(), one(), one(), one(), one(), any::<bool>()).prop_map(
        |(notify_master, notify_backup, notify_fault, notify_stop, notify, smtp_alert)| Hooks {
            notify_master,
            notify_backup,
            notify_fault,
            notify_stop,
            notify,
            smtp_alert,
        },
    )
}

fn path() -> impl Strategy<Value = PathBuf> {
    "/[^\\p{Cc}]{0,20}[^\\p{Cc}/]".prop_map(PathBuf::from)
}

pub(crate) fn fifo() -> impl Strategy<Value = NotifyFifo> {
    (path(), option::of(hook())).prop_map(|(path, script)| NotifyFifo { path, script })
}

pub(crate) fn mail() -> impl Strategy<Value = Mail> {
    let mailbox = || "[a-z]{1,8}([.+][a-z]{1,5})?@[a-z]{1,8}(\\.[a-z]{2,4}){0,2}";
    let server = prop_oneof![
        "[a-z]{1,8}\\.example\\.net",
        Just("2001:db8::25".to_owned()),
        Just("192.0.2.25".to_owned())
    ];
    let tls = sample::select(vec![MailTls::None, MailTls::Opportunistic, MailTls::Required]);
    let timeout = between(Duration::from_secs(1), Duration::from_secs(600));
    let to = collection::vec(mailbox(), 1..4);
    let names = (to, mailbox(), server, 1..=u16::MAX, option::of("[a-z]{1,8}"));
    (names, timeout, tls).prop_map(|((to, from, server, port, helo_name), connect_timeout, tls)| Mail {
        to,
        from,
        server,
        port,
        helo_name,
        connect_timeout,
        tls,
    })
}

pub(crate) fn check() -> impl Strategy<Value = Check> {
    let kind = prop_oneof![script(), http(), tcp(), process(), file()];
    let counts = (1_u16..=1000, 1_u16..=1000, any::<bool>());
    (name(), kind, -253_i16..=253, any::<bool>(), counts).prop_map(
        |(mut name, kind, value, reverse, (rise, fall, init_fail))| {
            name.truncate(name.floor_char_boundary(200));
            let weight = Weight { value, reverse };
            match kind {
                CheckKind::File(_) => Check { name, kind, weight, rise: 1, fall: 1, init_fail: false },
                CheckKind::Script(_) | CheckKind::Http(_) | CheckKind::Tcp(_) | CheckKind::Process(_) => {
                    Check { name, kind, weight, rise, fall, init_fail }
                }
            }
        },
    )
}

fn pace() -> impl Strategy<Value = (Duration, Duration)> {
    let one = || between(Duration::from_millis(10), HOUR);
    (one(), one())
}

fn script() -> impl Strategy<Value = CheckKind> {
    (program(), pace(), option::of(user())).prop_map(|(program, (interval, timeout), user)| {
        CheckKind::Script(ScriptCheck { program, interval, timeout, user })
    })
}

fn http() -> impl Strategy<Value = CheckKind> {
    let url =
        "https?://([a-z]{1,8}\\.example\\.net|127\\.0\\.0\\.1|\\[::1\\])(:8[0-9]{2})?/[a-z]{0,8}(\\?a=b)?";
    let methods = sample::select(vec!["GET", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"]);
    let status = collection::vec((100_u16..=599, 0_u16..50), 1..4);
    let texts = (option::of("[^\u{0}]{1,20}"), option::of("[a-z.]{1,20}(:[0-9]{1,5})?"));
    (url, methods, status, texts, any::<bool>(), pace()).prop_map(
        |(url, method, status, (body, host), verify, (interval, timeout))| {
            CheckKind::Http(HttpCheck {
                verify: verify || !url.starts_with("https:"),
                url,
                method: method.to_owned(),
                status: status.into_iter().map(|(low, more)| (low, (low + more).min(599))).collect(),
                body,
                host,
                interval,
                timeout,
            })
        },
    )
}

fn tcp() -> impl Strategy<Value = CheckKind> {
    let ip = prop_oneof![any::<[u8; 4]>().prop_map(IpAddr::from), any::<[u8; 16]>().prop_map(IpAddr::from),];
    (ip, 1..=u16::MAX, pace()).prop_map(|(ip, port, (interval, timeout))| {
        CheckKind::Tcp(TcpCheck { address: (ip, port).into(), interval, timeout })
    })
}

fn process() -> impl Strategy<Value = CheckKind> {
    let matches = sample::select(vec![ParamMatch::Exact, ParamMatch::Initial, ParamMatch::Partial]);
    let command = ("[^\u{0}]{1,20}", collection::vec("[^\u{0}]{0,10}", 0..3), option::of(matches)).prop_map(
        |(name, arguments, given)| {
            let param_match = given.or((!arguments.is_empty()).then_some(ParamMatch::Exact));
            ProcessName::Command { name, arguments, param_match }
        },
    );
    let process = prop_oneof![command, path().prop_map(ProcessName::PidFile)];
    let quorums = (any::<u16>(), option::of(any::<u16>()));
    let delay = || between(Duration::ZERO, HOUR);
    (process, quorums, delay(), delay(), delay()).prop_map(
        |(process, (quorum, most), delay, fork_delay, terminate_delay)| {
            let quorum_max = most.map(|most| most.max(quorum));
            let quorum = if most.is_none() { quorum.max(1) } else { quorum };
            CheckKind::Process(ProcessCheck {
                process,
                quorum,
                quorum_max,
                delay,
                fork_delay,
                terminate_delay,
            })
        },
    )
}

fn file() -> impl Strategy<Value = CheckKind> {
    let init = (any::<i32>(), any::<bool>())
        .prop_map(|(value, overwrite)| InitFile { value: value.into(), overwrite });
    (path(), option::of(init)).prop_map(|(file, init)| CheckKind::File(FileCheck { file, init }))
}

pub(crate) fn unicast() -> impl Strategy<Value = Unicast> {
    let peer = (address(), any::<u8>(), any::<u8>()).prop_map(|(address, one, other)| UnicastPeer {
        address,
        min_ttl: one.min(other),
        max_ttl: one.max(other),
    });
    (option::of(address()), 1_u8..=255, collection::vec(peer, 1..4))
        .prop_map(|(source, ttl, peers)| Unicast { source, ttl, peers })
}

type Belongings = (Vec<VirtualAddress>, Vec<VirtualRoute>, Vec<VirtualRule>);

pub(crate) fn belongings() -> impl Strategy<Value = Belongings> {
    let excluded = collection::vec(virtual_address(), 0..3);
    (excluded, collection::vec(route(), 0..4), collection::vec(rule(), 0..3))
}

fn prefix(is_v6: bool) -> BoxedStrategy<Prefix> {
    if is_v6 {
        let parts = (any::<u128>(), 0_u8..=128);
        return parts
            .prop_map(|(bits, length)| {
                let host = u128::MAX.checked_shr(length.into()).unwrap_or(0);
                Prefix { address: IpAddr::from((bits & !host).to_be_bytes()), length }
            })
            .boxed();
    }
    let parts = (any::<u32>(), 0_u8..=32);
    parts
        .prop_map(|(bits, length)| {
            let host = u32::MAX.checked_shr(length.into()).unwrap_or(0);
            Prefix { address: Ipv4Addr::from(bits & !host).into(), length }
        })
        .boxed()
}

fn host(is_v6: bool) -> BoxedStrategy<IpAddr> {
    if is_v6 {
        any::<[u8; 16]>().prop_map(IpAddr::from).boxed()
    } else {
        any::<[u8; 4]>().prop_map(IpAddr::from).boxed()
    }
}

fn dev() -> impl Strategy<Value = String> {
    "[a-z]{1,8}[0-9.-]{0,4}"
}

fn route() -> impl Strategy<Value = VirtualRoute> {
    any::<bool>().prop_flat_map(|is_v6| {
        let kind = sample::select(vec![
            RouteKind::Unicast,
            RouteKind::Blackhole,
            RouteKind::Unreachable,
            RouteKind::Prohibit,
        ]);
        let way = (option::of(host(is_v6)), option::of(dev()), option::of(host(is_v6)), any::<bool>());
        let numbers = (
            option::of(any::<u32>()),
            option::of(1..=u32::MAX),
            option::of(any::<u8>()),
            option::of(any::<u8>()),
            option::of(68_u32..=65_535),
            any::<bool>(),
        );
        (kind, prefix(is_v6), way, numbers).prop_map(|(kind, to, way, numbers)| {
            let (metric, table, scope, protocol, mtu, no_track) = numbers;
            let (mut via, mut dev, src, mut onlink) = way;
            let kind = if via.is_none() && dev.is_none() && kind == RouteKind::Unicast {
                RouteKind::Blackhole
            } else {
                kind
            };
            if kind != RouteKind::Unicast {
                (via, dev) = (None, None);
            }
            onlink &= via.is_some() && dev.is_some();
            let no_track = no_track && dev.is_some();
            VirtualRoute { kind, to, via, dev, src, metric, table, scope, protocol, onlink, mtu, no_track }
        })
    })
}

fn rule() -> impl Strategy<Value = VirtualRule> {
    any::<bool>().prop_flat_map(|is_v6| {
        let action = prop_oneof![
            (1..=u32::MAX).prop_map(RuleAction::Table),
            sample::select(vec![RuleAction::Blackhole, RuleAction::Unreachable, RuleAction::Prohibit]),
        ];
        let selectors = (any::<bool>(), option::of(prefix(is_v6)), option::of(prefix(is_v6)));
        let devices = (option::of(dev()), option::of(dev()), any::<bool>());
        let numbers = (option::of(any::<u8>()), option::of(any::<(u32, u32)>()), option::of(any::<u32>()));
        (selectors, devices, numbers, action).prop_map(
            |((not, from, to), (iif, oif, no_track), (tos, fwmark, priority), action)| VirtualRule {
                no_track: no_track && (iif.is_some() || oif.is_some()),
                not,
                from,
                to,
                iif,
                oif,
                tos,
                fwmark,
                action,
                priority,
            },
        )
    })
}
