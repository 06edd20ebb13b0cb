//! Two routers, the first with checks.

use std::{fs, os::unix::fs::PermissionsExt as _, path::PathBuf, time::Duration};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tests::{
    Lab, Stamp,
    daemons::{Router, Vrrpd, binary},
    scenario::{PATIENCE, VRID, until_state},
    wait::Mark,
};

/// `r1` with priority 100 and whatever the scenario gives it to track, `r2` with 90.
pub(crate) struct Rig {
    pub(crate) r1: Vrrpd,
    pub(crate) r2: Vrrpd,
    pub(crate) router: Router,
    pub(crate) lab: Lab,
}

impl Rig {
    /// `track` are lines of the instance, `tables` come after it; `{dir}` in both is a directory that only root can
    /// write. Waits until `r1` is master.
    pub(crate) fn start(advert_int: Duration, track: &str, tables: &str) -> Result<Self> {
        let rig = Self::prepare(advert_int, track, tables, |_| Ok(()))?;
        rig.until_priority("r1 is master", Mark::default(), 100)?;
        until_state(&rig.r2, "BACKUP")?;
        Ok(rig)
    }

    /// The same without waiting. `before` is called before the daemons are started.
    pub(crate) fn prepare(
        advert_int: Duration,
        track: &str,
        tables: &str,
        before: impl FnOnce(&Lab) -> Result<()>,
    ) -> Result<Self> {
        let lab = Lab::with_routers(2)?;
        before(&lab)?;
        let router = Router { advert_int, ..Router::default() };
        let text = Self::text_for(&lab, &router, track, tables);
        let r1 = Vrrpd::start_with(&binary()?, &lab.host("r1")?.namespace, &lab.scratch(), &text)?;
        // It handles signals, and both do not look for pins of dead daemons at the same time.
        tests::scenario::until_status(&r1, "r1 has started", Value::is_object)?;
        let r2 = tests::scenario::start(&lab, "r2", &Router { priority: 90, ..router.clone() })?;
        Ok(Self { r1, r2, router, lab })
    }

    fn text_for(lab: &Lab, router: &Router, track: &str, tables: &str) -> String {
        let dir = lab.scratch().path().display().to_string();
        let extra = vec![track.replace("{dir}", &dir)];
        let instance = Router { extra, ..router.clone() }.vrrpd("r1");
        format!("{instance}\n{}", tables.replace("{dir}", &dir))
    }

    /// The configuration with other lines.
    pub(crate) fn text(&self, track: &str, tables: &str) -> String {
        Self::text_for(&self.lab, &self.router, track, tables)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.lab.scratch().path().join(name)
    }

    /// Makes a file, or takes it away.
    pub(crate) fn set(&self, name: &str, there: bool) -> Result<()> {
        set(&self.lab, name, there)
    }

    /// Waits for an advert of `r1` with this priority.
    pub(crate) fn until_priority(&self, what: &str, mark: Mark, priority: u8) -> Result<Stamp> {
        let found = self.lab.wire().until(what, mark, PATIENCE, |timeline| {
            let mut adverts = timeline.adverts_by(VRID, "r1");
            adverts.find(|(_, advert)| advert.priority == priority).map(|(frame, _)| frame.at)
        });
        found.with_context(|| format!("the log of r1:\n{}", tests::daemons::Daemon::log(&self.r1)))
    }

    /// Waits for an advert of `r1` with this priority, and sees that none with another one comes after it: what was
    /// once changed is never advertised as it was before. Returns the moment of the first.
    pub(crate) fn changes_to(&self, what: &str, mark: Mark, priority: u8) -> Result<Stamp> {
        let at = self.until_priority(what, mark, priority)?;
        std::thread::sleep(2 * self.router.advert_int);
        self.lab.wire().settle();
        self.lab.wire().look(mark, |timeline| {
            let others: Vec<_> = timeline
                .adverts_by(VRID, "r1")
                .filter(|(frame, advert)| frame.at > at && advert.priority != priority)
                .map(|(_, advert)| advert.priority)
                .collect();
            ensure!(others.is_empty(), "{what}: after the first advert with {priority} came {others:?}");
            Ok(at)
        })
    }

    /// Waits until `r2` speaks.
    pub(crate) fn until_successor(&self, mark: Mark) -> Result<Stamp> {
        tests::scenario::until_master(&self.lab, "r2", mark)
    }

    /// Waits until the first check of `r1` fulfils a condition.
    pub(crate) fn until_check(&self, what: &str, condition: impl Fn(&Value) -> bool) -> Result<()> {
        tests::scenario::until_status(&self.r1, what, |status| condition(&status["checks"][0]))
    }
}

/// Makes a file in the directory of the laboratory, or takes it away.
pub(crate) fn set(lab: &Lab, name: &str, there: bool) -> Result<()> {
    let path = lab.scratch().path().join(name);
    if there { fs::write(path, "") } else { fs::remove_file(path) }.context(name.to_owned())
}

/// Writes an executable script.
pub(crate) fn script(lab: &Lab, name: &str, text: &str) -> Result<()> {
    let path = lab.scratch().path().join(name);
    fs::write(&path, format!("#!/bin/sh\n{text}\n"))?;
    Ok(fs::set_permissions(path, fs::Permissions::from_mode(0o755))?)
}
