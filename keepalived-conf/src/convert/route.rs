//! `virtual_routes` and `virtual_rules`: lines in the words of `ip route` and `ip rule`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use vrrp_config::{Node, Place};

use super::{Context, address, vmac::Macvlans};
use crate::{report::Severity, tree::Statement, words::Word};

/// A line that is carried over.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// In our words.
    words: Vec<String>,
    place: Place,
}

impl Entry {
    pub(super) fn to_node(&self, context: &Context<'_>) -> Node {
        context.node(self.words.join(" "), self.place)
    }

    pub(super) fn without_macvlan(&mut self, macvlans: &Macvlans, context: &mut Context<'_>) {
        let mut after = String::new();
        for word in &mut self.words {
            let before = std::mem::replace(&mut after, word.clone());
            if ["dev", "iif", "oif"].contains(&before.as_str())
                && let Some(beneath) = macvlans.beneath(word, &before, self.place, context)
            {
                *word = beneath;
            }
        }
    }
}

/// Why a line is not carried over.
enum Stop {
    /// It is broken, which has been said.
    Fault,
    /// It is left out: why.
    Left(String),
}

/// Tables that have a name everywhere.
const TABLES: [(&str, u32); 3] = [("default", 253), ("main", 254), ("local", 255)];

const SEVERAL: &str = "routes with several ways are not supported";

/// A line that is being read.
struct Line<'s, 'c, 'd> {
    words: std::slice::Iter<'s, Word>,
    context: &'c mut Context<'d>,
    /// The destination of a route.
    to: Option<String>,
    /// The kind of a route.
    kind: Option<String>,
    /// In our words.
    options: Vec<String>,
    has_preference: bool,
    has_interface: bool,
    no_track: bool,
    /// Whether IPv6, once anything says so.
    is_v6: Option<bool>,
}

/// `virtual_routes`.
pub(super) fn routes(
    statement: &Statement,
    remarks: &mut Vec<String>,
    context: &mut Context<'_>,
) -> Vec<Entry> {
    lines(statement, remarks, context, |line, entry| line.route(entry))
}

/// `virtual_rules`.
pub(super) fn rules(
    statement: &Statement,
    remarks: &mut Vec<String>,
    context: &mut Context<'_>,
) -> Vec<Entry> {
    lines(statement, remarks, context, |line, entry| line.rule(entry))
}

/// The lines of a block that are carried over; remarks on the others.
fn lines(
    statement: &Statement,
    remarks: &mut Vec<String>,
    context: &mut Context<'_>,
    read: for<'s, 'c, 'd> fn(&mut Line<'s, 'c, 'd>, &'s Statement) -> Result<Vec<String>, Stop>,
) -> Vec<Entry> {
    let Some(block) = context.block(statement) else { return Vec::new() };
    context.extra(statement, statement.arguments());
    let mut items = Vec::new();
    for entry in block {
        context.no_block(entry);
        let words = entry.words.iter();
        let (to, kind, options) = (None, None, Vec::new());
        let (has_preference, has_interface, no_track) = (false, false, false);
        let is_v6 = None;
        let mut line =
            Line { words, context, to, kind, options, has_preference, has_interface, no_track, is_v6 };
        match read(&mut line, entry) {
            Ok(words) => items.push(Entry { words, place: entry.place }),
            Err(Stop::Fault) => {}
            Err(Stop::Left(why)) => {
                let line: Vec<&str> = entry.words.iter().map(|word| word.text.as_str()).collect();
                let text = format!("`{}` is left out: {why}", line.join(" "));
                context.report.push(Severity::Unsupported, entry.place, statement.keyword(), text.clone());
                let text = format!("{}: {text}", statement.keyword());
                remarks.push(context.remark(entry.place, &text));
            }
        }
    }
    items
}

impl<'s> Line<'s, '_, '_> {
    fn route(&mut self, entry: &'s Statement) -> Result<Vec<String>, Stop> {
        while let Some(word) = self.words.next() {
            match word.text.as_str() {
                kind @ ("unicast" | "blackhole" | "unreachable" | "prohibit") => {
                    self.kind = Some(kind.to_owned());
                }
                "to" => {
                    let destination = self.argument(word)?;
                    self.to = Some(self.destination(destination)?);
                }
                family @ ("inet" | "inet6") => self.family(family == "inet6")?,
                "via" | "gw" => self.address(word, "via")?,
                "src" => self.address(word, "src")?,
                "dev" | "oif" => self.interface(word, "dev")?,
                "table" => self.table(word)?,
                "metric" | "priority" | "preference" => self.number(word, "metric")?,
                "scope" => self.as_it_is(word, "scope")?,
                "protocol" => self.as_it_is(word, "proto")?,
                "mtu" => self.number(word, "mtu")?,
                "onlink" => self.options.push("onlink".to_owned()),
                "no_track" => self.no_track(word),
                "or" | "nexthop" => return Err(Stop::Left(SEVERAL.to_owned())),
                text if self.to.is_none() && (text == "default" || text.contains(['.', ':'])) => {
                    self.to = Some(self.destination(word)?);
                }
                _ => return Err(self.unknown(word, "ip route")),
            }
        }
        let Some(to) = self.to.take() else {
            let help = "write [src ADDRESS] DESTINATION via GATEWAY dev INTERFACE";
            let label = "expected an address and a prefix";
            self.context.faults.push(entry.place, "a route without a destination", label, help);
            return Err(Stop::Fault);
        };
        self.leads()?;
        self.end();
        let of_v6 = self.is_v6 == Some(true) && to == "default";
        let to = if of_v6 { "::/0".to_owned() } else { to };
        Ok(self.kind.take().into_iter().chain([to]).chain(self.options.drain(..)).collect())
    }

    /// Whether the kernel takes it: keepalived leaves that to the kernel, and logs the refusal.
    fn leads(&self) -> Result<(), Stop> {
        let has = |option: &str| self.options.iter().any(|given| given == option);
        let (via, dev, onlink) = (has("via"), has("dev"), has("onlink"));
        let left = |why: &str| Err(Stop::Left(format!("the kernel takes no such route: {why}")));
        match self.kind.as_deref().unwrap_or("unicast") {
            "unicast" if !via && !dev => left("neither `via` nor `dev`"),
            "unicast" if onlink && !(via && dev) => left("`onlink` needs `via` and `dev`"),
            "unicast" => Ok(()),
            _ if via || dev || onlink => left("it leads nowhere, and has `via`, `dev` or `onlink`"),
            _ => Ok(()),
        }
    }

    fn rule(&mut self, entry: &'s Statement) -> Result<Vec<String>, Stop> {
        while let Some(word) = self.words.next() {
            match word.text.as_str() {
                option @ ("not" | "blackhole" | "unreachable" | "prohibit") => {
                    self.options.push(option.to_owned());
                }
                family @ ("inet" | "inet6") => self.family(family == "inet6")?,
                "from" | "to" => self.prefix(word)?,
                "iif" | "dev" => self.interface(word, "iif")?,
                "oif" => self.interface(word, "oif")?,
                option @ ("tos" | "fwmark") => self.as_it_is(word, option)?,
                "table" | "lookup" => self.table(word)?,
                "priority" | "preference" | "order" => {
                    self.number(word, "priority")?;
                    self.has_preference = true;
                }
                "no_track" => self.no_track(word),
                _ => return Err(self.unknown(word, "ip rule")),
            }
        }
        if self.is_v6 == Some(true) && !self.options.iter().any(|word| word == "from" || word == "to") {
            return Err(Stop::Left("a rule of IPv6 without `from` and `to` is not supported".to_owned()));
        }
        if !self.has_preference {
            let preference = self.context.next_preferences.take(self.is_v6 == Some(true));
            self.options.extend(["priority".to_owned(), preference.to_string()]);
            let note = "no preference: the one that keepalived gives it is written out";
            self.context.report.push(Severity::Harmless, entry.place, "virtual_rules", note);
        }
        self.end();
        Ok(self.options.drain(..).collect())
    }

    fn interface(&mut self, option: &Word, ours: &str) -> Result<(), Stop> {
        self.has_interface = true;
        let name = address::name(option, &mut self.words, self.context).ok_or(Stop::Fault)?;
        self.options.extend([ours.to_owned(), name]);
        Ok(())
    }

    /// `no_track` is about an interface; where none is named there is nothing to say.
    fn end(&mut self) {
        if self.no_track && self.has_interface {
            self.options.push("no_track".to_owned());
        }
    }

    /// The word after an option.
    fn argument(&mut self, option: &Word) -> Result<&'s Word, Stop> {
        address::argument(option, &mut self.words, self.context).ok_or(Stop::Fault)
    }

    /// An option whose value is the same in our words.
    fn as_it_is(&mut self, option: &Word, ours: &str) -> Result<(), Stop> {
        let value = self.argument(option)?.text.clone();
        self.options.extend([ours.to_owned(), value]);
        Ok(())
    }

    fn number(&mut self, option: &Word, ours: &str) -> Result<(), Stop> {
        let word = self.argument(option)?;
        if word.text == "lock" {
            return Err(Stop::Left("`lock` is not supported".to_owned()));
        }
        let number = self.context.number(word, 0..=i64::from(u32::MAX)).ok_or(Stop::Fault)?;
        self.options.extend([ours.to_owned(), number.to_string()]);
        Ok(())
    }

    /// `via inet6 ADDRESS` names the family; so does the address.
    fn address(&mut self, option: &Word, ours: &str) -> Result<(), Stop> {
        let mut word = self.argument(option)?;
        if let family @ ("inet" | "inet6") = word.text.as_str() {
            self.family(family == "inet6")?;
            word = self.argument(word)?;
        }
        let address = self.context.address(word).ok_or(Stop::Fault)?;
        self.family(address.is_ipv6())?;
        self.options.extend([ours.to_owned(), address.to_string()]);
        Ok(())
    }

    /// All of a line is of one family.
    fn family(&mut self, is_v6: bool) -> Result<(), Stop> {
        if *self.is_v6.get_or_insert(is_v6) == is_v6 {
            return Ok(());
        }
        Err(Stop::Left("it mixes IPv4 and IPv6, which keepalived does not take either".to_owned()))
    }

    fn table(&mut self, option: &Word) -> Result<(), Stop> {
        let word = self.argument(option)?;
        let named = TABLES.iter().find(|(name, _)| *name == word.text).map(|(_, number)| *number);
        let Some(number) = named.or_else(|| word.text.parse().ok()) else {
            return Err(Stop::Left(format!("give the number of the table `{}`", word.text)));
        };
        self.options.extend(["table".to_owned(), number.to_string()]);
        Ok(())
    }

    /// `from` or `to` of a rule; `all` is what it is without.
    fn prefix(&mut self, option: &Word) -> Result<(), Stop> {
        let word = self.argument(option)?;
        if !["all", "any", "default"].contains(&word.text.as_str()) {
            let (address, length) = self.net(word)?;
            let prefix = masked(address, length);
            if prefix != address {
                let note = format!("{address}/{length} is {prefix}/{length}, as for the kernel");
                self.context.report.push(Severity::Harmless, word.place, "virtual_rules", note);
            }
            self.options.extend([option.text.clone(), format!("{prefix}/{length}")]);
        }
        Ok(())
    }

    fn destination(&mut self, word: &Word) -> Result<String, Stop> {
        if word.text == "default" {
            return Ok(word.text.clone());
        }
        let (address, length) = self.net(word)?;
        if masked(address, length) != address {
            let why =
                format!("the kernel takes no route with bits behind its /{length}, from keepalived neither");
            return Err(Stop::Left(why));
        }
        Ok(format!("{address}/{length}"))
    }

    fn net(&mut self, word: &Word) -> Result<(IpAddr, u8), Stop> {
        let (address, length) = self.context.net(word).ok_or(Stop::Fault)?;
        self.family(address.is_ipv6())?;
        Ok((address, length))
    }

    fn no_track(&mut self, word: &Word) {
        self.no_track = true;
        let note = "what somebody removes comes back";
        self.context.report.push(Severity::Different, word.place, "no_track", note);
    }

    /// A word that is none of ours is an option that we have not; anything else is a slip.
    fn unknown(&mut self, word: &Word, command: &str) -> Stop {
        if word.text.starts_with(|c: char| c.is_ascii_alphabetic()) {
            return Stop::Left(format!("`{}` is not supported", word.text));
        }
        self.context.wrong(word, &format!("expected an option of `{command}`"));
        Stop::Fault
    }
}

/// The address without the bits behind the prefix.
fn masked(address: IpAddr, length: u8) -> IpAddr {
    match address {
        IpAddr::V4(address) => {
            let kept = u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0);
            Ipv4Addr::from_bits(address.to_bits() & kept).into()
        }
        IpAddr::V6(address) => {
            let kept = u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0);
            Ipv6Addr::from_bits(address.to_bits() & kept).into()
        }
    }
}
