//! The snapshot for `vrrpd status`.

use std::collections::BTreeMap;

use vrrp_common::{
    abi::Verdict,
    election::State,
    time::{Time, nanos},
    types::AdvertInterval,
};

use vrrp_config::VirtualAddress;

use crate::{
    effects::Reacted,
    engine::Engine,
    mismatch,
    outside::{Outside, Plane},
    port::Port,
    router::VirtualRouter,
    statistics::{Statistics, micros},
    status::{
        GuardStatus, InterfaceStatus, RouterStatus, Status, Timers, TrackStatus, TransitionStatus, rfc3339,
    },
    tracking::{Effect, Share},
    unheard,
};

impl<O: Outside> Engine<O> {
    /// All that is to be known of the routers, interfaces and groups.
    #[must_use]
    pub fn status(&self) -> Status {
        let at = self.outside.now();
        Status {
            router_id: self.router_id.clone(),
            version: env!("CARGO_PKG_VERSION").into(),
            routers: self.roster.iter().map(|router| self.router_status(router, at)).collect(),
            interfaces: self.ports.iter().map(interface_status).collect(),
            // The supervisor adds them.
            checks: Vec::new(),
            groups: self.group_status(),
            hooks: Vec::new(),
            guard: GuardStatus::default(),
        }
    }

    fn router_status(&self, router: &VirtualRouter, at: Time) -> RouterStatus {
        let plane = self.ports.plane(router.home);
        let (stamped_at, recognised) = plane.map_or((None, 0), |plane| plane.last_heard(router.slot));
        let config = &router.config;
        let (master_address, master_priority, fault) = match router.election.state() {
            State::Master(_) | State::Leaving { .. } => {
                (router.source(), Some(router.priority().as_u8()), None)
            }
            State::Backup(backup) => {
                let master = backup.master;
                (master.map(|advert| advert.source), master.map(|advert| advert.priority.as_u8()), None)
            }
            State::Initialize(fault) => (None, None, fault.map(|fault| router.explain(fault))),
            State::Stopped => (None, None, None),
        };
        RouterStatus {
            name: config.name.clone(),
            interface: config.interface.clone(),
            virtual_router_id: config.vrid.as_u8(),
            version: config.version.as_u8(),
            state: router.election.name().as_str().into(),
            fault,
            since: rfc3339(router.since),
            priority: config.priority.as_u8(),
            track: router.tracking.shares.iter().map(track_status).collect(),
            effective_priority: router.priority().as_u8(),
            source: router.source(),
            master_address,
            master_priority,
            mismatch: mismatch::present(router, master_address, at),
            clash: mismatch::present_clash(router, at),
            silent_master_answers: silent_rounds(router),
            unheard_peers: unheard::present(router),
            mac: router.mac().to_string(),
            addresses: config.addresses.iter().map(on_its_interface).collect(),
            timers: timers(router, stamped_at, at),
            statistics: statistics(&router.statistics, recognised),
            transitions: router.history.iter().map(transition_status).collect(),
        }
    }
}

/// For how many intervals the master has been silent and has answered, if it has.
fn silent_rounds(router: &VirtualRouter) -> Option<u8> {
    match router.election.state() {
        State::Backup(backup) => Some(backup.probe.rounds).filter(|rounds| *rounds > 0),
        State::Initialize(_) | State::Master(_) | State::Leaving { .. } | State::Stopped => None,
    }
}

fn on_its_interface(vip: &VirtualAddress) -> String {
    let dev = vip.dev.as_ref().map(|dev| format!(" dev {dev}")).unwrap_or_default();
    format!("{}/{}{dev}", vip.address, vip.prefix_len)
}

fn timers(router: &VirtualRouter, stamped_at: Option<Time>, at: Time) -> Timers {
    let us = |span| nanos(span) / 1_000;
    let (version, priority) = (router.config.version, router.priority());
    let own: AdvertInterval = router.config.advert_int;
    let (theirs, judged_at) = match router.election.state() {
        State::Backup(backup) => (backup.interval, backup.master.map(|_heard| backup.heard_at)),
        State::Initialize(_) | State::Master(_) | State::Leaving { .. } | State::Stopped => (own, None),
    };
    let deadline = router.election.deadline();
    Timers {
        advert_int_us: us(own.span()),
        master_adver_int_us: us(theirs.span()),
        skew_us: us(theirs.skew(version, priority)),
        master_down_us: us(theirs.master_down(version, priority)),
        deadline_in_us: (deadline != Time::NEVER).then(|| us(deadline.since(at))),
        last_heard_us_ago: judged_at.max(stamped_at).map(|heard| us(at.since(heard))),
        lease_remaining_us: us(router.election.lease_until().since(at)),
    }
}

fn statistics(of: &Statistics, recognised: u64) -> BTreeMap<String, u64> {
    let named = [
        ("master_transitions", of.master_transitions),
        ("advertisements_received", of.adverts_judged + recognised),
        ("advertisements_recognised_by_xdp", recognised),
        ("advertisements_sent", of.adverts_sent),
        ("advertisement_send_errors", of.send_failures),
        ("priority_zero_packets_received", of.priority_zero_received),
        ("priority_zero_packets_sent", of.priority_zero_sent),
        ("gratuitous_arp_sent", of.announcements_sent),
        ("virtual_mac_frames_sent", of.virtual_mac_shown),
        ("checksums_with_pseudo_header", of.checksums_with_pseudo_header),
        ("checksums_of_message_only", of.checksums_of_message_only),
        ("versions_differ", of.version_differs),
        ("advertisement_intervals_differ", of.interval_differs),
        ("address_lists_differ", of.address_list_differs),
        ("address_conflicts", of.address_conflicts),
        ("adverts_of_other_clusters", of.adverts_of_other_clusters),
        ("other_owners", of.other_owners),
        ("questions_sent", of.questions_sent),
        ("silent_masters_that_answer", of.silent_masters_that_answer),
    ];
    let named = named.into_iter().map(|(name, count)| (name.to_owned(), count));
    named.chain(of.discards().map(|(discard, count)| (discard.name().to_owned(), count))).collect()
}

fn track_status(share: &Share) -> TrackStatus {
    let (points, effect) = match share.effect {
        Effect::Points(points) => (points, None),
        Effect::Fault => (0, Some("fault")),
        Effect::Waiting => (0, Some("waiting")),
    };
    let subject = share.subject.clone();
    TrackStatus { subject, state: share.standing.to_string(), points, effect: effect.map(str::to_owned) }
}

fn transition_status(reacted: &Reacted) -> TransitionStatus {
    TransitionStatus {
        at: rfc3339(reacted.wall),
        from: reacted.transition.from.to_string(),
        to: reacted.transition.to.to_string(),
        cause: reacted.because(),
        late_us: micros(reacted.late),
        flip_us: micros(reacted.flip),
        send_us: micros(reacted.send),
    }
}

fn interface_status<P: Plane>(port: &Port<P>) -> InterfaceStatus {
    let counters = port.plane.as_ref().and_then(Plane::counters).unwrap_or_default();
    let attachment = port.attachment.as_ref();
    InterfaceStatus {
        name: port.name.clone(),
        up: port.link.as_ref().is_some_and(|link| link.up),
        xdp: attachment.map(|attachment| attachment.mode.clone()),
        pins: attachment.map(|attachment| attachment.pins.clone()),
        frames: Verdict::ALL
            .iter()
            .map(|verdict| (verdict.name().to_owned(), counters.of(*verdict)))
            .collect(),
    }
}
