//! One router.

use std::{
    net::{IpAddr, Ipv4Addr},
    time::Duration,
};

use vrrp_common::types::{AdvertInterval, Family, Priority, Version, Vrid};

use super::{
    super::{
        Checksum, Garp, Router, Start, Unicast, XdpMode,
        keys::{At, Field},
        problem::{Findings, Problem},
        raw::{self, Authentication, Instance},
    },
    hooks, rules,
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

/// `probe_limit` where it is not given.
const PROBE_LIMIT: u8 = 10;
/// An answer to ARP takes up to that; the skew is what there is for it.
const SHORTEST_SKEW: Duration = Duration::from_millis(2);

/// `None` if anything in `instance` was reported.
pub(super) fn router(
    instance: &Instance,
    names: &Names<'_>,
    alert: Option<bool>,
    findings: &mut Findings,
) -> Option<Router> {
    let version = instance.version.or(Version::V3);
    let interface = required(instance, &instance.interface, "interface", "\"eth0\"", findings);
    let vrid = required(instance, &instance.virtual_router_id, "virtual_router_id", "51", findings);
    let example = "[\"192.0.2.51/24\"]";
    let addresses = required(instance, &instance.virtual_ipaddress, "virtual_ipaddress", example, findings);
    let advert_int = advert_int(version, &instance.advert_int, findings);
    let auth_pass = auth_pass(version, instance, findings);
    let garp = garp(&instance.garp);
    let track = names.tracked(&instance.track, &instance.name.value, findings);
    rules::preemption(instance, findings);
    rules::each_address_once(instance, findings);
    rules::each_route_once(instance, findings);
    rules::unicast(instance, findings);
    let priority = Priority::new(instance.priority.or(Priority::DEFAULT.as_u8())?);
    if let (Some(version), Some(interval)) = (version, advert_int) {
        probe(instance, interval.skew(version, priority), findings);
    }
    Some(Router {
        name: instance.name.value.clone(),
        interface: interface?,
        vrid: Vrid::new(vrid?)?,
        family: Family::V4,
        version: version?,
        start: instance.state.or(if priority == Priority::OWNER { Start::Master } else { Start::Backup })?,
        priority,
        advert_int: advert_int?,
        preempt: instance.preempt.or(true)?,
        preempt_delay: instance.preempt_delay.or(Duration::ZERO)?,
        link_settle: instance.link_settle.optional()?,
        accept: instance.accept.or(true)?,
        mcast_src_ip: source(&instance.mcast_src_ip)?,
        use_vmac: instance.use_vmac.or(true)?,
        v3_checksum: instance.v3_checksum.or(Checksum::Rfc5798)?,
        garp: garp?,
        xdp_mode: instance.xdp_mode.or(XdpMode::Auto)?,
        auth_pass: auth_pass?,
        addresses: addresses?.into_iter().map(|at| at.value).collect(),
        excluded: values(&instance.virtual_ipaddress_excluded)?,
        routes: values(&instance.virtual_routes)?,
        rules: values(&instance.virtual_rules)?,
        unicast: unicast(&instance.unicast)?,
        track: track?,
        dont_track_primary: instance.dont_track_primary.or(false)?,
        rfc_discards: instance.rfc_discards.or(false)?,
        probe_before_takeover: instance.probe_before_takeover.or(false)?,
        probe_limit: instance.probe_limit.or(PROBE_LIMIT)?,
        hooks: hooks(&instance.hooks, alert)?,
    })
}

/// Whether there is time to ask before a takeover.
fn probe(instance: &Instance, skew: Duration, findings: &mut Findings) {
    let Field::Given(At { value: true, place }) = &instance.probe_before_takeover else { return };
    if skew < SHORTEST_SKEW {
        let title = "`probe_before_takeover` leaves no time for an answer";
        let skew = format!("asked within the skew, which is {skew:?} here and must be 2ms or more");
        let help = "give it a longer advert_int or a lower priority: the skew is (256 - priority) / 256 of the interval";
        findings.push(Problem::new(title, *place, skew).help(help));
    }
}

fn required<T: Clone>(
    instance: &Instance,
    field: &Field<T>,
    key: &str,
    example: &str,
    findings: &mut Findings,
) -> Option<T> {
    if matches!(field, Field::Absent) {
        let title = format!("`{}` has no `{key}`", instance.name.value);
        let problem = Problem::new(title, instance.name.place, format!("`{key}` is missing"));
        findings.push(problem.help(format!("add {key} = {example}")).absence());
    }
    field.given().map(|at| at.value.clone())
}

/// What the version can say in an advert.
fn advert_int(
    version: Option<Version>,
    field: &Field<Duration>,
    findings: &mut Findings,
) -> Option<AdvertInterval> {
    let Field::Given(At { value: span_of_time, place }) = field else {
        return field.or(Duration::from_secs(1)).map(|_| AdvertInterval::DEFAULT);
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
    let Field::Given(At { value: authentication, place }) = &instance.authentication else {
        return matches!(instance.authentication, Field::Absent).then_some(None);
    };
    if version == Some(Version::V3) {
        let title = "`authentication` with version 3";
        let problem = Problem::new(title, *place, "version 3 has no authentication");
        let problem = problem.help("remove it, or use version = 2 on all routers of this group");
        findings.push(match instance.version.given() {
            Some(at) => problem.also(at.place, "the version"),
            None => problem.also(instance.name.place, "version 3 by default"),
        });
    }
    let Authentication { auth_type, auth_pass } = authentication;
    let missing = match (auth_type, auth_pass) {
        (Field::Absent, _) => Some(("auth_type", "auth_type = \"PASS\"")),
        (_, Field::Absent) => Some(("auth_pass", "auth_pass = \"...\"")),
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

/// What is said when another master is heard is what is said at first, unless given.
fn garp(field: &Field<raw::Garp>) -> Option<Garp> {
    match field {
        Field::Given(At { value, .. }) => {
            let repeat = value.repeat.or(Garp::DEFAULT.repeat);
            let delay = value.delay.or(Garp::DEFAULT.delay);
            Some(Garp {
                repeat: repeat?,
                delay: delay?,
                refresh: value.refresh.or(Garp::DEFAULT.refresh)?,
                lower_prio_repeat: value.lower_prio_repeat.or(repeat?)?,
                lower_prio_delay: value.lower_prio_delay.or(delay?)?,
            })
        }
        Field::Absent => Some(Garp::DEFAULT),
        Field::Wrong => None,
    }
}

/// `Some(None)` if the text has none.
fn source(field: &Field<Ipv4Addr>) -> Option<Option<IpAddr>> {
    field.optional().map(|address| address.map(IpAddr::V4))
}

/// Nothing unless the text has a list.
fn values<T: Clone>(field: &Field<Vec<At<T>>>) -> Option<Vec<T>> {
    match field {
        Field::Given(list) => Some(list.value.iter().map(|at| at.value.clone()).collect()),
        Field::Absent => Some(Vec::new()),
        Field::Wrong => None,
    }
}

/// `Some(None)`: multicast.
fn unicast(fields: &raw::Unicast) -> Option<Option<Unicast>> {
    let source = source(&fields.unicast_src_ip)?;
    let ttl = fields.unicast_ttl.or(255)?;
    let peers = values(&fields.unicast_peer)?;
    Some((!peers.is_empty()).then_some(Unicast { source, ttl, peers }))
}
