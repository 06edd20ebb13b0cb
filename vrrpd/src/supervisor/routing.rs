//! Routes and rules: added with the role after the addresses, removed with it before them, restored when somebody, or a
//! link that went down, takes them away. One that cannot be added is no fault of the router, as in keepalived.

use super::{Supervisor, addresses::Holder};
use crate::{
    belongings::Routing,
    netlink::{DEFAULT_PROTOCOL, explain},
    protocol::RouterKey,
};

/// What shall be there.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    entries: Vec<Entry>,
    /// All that were ever in the configuration: none of them stays behind.
    handled: Vec<Routing>,
}

#[derive(Debug)]
struct Entry {
    holder: Holder,
    routing: Routing,
    standing: Standing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    New,
    There,
    Refused,
}

impl Wanted {
    pub(super) fn handle(&mut self, routing: &[Routing]) {
        for one in routing {
            if !self.handled.contains(one) {
                self.handled.push(one.clone());
            }
        }
    }

    /// The interfaces whose indexes are needed.
    pub(super) fn interfaces(&self) -> impl Iterator<Item = &String> {
        self.handled.iter().filter_map(Routing::interface)
    }

    /// Whether a wanted route has this protocol number.
    pub(super) fn has_protocol(&self, protocol: u8) -> bool {
        self.entries.iter().any(|entry| match &entry.routing {
            Routing::Route(route) => route.protocol.unwrap_or(DEFAULT_PROTOCOL) == protocol,
            Routing::Rule(_) => false,
        })
    }

    fn want(&mut self, holder: &Holder, routing: &[Routing]) {
        for one in routing {
            if !self.entries.iter().any(|entry| entry.holder.router == holder.router && entry.routing == *one)
            {
                let (holder, routing) = (holder.clone(), one.clone());
                self.entries.push(Entry { holder, routing, standing: Standing::New });
            }
        }
    }

    /// Whether nobody else wants it.
    fn forget(&mut self, router: RouterKey, routing: &Routing) -> bool {
        self.entries.retain(|entry| entry.holder.router != router || entry.routing != *routing);
        !self.entries.iter().any(|entry| entry.routing == *routing)
    }
}

impl Supervisor {
    pub(super) async fn add_routing(&mut self, holder: &Holder, routing: &[Routing]) {
        if !routing.is_empty() {
            self.routing.handle(routing);
            self.routing.want(holder, routing);
            self.settle_routing(Some(holder.router)).await;
        }
    }

    pub(super) async fn remove_routing(&mut self, router: RouterKey, routing: &[Routing]) {
        for one in routing.iter().rev() {
            if self.routing.forget(router, one) {
                self.take_away(one).await;
            }
        }
    }

    /// At the end.
    pub(super) async fn remove_all_routing(&mut self) {
        let Wanted { handled, .. } = std::mem::take(&mut self.routing);
        for one in handled.iter().rev() {
            self.take_away(one).await;
        }
    }

    /// Adds what is missing of what one router wants, or all.
    pub(super) async fn settle_routing(&mut self, router: Option<RouterKey>) {
        let mut entries = std::mem::take(&mut self.routing.entries);
        for entry in
            entries.iter_mut().filter(|entry| router.is_none_or(|router| entry.holder.router == router))
        {
            entry.standing = self.settle(entry).await;
        }
        self.routing.entries = entries;
    }

    async fn settle(&self, entry: &Entry) -> Standing {
        let Entry { holder: Holder { name: router, .. }, routing, standing } = entry;
        match (self.put(routing).await, standing) {
            (Ok(true), Standing::There) => tracing::warn!(router, %routing, "was gone; added again"),
            (Ok(true), Standing::Refused) => tracing::info!(router, %routing, "added at last"),
            (Ok(_), _) => {}
            (Err(why), Standing::New | Standing::There) => {
                tracing::error!(router, %routing, why, "could not be added; tried again when something changes");
                return Standing::Refused;
            }
            (Err(_), Standing::Refused) => return Standing::Refused,
        }
        Standing::There
    }

    /// Whether it was missing, or why it cannot be added.
    async fn put(&self, routing: &Routing) -> Result<bool, String> {
        let dev = self.index_of(routing)?;
        let added = match routing {
            Routing::Route(route) => self.netlink.add_route(route, dev).await,
            Routing::Rule(rule) => self.netlink.add_rule(rule).await,
        };
        added.map_err(|error| explain(&error))
    }

    async fn take_away(&self, routing: &Routing) {
        // Without its interface it is not there.
        let Ok(dev) = self.index_of(routing) else { return };
        let removed = match routing {
            Routing::Route(route) => self.netlink.remove_route(route, dev).await,
            Routing::Rule(rule) => self.netlink.remove_rule(rule).await,
        };
        if let Err(error) = removed {
            tracing::error!(%routing, why = explain(&error), "could not be removed");
        }
    }

    fn index_of(&self, routing: &Routing) -> Result<Option<u32>, String> {
        let Some(name) = routing.interface() else { return Ok(None) };
        let index = self.indexes.get(name).copied().map(Some);
        index.ok_or_else(|| format!("there is no interface {name}"))
    }
}
