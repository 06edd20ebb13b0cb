//! Routes and rules are lines of words, as `ip route` takes them. Which word is wrong is shown.

use crate::tree::Node;
use std::{net::IpAddr, ops::Range};

use super::super::{
    Prefix,
    address::SCOPES,
    keys::{At, Wrong, string},
    problem::Findings,
    vocabulary,
};

/// A word and where it stands in its line.
#[derive(Clone, Debug)]
pub(super) struct Word<'l> {
    pub(super) text: &'l str,
    start: usize,
}

/// What is wrong with a line, and at which of its bytes.
pub(super) struct Fault {
    at: Range<usize>,
    wrong: Wrong,
    /// Each of its words is well, and they do not go together.
    is_of_all: bool,
}

impl Fault {
    /// Why the words do not go together, if that is what is wrong.
    pub(super) fn of_all(self) -> Option<String> {
        self.is_of_all.then(|| self.wrong.sentence())
    }
}

impl Word<'_> {
    pub(super) fn fault(&self, wrong: Wrong) -> Fault {
        Fault { at: self.start..self.start + self.text.len(), wrong, is_of_all: false }
    }
}

/// The rest of a line.
pub(super) struct Words<'l> {
    line: &'l str,
    rest: &'l str,
}

impl<'l> Words<'l> {
    pub(super) fn of(line: &'l str) -> Self {
        Self { line, rest: line }
    }

    pub(super) fn next(&mut self) -> Option<Word<'l>> {
        let rest = self.rest.trim_start();
        let text = rest.split_whitespace().next()?;
        self.rest = &rest[text.len()..];
        Some(Word { text, start: self.line.len() - rest.len() })
    }

    /// The word that `option` takes, as `reader` sees it, into the `slot`, which it must be the first to fill.
    pub(super) fn option<T>(
        &mut self,
        option: &Word<'_>,
        slot: &mut Option<T>,
        reader: impl FnOnce(&str) -> Result<T, Wrong>,
    ) -> Result<(), Fault> {
        if slot.is_some() {
            return Err(option.fault(Wrong::new("has an option twice", "again here")));
        }
        let value = self.next().ok_or_else(|| {
            let label = format!("`{}` without a value", option.text);
            option.fault(Wrong::new("ends too early", label))
        })?;
        *slot = Some(reader(value.text).map_err(|wrong| value.fault(wrong))?);
        Ok(())
    }

    /// Something is wrong with the line as a whole.
    pub(super) fn fault(&self, wrong: Wrong) -> Fault {
        Fault { at: 0..self.line.len(), wrong, is_of_all: true }
    }
}

/// One entry of the list `key`.
pub(super) fn line<T>(
    key: &'static str,
    value: &Node,
    findings: &mut Findings,
    parse: impl FnOnce(&mut Words<'_>) -> Result<T, Fault>,
) -> Option<At<T>> {
    let place = value.place;
    let text = match string(value) {
        Ok(text) => text,
        Err(wrong) => {
            findings.push(wrong.at(key, place));
            return None;
        }
    };
    match parse(&mut Words::of(&text)) {
        Ok(value) => Some(At { value, place }),
        Err(Fault { at, wrong, .. }) => {
            findings.push(wrong.at(key, place).within(&text, at));
            None
        }
    }
}

/// One word that a line may have.
#[derive(Clone, Copy, Debug)]
pub struct LineWord {
    /// The word that is written.
    pub word: &'static str,
    /// Words of `ip` and of keepalived that mean the same.
    pub others: &'static [&'static str],
    /// The value that follows it.
    pub takes: Takes,
}

/// The value of a word in a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    /// None: the word stands alone.
    Nothing,
    /// An address of a host.
    Host,
    /// An address and its prefix.
    Prefix,
    /// The name of an interface.
    Interface,
    /// A number of 32 bits.
    Number,
    /// A routing table, by number or as `main`, `local` or `default`.
    Table,
    /// A number or a name of a number.
    Code,
}

impl LineWord {
    pub(super) const fn new(word: &'static str, takes: Takes) -> Self {
        Self { word, others: &[], takes }
    }

    pub(super) const fn or(self, others: &'static [&'static str]) -> Self {
        Self { others, ..self }
    }

    /// The one of `grammar` that is meant by `text`.
    #[must_use]
    pub fn find(grammar: &'static [Self], text: &str) -> Option<&'static Self> {
        grammar.iter().find(|one| one.word == text || one.others.contains(&text))
    }
}

/// The word that is meant, as it is written; itself if the grammar has none such.
pub(super) fn meant<'l>(grammar: &'static [LineWord], word: &Word<'l>) -> &'l str {
    LineWord::find(grammar, word.text).map_or(word.text, |known| known.word)
}

/// The fault of a word that is none of the grammar.
pub(super) fn unknown(word: &Word<'_>, grammar: &'static [LineWord]) -> Fault {
    let known = || grammar.iter().map(|one| one.word);
    let help = match vocabulary::nearest(word.text, known()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("its words are {}", known().collect::<Vec<_>>().join(", ")),
    };
    word.fault(Wrong::new("has an unknown word", "not understood").help(help))
}

/// An address, or an address and its prefix.
pub(super) fn prefix(text: &str) -> Result<Prefix, Wrong> {
    let bad = |label: &str| Wrong::new("has a bad prefix", label.to_owned()).help("write \"10.0.0.0/8\"");
    let (address, length) = text.split_once('/').map_or((text, None), |(ip, length)| (ip, Some(length)));
    let address: IpAddr = address.parse().map_err(|_| bad("must be an address and its prefix"))?;
    let bits = if address.is_ipv4() { 32 } else { 128 };
    let length = length.map_or(Ok(bits), |length| {
        let number = length.parse::<u8>().ok().filter(|number| *number <= bits);
        number.ok_or_else(|| bad(&format!("`/{length}` must be /0 to /{bits}")))
    })?;
    let network = network(address, length);
    if network != address {
        return Err(Wrong::new("has a bad prefix", format!("has bits set behind /{length}"))
            .help(format!("write \"{network}/{length}\" for the network")));
    }
    Ok(Prefix { address, length })
}

/// The network of an address: the bits behind `length` are 0.
#[must_use]
pub fn network(address: IpAddr, length: u8) -> IpAddr {
    match address {
        IpAddr::V4(ip) => {
            let host = u32::MAX.checked_shr(u32::from(length)).unwrap_or(0);
            IpAddr::V4((u32::from(ip) & !host).into())
        }
        IpAddr::V6(ip) => {
            let host = u128::MAX.checked_shr(u32::from(length)).unwrap_or(0);
            IpAddr::V6((u128::from(ip) & !host).into())
        }
    }
}

/// An address of a host.
pub(super) fn host(text: &str) -> Result<IpAddr, Wrong> {
    text.parse().map_err(|_| Wrong::new("has a bad address", "must be an IP address, without a prefix"))
}

/// A decimal number, or a hexadecimal one with `0x`.
pub(super) fn number<T: TryFrom<u64> + Copy>(text: &str, must: &str) -> Result<T, Wrong> {
    let number = match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    };
    let number = number.and_then(|number| T::try_from(number).ok());
    number.ok_or_else(|| Wrong::new("has a bad number", format!("must be {must}")))
}

/// `number`, from 0 to 4294967295.
pub(super) fn number32(text: &str) -> Result<u32, Wrong> {
    number(text, "a number from 0 to 4294967295")
}

/// A routing table. Names of the operator's own are those of this host, which is not looked at.
pub(super) fn table(text: &str) -> Result<u32, Wrong> {
    match text {
        "main" => Ok(254),
        "local" => Ok(255),
        "default" => Ok(253),
        _ => number::<u32>(text, "\"main\", \"local\", \"default\" or a number from 1").and_then(|table| {
            let wrong = || Wrong::new("has a bad number", "there is no table 0");
            (table != 0).then_some(table).ok_or_else(wrong)
        }),
    }
}

/// The number of a routing table that has a name everywhere, or is given by number.
#[must_use]
pub fn routing_table(text: &str) -> Option<u32> {
    table(text).ok()
}

/// A scope, by its name in iproute2 or its number.
pub(super) fn scope(text: &str) -> Result<u8, Wrong> {
    let known = SCOPES.iter().find(|(word, _)| *word == text);
    known.map_or_else(
        || number(text, "global, site, link, host, nowhere or 0 to 255"),
        |(_, scope)| Ok(*scope),
    )
}
