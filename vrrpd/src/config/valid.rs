//! How the values of one router go together: from what the file says to what the daemon runs on.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv4Addr},
    time::Duration,
};

use vrrp_common::types::{AdvertInterval, Family, Priority, Version, Vrid};

use super::{
    Checksum, Config, Garp, Router, Start, VirtualAddress, XdpMode, across,
    keys::{At, Field},
    problem::{Findings, Problem},
    raw::{self, Authentication, File, Instance},
};

impl Garp {
    /// keepalived's: five at once, five more after five seconds, then none.
    pub const DEFAULT: Self = Self { repeat: 5, delay: Duration::from_secs(5), refresh: Duration::ZERO };
}

/// `None` if anything was found.
pub(super) fn config(file: &File, findings: &mut Findings) -> Option<Config> {
    let routers: Vec<_> = file.instances.iter().map(|instance| router(instance, findings)).collect();
    across::check(&file.instances, findings);
    let router_id = file.router_id.or(host_name())?;
    let routers = routers.into_iter().collect::<Option<Vec<_>>>()?;
    findings.problems.is_empty().then_some(Config {
        router_id,
        routers,
        checks: Vec::new(),
        sync_groups: Vec::new(),
        script_user: None,
        notify_fifo: None,
        mail: None,
    })
}

/// `None` if anything in `instance` was reported.
fn router(instance: &Instance, findings: &mut Findings) -> Option<Router> {
    let version = instance.version.or(Version::V3);
    let interface = required(instance, &instance.interface, "interface", "\"eth0\"", findings);
    let vrid = required(instance, &instance.virtual_router_id, "virtual_router_id", "51", findings);
    let example = "[\"192.0.2.51/24\"]";
    let addresses = required(instance, &instance.virtual_ipaddress, "virtual_ipaddress", example, findings);
    let advert_int = advert_int(version, &instance.advert_int, findings);
    let auth_pass = auth_pass(version, instance, findings);
    let garp = garp(&instance.garp);
    preemption(instance, findings);
    each_address_once(instance, findings);
    guarded_devices(instance, findings);
    let priority = Priority::new(instance.priority.or(Priority::DEFAULT.as_u8())?);
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
        accept: instance.accept.or(true)?,
        mcast_src_ip: source(&instance.mcast_src_ip)?,
        use_vmac: instance.use_vmac.or(true)?,
        v3_checksum: instance.v3_checksum.or(Checksum::Rfc5798)?,
        garp: garp?,
        xdp_mode: instance.xdp_mode.or(XdpMode::Auto)?,
        auth_pass: auth_pass?,
        addresses: addresses?.into_iter().map(|at| at.value).collect(),
        excluded: Vec::new(),
        routes: Vec::new(),
        rules: Vec::new(),
        unicast: None,
        track: Vec::new(),
        dont_track_primary: false,
        hooks: super::Hooks::default(),
    })
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
        let problem = Problem::new(title, instance.name.span.clone(), format!("`{key}` is missing"));
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
    let Field::Given(At { value: span_of_time, span }) = field else {
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
        findings.push(Problem::new(title, span.clone(), format!("version {version}: {must}")).help(help));
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
    let Field::Given(At { value: authentication, span }) = &instance.authentication else {
        return matches!(instance.authentication, Field::Absent).then_some(None);
    };
    if version == Some(Version::V3) {
        let title = "`authentication` with version 3";
        let problem = Problem::new(title, span.clone(), "version 3 has no authentication");
        let problem = problem.help("remove it, or use version = 2 on all routers of this group");
        findings.push(match instance.version.given() {
            Some(at) => problem.also(at.span.clone(), "the version"),
            None => problem.also(instance.name.span.clone(), "version 3 by default"),
        });
    }
    let Authentication { auth_type, auth_pass } = authentication;
    let missing = match (auth_type, auth_pass) {
        (Field::Absent, _) => Some(("auth_type", "auth_type = \"PASS\"")),
        (_, Field::Absent) => Some(("auth_pass", "auth_pass = \"...\"")),
        (_, _) => None,
    };
    if let Some((key, example)) = missing {
        let problem = Problem::new(
            format!("`authentication` has no `{key}`"),
            span.clone(),
            format!("no `{key}` in here"),
        );
        findings.push(problem.help(format!("add {example}")).absence());
    }
    auth_type.given()?;
    Some(Some(auth_pass.given()?.value))
}

fn garp(field: &Field<raw::Garp>) -> Option<Garp> {
    match field {
        Field::Given(At { value, .. }) => Some(Garp {
            repeat: value.repeat.or(Garp::DEFAULT.repeat)?,
            delay: value.delay.or(Garp::DEFAULT.delay)?,
            refresh: value.refresh.or(Garp::DEFAULT.refresh)?,
        }),
        Field::Absent => Some(Garp::DEFAULT),
        Field::Wrong => None,
    }
}

/// `Some(None)` if the text has none.
fn source(field: &Field<Ipv4Addr>) -> Option<Option<IpAddr>> {
    match field {
        Field::Given(at) => Some(Some(IpAddr::V4(at.value))),
        Field::Absent => Some(None),
        Field::Wrong => None,
    }
}

/// What contradicts `preempt = false` and `preempt_delay`: starting as master, owning the addresses, each other.
fn preemption(instance: &Instance, findings: &mut Findings) {
    let never = instance.preempt.given().filter(|at| !at.value);
    let delay = instance.preempt_delay.given().filter(|at| !at.value.is_zero());
    let master = instance.state.given().filter(|at| at.value == Start::Master);
    let owner = instance.priority.given().filter(|at| at.value == 255);
    if let (Some(never), Some(master)) = (never, master) {
        let title = "`preempt = false` with `state = \"MASTER\"`";
        let problem = Problem::new(title, never.span.clone(), "waits for the present master to go")
            .also(master.span.clone(), "takes the role at start, whoever has it");
        findings.push(problem.help("use state = \"BACKUP\" on both boxes (keepalived drops nopreempt here)"));
    }
    if let (Some(never), Some(owner)) = (never, owner) {
        let problem =
            Problem::new("`preempt = false` with priority 255", never.span.clone(), "has no effect")
                .also(owner.span.clone(), "the owner of the addresses always preempts");
        findings.push(problem.help("use a priority up to 254, or remove preempt"));
    }
    let Some(delay) = delay else { return };
    let contradiction = [
        never.map(|at| (&at.span, "preempt = false", "there is no preemption to delay")),
        master.map(|at| (&at.span, "state = \"MASTER\"", "takes the role at start, without delay")),
        owner.map(|at| (&at.span, "priority 255", "the owner of the addresses preempts at once")),
    ];
    for (span, with, why) in contradiction.into_iter().flatten() {
        let problem =
            Problem::new(format!("`preempt_delay` with {with}"), delay.span.clone(), "has no effect");
        findings.push(problem.also(span.clone(), why).help("remove one of the two"));
    }
}

fn each_address_once(instance: &Instance, findings: &mut Findings) {
    let Some(list) = instance.virtual_ipaddress.given() else { return };
    let mut first: HashMap<IpAddr, &At<VirtualAddress>> = HashMap::new();
    for at in &list.value {
        let address = at.value.address;
        if let Some(earlier) = first.get(&address) {
            let title = format!("{address} twice in `{}`", instance.name.value);
            let problem = Problem::new(title, at.span.clone(), "again here");
            findings.push(problem.also(earlier.span.clone(), "first here").help("remove one of them"));
        } else {
            first.insert(address, at);
        }
    }
}

/// An address may live on the router's interface, whose data plane guards it, or on the loopback interface, where
/// nobody can ask for it. On another interface the kernel would answer for it whoever is master.
fn guarded_devices(instance: &Instance, findings: &mut Findings) {
    let (Some(list), Some(interface)) = (instance.virtual_ipaddress.given(), instance.interface.given())
    else {
        return;
    };
    for at in &list.value {
        let Some(dev) = at.value.dev.as_deref().filter(|dev| *dev != "lo" && *dev != interface.value) else {
            continue;
        };
        let problem = Problem::new(
            format!("{} on {dev}, which is not the router's interface", at.value.address),
            at.span.clone(),
            "nothing would keep this host silent there when it is not master",
        );
        let help =
            format!("remove dev, or use \"lo\" to answer on {} for an address kept on lo", interface.value);
        findings.push(problem.also(interface.span.clone(), "the router's interface").help(help));
    }
}

/// The default of `router_id`.
fn host_name() -> String {
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    if name.is_empty() { "localhost".to_owned() } else { name }
}
