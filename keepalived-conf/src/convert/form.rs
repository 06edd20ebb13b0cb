//! The forms that values have, and numbers whose range is wider in keepalived than here: they are taken, and brought
//! within ours.

use std::{fmt, time::Duration};

use vrrp_config::{Table, Value};

use super::{Context, hook, write::spell};
use crate::{report::Severity, tree::Statement};

/// The form of a keyword's one value.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Form {
    /// On, whatever follows it, as in keepalived.
    On,
    /// A word without a value that sets another key.
    Sets(&'static str, bool),
    /// `on`, `off` and their like; a keyword alone is on.
    Switch,
    /// A whole number.
    Integer(i64, i64),
    /// A whole number of which the first counts.
    FirstInteger(i64, i64),
    /// A whole number of 32 bits, brought within these.
    Within(i64, i64),
    /// Seconds.
    Seconds(Duration, Duration),
    /// Seconds, brought within these; 0 is one second.
    SecondsWithin(Duration, Duration),
    /// 1 to 255 printable bytes, and how they are called.
    Text(&'static str),
    /// The name of something that is defined elsewhere, and how it is called.
    Name(&'static str),
    /// `USER [GROUP]`.
    User,
}

impl Form {
    /// Keeps the value of `statement` in `table`.
    pub(crate) fn keep(
        self,
        keyword: &str,
        table: &mut Table,
        statement: &Statement,
        context: &mut Context<'_>,
    ) {
        match self {
            Self::On | Self::Sets(..) => {
                context.no_block(statement);
                context.extra(statement, statement.arguments());
                let (key, value) =
                    if let Self::Sets(key, value) = self { (key, value) } else { (keyword, true) };
                table.replace(key, context.node(value, statement.place));
            }
            Self::FirstInteger(..) => {
                let value = self.read(statement, context);
                context.keep_first(table, keyword, statement, value);
            }
            Self::Switch
            | Self::Integer(..)
            | Self::Within(..)
            | Self::Seconds(..)
            | Self::SecondsWithin(..)
            | Self::Text(_)
            | Self::Name(_)
            | Self::User => {
                let value = self.read(statement, context);
                context.keep(table, keyword, statement, value);
            }
        }
    }

    fn read(self, statement: &Statement, context: &mut Context<'_>) -> Option<Value> {
        match self {
            Self::On => Some(true.into()),
            Self::Sets(_, value) => Some(value.into()),
            Self::Switch => context.boolean(statement).map(Value::from),
            Self::Integer(low, high) | Self::FirstInteger(low, high) => {
                context.integer(statement, low..=high).map(Value::from)
            }
            Self::Within(low, high) => within(statement, low, high, context).map(Value::from),
            Self::Seconds(low, high) => context.timer(statement, low..=high).map(|value| spell(value).into()),
            Self::SecondsWithin(low, high) => {
                seconds_within(statement, low, high, context).map(|value| spell(value).into())
            }
            Self::Text(expected) => text(statement, expected, context).map(Value::from),
            Self::Name(expected) => {
                let word = context.one(statement, expected)?;
                context.is_defined(word).then(|| word.text.as_str().into())
            }
            Self::User => hook::user(statement, context).map(Value::from),
        }
    }
}

/// The one word after the keyword.
pub(super) fn text(statement: &Statement, expected: &str, context: &mut Context<'_>) -> Option<String> {
    let word = context.one(statement, expected)?;
    if word.text.is_empty() || word.text.len() > 255 || word.text.contains(char::is_control) {
        context.wrong(word, "expected 1 to 255 printable bytes");
        return None;
    }
    Some(word.text.clone())
}

/// keepalived holds seconds as 32 bits of microseconds.
const MOST_SECONDS: u64 = 4_294;
/// keepalived takes 0 for it where at least one is needed.
const LEAST: i64 = 1;

fn within(statement: &Statement, low: i64, high: i64, context: &mut Context<'_>) -> Option<i64> {
    let given = context.integer(statement, 0..=i64::from(u32::MAX))?;
    let value = given.clamp(low, high);
    said(statement, &given, &value, given < LEAST && value == LEAST, context);
    Some(value)
}

fn seconds_within(
    statement: &Statement,
    low: Duration,
    high: Duration,
    context: &mut Context<'_>,
) -> Option<Duration> {
    let given = context.timer(statement, Duration::ZERO..=Duration::from_secs(MOST_SECONDS))?;
    let wanted = if given.is_zero() { Duration::from_secs(1) } else { given };
    let value = wanted.clamp(low, high);
    said(statement, &given.as_secs_f64(), &value.as_secs_f64(), given.is_zero(), context);
    Some(value)
}

/// `as_keepalived`: it makes the same of it.
fn said<T: PartialEq + fmt::Display>(
    statement: &Statement,
    given: &T,
    taken: &T,
    as_keepalived: bool,
    context: &mut Context<'_>,
) {
    if given == taken {
        return;
    }
    let (severity, end) = if as_keepalived {
        (Severity::Harmless, ", as in keepalived")
    } else {
        (Severity::Different, " here")
    };
    context.note(severity, statement, format!("{given} is {taken}{end}"));
}
