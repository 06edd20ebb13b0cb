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

/// A source file of the workspace.
struct Source {
    /// From the root on.
    path: String,
    text: String,
}

/// Every source of the workspace, tests too.
fn sources() -> Vec<Source> {
    let (root, mut found) = (root(), Vec::new());
    let mut directories = vec![root.clone()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() && name != "target" && !name.starts_with('.') {
                directories.push(path);
            } else if name.ends_with(".rs") {
                let text = fs::read_to_string(&path).unwrap();
                let path = path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
                found.push(Source { path, text });
            }
        }
    }
    found
}

fn has_test(sources: &[Source], name: &str) -> bool {
    let definition = format!("fn {name}(");
    sources.iter().any(|source| source.text.contains(&definition))
}

#[test]
fn the_invariants_name_tests_that_exist() {
    let text = read("ARCHITECTURE.md");
    let sources = sources();
    let is_test = |word: &&str| word.matches('_').count() >= 2 && !word.contains([':', '/', '.']);
    let named: Vec<_> = quoted(&text).filter(is_test).collect();
    let missing: Vec<_> = named.iter().filter(|name| !has_test(&sources, name)).collect();
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

/// Whether a name in the ledger is that of a test, a file, a function, a type, a variant, a key, as it is written.
fn exists(word: &str, sources: &[Source]) -> bool {
    let upper = |name: &str| name.starts_with(char::is_uppercase);
    if let Some(start) = word.strip_suffix('*') {
        return sources.iter().any(|source| source.path.starts_with(start));
    }
    if word.ends_with(".rs") || word.contains('/') {
        return root().join(word).exists()
            || sources.iter().any(|source| format!("/{}", source.path).contains(&format!("/{word}")));
    }
    let Some((owner, item)) = word.rsplit_once("::") else {
        return if upper(word) { is_type_or_defect(word, sources) } else { is_spelt_out(word, sources) };
    };
    let here: Vec<_> = sources.iter().filter(|source| belongs_to(source, owner)).collect();
    let definitions = if upper(item) {
        vec![
            format!("\n    {item},"),
            format!("\n    {item}("),
            format!("\n    {item} {{"),
            format!("const {item}:"),
        ]
    } else {
        vec![format!("fn {item}("), format!("fn {item}<")]
    };
    here.iter().any(|source| definitions.iter().any(|definition| source.text.contains(definition)))
}

/// Whether the source is the module of that name, or defines the type or something of it.
fn belongs_to(source: &Source, owner: &str) -> bool {
    let starts =
        [format!("impl {owner}"), format!("> {owner}<"), format!("enum {owner} {{"), format!("for {owner}")];
    if owner.starts_with(char::is_uppercase) {
        return starts.iter().any(|start| source.text.contains(start));
    }
    source.path.ends_with(&format!("/{owner}.rs")) || source.path.contains(&format!("/{owner}/"))
}

/// Whether there is a type of that name, or a deliberate defect of the simulation.
fn is_type_or_defect(name: &str, sources: &[Source]) -> bool {
    let keywords = ["struct", "enum", "trait", "type"];
    let starts = keywords.map(|keyword| format!("{keyword} {name}"));
    let ends_there = |rest: &str| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_');
    let defined = |source: &Source| {
        starts.iter().any(|start| source.text.split(start.as_str()).skip(1).any(ends_there))
    };
    let is_defect = |source: &Source| {
        source.path.ends_with("simulation/src/mutation.rs") && source.text.contains(&format!("\n    {name},"))
    };
    sources.iter().any(|source| defined(source) || is_defect(source))
}

/// Whether a word in lower case stands in the sources: a test, a function, a key. Letters of formulas do.
fn is_spelt_out(word: &str, sources: &[Source]) -> bool {
    let outside_of_this_file = |source: &&Source| source.path != file!();
    sources.iter().filter(outside_of_this_file).any(|source| source.text.contains(word))
}

#[test]
fn the_ledger_names_what_exists() {
    let ledger = read("docs/rfc9568.md");
    let sources = sources();
    let is_test = |word: &&str| {
        word.matches('_').count() >= 2 && word.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    // The letters of a formula, and what is said with them.
    let is_formula = |word: &&str| word.contains(' ') || word.len() == 1;
    let words: Vec<_> = quoted(&ledger).filter(|word| !is_formula(word)).collect();
    let missing: Vec<_> = words
        .iter()
        .filter(|word| if is_test(word) { !has_test(&sources, word) } else { !exists(word, &sources) })
        .collect();
    assert!(missing.is_empty(), "named in docs/rfc9568.md, but not there: {missing:?}");
    let (tests, symbols) =
        (words.iter().copied().filter(|word| is_test(word)), |word: &&&str| word.contains("::"));
    assert!(tests.count() > 50 && words.iter().filter(symbols).count() > 30, "the ledger was not read");
}

#[test]
fn the_architecture_names_what_exists() {
    let text = read("ARCHITECTURE.md");
    let sources = sources();
    let symbols: Vec<_> = quoted(&text).filter(|word| word.contains("::") && !word.contains(' ')).collect();
    let missing: Vec<_> = symbols.iter().filter(|symbol| !exists(symbol, &sources)).collect();
    assert!(missing.is_empty(), "named in ARCHITECTURE.md, but not there: {missing:?}");
    assert!(symbols.len() > 5, "the document was not read");
}

#[test]
fn names_of_what_is_not_there_are_found_out() {
    let sources = sources();
    for there in
        ["Election::advert", "State::Leaving", "receive::receive", "Lease", "NeverYields", "preempt_delay"]
    {
        assert!(exists(there, &sources), "{there}");
    }
    for gone in [
        "Election::advertise_all",
        "State::Left",
        "receive::ip_payload",
        "Leas",
        "NeverNever",
        "wire/none.rs",
    ] {
        assert!(!exists(gone, &sources), "{gone}");
    }
}

/// The sections of the code map, each with the names in the first column of its table.
fn code_map(text: &str) -> Vec<(&str, Vec<&str>)> {
    let map = text.split("## Code map").nth(1).unwrap().split("\n## ").next().unwrap();
    let sections = map.split("\n### `").skip(1);
    sections
        .map(|section| {
            let (directory, rest) = section.split_once('`').unwrap();
            let cells = rest.lines().filter_map(|line| line.strip_prefix("| ")?.split(" |").next());
            (directory, cells.flat_map(quoted).collect())
        })
        .collect()
}

#[test]
fn the_code_map_names_every_file_and_no_other() {
    let text = read("ARCHITECTURE.md");
    let map = code_map(&text);
    let named: Vec<String> = map
        .iter()
        .flat_map(|(directory, names)| names.iter().map(move |name| format!("{directory}/{name}")))
        .collect();
    let sources = sources();
    let is_test =
        |path: &str| path.ends_with("/tests.rs") || path.split("/src/").nth(1).unwrap().contains("tests/");
    let mapped = |path: &&str| path.split('/').nth(1) == Some("src") && !is_test(path);
    let files: Vec<&str> = sources.iter().map(|source| source.path.as_str()).filter(mapped).collect();
    let covers = |name: &str, path: &str| name == path || (name.ends_with('/') && path.starts_with(name));
    let missing: Vec<_> = files.iter().filter(|path| !named.iter().any(|name| covers(name, path))).collect();
    assert!(missing.is_empty(), "not in the code map of ARCHITECTURE.md: {missing:?}");
    let gone: Vec<_> = named.iter().filter(|name| !files.iter().any(|path| covers(name, path))).collect();
    assert!(gone.is_empty(), "in the code map of ARCHITECTURE.md, but not there: {gone:?}");
    assert!(files.len() > 200, "the sources were not found");
}

#[test]
fn the_least_rust_is_stated_in_the_manifest_alone() {
    let stated = |document: &&str| {
        let text = read(document);
        let numbers = text.split("1.").skip(1).map(|rest| rest.chars().take(2).collect::<String>());
        let is_compiler = |number: String| number.starts_with(['8', '9']) && number.len() == 2;
        text.lines().any(|line| line.contains("Rust") || line.contains("cargo"))
            && numbers.into_iter().any(is_compiler)
    };
    let documents = ["CONTRIBUTING.md", "ARCHITECTURE.md", "docs/operations.md"];
    let wrong: Vec<_> = documents.iter().filter(|document| stated(document)).collect();
    assert!(wrong.is_empty(), "the version of the compiler is the manifest's to state: {wrong:?}");
    assert!(read("Cargo.toml").contains("\nrust-version = "));
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

/// Crates whose doc comments were gone through, and the file whose doc comments are what `--help` prints.
const DOCUMENTED: [&str; 2] = ["vrrp-dataplane/src/", "vrrpd/src/"];
const HELP: &str = "vrrpd/src/cli.rs";

#[test]
fn doc_comments_begin_with_what_they_are_about() {
    let questions = ["What ", "Who ", "Whose ", "Whether ", "How ", "When ", "See there"];
    let mut wrong = Vec::new();
    for Source { path, text } in sources() {
        let documented = DOCUMENTED.iter().any(|directory| path.starts_with(directory)) && path != HELP;
        let code = text.split("#[cfg(test)]").next().unwrap();
        let mut before = "";
        for line in code.lines().map(str::trim).filter(|_| documented && !path.contains("tests")) {
            let first = line.strip_prefix("/// ").filter(|_| !before.starts_with("///"));
            let first = first.or_else(|| line.strip_prefix("//! ").filter(|_| before.is_empty()));
            if first.is_some_and(|first| questions.iter().any(|question| first.starts_with(question))) {
                wrong.push(format!("{path}: {line}"));
            }
            before = line;
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
