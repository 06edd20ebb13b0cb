//! What an instance comes to, in keepalived's dump and in the TOML that vrrpd makes.

use std::collections::BTreeMap;

/// What keepalived says something about and takes for something else. Each instance has a number of its own.
pub(crate) const CORRECTED: &[&str] = &[
    "vrrp_instance OWNER {\n state MASTER\n interface eth0\n virtual_router_id 1\n nopreempt\n virtual_ipaddress {\n 192.0.2.61\n }\n}\n\
     vrrp_instance SILENT {\n interface eth0\n virtual_router_id 2\n priority 255\n garp_master_repeat 0\n virtual_ipaddress {\n 192.0.2.62\n }\n}\n\
     vrrp_instance STRICT {\n strict_mode\n state MASTER\n priority 100\n nopreempt\n accept\n preempt_delay 5\n interface eth0\n virtual_router_id 3\n\
      authentication {\n auth_type PASS\n auth_pass 1111\n }\n virtual_ipaddress {\n 192.0.2.63\n }\n}\n\
     vrrp_instance TWICE {\n interface eth0\n virtual_router_id 4\n state MASTER\n state BACKUP\n priority 7\n version 3\n version 2\n virtual_ipaddress {\n 192.0.2.64\n }\n}\n\
     vrrp_instance SOURCE {\n interface eth0\n virtual_router_id 5\n unicast_src_ip 192.0.2.71/24\n mcast_src_ip 192.0.2.72/24\n unicast_peer {\n 192.0.2.73/24\n 192.0.2.73\n }\n\
      authentication {\n auth_type PASS\n auth_pass p\u{e4}ssw\u{f6}rd\n }\n virtual_ipaddress {\n 192.0.2.65\n }\n}\n\
     vrrp_instance ALONE {\n interface eth0\n virtual_router_id 6\n unicast_peer {\n }\n virtual_ipaddress {\n 192.0.2.66\n }\n}\n",
    "global_defs {\n vrrp_strict\n vrrp_garp_master_repeat 0\n}\n$VI= \\\n vrrp_instance V_${N} { \\\n# between \\\n interface eth0 \\\n virtual_router_id ${N} \\\n\
      priority 9 # why \\\n authentication { \\\n auth_type PASS \\\n auth_pass 1111 \\\n } \\\n virtual_ipaddress { \\\n 192.0.2.1${N} \\\n } \\\n }\n\
     ~SEQ(N, 11, 14) $VI\n",
];

/// What an instance comes to.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Settings {
    /// By keepalived's word for it.
    settings: BTreeMap<&'static str, String>,
    addresses: Vec<String>,
}

/// What is compared: keepalived's word, the key in TOML, and what it is where TOML says nothing.
const COMPARED: [(&str, &str, &str); 9] = [
    ("Virtual Router ID", "virtual_router_id", ""),
    ("VRRP Version", "version", ""),
    ("Wantstate", "state", ""),
    ("Priority", "priority", "100"),
    ("Gratuitous ARP repeat", "garp", "5"),
    ("Accept", "accept", "enabled"),
    ("Preempt", "preempt", "enabled"),
    ("Authentication type", "authentication", "none"),
    ("Using src_ip", "src_ip", "192.0.2.1"),
];

/// From what keepalived logs with `-d`; every line starts with the time.
pub(crate) fn dumped(log: &str) -> BTreeMap<String, Settings> {
    let (mut all, mut name, mut listing) = (BTreeMap::<String, Settings>::new(), String::new(), false);
    for line in log.lines().filter_map(|line| line.get(26..)) {
        let setting = line.trim().split_once(" = ");
        listing &= line.starts_with("     ");
        let known = setting
            .and_then(|(word, value)| Some((COMPARED.iter().find(|compared| compared.0 == word)?.0, value)));
        match (setting, known) {
            (Some(("VRRP Instance", value)), _) => value.clone_into(&mut name),
            (_, Some((word, value))) if !name.is_empty() => {
                let value = value.split(" (from").next().unwrap_or_default();
                let value = if value == "SIMPLE_PASSWORD" { "PASS" } else { value };
                all.entry(name.clone()).or_default().settings.insert(word, value.to_owned());
            }
            _ if line.trim().starts_with("Virtual IP (") => listing = true,
            _ if listing => {
                let address = line.split_whitespace().next().unwrap_or_default();
                let prefix = if address.contains('/') { "" } else { "/32" };
                all.entry(name.clone()).or_default().addresses.push(format!("{address}{prefix}"));
            }
            _ => {}
        }
    }
    // Version 3 has none, and keepalived does not say so.
    for settings in all.values_mut() {
        settings.settings.entry("Authentication type").or_insert_with(|| "none".to_owned());
    }
    all
}

/// From the TOML that vrrpd makes.
pub(crate) fn imported(toml: &str) -> BTreeMap<String, Settings> {
    let mut all = BTreeMap::<String, Settings>::new();
    let mut name = String::new();
    let defaults = || COMPARED.map(|(word, _, default)| (word, default.to_owned())).into_iter().collect();
    for line in toml.lines() {
        let value = line.split("  # ").next().unwrap_or_default();
        if let Some(head) = value.strip_prefix("[vrrp_instance.") {
            head.trim_matches([']', '"']).clone_into(&mut name);
            all.insert(name.clone(), Settings { settings: defaults(), addresses: Vec::new() });
        } else if value.starts_with('[') {
            name.clear();
        } else if let Some((key, value)) = value.split_once(" = ")
            && let Some((word, ..)) = COMPARED
                .iter()
                .find(|(_, ours, _)| key.trim_start_matches("mcast_").trim_start_matches("unicast_") == *ours)
            && let Some(settings) = all.get_mut(&name)
        {
            settings.settings.insert(word, spelled(key, value));
        } else if value.starts_with("    ")
            && value.contains('/')
            && let Some(settings) = all.get_mut(&name)
        {
            settings.addresses.push(value.split('"').nth(1).unwrap_or_default().to_owned());
        }
    }
    all
}

/// A value as keepalived shows it.
fn spelled(key: &str, value: &str) -> String {
    match (key, value) {
        (_, "true") => "enabled".to_owned(),
        (_, "false") => "disabled".to_owned(),
        ("garp", _) => {
            let repeat = value.split("repeat = ").nth(1).unwrap_or("5");
            repeat.chars().take_while(char::is_ascii_digit).collect()
        }
        ("authentication", _) => "PASS".to_owned(),
        (_, _) => value.trim_matches('"').to_owned(),
    }
}
