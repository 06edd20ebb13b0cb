//! The sum of several test runners' closing lines.

use std::{fmt, ops::AddAssign};

/// How many tests did what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// They held.
    pub(crate) passed: u64,
    /// They did not.
    pub(crate) failed: u64,
    /// They did not run.
    pub(crate) ignored: u64,
}

impl Tally {
    /// What a line of a runner's output adds: nothing, unless it is a closing line.
    ///
    /// `test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 3 filtered out; finished in 0.02s`
    pub(crate) fn of_line(line: &str) -> Self {
        let Some(counts) = line.strip_prefix("test result: ") else { return Self::default() };
        let count = |outcome: &str| {
            let before = counts.split(';').find_map(|part| part.strip_suffix(outcome));
            before.and_then(|part| part.split_whitespace().last()?.parse().ok()).unwrap_or(0)
        };
        Self { passed: count(" passed"), failed: count(" failed"), ignored: count(" ignored") }
    }
}

/// The names in the lists of failures that runners close with.
///
/// Not those of the lines `test NAME ... FAILED`: what a test prints may stand in between.
#[derive(Debug, Default)]
pub(crate) struct Failures {
    pub(crate) names: Vec<String>,
    listing: bool,
}

impl Failures {
    /// Takes in one line of the output.
    pub(crate) fn line(&mut self, line: &str) {
        match line.strip_prefix("    ") {
            Some(name) if self.listing => self.names.push(name.to_owned()),
            Some(_) | None => self.listing = line == "failures:",
        }
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, more: Self) {
        self.passed += more.passed;
        self.failed += more.failed;
        self.ignored += more.ignored;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed, {} ignored", self.passed, self.failed, self.ignored)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failed_tests_are_known_by_name() {
        let output = "test a::b ... FAILED
test c ... seed 1
FAILED

failures:

---- a::b stdout ----
Error: no such
    thing

failures:
    a::b
    c

test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 3.10s";
        let mut failures = Failures::default();
        output.lines().for_each(|line| failures.line(line));
        assert_eq!(failures.names, ["a::b", "c"]);
    }

    #[test]
    fn closing_lines_are_counted_and_others_are_not() {
        let output = "running 2 tests
test lease::test result: FAILED. 9 passed ... ok
test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 3 filtered out; finished in 0.02s

test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 3.10s";
        let mut sum = Tally::default();
        for line in output.lines() {
            sum += Tally::of_line(line);
        }
        assert_eq!(sum, Tally { passed: 13, failed: 2, ignored: 1 });
        assert_eq!(sum.to_string(), "13 passed, 2 failed, 1 ignored");
    }
}
