//! From a text or a [`Tree`] to a [`Config`].

use super::{
    Config, Problems,
    place::Place,
    problem::{Findings, Problem},
    raw, syntax,
    tree::Tree,
    valid,
};

/// Reads the bytes of a file, whatever they are, on the host called `host`. `origin` names them in messages.
///
/// # Errors
///
/// Every problem, that it is no UTF-8 among them.
pub fn read(origin: &str, bytes: &[u8], host: &str) -> Result<Config, Problems> {
    let known = str::from_utf8(bytes).err().map(|error| not_utf8(bytes, error.valid_up_to()));
    let (mut tree, syntax) = syntax::read(origin, &String::from_utf8_lossy(bytes));
    host.clone_into(&mut tree.host);
    judge_with(&tree, |findings| {
        if let [source] = &tree.sources[..] {
            syntax.merge_into(source, findings);
        }
        findings.problems.extend(known);
    })
}

/// Reads `text`, on a host whose name is nothing to it; `origin` is where it comes from, for the messages.
///
/// # Errors
///
/// Every problem that the text has.
pub fn parse(origin: &str, text: &str) -> Result<Config, Problems> {
    read(origin, text.as_bytes(), "")
}

/// Judges a configuration, wherever it comes from.
///
/// # Errors
///
/// Every problem of the tree, at the places that it names.
pub fn judge(tree: &Tree) -> Result<Config, Problems> {
    judge_with(tree, |_| {})
}

/// Judges as [`judge`] does; `more` has the last word about what is found.
fn judge_with(tree: &Tree, more: impl FnOnce(&mut Findings)) -> Result<Config, Problems> {
    let mut findings = Findings { secrets: tree.secrets.clone(), ..Findings::default() };
    let file = raw::File::read(tree, &mut findings);
    let config = valid::config(&file, &mut findings);
    more(&mut findings);
    match config {
        Some(config) if findings.problems.is_empty() => Ok(config),
        Some(_) | None => Err(Problems::new(&tree.sources, findings)),
    }
}

fn not_utf8(bytes: &[u8], valid_up_to: usize) -> Problem {
    let byte = bytes.get(valid_up_to).copied().unwrap_or_default();
    let place = Place::new(0, &(valid_up_to..valid_up_to + char::REPLACEMENT_CHARACTER.len_utf8()));
    Problem::new(format!("byte 0x{byte:02x} is not UTF-8"), place, "here").help("save the file as UTF-8")
}
