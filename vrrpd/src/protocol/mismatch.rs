//! Another box that advertises at another interval than this one: the set-up fault that most often makes two masters.
//!
//! In version 2 such adverts are discarded (RFC 3768 §7.1), by both boxes: each takes the other for dead. In version 3
//! a backup follows its master's interval.

use std::net::IpAddr;

use vrrp_common::{
    time::Time,
    types::{AdvertInterval, Version},
};

use super::router::Router;
use crate::{clock::now, status::IntervalMismatch};

/// The last advert with another interval.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mismatch {
    source: IpAddr,
    theirs: AdvertInterval,
    at: Time,
}

/// Remembers, counts and logs what `source` advertises, if it is not what is configured here.
pub(super) fn compare(router: &mut Router, source: IpAddr, theirs: AdvertInterval) {
    let ours = router.config.advert_int;
    if theirs == ours {
        router.mismatch = router.mismatch.filter(|known| known.source != source);
        return;
    }
    let at = now();
    router.mismatch = Some(Mismatch { source, theirs, at });
    router.statistics.interval_differs += 1;
    let Some(repeated) = router.remarks.interval.admit(at) else { return };
    let name = &router.config.name;
    match router.config.version {
        Version::V2 => tracing::warn!(
            router = %name, %source, %theirs, %ours, repeated,
            "advertisement intervals differ: version 2 discards such adverts, so both boxes become master; \
             set the same advert_int on both"
        ),
        Version::V3 => tracing::warn!(
            router = %name, %source, %theirs, %ours, repeated,
            "advertisement intervals differ: a backup follows its master; set the same advert_int on both"
        ),
    }
}

/// What is still so: from a box that goes on, or that is this router's master.
pub(super) fn present(router: &Router, master: Option<IpAddr>, at: Time) -> Option<IntervalMismatch> {
    let Mismatch { source, theirs, at: seen } = router.mismatch?;
    let ours = router.config.advert_int;
    let is_heard = at.since(seen) < 4 * theirs.span().max(ours.span());
    (is_heard || master == Some(source)).then(|| IntervalMismatch {
        source,
        theirs: theirs.to_string(),
        ours: ours.to_string(),
        is_discarded: router.config.version == Version::V2,
    })
}
