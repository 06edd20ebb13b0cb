//! The ledger of the RFCs names tests and files: they exist.

#![expect(clippy::unwrap_used, reason = "a file that cannot be read is a failed test")]

use std::{
    fs,
    path::{Path, PathBuf},
};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

/// Every source of the workspace, one after the other.
fn sources(directory: &Path, into: &mut String) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && name != "target" && !name.starts_with('.') {
            sources(&path, into);
        } else if name.ends_with(".rs") {
            into.push_str(&fs::read_to_string(&path).unwrap());
        }
    }
}

/// What stands between backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

#[test]
fn the_ledger_names_what_exists() {
    let root = root();
    let ledger = fs::read_to_string(root.join("docs/rfc9568.md")).unwrap();
    let mut all = String::new();
    sources(&root, &mut all);
    let mut missing = Vec::new();
    let mut tests = 0;
    for word in quoted(&ledger) {
        let is_test =
            word.matches('_').count() >= 2 && word.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        let is_file = word.contains('/') && word.ends_with(".rs");
        tests += usize::from(is_test);
        if (is_test && !all.contains(&format!("fn {word}("))) || (is_file && !root.join(word).exists()) {
            missing.push(word);
        }
    }
    assert!(missing.is_empty(), "named in docs/rfc9568.md, but not there: {missing:?}");
    assert!(tests > 50, "the ledger was not read: {tests} tests");
}

#[test]
fn the_ledger_names_every_deliberate_defect() {
    let root = root();
    let ledger = fs::read_to_string(root.join("docs/rfc9568.md")).unwrap();
    let mutations = fs::read_to_string(root.join("simulation/src/mutation.rs")).unwrap();
    let list = mutations.split("mutations! {\n").nth(1).unwrap().split("\n}\n").next().unwrap();
    let names = list.lines().filter_map(|line| line.trim().strip_suffix(','));
    let named: Vec<_> = quoted(&ledger).collect();
    let missing: Vec<_> = names.filter(|name| !name.starts_with("//") && !named.contains(name)).collect();
    assert!(missing.is_empty(), "no row of docs/rfc9568.md names {missing:?}");
}
