//! Single values, in a spelling that reads back.

use std::fmt;

use super::super::{
    Checksum, MailTls, ParamMatch, Prefix, Program, RouteKind, RuleAction, Start, User, VirtualRoute,
    VirtualRule, XdpMode, address::SCOPES,
};

/// Declares the words of enums: as they are read, and as they are shown.
macro_rules! words {
    ($($of:ident { $($variant:ident = $word:literal),+ })+) => {
        $(
            impl $of {
                /// The words of a configuration for it.
                pub(crate) const WORDS: &'static [(&'static str, Self)] = &[$(($word, Self::$variant)),+];
            }

            impl fmt::Display for $of {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    f.write_str(match self {
                        $(Self::$variant => $word,)+
                    })
                }
            }
        )+
    };
}

words! {
    Start { Master = "MASTER", Backup = "BACKUP" }
    Checksum { Rfc5798 = "rfc5798", Rfc9568 = "rfc9568" }
    XdpMode { Auto = "auto", Native = "native", Generic = "generic" }
    MailTls { None = "none", Opportunistic = "opportunistic", Required = "starttls" }
    ParamMatch { Exact = "exact", Initial = "initial", Partial = "partial" }
}

/// `nginx:www-data`.
impl fmt::Display for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.user)?;
        self.group.as_ref().map_or(Ok(()), |group| write!(f, ":{group}"))
    }
}

/// The command line.
impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Direct(words) => f.write_str(&command_line(words.iter())),
            Self::Shell(line) => f.write_str(line),
        }
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.length)
    }
}

impl fmt::Display for RouteKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unicast => "unicast",
            Self::Blackhole => "blackhole",
            Self::Unreachable => "unreachable",
            Self::Prohibit => "prohibit",
        })
    }
}

/// Line as `ip route` takes it.
impl fmt::Display for VirtualRoute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.kind != RouteKind::Unicast {
            write!(f, "{} ", self.kind)?;
        }
        write!(f, "{}", self.to)?;
        option(f, "via", self.via.as_ref())?;
        option(f, "dev", self.dev.as_ref())?;
        option(f, "src", self.src.as_ref())?;
        option(f, "metric", self.metric.as_ref())?;
        option(f, "table", self.table.as_ref())?;
        option(f, "scope", self.scope.map(scope_word).as_ref())?;
        option(f, "proto", self.protocol.as_ref())?;
        option(f, "mtu", self.mtu.as_ref())?;
        flag(f, "onlink", self.onlink)?;
        flag(f, "no_track", self.no_track)
    }
}

/// Line as `ip rule` takes it.
impl fmt::Display for VirtualRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.not {
            f.write_str("not ")?;
        }
        match self.from {
            Some(prefix) => write!(f, "from {prefix}")?,
            None => f.write_str("from all")?,
        }
        option(f, "to", self.to.as_ref())?;
        option(f, "iif", self.iif.as_ref())?;
        option(f, "oif", self.oif.as_ref())?;
        option(f, "tos", self.tos.as_ref())?;
        if let Some((mark, mask)) = self.fwmark {
            write!(f, " fwmark {mark:#x}/{mask:#x}")?;
        }
        match self.action {
            RuleAction::Table(table) => write!(f, " table {table}")?,
            RuleAction::Blackhole => f.write_str(" blackhole")?,
            RuleAction::Unreachable => f.write_str(" unreachable")?,
            RuleAction::Prohibit => f.write_str(" prohibit")?,
        }
        option(f, "priority", self.priority.as_ref())?;
        flag(f, "no_track", self.no_track)
    }
}

fn flag(f: &mut fmt::Formatter<'_>, word: &str, is_set: bool) -> fmt::Result {
    if is_set { write!(f, " {word}") } else { Ok(()) }
}

fn option<T: fmt::Display>(f: &mut fmt::Formatter<'_>, word: &str, value: Option<&T>) -> fmt::Result {
    value.map_or(Ok(()), |value| write!(f, " {word} {value}"))
}

/// Words as a command line that splits into them, and that no shell is needed for.
pub(crate) fn command_line<'w>(words: impl Iterator<Item = &'w String>) -> String {
    let quoted: Vec<String> = words.map(|word| quote_word(word)).collect();
    quoted.join(" ")
}

fn quote_word(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+=:,@%".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

/// The scope as iproute2 shows it: a word where there is one, else the number.
pub(crate) fn scope_word(scope: u8) -> String {
    let known = SCOPES.iter().find(|(_, number)| *number == scope);
    known.map_or_else(|| scope.to_string(), |(word, _)| (*word).to_owned())
}

/// A basic string.
pub fn quote(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => quoted += &format!("\\U{:08X}", u32::from(c)),
            c => quoted.push(c),
        }
    }
    quoted + "\""
}

/// A key, in quotes where it needs them.
pub fn quote_key(key: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !key.is_empty() && key.chars().all(is_bare) { key.to_owned() } else { quote(key) }
}
