//! Words as values: numbers, durations, addresses, and what is said when they are none.

use std::{
    collections::HashSet,
    net::{IpAddr, Ipv4Addr},
    ops::RangeInclusive,
    time::Duration,
};

use vrrp_config::{Kind, Node, Place, Section, Source, Table, Tree, Value};

use crate::{
    define::next_use,
    fault::Faults,
    files::Surroundings,
    report::{Report, Severity},
    tree::Statement,
    vocabulary::Target,
    words::Word,
};

/// The preference that keepalived gives to the next rule without one; it counts down, for each family.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NextPreferences {
    v4: u32,
    v6: u32,
}

impl NextPreferences {
    pub(super) const FIRST: Self = Self { v4: 16_384, v6: 16_384 };

    pub(super) const fn take(&mut self, is_v6: bool) -> u32 {
        let next = if is_v6 { &mut self.v6 } else { &mut self.v4 };
        let taken = *next;
        *next = taken.saturating_sub(1);
        taken
    }
}

/// Surroundings, files, faults and report: all that a conversion has at hand.
pub(crate) struct Context<'a> {
    pub(crate) surroundings: &'a dyn Surroundings,
    pub(crate) files: &'a [Source],
    pub(crate) faults: &'a mut Faults,
    pub(crate) report: &'a mut Report,
    pub(crate) next_preferences: NextPreferences,
    /// Names that may be tracked and were defined so far, each with the keyword of its block.
    pub(crate) defined: HashSet<(&'static str, String)>,
    /// `virtual_server`: there is one.
    pub(crate) has_ipvs: bool,
}

impl Context<'_> {
    /// `keepalived.conf:12`.
    pub(super) fn at(&self, place: Place) -> String {
        let source = self.files.get(usize::from(place.file));
        source.map_or_else(String::new, |source| {
            format!("{}:{}", source.short_name(), source.line(place.start))
        })
    }

    /// A value with the line that it comes from behind it.
    pub(super) fn node(&self, value: impl Into<Value>, place: Place) -> Node {
        Node::new(value, place).comment(self.at(place))
    }

    /// A default of keepalived's that is not ours, for the block at `place`.
    pub(super) fn default(&self, value: impl Into<Value>, place: Place) -> Node {
        Node::new(value, place).comment("keepalived's default")
    }

    /// An entry of a list: the bare value, or a table with the value first if there is more to say.
    pub(super) fn entry(&self, key: &str, value: impl Into<Value>, options: Table, place: Place) -> Node {
        if options.is_empty() {
            return self.node(value, place);
        }
        let mut table = Table::default();
        table.set(key, value, place);
        table.extend(options);
        self.node(table, place)
    }

    /// Adds a list, unless it is empty.
    pub(super) fn list(&self, table: &mut Table, key: &str, entries: Vec<Node>) {
        if let Some(first) = entries.first() {
            let place = first.place;
            table.set(key, entries, place);
        }
    }

    /// Adds a section, with the line of its block behind its head.
    pub(super) fn plant(&self, tree: &mut Tree, kind: Kind, name: &str, place: Place, table: Table) {
        let node = self.node(table, place);
        tree.sections.push(Section { kind, name: name.to_owned(), place, node });
    }

    /// Something that is not carried over, for a comment in the output.
    pub(super) fn remark(&self, place: Place, text: &str) -> String {
        format!("{}: {text}", self.at(place))
    }

    /// Says that `statement` is left out, in the report and in the output.
    pub(crate) fn leave(
        &mut self,
        target: &mut impl Target,
        severity: Severity,
        statement: &Statement,
        note: &str,
    ) {
        let skipped = if statement.block.is_some() { "; the whole block is skipped" } else { "" };
        let keyword = statement.keyword();
        self.report.push(severity, statement.keyword_place(), keyword, format!("{note}{skipped}"));
        let words: Vec<&str> = statement.words.iter().map(|word| word.text.as_str()).collect();
        let mut line: String = words.join(" ").chars().filter(|c| !c.is_control()).take(120).collect();
        if statement.block.is_some() {
            line += " { ... }";
        }
        let remark = self.remark(statement.place, &format!("{line}: {severity}: {note}"));
        target.table().remarks.push(remark);
    }

    /// Says something about `statement`, which is carried over.
    pub(super) fn note(&mut self, severity: Severity, statement: &Statement, note: impl Into<String>) {
        self.report.push(severity, statement.keyword_place(), statement.keyword(), note);
    }

    /// The statements of a block that must be there.
    pub(super) fn block<'s>(&mut self, statement: &'s Statement) -> Option<&'s [Statement]> {
        if statement.block.is_none() {
            let title = format!("`{}` without a block", statement.keyword());
            let help = format!("write {} {{ ... }}", statement.keyword());
            self.faults.push(statement.place, title, "expected `{` after this", help);
        }
        statement.block.as_deref()
    }

    /// The block of a named thing, and its name.
    pub(super) fn named<'s>(&mut self, statement: &'s Statement) -> Option<(&'s Word, &'s [Statement])> {
        let block = self.block(statement)?;
        let Some((name, extra)) = statement.arguments().split_first() else {
            let title = format!("a `{}` without a name", statement.keyword());
            let help = format!("write {} NAME {{", statement.keyword());
            self.faults.push(statement.place, title, "expected a name after this", help);
            return None;
        };
        self.extra(statement, extra);
        if !self.is_defined(name) {
            return None;
        }
        if name.text.is_empty() || name.text.len() > 255 || name.text.contains(char::is_control) {
            self.faults.push(
                name.place,
                "bad name",
                "must have 1 to 255 printable bytes",
                "choose another name",
            );
            return None;
        }
        Some((name, block))
    }

    /// Words that nothing asks for, as keepalived ignores them.
    pub(super) fn extra(&mut self, statement: &Statement, extra: &[Word]) {
        if let Some(first) = extra.first() {
            let text = format!("`{}` after it is ignored, as in keepalived", first.text);
            self.report.push(Severity::Harmless, first.place, statement.keyword(), text);
        }
    }

    /// Says that a line has no business with a block.
    pub(super) fn no_block(&mut self, statement: &Statement) {
        if statement.block.is_some() {
            let title = format!("`{}` has a block", statement.keyword());
            self.faults.push(
                statement.place,
                title,
                "expected the end of the line",
                "remove the { and the }",
            );
        }
    }

    /// The one word after the keyword; `expected` says what it is to be.
    pub(super) fn one<'s>(&mut self, statement: &'s Statement, expected: &str) -> Option<&'s Word> {
        self.no_block(statement);
        let Some((first, extra)) = statement.arguments().split_first() else {
            let title = format!("`{}` without a value", statement.keyword());
            let help = "see keepalived.conf(5)";
            self.faults.push(statement.place, title, format!("expected {expected} after this"), help);
            return None;
        };
        self.extra(statement, extra);
        Some(first)
    }

    /// A whole number.
    pub(super) fn number(&mut self, word: &Word, range: RangeInclusive<i64>) -> Option<i64> {
        let number = word.text.parse::<i64>().ok().filter(|number| range.contains(number));
        if number.is_none() {
            let expected = format!("expected a whole number from {} to {}", range.start(), range.end());
            self.wrong(word, &expected);
        }
        number
    }

    /// The whole number after the keyword.
    pub(super) fn integer(&mut self, statement: &Statement, range: RangeInclusive<i64>) -> Option<i64> {
        let word = self.one(statement, "a whole number")?;
        self.number(word, range)
    }

    /// Seconds with at most six digits behind the point.
    pub(super) fn seconds(&mut self, word: &Word, range: RangeInclusive<Duration>) -> Option<Duration> {
        let duration = microseconds(&word.text).filter(|duration| range.contains(duration));
        if duration.is_none() {
            let (low, high) = (range.start().as_secs_f64(), range.end().as_secs_f64());
            self.wrong(word, &format!("expected a number of seconds from {low} to {high}"));
        }
        duration
    }

    /// The seconds after the keyword.
    pub(super) fn timer(
        &mut self,
        statement: &Statement,
        range: RangeInclusive<Duration>,
    ) -> Option<Duration> {
        let word = self.one(statement, "a number of seconds")?;
        self.seconds(word, range)
    }

    /// `on`, `off` and their like; a keyword alone is on.
    pub(super) fn boolean(&mut self, statement: &Statement) -> Option<bool> {
        self.no_block(statement);
        let Some((word, extra)) = statement.arguments().split_first() else { return Some(true) };
        self.extra(statement, extra);
        match word.text.as_str() {
            "on" | "true" | "yes" => Some(true),
            "off" | "false" | "no" => Some(false),
            _ => {
                self.wrong(word, "expected on, off, true, false, yes or no");
                None
            }
        }
    }

    /// An address of either family.
    pub(super) fn address(&mut self, word: &Word) -> Option<IpAddr> {
        let address = word.text.parse().ok();
        if address.is_none() {
            self.wrong(word, "expected an IP address");
        }
        address
    }

    /// An IPv4 address, or nothing and an entry in the report for one of IPv6.
    pub(super) fn ipv4(&mut self, keyword: &str, word: &Word) -> Option<Ipv4Addr> {
        match self.address(word)? {
            IpAddr::V4(address) => Some(address),
            IpAddr::V6(_) => {
                self.report.push(Severity::Unsupported, word.place, keyword, IPV6);
                None
            }
        }
    }

    /// An address of this host's or of another; what keepalived drops behind it is dropped and said.
    pub(super) fn host(&mut self, keyword: &str, word: &Word) -> Option<Ipv4Addr> {
        let Some(end) = word.text.find(['-', '/']) else { return self.ipv4(keyword, word) };
        let (address, rest) = word.text.split_at(end);
        let bare = Word { text: address.to_owned(), ..word.clone() };
        let found = self.ipv4(keyword, &bare)?;
        let note = format!("`{rest}` behind the address is dropped, as in keepalived");
        self.report.push(Severity::Harmless, word.place, keyword, note);
        Some(found)
    }

    /// An address with or without a prefix; without one, all bits count.
    pub(super) fn net(&mut self, word: &Word) -> Option<(IpAddr, u8)> {
        let (address, prefix) = match word.text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (word.text.as_str(), None),
        };
        let Ok(address) = address.parse::<IpAddr>() else {
            self.wrong(word, "expected an IP address, and its prefix after `/`");
            return None;
        };
        let bits = if address.is_ipv4() { 32 } else { 128 };
        let length = match prefix {
            None => Some(bits),
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => digits.parse().ok(),
            Some(_) => None,
        };
        let length = length.filter(|length: &u8| *length <= bits);
        if length.is_none() {
            self.wrong(word, &format!("expected a prefix from /0 to /{bits}"));
        }
        Some((address, length?))
    }

    /// Says it of a name that has a definition in it which is none: as a name keepalived knows nothing of that kind.
    pub(super) fn is_defined(&mut self, word: &Word) -> bool {
        let Some(used) = next_use(&word.text, 0).filter(|_| !word.is_quoted) else { return true };
        let title = format!("`${}` is not defined", used.name);
        let help = "define it above: $NAME=VALUE";
        self.faults.push(word.place, title, "has no value here", help);
        false
    }

    /// Says that `word` is not what was expected.
    pub(super) fn wrong(&mut self, word: &Word, expected: &str) {
        let shown: String = word.text.chars().filter(|c| !c.is_control()).take(60).collect();
        self.faults.push(word.place, format!("bad value `{shown}`"), expected, "see keepalived.conf(5)");
    }

    /// Keeps a value in a table; the last of several counts, as in keepalived.
    pub(super) fn keep<V: Into<Value>>(
        &mut self,
        table: &mut Table,
        key: &str,
        statement: &Statement,
        value: Option<V>,
    ) {
        let Some(value) = value else { return };
        if table.replace(key, self.node(value, statement.place)).is_some() {
            self.note(Severity::Harmless, statement, "given twice: this one counts, as in keepalived");
        }
    }

    /// Keeps a value of which the first counts, as in keepalived.
    pub(super) fn keep_first<V: Into<Value>>(
        &mut self,
        table: &mut Table,
        key: &str,
        statement: &Statement,
        value: Option<V>,
    ) {
        if table.get(key).is_some() {
            let note = "given twice: the first one counts, as in keepalived";
            self.note(Severity::Harmless, statement, note);
        } else {
            self.keep(table, key, statement, value);
        }
    }
}

pub(super) const IPV6: &str = "IPv6 is not supported yet";

/// A decimal number of seconds, to the microsecond.
pub(super) fn microseconds(text: &str) -> Option<Duration> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if (whole.is_empty() && fraction.is_empty()) || !digits(whole) || !digits(fraction) {
        return None;
    }
    let seconds: u32 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let kept = fraction.get(..fraction.len().min(6))?;
    let micros: u32 = if kept.is_empty() { 0 } else { format!("{kept:0<6}").parse().ok()? };
    Some(Duration::from_secs(seconds.into()) + Duration::from_micros(micros.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_have_six_decimals() {
        assert_eq!(microseconds("1"), Some(Duration::from_secs(1)));
        assert_eq!(microseconds("0.92"), Some(Duration::from_millis(920)));
        assert_eq!(microseconds(".5"), Some(Duration::from_millis(500)));
        assert_eq!(microseconds("2."), Some(Duration::from_secs(2)));
        assert_eq!(microseconds("0.0000019"), Some(Duration::from_micros(1)));
        for bad in ["", ".", "-1", "1e3", "1s", "1.2.3", "99999999999"] {
            assert_eq!(microseconds(bad), None, "{bad}");
        }
    }
}
