//! The addresses in a configuration: virtual ones, and the source of adverts.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde_json::Value as Json;

use super::{
    VirtualAddress,
    key::Group as _,
    keys::{At, Wrong, string, wrong_type},
    place::Place,
    problem::{Findings, Problem},
    schema::either,
    table::AddressKeys,
    tree::{Node, Table, Value},
    types::{Inline, List, Own, Type, keys_within, place_of, report, shown, within},
    write::scope_word,
};

/// `scope`, as iproute2 calls the numbers.
pub(super) const SCOPES: [(&str, u8); 5] =
    [("global", 0), ("site", 200), ("link", 253), ("host", 254), ("nowhere", 255)];

/// The longest label that the kernel takes, in bytes (IFNAMSIZ − 1).
const MAX_LABEL: usize = 15;

/// An address and its prefix.
pub(crate) type Net = (Ipv4Addr, u8);

/// An address with its prefix.
pub(crate) const NET: Own<Net> = Own {
    text: "IPv4 address and prefix, /0 to /32",
    schema: r#"{ "type": "string", "pattern": "^[0-9]+([.][0-9]+){3}(/[0-9]+)?$" }"#,
    read: |node| virtual_net(&string(node)?),
    write: |(address, length)| format!("{address}/{length}").into(),
};

/// A scope, as a word or a number.
pub(crate) const SCOPE: Own<u8> = Own {
    text: "`\"global\"`, `\"site\"`, `\"link\"`, `\"host\"`, `\"nowhere\"`, or 0 to 255",
    schema: r#"{ "anyOf": [
        { "enum": ["global", "site", "link", "host", "nowhere"] },
        { "type": "integer", "minimum": 0, "maximum": 255 }
    ] }"#,
    read: scope,
    write: |scope| {
        let is_word = SCOPES.iter().any(|(_, number)| number == scope);
        if is_word { scope_word(*scope).into() } else { (*scope).into() }
    },
};

/// An address with its prefix, or a table with one.
pub(crate) struct Entry;

impl Type for Entry {
    type Out = VirtualAddress;

    fn read(
        &self,
        key: &'static str,
        path: &str,
        node: &Node,
        findings: &mut Findings,
    ) -> Option<VirtualAddress> {
        let Some(table) = node.value.as_table() else {
            let (address, prefix_len) =
                report(string_or_table(node).and_then(|text| virtual_net(&text)), path, node, findings)?;
            return Some(plain(address, prefix_len));
        };
        let AddressKeys { address, dev, brd, label, scope, no_track } = within(key, table, findings);
        if address.is_absent() {
            let title = format!("`{key}` has no address");
            let problem = Problem::new(title, node.place, "no `address` in here");
            findings.push(problem.help("write { address = \"192.0.2.51/24\", ... }").absence());
        }
        if let Some(At { place, .. }) = no_track.given().filter(|at| at.value && dev.is_absent()) {
            findings.push(without_dev(key, *place));
        }
        let (ip, prefix_len) = address.value()?;
        Some(VirtualAddress {
            dev: dev.optional()?,
            broadcast: brd.optional()?,
            label: label.optional()?,
            scope: scope.value()?,
            no_track: no_track.value()?,
            ..plain(ip, prefix_len)
        })
    }

    /// Writes an address that has nothing else as a string.
    fn write(&self, entry: &VirtualAddress) -> Value {
        let VirtualAddress { address, prefix_len, dev, broadcast, label, no_track, scope } = entry.clone();
        let net = v4(address).map(|address| (address, prefix_len));
        let keys = AddressKeys {
            address: net.into(),
            dev: dev.into(),
            brd: broadcast.into(),
            label: label.into(),
            scope: Some(scope).filter(|scope| *scope != 0).into(),
            no_track: Some(no_track).filter(|set| *set).into(),
        };
        let mut table = Table::default();
        keys.write(&mut table);
        match (net, &table.entries[..]) {
            (Some(net), [_]) => NET.write(&net),
            (_, _) => table.into(),
        }
    }

    fn place(&self, node: &Node) -> Place {
        place_of("address", node)
    }

    fn text(&self) -> String {
        "address or table".to_owned()
    }

    fn schema(&self) -> Json {
        either(&NET, &Inline::<AddressKeys>::new(""))
    }

    fn words(&self) -> Vec<String> {
        keys_within::<AddressKeys>()
    }
}

/// The addresses of an advert.
pub(crate) struct Advertised;

/// List of as many addresses as an advert has room for.
const ADVERTISED: List<Entry> = List {
    of: Entry,
    lengths: 1..=255,
    text: "list of 1 to 255 addresses",
    example: "virtual_ipaddress = [\"192.0.2.51/24\"]",
};

impl Type for Advertised {
    type Out = Vec<At<VirtualAddress>>;

    fn read(&self, key: &'static str, path: &str, node: &Node, findings: &mut Findings) -> Option<Self::Out> {
        let wrong = match node.value.as_list().map(<[Node]>::len) {
            Some(0) => Wrong::new("is empty", "must have at least one address")
                .help(format!("write {}", ADVERTISED.example)),
            Some(many @ 256..) => {
                let label = format!("{many} addresses; an advert has room for 255");
                let help =
                    "move some to virtual_ipaddress_excluded, or to a router with another virtual_router_id";
                Wrong::new("is too long", label).help(help)
            }
            Some(_) | None => return ADVERTISED.read(key, path, node, findings),
        };
        report(Err(wrong), path, node, findings)
    }

    fn write(&self, addresses: &Self::Out) -> Value {
        ADVERTISED.write(addresses)
    }

    fn text(&self) -> String {
        ADVERTISED.text()
    }

    fn schema(&self) -> Json {
        ADVERTISED.schema()
    }

    fn words(&self) -> Vec<String> {
        ADVERTISED.words()
    }
}

/// The addresses that are in no advert.
pub(crate) const EXCLUDED: List<Entry> = List {
    of: Entry,
    lengths: 0..=65_535,
    text: "list of up to 65535 addresses",
    example: "virtual_ipaddress_excluded = [\"192.0.2.52/24\"]",
};

/// A JSON Schema of an IPv4 address.
const IPV4: &str = r#"{ "type": "string", "format": "ipv4" }"#;

/// The source of adverts.
pub(crate) const SOURCE: Own<Ipv4Addr> = Own { text: "address", schema: IPV4, read: source, write: shown };
/// Another box.
pub(crate) const PEER: Own<Ipv4Addr> = Own { text: "IPv4 address", schema: IPV4, read: peer, write: shown };
/// A broadcast address.
pub(crate) const BROADCAST: Own<Ipv4Addr> =
    Own { text: "IPv4 address", schema: IPV4, read: broadcast, write: shown };
/// A label.
pub(crate) const LABEL: Own<String> = Own {
    text: "1 to 15 bytes",
    schema: r#"{ "type": "string", "minLength": 1, "maxLength": 15 }"#,
    read: label,
    write: shown,
};

/// The address if it is one of IPv4, the only ones that are read so far.
pub(crate) fn v4(address: IpAddr) -> Option<Ipv4Addr> {
    match address {
        IpAddr::V4(address) => Some(address),
        IpAddr::V6(_) => None,
    }
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
fn source(value: &Node) -> Result<Ipv4Addr, Wrong> {
    let text = string(value)?;
    let address = ipv4(&text)?;
    match unusable(address) {
        None => Ok(address),
        Some(kind) => Err(Wrong::new("cannot be the source of adverts", kind)
            .help("name an address of the interface, or leave the key out for its first one")),
    }
}

/// `unicast_peer`: an address that a host can send to.
fn peer(value: &Node) -> Result<Ipv4Addr, Wrong> {
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

/// Reason why no host can have that address.
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
