//! `virtual_routes` and `virtual_rules`: lines in the words of `ip route` and `ip rule`, whose grammar is
//! [`vrrp_config`]'s. Here is what keepalived has besides: families, and what it leaves to the kernel to refuse.

use std::{borrow::Cow, collections::BTreeSet, net::IpAddr};

use vrrp_config::{LineWord, Node, Place, ROUTE, RULE, Takes, VirtualRoute, network, routing_table};

use super::{Context, address, vmac::Macvlans};
use crate::{report::Severity, tree::Statement, words::Word};

/// A line that is carried over.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// In our words.
    words: Vec<Cow<'static, str>>,
    place: Place,
}

impl Entry {
    pub(super) fn to_node(&self, context: &Context<'_>) -> Node {
        context.node(self.words.join(" "), self.place)
    }

    pub(super) fn without_macvlan(&mut self, macvlans: &Macvlans, context: &mut Context<'_>) {
        let mut after = Cow::Borrowed("");
        for word in &mut self.words {
            let before = std::mem::replace(&mut after, word.clone());
            if ["dev", "iif", "oif"].contains(&&*before)
                && let Some(beneath) = macvlans.beneath(word, &before, self.place, context)
            {
                *word = beneath.into();
            }
        }
    }
}

/// Reasons for which a line is not carried over.
enum Stop {
    /// The line is broken, which has been said.
    Fault,
    /// The line is left out, for this reason.
    Left(String),
}

/// A line that is being read.
struct Line<'s, 'c, 'd> {
    words: std::slice::Iter<'s, Word>,
    context: &'c mut Context<'d>,
    /// The destination of a route.
    to: Option<String>,
    /// The kind of a route.
    kind: Option<String>,
    /// The rest, in our words.
    options: Vec<Cow<'static, str>>,
    /// Our words that were there.
    seen: BTreeSet<&'static str>,
    /// IPv6 or IPv4, once anything says so.
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
    read: for<'s, 'c, 'd> fn(&mut Line<'s, 'c, 'd>, &'s Statement) -> Result<(), Stop>,
) -> Vec<Entry> {
    let Some(block) = context.block(statement) else { return Vec::new() };
    context.extra(statement, statement.arguments());
    let mut entries = Vec::new();
    for entry in block {
        context.no_block(entry);
        let (options, seen) = (Vec::new(), BTreeSet::new());
        let words = entry.words.iter();
        let mut line = Line { words, context, to: None, kind: None, options, seen, is_v6: None };
        match read(&mut line, entry) {
            Ok(()) => entries.push(Entry { words: line.in_our_words(), place: entry.place }),
            Err(Stop::Fault) => {}
            Err(Stop::Left(why)) => {
                let line: Vec<&str> = entry.words.iter().map(|word| word.text.as_str()).collect();
                let text = format!("`{}` is left out: {why}", line.join(" "));
                context.report.push(Severity::Unsupported, entry.place, statement.keyword(), text.clone());
                remarks.push(context.remark(entry.place, &format!("{}: {text}", statement.keyword())));
            }
        }
    }
    entries
}

impl<'s> Line<'s, '_, '_> {
    fn route(&mut self, entry: &'s Statement) -> Result<(), Stop> {
        while let Some(word) = self.words.next() {
            match word.text.as_str() {
                kind @ ("unicast" | "blackhole" | "unreachable" | "prohibit") => {
                    self.kind = Some(kind.to_owned());
                }
                "to" => {
                    let destination = self.argument(word)?;
                    self.to = Some(self.destination(destination)?);
                }
                "or" | "nexthop" => {
                    return Err(Stop::Left("routes with several ways are not supported".to_owned()));
                }
                text if self.to.is_none() && (text == "default" || text.contains(['.', ':'])) => {
                    self.to = Some(self.destination(word)?);
                }
                "default" => return Err(self.unknown(word, "ip route")),
                _ => self.option(word, ROUTE, "ip route")?,
            }
        }
        if self.to.is_none() {
            let help = "write [src ADDRESS] DESTINATION via GATEWAY dev INTERFACE";
            let label = "expected an address and a prefix";
            self.context.faults.push(entry.place, "a route without a destination", label, help);
            return Err(Stop::Fault);
        }
        // keepalived leaves it to the kernel, and logs the refusal.
        let refusal = VirtualRoute::refusal(&self.in_our_words().join(" "));
        refusal.map_or(Ok(()), |why| Err(Stop::Left(format!("the kernel takes no such route: it {why}"))))
    }

    fn rule(&mut self, entry: &'s Statement) -> Result<(), Stop> {
        while let Some(word) = self.words.next() {
            self.option(word, RULE, "ip rule")?;
        }
        let is_v6 = self.is_v6 == Some(true);
        if is_v6 && !self.options.iter().any(|word| word == "from" || word == "to") {
            return Err(Stop::Left("a rule of IPv6 without `from` and `to` is not supported".to_owned()));
        }
        if !self.seen.contains("priority") {
            let preference = self.context.next_preferences.take(is_v6);
            self.options.extend(["priority".into(), preference.to_string().into()]);
            let note = "no preference: the one that keepalived gives it is written out";
            self.context.report.push(Severity::Harmless, entry.place, "virtual_rules", note);
        }
        Ok(())
    }

    /// All of it. `no_track` is about an interface; where none is named there is nothing to say.
    fn in_our_words(&self) -> Vec<Cow<'static, str>> {
        let to = self
            .to
            .clone()
            .map(|to| if to == "default" && self.is_v6 == Some(true) { "::/0".to_owned() } else { to });
        let has_interface = ["dev", "iif", "oif"].iter().any(|word| self.seen.contains(word));
        let no_track = (self.seen.contains("no_track") && has_interface).then_some(Cow::Borrowed("no_track"));
        let start = self.kind.clone().into_iter().chain(to).map(Cow::Owned);
        start.chain(self.options.iter().cloned()).chain(no_track).collect()
    }

    /// A word of the grammar, and its value.
    fn option(&mut self, word: &'s Word, grammar: &'static [LineWord], command: &str) -> Result<(), Stop> {
        if let family @ ("inet" | "inet6") = word.text.as_str() {
            return self.family(family == "inet6");
        }
        let Some(known) = LineWord::find(grammar, &word.text) else {
            return Err(self.unknown(word, command));
        };
        self.seen.insert(known.word);
        let value: Cow<'static, str> = match known.takes {
            Takes::Nothing if known.word == "no_track" => {
                let note = "what somebody removes comes back";
                self.context.report.push(Severity::Different, word.place, "no_track", note);
                return Ok(());
            }
            Takes::Nothing => {
                self.options.push(known.word.into());
                return Ok(());
            }
            Takes::Host => self.address(word)?.to_string().into(),
            Takes::Prefix => match self.prefix(word)? {
                Some(prefix) => prefix.into(),
                // `all` is what it is without.
                None => return Ok(()),
            },
            Takes::Interface => address::name(word, &mut self.words, self.context).ok_or(Stop::Fault)?.into(),
            Takes::Number => self.number(word)?.to_string().into(),
            Takes::Table => self.table(word)?.to_string().into(),
            Takes::Code => self.argument(word)?.text.clone().into(),
        };
        self.options.extend([known.word.into(), value]);
        Ok(())
    }

    /// The word after an option.
    fn argument(&mut self, option: &Word) -> Result<&'s Word, Stop> {
        address::argument(option, &mut self.words, self.context).ok_or(Stop::Fault)
    }

    fn number(&mut self, option: &Word) -> Result<i64, Stop> {
        let word = self.argument(option)?;
        if word.text == "lock" {
            return Err(Stop::Left("`lock` is not supported".to_owned()));
        }
        self.context.number(word, 0..=i64::from(u32::MAX)).ok_or(Stop::Fault)
    }

    /// `via inet6 ADDRESS` names the family; so does the address.
    fn address(&mut self, option: &Word) -> Result<IpAddr, Stop> {
        let mut word = self.argument(option)?;
        if let family @ ("inet" | "inet6") = word.text.as_str() {
            self.family(family == "inet6")?;
            word = self.argument(word)?;
        }
        let address = self.context.address(word).ok_or(Stop::Fault)?;
        self.family(address.is_ipv6())?;
        Ok(address)
    }

    /// All of a line is of one family.
    fn family(&mut self, is_v6: bool) -> Result<(), Stop> {
        if *self.is_v6.get_or_insert(is_v6) == is_v6 {
            return Ok(());
        }
        Err(Stop::Left("it mixes IPv4 and IPv6, which keepalived does not take either".to_owned()))
    }

    /// Tables go by number: the names in `rt_tables` are those of a host, which is not looked at.
    fn table(&mut self, option: &Word) -> Result<u32, Stop> {
        let word = self.argument(option)?;
        let number = routing_table(&word.text).or_else(|| word.text.parse().ok());
        number.ok_or_else(|| Stop::Left(format!("give the number of the table `{}`", word.text)))
    }

    /// `from` or `to` of a rule, `None` for `all`.
    fn prefix(&mut self, option: &Word) -> Result<Option<String>, Stop> {
        let word = self.argument(option)?;
        if ["all", "any", "default"].contains(&word.text.as_str()) {
            return Ok(None);
        }
        let (address, length) = self.net(word)?;
        let prefix = network(address, length);
        if prefix != address {
            let note = format!("{address}/{length} is {prefix}/{length}, as for the kernel");
            self.context.report.push(Severity::Harmless, word.place, "virtual_rules", note);
        }
        Ok(Some(format!("{prefix}/{length}")))
    }

    fn destination(&mut self, word: &Word) -> Result<String, Stop> {
        if word.text == "default" {
            return Ok(word.text.clone());
        }
        let (address, length) = self.net(word)?;
        if network(address, length) != address {
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

    /// A word that is none of ours is an option that we have not; anything else is a slip.
    fn unknown(&mut self, word: &Word, command: &str) -> Stop {
        if word.text.starts_with(|c: char| c.is_ascii_alphabetic()) {
            return Stop::Left(format!("`{}` is not supported", word.text));
        }
        self.context.wrong(word, &format!("expected an option of `{command}`"));
        Stop::Fault
    }
}
