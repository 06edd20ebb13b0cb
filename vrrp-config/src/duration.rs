//! Durations with their unit: `"1s"`, `"10ms"`, `"1.5s"`, `"2min"`.

use std::{ops::RangeInclusive, time::Duration};

use super::{
    keys::{Wrong, wrong_type},
    tree::{Node, Value},
};

/// Name and nanoseconds.
const UNITS: [(&str, u64); 7] = [
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("min", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

/// Reason why a text is no duration.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
enum Malformed {
    #[error("has no unit")]
    NoUnit,
    #[error("has an unknown unit")]
    UnknownUnit,
    #[error("is not a duration")]
    NotANumber,
    #[error("is out of range")]
    OutOfRange,
}

/// Reads a duration within `range`.
pub(super) fn duration(range: RangeInclusive<Duration>) -> impl Fn(&Node) -> Result<Duration, Wrong> {
    move |value| {
        let text = match &value.value {
            Value::String(text) => text,
            Value::Integer(number) => return Err(without_unit(&number.to_string())),
            Value::Float(number) => return Err(without_unit(number)),
            Value::Boolean(_) | Value::Datetime(_) | Value::List(_) | Value::Table(_) => {
                return Err(wrong_type("a duration in quotes", value).help("write \"1s\" or \"10ms\""));
            }
        };
        let duration = parse(text).map_err(|malformed| explain(&malformed, text))?;
        if range.contains(&duration) {
            return Ok(duration);
        }
        let (low, high) = range.clone().into_inner();
        Err(Wrong::new("is out of range", format!("must be {} to {}", spell(low), spell(high))))
    }
}

fn explain(malformed: &Malformed, text: &str) -> Wrong {
    match malformed {
        Malformed::NoUnit => without_unit(text),
        Malformed::UnknownUnit => {
            let unit = text.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
            Wrong::new(malformed.to_string(), format!("`{unit}` is no unit"))
                .help("the units are us, ms, s, min and h, without a space before them")
        }
        Malformed::NotANumber => Wrong::new(malformed.to_string(), "must be a number and its unit")
            .help("write \"1s\", \"10ms\" or \"1.5s\""),
        Malformed::OutOfRange => {
            Wrong::new(malformed.to_string(), "longer than 500 years, or finer than a nanosecond")
        }
    }
}

fn without_unit(number: &str) -> Wrong {
    Wrong::new("has no unit", "a number alone: seconds or milliseconds?")
        .help(format!("write \"{number}s\" for seconds, or \"{number}ms\" for milliseconds"))
}

/// Exact to the nanosecond; finer digits are an error.
fn parse(text: &str) -> Result<Duration, Malformed> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.').len();
    let (number, unit) = text.split_at(digits);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    if whole.is_empty() || fraction.is_empty() || fraction.contains('.') {
        return Err(Malformed::NotANumber);
    }
    if unit.is_empty() {
        return Err(Malformed::NoUnit);
    }
    let Some((_, unit_ns)) = UNITS.iter().find(|(name, _)| *name == unit) else {
        return Err(Malformed::UnknownUnit);
    };
    let whole_ns = whole.parse::<u64>().ok().and_then(|whole| whole.checked_mul(*unit_ns));
    let nanoseconds = whole_ns.and_then(|whole| whole.checked_add(fraction_ns(fraction, *unit_ns)?));
    nanoseconds.map(Duration::from_nanos).ok_or(Malformed::OutOfRange)
}

/// 0.`fraction` × `unit_ns`; `None` with more digits than a nanosecond has meaning for.
fn fraction_ns(fraction: &str, unit_ns: u64) -> Option<u64> {
    let fraction = fraction.trim_end_matches('0');
    let places = u32::try_from(fraction.len()).ok().filter(|places| *places <= 15)?;
    let numerator = if fraction.is_empty() { 0 } else { fraction.parse::<u64>().ok()? };
    let product = u128::from(numerator) * u128::from(unit_ns);
    let scale = 10_u128.pow(places);
    if product % scale == 0 { u64::try_from(product / scale).ok() } else { None }
}

/// Spells a duration so that it reads back as the same duration.
pub(super) fn spell(duration: Duration) -> String {
    if duration.is_zero() { "0s".to_owned() } else { format!("{duration:?}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unit_is_read() {
        let read = |text: &str| parse(text).unwrap();
        assert_eq!(read("1s"), Duration::from_secs(1));
        assert_eq!(read("10ms"), Duration::from_millis(10));
        assert_eq!(read("1.5s"), Duration::from_millis(1500));
        assert_eq!(read("40.95s"), Duration::from_millis(40_950));
        assert_eq!(read("2min"), Duration::from_secs(120));
        assert_eq!(read("250us"), read("250µs"));
        assert_eq!(read("1h"), Duration::from_secs(3600));
        assert_eq!(read("0s"), Duration::ZERO);
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        assert_eq!(parse("1"), Err(Malformed::NoUnit));
        assert_eq!(parse("1 s"), Err(Malformed::UnknownUnit));
        assert_eq!(parse("1sec"), Err(Malformed::UnknownUnit));
        for text in ["", "s", ".5s", "1.s", "1.2.3s", "-1s", "+1s", "1e3s"] {
            assert!(parse(text).is_err(), "{text}");
        }
        assert_eq!(parse("99999999999999999999s"), Err(Malformed::OutOfRange));
        assert_eq!(parse("18446744073709551615h"), Err(Malformed::OutOfRange));
        assert_eq!(parse("0.0000000001s"), Err(Malformed::OutOfRange));
    }

    #[test]
    fn a_spelled_duration_reads_back() {
        for nanoseconds in [0, 1, 999, 1_000, 1_500, 10_000_000, 1_000_000_001, 40_950_000_000, u64::MAX] {
            let duration = Duration::from_nanos(nanoseconds);
            assert_eq!(parse(&spell(duration)), Ok(duration));
        }
    }
}
