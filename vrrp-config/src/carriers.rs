//! The interfaces beside its own that a router needs: those that its addresses, routes and rules name.

use super::{Router, Subject, Tracked, VirtualAddress, VirtualRoute, VirtualRule};

/// Never down, and the same for every router.
const LOOPBACK: &str = "lo";

/// An interface without which something of a router's is dead: while it is down or missing, the router is in FAULT.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Carrier {
    /// Name of the interface.
    pub interface: String,
    /// First thing that names it: `198.51.100.1`, `route 10.0.0.0/8`, `rule 1000`.
    needed_by: String,
    /// Number of other things that do.
    others: usize,
}

impl Carrier {
    /// `interface eth1 (198.51.100.1 and 2 more)`.
    pub fn subject(&self) -> String {
        let Self { interface, needed_by, others } = self;
        let more = if *others == 0 { String::new() } else { format!(" and {others} more") };
        format!("interface {interface} ({needed_by}{more})")
    }
}

impl Router {
    /// Interfaces that it needs, each once, in the order in which they are named. Not those that `no_track` takes out, nor what is tracked as a
    /// fault anyway: the router's own interface, and those of `track_interface` with weight 0.
    pub fn carriers(&self) -> Vec<Carrier> {
        let mut found: Vec<Carrier> = Vec::new();
        for (interface, needed_by) in self.needed() {
            let tracked = |tracked: &Tracked| tracked.is_fault_of(interface);
            if interface == LOOPBACK || interface == self.interface || self.track.iter().any(tracked) {
                continue;
            }
            match found.iter_mut().find(|known| known.interface == interface) {
                Some(known) => known.others += 1,
                None => found.push(Carrier { interface: interface.to_owned(), needed_by, others: 0 }),
            }
        }
        found
    }

    /// Every name of an interface, with what names it.
    fn needed(&self) -> impl Iterator<Item = (&str, String)> {
        let addresses = self.addresses.iter().chain(&self.excluded).filter(|vip| !vip.no_track);
        let routes = self.routes.iter().filter(|route| !route.no_track);
        let rules = self.rules.iter().filter(|rule| !rule.no_track);
        let of_address = |vip: &VirtualAddress| vip.address.to_string();
        let of_route = |route: &VirtualRoute| format!("route {}", route.to);
        addresses
            .filter_map(move |vip| Some((vip.dev.as_deref()?, of_address(vip))))
            .chain(routes.filter_map(move |route| Some((route.dev.as_deref()?, of_route(route)))))
            .chain(rules.flat_map(|rule| {
                let devices = [rule.iif.as_deref(), rule.oif.as_deref()];
                devices.into_iter().flatten().map(|name| (name, of_rule(rule)))
            }))
    }
}

fn of_rule(rule: &VirtualRule) -> String {
    rule.priority.map_or_else(|| "a rule".to_owned(), |priority| format!("rule {priority}"))
}

impl Tracked {
    /// True if it puts a router into FAULT while this interface is down.
    fn is_fault_of(&self, interface: &str) -> bool {
        matches!(&self.subject, Subject::Interface(name) if name == interface)
            && self.weight.value == 0
            && !self.weight.reverse
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn carriers(more: &str) -> Vec<String> {
        let text = format!("[vrrp_instance.A]\ninterface = \"eth0\"\nvirtual_router_id = 1\n{more}\n");
        let config = crate::parse("test", &text).unwrap_or_else(|problems| panic!("{problems}"));
        config.routers[0].carriers().iter().map(Carrier::subject).collect()
    }

    #[test]
    fn what_addresses_routes_and_rules_name_is_needed() {
        let own = "virtual_ipaddress = [\"192.0.2.1\", { address = \"192.0.2.2\", dev = \"eth0\" }]";
        assert_eq!(carriers(own), [""; 0], "its own is tracked anyway");
        assert_eq!(
            carriers(
                "virtual_ipaddress = [\"192.0.2.1\", { address = \"198.51.100.1/24\", dev = \"eth1\" }, \
                 { address = \"192.0.2.3\", dev = \"lo\" }]\n\
                 virtual_ipaddress_excluded = [{ address = \"198.51.100.2\", dev = \"eth1\" }, \
                 { address = \"203.0.113.1\", dev = \"eth2\" }]\n\
                 virtual_routes = [\"10.0.0.0/8 via 198.51.100.9\", \"10.0.0.0/8 dev eth3 metric 9\"]\n\
                 virtual_rules = [\"iif eth1 oif eth4 table 9 priority 7\", \"iif lo table 9\", \"iif eth5 table 9\"]"
            ),
            [
                "interface eth1 (198.51.100.1 and 2 more)",
                "interface eth2 (203.0.113.1)",
                "interface eth3 (route 10.0.0.0/8)",
                "interface eth4 (rule 7)",
                "interface eth5 (a rule)",
            ]
        );
    }

    #[test]
    fn what_is_said_not_to_be_tracked_is_not_needed() {
        assert_eq!(
            carriers(
                "virtual_ipaddress = [\"192.0.2.1\", { address = \"198.51.100.1\", dev = \"eth1\", no_track = true }]\n\
                 virtual_ipaddress_excluded = [{ address = \"198.51.100.2\", dev = \"eth1\", no_track = true }]\n\
                 virtual_routes = [\"10.0.0.0/8 dev eth1 no_track\"]\n\
                 virtual_rules = [\"iif eth1 table 9 no_track\"]"
            ),
            [""; 0]
        );
    }

    #[test]
    fn what_is_tracked_as_a_fault_already_is_not_there_twice_and_a_weight_does_not_excuse() {
        let address = "virtual_ipaddress = [{ address = \"198.51.100.1\", dev = \"eth1\" }]\n";
        assert_eq!(carriers(&format!("{address}track_interface = [\"eth1\"]")), [""; 0]);
        let subject = ["interface eth1 (198.51.100.1)"];
        let with = |entry| carriers(&format!("{address}track_interface = [{entry}]"));
        assert_eq!(with("{ interface = \"eth1\", weight = -20 }"), subject);
        assert_eq!(with("{ interface = \"eth1\", reverse = true }"), subject);
        assert_eq!(with("\"eth2\""), subject);
    }
}
