//! The virtual routers that there are, by handles that no other router ever gets.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use slotmap::{SlotMap, new_key_type};

use crate::router::VirtualRouter;

new_key_type! {
    /// Handle of a virtual router, for as long as the engine has it.
    pub struct RouterId;
}

/// Virtual routers in the order in which they came.
#[derive(Debug, Default)]
pub(crate) struct Roster {
    routers: SlotMap<RouterId, VirtualRouter>,
    /// Shared, so that a turn that goes through all of them can change each and copies nothing.
    order: Arc<Vec<RouterId>>,
}

impl Roster {
    /// Makes room for so many more.
    pub(crate) fn reserve(&mut self, more: usize) {
        self.routers.reserve(more);
    }

    /// Adds a router at the end.
    pub(crate) fn add(&mut self, router: VirtualRouter) -> RouterId {
        let id = self.routers.insert(router);
        Arc::make_mut(&mut self.order).push(id);
        id
    }

    /// Takes out those of which `goes` says so, and hands them over.
    pub(crate) fn take_out(&mut self, goes: impl Fn(&VirtualRouter) -> bool) -> Vec<VirtualRouter> {
        let gone = |(id, router): (RouterId, &VirtualRouter)| goes(router).then_some(id);
        let gone: Vec<_> = self.routers.iter().filter_map(gone).collect();
        if gone.is_empty() {
            return Vec::new();
        }
        let taken = gone.iter().filter_map(|id| self.routers.remove(*id)).collect();
        Arc::make_mut(&mut self.order).retain(|id| self.routers.contains_key(*id));
        taken
    }

    /// All handles, in order. They stay as they are while the roster changes.
    pub(crate) fn ids(&self) -> Arc<Vec<RouterId>> {
        Arc::clone(&self.order)
    }

    /// The router of this handle.
    pub(crate) fn get(&self, id: RouterId) -> Option<&VirtualRouter> {
        said_if_missing(self.routers.get(id), "router")
    }

    /// The same, to be changed.
    pub(crate) fn get_mut(&mut self, id: RouterId) -> Option<&mut VirtualRouter> {
        said_if_missing(self.routers.get_mut(id), "router")
    }

    /// All routers, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &VirtualRouter> {
        self.order.iter().filter_map(|id| self.get(*id))
    }

    /// All routers with their handles, in no order.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (RouterId, &mut VirtualRouter)> {
        self.routers.iter_mut()
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.order.is_empty()
    }
}

static DEFECTS: AtomicU64 = AtomicU64::new(0);

/// How often the engine has come upon a state that its own logic excludes, since the program started.
#[must_use]
pub fn defects() -> u64 {
    DEFECTS.load(Ordering::Relaxed)
}

/// Says that a handle names nothing, which is a defect of the engine: the first time in the log, then by the count alone.
pub(crate) fn said_if_missing<T>(found: Option<T>, what: &'static str) -> Option<T> {
    if found.is_none() {
        missing(what);
    }
    found
}

#[cold]
fn missing(what: &'static str) {
    debug_assert!(false, "a handle names no {what}");
    if DEFECTS.fetch_add(1, Ordering::Relaxed) == 0 {
        tracing::error!(what, "a handle names nothing: this is a defect of vrrpd, please report it");
    }
}
