//! What the documents name exists, and what exists is named.

#![expect(clippy::unwrap_used, reason = "a file that cannot be read is a failed test")]

use std::{
    fs,
    path::{Path, PathBuf},
};

use vrrp_common::{abi::Verdict, receive::Discard};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

/// The fenced blocks of a language, wherever they are indented to.
fn blocks<'t>(text: &'t str, language: &str) -> Vec<Vec<&'t str>> {
    let mut found = Vec::new();
    let mut open: Option<Vec<&str>> = None;
    for line in text.lines().map(str::trim) {
        match &mut open {
            Some(_) if line == "```" => found.extend(open.take()),
            Some(lines) => lines.push(line),
            None if line.strip_prefix("```") == Some(language) => open = Some(Vec::new()),
            None => {}
        }
    }
    found
}

/// The text of a `cat > FILE.toml <<'END'`.
fn here_document(text: &str) -> &str {
    text.split("<<'END'\n").nth(1).unwrap().split("END\n").next().unwrap()
}

#[test]
fn every_counter_is_explained() {
    let operations = read("docs/operations.md");
    let verdicts = Verdict::ALL.iter().map(|verdict| verdict.name());
    let discards = Discard::ALL.iter().map(|discard| discard.name());
    let missing: Vec<_> =
        verdicts.chain(discards).filter(|name| !operations.contains(&format!("| `{name}` |"))).collect();
    assert!(missing.is_empty(), "not in docs/operations.md: {missing:?}");
}

#[test]
fn every_configuration_in_the_documents_is_one() {
    let keepalived = read("docs/from-keepalived.md");
    let mut texts: Vec<String> =
        blocks(&keepalived, "toml").iter().map(|lines| lines.join("\n") + "\n").collect();
    assert!(!texts.is_empty(), "no block in docs/from-keepalived.md");
    texts.push(here_document(&read("README.md")).to_owned());
    for text in texts {
        if let Err(problems) = vrrp_config::parse("a document", &text) {
            panic!("{text}\n{problems}");
        }
    }
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

#[test]
fn the_invariants_name_tests_that_exist() {
    let text = read("ARCHITECTURE.md");
    let mut all = String::new();
    sources(&root(), &mut all);
    let named: Vec<_> =
        quoted(&text).filter(|word| word.matches('_').count() >= 2 && !word.contains(':')).collect();
    let missing: Vec<_> = named.iter().filter(|name| !all.contains(&format!("fn {name}("))).collect();
    assert!(missing.is_empty(), "named in ARCHITECTURE.md, but not there: {missing:?}");
    for invariant in (1..=11).chain([13]) {
        assert!(text.contains(&format!("| I{invariant} |")), "I{invariant}");
    }
    assert!(named.len() > 25, "the table was not read");
}

#[test]
fn links_between_documents_lead_somewhere() {
    for document in
        ["README.md", "ARCHITECTURE.md", "CHANGELOG.md", "docs/operations.md", "docs/from-keepalived.md"]
    {
        let text = read(document);
        let targets = text.split("](").skip(1).map(|rest| rest.split(')').next().unwrap());
        for target in targets.filter(|target| !target.starts_with("http")) {
            let (file, heading) = target.split_once('#').unwrap_or((target, ""));
            let file = if file.is_empty() {
                root().join(document)
            } else {
                root().join(document).parent().unwrap().join(file)
            };
            let found = fs::read_to_string(&file);
            assert!(found.is_ok(), "{document} links to {target}, which is not there");
            let headings = found.unwrap();
            let mut headings = headings.lines().filter(|line| line.starts_with('#')).map(anchor);
            assert!(heading.is_empty() || headings.any(|name| name == heading), "{document}: {target}");
        }
    }
}

/// As GitHub makes it of a heading.
fn anchor(line: &str) -> String {
    let text = line.trim_start_matches('#').trim().to_lowercase();
    let kept = text.chars().filter(|c| c.is_alphanumeric() || [' ', '-', '_'].contains(c));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

#[test]
fn every_keyword_of_keepalived_is_in_the_table_with_what_becomes_of_it() {
    let document = read("docs/from-keepalived.md");
    let tables = keepalived_conf::keyword_tables();
    let heads = tables.lines().filter(|line| line.starts_with("### ")).count();
    assert!(heads >= 8 && tables.lines().count() > 250, "the tables were not made");
    let at = document.find("### Outside all blocks").unwrap_or(document.len());
    let here = document[at..].trim();
    for (ours, theirs) in tables.trim().lines().zip(here.lines()) {
        assert_eq!(ours, theirs, "docs/from-keepalived.md is not what the program has; write:\n\n{tables}");
    }
    assert_eq!(tables.trim(), here, "write into docs/from-keepalived.md:\n\n{tables}");
}

/// What stands between backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

#[test]
fn the_ledger_names_what_exists() {
    let root = root();
    let ledger = read("docs/rfc9568.md");
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
    let ledger = read("docs/rfc9568.md");
    let mutations = read("simulation/src/mutation.rs");
    let list = mutations.split("mutations! {\n").nth(1).unwrap().split("\n}\n").next().unwrap();
    let names = list.lines().filter_map(|line| line.trim().strip_suffix(','));
    let named: Vec<_> = quoted(&ledger).collect();
    let missing: Vec<_> = names.filter(|name| !name.starts_with("//") && !named.contains(name)).collect();
    assert!(missing.is_empty(), "no row of docs/rfc9568.md names {missing:?}");
}
