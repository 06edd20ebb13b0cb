//! Whose priority is whose, and keepalived's strict mode: what it changes about a router.

use vrrp_config::Place;

use super::{super::Context, Instance};
use crate::report::Severity;

/// keepalived's `PRIORITY_OWNER`.
pub(super) const OWNER: i64 = 255;

impl Instance {
    pub(in crate::convert) fn is_owner(&self) -> bool {
        self.table.integer("priority") == Some(OWNER)
    }

    /// Makes the owner of who says MASTER and no priority.
    pub(super) fn owner_by_state(&mut self, context: &mut Context<'_>) {
        let state = self.table.get("state").filter(|_| self.is_to_be_master());
        if let Some(place) = state.map(|state| state.place)
            && !self.seen.contains("priority")
        {
            let note = "no priority: 255 with state MASTER, as in keepalived";
            context.report.push(Severity::Harmless, place, "state", note);
            self.table.add("priority", context.node(OWNER, place));
        }
    }

    /// Changes what strict mode changes, where `keyword` has turned it on.
    pub(super) fn keep_strict(&mut self, keyword: &str, context: &mut Context<'_>) {
        let Some(strict) = self.table.take("strict_mode").filter(|node| node.value.as_bool() == Some(true))
        else {
            return;
        };
        let owner = self.is_owner();
        let state = if owner { "MASTER" } else { "BACKUP" };
        if let Some(place) = self.table.get("state").map(|node| node.place)
            && self.table.text("state") != Some(state)
        {
            let note = "MASTER with priority 255 and only with it in strict mode: changed, as in keepalived";
            context.report.push(Severity::Harmless, place, "state", note);
            self.table.replace("state", context.node(state, place));
        }
        if let Some(authentication) = self.without_password() {
            let note = "not in strict mode: left out, as in keepalived";
            context.report.push(Severity::Harmless, authentication, "authentication", note);
        }
        if let Some(delay) = self.table.take("preempt_delay") {
            let note = "not in strict mode: dropped, as in keepalived";
            context.report.push(Severity::Harmless, delay.place, "preempt_delay", note);
        }
        self.accept_strictly(owner, strict.place, context);
        if !self.unicast.peers.is_empty()
            && let Some(block) = self.unicast.block
        {
            let note = "keepalived does not start with peers in strict mode; here they count";
            context.report.push(Severity::Different, block, "unicast_peer", note);
        }
        let note = "a losing advert is answered by one of ours and by gratuitous ARP, where keepalived in strict mode does not answer";
        context.report.push(Severity::Different, strict.place, keyword, note);
    }

    fn accept_strictly(&mut self, owner: bool, strict: Place, context: &mut Context<'_>) {
        let accepts = self.table.flag("accept") == Some(true);
        if accepts
            && !owner
            && !self.is_version_3()
            && let Some(accept) = self.table.take("accept")
        {
            let note = "not in strict mode and version 2: changed, as in keepalived";
            context.report.push(Severity::Harmless, accept.place, "accept", note);
        }
        if self.table.get("accept").is_none() {
            self.table.add("accept", context.node(owner, strict));
        }
    }
}
