//! The boxes of `examples/nginx-gateway`: its files, with paths and names of a laboratory in them.

use std::{
    fs,
    net::Ipv4Addr,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};

use crate::{
    Lab,
    daemons::{Nginx, Vrrpd, binary},
    lab::CLIENT,
    web::Fetcher,
};

/// One box.
#[derive(Debug)]
pub struct Gateway {
    /// `r1` or `r2`.
    pub host: String,
    /// Its service.
    pub nginx: Nginx,
    /// Its daemon, once it is started.
    pub vrrpd: Option<Vrrpd>,
    script: PathBuf,
}

/// A file of the example.
///
/// # Errors
/// If it is not there.
pub fn example(name: &str) -> Result<String> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/nginx-gateway");
    let path = directory.join(name);
    fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))
}

impl Gateway {
    /// A box whose nginx runs with the example's site, and whose check script is in place.
    ///
    /// # Errors
    /// If nginx does not start.
    pub fn new(lab: &Lab, host: &str) -> Result<Self> {
        let namespace = &lab.host(host)?.namespace;
        let site = example("site.conf")?.replace("$hostname", host);
        let nginx = Nginx::new(namespace, &lab.scratch(), &site)?;
        nginx.start()?;
        let script = lab.scratch().path().join(format!("{host}-check_nginx.sh"));
        let gateway = Self { host: host.to_owned(), nginx, vrrpd: None, script };
        fs::write(&gateway.script, gateway.localized(&example("check_nginx.sh")?))?;
        fs::set_permissions(&gateway.script, fs::Permissions::from_mode(0o755))?;
        Ok(gateway)
    }

    /// A text of the example for this box.
    #[must_use]
    pub fn localized(&self, text: &str) -> String {
        text.replace("/etc/vrrpd/check_nginx.sh", &self.script.display().to_string())
            .replace("/run/nginx.pid", &self.nginx.pid_file().display().to_string())
            .replace("systemctl start nginx", &self.nginx.command_line())
    }

    /// Starts `vrrpd` with a configuration of the example.
    ///
    /// # Errors
    /// If it does not start.
    pub fn start(&mut self, lab: &Lab, config: &str) -> Result<&Vrrpd> {
        let text = self.localized(config);
        let namespace = &lab.host(&self.host)?.namespace;
        let daemon = Vrrpd::start_with(&binary()?, namespace, &lab.scratch(), &text)?;
        Ok(self.vrrpd.insert(daemon))
    }

    /// Its daemon.
    ///
    /// # Errors
    /// If it was not started.
    pub fn daemon(&mut self) -> Result<&mut Vrrpd> {
        self.vrrpd.as_mut().with_context(|| format!("no vrrpd on {}", self.host))
    }
}

/// The laboratory's client fetches from an address.
///
/// # Errors
/// If it does not start.
pub fn fetch(lab: &Lab, address: Ipv4Addr) -> Result<Fetcher> {
    Fetcher::start(&lab.host(CLIENT)?.namespace, address)
}
