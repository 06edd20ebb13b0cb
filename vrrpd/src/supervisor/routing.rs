//! Routes and rules: added with the role after the addresses, removed with it before them, restored when somebody, or a
//! link that went down, takes them away. One that cannot be added is no fault of the router, as in keepalived.
//!
//! They bear keepalived's mark or the operator's, which others may use too. What is ours is [noted](super::notes) beside
//! the pins before it is added, so that the next daemon knows.

use std::collections::{BTreeMap, BTreeSet};

use vrrp_common::time::Time;

use super::Supervisor;
use crate::{
    clock::now,
    netlink::{DEFAULT_PROTOCOL, Observed, explain},
    ownership::{Again, ForeignHand},
};
use vrrp_engine::Routing;

/// Beginning of the name of a note about a route or a rule.
pub(super) const NOTE: &str = "routing-";

/// Routes and rules of ours.
#[derive(Debug, Default)]
pub(super) struct Routes {
    /// Routes and rules that are in the kernel, or may be, with the name of their note.
    ours: BTreeMap<String, Routing>,
    /// Notes of those that the kernel would not take, and has been blamed for.
    refused: BTreeSet<String>,
    hand: ForeignHand<String>,
    numbered: u64,
}

impl Routes {
    /// Takes over what an earlier daemon has noted.
    pub(super) fn inherit(&mut self, note: &str, text: &str) {
        match serde_json::from_str(text) {
            Ok(routing) => drop(self.ours.insert(note.to_owned(), routing)),
            Err(error) => tracing::warn!(note, text, %error, "a note of an earlier daemon is not understood"),
        }
    }

    /// Tells whether a route of ours has this protocol number.
    pub(super) fn has_protocol(&self, protocol: u8) -> bool {
        self.ours.values().any(|routing| match routing {
            Routing::Route(route) => route.protocol.unwrap_or(DEFAULT_PROTOCOL) == protocol,
            Routing::Rule(_) => false,
        })
    }

    /// Links have changed: what is gone may have gone with them.
    pub(super) fn excuse(&mut self) {
        self.hand.excuse(|_| true);
    }

    /// The notes as they are to be.
    pub(super) fn notes(&self) -> impl Iterator<Item = (&str, String)> {
        self.ours
            .iter()
            .filter_map(|(note, routing)| Some((note.as_str(), serde_json::to_string(routing).ok()?)))
    }

    fn note_of(&self, routing: &Routing) -> Option<&String> {
        self.ours.iter().find(|(_, ours)| *ours == routing).map(|(note, _)| note)
    }

    fn new_note(&mut self) -> String {
        loop {
            self.numbered += 1;
            let note = format!("{NOTE}{}", self.numbered);
            if !self.ours.contains_key(&note) {
                return note;
            }
        }
    }
}

impl Supervisor {
    /// Removes what is ours and nobody holds, rules before routes.
    pub(super) async fn withdraw_routing(&mut self, observed: &Observed) {
        let held: Vec<Routing> = self.holdings.routing().into_iter().map(|(_, one)| one.clone()).collect();
        let stale = self.routing.ours.iter().filter(|(_, routing)| !held.contains(routing));
        let mut stale: Vec<_> = stale.map(|(note, routing)| (note.clone(), routing.clone())).collect();
        stale.sort_by_key(|(_, routing)| matches!(routing, Routing::Route(_)));
        for (note, routing) in stale {
            if self.take_away(&routing, observed).await {
                self.routing.ours.remove(&note);
                self.routing.refused.remove(&note);
                self.note(&note, None);
            }
        }
    }

    /// Adds what is held and missing. When to look again, if somebody who takes things away is to be waited for.
    pub(super) async fn settle_routing(&mut self, observed: &Observed) -> Option<Time> {
        let held = self.holdings.routing().into_iter();
        let held: Vec<_> = held.map(|(router, routing)| (router.to_owned(), routing.clone())).collect();
        let mut wait = None;
        for (router, routing) in &held {
            let note = match self.routing.note_of(routing) {
                Some(note) => note.clone(),
                None => self.note_routing(routing),
            };
            if let Some(until) = self.settle(router, &note, routing, observed).await {
                wait = Some(wait.map_or(until, |wait: Time| wait.min(until)));
            }
        }
        wait
    }

    fn note_routing(&mut self, routing: &Routing) -> String {
        let note = self.routing.new_note();
        if let Ok(text) = serde_json::to_string(routing) {
            self.note(&note, Some(&text));
        }
        self.routing.ours.insert(note.clone(), routing.clone());
        note
    }

    async fn settle(
        &mut self,
        router: &str,
        note: &String,
        routing: &Routing,
        observed: &Observed,
    ) -> Option<Time> {
        if let Again::Wait(until) = self.routing.hand.peek(note, now()) {
            return Some(until);
        }
        match self.put(routing, observed).await {
            Ok(missing) => {
                let refused = self.routing.refused.remove(note);
                let again = if missing { self.routing.hand.missing(note, now()) } else { Again::First };
                match again {
                    Again::Lost => tracing::warn!(router, %routing, "was gone; added again"),
                    Again::Fought => tracing::error!(
                        router, %routing,
                        "somebody removes it again and again; it is added again at most once a second"
                    ),
                    Again::First | Again::Wait(_) if refused => {
                        tracing::info!(router, %routing, "added at last");
                    }
                    Again::First | Again::Wait(_) => {}
                }
                self.routing.hand.found(note);
            }
            Err(why) => {
                if self.routing.refused.insert(note.clone()) {
                    tracing::error!(router, %routing, why, "could not be added; tried again when something changes");
                }
                self.routing.hand.excuse(|other| other == note);
            }
        }
        None
    }

    /// Tells whether it was missing, or why it cannot be added.
    async fn put(&self, routing: &Routing, observed: &Observed) -> Result<bool, String> {
        let dev = index_of(routing, observed)?;
        let added = match routing {
            Routing::Route(route) => self.netlink.add_route(route, dev).await,
            Routing::Rule(rule) => self.netlink.add_rule(rule).await,
        };
        added.map_err(|error| explain(&error))
    }

    /// Tells whether it is gone.
    async fn take_away(&self, routing: &Routing, observed: &Observed) -> bool {
        // Without its interface it is not there.
        let Ok(dev) = index_of(routing, observed) else { return true };
        let removed = match routing {
            Routing::Route(route) => self.netlink.remove_route(route, dev).await,
            Routing::Rule(rule) => self.netlink.remove_rule(rule).await,
        };
        if let Err(error) = &removed {
            tracing::error!(%routing, why = explain(error), "could not be removed");
        }
        removed.is_ok()
    }
}

fn index_of(routing: &Routing, observed: &Observed) -> Result<Option<u32>, String> {
    let Some(name) = routing.interface() else { return Ok(None) };
    observed.index(name).map(Some).ok_or_else(|| format!("there is no interface {name}"))
}
