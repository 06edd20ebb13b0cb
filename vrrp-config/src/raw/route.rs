//! `virtual_routes`.

use crate::tree::Node;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{
    super::{
        Prefix, RouteKind, VirtualRoute,
        keys::{At, Wrong},
        problem::Findings,
    },
    instance::interface_name,
    words::{self, Fault, LineWord, Takes, Word, Words},
};

const KINDS: [(&str, RouteKind); 4] = [
    ("unicast", RouteKind::Unicast),
    ("blackhole", RouteKind::Blackhole),
    ("unreachable", RouteKind::Unreachable),
    ("prohibit", RouteKind::Prohibit),
];

/// The words of a route, but for an address alone, which is its destination.
pub const ROUTE: &[LineWord] = &[
    LineWord::new("to", Takes::Prefix),
    LineWord::new("via", Takes::Host).or(&["gw"]),
    LineWord::new("dev", Takes::Interface).or(&["oif"]),
    LineWord::new("src", Takes::Host).or(&["from"]),
    LineWord::new("metric", Takes::Number).or(&["priority", "preference"]),
    LineWord::new("table", Takes::Table),
    LineWord::new("scope", Takes::Code),
    LineWord::new("proto", Takes::Code).or(&["protocol"]),
    LineWord::new("onlink", Takes::Nothing),
    LineWord::new("mtu", Takes::Number),
    LineWord::new("no_track", Takes::Nothing),
    LineWord::new("default", Takes::Nothing),
    LineWord::new("blackhole", Takes::Nothing),
    LineWord::new("unreachable", Takes::Nothing),
    LineWord::new("prohibit", Takes::Nothing),
];

/// What has been read of a line.
#[derive(Default)]
struct Draft {
    kind: Option<RouteKind>,
    /// `None` within: `default`.
    to: Option<Option<Prefix>>,
    via: Option<IpAddr>,
    dev: Option<String>,
    src: Option<IpAddr>,
    metric: Option<u32>,
    table: Option<u32>,
    scope: Option<u8>,
    protocol: Option<u8>,
    onlink: bool,
    mtu: Option<u32>,
    no_track: bool,
}

/// One entry, `None` if something was reported.
pub(super) fn entry(value: &Node, findings: &mut Findings) -> Option<At<VirtualRoute>> {
    words::line("virtual_routes", value, findings, parse)
}

fn parse(words: &mut Words<'_>) -> Result<VirtualRoute, Fault> {
    let mut draft = Draft::default();
    while let Some(word) = words.next() {
        draft.take(&word, words)?;
    }
    draft.finish(words)
}

impl VirtualRoute {
    /// Why the kernel would refuse the route of a `line` in which each word is well.
    #[must_use]
    pub fn refusal(line: &str) -> Option<String> {
        parse(&mut Words::of(line)).err()?.of_all()
    }
}

impl Draft {
    fn take(&mut self, word: &Word<'_>, words: &mut Words<'_>) -> Result<(), Fault> {
        match words::meant(ROUTE, word) {
            "to" => words.option(word, &mut self.to, destination),
            "via" => words.option(word, &mut self.via, words::host),
            "dev" => words.option(word, &mut self.dev, |text| interface_name(text.to_owned())),
            "src" => words.option(word, &mut self.src, words::host),
            "metric" => words.option(word, &mut self.metric, words::number32),
            "table" => words.option(word, &mut self.table, words::table),
            "scope" => words.option(word, &mut self.scope, words::scope),
            "proto" => words.option(word, &mut self.protocol, protocol),
            "mtu" => words.option(word, &mut self.mtu, mtu),
            "onlink" => {
                self.onlink = true;
                Ok(())
            }
            "nexthop" | "or" | "weight" => {
                let wrong = Wrong::new("has several ways", "routes with several ways are not supported");
                Err(word.fault(wrong.help("use one `via`, or two routes with different metrics")))
            }
            "no_track" => {
                self.no_track = true;
                Ok(())
            }
            text => self.kind_or_destination(word, text),
        }
    }

    fn kind_or_destination(&mut self, word: &Word<'_>, text: &str) -> Result<(), Fault> {
        if let Some((_, kind)) = KINDS.iter().find(|(name, _)| *name == text) {
            let twice = || word.fault(Wrong::new("has an option twice", "again a kind of route"));
            return self.kind.replace(*kind).map_or(Ok(()), |_| Err(twice()));
        }
        let is_address = text == "default" || text.starts_with(|c: char| c.is_ascii_hexdigit() || c == ':');
        match destination(text) {
            Ok(to) if self.to.is_none() => self.to = Some(to),
            Ok(_) => return Err(word.fault(Wrong::new("has two destinations", "again a destination"))),
            Err(wrong) if is_address && text.contains(['.', ':', '/']) => return Err(word.fault(wrong)),
            Err(_) => return Err(words::unknown(word, ROUTE)),
        }
        Ok(())
    }

    /// What the kernel would refuse is refused here.
    fn finish(self, line: &Words<'_>) -> Result<VirtualRoute, Fault> {
        let kind = self.kind.unwrap_or(RouteKind::Unicast);
        let has_way = self.via.is_some() || self.dev.is_some();
        let is_v6 = [self.via, self.src].iter().flatten().any(IpAddr::is_ipv6);
        let any = if is_v6 { Ipv6Addr::UNSPECIFIED.into() } else { Ipv4Addr::UNSPECIFIED.into() };
        let to = self.to.map(|to| to.unwrap_or(Prefix { address: any, length: 0 }));
        let example = "write it like \"10.0.0.0/8 via 192.0.2.1 dev eth1\"";
        let wrong = |what: &str, label: &str| line.fault(Wrong::new(what, label).help(example));
        let Some(to) = to else { return Err(wrong("has no destination", "where does this route lead?")) };
        let families = [self.via, self.src].into_iter().flatten().map(|address| address.is_ipv6());
        if families.into_iter().any(|is_v6| is_v6 != to.address.is_ipv6()) {
            return Err(wrong("mixes IPv4 and IPv6", "all addresses of a route are of one family"));
        }
        match kind {
            RouteKind::Unicast if !has_way => {
                return Err(wrong("has no way", "neither `via` nor `dev`"));
            }
            RouteKind::Unicast if self.onlink && !(self.via.is_some() && self.dev.is_some()) => {
                return Err(wrong("is incomplete", "`onlink` needs `via` and `dev`"));
            }
            RouteKind::Unicast if self.no_track && self.dev.is_none() => {
                return Err(wrong("has `no_track` without `dev`", "which interface?"));
            }
            RouteKind::Blackhole | RouteKind::Unreachable | RouteKind::Prohibit
                if has_way || self.onlink || self.no_track =>
            {
                return Err(wrong("leads nowhere", "with neither `via` nor `dev`"));
            }
            RouteKind::Unicast | RouteKind::Blackhole | RouteKind::Unreachable | RouteKind::Prohibit => {}
        }
        let Self { via, dev, src, metric, table, scope, protocol, onlink, mtu, no_track, .. } = self;
        Ok(VirtualRoute { kind, to, via, dev, src, metric, table, scope, protocol, onlink, mtu, no_track })
    }
}

fn destination(text: &str) -> Result<Option<Prefix>, Wrong> {
    if text == "default" { Ok(None) } else { words::prefix(text).map(Some) }
}

fn mtu(text: &str) -> Result<u32, Wrong> {
    let must = "a number of bytes from 68 to 65535";
    let bytes = words::number::<u32>(text, must)?;
    let wrong = || Wrong::new("has a bad number", format!("must be {must}"));
    (68..=65_535).contains(&bytes).then_some(bytes).ok_or_else(wrong)
}

fn protocol(text: &str) -> Result<u8, Wrong> {
    match text {
        "kernel" => Ok(2),
        "boot" => Ok(3),
        "static" => Ok(4),
        "keepalived" => Ok(18),
        _ => words::number(text, "kernel, boot, static, keepalived or 0 to 255"),
    }
}
