//! The daemons that are measured, behind one face.

use std::{path::Path, sync::Arc, thread, time::Duration};

use anyhow::{Context as _, Result};
use rustix::process::Pid;
use tests::{
    Lab, Namespace,
    daemons::{Daemon, Keepalived, Router, Vrrpd},
    lab::INTERFACE,
    scratch::Scratch,
    wait,
};

/// For a daemon to be a backup that hears its master.
const PATIENCE: Duration = Duration::from_secs(20);

/// Who is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Contender {
    Vrrpd,
    Keepalived,
}

impl Contender {
    /// In the order of their turns.
    pub(crate) const ALL: [Self; 2] = [Self::Vrrpd, Self::Keepalived];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Vrrpd => "vrrpd",
            Self::Keepalived => "keepalived",
        }
    }
}

/// One daemon on one host.
#[derive(Debug)]
pub(crate) enum Node {
    Vrrpd(Vrrpd),
    /// With the length of its log before it was started: the log is continued.
    Keepalived(Keepalived, usize),
}

impl Node {
    /// Starts a contender with one router.
    pub(crate) fn start(
        contender: Contender,
        vrrpd: &Path,
        lab: &Lab,
        host: &str,
        router: &Router,
    ) -> Result<Self> {
        let namespace = &lab.host(host)?.namespace;
        let text = match contender {
            Contender::Vrrpd => router.vrrpd(host),
            Contender::Keepalived => router.keepalived(),
        };
        Self::start_with(contender, vrrpd, (namespace, &lab.scratch()), &text)
    }

    /// Starts a contender with a configuration in its own language.
    pub(crate) fn start_with(
        contender: Contender,
        vrrpd: &Path,
        place: (&Arc<Namespace>, &Arc<Scratch>),
        text: &str,
    ) -> Result<Self> {
        let (namespace, scratch) = place;
        match contender {
            Contender::Vrrpd => Vrrpd::start_with(vrrpd, namespace, scratch, text).map(Self::Vrrpd),
            Contender::Keepalived => {
                let log = scratch.path().join(format!("{}-keepalived.log", namespace.name()));
                let before = std::fs::metadata(log).map_or(0, |log| log.len() as usize);
                let daemon = Keepalived::start_terse(namespace, scratch, text)?;
                Ok(Self::Keepalived(daemon, before))
            }
        }
    }

    /// Waits until so many of its routers are backups: by its own word, since the wire does not show it.
    pub(crate) fn until_backup(&self, routers: usize) -> Result<()> {
        // Asking is work for the daemon, the more the more routers it has.
        let pause = Duration::from_micros(200) * u32::try_from(routers)?;
        let waited = wait::poll(&format!("{routers} backups"), PATIENCE, || {
            thread::sleep(pause);
            let backups = match self {
                Self::Vrrpd(daemon) => {
                    let status = daemon.status().unwrap_or_default();
                    let routers = status["routers"].as_array().cloned().unwrap_or_default();
                    routers.iter().filter(|router| router["state"] == "BACKUP").count()
                }
                Self::Keepalived(daemon, before) => {
                    let log = daemon.log();
                    log.get(*before..).unwrap_or(&log).matches("Entering BACKUP STATE").count()
                }
            };
            Ok((backups >= routers).then_some(()))
        });
        waited.with_context(|| format!("the log:\n{}", self.log()))
    }

    /// All its processes.
    pub(crate) fn pids(&mut self) -> Result<Vec<Pid>> {
        match self {
            Self::Vrrpd(daemon) => Ok(vec![daemon.process().pid()?]),
            // The parent only waits, but it is there.
            Self::Keepalived(daemon, _) => {
                let vrrp = daemon.vrrp_pid();
                let stat = std::fs::read_to_string(format!("/proc/{}/stat", vrrp.as_raw_nonzero()))?;
                // After the name, which is in parentheses, and the state.
                let parent = stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().nth(1));
                let parent = parent.and_then(|parent| Pid::from_raw(parent.parse().ok()?));
                Ok(std::iter::once(vrrp).chain(parent).collect())
            }
        }
    }

    /// From decision to flag at the last promotion, in µs. keepalived has no flag.
    pub(crate) fn flip_us(&self) -> Option<f64> {
        let Self::Vrrpd(daemon) = self else { return None };
        let status = daemon.status().ok()?;
        let transitions = status["routers"][0]["transitions"].as_array()?;
        transitions.iter().rev().find(|transition| transition["to"] == "MASTER")?["flip_us"].as_f64()
    }

    pub(crate) fn daemon(&mut self) -> &mut dyn Daemon {
        match self {
            Self::Vrrpd(daemon) => daemon,
            Self::Keepalived(daemon, _) => daemon,
        }
    }

    pub(crate) fn log(&self) -> String {
        match self {
            Self::Vrrpd(daemon) => daemon.log(),
            Self::Keepalived(daemon, _) => daemon.log(),
        }
    }
}

/// Takes away the virtual addresses that a killed keepalived leaves for ever.
pub(crate) fn forget_addresses(namespace: &Namespace, router: &Router) {
    for address in &router.addresses {
        // There is none if the daemon cleaned up.
        let _ = namespace.ip(&format!("address del {address} dev {INTERFACE}"));
    }
}
