//! The table of our keys names keepalived's words, and the tables of keepalived's keywords name our keys: both say the same.

use std::collections::BTreeSet;

/// Words of lines within blocks, which are in no table of keywords.
const WITHIN_LINES: [&str; 13] = [
    "dev",
    "label",
    "scope",
    "brd",
    "no_track",
    "min_ttl",
    "max_ttl",
    "weight",
    "reverse",
    "noreverse",
    "overwrite",
    "value",
    "address",
];

/// What stands between backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// The cells of each row of a table in Markdown.
fn rows(table: &str) -> impl Iterator<Item = Vec<&str>> {
    table.lines().map(|line| line.split('|').map(str::trim).collect())
}

#[test]
fn each_word_that_one_of_our_keys_stands_for_is_a_keyword_that_is_carried_over() {
    let tables = keepalived_conf::keyword_tables();
    let carried: BTreeSet<&str> = rows(&tables)
        .filter(|cells| {
            cells.get(3).is_some_and(|fate| fate.starts_with("supported") || fate.starts_with("limited"))
        })
        .filter_map(|cells| quoted(cells.get(1)?).next())
        .collect();
    let mut named = 0;
    for (group, _) in vrrp_config::groups() {
        let ours = vrrp_config::rows(group).unwrap();
        for cells in rows(&ours) {
            for word in cells.get(4).into_iter().filter_map(|cell| cell.split('(').next()).flat_map(quoted) {
                let is_word = word
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte == b'_' || byte.is_ascii_digit());
                if is_word && !WITHIN_LINES.contains(&word) {
                    named += 1;
                    assert!(
                        carried.contains(word),
                        "{group}: {cells:?} names `{word}`, which is not carried over"
                    );
                }
            }
        }
    }
    assert!(named > 60, "{named} words were found");
}
