//! One virtual router, in every daemon's language.

use std::{fmt::Write as _, time::Duration};

use crate::lab::INTERFACE;

/// A virtual router on `eth0`. The fields have the words and meanings of `keepalived.conf`.
#[derive(Clone, Debug)]
pub struct Router {
    /// `virtual_router_id`.
    pub vrid: u8,
    /// 2 or 3.
    pub version: u8,
    /// 1..=255.
    pub priority: u8,
    /// `advert_int`.
    pub advert_int: Duration,
    /// With prefix lengths; none: they are among the further lines.
    pub addresses: Vec<String>,
    /// `state MASTER`.
    pub start_master: bool,
    /// Whether to take the role from a master of lower priority.
    pub preempt: bool,
    /// Password of version 2.
    pub auth_pass: Option<String>,
    /// Whether keepalived makes a macvlan with the virtual MAC; vrrpd always has the virtual MAC.
    pub use_vmac: bool,
    /// Further lines in the section of the instance, in the daemon's own language.
    pub extra: Vec<String>,
}

impl Default for Router {
    /// VRID 51, version 3, priority 100, 1 s, 192.0.2.51/32.
    fn default() -> Self {
        Self {
            vrid: 51,
            version: 3,
            priority: 100,
            advert_int: Duration::from_secs(1),
            addresses: vec!["192.0.2.51/32".to_owned()],
            start_master: false,
            preempt: true,
            auth_pass: None,
            use_vmac: false,
            extra: Vec::new(),
        }
    }
}

impl Router {
    /// Skew_Time: how much later than three intervals a backup of this priority takes over. To the nanosecond.
    #[must_use]
    pub fn skew(&self) -> Duration {
        let unit = if self.version == 2 { Duration::from_secs(1) } else { self.advert_int };
        unit * (256 - u32::from(self.priority)) / 256
    }

    /// Master_Down_Interval of this router as backup.
    #[must_use]
    pub fn master_down(&self) -> Duration {
        3 * self.advert_int + self.skew()
    }

    /// As `keepalived.conf`.
    #[must_use]
    pub fn keepalived(&self) -> String {
        let mut text = String::from("global_defs {\n  vrrp_garp_master_refresh 0\n}\nvrrp_instance VI_1 {\n");
        let state = if self.start_master { "MASTER" } else { "BACKUP" };
        let _ = writeln!(text, "  state {state}\n  interface {INTERFACE}\n  version {}", self.version);
        let _ = writeln!(text, "  virtual_router_id {}\n  priority {}", self.vrid, self.priority);
        let _ = writeln!(text, "  advert_int {}", self.advert_int.as_secs_f64());
        if !self.preempt {
            let _ = writeln!(text, "  nopreempt");
        }
        if self.use_vmac {
            let _ = writeln!(text, "  use_vmac");
        }
        if let Some(pass) = &self.auth_pass {
            let _ = writeln!(text, "  authentication {{\n    auth_type PASS\n    auth_pass {pass}\n  }}");
        }
        for line in &self.extra {
            let _ = writeln!(text, "  {line}");
        }
        let _ = writeln!(text, "  virtual_ipaddress {{\n    {}\n  }}\n}}", self.addresses.join("\n    "));
        text
    }

    /// As `vrrpd.toml`.
    #[must_use]
    pub fn vrrpd(&self, router_id: &str) -> String {
        let mut text = format!("router_id = \"{router_id}\"\n\n[vrrp_instance.VI_{}]\n", self.vrid);
        let state = if self.start_master { "MASTER" } else { "BACKUP" };
        let _ = writeln!(text, "interface = \"{INTERFACE}\"\nstate = \"{state}\"");
        let _ = writeln!(text, "virtual_router_id = {}\nversion = {}", self.vrid, self.version);
        let _ = writeln!(text, "priority = {}\npreempt = {}", self.priority, self.preempt);
        let _ = writeln!(text, "advert_int = \"{}ms\"", self.advert_int.as_millis());
        if let Some(pass) = &self.auth_pass {
            let _ = writeln!(text, "authentication = {{ auth_type = \"PASS\", auth_pass = \"{pass}\" }}");
        }
        for line in &self.extra {
            let _ = writeln!(text, "{line}");
        }
        if !self.addresses.is_empty() {
            let _ = writeln!(text, "virtual_ipaddress = [\"{}\"]", self.addresses.join("\", \""));
        }
        text
    }

    /// As `frr.conf`.
    #[must_use]
    pub fn frr(&self) -> String {
        let mut text = format!("log stdout debugging\n!\ninterface {INTERFACE}\n");
        let _ = writeln!(text, " vrrp {} version {}", self.vrid, self.version);
        let _ = writeln!(text, " vrrp {} priority {}", self.vrid, self.priority);
        let _ = writeln!(text, " vrrp {} advertisement-interval {}", self.vrid, self.advert_int.as_millis());
        if !self.preempt {
            let _ = writeln!(text, " no vrrp {} preempt", self.vrid);
        }
        for address in &self.addresses {
            let address = address.split('/').next().unwrap_or_default();
            let _ = writeln!(text, " vrrp {} ip {address}", self.vrid);
        }
        text.push_str("exit\n!\n");
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn master_down_interval_keeps_its_nanoseconds() {
        let router = Router { advert_int: Duration::from_millis(10), priority: 100, ..Router::default() };
        assert_eq!(router.master_down(), Duration::from_nanos(36_093_750));
    }
}
