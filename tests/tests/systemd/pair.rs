//! The box that the unit runs in, and its peer.

use std::{path::Path, time::Duration};

use anyhow::{Context as _, Result, ensure};
use tests::{
    Lab,
    container::{Container, Files, Root},
    daemons::{Router, Vrrpd, binary},
    gateway::example,
    scenario::{PATIENCE, VRID, sole_owner_over, start, until_adverts, until_master, until_state},
    wait::{Mark, poll},
};

/// The unit, by its name.
pub(crate) const UNIT: &str = "vrrpd.service";
/// Longer than a backup waits for its master, at 1 s.
const HOLD: Duration = Duration::from_millis(4500);

/// A file beside the example.
pub(crate) fn shipped(name: &str) -> Result<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples").join(name);
    std::fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))
}

/// What an operator has put on the box `r1`.
pub(crate) struct Set {
    lab: Lab,
    files: Files,
}

impl Set {
    /// The daemon, its unit and the nginx example.
    pub(crate) fn new(config: &str) -> Result<Self> {
        let lab = Lab::with_routers(2)?;
        let files = Files::new(&lab, "r1")?;
        files.add("usr/local/sbin/vrrpd", std::fs::read(binary()?)?, 0o755)?;
        files.add("etc/systemd/system/vrrpd.service", shipped("vrrpd.service")?, 0o644)?;
        files.add("etc/vrrpd/vrrpd.toml", config, 0o600)?;
        files.add("etc/vrrpd/check_nginx.sh", example("check_nginx.sh")?, 0o755)?;
        files.add("etc/nginx/conf.d/gateway.conf", example("site.conf")?, 0o644)?;
        files.add("etc/nginx/sites-enabled/default", "", 0o644)?;
        files.enable(UNIT)?;
        Ok(Self { lab, files })
    }

    /// One more file.
    pub(crate) fn with(self, path: &str, content: &str, mode: u32) -> Result<Self> {
        self.files.add(path, content, mode)?;
        Ok(self)
    }

    /// Boots it; its peer is not there yet.
    pub(crate) fn boot(&self) -> Result<Container> {
        let root = Root::prepared(Path::new(env!("CARGO_TARGET_TMPDIR")))?;
        Container::boot(&self.lab, &root, &self.files)
    }

    /// Boots it, and waits until it is master. Then its peer comes.
    pub(crate) fn start(self) -> Result<Pair> {
        let r1 = self.boot()?;
        let told = || format!("r1:\n{}", r1.journal(UNIT).unwrap_or_default());
        until_master(&self.lab, "r1", Mark::default()).with_context(told)?;
        let r2 = start(&self.lab, "r2", &Router { priority: 90, ..Router::default() })?;
        until_state(&r2, "BACKUP")?;
        until_adverts(&self.lab, "r1", 1)?;
        Ok(Pair { r2, r1, lab: self.lab })
    }
}

/// `r1` is a box with systemd and the unit, `r2` has a plain vrrpd of lower priority.
pub(crate) struct Pair {
    pub(crate) r2: Vrrpd,
    pub(crate) r1: Container,
    pub(crate) lab: Lab,
}

impl Pair {
    /// What the daemon of `r1` says of itself.
    fn status(&self) -> Result<serde_json::Value> {
        Ok(serde_json::from_str(&self.r1.exec("/usr/local/sbin/vrrpd status --json")?)?)
    }

    pub(crate) fn until_status(
        &self,
        what: &str,
        condition: impl Fn(&serde_json::Value) -> bool,
    ) -> Result<()> {
        let mut last = serde_json::Value::Null;
        let seen = poll(what, PATIENCE, || {
            last = self.status().unwrap_or_default();
            Ok(condition(&last).then_some(()))
        });
        seen.with_context(|| format!("{last:#}\n{}", self.r1.journal(UNIT).unwrap_or_default()))
    }

    pub(crate) fn main_pid(&self) -> Result<String> {
        self.r1.property(UNIT, "MainPID")
    }

    /// SIGKILL, and systemd starts it again.
    pub(crate) fn kill(&self) -> Result<()> {
        let pid = self.main_pid()?;
        self.r1.exec(&format!("kill -KILL {pid}"))?;
        poll("systemd has started it again", PATIENCE, || {
            let now = self.main_pid()?;
            Ok((now != "0" && now != pid).then_some(()))
        })
    }

    /// `r1` alone speaks and answers, for longer than `r2` waits, and has since `mark`.
    pub(crate) fn kept_the_role(&self, mark: Mark) -> Result<()> {
        let journal = || self.r1.journal(UNIT).unwrap_or_default();
        sole_owner_over(&self.lab, "r1", HOLD).with_context(journal)?;
        self.lab.wire().look(mark, |timeline| {
            let masters = timeline.masters(VRID);
            ensure!(masters.keys().eq(["r1"].iter()), "adverts of {masters:?}\n{}", journal());
            let farewells = timeline.adverts(VRID).filter(|(_, advert)| advert.priority == 0).count();
            ensure!(farewells == 0, "{farewells} farewells\n{}", journal());
            Ok(())
        })
    }
}
