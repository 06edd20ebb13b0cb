//! `virtual_rules`.

use super::{
    super::{
        Prefix, RuleAction, VirtualRule,
        keys::{At, Wrong},
        problem::Findings,
    },
    instance::interface_name,
    words::{self, Fault, LineWord, Takes, Word, Words},
};
use crate::tree::Node;

/// The words of a rule.
pub const RULE: &[LineWord] = &[
    LineWord::new("not", Takes::Nothing),
    LineWord::new("from", Takes::Prefix),
    LineWord::new("to", Takes::Prefix),
    LineWord::new("iif", Takes::Interface).or(&["dev"]),
    LineWord::new("oif", Takes::Interface),
    LineWord::new("tos", Takes::Code).or(&["dsfield"]),
    LineWord::new("fwmark", Takes::Code),
    LineWord::new("priority", Takes::Number).or(&["preference", "pref", "order"]),
    LineWord::new("table", Takes::Table).or(&["lookup"]),
    LineWord::new("blackhole", Takes::Nothing),
    LineWord::new("unreachable", Takes::Nothing),
    LineWord::new("prohibit", Takes::Nothing),
    LineWord::new("no_track", Takes::Nothing),
];

/// What has been read of a line. `from` and `to` have `None` within for `all`.
#[derive(Default)]
struct Draft {
    not: bool,
    from: Option<Option<Prefix>>,
    to: Option<Option<Prefix>>,
    iif: Option<String>,
    oif: Option<String>,
    tos: Option<u8>,
    fwmark: Option<(u32, u32)>,
    action: Option<RuleAction>,
    priority: Option<u32>,
    no_track: bool,
}

/// One entry, `None` if something was reported.
pub(super) fn entry(value: &Node, findings: &mut Findings) -> Option<At<VirtualRule>> {
    words::line("virtual_rules", value, findings, |words| {
        let mut draft = Draft::default();
        while let Some(word) = words.next() {
            draft.take(&word, words)?;
        }
        draft.finish(words)
    })
}

impl Draft {
    fn take(&mut self, word: &Word<'_>, words: &mut Words<'_>) -> Result<(), Fault> {
        let interface = |text: &str| interface_name(text.to_owned());
        match words::meant(RULE, word) {
            "not" => {
                self.not = true;
                Ok(())
            }
            "from" => words.option(word, &mut self.from, selector),
            "to" => words.option(word, &mut self.to, selector),
            "iif" => words.option(word, &mut self.iif, interface),
            "oif" => words.option(word, &mut self.oif, interface),
            "tos" => words.option(word, &mut self.tos, |text| words::number(text, "a number from 0 to 255")),
            "fwmark" => words.option(word, &mut self.fwmark, fwmark),
            "priority" => words.option(word, &mut self.priority, words::number32),
            "table" => words.option(word, &mut self.action, |text| words::table(text).map(RuleAction::Table)),
            "blackhole" => self.act(word, RuleAction::Blackhole),
            "unreachable" => self.act(word, RuleAction::Unreachable),
            "prohibit" => self.act(word, RuleAction::Prohibit),
            "no_track" => {
                self.no_track = true;
                Ok(())
            }
            _ => Err(words::unknown(word, RULE)),
        }
    }

    fn act(&mut self, word: &Word<'_>, action: RuleAction) -> Result<(), Fault> {
        let twice = || word.fault(Wrong::new("has an option twice", "again something to do"));
        self.action.replace(action).map_or(Ok(()), |_| Err(twice()))
    }

    fn finish(self, line: &Words<'_>) -> Result<VirtualRule, Fault> {
        let example = "write it like \"from 192.0.2.0/24 table 100 priority 1000\"";
        let wrong = |what: &str, label: &str| line.fault(Wrong::new(what, label).help(example));
        let Some(action) = self.action else {
            return Err(wrong("does nothing", "neither `table` nor blackhole, unreachable or prohibit"));
        };
        let (from, to) = (self.from.flatten(), self.to.flatten());
        if let (Some(from), Some(to)) = (from, to)
            && from.address.is_ipv4() != to.address.is_ipv4()
        {
            return Err(wrong("mixes IPv4 and IPv6", "all addresses of a rule are of one family"));
        }
        if self.no_track && self.iif.is_none() && self.oif.is_none() {
            return Err(wrong("has `no_track` without `iif` or `oif`", "which interface?"));
        }
        let Self { not, iif, oif, tos, fwmark, priority, no_track, .. } = self;
        Ok(VirtualRule { not, from, to, iif, oif, tos, fwmark, action, priority, no_track })
    }
}

fn selector(text: &str) -> Result<Option<Prefix>, Wrong> {
    if ["all", "any", "default"].contains(&text) { Ok(None) } else { words::prefix(text).map(Some) }
}

/// `MARK` or `MARK/MASK`.
fn fwmark(text: &str) -> Result<(u32, u32), Wrong> {
    let (mark, mask) = text.split_once('/').map_or((text, None), |(mark, mask)| (mark, Some(mask)));
    Ok((words::number32(mark)?, mask.map_or(Ok(u32::MAX), words::number32)?))
}
