//! What comes and goes with the role of a router: addresses, routes, rules.

use std::{collections::HashSet, fmt};

use crate::config::{self, VirtualAddress, VirtualRoute, VirtualRule};

/// What a router has on this host while it is master. Added in this order, removed in the opposite one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Belongings {
    /// Its virtual addresses, those that are not in the advert last.
    pub(crate) places: Vec<Place>,
    /// Routes, then rules.
    pub(crate) routing: Vec<Routing>,
}

/// A virtual address and the interface that carries it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Place {
    pub(crate) interface: String,
    pub(crate) address: VirtualAddress,
}

/// A route or a rule.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Routing {
    /// `virtual_routes`.
    Route(VirtualRoute),
    /// `virtual_rules`.
    Rule(VirtualRule),
}

impl Belongings {
    /// All that a router has.
    pub(crate) fn of(router: &config::Router) -> Self {
        let place = |vip: &VirtualAddress| Place {
            interface: vip.dev.as_ref().unwrap_or(&router.interface).clone(),
            address: vip.clone(),
        };
        let routes = router.routes.iter().cloned().map(Routing::Route);
        let rules = router.rules.iter().cloned().map(Routing::Rule);
        Self {
            places: router.addresses.iter().chain(&router.excluded).map(place).collect(),
            routing: routes.chain(rules).collect(),
        }
    }

    /// Whether there is nothing.
    pub(crate) fn is_empty(&self) -> bool {
        self.places.is_empty() && self.routing.is_empty()
    }

    /// What is here and not in `other`.
    pub(crate) fn without(&self, other: &Self) -> Self {
        Self {
            places: difference(&self.places, &other.places),
            routing: difference(&self.routing, &other.routing),
        }
    }
}

impl Routing {
    /// The interface that it names by its index.
    pub(crate) fn interface(&self) -> Option<&String> {
        match self {
            Self::Route(route) => route.dev.as_ref(),
            // The kernel takes a rule's interfaces by name, there or not.
            Self::Rule(_) => None,
        }
    }
}

fn difference<T: Clone + Eq + std::hash::Hash>(from: &[T], other: &[T]) -> Vec<T> {
    let other: HashSet<&T> = other.iter().collect();
    from.iter().filter(|one| !other.contains(one)).cloned().collect()
}

impl fmt::Display for Routing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Route(route) => write!(f, "route {route}"),
            Self::Rule(rule) => write!(f, "rule {rule}"),
        }
    }
}
