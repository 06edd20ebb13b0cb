//! FRR's zebra and vrrpd, in a path space of their own.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt as _,
    path::PathBuf,
    process::Command,
    sync::Arc,
    time::Duration,
};

use anyhow::{Result, ensure};
use rustix::process::Signal;

use super::{Daemon, Process, Router};
use crate::{Mac, Namespace, lab::INTERFACE, scratch::Scratch, wait};

/// Where Debian puts the daemons.
const DIRECTORY: &str = "/usr/lib/frr";

/// How long zebra may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// FRR's VRRP.
#[derive(Debug)]
pub struct Frr {
    vrrpd: Process,
    // Held: vrrpd learns interfaces from it. Ends after vrrpd.
    _zebra: Process,
}

impl Frr {
    /// Makes the macvlan interface that FRR wants, and starts zebra and vrrpd.
    ///
    /// # Errors
    /// If they do not start.
    pub fn start(namespace: &Arc<Namespace>, scratch: &Arc<Scratch>, router: &Router) -> Result<Self> {
        macvlan(namespace, router)?;
        let directory = scratch.path().join(format!("{}-frr", namespace.name()));
        fs::create_dir_all(&directory)?;
        // The daemons give up root before they make their sockets.
        fs::set_permissions(&directory, Permissions::from_mode(0o777))?;
        let name = |daemon: &str| format!("{}-frr-{daemon}", namespace.name());
        let file = |name: &str| directory.join(name);
        let (config, empty, socket) = (file("vrrpd.conf"), file("zebra.conf"), file("zserv.api"));
        fs::write(&config, router.frr())?;
        fs::write(&empty, "log stdout\n")?;
        let command = |daemon: &str, config: &PathBuf| {
            let mut command = namespace.command(format!("{DIRECTORY}/{daemon}"));
            command.args(["-P", "0"]).arg("-f").arg(config).arg("-z").arg(&socket);
            command.arg("-i").arg(file(daemon).with_extension("pid")).arg("--vty_socket").arg(&directory);
            command
        };
        let start =
            |command: Command, daemon: &str| Process::start(command, &name(daemon), namespace, scratch);
        let mut zebra = start(command("zebra", &empty), "zebra")?;
        wait::poll("zebra's socket", PATIENCE, || {
            ensure!(zebra.runs()?, "zebra has ended:\n{}", zebra.log());
            Ok(socket.exists().then_some(()))
        })?;
        let vrrpd = start(command("vrrpd", &config), "vrrpd")?;
        Ok(Self { vrrpd, _zebra: zebra })
    }
}

fn macvlan(namespace: &Namespace, router: &Router) -> Result<()> {
    let (device, mac) = (format!("vrrp4-{}", router.vrid), Mac::virtual_v4(router.vrid));
    namespace.ip(&format!("link add {device} link {INTERFACE} type macvlan mode bridge"))?;
    namespace.ip(&format!("link set {device} address {mac}"))?;
    for address in &router.addresses {
        namespace.ip(&format!("address add {address} dev {device}"))?;
    }
    namespace.ip(&format!("link set {device} up")).map(drop)
}

impl Daemon for Frr {
    fn terminate(&mut self) -> Result<()> {
        self.vrrpd.signal(Signal::TERM)?;
        self.vrrpd.ended().map(drop)
    }

    fn kill(&mut self) -> Result<()> {
        self.vrrpd.signal(Signal::KILL)?;
        self.vrrpd.ended().map(drop)
    }

    fn freeze(&mut self) -> Result<()> {
        self.vrrpd.signal(Signal::STOP)
    }

    fn thaw(&mut self) -> Result<()> {
        self.vrrpd.signal(Signal::CONT)
    }

    fn log(&self) -> String {
        self.vrrpd.log()
    }
}
