//! What comes and goes with the role of a router: addresses, routes, rules.

use std::{collections::HashSet, fmt};

use serde::{Deserialize, Serialize};

use vrrp_config::{VirtualAddress, VirtualRoute, VirtualRule};

/// What a router has on this host while it is master. Added in this order, removed in the opposite one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resources {
    /// Its virtual addresses, those that are not in the advert last.
    pub bindings: Vec<Binding>,
    /// Routes, then rules.
    pub routing: Vec<Routing>,
}

/// A virtual address and the interface that carries it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Binding {
    /// Name of the interface.
    pub interface: String,
    /// The address, with its prefix and how it is added.
    pub address: VirtualAddress,
}

/// A route or a rule.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Routing {
    /// `virtual_routes`.
    Route(VirtualRoute),
    /// `virtual_rules`.
    Rule(VirtualRule),
}

impl Resources {
    /// All that a router has. What is tracked is not a matter of the kernel's, and changes nothing of it.
    pub fn of(router: &vrrp_config::Router) -> Self {
        let binding = |vip: &VirtualAddress| Binding {
            interface: vip.dev.as_ref().unwrap_or(&router.interface).clone(),
            address: VirtualAddress { no_track: false, ..vip.clone() },
        };
        let routes = router.routes.iter().cloned();
        let routes = routes.map(|route| Routing::Route(VirtualRoute { no_track: false, ..route }));
        let rules = router.rules.iter().cloned();
        let rules = rules.map(|rule| Routing::Rule(VirtualRule { no_track: false, ..rule }));
        Self {
            bindings: router.addresses.iter().chain(&router.excluded).map(binding).collect(),
            routing: routes.chain(rules).collect(),
        }
    }

    /// Whether it has addresses, or has them in places, that `before` has not.
    pub fn adds_addresses_to(&self, before: &Self) -> bool {
        let before: HashSet<&Binding> = before.bindings.iter().collect();
        self.bindings.iter().any(|binding| !before.contains(binding))
    }
}

impl Routing {
    /// The interface that it names by its index.
    pub fn interface(&self) -> Option<&String> {
        match self {
            Self::Route(route) => route.dev.as_ref(),
            // The kernel takes a rule's interfaces by name, there or not.
            Self::Rule(_) => None,
        }
    }
}

impl fmt::Display for Routing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Route(route) => write!(f, "route {route}"),
            Self::Rule(rule) => write!(f, "rule {rule}"),
        }
    }
}
