//! I13: what the daemon owns is kept by comparison. After any change the kernel has what the masters' configuration says,
//! nothing of ours beside it, and nothing of others is lost.

use std::{collections::BTreeSet, fmt::Write as _, net::Ipv4Addr, time::Duration};

use anyhow::{Context as _, Result, ensure};
use tests::{
    Ask, Lab, Namespace,
    daemons::{Daemon as _, Vrrpd, binary},
    lab::INTERFACE,
    scenario::{PATIENCE, PER_SECOND, ask_for, until_status},
    wait::poll,
};

const ADVERT_INT: Duration = Duration::from_millis(100);

/// One `vrrp_instance`.
#[derive(Clone)]
struct Instance {
    vrid: u8,
    priority: u8,
    interface: &'static str,
    addresses: Vec<&'static str>,
    extra: &'static str,
}

fn instance(vrid: u8, addresses: &[&'static str]) -> Instance {
    Instance { vrid, priority: 100, interface: INTERFACE, addresses: addresses.to_vec(), extra: "" }
}

/// An entry of `addresses` with ` dev X` behind it is on another interface.
fn config(instances: &[Instance]) -> String {
    let mut text = String::new();
    for Instance { vrid, priority, interface, addresses, extra } in instances {
        let entry = |address: &&str| match address.split_once(" dev ") {
            Some((address, dev)) => format!("{{ address = \"{address}\", dev = \"{dev}\" }}"),
            None => format!("\"{address}\""),
        };
        let addresses: Vec<_> = addresses.iter().map(entry).collect();
        let _ = writeln!(
            text,
            "[vrrp_instance.VI_{vrid}]\ninterface = \"{interface}\"\nvirtual_router_id = {vrid}\nversion = 3\n\
             priority = {priority}\nadvert_int = \"{}ms\"\n{extra}\nvirtual_ipaddress = [{}]\n",
            ADVERT_INT.as_millis(),
            addresses.join(", "),
        );
    }
    text
}

/// The addresses on an interface, with their prefixes.
fn addresses(namespace: &Namespace, interface: &str) -> Result<BTreeSet<String>> {
    let shown = namespace.ip(&format!("-o -4 address show dev {interface}"))?;
    let of_line =
        |line: &str| line.split_whitespace().skip_while(|word| *word != "inet").nth(1).map(ToOwned::to_owned);
    Ok(shown.lines().filter_map(of_line).collect())
}

fn set(addresses: &[&str]) -> BTreeSet<String> {
    addresses.iter().map(|&address| address.to_owned()).collect()
}

/// A host with one daemon.
struct Box1 {
    daemon: Vrrpd,
    lab: Lab,
}

impl Box1 {
    fn start(instances: &[Instance]) -> Result<Self> {
        let lab = Lab::with_routers(2)?;
        lab.add_second_lan()?;
        let daemon = start(&lab, "r1", &config(instances))?;
        until_masters(&daemon, instances.len())?;
        Ok(Self { daemon, lab })
    }

    fn namespace(&self) -> Result<&Namespace> {
        Ok(&self.lab.host("r1")?.namespace)
    }

    fn reload(&mut self, instances: &[Instance]) -> Result<()> {
        self.daemon.reload_with(&config(instances))
    }

    /// Waits until `eth0` has its own address and these, and holds that over a window.
    fn until(&self, what: &str, wanted: &[&str]) -> Result<()> {
        self.until_on(INTERFACE, what, &[&["192.0.2.1/24"], wanted].concat())
    }

    fn until_on(&self, interface: &str, what: &str, wanted: &[&str]) -> Result<()> {
        let wanted = set(wanted);
        let has = || Ok::<_, anyhow::Error>(addresses(self.namespace()?, interface)? == wanted);
        let result = poll(what, PATIENCE, || Ok(has()?.then_some(())));
        result.with_context(|| {
            let present = self.namespace().and_then(|namespace| addresses(namespace, interface));
            format!("{present:?} and not {wanted:?}\n{}", self.daemon.log())
        })?;
        std::thread::sleep(3 * ADVERT_INT);
        ensure!(
            has()?,
            "{what}: it did not stay so: {:?}\n{}",
            addresses(self.namespace()?, interface)?,
            self.daemon.log()
        );
        Ok(())
    }

    /// Whether the host answers for each of these, and for none of those.
    fn answers(&self, these: &[&str], not_those: &[&str]) -> Result<()> {
        for (address, expected) in
            these.iter().map(|one| (one, true)).chain(not_those.iter().map(|one| (one, false)))
        {
            let ask = Ask::broadcast(address.parse::<Ipv4Addr>()?, PER_SECOND);
            let answers = ask_for(&self.lab, ask, 2 * ADVERT_INT)?;
            let answered = answers.by_host().contains_key("r1");
            ensure!(
                answered == expected,
                "{address}: answered {answered}, expected {expected}\n{}",
                self.daemon.log()
            );
        }
        Ok(())
    }

    /// After an orderly end nothing of ours is left.
    fn finish(mut self, virtual_addresses: &[&str]) -> Result<()> {
        self.daemon.terminate()?;
        ensure!(
            addresses(self.namespace()?, INTERFACE)? == set(&["192.0.2.1/24"]),
            "{:?}",
            addresses(self.namespace()?, INTERFACE)?
        );
        ensure!(addresses(self.namespace()?, "eth1")? == set(&["198.51.100.1/24"]));
        self.answers(&[], virtual_addresses)
    }
}

fn start(lab: &Lab, host: &str, text: &str) -> Result<Vrrpd> {
    Vrrpd::start_with(&binary()?, &lab.host(host)?.namespace, &lab.scratch(), text)
}

fn until_masters(daemon: &Vrrpd, count: usize) -> Result<()> {
    until_status(daemon, "all are master", |status| {
        let routers = status["routers"].as_array();
        routers.is_some_and(|all| all.len() == count && all.iter().all(|router| router["state"] == "MASTER"))
    })
}

/// The kernel takes the secondary addresses of a network with its first one, which is what it does by default.
#[test]
fn i13_a_router_that_loses_its_role_takes_no_other_routers_address_with_it() -> Result<()> {
    let (a, b) = (instance(51, &["203.0.113.100/24"]), instance(52, &["203.0.113.101/24"]));
    let host = Box1::start(&[a.clone(), b.clone()])?;
    host.until("both are there", &["203.0.113.100/24", "203.0.113.101/24"])?;
    let promoted = "cat /proc/sys/net/ipv4/conf/eth0/promote_secondaries";
    let before = host.namespace()?.exec(promoted)?;
    let mut better = start(&host.lab, "r2", &config(&[Instance { priority: 200, ..a }]))?;
    until_masters(&better, 1)?;
    host.until("the other is still there", &["203.0.113.101/24"])?;
    host.answers(&["203.0.113.101"], &["203.0.113.100"])?;
    ensure!(host.namespace()?.exec(promoted)? == before, "the kernel's switch is as it was found");
    better.terminate()?;
    host.until("both are there again", &["203.0.113.100/24", "203.0.113.101/24"])?;
    host.finish(&["203.0.113.100", "203.0.113.101"])
}

/// One that the operator adds while a virtual address is the first of its network, with a route that needs it.
#[test]
fn i13_the_hosts_own_address_and_routes_survive_the_virtual_ones() -> Result<()> {
    let mut host = Box1::start(&[instance(51, &["203.0.113.100/24"])])?;
    host.until("it is there", &["203.0.113.100/24"])?;
    let namespace = host.namespace()?;
    namespace.ip("address add 203.0.113.1/24 dev eth0")?;
    namespace.ip("route add default via 203.0.113.254 src 203.0.113.1")?;
    let route = namespace.ip("route show default")?;
    host.reload(&[instance(51, &["192.0.2.51/32"])])?;
    host.until("only the own one is left", &["203.0.113.1/24", "192.0.2.51/32"])?;
    ensure!(host.namespace()?.ip("route show default")? == route, "the route is lost");
    host.reload(&[instance(51, &["203.0.113.100/24"])])?;
    host.until("it is back", &["203.0.113.1/24", "203.0.113.100/24"])?;
    host.daemon.terminate()?;
    let left = addresses(host.namespace()?, INTERFACE)?;
    ensure!(left == set(&["192.0.2.1/24", "203.0.113.1/24"]), "{left:?}");
    ensure!(host.namespace()?.ip("route show default")? == route, "the route is lost at the end");
    Ok(())
}

#[test]
fn i13_an_address_that_moves_between_routers_by_a_reload_is_the_new_ones_and_goes_at_the_end() -> Result<()> {
    let (x, y, z) = ("192.0.2.51/32", "192.0.2.52/32", "192.0.2.53/32");
    let all = ["192.0.2.51", "192.0.2.52", "192.0.2.53"];
    let mut host = Box1::start(&[instance(51, &[x]), instance(52, &[y, z])])?;
    host.until("all three", &[x, y, z])?;
    // Moved; swapped; VRIDs swapped; one deleted and its addresses given to the other.
    for (what, instances) in [
        ("moved", vec![instance(51, &[x, z]), instance(52, &[y])]),
        ("swapped", vec![instance(51, &[y]), instance(52, &[x, z])]),
        ("VRIDs swapped", vec![instance(52, &[y]), instance(51, &[x, z])]),
        ("merged", vec![instance(52, &[y, x, z])]),
        ("parted", vec![instance(52, &[y]), instance(53, &[x, z])]),
    ] {
        host.reload(&instances)?;
        until_masters(&host.daemon, instances.len()).with_context(|| what.to_owned())?;
        host.until(what, &[x, y, z])?;
        host.answers(&all, &[]).with_context(|| what.to_owned())?;
    }
    host.finish(&all)
}

#[test]
fn i13_a_changed_prefix_leaves_no_copy_behind() -> Result<()> {
    let mut host = Box1::start(&[instance(51, &["192.0.2.51/24"])])?;
    for address in ["192.0.2.51/32", "192.0.2.51/28", "192.0.2.51/24"] {
        host.reload(&[instance(51, &[address])])?;
        host.until(address, &[address])?;
    }
    host.finish(&["192.0.2.51"])
}

/// Killed, and started on another configuration: on what it had then and has not now nobody answers, and nothing of it
/// stays, on interfaces that are not configured any more neither. Routes and rules that it had are its own by its notes.
#[test]
fn i3_i13_what_another_configuration_had_before_a_crash_is_gone_after_it() -> Result<()> {
    let routing = "virtual_routes = [\"10.9.0.0/16 via 192.0.2.254\"]\n\
                   virtual_rules = [\"from 192.0.2.51 table 100 priority 990\"]\nip_nonlocal_bind = true";
    let before = Instance {
        extra: routing.split_once("\nip_").context("a line")?.0,
        ..instance(51, &["192.0.2.51/32", "198.51.100.51/32 dev eth1"])
    };
    let elsewhere = Instance { interface: "eth1", ..instance(60, &["198.51.100.60/32"]) };
    let lab = Lab::with_routers(2)?;
    lab.add_second_lan()?;
    let text = format!("ip_nonlocal_bind = true\n{}", config(&[before, elsewhere]));
    let daemon = start(&lab, "r1", &text)?;
    until_masters(&daemon, 2)?;
    let mut host = Box1 { daemon, lab };
    host.until_on("eth1", "both are on eth1", &["198.51.100.1/24", "198.51.100.51/32", "198.51.100.60/32"])?;
    let routes = |host: &Box1| host.namespace()?.ip("route show 10.9.0.0/16");
    let rules = |host: &Box1| host.namespace()?.ip("rule show priority 990");
    let bind = |host: &Box1| host.namespace()?.exec("cat /proc/sys/net/ipv4/ip_nonlocal_bind");
    poll("the rule is there", PATIENCE, || Ok((!rules(&host)?.is_empty()).then_some(())))?;
    ensure!(!routes(&host)?.is_empty() && bind(&host)?.trim() == "1");
    // Others' with the same mark.
    host.namespace()?.ip("route add 10.8.0.0/16 via 192.0.2.254 proto keepalived")?;

    host.daemon.kill()?;
    host.daemon.restart_with(&config(&[instance(51, &["192.0.2.51/32"])]))?;
    until_masters(&host.daemon, 1)?;
    host.until_on("eth1", "nothing is left on eth1", &["198.51.100.1/24"])?;
    host.until("the other is there", &["192.0.2.51/32"])?;
    poll("routes and rules are gone", PATIENCE, || {
        Ok((rules(&host)?.is_empty() && routes(&host)?.is_empty()).then_some(()))
    })?;
    ensure!(bind(&host)?.trim() == "0", "the switch is as it was found");
    ensure!(!host.namespace()?.ip("route show 10.8.0.0/16")?.is_empty(), "another's route is lost");
    let status = host.daemon.status()?;
    let interfaces = status["interfaces"].as_array().context("interfaces")?.clone();
    ensure!(interfaces.iter().filter(|one| one["pins"].is_string()).count() == 1, "{interfaces:?}");
    host.finish(&["192.0.2.51", "198.51.100.51", "198.51.100.60"])
}

/// An upgrade with another `dev` in the configuration.
#[test]
fn i13_what_changes_with_an_upgrade_leaves_no_copy_behind() -> Result<()> {
    let on = |dev: &'static str| config(&[instance(51, &["192.0.2.51/32", dev])]);
    let lab = Lab::with_routers(2)?;
    lab.add_second_lan()?;
    let daemon = start(&lab, "r1", &on("198.51.100.77/32 dev eth1"))?;
    until_masters(&daemon, 1)?;
    let mut host = Box1 { daemon, lab };
    host.until_on("eth1", "it is on eth1", &["198.51.100.1/24", "198.51.100.77/32"])?;
    host.daemon.upgrade_with(&on("198.51.100.77/32"))?;
    host.until("it is on eth0", &["192.0.2.51/32", "198.51.100.77/32"])?;
    host.until_on("eth1", "it is not on eth1", &["198.51.100.1/24"])?;
    host.answers(&["192.0.2.51"], &[])?;
    host.finish(&["192.0.2.51", "198.51.100.77"])
}

/// Whatever the time between: while it hands over, when it has left, when its data plane is being taken away.
#[test]
fn a_router_that_is_taken_out_and_put_back_begins_anew() -> Result<()> {
    let (kept, other) = (instance(51, &["192.0.2.51/32"]), instance(52, &["192.0.2.52/32"]));
    let away = Instance { interface: "eth1", ..instance(60, &["198.51.100.60/32"]) };
    let all = [kept.clone(), other, away];
    let mut host = Box1::start(&all)?;
    for gap in [0, 10, 40, 90, 105, 120, 150, 300] {
        host.reload(std::slice::from_ref(&kept))?;
        until_status(&host.daemon, "it is being taken out", |status| {
            let routers = status["routers"].as_array().map(Vec::as_slice).unwrap_or_default();
            routers.iter().filter(|router| router["state"] == "MASTER").count() <= 1
        })?;
        std::thread::sleep(Duration::from_millis(gap));
        host.reload(&all)?;
        until_masters(&host.daemon, 3).with_context(|| format!("put back after {gap} ms"))?;
    }
    host.until("both are there", &["192.0.2.51/32", "192.0.2.52/32"])?;
    host.answers(&["192.0.2.51", "192.0.2.52"], &[])?;
    host.finish(&["192.0.2.51", "192.0.2.52"])
}

/// Met at once, then named and met once a second.
#[test]
fn who_takes_an_address_away_again_and_again_is_named_and_not_fought() -> Result<()> {
    let host = Box1::start(&[instance(51, &["192.0.2.51/32"])])?;
    let mut met = 0;
    let end = std::time::Instant::now() + Duration::from_secs(4);
    while std::time::Instant::now() < end {
        if addresses(host.namespace()?, INTERFACE)?.contains("192.0.2.51/32") {
            host.namespace()?.ip("address del 192.0.2.51/32 dev eth0")?;
            met += 1;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    ensure!((4..=8).contains(&met), "met {met} times in 4 s");
    let log = host.daemon.log();
    ensure!(log.matches("again and again").count() == 1, "{log}");
    host.until("it is there in the end", &["192.0.2.51/32"])?;
    host.finish(&["192.0.2.51"])
}

/// Each has a socket and interfaces of its own, and neither touches what is the other's, dead or alive.
#[test]
fn i13_two_daemons_in_one_namespace_leave_each_others_alone() -> Result<()> {
    let first = config(&[instance(51, &["192.0.2.51/32"])]);
    let second =
        config(&[Instance { interface: "eth1", ..instance(51, &["192.0.2.51/32", "198.51.100.60/32"]) }]);
    let lab = Lab::with_routers(2)?;
    lab.add_second_lan()?;
    let namespace = &lab.host("r1")?.namespace;
    let mut other = Vrrpd::start_beside(&binary()?, namespace, &lab.scratch(), &second, "other")?;
    until_masters(&other, 1)?;
    let daemon = start(&lab, "r1", &first)?;
    until_masters(&daemon, 1)?;
    let mut host = Box1 { daemon, lab };
    let both = |host: &Box1| -> Result<()> {
        host.until("eth0", &["192.0.2.51/32"])?;
        host.until_on("eth1", "eth1", &["198.51.100.1/24", "192.0.2.51/32", "198.51.100.60/32"])
    };
    both(&host)?;
    host.daemon.kill()?;
    host.daemon.restart()?;
    until_masters(&host.daemon, 1)?;
    both(&host)?;
    // Dead, it is to find what it had.
    other.kill()?;
    host.daemon.terminate()?;
    host.daemon.restart()?;
    until_masters(&host.daemon, 1)?;
    both(&host)?;
    other.restart()?;
    until_masters(&other, 1)?;
    other.terminate()?;
    host.finish(&["192.0.2.51"])
}

/// It is not vrrpd's to remove, and whoever added it is told what that means.
#[test]
fn i13_a_virtual_address_that_the_operator_has_added_stays_and_is_named() -> Result<()> {
    let mut host = Box1::start(&[instance(51, &["192.0.2.51/32"])])?;
    host.namespace()?.ip("address add 192.0.2.52/32 dev eth0")?;
    host.reload(&[instance(51, &["192.0.2.51/32", "192.0.2.52/32"])])?;
    let named = || host.daemon.log().contains("a virtual address that vrrpd has not added");
    poll("it is named", PATIENCE, || Ok(named().then_some(())))?;
    host.answers(&["192.0.2.52"], &[])?;
    host.reload(&[instance(51, &["192.0.2.51/32"])])?;
    host.until("it stays", &["192.0.2.51/32", "192.0.2.52/32"])?;
    host.daemon.terminate()?;
    let left = addresses(host.namespace()?, INTERFACE)?;
    ensure!(left == set(&["192.0.2.1/24", "192.0.2.52/32"]), "{left:?}");
    Ok(())
}
