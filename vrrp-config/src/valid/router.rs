//! One router.

use std::{
    net::{IpAddr, Ipv4Addr},
    time::Duration,
};

use vrrp_common::types::{AdvertInterval, Family, Priority, Version, Vrid};

use super::{
    super::{
        Garp, Router, Start, Unicast,
        keys::{At, Field},
        problem::{Findings, Problem},
        raw::Instance,
        table::{self, Authentication, Role},
    },
    rules,
    track::Names,
};

impl Garp {
    /// keepalived's: five at once, five more after five seconds, then none; the same when another master is heard.
    pub const DEFAULT: Self = Self {
        repeat: 5,
        delay: Duration::from_secs(5),
        refresh: Duration::ZERO,
        lower_prio_repeat: 5,
        lower_prio_delay: Duration::from_secs(5),
    };
}

/// An answer to ARP takes up to that; the skew is what there is for it.
const SHORTEST_SKEW: Duration = Duration::from_millis(2);

/// `None` if anything in `instance` was reported.
pub(super) fn router(
    instance: &Instance,
    names: &Names<'_>,
    alert: Option<bool>,
    findings: &mut Findings,
) -> Option<Router> {
    let Instance { name, own, role, track, hooks } = instance;
    let version = own.version.value();
    let advert_int = advert_int(version, &own.advert_int, findings);
    let auth_pass = auth_pass(version, instance, findings);
    let track = names.tracked(track, &name.value, findings);
    rules::preemption(instance, findings);
    rules::each_address_once(instance, findings);
    rules::each_route_once(instance, findings);
    rules::unicast(instance, findings);
    let priority = Priority::new(own.priority.value()?);
    if let (Some(version), Some(interval)) = (version, advert_int) {
        probe(instance, interval.skew(version, priority), findings);
    }
    Some(Router {
        name: name.value.clone(),
        interface: own.interface.value()?,
        vrid: Vrid::new(own.virtual_router_id.value()?)?,
        family: Family::V4,
        version: version?,
        start: own.state.or(if priority == Priority::OWNER { Start::Master } else { Start::Backup })?,
        priority,
        advert_int: advert_int?,
        preempt: own.preempt.value()?,
        preempt_delay: own.preempt_delay.value()?,
        link_settle: own.link_settle.optional()?,
        accept: own.accept.value()?,
        mcast_src_ip: source(&own.mcast_src_ip)?,
        use_vmac: own.use_vmac.value()?,
        v3_checksum: own.v3_checksum.value()?,
        garp: garp(&own.garp)?,
        xdp_mode: own.xdp_mode.value()?,
        auth_pass: auth_pass?,
        addresses: own.virtual_ipaddress.value()?.into_iter().map(|at| at.value).collect(),
        excluded: values(&role.virtual_ipaddress_excluded)?,
        routes: values(&role.virtual_routes)?,
        rules: values(&role.virtual_rules)?,
        unicast: unicast(role)?,
        track: track?,
        dont_track_primary: role.dont_track_primary.value()?,
        rfc_discards: role.rfc_discards.value()?,
        probe_before_takeover: role.probe_before_takeover.value()?,
        probe_limit: role.probe_limit.value()?,
        hooks: super::hooks(hooks, alert)?,
    })
}

/// Reports a `probe_before_takeover` without time to ask before a takeover.
fn probe(instance: &Instance, skew: Duration, findings: &mut Findings) {
    let Field::Given(At { value: true, place }) = &instance.role.probe_before_takeover else { return };
    if skew < SHORTEST_SKEW {
        let title = "`probe_before_takeover` leaves no time for an answer";
        let skew = format!("asked within the skew, which is {skew:?} here and must be 2ms or more");
        let help = "give it a longer advert_int or a lower priority: the skew is (256 - priority) / 256 of the interval";
        findings.push(Problem::new(title, *place, skew).help(help));
    }
}

/// Interval that the version can say in an advert.
fn advert_int(
    version: Option<Version>,
    field: &Field<Duration>,
    findings: &mut Findings,
) -> Option<AdvertInterval> {
    let Field::Given(At { value: span_of_time, place }) = field else {
        return field.value().map(|_| AdvertInterval::DEFAULT);
    };
    let (interval, must, help) = match version? {
        Version::V2 => {
            let seconds = u8::try_from(span_of_time.as_secs()).ok();
            let whole = seconds.filter(|_| span_of_time.subsec_nanos() == 0);
            let help = "round it to whole seconds, or use version = 3, which goes down to 10ms".to_owned();
            (whole.and_then(AdvertInterval::from_seconds), "1s to 255s, in whole seconds", help)
        }
        Version::V3 => {
            let centiseconds = u16::try_from(span_of_time.as_millis() / 10).ok();
            let whole = centiseconds.filter(|_| span_of_time.as_nanos().is_multiple_of(10_000_000));
            (
                whole.and_then(AdvertInterval::from_centiseconds),
                "10ms to 40.95s, in steps of 10ms",
                in_version_3(*span_of_time),
            )
        }
    };
    if interval.is_none() {
        let title = "`advert_int` is nothing that this version can send";
        let version = version?.as_u8();
        findings.push(Problem::new(title, *place, format!("version {version}: {must}")).help(help));
    }
    interval
}

/// The nearest that version 3 can send.
fn in_version_3(wanted: Duration) -> String {
    let longest = AdvertInterval::MAX_V3.as_centiseconds();
    let below = u16::try_from(wanted.as_millis() / 10).unwrap_or(longest).min(longest);
    let near = [below, below.saturating_add(1)].map(AdvertInterval::from_centiseconds);
    let spelled: Vec<String> = near.into_iter().flatten().map(|near| format!("\"{near}\"")).collect();
    format!("write {}", spelled.join(" or "))
}

/// `Some(None)` without authentication, `None` if something was reported.
fn auth_pass(
    version: Option<Version>,
    instance: &Instance,
    findings: &mut Findings,
) -> Option<Option<[u8; 8]>> {
    let Field::Given(At { value: authentication, place }) = &instance.own.authentication else {
        return matches!(instance.own.authentication, Field::Absent(_)).then_some(None);
    };
    if version == Some(Version::V3) {
        let title = "`authentication` with version 3";
        let problem = Problem::new(title, *place, "version 3 has no authentication");
        let problem = problem.help("remove it, or use version = 2 on all routers of this group");
        findings.push(match instance.own.version.given() {
            Some(at) => problem.also(at.place, "the version"),
            None => problem.also(instance.name.place, "version 3 by default"),
        });
    }
    let Authentication { auth_type, auth_pass } = authentication;
    let missing = match (auth_type, auth_pass) {
        (Field::Absent(_), _) => Some(("auth_type", "auth_type = \"PASS\"")),
        (_, Field::Absent(_)) => Some(("auth_pass", "auth_pass = \"...\"")),
        (_, _) => None,
    };
    if let Some((key, example)) = missing {
        let problem =
            Problem::new(format!("`authentication` has no `{key}`"), *place, format!("no `{key}` in here"));
        findings.push(problem.help(format!("add {example}")).absence());
    }
    auth_type.given()?;
    Some(Some(auth_pass.given()?.value))
}

/// Announcements; those to another master are as those at first, unless given.
fn garp(field: &Field<table::Garp>) -> Option<Garp> {
    let Some(given) = field.optional()? else { return Some(Garp::DEFAULT) };
    let (repeat, delay) = (given.repeat.value()?, given.delay.value()?);
    Some(Garp {
        repeat,
        delay,
        refresh: given.refresh.value()?,
        lower_prio_repeat: given.lower_prio_repeat.or(repeat)?,
        lower_prio_delay: given.lower_prio_delay.or(delay)?,
    })
}

/// `Some(None)` if the text has none.
fn source(field: &Field<Ipv4Addr>) -> Option<Option<IpAddr>> {
    field.optional().map(|address| address.map(IpAddr::V4))
}

/// Entries of a list; none if there is no list.
fn values<T: Clone>(field: &Field<Vec<At<T>>>) -> Option<Vec<T>> {
    Some(field.optional()?.unwrap_or_default().into_iter().map(|at| at.value).collect())
}

/// `Some(None)`: multicast.
fn unicast(role: &Role) -> Option<Option<Unicast>> {
    let source = source(&role.unicast_src_ip)?;
    let ttl = role.unicast_ttl.value()?;
    let peers = values(&role.unicast_peer)?;
    Some((!peers.is_empty()).then_some(Unicast { source, ttl, peers }))
}
