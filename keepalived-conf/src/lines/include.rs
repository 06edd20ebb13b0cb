//! `include` and its variants.

use std::path::{Path, PathBuf};

use vrrp_config::{Place, Source};

use super::{Feed, Lines};
use crate::{
    files::{MAX_MATCHES, without_braces},
    report::Severity,
    text::Text,
    words::{Word, words},
};

/// The most files that a configuration may be made of.
const MAX_FILES: usize = 1_024;

/// `include_check`: what is an error when it is not so.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "keepalived's four options, each on its own")]
pub(super) struct Check {
    /// Every file that matches is to be read.
    readable: bool,
    /// A name without wildcards matches.
    matched: bool,
    /// A name with wildcards matches.
    wildcard: bool,
    /// Every alternative in braces matches.
    braces: bool,
}

impl Check {
    const ALL: Self = Self { readable: true, matched: true, wildcard: true, braces: true };

    /// For the lines of one keyword: `include` leaves the checks as they are, its variants add theirs.
    fn with(self, keyword: &str) -> Option<Self> {
        match keyword {
            "include" => Some(self),
            "includer" => Some(Self { readable: true, ..self }),
            "includem" => Some(Self { readable: true, matched: true, ..self }),
            "includew" => Some(Self { readable: true, wildcard: true, ..self }),
            "includeb" => Some(Self { readable: true, braces: true, ..self }),
            "includea" => Some(Self::ALL),
            _ => None,
        }
    }

    /// One option of `include_check`.
    fn option(&mut self, option: &str) -> bool {
        let on = !option.starts_with('-');
        let flag = match option.trim_start_matches(['+', '-']) {
            "readable" => &mut self.readable,
            "match" => &mut self.matched,
            "wildcard_match" => &mut self.wildcard,
            "brace_match" => &mut self.braces,
            _ => return false,
        };
        *flag = on;
        self.readable |= self.matched || self.wildcard || self.braces;
        true
    }
}

impl Lines<'_> {
    /// Opens the files of an `include`, and obeys an `include_check`. `false` for any other line.
    pub(super) fn include(&mut self, line: &Text) -> bool {
        if !line.as_str().starts_with("include") {
            return false;
        }
        let Ok(words) = words(line) else { return false };
        let Some((keyword, rest)) = words.split_first() else { return false };
        if keyword.text == "include_check" {
            self.include_check(rest);
            return true;
        }
        let Some(check) = self.check().with(&keyword.text) else { return false };
        match rest {
            [pattern] => self.include_matching(pattern, check),
            _ => {
                let label = "must have one file name after it";
                self.faults.push(
                    keyword.place,
                    "bad include",
                    label,
                    "write include FILE, or include DIR/*.conf",
                );
            }
        }
        true
    }

    fn check(&self) -> Check {
        let of_feed = |feed: &Feed| match feed {
            Feed::File { check, .. } => Some(*check),
            Feed::Block { .. } | Feed::Repeat(_) | Feed::Rest(_) => None,
        };
        self.feeds.iter().rev().find_map(of_feed).unwrap_or_default()
    }

    fn include_check(&mut self, options: &[Word]) {
        let mut check = self.check();
        if options.is_empty() {
            check = Check::ALL;
        } else if options.iter().any(|option| !option.text.starts_with(['+', '-'])) {
            check = Check::default();
        }
        for option in options {
            if !check.option(&option.text) {
                let label = "must be readable, match, wildcard_match or brace_match, with + or - before it";
                self.faults.push(
                    option.place,
                    "unknown check",
                    label,
                    "see keepalived.conf(5), include_check",
                );
            }
        }
        let innermost = self.feeds.iter_mut().rev().find_map(|feed| match feed {
            Feed::File { check, .. } => Some(check),
            Feed::Block { .. } | Feed::Repeat(_) | Feed::Rest(_) => None,
        });
        if let Some(innermost) = innermost {
            *innermost = check;
        }
    }

    fn include_matching(&mut self, word: &Word, check: Check) {
        let (pattern, place) = (word.text.as_str(), word.place);
        let alternatives = without_braces(pattern);
        let mut paths = Vec::new();
        for alternative in &alternatives {
            let absolute = self.directory().join(alternative);
            let found = self.surroundings.matching(&absolute.to_string_lossy()).unwrap_or_default();
            let wild = alternative.contains(['*', '?', '[']);
            let must = if wild { check.wildcard } else { check.matched };
            if found.is_empty() && (must || (check.braces && alternatives.len() > 1)) {
                let title = format!("no file matches `{alternative}`");
                self.faults.push(
                    place,
                    title,
                    "must name a file",
                    "as include_check or the kind of include asks",
                );
            }
            paths.extend(found);
        }
        if paths.is_empty() && self.surroundings.is_directory(&self.directory().join(pattern)) {
            let note = format!(
                "`{pattern}` is a directory, of which keepalived reads nothing either: write {}/*.conf",
                pattern.trim_end_matches('/')
            );
            self.report.push(Severity::Unsupported, place, "include", note);
        } else if paths.is_empty() && self.faults.is_empty() {
            let note = format!("no file matches `{pattern}`; keepalived goes on without it too");
            self.report.push(Severity::Harmless, place, "include", note);
        }
        // The last one on the stack is read first.
        for path in paths.iter().take(MAX_MATCHES).rev() {
            self.include_file(path, place, check);
        }
    }

    fn include_file(&mut self, path: &Path, place: Place, check: Check) {
        if self.files.len() >= MAX_FILES {
            let label = format!("the configuration has {MAX_FILES} files before it");
            self.faults.push(place, "too many files", label, "look for a file that includes itself");
            self.feeds.clear();
            return;
        }
        match self.surroundings.read(path) {
            Ok(bytes) => {
                let text = String::from_utf8_lossy(&bytes).into_owned();
                let directory = path.parent().map(Path::to_path_buf).unwrap_or_default();
                let files = self.feeds.iter().filter(|feed| matches!(feed, Feed::File { .. })).count();
                if files < super::MAX_DEPTH / 2 {
                    self.open_file(Source::new(path.display().to_string(), text), directory, check);
                } else {
                    let label = format!("{files} files within each other");
                    self.faults.push(place, "nested too deep", label, "look for a file that includes itself");
                    self.feeds.clear();
                }
            }
            Err(error) => {
                let title = format!("cannot read {}: {error}", path.display());
                self.faults.push(place, title, "included here", "let vrrpd read it, or do not include it");
            }
        }
    }

    pub(super) fn open_file(&mut self, source: Source, directory: PathBuf, check: Check) {
        let Ok(file) = u16::try_from(self.files.len()) else { return };
        self.files.push(source);
        self.feeds.push(Feed::File { file, next: 0, directory, check });
    }
}
