//! `$NAME=VALUE`, and what `$NAME` and `${NAME}` in a line stand for.

use std::{collections::HashMap, rc::Rc};

use super::text::Text;

/// Value of a definition.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    /// The rest of its line.
    Line(String),
    /// Lines, each with its own place: `$NAME= \` and those that follow up to one without `\` at its end.
    Block(Rc<[Text]>),
}

/// A use of a definition in a line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Use<'l> {
    pub(crate) name: &'l str,
    /// Text that follows the name within braces: `0 5` in `${_RANDOM 0 5}`.
    pub(crate) parameters: &'l str,
    /// Byte range with `$` and braces.
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// All definitions so far.
#[derive(Debug, Default)]
pub(crate) struct Definitions {
    values: HashMap<String, Value>,
}

impl Definitions {
    pub(crate) fn set(&mut self, name: &str, value: Value) {
        self.values.insert(name.to_owned(), value);
    }

    pub(crate) fn value(&self, name: &str) -> Option<&Value> {
        self.values.get(name)
    }
}

/// The name and where the value starts, if `line` is a definition: `$NAME=`, where blanks may follow.
pub(crate) fn definition(line: &str) -> Option<(&str, usize)> {
    let rest = line.strip_prefix('$')?;
    let length = name_length(rest)?;
    let (name, after) = rest.split_at(length);
    let after_equals = after.strip_prefix('=')?;
    let value = after_equals.trim_start_matches([' ', '\t']);
    Some((name, line.len() - value.len()))
}

/// The uses in `line` from `from` on, in their order. A `$NAME` without braces ends at a blank, `,`, `)` or the end
/// of the line, or it is none.
pub(crate) fn next_use(line: &str, from: usize) -> Option<Use<'_>> {
    let mut at = from;
    loop {
        let start = at + line.get(at..)?.find('$')?;
        if let Some(found) = use_at(line, start) {
            return Some(found);
        }
        at = start + 1;
    }
}

fn use_at(line: &str, start: usize) -> Option<Use<'_>> {
    let rest = line.get(start + 1..)?;
    if let Some(braced) = rest.strip_prefix('{') {
        let length = name_length(braced)?;
        let (name, after) = braced.split_at(length);
        let close = after.find(|c: char| c != ' ' && !c.is_ascii_digit())?;
        let parameters = after.get(..close)?;
        let is_closed = after.get(close..)?.starts_with('}');
        return is_closed.then_some(Use {
            name,
            parameters: parameters.trim(),
            start,
            end: start + 2 + length + close + 1,
        });
    }
    let length = name_length(rest)?;
    let (name, after) = rest.split_at(length);
    let ends = after.is_empty() || after.starts_with([' ', '\t', ',', ')']);
    ends.then_some(Use { name, parameters: "", start, end: start + 1 + length })
}

/// Length of the name that `text` starts with.
fn name_length(text: &str) -> Option<usize> {
    let first = text.chars().next()?;
    if !first.is_ascii_alphabetic() && first != '_' {
        return None;
    }
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    Some(text.find(|c| !is_name(c)).unwrap_or(text.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_definition_is_a_name_an_equals_sign_and_a_value() {
        assert_eq!(definition("$A=1"), Some(("A", 3)));
        assert_eq!(definition("$A_1=  x y"), Some(("A_1", 7)));
        assert_eq!(definition("$EMPTY="), Some(("EMPTY", 7)));
        for none in ["$1=2", "$A", "$A =1", "$A-B=1", "A=1", "${A}=1"] {
            assert_eq!(definition(none), None, "{none}");
        }
    }

    #[test]
    fn a_use_has_braces_or_ends_with_the_word() {
        let names = |line: &'static str| {
            let mut found = Vec::new();
            let mut at = 0;
            while let Some(one) = next_use(line, at) {
                found.push(one.name);
                at = one.end;
            }
            found
        };
        assert_eq!(names("priority $P"), ["P"]);
        assert_eq!(names("10.${A}.${B}.$C"), ["A", "B", "C"]);
        assert_eq!(names("$A.x $B, $C) $$D"), ["B", "C", "D"]);
        assert_eq!(names("${A ${B} $1"), ["B"]);
        let random = next_use("x${_RANDOM 1 5}y", 0).unwrap();
        assert_eq!((random.name, random.parameters, random.end), ("_RANDOM", "1 5", 15));
    }
}
