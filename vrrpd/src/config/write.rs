//! The effective settings as TOML.

use std::fmt;

use super::{Checksum, Config, Router, Start, VirtualAddress, XdpMode, address::SCOPES, duration::spell};

impl fmt::Display for Start {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Master => "MASTER",
            Self::Backup => "BACKUP",
        })
    }
}

impl fmt::Display for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rfc5798 => "rfc5798",
            Self::Rfc9568 => "rfc9568",
        })
    }
}

impl fmt::Display for XdpMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Auto => "auto",
            Self::Native => "native",
            Self::Generic => "generic",
        })
    }
}

/// Every setting with its effective value, as a text that [`parse`](super::parse) reads back as an equal `Config`.
/// Passwords are in it in clear.
#[must_use]
pub fn to_toml(config: &Config) -> String {
    let mut out = format!("router_id = {}\n", quote(&config.router_id));
    for router in &config.routers {
        out += &format!("\n[vrrp_instance.{}]\n", quote_key(&router.name));
        for (key, value) in settings(router) {
            out += &format!("{key} = {value}\n");
        }
    }
    out
}

/// In the order of the documentation.
fn settings(router: &Router) -> Vec<(&'static str, String)> {
    let garp = router.garp;
    let mut settings = vec![
        ("interface", quote(&router.interface)),
        ("state", quote(&router.start.to_string())),
        ("virtual_router_id", router.vrid.to_string()),
        ("version", router.version.as_u8().to_string()),
        ("priority", router.priority.to_string()),
        ("advert_int", quote(&router.advert_int.to_string())),
        ("preempt", router.preempt.to_string()),
        ("preempt_delay", quote(&spell(router.preempt_delay))),
        ("accept", router.accept.to_string()),
    ];
    settings.extend(router.mcast_src_ip.map(|address| ("mcast_src_ip", quote(&address.to_string()))));
    settings.extend([
        ("use_vmac", router.use_vmac.to_string()),
        ("v3_checksum", quote(&router.v3_checksum.to_string())),
        (
            "garp",
            format!(
                "{{ repeat = {}, delay = {}, refresh = {} }}",
                garp.repeat,
                quote(&spell(garp.delay)),
                quote(&spell(garp.refresh))
            ),
        ),
        ("xdp_mode", quote(&router.xdp_mode.to_string())),
    ]);
    settings.extend(router.auth_pass.map(|password| ("authentication", authentication(&password))));
    settings.push(("virtual_ipaddress", addresses(&router.addresses)));
    settings
}

fn authentication(password: &[u8; 8]) -> String {
    let text: String = password.iter().take_while(|byte| **byte != 0).copied().map(char::from).collect();
    format!("{{ auth_type = \"PASS\", auth_pass = {} }}", quote(&text))
}

fn addresses(list: &[VirtualAddress]) -> String {
    match list {
        [only] => format!("[{}]", address(only)),
        many => {
            let lines: String = many.iter().map(|one| format!("    {},\n", address(one))).collect();
            format!("[\n{lines}]")
        }
    }
}

fn address(address: &VirtualAddress) -> String {
    let net = quote(&format!("{}/{}", address.address, address.prefix_len));
    let dev = address.dev.as_ref().map(|dev| format!(", dev = {}", quote(dev)));
    let label = address.label.as_ref().map(|label| format!(", label = {}", quote(label)));
    let scope = (address.scope != 0).then(|| format!(", scope = {}", scope(address.scope)));
    let more: String = [dev, label, scope].into_iter().flatten().collect();
    if more.is_empty() { net } else { format!("{{ address = {net}{more} }}") }
}

fn scope(scope: u8) -> String {
    let word = scope_word(scope);
    if word.starts_with(|c: char| c.is_ascii_digit()) { word } else { quote(&word) }
}

/// The scope as iproute2 shows it: a word where there is one, else the number.
pub(super) fn scope_word(scope: u8) -> String {
    let known = SCOPES.iter().find(|(_, number)| *number == scope);
    known.map_or_else(|| scope.to_string(), |(word, _)| (*word).to_owned())
}

/// A basic string.
pub(super) fn quote(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => quoted += &format!("\\U{:08X}", u32::from(c)),
            c => quoted.push(c),
        }
    }
    quoted + "\""
}

fn quote_key(key: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !key.is_empty() && key.chars().all(is_bare) { key.to_owned() } else { quote(key) }
}
