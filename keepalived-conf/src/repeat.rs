//! `~SEQ(...)` and `~LST(...)`: a line once for each value.

use super::text::Text;

/// The most values of one list or sequence: more are a slip, and every one is a line at least.
const MAX_VALUES: u64 = 1 << 20;

/// The rounds of one `~SEQ` or `~LST` that are left.
#[derive(Clone, Debug)]
pub(crate) struct Repeat {
    names: Vec<String>,
    values: Values,
    /// The text that is repeated.
    pub(crate) rest: Text,
}

#[derive(Clone, Debug)]
enum Values {
    Sequence { next: i64, step: i64, last: i64, hex: bool },
    List(std::vec::IntoIter<Vec<String>>),
}

impl Repeat {
    /// The next round: each name with its value.
    pub(crate) fn next(&mut self) -> Option<Vec<(String, String)>> {
        let values = match &mut self.values {
            Values::List(list) => list.next()?,
            Values::Sequence { next, step, last, hex } => {
                let done = if *step > 0 { *next > *last } else { *next < *last };
                if done {
                    return None;
                }
                let value = if *hex { format!("{next:x}") } else { next.to_string() };
                *next = next.saturating_add(*step);
                vec![value]
            }
        };
        Some(self.names.iter().cloned().zip(values).collect())
    }

    /// `line` starts with `~SEQ` or `~LST`; `head` is the part up to the closing parenthesis with all its `$NAME`
    /// replaced, `rest` what follows.
    ///
    /// # Errors
    /// The text says what was expected.
    pub(crate) fn read(head: &str, rest: Text) -> Result<Self, String> {
        if let Some(list) = head.strip_prefix("~LST") {
            return list_of(inside(list)?, rest);
        }
        let (hex, sequence) = match head.strip_prefix("~SEQx") {
            Some(sequence) => (true, sequence),
            None => (false, head.strip_prefix("~SEQ").ok_or("expected ~SEQ, ~SEQx or ~LST")?),
        };
        sequence_of(inside(sequence)?, hex, rest)
    }
}

/// Offset of the parenthesis that closes the one that `line`, a `~SEQ` or `~LST`, opens.
pub(crate) fn close(line: &str) -> Option<usize> {
    line.find(')')
}

fn inside(parenthesised: &str) -> Result<&str, String> {
    let inner = parenthesised.trim().strip_prefix('(').and_then(|rest| rest.strip_suffix(')'));
    inner.ok_or_else(|| "expected ( after it, and ) at the end".to_owned())
}

fn sequence_of(inner: &str, hex: bool, rest: Text) -> Result<Repeat, String> {
    let mut parts = inner.split(',').map(str::trim);
    let name = parts.next().filter(|name| is_name(name)).ok_or("expected the name of a variable")?;
    let numbers: Option<Vec<i64>> = parts.map(number).collect();
    let (next, step, last) = match numbers.as_deref() {
        Some(&[last]) => {
            let sign = if last < 1 { -1 } else { 1 };
            (if last < 0 { -1 } else { 1 }, sign, last)
        }
        Some(&[start, last]) => (start, if start <= last { 1 } else { -1 }, last),
        Some(&[start, step, last]) => (start, step, last),
        _ => return Err("expected (NAME, START, STEP, END) with whole numbers".to_owned()),
    };
    if step == 0 || (next < last && step < 0) || (next > last && step > 0) {
        return Err(format!("expected a step that leads from {next} to {last}"));
    }
    if hex && (next < 0 || last < 0) {
        return Err("expected numbers from 0 on: ~SEQx has no negative ones".to_owned());
    }
    if next.abs_diff(last) / step.unsigned_abs() >= MAX_VALUES {
        return Err(format!("expected at most {MAX_VALUES} values"));
    }
    Ok(Repeat { names: vec![name.to_owned()], values: Values::Sequence { next, step, last, hex }, rest })
}

/// As strtol does it with base 0.
fn number(text: &str) -> Option<i64> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let magnitude = match digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        Some(hex) => i64::from_str_radix(hex, 16).ok()?,
        None if digits.len() > 1 && digits.starts_with('0') => i64::from_str_radix(digits, 8).ok()?,
        None if digits.starts_with(|c: char| c.is_ascii_digit()) => digits.parse().ok()?,
        None => return None,
    };
    (magnitude <= 1 << 40).then_some(if negative { -magnitude } else { magnitude })
}

fn list_of(inner: &str, rest: Text) -> Result<Repeat, String> {
    let mut parts = groups(inner).ok_or("expected as many { as }")?.into_iter();
    let names = parts.next().filter(|names| names.iter().all(|name| is_name(name)));
    let names = names.ok_or("expected the name of a variable, or names in braces")?;
    let values: Vec<_> = parts.collect();
    if values.is_empty() {
        return Err("expected at least one value after the name".to_owned());
    }
    if let Some(wrong) = values.iter().find(|group| group.len() != names.len()) {
        return Err(format!("expected {} values at a time, not {}", names.len(), wrong.len()));
    }
    Ok(Repeat { names, values: Values::List(values.into_iter()), rest })
}

/// `A, {1, 2}` as `[A]`, `[1, 2]`.
fn groups(inner: &str) -> Option<Vec<Vec<String>>> {
    let mut found = Vec::new();
    let mut rest = inner.trim();
    loop {
        let (group, after) = match rest.strip_prefix('{') {
            Some(braced) => {
                let (group, after) = braced.split_once('}')?;
                (group.split(',').map(|one| one.trim().to_owned()).collect(), after.trim_start())
            }
            None => {
                let end = rest.find(',').unwrap_or(rest.len());
                let (one, after) = rest.split_at(end);
                (vec![one.trim().to_owned()], after)
            }
        };
        found.push(group);
        match after.strip_prefix(',') {
            Some(next) => rest = next.trim_start(),
            None if after.is_empty() => return Some(found),
            None => return None,
        }
    }
}

fn is_name(name: &str) -> bool {
    let mut chars = name.chars();
    let first = chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
    first && chars.all(|c| c.is_ascii_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(head: &str) -> Vec<String> {
        let mut repeat =
            Repeat::read(head, Text::default()).unwrap_or_else(|error| panic!("{head}: {error}"));
        let mut all = Vec::new();
        while let Some(round) = repeat.next() {
            let round: Vec<_> = round.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
            all.push(round.join(" "));
        }
        all
    }

    #[test]
    fn sequences_count_up_and_down_in_both_notations() {
        assert_eq!(values("~SEQ(I, 0, 3)"), ["I=0", "I=1", "I=2", "I=3"]);
        assert_eq!(values("~SEQ(I,3)"), ["I=1", "I=2", "I=3"]);
        assert_eq!(values("~SEQ(I, -2)"), ["I=-1", "I=-2"]);
        assert_eq!(values("~SEQ(I, 4, -2, 0)"), ["I=4", "I=2", "I=0"]);
        assert_eq!(values("~SEQx(I, 0x90, 0x10, 0xc0)"), ["I=90", "I=a0", "I=b0", "I=c0"]);
        assert_eq!(values("~SEQx(I, 144, 16, 176)"), ["I=90", "I=a0", "I=b0"]);
    }

    #[test]
    fn lists_have_one_name_or_several() {
        assert_eq!(values("~LST(A, x, y)"), ["A=x", "A=y"]);
        assert_eq!(values("~LST({A, B}, {10,1},{20,4})"), ["A=10 B=1", "A=20 B=4"]);
    }

    #[test]
    fn what_is_no_repetition_says_what_was_expected() {
        for bad in [
            "~SEQ",
            "~SEQ()",
            "~SEQ(I)",
            "~SEQ(1,2)",
            "~SEQ(I,a)",
            "~SEQ(I,1,0,5)",
            "~SEQ(I,1,-1,5)",
            "~SEQ(I,1,2,3,4)",
            "~SEQx(I,-1,5)",
            "~SEQ(I,99999999999)",
            "~LST(A)",
            "~LST({A,B},{1})",
            "~LST({A,B},1)",
            "~LST({A,1)",
            "~FOO(A,1)",
        ] {
            assert!(Repeat::read(bad, Text::default()).is_err(), "{bad}");
        }
    }
}
