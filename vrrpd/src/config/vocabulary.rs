//! What somebody may have meant by a word that is none of ours.

use super::keys::{FILE, INSTANCE};

/// The nearest of `words`, if it is near enough to be a slip.
pub(super) fn nearest<'w>(typed: &str, words: impl Iterator<Item = &'w str>) -> Option<&'w str> {
    // Nothing long is a slip of something short; comparing is quadratic.
    let typed: String = typed.chars().take(32).collect::<String>().to_ascii_lowercase();
    let scored = words.map(|word| (strsim::osa_distance(&typed, &word.to_ascii_lowercase()), word));
    let (distance, word) = scored.min_by_key(|(distance, _)| *distance)?;
    (distance <= word.len().div_ceil(4)).then_some(word)
}

/// What to write for `key`, which is none of the keys `known` in the table `table`.
pub(super) fn suggest(table: &str, key: &str, known: &[&'static str]) -> String {
    if let Some(advice) = from_keepalived(table, key) {
        return advice.to_owned();
    }
    match nearest(key, known.iter().copied()) {
        Some(word) => format!("did you mean `{word}`?"),
        None => format!("its keys are {}", known.join(", ")),
    }
}

/// keepalived's words that have another place or another form here.
fn from_keepalived(table: &str, key: &str) -> Option<&'static str> {
    match (table, key) {
        (INSTANCE, "nopreempt") => Some("write preempt = false"),
        (INSTANCE, "no_accept") => Some("write accept = false"),
        (INSTANCE, "garp_master_delay") => Some("write garp = { delay = \"5s\" }"),
        (INSTANCE, "garp_master_repeat") => Some("write garp = { repeat = 5 }"),
        (INSTANCE, "garp_master_refresh") => Some("write garp = { refresh = \"60s\" }"),
        (INSTANCE, "auth_type" | "auth_pass") => {
            Some("write authentication = { auth_type = \"PASS\", auth_pass = \"...\" }")
        }
        (INSTANCE, "vrrp_version") => Some("write version = 2 or version = 3"),
        ("virtual_ipaddress", "brd" | "broadcast") => Some("leave it out: the prefix says it"),
        (FILE, "global_defs") => Some("write router_id = \"...\" at the top of the file"),
        (FILE, _) if key.starts_with("vrrp_instance") => Some("write [vrrp_instance.NAME]"),
        _ => None,
    }
}
