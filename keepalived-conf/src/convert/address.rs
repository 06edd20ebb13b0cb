//! `virtual_ipaddress` and `virtual_ipaddress_excluded`.

use std::net::{IpAddr, Ipv4Addr};

use vrrp_config::{Node, Place, Table, Value, no_virtual_address};

use super::{Context, value::IPV6, vmac::Macvlans};
use crate::{report::Severity, tree::Statement, words::Word};

/// One virtual address.
#[derive(Clone, Debug)]
pub(crate) struct Vip {
    address: IpAddr,
    length: u8,
    place: Place,
    /// `dev`, `label`, `scope` and `brd`, as they are in TOML.
    options: Table,
    no_track: bool,
}

/// Options that keepalived has and the configuration has not.
const LEFT_OUT: [(&str, bool, Severity, &str); 8] = [
    ("peer", true, Severity::Unsupported, "addresses of point-to-point links are not supported"),
    ("home", false, Severity::Harmless, "for IPv6 only"),
    ("-nodad", false, Severity::Harmless, "for IPv6 only"),
    ("nodad", false, Severity::Harmless, "for IPv6 only"),
    ("mngtmpaddr", false, Severity::Harmless, "for IPv6 only"),
    ("noprefixroute", false, Severity::Unsupported, "the kernel adds the route of the prefix"),
    ("autojoin", false, Severity::Unsupported, "multicast addresses are not joined"),
    ("preferred_lft", true, Severity::Unsupported, "addresses have no lifetime"),
];

/// The addresses of a block; those that are not carried over are in the report.
pub(super) fn addresses(statement: &Statement, context: &mut Context<'_>) -> Vec<Vip> {
    let Some(block) = context.block(statement) else { return Vec::new() };
    context.extra(statement, statement.arguments());
    let mut found: Vec<Vip> = Vec::new();
    for line in block {
        context.no_block(line);
        let Some(vip) = address(statement.keyword(), line, context) else { continue };
        if found.iter().any(|known| known.address == vip.address) {
            let note = format!("{} twice: once here; keepalived adds and advertises it twice", vip.address);
            context.report.push(Severity::Different, vip.place, statement.keyword(), note);
        } else {
            found.push(vip);
        }
    }
    found
}

fn address(keyword: &str, line: &Statement, context: &mut Context<'_>) -> Option<Vip> {
    let (first, options) = line.words.split_first()?;
    let (address, length) = context.net(first)?;
    if let IpAddr::V4(v4) = address
        && let Some(why) = no_virtual_address(v4, length)
    {
        let note = format!("{address} is left out: {why}");
        context.report.push(Severity::Unsupported, line.place, keyword, note);
        return None;
    }
    let mut vip = Vip { address, length, place: line.place, options: Table::default(), no_track: false };
    let mut options = options.iter();
    while let Some(option) = options.next() {
        vip.option(keyword, option, &mut options, context)?;
    }
    Some(vip)
}

impl Vip {
    fn option<'w>(
        &mut self,
        keyword: &str,
        option: &Word,
        rest: &mut impl Iterator<Item = &'w Word>,
        context: &mut Context<'_>,
    ) -> Option<()> {
        match option.text.as_str() {
            key @ ("dev" | "label") => self.set(key, name(option, rest, context)?),
            "scope" => self.set("scope", scope(argument(option, rest, context)?, context)?),
            "brd" | "broadcast" => {
                let word = argument(option, rest, context)?;
                self.set("brd", self.broadcast_of(word, context)?.to_string());
            }
            "no_track" => {
                self.no_track = true;
                let note = "`no_track`: an address that somebody removes comes back";
                context.report.push(Severity::Different, option.place, keyword, note);
            }
            "use_vmac" => {
                let note = "every address goes by `use_vmac` of its router";
                context.report.push(
                    Severity::Different,
                    option.place,
                    keyword,
                    format!("`use_vmac`: {note}"),
                );
            }
            word => {
                let Some((word, takes_value, severity, note)) = LEFT_OUT.iter().find(|known| known.0 == word)
                else {
                    context.wrong(option, "expected dev, label, scope, brd or the end of the line");
                    return None;
                };
                if *takes_value {
                    argument(option, rest, context)?;
                }
                context.report.push(*severity, option.place, keyword, format!("`{word}`: {note}"));
            }
        }
        Some(())
    }

    /// Sets an option; the last of several counts.
    fn set(&mut self, key: &str, value: impl Into<Value>) {
        self.options.replace(key, Node::new(value, self.place));
    }

    /// `+` and `-` set and clear the bits behind the prefix.
    fn broadcast_of(&self, word: &Word, context: &mut Context<'_>) -> Option<Ipv4Addr> {
        let IpAddr::V4(address) = self.address else {
            context.wrong(word, "expected no broadcast address with IPv6");
            return None;
        };
        let host_bits = u32::MAX.checked_shr(u32::from(self.length)).unwrap_or(0);
        if ["+", "-"].contains(&word.text.as_str()) && self.length > 30 {
            context.wrong(word, "expected a broadcast address: a prefix longer than /30 has none");
            return None;
        }
        match word.text.as_str() {
            "+" => Some(Ipv4Addr::from(u32::from(address) | host_bits)),
            "-" => Some(Ipv4Addr::from(u32::from(address) & !host_bits)),
            _ => context.ipv4("brd", word),
        }
    }

    pub(super) fn without_macvlan(&mut self, macvlans: &Macvlans, context: &mut Context<'_>) {
        let beneath =
            self.options.text("dev").and_then(|dev| macvlans.beneath(dev, "dev", self.place, context));
        if let Some(beneath) = beneath {
            self.set("dev", beneath);
        }
    }

    /// The interface that it is kept on if it is another one that neighbours are on.
    pub(super) fn device(&self) -> Option<&str> {
        self.options.text("dev").filter(|dev| *dev != "lo")
    }

    pub(super) fn address(&self) -> IpAddr {
        self.address
    }

    pub(super) fn place(&self) -> Place {
        self.place
    }

    /// Its entry in a list.
    pub(super) fn into_node(mut self, context: &Context<'_>) -> Node {
        // Whether an interface may be down is said of one that is named: the router's own has a key of its own for it.
        if self.no_track && self.options.get("dev").is_some() {
            self.set("no_track", true);
        }
        let net = format!("{}/{}", self.address, self.length);
        context.entry("address", net, self.options, self.place)
    }
}

/// The word after an option.
pub(super) fn argument<'w>(
    option: &Word,
    rest: &mut impl Iterator<Item = &'w Word>,
    context: &mut Context<'_>,
) -> Option<&'w Word> {
    let found = rest.next();
    if found.is_none() {
        let title = format!("`{}` without a value", option.text);
        context.faults.push(option.place, title, "expected a value after this", "see keepalived.conf(5)");
    }
    found
}

/// The name after an option.
pub(super) fn name<'w>(
    option: &Word,
    rest: &mut impl Iterator<Item = &'w Word>,
    context: &mut Context<'_>,
) -> Option<String> {
    let word = argument(option, rest, context)?;
    context.is_defined(word).then(|| word.text.clone())
}

/// A scope by name or number.
fn scope(word: &Word, context: &mut Context<'_>) -> Option<Value> {
    if ["global", "site", "link", "host", "nowhere"].contains(&word.text.as_str()) {
        return Some(word.text.as_str().into());
    }
    context.number(word, 0..=255).map(Value::from)
}

/// Addresses of IPv4; the others are in the report.
pub(super) fn only_ipv4(keyword: &str, vips: Vec<Vip>, context: &mut Context<'_>) -> Vec<Vip> {
    let (v4, v6): (Vec<_>, Vec<_>) = vips.into_iter().partition(|vip| vip.address.is_ipv4());
    for vip in v6 {
        let note = format!("{} is left out: {IPV6}", vip.address);
        context.report.push(Severity::Unsupported, vip.place, keyword, note);
    }
    v4
}
