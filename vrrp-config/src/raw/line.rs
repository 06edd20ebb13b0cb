//! Lists of routes and rules, as types of keys.

use serde_json::{Value as Json, json};

use super::{
    super::{
        VirtualRoute, VirtualRule,
        keys::At,
        problem::Findings,
        tree::{Node, Value},
        types::{List, Type},
    },
    route, rule,
};

/// More than anybody has, and bounded.
const MAX_ROUTES: usize = 4096;

/// `virtual_routes`.
pub(crate) const ROUTES: List<Line<VirtualRoute>> = List {
    of: Line { read: route::entry },
    lengths: 0..=MAX_ROUTES,
    text: "list of up to 4096 routes",
    example: "virtual_routes = [\"10.0.0.0/8 via 192.0.2.1 dev eth1\"]",
};

/// `virtual_rules`.
pub(crate) const RULES: List<Line<VirtualRule>> = List {
    of: Line { read: rule::entry },
    lengths: 0..=MAX_ROUTES,
    text: "list of up to 4096 rules",
    example: "virtual_rules = [\"from 192.0.2.0/24 table 100 priority 1000\"]",
};

/// A line of words, each of which is shown where it stands if it is wrong.
pub(crate) struct Line<T> {
    read: fn(&Node, &mut Findings) -> Option<At<T>>,
}

impl<T: ToString> Type for Line<T> {
    type Out = T;

    fn read(&self, _: &'static str, _: &str, node: &Node, findings: &mut Findings) -> Option<T> {
        (self.read)(node, findings).map(|at| at.value)
    }

    fn write(&self, value: &T) -> Value {
        value.to_string().into()
    }

    fn text(&self) -> String {
        "line of words".to_owned()
    }

    fn schema(&self) -> Json {
        json!({ "type": "string", "minLength": 1 })
    }
}
