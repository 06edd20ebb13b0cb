//! Whether an interface is of a kind that a router can use. Pure: it is told what netlink says.

use std::collections::BTreeMap;

use vrrp_common::election::Unsuitable;

use vrrp_config::Config;

/// What about an interface does not depend on its state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Nature {
    /// Its kind.
    pub kind: Kind,
    /// Whether its flag NOARP is set.
    pub no_arp: bool,
}

/// Kinds of interfaces, as far as they differ here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// Ethernet that can be given frames for the virtual MAC.
    #[default]
    Ethernet,
    /// The loopback device.
    Loopback,
    /// Frames without an Ethernet header.
    NotEthernet,
    /// Macvtap and ipvtap.
    Tap,
    /// In any mode but passthru.
    Macvlan,
    /// In any mode.
    Ipvlan,
}

/// What a router wants of an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Demand {
    /// Adverts, and not only addresses.
    pub adverts: bool,
    /// Frames for the virtual MAC.
    pub vmac: bool,
}

impl Nature {
    /// Why a router cannot have from this interface what it wants.
    pub fn refuses(self, demand: Demand) -> Option<Unsuitable> {
        match self.kind {
            Kind::Loopback => Some(Unsuitable::Loopback),
            Kind::NotEthernet => Some(Unsuitable::NotEthernet),
            Kind::Tap => Some(Unsuitable::Tap),
            Kind::Macvlan if demand.vmac => Some(Unsuitable::Macvlan),
            Kind::Ipvlan if demand.vmac => Some(Unsuitable::Ipvlan),
            // An address alone may be where nobody asks for it.
            Kind::Ethernet | Kind::Macvlan | Kind::Ipvlan => {
                (self.no_arp && demand.adverts).then_some(Unsuitable::NoArp)
            }
        }
    }
}

/// What the routers of a configuration want, by interface.
#[derive(Clone, Debug, Default)]
pub struct Demands(BTreeMap<String, Vec<(String, Demand)>>);

impl Demands {
    /// Collects those of a configuration.
    #[must_use]
    pub fn of(config: &Config) -> Self {
        let mut demands: BTreeMap<String, Vec<_>> = BTreeMap::new();
        for router in &config.routers {
            let vmac = router.use_vmac;
            let devs = router.addresses.iter().chain(&router.excluded).filter_map(|vip| vip.dev.as_deref());
            let mut guests: Vec<_> = devs.filter(|dev| *dev != "lo" && *dev != router.interface).collect();
            guests.sort_unstable();
            guests.dedup();
            let home = (router.interface.as_str(), Demand { adverts: true, vmac });
            let guests = guests.into_iter().map(|dev| (dev, Demand { adverts: false, vmac }));
            for (interface, demand) in std::iter::once(home).chain(guests) {
                demands.entry(interface.to_owned()).or_default().push((router.name.clone(), demand));
            }
        }
        Self(demands)
    }

    /// Whether some router can use the interface of that name.
    pub fn are_met_for_one(&self, interface: &str, nature: Nature) -> bool {
        let mut demands = self.0.get(interface).into_iter().flatten();
        demands.any(|(_, demand)| nature.refuses(*demand).is_none())
    }

    /// The first router that cannot use the interface of that name, and why.
    pub fn refused(&self, interface: &str, nature: Nature) -> Option<(&str, Unsuitable)> {
        let mut demands = self.0.get(interface).into_iter().flatten();
        demands.find_map(|(router, demand)| Some((router.as_str(), nature.refuses(*demand)?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOME: Demand = Demand { adverts: true, vmac: true };

    #[test]
    fn each_kind_is_refused_what_it_cannot_do_and_nothing_else() {
        use Kind::*;
        let plain = Demand { vmac: false, ..HOME };
        let guest = Demand { adverts: false, ..HOME };
        let plain_guest = Demand { adverts: false, vmac: false };
        let why = |kind, no_arp| {
            [HOME, plain, guest, plain_guest].map(|demand| Nature { kind, no_arp }.refuses(demand))
        };
        let (never, always) = ([None; 4], |unsuitable| [Some(unsuitable); 4]);
        let with_vmac = |unsuitable| [Some(unsuitable), None, Some(unsuitable), None];
        assert_eq!(why(Ethernet, false), never);
        assert_eq!(why(Ethernet, true), [Some(Unsuitable::NoArp), Some(Unsuitable::NoArp), None, None]);
        assert_eq!(why(Loopback, false), always(Unsuitable::Loopback));
        assert_eq!(why(NotEthernet, true), always(Unsuitable::NotEthernet));
        assert_eq!(why(Tap, false), always(Unsuitable::Tap));
        assert_eq!(why(Macvlan, false), with_vmac(Unsuitable::Macvlan));
        assert_eq!(why(Ipvlan, false), with_vmac(Unsuitable::Ipvlan));
    }

    #[test]
    fn one_router_that_can_use_an_interface_is_enough_to_use_it() {
        let router = |name: &str, vrid, vmac| {
            format!(
                "[vrrp_instance.{name}]\ninterface = \"eth0\"\nvirtual_router_id = {vrid}\nuse_vmac = {vmac}\n\
                 virtual_ipaddress = [{{ address = \"192.0.2.{vrid}\", dev = \"mv0\" }}]\n"
            )
        };
        let demands = |text: &str| Demands::of(&vrrp_config::parse("a test", text).unwrap());
        let nature = Nature { kind: Kind::Macvlan, no_arp: false };
        let one = demands(&router("A", 1, true));
        assert!(!one.are_met_for_one("mv0", nature));
        assert_eq!(one.refused("mv0", nature), Some(("A", Unsuitable::Macvlan)));
        assert_eq!(one.refused("mv0", Nature::default()), None);
        let both = demands(&(router("A", 1, true) + &router("B", 2, false)));
        assert!(both.are_met_for_one("mv0", nature));
        assert_eq!(both.refused("mv0", nature), Some(("A", Unsuitable::Macvlan)));
    }
}
