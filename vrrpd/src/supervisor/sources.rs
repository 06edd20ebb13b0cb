//! Addresses that adverts are to come from, as far as this host has them on any of its interfaces.

use std::{collections::BTreeSet, net::IpAddr};

use super::Supervisor;
use crate::{netlink::Addresses, protocol::Command};
use vrrp_config::Config;

/// Sources that the configuration names, and those that the protocol thread was told of.
#[derive(Debug, Default)]
pub(super) struct Sources {
    configured: BTreeSet<IpAddr>,
    told: Option<BTreeSet<IpAddr>>,
}

impl Sources {
    pub(super) fn of(config: &Config) -> Self {
        Self { configured: sources(config), told: None }
    }

    /// Takes a changed configuration. Routers still go by the former one: what that named stays known, until the next.
    pub(super) fn configure(&mut self, config: &Config) {
        let told = self.told.iter().flatten().copied();
        self.configured = sources(config).into_iter().chain(told).collect();
    }

    /// Finds those that are there, if they are not what was told last.
    fn changed(&mut self, present: &BTreeSet<IpAddr>) -> Option<BTreeSet<IpAddr>> {
        let sources: BTreeSet<_> = self.configured.intersection(present).copied().collect();
        (self.told.replace(sources.clone()) != Some(sources.clone())).then_some(sources)
    }
}

fn sources(config: &Config) -> BTreeSet<IpAddr> {
    config.routers.iter().filter_map(|router| router.source()).map(|(_, source)| source).collect()
}

impl Supervisor {
    /// Tells the protocol thread which of the sources are there.
    pub(super) async fn tell_sources(&mut self, addresses: &Addresses) {
        // The host may have thousands, and few routers name any.
        let named = |address: &IpAddr| self.sources.configured.contains(address);
        let present = addresses.all().into_iter().filter(named).collect();
        if let Some(sources) = self.sources.changed(&present) {
            self.send(Command::Sources(sources)).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(last: &[u8]) -> BTreeSet<IpAddr> {
        last.iter().map(|last| IpAddr::from([192, 0, 2, *last])).collect()
    }

    fn config(sources: &[u8]) -> Config {
        let router = |(vrid, source): (usize, &u8)| {
            format!(
                "[vrrp_instance.VI_{vrid}]\ninterface = \"eth0\"\nvirtual_router_id = {vrid}\n\
                 mcast_src_ip = \"192.0.2.{source}\"\nvirtual_ipaddress = [\"192.0.2.10{vrid}\"]\n"
            )
        };
        let text: String = (1..).zip(sources).map(router).collect();
        vrrp_config::parse("test", &text).unwrap()
    }

    #[test]
    fn a_reload_finds_its_sources_known_and_takes_none_from_who_goes_by_the_former_ones() {
        let mut sources = Sources::of(&config(&[1, 9]));
        let here = addresses(&[1, 2, 3]);
        assert_eq!(sources.changed(&here), Some(addresses(&[1])), "9 is not here, 2 and 3 nobody asked for");
        assert_eq!(sources.changed(&here), None);
        sources.configure(&config(&[2]));
        assert_eq!(sources.changed(&here), Some(addresses(&[1, 2])));
        assert_eq!(sources.changed(&addresses(&[3])), Some(BTreeSet::new()));
        sources.configure(&config(&[3]));
        assert_eq!(sources.changed(&here), Some(addresses(&[3])));
    }

    #[test]
    fn that_there_are_none_is_told_once() {
        let mut sources = Sources::of(&config(&[1]));
        assert_eq!(sources.changed(&addresses(&[])), Some(BTreeSet::new()));
        assert_eq!(sources.changed(&addresses(&[5])), None);
    }
}
