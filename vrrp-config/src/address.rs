//! The addresses in a configuration: virtual ones, and the source of adverts.

use crate::place::Place;
use crate::tree::{Node, Table};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{
    VirtualAddress,
    keys::{At, Field, Keys, Wrong, boolean, string, wrong_type},
    problem::{Findings, Problem},
    raw,
};

/// `scope`, as iproute2 calls the numbers.
pub(super) const SCOPES: [(&str, u8); 5] =
    [("global", 0), ("site", 200), ("link", 253), ("host", 254), ("nowhere", 255)];

/// The longest label that the kernel takes, in bytes (IFNAMSIZ − 1).
const MAX_LABEL: usize = 15;

/// An address and its prefix.
type Net = (Ipv4Addr, u8);

/// One entry of `virtual_ipaddress` or `virtual_ipaddress_excluded`, `None` if something was reported.
pub(super) fn virtual_address(
    key: &'static str,
    entry: &Node,
    findings: &mut Findings,
) -> Option<At<VirtualAddress>> {
    if let Some(table) = entry.value.as_table() {
        return from_table(key, table, entry, findings);
    }
    match string_or_table(entry).and_then(|text| virtual_net(&text)) {
        Ok((address, prefix_len)) => Some(At { value: plain(address, prefix_len), place: entry.place }),
        Err(wrong) => {
            findings.push(wrong.at(key, entry.place));
            None
        }
    }
}

fn from_table(
    key: &'static str,
    table: &Table,
    entry: &Node,
    findings: &mut Findings,
) -> Option<At<VirtualAddress>> {
    let mut keys = Keys::new(key, table, findings);
    let address = keys.read("address", |value| virtual_net(&string(value)?));
    let dev = keys.read("dev", raw::interface);
    let brd = keys.read("brd", broadcast);
    let label = keys.read("label", label);
    let scope = keys.read("scope", scope);
    let no_track = keys.read("no_track", boolean);
    if matches!(address, Field::Absent) {
        let problem = Problem::new(format!("`{key}` has no address"), entry.place, "no `address` in here");
        keys.findings.push(problem.help("write { address = \"192.0.2.51/24\", ... }").absence());
    }
    if let (Field::Absent, Some(&At { value: true, place })) = (&dev, no_track.given()) {
        keys.findings.push(without_dev(key, place));
    }
    keys.finish();
    let At { value: (ip, prefix_len), place } = address.given()?.clone();
    let value = VirtualAddress {
        dev: dev.optional()?,
        broadcast: brd.optional()?,
        label: label.optional()?,
        scope: scope.or(0)?,
        no_track: no_track.or(false)?,
        ..plain(ip, prefix_len)
    };
    Some(At { value, place })
}

fn plain(address: Ipv4Addr, prefix_len: u8) -> VirtualAddress {
    VirtualAddress {
        address: IpAddr::V4(address),
        prefix_len,
        dev: None,
        broadcast: None,
        label: None,
        scope: 0,
        no_track: false,
    }
}

fn without_dev(key: &str, place: Place) -> Problem {
    let title = format!("`{key}` has `no_track` without `dev`");
    let help = "remove it; `dont_track_primary` is the word for the router's own interface";
    Problem::new(title, place, "which interface?").help(help)
}

/// `mcast_src_ip` or `unicast_src_ip`: an address that a host can send from.
pub(super) fn source(value: &Node) -> Result<Ipv4Addr, Wrong> {
    let text = string(value)?;
    let address = ipv4(&text)?;
    match unusable(address) {
        None => Ok(address),
        Some(kind) => Err(Wrong::new("cannot be the source of adverts", kind)
            .help("name an address of the interface, or leave the key out for its first one")),
    }
}

/// `unicast_peer`: an address that a host can send to.
pub(super) fn peer(value: &Node) -> Result<Ipv4Addr, Wrong> {
    let address = ipv4(&string(value)?)?;
    match unusable(address) {
        None => Ok(address),
        Some(kind) => Err(Wrong::new("cannot be a peer", kind)),
    }
}

/// `brd`: whatever the operator says, as `ip address` takes it.
fn broadcast(value: &Node) -> Result<Ipv4Addr, Wrong> {
    ipv4(&string(value)?)
}

fn string_or_table(entry: &Node) -> Result<String, Wrong> {
    let example = "write \"192.0.2.51/24\" or { address = \"192.0.2.51/24\", label = \"eth0:vip\" }";
    let text = entry.value.as_str().map(ToOwned::to_owned);
    text.ok_or_else(|| wrong_type("addresses in quotes", entry).help(example))
}

fn virtual_net(text: &str) -> Result<Net, Wrong> {
    if let Some((address, _)) = text.trim().split_once(char::is_whitespace) {
        return Err(Wrong::new("has more than an address in it", "only an address and its prefix").help(
            format!("write {{ address = \"{address}\", dev = ..., brd = ..., label = ..., scope = ... }}"),
        ));
    }
    let (address, prefix) = text.split_once('/').map_or((text, None), |(ip, prefix)| (ip, Some(prefix)));
    let address = ipv4(address)?;
    let prefix_len = prefix.map_or(Ok(32), prefix_len)?;
    match no_virtual_address(address, prefix_len) {
        None => Ok((address, prefix_len)),
        Some(kind) => Err(Wrong::new("cannot be a virtual address", kind)),
    }
}

/// Why no host can have that address.
pub fn no_virtual_address(address: Ipv4Addr, prefix_len: u8) -> Option<&'static str> {
    let host_bits = u32::MAX.checked_shr(u32::from(prefix_len)).unwrap_or(0);
    let is_broadcast = prefix_len <= 30 && u32::from(address) & host_bits == host_bits;
    unusable(address).or(is_broadcast.then_some("the broadcast address of its network"))
}

fn prefix_len(text: &str) -> Result<u8, Wrong> {
    let number =
        text.parse::<u8>().ok().filter(|bits| *bits <= 32 && text.bytes().all(|b| b.is_ascii_digit()));
    number.ok_or_else(|| {
        let wrong = Wrong::new("has a bad prefix", format!("`/{text}` must be /0 to /32"));
        if text.parse::<Ipv4Addr>().is_ok() {
            wrong.help("write the netmask as a prefix: /24")
        } else {
            wrong
        }
    })
}

fn ipv4(text: &str) -> Result<Ipv4Addr, Wrong> {
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    if text.parse::<Ipv6Addr>().is_ok() {
        return Err(Wrong::new("is an IPv6 address", "IPv6 is not supported yet").help("use an IPv4 address"));
    }
    Err(Wrong::new("is no IP address", "must be an IPv4 address").help("write it like \"192.0.2.51\""))
}

fn unusable(address: Ipv4Addr) -> Option<&'static str> {
    match address {
        _ if address.is_unspecified() => Some("0.0.0.0 means no address"),
        _ if address.octets()[0] == 0 => Some("0.0.0.0/8 means this network"),
        _ if address.is_loopback() => Some("a loopback address never leaves its host"),
        _ if address.is_multicast() => Some("a multicast address belongs to a group, not to a host"),
        _ if address.is_broadcast() => Some("the broadcast address belongs to everybody"),
        _ => None,
    }
}

/// A label as the kernel takes it, whatever it starts with.
fn label(value: &Node) -> Result<String, Wrong> {
    let text = string(value)?;
    let label = match text.len() {
        0 => "empty".to_owned(),
        _ if text.contains(char::is_control) => "has a character that cannot be printed".to_owned(),
        1..=MAX_LABEL => return Ok(text),
        many => format!("{many} bytes; the kernel takes {MAX_LABEL}"),
    };
    Err(Wrong::new("is no label that the kernel takes", label)
        .help("use 1 to 15 bytes, as a rule the interface, `:` and a word: \"eth0:vip\""))
}

fn scope(value: &Node) -> Result<u8, Wrong> {
    let help = "write \"global\", \"site\", \"link\", \"host\", \"nowhere\" or a number from 0 to 255";
    if let Some(text) = value.value.as_str() {
        let known = SCOPES.iter().find(|(word, _)| *word == text);
        return known
            .map(|(_, scope)| *scope)
            .ok_or_else(|| Wrong::new("has an unknown value", "no scope is called this").help(help));
    }
    let Some(integer) = value.value.as_integer() else {
        return Err(wrong_type("a word or a number", value).help(help));
    };
    let number = u8::try_from(integer).ok();
    number.ok_or_else(|| Wrong::new("is out of range", "must be 0 to 255").help(help))
}
