//! Three routers with two virtual routers each, and what can be done to them.

use std::{
    collections::BTreeSet,
    fmt::Write as _,
    fs,
    net::Ipv4Addr,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, Result, bail, ensure};
use rustix::process::Signal;

use super::{
    pin,
    schedule::{Fault, ROUTERS},
};
use crate::{
    Lab,
    daemons::{Daemon as _, Router, Vrrpd},
    lab::{INTERFACE, router_address},
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
/// What a reload adds to the first, and takes away again.
const ADDED: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 53);
/// Pins that are no maps.
const LINKS: [&str; 2] = ["xdp_link", "egress_link"];
/// For a cluster to be as it shall be: daemons start, and roles settle.
const PATIENCE: Duration = Duration::from_secs(20);
/// Blocked ports while one flaps.
const FLAPS: u32 = 4;

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
    pins: Vec<PathBuf>,
    /// What was pinned when all began, for one interface.
    pinned: BTreeSet<String>,
    advert_int: Duration,
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
        let start = |number| {
            let namespace = &lab.host(&format!("r{number}"))?.namespace;
            Vrrpd::start_with(binary, namespace, &lab.scratch(), &config(number, advert_int, false))
        };
        let routers = (1..=ROUTERS).map(start).collect::<Result<Vec<_>>>()?;
        let (pins, pinned) = (Vec::new(), LINKS.map(str::to_owned).into());
        let mut cluster = Self { routers, pins, pinned, advert_int, lab };
        cluster.settle()?;
        cluster.pinned = names(cluster.pin_dir(1)?);
        Ok(cluster)
    }

    /// The daemons, `r1` first.
    pub fn daemons(&mut self) -> &mut [Vrrpd] {
        &mut self.routers
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
        for (index, virtual_router) in VIRTUALS.iter().enumerate() {
            let states: Vec<_> = statuses
                .iter()
                .map(|status| status["routers"][index]["state"].as_str().unwrap_or("?"))
                .collect();
            let masters: Vec<_> =
                states.iter().enumerate().filter(|(_, state)| **state == "MASTER").collect();
            let ready = states.iter().all(|state| ["MASTER", "BACKUP"].contains(state));
            let right = !virtual_router.preempt || states[0] == "MASTER";
            ensure!(ready && right && masters.len() == 1, "VRID {}: {states:?}", virtual_router.vrid);
        }
        let mut dirs = Vec::new();
        for (index, status) in statuses.iter().enumerate() {
            let pins = status["interfaces"][0]["pins"].as_str().context("nothing is pinned")?;
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

    /// Does what the fault says to a router, by number.
    ///
    /// # Errors
    /// If it cannot be done.
    pub fn strike(&mut self, fault: Fault, number: u8) -> Result<()> {
        let host = format!("r{number}");
        match fault {
            Fault::Kill => self.daemon(number).kill(),
            Fault::Freeze => self.daemon(number).freeze(),
            Fault::Terminate => self.daemon(number).terminate(),
            Fault::Reload => self.reload(number, true),
            Fault::Upgrade => self.daemon(number).process().signal(Signal::USR2),
            Fault::Carrier => self.lab.cut(&host),
            Fault::Down => self.ip(number, "link set eth0 down"),
            Fault::Delete => self.lab.unplug(&host),
            Fault::VipRemoved => {
                for Virtual { vip, .. } in VIRTUALS {
                    // Only a master has it.
                    let _absent = self.ip(number, &format!("address del {vip}/32 dev {INTERFACE}"));
                }
                Ok(())
            }
            Fault::AddressRemoved => {
                self.ip(number, &format!("address del {}/24 dev {INTERFACE}", router_address(number)))
            }
            Fault::XdpOff => self.xdp_off(number),
            Fault::XdpDetached => self.detach(number, "xdp_link"),
            Fault::EgressDetached => self.detach(number, "egress_link"),
            Fault::MapsUnpinned => self.unpin(number, |name| !name.ends_with("_link")),
            Fault::Unpinned => self.unpin(number, |_name| true),
            Fault::DirectoryRemoved => {
                self.unpin(number, |_name| true)?;
                // The daemon may have pinned something again already.
                let _in_use = fs::remove_dir(self.pin_dir(number)?);
                Ok(())
            }
            Fault::Isolated => self.lab.isolate(&host),
            Fault::Flapping => self.flap(&host),
        }
        .with_context(|| format!("{fault} of {host}"))
    }

    /// Takes it back, as far as an operator would have to.
    ///
    /// # Errors
    /// If it cannot be done.
    pub fn heal(&mut self, fault: Fault, number: u8) -> Result<()> {
        let host = format!("r{number}");
        match fault {
            Fault::Kill | Fault::Terminate => self.daemon(number).restart(),
            Fault::Freeze => self.daemon(number).thaw(),
            Fault::Reload => self.reload(number, false),
            Fault::Carrier => self.lab.restore(&host),
            Fault::Down => self.ip(number, "link set eth0 up"),
            Fault::Delete => self.lab.replug(&host),
            Fault::AddressRemoved => {
                self.ip(number, &format!("address add {}/24 dev {INTERFACE}", router_address(number)))
            }
            Fault::Isolated => self.lab.rejoin(&host),
            // The daemon does it.
            Fault::Upgrade
            | Fault::VipRemoved
            | Fault::XdpOff
            | Fault::XdpDetached
            | Fault::EgressDetached
            | Fault::MapsUnpinned
            | Fault::Unpinned
            | Fault::DirectoryRemoved
            | Fault::Flapping => Ok(()),
        }
        .with_context(|| format!("healing {fault} of {host}"))
    }

    fn daemon(&mut self, number: u8) -> &mut Vrrpd {
        &mut self.routers[usize::from(number) - 1]
    }

    fn ip(&self, number: u8, line: &str) -> Result<()> {
        self.lab.host(&format!("r{number}"))?.namespace.ip(line).map(drop)
    }

    fn reload(&mut self, number: u8, more: bool) -> Result<()> {
        let text = config(number, self.advert_int, more);
        self.daemon(number).reload_with(&text)
    }

    /// The kernel refuses to take away what a link holds.
    fn xdp_off(&self, number: u8) -> Result<()> {
        for mode in ["xdp", "xdpgeneric", "xdpdrv"] {
            let _refused = self.ip(number, &format!("link set dev {INTERFACE} {mode} off"));
        }
        Ok(())
    }

    fn detach(&self, number: u8, link: &str) -> Result<()> {
        let pin = self.pin_dir(number)?.join(link);
        let output =
            std::process::Command::new("bpftool").args(["link", "detach", "pinned"]).arg(&pin).output()?;
        if !output.status.success() {
            bail!("bpftool link detach: {}", String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(())
    }

    fn unpin(&self, number: u8, which: impl Fn(&str) -> bool) -> Result<()> {
        for name in self.pinned.iter().filter(|name| which(name)) {
            let pin = self.pin_dir(number)?.join(name);
            fs::remove_file(&pin).with_context(|| format!("removing {}", pin.display()))?;
        }
        Ok(())
    }

    fn pin_dir(&self, number: u8) -> Result<&PathBuf> {
        self.pins.get(usize::from(number) - 1).context("not settled yet")
    }

    fn flap(&self, host: &str) -> Result<()> {
        for _ in 0..FLAPS {
            self.lab.isolate(host)?;
            std::thread::sleep(self.advert_int / 2);
            self.lab.rejoin(host)?;
            std::thread::sleep(self.advert_int / 2);
        }
        Ok(())
    }
}

/// What is in a directory of pins.
#[must_use]
pub fn names(dir: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

/// The configuration of a router, by number. With an address more, or as it is.
fn config(number: u8, advert_int: Duration, more: bool) -> String {
    let mut text = String::new();
    for virtual_router in VIRTUALS {
        let mut router = virtual_router.router(number, advert_int);
        if more && virtual_router.vrid == VIRTUALS[0].vrid {
            router.addresses.push(format!("{ADDED}/32"));
        }
        let section = router.vrrpd(&format!("r{number}"));
        // What is before the first section belongs to the file, once.
        let (head, section) = section.split_once("\n\n").unwrap_or(("", &section));
        let head = if text.is_empty() { head } else { "" };
        let _ = writeln!(text, "{head}\n\n{section}");
    }
    text
}
