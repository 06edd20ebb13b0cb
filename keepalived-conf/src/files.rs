//! Surroundings of a configuration: its files, and the machine that it is for.

use std::{
    io,
    path::{Path, PathBuf},
};

/// Questions that the reader asks of the machine. Everything else is pure.
pub trait Surroundings {
    /// The bytes of a file.
    ///
    /// # Errors
    /// The file is not to be read, no regular one, or larger than 4 MiB.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;

    /// The files that a pattern with `*`, `?` and `[...]` matches, in the order of their names. No directories.
    ///
    /// # Errors
    /// The pattern is none, or a directory is not to be read.
    fn matching(&self, pattern: &str) -> io::Result<Vec<PathBuf>>;

    /// Tells whether there is a directory of that name.
    fn is_directory(&self, path: &Path) -> bool;

    /// The name of the host up to its first dot: what `@id` compares with unless it is told otherwise.
    fn host_name(&self) -> String;

    /// Tells whether there is a user of that name.
    fn has_user(&self, name: &str) -> bool;
}

/// The most files that one `include` may name.
pub const MAX_MATCHES: usize = 4_096;

/// The patterns that a pattern with `{a,b}` stands for, as a C shell makes them. At most [`MAX_MATCHES`].
pub(crate) fn without_braces(pattern: &str) -> Vec<String> {
    let mut done = Vec::new();
    let mut waiting = vec![pattern.to_owned()];
    while let Some(next) = waiting.pop() {
        let Some((before, alternatives, after)) = first_braces(&next) else {
            done.push(next);
            continue;
        };
        let filled = alternatives.iter().rev().map(|one| format!("{before}{one}{after}"));
        waiting.extend(filled.take(MAX_MATCHES));
        if done.len() + waiting.len() > MAX_MATCHES {
            break;
        }
    }
    done
}

/// The text before, in and after the first pair of braces.
fn first_braces(pattern: &str) -> Option<(&str, Vec<&str>, &str)> {
    let open = pattern.find('{')?;
    let mut depth = 0_u32;
    let mut start = open + 1;
    let mut alternatives = Vec::new();
    for (at, c) in pattern.char_indices().skip_while(|(at, _)| *at < open) {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if (c == ',' && depth == 1) || depth == 0 {
            alternatives.push(pattern.get(start..at)?);
            start = at + 1;
        }
        if depth == 0 {
            return Some((pattern.get(..open)?, alternatives, pattern.get(start..)?));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn braces_are_expanded_as_in_a_c_shell() {
        assert_eq!(without_braces("a.conf"), ["a.conf"]);
        assert_eq!(without_braces("a/{b,c}.conf"), ["a/b.conf", "a/c.conf"]);
        assert_eq!(without_braces("{foo/{,cat,dog},bar}"), ["foo/", "foo/cat", "foo/dog", "bar"]);
        assert_eq!(without_braces("{open"), ["{open"]);
        assert!(without_braces(&"{a,b}".repeat(64)).len() <= MAX_MATCHES);
    }
}
