//! Three routers with two virtual routers each, and what can be done to them.

use std::{
    collections::BTreeSet,
    fs,
    net::Ipv4Addr,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};

use super::{layout::Told, pin, schedule::ROUTERS};
use crate::{
    Lab, Mac,
    daemons::{Daemon as _, Router, Vrrpd},
    lab::{BRIDGE, INTERFACE, SECOND_INTERFACE},
    netns,
    wait::poll,
};

/// One virtual router of the cluster.
#[derive(Clone, Copy, Debug)]
pub struct Virtual {
    /// Its identifier.
    pub vrid: u8,
    /// Its address.
    pub vip: Ipv4Addr,
    /// Of `r1`, `r2`, `r3`.
    priorities: [u8; ROUTERS as usize],
    preempt: bool,
}

/// The favourite takes the one back when it can; the other stays where it is.
pub const VIRTUALS: [Virtual; 2] = [
    Virtual { vrid: 51, vip: Ipv4Addr::new(192, 0, 2, 51), priorities: [200, 150, 100], preempt: true },
    Virtual { vrid: 52, vip: Ipv4Addr::new(192, 0, 2, 52), priorities: [100, 150, 200], preempt: false },
];
/// Pins that are no maps.
const LINKS: [&str; 2] = ["xdp_link", "egress_link"];
/// For a cluster to be as it shall be: daemons start, and roles settle.
const PATIENCE: Duration = Duration::from_secs(20);
/// The MAC address of a router's second card, by its number.
pub(super) const fn second_mac(number: u8) -> Mac {
    Mac([2, 0xc, 0, 0, 0, number])
}

/// What the name of a second card's port ends with.
pub(super) const SECOND_CARD: &str = "-c";

impl Virtual {
    /// Its settings on a router, by number.
    #[must_use]
    pub fn router(&self, number: u8, advert_int: Duration) -> Router {
        Router {
            vrid: self.vrid,
            advert_int,
            priority: self.priorities[usize::from(number) - 1],
            preempt: self.preempt,
            addresses: vec![format!("{}/32", self.vip)],
            ..Router::default()
        }
    }
}

/// The routers in their laboratory.
#[derive(Debug)]
pub struct Cluster {
    routers: Vec<Vrrpd>,
    told: Vec<Told>,
    pins: Vec<PathBuf>,
    /// What was pinned when all began, for one interface.
    pinned: BTreeSet<String>,
    pub(super) advert_int: Duration,
    /// Goes last.
    pub lab: Lab,
}

impl Cluster {
    /// Starts them with an interval and waits until they are settled.
    ///
    /// # Errors
    /// If they do not settle.
    pub fn start(binary: &Path, advert_int: Duration) -> Result<Self> {
        let lab = Lab::with_routers(ROUTERS)?;
        let told: Vec<_> = (1..=ROUTERS).map(Told::new).collect();
        let start = |(number, told): (u8, &Told)| {
            let host = format!("r{number}");
            second_card(&lab, &host, second_mac(number))?;
            let namespace = &lab.host(&host)?.namespace;
            Vrrpd::start_with(binary, namespace, &lab.scratch(), &told.config(advert_int))
        };
        let routers = (1..=ROUTERS).zip(&told).map(start).collect::<Result<Vec<_>>>()?;
        let (pins, pinned) = (Vec::new(), LINKS.map(str::to_owned).into());
        let mut cluster = Self { routers, told, pins, pinned, advert_int, lab };
        cluster.settle()?;
        cluster.pinned = names(cluster.pin_dir(1)?);
        Ok(cluster)
    }

    /// The daemons, `r1` first.
    pub fn daemons(&mut self) -> &mut [Vrrpd] {
        &mut self.routers
    }

    /// The daemons' control sockets.
    pub(super) fn sockets(&self) -> Vec<PathBuf> {
        self.routers.iter().map(|daemon| daemon.socket().to_owned()).collect()
    }

    /// Where each router's pins are, `r1` first.
    #[must_use]
    pub fn pins(&self) -> &[PathBuf] {
        &self.pins
    }

    /// The names of the pins of one interface, as they were when all began.
    #[must_use]
    pub fn pinned(&self) -> &BTreeSet<String> {
        &self.pinned
    }

    /// Master_Down_Interval of a virtual router on a router, by number.
    #[must_use]
    pub fn master_down(&self, virtual_router: &Virtual, number: u8) -> Duration {
        virtual_router.router(number, self.advert_int).master_down()
    }

    /// Waits until every router takes part, each virtual router has one master, the first its favourite, and the
    /// programs and pins are in place. Looks at the daemons' own word, which judges nothing: it says when they are ready
    /// for more.
    ///
    /// # Errors
    /// After 20 s, with what is not so.
    pub fn settle(&mut self) -> Result<()> {
        let mut last = None;
        let settled = poll("a settled cluster", PATIENCE, || {
            last = self.unsettled().err();
            Ok(last.is_none().then_some(()))
        });
        settled.with_context(|| {
            let dead = self.routers.iter_mut().filter_map(|daemon| {
                let dead = !daemon.process().runs().unwrap_or(false);
                dead.then(|| daemon.log().lines().last().unwrap_or("(no log)").to_owned())
            });
            let dead: Vec<_> = dead.map(|line| format!("\na daemon has ended: {line}")).collect();
            last.map(|error| format!("{error:#}")).unwrap_or_default() + &dead.concat()
        })
    }

    fn unsettled(&mut self) -> Result<()> {
        let statuses = self.routers.iter().map(Vrrpd::status).collect::<Result<Vec<_>>>()?;
        for virtual_router in &VIRTUALS {
            let states: Vec<_> = statuses.iter().map(|status| state(status, virtual_router.vrid)).collect();
            let masters: Vec<_> =
                states.iter().enumerate().filter(|(_, state)| **state == "MASTER").collect();
            let ready = states.iter().all(|state| ["MASTER", "BACKUP"].contains(state));
            let right = !virtual_router.preempt || states[0] == "MASTER";
            ensure!(ready && right && masters.len() == 1, "VRID {}: {states:?}", virtual_router.vrid);
        }
        let mut dirs = Vec::new();
        for (index, status) in statuses.iter().enumerate() {
            let interfaces = status["interfaces"].as_array().into_iter().flatten();
            let mut home = interfaces.filter(|interface| interface["name"] == INTERFACE);
            let pins = home.next().and_then(|home| home["pins"].as_str()).context("nothing is pinned")?;
            dirs.push(PathBuf::from(pins));
            self.in_place(&format!("r{}", index + 1), Path::new(pins))?;
        }
        self.pins = dirs;
        Ok(())
    }

    /// The programs are attached to the interface that there is now, and pinned.
    fn in_place(&self, host: &str, pins: &Path) -> Result<()> {
        let shown = self.lab.host(host)?.namespace.ip(&format!("link show dev {INTERFACE}"))?;
        let index: u32 = shown.split(':').next().context("no link")?.parse()?;
        let missing: Vec<_> = self.pinned.difference(&names(pins)).cloned().collect();
        ensure!(missing.is_empty(), "{host}: not pinned in {}: {missing:?}", pins.display());
        for link in LINKS {
            let attached = pin::attached_to(&pins.join(link))?;
            ensure!(attached == index, "{host}: {link} is attached to {attached}, not to {index}");
        }
        ensure!(shown.contains("prog/xdp"), "{host}: no XDP program: {shown}");
        Ok(())
    }

    /// What a router has been told.
    ///
    /// # Panics
    /// Never: there is one for each number.
    pub(super) fn told(&self, number: u8) -> &Told {
        &self.told[usize::from(number) - 1]
    }

    pub(super) fn told_mut(&mut self, number: u8) -> &mut Told {
        &mut self.told[usize::from(number) - 1]
    }

    pub(super) fn daemon(&mut self, number: u8) -> &mut Vrrpd {
        &mut self.routers[usize::from(number) - 1]
    }

    pub(super) fn pin_dir(&self, number: u8) -> Result<&PathBuf> {
        self.pins.get(usize::from(number) - 1).context("not settled yet")
    }
}

/// What is in a directory of pins.
#[must_use]
pub fn names(dir: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

/// What a daemon says that a virtual router is.
fn state(status: &serde_json::Value, vrid: u8) -> &str {
    let routers = status["routers"].as_array().into_iter().flatten();
    let mut these = routers.filter(|router| router["virtual_router_id"] == vrid);
    these.next().and_then(|router| router["state"].as_str()).unwrap_or("?")
}

/// Another card of a host in the same LAN, which is not up. It has no address, and its kernel answers for all of the
/// host's (`arp_ignore` is 0).
fn second_card(lab: &Lab, host: &str, mac: Mac) -> Result<()> {
    let (switch, inside) = (lab.switch(), lab.host(host)?.namespace.name());
    let port = format!("{host}{SECOND_CARD}");
    netns::ip(&format!(
        "link add {port} netns {} type veth peer name {SECOND_INTERFACE} address {mac} netns {inside}",
        switch.name()
    ))?;
    switch.ip(&format!("link set {port} master {BRIDGE} up")).map(drop)
}
