//! What the file says, each value of its own type and range. How values go together is for [`valid`](super::valid).

use std::{net::Ipv4Addr, time::Duration};

use toml::de::{DeArray, DeTable};
use vrrp_common::types::Version;

use super::{
    Checksum, Start, VirtualAddress, XdpMode, address,
    duration::duration,
    keys::{
        At, FILE, Field, INSTANCE, Keys, Value, Wrong, boolean, number, one_of, string, table, wrong_type,
    },
    problem::{Findings, Problem},
};

/// The longest name of a router, in bytes. It stands in logs, scripts' arguments and metrics.
const MAX_NAME: usize = 255;

const SECONDS_1000: Duration = Duration::from_secs(1000);
const DAY: Duration = Duration::from_secs(86_400);

/// The file.
pub(super) struct File {
    pub(super) router_id: Field<String>,
    /// In the order of the file.
    pub(super) instances: Vec<Instance>,
}

/// One `[vrrp_instance.NAME]`.
pub(super) struct Instance {
    pub(super) name: At<String>,
    pub(super) interface: Field<String>,
    pub(super) state: Field<Start>,
    pub(super) virtual_router_id: Field<u8>,
    pub(super) version: Field<Version>,
    pub(super) priority: Field<u8>,
    pub(super) advert_int: Field<Duration>,
    pub(super) preempt: Field<bool>,
    pub(super) preempt_delay: Field<Duration>,
    pub(super) accept: Field<bool>,
    pub(super) mcast_src_ip: Field<Ipv4Addr>,
    pub(super) use_vmac: Field<bool>,
    pub(super) v3_checksum: Field<Checksum>,
    pub(super) garp: Field<Garp>,
    pub(super) xdp_mode: Field<XdpMode>,
    pub(super) authentication: Field<Authentication>,
    pub(super) virtual_ipaddress: Field<Vec<At<VirtualAddress>>>,
}

/// `garp`.
#[derive(Clone)]
pub(super) struct Garp {
    pub(super) repeat: Field<u8>,
    pub(super) delay: Field<Duration>,
    pub(super) refresh: Field<Duration>,
}

/// `authentication`.
#[derive(Clone)]
pub(super) struct Authentication {
    pub(super) auth_type: Field<()>,
    pub(super) auth_pass: Field<[u8; 8]>,
}

impl File {
    /// Reports every value that is wrong by itself.
    pub(super) fn read(root: &DeTable<'_>, findings: &mut Findings) -> Self {
        let mut keys = Keys::new(FILE, root, findings);
        let router_id = keys.read("router_id", name_of_host);
        let found = keys.read("vrrp_instance", |value| table(value, "[vrrp_instance.NAME]"));
        let instances = match found.given() {
            Some(at) => Instance::read_all(at.value, keys.findings),
            None => Vec::new(),
        };
        if matches!(found, Field::Absent) || found.given().is_some_and(|at| at.value.is_empty()) {
            let problem = Problem::new("no `vrrp_instance`", 0..0, "nothing to run");
            let help = "add [vrrp_instance.NAME] with interface, virtual_router_id and virtual_ipaddress";
            keys.findings.push(problem.help(help).absence());
        }
        keys.finish();
        Self { router_id, instances }
    }
}

impl Instance {
    fn read_all(tables: &DeTable<'_>, findings: &mut Findings) -> Vec<Self> {
        let mut in_order: Vec<_> = tables.iter().collect();
        in_order.sort_by_key(|(name, _)| name.span().start);
        let read = in_order.into_iter().filter_map(|(name, value)| {
            let name = At { value: name.get_ref().to_string(), span: name.span() };
            if name.value.is_empty() || name.value.len() > MAX_NAME || name.value.contains(char::is_control) {
                let problem = Problem::new("bad name of a `vrrp_instance`", name.span.clone(), "here");
                findings.push(problem.help(format!("a name has 1 to {MAX_NAME} printable bytes")));
            }
            match table(value, "[vrrp_instance.NAME]") {
                Ok(table) => Some(Self::read(name, table, findings)),
                Err(wrong) => {
                    findings.push(wrong.at(&name.value, value.span()));
                    None
                }
            }
        });
        read.collect()
    }

    fn read(name: At<String>, table: &DeTable<'_>, findings: &mut Findings) -> Self {
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
            accept: keys.read("accept", boolean),
            mcast_src_ip: keys.read("mcast_src_ip", address::source),
            use_vmac: keys.read("use_vmac", boolean),
            v3_checksum: keys.read("v3_checksum", one_of(CHECKSUMS)),
            garp: keys.table("garp", "garp = { repeat = 5, delay = \"5s\", refresh = \"0s\" }", Garp::read),
            xdp_mode: keys.read("xdp_mode", one_of(XDP_MODES)),
            authentication: keys.table("authentication", AUTHENTICATION, Authentication::read),
            virtual_ipaddress: virtual_ipaddress(&mut keys),
        };
        keys.finish();
        instance
    }
}

const CHECKSUMS: &[(&str, Checksum)] = &[("rfc5798", Checksum::Rfc5798), ("rfc9568", Checksum::Rfc9568)];

const XDP_MODES: &[(&str, XdpMode)] =
    &[("auto", XdpMode::Auto), ("native", XdpMode::Native), ("generic", XdpMode::Generic)];

const AUTHENTICATION: &str = "authentication = { auth_type = \"PASS\", auth_pass = \"...\" }";

impl Garp {
    fn read(keys: &mut Keys<'_, '_>) -> Self {
        Self {
            repeat: keys.read("repeat", number(0..=255)),
            delay: keys.read("delay", duration(Duration::ZERO..=SECONDS_1000)),
            refresh: keys.read("refresh", duration(Duration::ZERO..=DAY)),
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

/// The list, if all of it is good; bad entries are reported one by one.
fn virtual_ipaddress<'t>(keys: &mut Keys<'t, '_>) -> Field<Vec<At<VirtualAddress>>> {
    keys.read("virtual_ipaddress", list_of_addresses).and_then(|At { value: list, span }| {
        let good: Vec<_> =
            list.iter().filter_map(|entry| address::virtual_address(entry, keys.findings)).collect();
        if good.len() == list.len() { Field::Given(At { value: good, span }) } else { Field::Wrong }
    })
}

fn list_of_addresses<'t>(value: &'t Value<'t>) -> Result<&'t DeArray<'t>, Wrong> {
    let example = "write virtual_ipaddress = [\"192.0.2.51/24\"]";
    let list = value.get_ref().as_array().ok_or_else(|| wrong_type("a list", value).help(example))?;
    match list.len() {
        0 => Err(Wrong::new("is empty", "must have at least one address").help(example)),
        1..=255 => Ok(list),
        many => Err(Wrong::new("is too long", format!("{many} addresses; an advert has room for 255"))
            .help("spread them over several routers, each with its own virtual_router_id")),
    }
}

fn version(value: &Value<'_>) -> Result<Version, Wrong> {
    let Some(integer) = value.get_ref().as_integer() else {
        return Err(wrong_type("2 or 3", value).help("write version = 3"));
    };
    match (integer.as_str(), integer.radix()) {
        ("2", 10) => Ok(Version::V2),
        ("3", 10) => Ok(Version::V3),
        _ => Err(Wrong::new("has an unknown value", "must be 2 or 3")),
    }
}

fn name_of_host(value: &Value<'_>) -> Result<String, Wrong> {
    let name = string(value)?;
    if name.is_empty() || name.len() > MAX_NAME || name.contains(char::is_control) {
        return Err(Wrong::new("is no name", format!("must have 1 to {MAX_NAME} printable bytes")));
    }
    Ok(name)
}

/// A name that the kernel gives to interfaces (`dev_valid_name`).
pub(super) fn interface(value: &Value<'_>) -> Result<String, Wrong> {
    let name = string(value)?;
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

fn auth_type(value: &Value<'_>) -> Result<(), Wrong> {
    match value.get_ref().as_str() {
        Some("PASS") => Ok(()),
        Some("AH") => Err(Wrong::new("has an unsupported value", "must be \"PASS\"")
            .help("keepalived's AH is not supported: use PASS on both sides, or leave authentication out")),
        Some(_) | None => one_of(&[("PASS", ())])(value),
    }
}

fn auth_pass(value: &Value<'_>) -> Result<[u8; 8], Wrong> {
    let text = string(value)?;
    let mut password = [0; 8];
    let label = match text.len() {
        0 => "empty".to_owned(),
        _ if !text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ') => {
            "has a character that is not printable ASCII".to_owned()
        }
        1..=8 => {
            password[..text.len()].copy_from_slice(text.as_bytes());
            return Ok(password);
        }
        many => format!("{many} bytes; the protocol has room for 8"),
    };
    let wrong = Wrong::new("is no password that an advert can carry", label);
    Err(wrong.help("use 1 to 8 ASCII characters; keepalived silently cuts longer ones to 8"))
}
