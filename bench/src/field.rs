//! Two hosts with as many cables between them as many routers need.
//!
//! A VRID is used once on an interface, so 250 routers share a cable, which is an `ethN` on both hosts. There is no
//! switch: what the kernel does for a frame that is sent to the other end runs on the sender's account, for all
//! contenders alike.

use std::{fmt::Write as _, net::Ipv4Addr, ops::Range, sync::Arc, time::Duration};

use ::tests::{Lab, Namespace, netns, scratch::Scratch};
use anyhow::{Context as _, Result};

use crate::contender::{Contender, Node};

/// Routers on one cable.
pub(crate) const PER_CABLE: usize = 250;

/// Both announce themselves by gratuitous ARP twice, the second time so much later: what is measured comes after.
const SECOND_ANNOUNCEMENT: Duration = Duration::from_secs(1);

/// So many routers, with one interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Routers {
    pub(crate) count: usize,
    pub(crate) advert_int: Duration,
}

impl Routers {
    pub(crate) fn name(self) -> String {
        let plural = if self.count == 1 { "" } else { "s" };
        format!("{} router{plural}, {} ms adverts", self.count, self.advert_int.as_millis())
    }

    pub(crate) fn cables(self) -> usize {
        self.count.div_ceil(PER_CABLE)
    }

    /// Adverts of all of them.
    pub(crate) fn adverts_per_second(self) -> f64 {
        self.count as f64 / self.advert_int.as_secs_f64()
    }

    /// Those on a cable.
    fn on(self, cable: usize) -> Range<usize> {
        cable * PER_CABLE..self.count.min((cable + 1) * PER_CABLE)
    }

    /// In a contender's language. All take part from the start; the owner (255) is master at once.
    pub(crate) fn configuration(self, contender: Contender, priority: u8) -> String {
        let mut text = match contender {
            Contender::Vrrpd => "router_id = \"bench\"\n".to_owned(),
            Contender::Keepalived => "global_defs {\n  vrrp_garp_master_refresh 0\n}\n".to_owned(),
        };
        let state = if priority == 255 { "MASTER" } else { "BACKUP" };
        for router in (0..self.cables()).flat_map(|cable| self.on(cable)) {
            let _ = match contender {
                Contender::Vrrpd => self.vrrpd(router, state, priority, &mut text),
                Contender::Keepalived => self.keepalived(router, state, priority, &mut text),
            };
        }
        text
    }

    fn vrrpd(self, router: usize, state: &str, priority: u8, text: &mut String) -> std::fmt::Result {
        write!(
            text,
            "\n[vrrp_instance.VI_{router}]\ninterface = \"{}\"\nvirtual_router_id = {}\nversion = 3\nstate = \"{state}\"\n\
             priority = {priority}\nadvert_int = \"{}ms\"\ngarp = {{ delay = \"{}ms\" }}\n\
             virtual_ipaddress = [\"{}/32\"]\n",
            interface(router / PER_CABLE),
            vrid(router),
            self.advert_int.as_millis(),
            SECOND_ANNOUNCEMENT.as_millis(),
            vip(router)
        )
    }

    fn keepalived(self, router: usize, state: &str, priority: u8, text: &mut String) -> std::fmt::Result {
        write!(
            text,
            "vrrp_instance VI_{router} {{\n  state {state}\n  interface {}\n  version 3\n  virtual_router_id {}\n  \
             priority {priority}\n  advert_int {}\n  garp_master_delay {}\n  virtual_ipaddress {{\n    {}/32\n  }}\n}}\n",
            interface(router / PER_CABLE),
            vrid(router),
            self.advert_int.as_secs_f64(),
            SECOND_ANNOUNCEMENT.as_secs(),
            vip(router)
        )
    }
}

/// Where a router is on the wire: its interface and VRID.
pub(crate) fn place(router: usize) -> (String, u8) {
    (interface(router / PER_CABLE), octet(vrid(router)))
}

fn vrid(router: usize) -> usize {
    router % PER_CABLE + 1
}

/// The interface of a cable, on both hosts.
pub(crate) fn interface(cable: usize) -> String {
    format!("eth{cable}")
}

/// The virtual address of a router: of the network for benchmarks (RFC 2544).
pub(crate) fn vip(router: usize) -> Ipv4Addr {
    Ipv4Addr::new(198, 18, octet(router / PER_CABLE), octet(vrid(router)))
}

/// An address of a cable's own network.
pub(crate) fn address(cable: usize, host: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 0, octet(cable), host)
}

fn octet(number: usize) -> u8 {
    u8::try_from(number).unwrap_or(u8::MAX)
}

/// The hosts and their cables.
#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) r1: Arc<Namespace>,
    pub(crate) r2: Arc<Namespace>,
    /// Held for its lock and its files; its switch stays empty. Goes last.
    lab: Lab,
}

impl Field {
    /// As many cables as the routers need.
    pub(crate) fn new(routers: Routers) -> Result<Self> {
        let lab = Lab::empty()?;
        let prefix = netns::unique_prefix();
        let (r1, r2) = (Namespace::new(&prefix, "r1")?, Namespace::new(&prefix, "r2")?);
        for cable in 0..routers.cables() {
            let name = interface(cable);
            netns::ip(&format!(
                "link add {name} netns {} type veth peer name {name} netns {}",
                r1.name(),
                r2.name()
            ))?;
            for (host, number) in [(&r1, 1), (&r2, 2)] {
                host.ip(&format!("address add {}/24 dev {name}", address(cable, number)))?;
                host.ip(&format!("link set {name} up"))?;
            }
        }
        Ok(Self { r1, r2, lab })
    }

    pub(crate) fn scratch(&self) -> Arc<Scratch> {
        self.lab.scratch()
    }

    /// Starts a contender with all routers on a host.
    pub(crate) fn start(
        &self,
        contender: Contender,
        vrrpd: &std::path::Path,
        host: &Arc<Namespace>,
        text: &str,
    ) -> Result<Node> {
        Node::start_with(contender, vrrpd, (host, &self.scratch()), text)
            .with_context(|| format!("starting {} on {}", contender.name(), host.name()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANY: Routers = Routers { count: 4000, advert_int: Duration::from_millis(100) };

    #[test]
    fn every_router_has_an_address_and_a_place_of_its_own() {
        assert_eq!(MANY.cables(), 16);
        let vips: std::collections::BTreeSet<_> = (0..MANY.count).map(vip).collect();
        assert_eq!(vips.len(), MANY.count);
        let places: std::collections::BTreeSet<_> =
            (0..MANY.count).map(|router| (router / PER_CABLE, vrid(router))).collect();
        assert_eq!(places.len(), MANY.count);
        assert!(places.iter().all(|(_, vrid)| (1..=255).contains(vrid)));
    }

    #[test]
    fn both_configurations_have_all_routers() {
        let routers = Routers { count: 251, ..MANY };
        let vrrpd = routers.configuration(Contender::Vrrpd, 255);
        let keepalived = routers.configuration(Contender::Keepalived, 255);
        assert_eq!(vrrpd.matches("[vrrp_instance.").count(), 251);
        assert_eq!(keepalived.matches("vrrp_instance ").count(), 251);
        assert_eq!(vrrpd.matches("interface = \"eth1\"").count(), 1);
        assert_eq!(keepalived.matches("interface eth1").count(), 1);
        assert!(keepalived.contains("advert_int 0.1\n") && vrrpd.contains("advert_int = \"100ms\""));
    }
}
