//! Lines into words.

use vrrp_config::Place;

use super::text::Text;

/// One word of a line.
#[derive(Clone, Debug)]
pub(crate) struct Word {
    /// Without the quotes around it.
    pub(crate) text: String,
    pub(crate) place: Place,
    /// The word stood in double quotes.
    pub(crate) is_quoted: bool,
}

/// Offset of the comment of a line, if it has one: `!` or `#` outside double quotes, and without `\` before it.
pub(crate) fn comment(line: &str) -> Option<usize> {
    let (mut quoted, mut escaped) = (false, false);
    for (at, byte) in line.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => quoted = !quoted,
            b'!' | b'#' if !quoted => return Some(at),
            _ => {}
        }
    }
    None
}

/// Tells whether a line ends with a `\` that has none before it.
pub(crate) fn continues(line: &str) -> bool {
    let before = line.trim_end_matches('\\');
    (line.len() - before.len()) % 2 == 1
}

/// A character that looks like one that means something, and is another.
pub(crate) struct Lookalike {
    /// Description for messages.
    pub(crate) name: &'static str,
    pub(crate) help: &'static str,
}

impl Lookalike {
    /// The first in a word.
    pub(crate) fn find(word: &str) -> Option<(char, Self)> {
        word.chars().find_map(|c| Some((c, Self::of(c)?)))
    }

    fn of(c: char) -> Option<Self> {
        let (name, help) = match c {
            '\u{a0}' | '\u{202f}' => ("a no-break space", "write a plain blank"),
            '\u{feff}' | '\u{200b}'..='\u{200f}' | '\u{2060}' => ("an invisible character", "remove it"),
            '\u{2018}'..='\u{201f}' | '\u{ab}' | '\u{bb}' => {
                ("a typographic quote", "write the plain one of programs")
            }
            c if c.is_whitespace() && !c.is_ascii() => ("a blank that is none here", "write a plain blank"),
            _ => return None,
        };
        Some(Self { name, help })
    }
}

/// `\#` and `\!` outside double quotes are the characters themselves.
pub(crate) fn unescaped(line: &Text) -> Text {
    let (mut quoted, mut escaped, mut done) = (false, false, 0);
    let mut out = Text::default();
    for (at, byte) in line.as_str().bytes().enumerate() {
        match byte {
            b'#' | b'!' if escaped && !quoted => {
                out.push(&line.slice(done..at - 1));
                (done, escaped) = (at, false);
            }
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => quoted = !quoted,
            _ => {}
        }
    }
    if done == 0 {
        return line.clone();
    }
    out.push(&line.slice(done..line.len()));
    out
}

/// The first brace outside double quotes.
pub(crate) fn brace(line: &str) -> Option<usize> {
    let (mut quoted, mut escaped) = (false, false);
    line.bytes().position(|byte| {
        let is_quote = byte == b'"' && !escaped;
        quoted ^= is_quote;
        escaped = byte == b'\\' && !escaped;
        !quoted && matches!(byte, b'{' | b'}')
    })
}

/// Offset at which the quote ends that `inner` is in: at the next `"` without `\` before it.
fn closing_quote(inner: &str) -> Option<usize> {
    let mut escaped = false;
    inner.bytes().position(|byte| {
        let ends = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        ends
    })
}

/// The words of a line: what stands between blanks, or in double quotes. `Err`: the place of a quote that is not
/// closed.
pub(crate) fn words(line: &Text) -> Result<Vec<Word>, Place> {
    let text = line.as_str();
    let mut words = Vec::new();
    let mut at = 0;
    while let Some(skipped) = text.get(at..).and_then(|rest| rest.find(|c: char| !c.is_ascii_whitespace())) {
        let start = at + skipped;
        let rest = text.get(start..).unwrap_or_default();
        let (range, end, is_quoted) = if let Some(inner) = rest.strip_prefix('"') {
            let length = closing_quote(inner).ok_or_else(|| line.place(start..text.len()))?;
            (start + 1..start + 1 + length, start + length + 2, true)
        } else {
            let length = rest.find(|c: char| c.is_ascii_whitespace() || c == '"').unwrap_or(rest.len());
            (start..start + length, start + length, false)
        };
        let word = text.get(range).unwrap_or_default().to_owned();
        words.push(Word { text: word, place: line.place(start..end), is_quoted });
        at = end;
    }
    Ok(words)
}

/// The arguments of a command line as keepalived takes it: blanks part them, single and double quotes keep blanks, a
/// backslash takes the next character as it is or stands for a control character. `None`: a quote is not closed, or
/// a backslash is the last character.
pub(crate) fn arguments(line: &str) -> Option<Vec<String>> {
    let mut arguments = Vec::new();
    let mut chars = line.chars().peekable();
    loop {
        while chars.next_if(char::is_ascii_whitespace).is_some() {}
        if chars.peek().is_none() {
            return Some(arguments);
        }
        let mut argument = String::new();
        let mut quote = None;
        while let Some(c) = chars.next_if(|c| quote.is_some() || !c.is_ascii_whitespace()) {
            match (c, quote) {
                ('\\', _) => argument.push(escape(&mut chars)?),
                (c, Some(open)) if c == open => quote = None,
                ('"' | '\'', None) => quote = Some(c),
                (c, _) => argument.push(c),
            }
        }
        if quote.is_some() {
            return None;
        }
        arguments.push(argument);
    }
}

/// The character that a backslash and what follows it stand for.
fn escape(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Option<char> {
    let number = |digits: &str, radix| u32::from_str_radix(digits, radix).ok().and_then(char::from_u32);
    let c = chars.next()?;
    Some(match c {
        'a' => '\x07',
        'b' => '\x08',
        'E' => '\x1b',
        'f' => '\x0c',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'v' => '\x0b',
        'c' => char::from(u8::try_from(u32::from(chars.next()?) & 0x1f).ok()?),
        'x' if chars.peek().is_some_and(char::is_ascii_hexdigit) => {
            let mut digits = String::new();
            while let Some(digit) = chars.next_if(char::is_ascii_hexdigit) {
                digits.push(digit);
            }
            // A byte, as keepalived has it.
            number(digits.get(digits.len().saturating_sub(2)..)?, 16)?
        }
        '0'..='7' => {
            let mut digits = String::from(c);
            while digits.len() < 3
                && let Some(digit) = chars.next_if(|c| c.is_digit(8))
            {
                digits.push(digit);
            }
            number(&digits, 8)?
        }
        other => other,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(line: &str) -> Vec<String> {
        words(&Text::from_file(line, 0, 0)).unwrap().into_iter().map(|word| word.text).collect()
    }

    #[test]
    fn blanks_part_words_and_double_quotes_keep_them() {
        assert_eq!(split("notify_master  \"/x a  b\"\troot"), ["notify_master", "/x a  b", "root"]);
        assert_eq!(split("a\"b c\"d"), ["a", "b c", "d"]);
        assert_eq!(split("router_id 'a b'"), ["router_id", "'a", "b'"]);
        assert_eq!(split(r#"script "/x \"a b\"" c"#), ["script", r#"/x \"a b\""#, "c"]);
        assert_eq!(split(""), Vec::<String>::new());
        assert!(words(&Text::from_file("script \"open", 0, 0)).is_err());
    }

    #[test]
    fn words_know_their_places() {
        let words = words(&Text::from_file("state \"MASTER\"", 1, 10)).unwrap();
        assert_eq!(words[1].place, Place { file: 1, start: 16, end: 24 });
        assert!(words[1].is_quoted && !words[0].is_quoted);
    }

    #[test]
    fn comments_start_with_either_mark_outside_quotes() {
        assert_eq!(comment("state MASTER # x"), Some(13));
        assert_eq!(comment("! all"), Some(0));
        assert_eq!(comment("script \"a # b ! c\""), None);
        assert_eq!(comment(r"router_id a\#b"), None);
        assert_eq!(unescaped(&Text::from_file(r"a\#b \! c", 0, 0)).as_str(), "a#b ! c");
        assert_eq!(unescaped(&Text::from_file(r#"x "a\#b""#, 0, 0)).as_str(), r#"x "a\#b""#);
    }

    #[test]
    fn braces_count_outside_quotes() {
        assert_eq!(brace("vrrp_instance VI {"), Some(17));
        assert_eq!(brace("script \"{}\" }"), Some(12));
        assert_eq!(brace("script \"a \\\" {\" }"), Some(16));
        assert_eq!(brace("plain"), None);
    }

    #[test]
    fn a_command_line_is_parted_as_keepalived_does() {
        let args = |line| arguments(line).unwrap();
        assert_eq!(args("/bin/x 'a b' \"c d\" e"), ["/bin/x", "a b", "c d", "e"]);
        assert_eq!(args(r"x \x41 \101 \t\n \q ''"), ["x", "A", "A", "\t\n", "q", ""]);
        assert_eq!(args("abcd' efg 'x"), ["abcd efg x"]);
        assert_eq!(arguments("'open"), None);
        assert_eq!(arguments("end\\"), None);
    }
}
