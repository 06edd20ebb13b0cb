//! Another box that is configured otherwise than this one. Its adverts count all the same (I11); what differs is told, in the log, in
//! the counters and by `vrrpd status`, for as long as it is so.

use std::{net::IpAddr, time::Duration};

use vrrp_common::{
    election::State,
    receive::{Lists, Received},
    time::Time,
    types::{AdvertInterval, Version},
};

use crate::{
    inquiry::listed,
    router::VirtualRouter,
    status::{AddressDifference, Clash, Difference, Mismatch as Shown},
};

/// The last advert that differs from what is configured here.
#[derive(Clone, Debug)]
pub(crate) struct Mismatch {
    source: IpAddr,
    at: Time,
    interval: AdvertInterval,
    version: Version,
    /// Its addresses, where they are not those of this router.
    addresses: Option<Vec<IpAddr>>,
    /// It discards what this router sends.
    deaf: bool,
}

/// Remembers, counts and logs what differs in an advert.
pub(crate) fn compare(router: &mut VirtualRouter, received: &Received<'_>, at: Time) {
    let advert = &received.advert;
    let source = advert.source;
    let version = received.version != router.config.version;
    let list = advert.lists != Lists::Same;
    if !version && !received.interval_differs && !list {
        router.mismatch = router.mismatch.take().filter(|known| known.source != source);
        return;
    }
    let statistics = &mut router.statistics;
    statistics.version_differs += u64::from(version);
    statistics.interval_differs += u64::from(received.interval_differs);
    statistics.address_list_differs += u64::from(list);
    router.mismatch = Some(Box::new(Mismatch {
        source,
        at,
        interval: advert.interval,
        version: received.version,
        addresses: list.then(|| listed(received).collect()),
        deaf: advert.deaf,
    }));
    let Some(repeated) = router.remarks.mismatch.admit(at) else { return };
    let Some(shown) = router.mismatch.as_ref().map(|mismatch| show(router, mismatch)) else { return };
    tracing::warn!(
        router = %router.config.name, %source, repeated, differs = shown.differences().join("; "),
        "MISMATCH: another box is configured otherwise; {}", shown.consequence()
    );
}

/// What is still so: from a box that goes on, or that is this router's master.
pub(crate) fn present(router: &VirtualRouter, master: Option<IpAddr>, at: Time) -> Option<Shown> {
    let mismatch = router.mismatch.as_ref()?;
    let patience = 4 * mismatch.interval.span().max(router.config.advert_int.span());
    let is_present = at.since(mismatch.at) < patience || master == Some(mismatch.source);
    is_present.then(|| show(router, mismatch))
}

fn show(router: &VirtualRouter, mismatch: &Mismatch) -> Shown {
    let ours: Vec<_> = router.config.addresses.iter().map(|vip| vip.address).collect();
    let without = |list: &[IpAddr], others: &[IpAddr]| {
        list.iter().copied().filter(|address| !others.contains(address)).collect::<Vec<_>>()
    };
    let (version, interval) = (router.config.version, router.config.advert_int);
    Shown {
        source: mismatch.source,
        version: (mismatch.version != version)
            .then(|| Difference::new(&mismatch.version.as_u8(), &version.as_u8())),
        advert_int: (mismatch.interval != interval).then(|| Difference::new(&mismatch.interval, &interval)),
        addresses: mismatch.addresses.as_ref().map(|theirs| AddressDifference {
            only_theirs: without(theirs, &ours),
            only_ours: without(&ours, theirs),
        }),
        is_deaf: mismatch.deaf,
    }
}

/// Counts and logs an advert of another box that says it owns the addresses, as this one does.
pub(crate) fn other_owner(router: &mut VirtualRouter, source: IpAddr, at: Time) {
    router.statistics.other_owners += 1;
    if let Some(repeated) = router.remarks.owners.admit(at) {
        tracing::error!(
            router = %router.config.name, %source, repeated,
            "another box owns the addresses, too: priority 255 is for one box only, give the other one less"
        );
    }
}

/// Counts and logs an advert of another cluster.
pub(crate) fn clash(router: &mut VirtualRouter, received: &Received<'_>, at: Time) {
    router.statistics.adverts_of_other_clusters += 1;
    let Some(repeated) = router.remarks.clash.admit(at) else { return };
    let vrrp_common::receive::Advert { source, priority, mac, .. } = received.advert;
    let addresses: Vec<_> = listed(received).map(|address| address.to_string()).collect();
    tracing::error!(
        router = %router.config.name, vrid = %router.config.vrid, %source, %priority, %mac,
        addresses = addresses.join(", "), repeated,
        "another cluster has this VRID and none of these addresses: it is not followed; give one of the two another \
         virtual_router_id"
    );
}

/// The other cluster, for as long as it is there.
pub(crate) fn present_clash(router: &VirtualRouter, at: Time) -> Option<Clash> {
    let clash = router.election.clash(at)?;
    Some(Clash {
        source: clash.advert.source,
        priority: clash.advert.priority.as_u8(),
        mac: clash.advert.mac.to_string(),
        is_from_virtual_mac: clash.advert.from_virtual_mac,
    })
}

/// Says that a master tries in vain to be preempted.
pub(crate) fn hands_over_in_vain(router: &mut VirtualRouter, at: Time) {
    let State::Backup(backup) = router.election.state() else { return };
    let Some(master) = backup.master else { return };
    if let Some(repeated) = router.remarks.in_vain.admit(at) {
        let patience: Duration = backup.interval.master_down(router.config.version, router.priority());
        tracing::error!(
            router = %router.config.name, source = %master.source, priority = %master.priority, ?patience, repeated,
            "the master has lowered its priority and discards the adverts of this router, so that it cannot hand over: make both \
             configurations the same, or stop that master"
        );
    }
}
