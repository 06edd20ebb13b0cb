//! From a seed to what the hosts of a cluster are configured with, and what befalls them.

use std::{collections::BTreeSet, fmt::Write as _, net::Ipv4Addr};

use crate::random::Random;

/// Interfaces of each host, each on a LAN of its own.
pub(crate) const PORTS: [&str; 2] = ["eth0", "eth1"];
/// A second.
pub(crate) const SECOND: u64 = 1_000_000_000;
/// Until then something may happen.
pub(crate) const QUIET: u64 = 14 * SECOND;
/// By then the cluster is to have come to rest.
pub(crate) const END: u64 = 22 * SECOND;

/// One virtual router, the same on all hosts but for its priority.
#[derive(Clone, Debug)]
pub(crate) struct Router {
    pub(crate) vrid: u8,
    pub(crate) home: usize,
    /// It has an address on the other interface, too.
    pub(crate) secondary: bool,
    pub(crate) unicast: bool,
    /// In intervals of 10 ms.
    pub(crate) interval: u64,
    pub(crate) group: Option<usize>,
}

/// What a host's file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct File {
    /// Of each router.
    pub(crate) priorities: Vec<u8>,
    /// Routers that are not in it.
    pub(crate) without: BTreeSet<usize>,
    /// Routers with one address more.
    pub(crate) more: BTreeSet<usize>,
}

/// What befalls a host.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Reload(File),
    /// SIGKILL, and a new daemon after so many nanoseconds.
    Kill(u64),
    /// SIGTERM, likewise.
    Stop(u64),
    /// A check of a router fails, or does not any more.
    Check(usize, bool),
    /// The carrier of an interface goes, or comes.
    Carrier(usize, bool),
    /// The program of an interface is detached, and attached again after so many nanoseconds.
    Detach(usize, u64),
}

/// A run.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) routers: Vec<Router>,
    pub(crate) files: Vec<File>,
    /// When, where, what.
    pub(crate) steps: Vec<(u64, usize, Step)>,
}

impl Plan {
    pub(crate) fn draw(random: &mut Random) -> Self {
        let hosts = random.within(1, 5) as usize;
        let count = random.within(1, 8) as usize;
        let groups = random.within(0, 2) as usize;
        let mut routers: Vec<_> = (0..count).map(|index| router(random, index, groups, hosts)).collect();
        let shares = share_a_vrid(random, &mut routers);
        let files: Vec<_> = (0..hosts).map(|_| file(random, count, shares)).collect();
        // In order, so that a file follows on the one before.
        let mut moments: Vec<_> =
            (0..random.within(1, 8)).map(|_| random.within(2 * SECOND, QUIET - 3 * SECOND)).collect();
        moments.sort_unstable();
        let mut current = files.clone();
        let mut steps = Vec::new();
        for at in moments {
            let host = random.index(hosts);
            steps.extend(befall(random, at, (&mut current[host], shares)).map(|(at, step)| (at, host, step)));
        }
        steps.sort_by_key(|(at, ..)| *at);
        Self { routers, files, steps }
    }

    /// The address of a host on an interface.
    pub(crate) fn own(host: usize, port: usize) -> Ipv4Addr {
        Ipv4Addr::new(10, port as u8, 0, host as u8 + 1)
    }

    /// The file in the words of the configuration.
    pub(crate) fn text(&self, host: usize, file: &File) -> String {
        let mut text = String::new();
        let there = || self.routers.iter().enumerate().filter(|(index, _)| !file.without.contains(index));
        for (index, router) in there() {
            let _infallible = self.router_text(&mut text, (host, index), router, file);
        }
        for group in 0..2 {
            let members: Vec<_> = there()
                .filter(|(_, router)| router.group == Some(group))
                .map(|(index, _)| format!("\"R{index}\""))
                .collect();
            if !members.is_empty() {
                let _infallible =
                    writeln!(text, "[vrrp_sync_group.G{group}]\ngroup = [{}]", members.join(", "));
            }
        }
        text
    }

    fn router_text(
        &self,
        text: &mut String,
        (host, index): (usize, usize),
        router: &Router,
        file: &File,
    ) -> std::fmt::Result {
        let Router { vrid, home, secondary, unicast, interval, .. } = *router;
        writeln!(text, "[vrrp_instance.R{index}]\ninterface = \"{}\"", PORTS[home])?;
        writeln!(text, "virtual_router_id = {vrid}\npriority = {}", file.priorities[index])?;
        writeln!(text, "advert_int = \"{}ms\"", interval * 10)?;
        let mut addresses = vec![format!("\"10.{home}.1.{index}/16\"")];
        if file.more.contains(&index) {
            addresses.push(format!("\"10.{home}.2.{index}/16\""));
        }
        if secondary {
            let other = 1 - home;
            addresses
                .push(format!("{{ address = \"10.{other}.3.{index}/16\", dev = \"{}\" }}", PORTS[other]));
        }
        writeln!(text, "virtual_ipaddress = [{}]", addresses.join(", "))?;
        if unicast {
            let others = (0..self.files.len()).filter(|other| *other != host);
            let peers: Vec<_> = others.map(|other| format!("\"{}\"", Self::own(other, home))).collect();
            writeln!(text, "unicast_peer = [{}]", peers.join(", "))?;
        }
        Ok(())
    }
}

fn router(random: &mut Random, index: usize, groups: usize, hosts: usize) -> Router {
    Router {
        vrid: index as u8 + 51,
        home: random.index(PORTS.len()),
        secondary: random.per_mille(300),
        unicast: hosts > 1 && random.per_mille(300),
        interval: random.one_of(&[2, 5, 10]),
        group: (groups > 0 && random.per_mille(500)).then(|| random.index(groups)),
    }
}

/// The first two routers, on two interfaces, may have one VRID, and an address on the interface of the other. No file has both:
/// while one leaves, the other waits there for its slot.
fn share_a_vrid(random: &mut Random, routers: &mut [Router]) -> bool {
    let [first, second, ..] = routers else { return false };
    let shares = first.home != second.home && random.per_mille(500);
    if shares {
        second.vrid = first.vrid;
        (first.secondary, second.secondary) = (true, true);
    }
    shares
}

fn file(random: &mut Random, count: usize, shares: bool) -> File {
    let priorities = (0..count).map(|_| random.within(1, 254) as u8).collect();
    let without = if shares { BTreeSet::from([1]) } else { BTreeSet::new() };
    File { priorities, without, more: BTreeSet::new() }
}

/// Something that befalls a host, and its end where that is another step.
fn befall(
    random: &mut Random,
    at: u64,
    (file, shares): (&mut File, bool),
) -> impl Iterator<Item = (u64, Step)> + use<> {
    let count = file.priorities.len();
    let later = at + random.within(1_000_000, 2 * SECOND);
    let (first, end) = match random.within(0, 6) {
        0 | 1 => {
            change(random, (file, shares), count);
            (Step::Reload(file.clone()), None)
        }
        2 => (Step::Kill(random.within(1_000_000, SECOND)), None),
        3 => (Step::Stop(random.within(300_000_000, SECOND)), None),
        4 => {
            let router = random.index(count);
            (Step::Check(router, true), Some(Step::Check(router, false)))
        }
        5 => {
            let port = random.index(PORTS.len());
            (Step::Carrier(port, false), Some(Step::Carrier(port, true)))
        }
        _ => (Step::Detach(random.index(PORTS.len()), random.within(1_000_000, SECOND)), None),
    };
    [(at, first)].into_iter().chain(end.map(|end| (later, end)))
}

fn change(random: &mut Random, (file, shares): (&mut File, bool), count: usize) {
    let router = random.index(count);
    let toggled = |set: &mut BTreeSet<usize>| {
        if !set.remove(&router) {
            set.insert(router);
        }
    };
    match random.within(0, 2) {
        0 => file.priorities[router] = random.within(1, 254) as u8,
        1 => toggled(&mut file.more),
        // One comes when the other goes.
        _ if shares && router < 2 => {
            let (goes, comes) = if file.without.contains(&0) { (1, 0) } else { (0, 1) };
            file.without.remove(&comes);
            file.without.insert(goes);
        }
        // Something is left to run.
        _ if file.without.len() + 1 < count || file.without.contains(&router) => toggled(&mut file.without),
        _ => file.priorities[router] = random.within(1, 254) as u8,
    }
}
