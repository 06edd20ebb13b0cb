//! What adverts tell an operator: counted always, logged at a limited rate.

use vrrp_common::{
    election::StateName,
    receive::{Discarded, Lists, Received},
    time::Time,
    types::Priority,
};

use crate::{
    mismatch::{compare, other_owner},
    router::VirtualRouter,
};

/// Counts what an accepted advert shows, and says what an operator should know.
pub(crate) fn note(router: &mut VirtualRouter, received: &Received<'_>, at: Time) {
    let (source, priority) = (received.advert.source, received.advert.priority);
    router.statistics.adverts_judged += 1;
    router.statistics.count_checksum(received.checksum);
    router.statistics.priority_zero_received += u64::from(priority == Priority::RELEASE);
    compare(router, received, at);
    if priority == Priority::OWNER && router.priority() == Priority::OWNER {
        other_owner(router, source, at);
    }
    let name = &router.config.name;
    // Another cluster loses against nobody here, and who has just lost the role to this one says so.
    let is_ours = received.advert.lists != Lists::Apart;
    let is_master = router.election.name() == StateName::Master && !router.has_just_won(at);
    let losing = is_ours && is_master && priority < router.priority();
    if losing
        && priority != Priority::RELEASE
        && let Some(repeated) = router.remarks.losing.admit(at)
    {
        tracing::warn!(router = %name, %source, %priority, repeated, "another master of lower priority");
    }
}

/// Counts a discarded advert, and says so once a minute for each reason.
pub(crate) fn note_discard(router: &mut VirtualRouter, discarded: Discarded, at: Time) {
    let Discarded { reason, source } = discarded;
    router.statistics.count_discard(reason);
    if let Some(repeated) = router.admit_discard(at, reason) {
        let source = source.map_or_else(|| "unknown".into(), |source| source.to_string());
        tracing::warn!(router = %router.config.name, source, %reason, repeated, "advert discarded");
    }
}
