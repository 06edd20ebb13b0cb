//! `[vrrp_instance.NAME]`.

use crate::tree::{Node, Table};
use std::{net::Ipv4Addr, time::Duration};

use vrrp_common::types::Version;

use super::{
    super::{
        Checksum, Start, VirtualAddress, VirtualRoute, VirtualRule, XdpMode, address,
        duration::duration,
        keys::{At, Field, INSTANCE, Keys, Wrong, boolean, number, one_of, string, wrong_type},
        problem::Findings,
    },
    Hooks, Tracks, Unicast, route, rule,
};

const SECONDS_1000: Duration = Duration::from_secs(1000);
const DAY: Duration = Duration::from_secs(86_400);

/// One `[vrrp_instance.NAME]`.
pub(crate) struct Instance {
    pub(crate) name: At<String>,
    pub(crate) interface: Field<String>,
    pub(crate) state: Field<Start>,
    pub(crate) virtual_router_id: Field<u8>,
    pub(crate) version: Field<Version>,
    pub(crate) priority: Field<u8>,
    pub(crate) advert_int: Field<Duration>,
    pub(crate) preempt: Field<bool>,
    pub(crate) preempt_delay: Field<Duration>,
    pub(crate) link_settle: Field<Duration>,
    pub(crate) accept: Field<bool>,
    pub(crate) mcast_src_ip: Field<Ipv4Addr>,
    pub(crate) use_vmac: Field<bool>,
    pub(crate) v3_checksum: Field<Checksum>,
    pub(crate) garp: Field<Garp>,
    pub(crate) xdp_mode: Field<XdpMode>,
    pub(crate) authentication: Field<Authentication>,
    pub(crate) virtual_ipaddress: Field<Vec<At<VirtualAddress>>>,
    pub(crate) virtual_ipaddress_excluded: Field<Vec<At<VirtualAddress>>>,
    pub(crate) virtual_routes: Field<Vec<At<VirtualRoute>>>,
    pub(crate) virtual_rules: Field<Vec<At<VirtualRule>>>,
    pub(crate) unicast: Unicast,
    pub(crate) track: Tracks,
    pub(crate) dont_track_primary: Field<bool>,
    pub(crate) rfc_discards: Field<bool>,
    pub(crate) probe_before_takeover: Field<bool>,
    pub(crate) probe_limit: Field<u8>,
    pub(crate) hooks: Hooks,
}

/// `garp`.
#[derive(Clone)]
pub(crate) struct Garp {
    pub(crate) repeat: Field<u8>,
    pub(crate) delay: Field<Duration>,
    pub(crate) refresh: Field<Duration>,
    pub(crate) lower_prio_repeat: Field<u8>,
    pub(crate) lower_prio_delay: Field<Duration>,
}

/// `authentication`.
#[derive(Clone)]
pub(crate) struct Authentication {
    pub(crate) auth_type: Field<()>,
    pub(crate) auth_pass: Field<[u8; 8]>,
}

impl Instance {
    pub(super) fn read(name: At<String>, table: &Table, findings: &mut Findings) -> Self {
        let mut keys = Keys::new(INSTANCE, table, findings);
        let instance = Self {
            name,
            interface: keys.read("interface", interface),
            state: keys.read("state", one_of(&[("MASTER", Start::Master), ("BACKUP", Start::Backup)])),
            virtual_router_id: keys.read("virtual_router_id", number(1..=255)),
            version: keys.read("version", version),
            priority: keys.read("priority", number(1..=255)),
            advert_int: keys.read("advert_int", duration(Duration::ZERO..=Duration::MAX)),
            preempt: keys.read("preempt", boolean),
            preempt_delay: keys.read("preempt_delay", duration(Duration::ZERO..=SECONDS_1000)),
            link_settle: keys.read("link_settle", duration(Duration::ZERO..=SECONDS_1000)),
            accept: keys.read("accept", boolean),
            mcast_src_ip: keys.read("mcast_src_ip", address::source),
            use_vmac: keys.read("use_vmac", boolean),
            v3_checksum: keys.read("v3_checksum", one_of(CHECKSUMS)),
            garp: keys.table("garp", "garp = { repeat = 5, delay = \"5s\", refresh = \"0s\" }", Garp::read),
            xdp_mode: keys.read("xdp_mode", one_of(XDP_MODES)),
            authentication: keys.table("authentication", AUTHENTICATION, Authentication::read),
            virtual_ipaddress: keys.entries("virtual_ipaddress", list_of_addresses, |value, findings| {
                address::virtual_address("virtual_ipaddress", value, findings)
            }),
            virtual_ipaddress_excluded: keys.list(EXCLUDED, 0..=65_535, EXCLUDED_LIST, |value, findings| {
                address::virtual_address(EXCLUDED, value, findings)
            }),
            virtual_routes: keys.list("virtual_routes", 0..=MAX_ROUTES, ROUTES, route::entry),
            virtual_rules: keys.list("virtual_rules", 0..=MAX_ROUTES, RULES, rule::entry),
            unicast: Unicast::read(&mut keys),
            track: Tracks::read(&mut keys),
            dont_track_primary: keys.read("dont_track_primary", boolean),
            rfc_discards: keys.read("rfc_discards", boolean),
            probe_before_takeover: keys.read("probe_before_takeover", boolean),
            probe_limit: keys.read("probe_limit", number(1..=255)),
            hooks: Hooks::read(&mut keys),
        };
        keys.finish();
        instance
    }
}

const CHECKSUMS: &[(&str, Checksum)] = &[("rfc5798", Checksum::Rfc5798), ("rfc9568", Checksum::Rfc9568)];

const XDP_MODES: &[(&str, XdpMode)] =
    &[("auto", XdpMode::Auto), ("native", XdpMode::Native), ("generic", XdpMode::Generic)];

const EXCLUDED: &str = "virtual_ipaddress_excluded";
const EXCLUDED_LIST: &str = "virtual_ipaddress_excluded = [\"192.0.2.52/24\"]";
const ROUTES: &str = "virtual_routes = [\"10.0.0.0/8 via 192.0.2.1 dev eth1\"]";
const RULES: &str = "virtual_rules = [\"from 192.0.2.0/24 table 100 priority 1000\"]";
/// More than anybody has, and bounded.
const MAX_ROUTES: usize = 4096;

const AUTHENTICATION: &str = "authentication = { auth_type = \"PASS\", auth_pass = \"...\" }";

impl Garp {
    fn read(keys: &mut Keys<'_, '_>) -> Self {
        Self {
            repeat: keys.read("repeat", number(0..=255)),
            delay: keys.read("delay", duration(Duration::ZERO..=SECONDS_1000)),
            refresh: keys.read("refresh", duration(Duration::ZERO..=DAY)),
            lower_prio_repeat: keys.read("lower_prio_repeat", number(0..=255)),
            lower_prio_delay: keys.read("lower_prio_delay", duration(Duration::ZERO..=SECONDS_1000)),
        }
    }
}

impl Authentication {
    fn read(keys: &mut Keys<'_, '_>) -> Self {
        Self {
            auth_type: keys.read("auth_type", auth_type),
            auth_pass: keys.read_secret("auth_pass", auth_pass),
        }
    }
}

fn list_of_addresses(value: &Node) -> Result<&[Node], Wrong> {
    let example = "write virtual_ipaddress = [\"192.0.2.51/24\"]";
    let list = value.value.as_list().ok_or_else(|| wrong_type("a list", value).help(example))?;
    match list.len() {
        0 => Err(Wrong::new("is empty", "must have at least one address").help(example)),
        1..=255 => Ok(list),
        many => Err(Wrong::new("is too long", format!("{many} addresses; an advert has room for 255"))
            .help("move some to virtual_ipaddress_excluded, or to a router with another virtual_router_id")),
    }
}

fn version(value: &Node) -> Result<Version, Wrong> {
    let Some(integer) = value.value.as_integer() else {
        return Err(wrong_type("2 or 3", value).help("write version = 3"));
    };
    match integer {
        2 => Ok(Version::V2),
        3 => Ok(Version::V3),
        _ => Err(Wrong::new("has an unknown value", "must be 2 or 3")),
    }
}

/// A name that the kernel gives to interfaces.
pub(crate) fn interface(value: &Node) -> Result<String, Wrong> {
    interface_name(string(value)?)
}

/// As the kernel checks it (`dev_valid_name`).
pub(super) fn interface_name(name: String) -> Result<String, Wrong> {
    // The kernel's isspace() takes the byte 0xa0 for a space, whatever the encoding.
    let is_bad = |byte: u8| byte <= b' ' || matches!(byte, b'/' | b':' | 0x7f | 0xa0);
    let label = match name.as_str() {
        "" => "empty".to_owned(),
        "." | ".." => "no interface is called this".to_owned(),
        _ if name.len() > 15 => format!("{} bytes; the kernel takes 15", name.len()),
        _ if name.bytes().any(is_bad) => "has a space, `/` or `:` in it".to_owned(),
        _ => return Ok(name),
    };
    Err(Wrong::new("is no interface name", label).help("`ip -br link` lists the interfaces"))
}

fn auth_type(value: &Node) -> Result<(), Wrong> {
    match value.value.as_str() {
        Some("PASS") => Ok(()),
        Some("AH") => Err(Wrong::new("has an unsupported value", "must be \"PASS\"")
            .help("keepalived's AH is not supported: use PASS on both sides, or leave authentication out")),
        Some(_) | None => one_of(&[("PASS", ())])(value),
    }
}

fn auth_pass(value: &Node) -> Result<[u8; 8], Wrong> {
    let text = string(value)?;
    let mut password = [0; 8];
    let label = match text.len() {
        0 => "empty".to_owned(),
        _ if text.contains(char::is_control) => "has a character that is not printable".to_owned(),
        1..=8 => {
            password[..text.len()].copy_from_slice(text.as_bytes());
            return Ok(password);
        }
        many => format!("{many} bytes; the protocol has room for 8"),
    };
    let wrong = Wrong::new("is no password that an advert can carry", label);
    Err(wrong.help("use 1 to 8 bytes, as in UTF-8; keepalived silently cuts longer ones to 8"))
}
