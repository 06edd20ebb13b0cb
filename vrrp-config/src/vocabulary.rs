//! Words that somebody may have meant by a word that is none of ours.

use super::keys::FILE;

const INSTANCE: &str = "vrrp_instance";
const GROUP: &str = "vrrp_sync_group";

/// The nearest of `words`, if it is near enough to be a slip.
pub fn nearest<'w>(typed: &str, words: impl Iterator<Item = &'w str>) -> Option<&'w str> {
    // Nothing long is a slip of something short; comparing is quadratic.
    let typed: String = typed.chars().take(32).collect::<String>().to_ascii_lowercase();
    let scored = words.map(|word| (strsim::osa_distance(&typed, &word.to_ascii_lowercase()), word));
    let (distance, word) = scored.min_by_key(|(distance, _)| *distance)?;
    (distance <= word.len().div_ceil(4)).then_some(word)
}

/// Advice what to write for `key`, which is none of the keys `known` in the table `table`.
pub(super) fn suggest(table: &str, key: &str, known: &[&'static str]) -> String {
    if let Some(advice) = from_keepalived(table, key) {
        return advice.to_owned();
    }
    match nearest(key, known.iter().copied()) {
        Some(word) => format!("did you mean `{word}`?"),
        None => format!("its keys are {}", known.join(", ")),
    }
}

/// keepalived's words that have another place or another form here, or none.
fn from_keepalived(table: &str, key: &str) -> Option<&'static str> {
    match (table, key) {
        (INSTANCE, "nopreempt") => Some("write preempt = false"),
        (INSTANCE, "no_accept") => Some("write accept = false"),
        (INSTANCE, "garp_master_delay") => Some("write garp = { delay = \"5s\" }"),
        (INSTANCE, "garp_master_repeat") => Some("write garp = { repeat = 5 }"),
        (INSTANCE, "garp_master_refresh") => Some("write garp = { refresh = \"60s\" }"),
        (INSTANCE, "garp_lower_prio_delay") => Some("write garp = { lower_prio_delay = \"5s\" }"),
        (INSTANCE, "garp_lower_prio_repeat") => Some("write garp = { lower_prio_repeat = 5 }"),
        (INSTANCE, "auth_type" | "auth_pass") => {
            Some("write authentication = { auth_type = \"PASS\", auth_pass = \"...\" }")
        }
        (INSTANCE, "vrrp_version") => Some("write version = 2 or version = 3"),
        (INSTANCE | GROUP, "notify_deleted") => {
            Some("use notify_fault; a router that is removed runs notify_stop")
        }
        (INSTANCE | GROUP, "notify_master_rx_lower_pri" | "notify_priority_changes") => {
            Some("not supported: `notify` is run when the state changes")
        }
        (INSTANCE | GROUP, "track_bfd") => {
            Some("not supported: an advert_int down to \"10ms\" does its work")
        }
        (INSTANCE | GROUP, "global_tracking") => Some("name what is tracked in the group itself"),
        ("vrrp_process", "full_command") => Some("leave it out: arguments are compared if `process` has any"),
        ("virtual_ipaddress" | "virtual_ipaddress_excluded", "broadcast") => {
            Some("write brd = \"192.0.2.255\"")
        }
        (FILE, _) => at_the_top(key),
        _ => None,
    }
}

fn at_the_top(key: &str) -> Option<&'static str> {
    match key {
        "global_defs" => Some("write its keys at the top of the file: router_id = \"...\""),
        "vrrp_track_process" | "track_process" => Some("write [vrrp_process.NAME]"),
        "vrrp_track_file" | "track_file" => Some("write [vrrp_file.NAME]"),
        "track_interface" => Some("write it in a [vrrp_instance.NAME]"),
        "bfd_instance" => Some("not supported: an advert_int down to \"10ms\" does its work"),
        "virtual_server" | "virtual_server_group" => Some("not supported: vrrpd is no load balancer"),
        "enable_script_security" => Some("leave it out: it is always on"),
        "script_group" => Some("write script_user = \"user:group\""),
        "smtp_alert_vrrp" => Some("write smtp_alert = true"),
        "vrrp_version" => Some("write version = 2 or version = 3 in each [vrrp_instance.NAME]"),
        "notify_master" | "notify_backup" | "notify_fault" | "notify_stop" | "notify" => {
            Some("write it in a [vrrp_instance.NAME] or a [vrrp_sync_group.NAME]")
        }
        _ if key.starts_with("vrrp_instance") => Some("write [vrrp_instance.NAME]"),
        _ => None,
    }
}
