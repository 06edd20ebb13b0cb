//! Whose priority is whose, and keepalived's strict mode: what it changes about a router.

use super::{
    super::{Context, Given},
    Instance,
};
use crate::{report::Severity, text::Place};

/// keepalived's `PRIORITY_OWNER`.
pub(super) const OWNER: i64 = 255;

impl Instance {
    pub(in crate::convert) fn is_owner(&self) -> bool {
        self.priority.is_some_and(|priority| priority.value == OWNER)
    }

    /// Who says MASTER and no priority is the owner.
    pub(super) fn owner_by_state(&mut self, context: &mut Context<'_>) {
        if let (Some(Given { value: true, place }), None) = (self.state, self.priority)
            && !self.seen.contains("priority")
        {
            let note = "no priority: 255 with state MASTER, as in keepalived";
            context.report.push(Severity::Harmless, place, "state", note);
            self.priority = Some(Given { value: OWNER, place });
        }
    }

    /// What strict mode changes.
    pub(super) fn keep_strict(&mut self, keyword: &str, context: &mut Context<'_>) {
        let Some(Given { value: true, place }) = self.strict else { return };
        let owner = self.is_owner();
        if let Some(state) = self.state.filter(|state| state.value != owner) {
            let note = "MASTER with priority 255 and only with it in strict mode: changed, as in keepalived";
            context.report.push(Severity::Harmless, state.place, "state", note);
            self.state = Some(Given { value: owner, place: state.place });
        }
        if let Some(authentication) = self.authentication_place() {
            let note = "not in strict mode: left out, as in keepalived";
            context.report.push(Severity::Harmless, authentication, "authentication", note);
            (self.auth_type, self.auth_pass) = (None, None);
        }
        if let Some(Given { place, .. }) = self.preempt_delay.take() {
            let note = "not in strict mode: dropped, as in keepalived";
            context.report.push(Severity::Harmless, place, "preempt_delay", note);
        }
        self.accept_strictly(owner, place, context);
        if !self.unicast.peers.is_empty()
            && let Some(block) = self.unicast.block
        {
            let note = "keepalived does not start with peers in strict mode; here they count";
            context.report.push(Severity::Different, block, "unicast_peer", note);
        }
        let note = "a losing advert is answered by one of ours and by gratuitous ARP, where keepalived in strict mode does not answer";
        context.report.push(Severity::Different, place, keyword, note);
    }

    fn accept_strictly(&mut self, owner: bool, strict: Place, context: &mut Context<'_>) {
        if let Some(Given { value: true, place }) = self.accept
            && !owner
            && !self.is_version_3()
        {
            let note = "not in strict mode and version 2: changed, as in keepalived";
            context.report.push(Severity::Harmless, place, "accept", note);
            self.accept = None;
        }
        self.accept = self.accept.or(Some(Given { value: owner, place: strict }));
    }
}
