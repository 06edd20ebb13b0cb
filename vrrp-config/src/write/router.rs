//! A router as TOML, without what it tracks and its hooks.

use super::{
    super::{Garp, Router, Unicast, VirtualAddress, duration::spell},
    Setting, list, quote, scope_word,
};

/// In the order of the documentation.
pub(super) fn settings(router: &Router) -> Vec<Setting> {
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
        ("dont_track_primary", router.dont_track_primary.to_string()),
        ("rfc_discards", router.rfc_discards.to_string()),
        ("probe_before_takeover", router.probe_before_takeover.to_string()),
        ("probe_limit", router.probe_limit.to_string()),
    ];
    settings.extend(router.link_settle.map(|longest| ("link_settle", quote(&spell(longest)))));
    settings.extend(router.mcast_src_ip.map(|address| ("mcast_src_ip", quote(&address.to_string()))));
    settings.extend(router.unicast.iter().flat_map(unicast));
    settings.extend([
        ("use_vmac", router.use_vmac.to_string()),
        ("v3_checksum", quote(&router.v3_checksum.to_string())),
        ("garp", garp(router)),
        ("xdp_mode", quote(&router.xdp_mode.to_string())),
    ]);
    settings.extend(router.auth_pass.map(|password| ("authentication", authentication(&password))));
    settings.push(("virtual_ipaddress", list(&router.addresses, address)));
    let more = [
        ("virtual_ipaddress_excluded", list(&router.excluded, address)),
        ("virtual_routes", list(&router.routes, |route| quote(&route.to_string()))),
        ("virtual_rules", list(&router.rules, |rule| quote(&rule.to_string()))),
    ];
    settings.extend(more.into_iter().filter(|(_, list)| list != "[]"));
    settings
}

fn garp(router: &Router) -> String {
    let Garp { repeat, delay, refresh, lower_prio_repeat, lower_prio_delay } = router.garp;
    let [delay, refresh, lower_prio_delay] =
        [delay, refresh, lower_prio_delay].map(|duration| quote(&spell(duration)));
    format!(
        "{{ repeat = {repeat}, delay = {delay}, refresh = {refresh}, lower_prio_repeat = {lower_prio_repeat}, \
         lower_prio_delay = {lower_prio_delay} }}"
    )
}

fn unicast(unicast: &Unicast) -> Vec<Setting> {
    let source = unicast.source.map(|address| ("unicast_src_ip", quote(&address.to_string())));
    let peers = list(&unicast.peers, |peer| {
        let address = quote(&peer.address.to_string());
        format!("{{ address = {address}, min_ttl = {}, max_ttl = {} }}", peer.min_ttl, peer.max_ttl)
    });
    let always = [("unicast_ttl", unicast.ttl.to_string()), ("unicast_peer", peers)];
    source.into_iter().chain(always).collect()
}

fn authentication(password: &[u8; 8]) -> String {
    let end = password.iter().position(|byte| *byte == 0).unwrap_or(password.len());
    let text = String::from_utf8_lossy(password.get(..end).unwrap_or_default());
    format!("{{ auth_type = \"PASS\", auth_pass = {} }}", quote(&text))
}

fn address(address: &VirtualAddress) -> String {
    let net = quote(&format!("{}/{}", address.address, address.prefix_len));
    let dev = address.dev.as_ref().map(|dev| format!(", dev = {}", quote(dev)));
    let broadcast = address.broadcast.map(|brd| format!(", brd = {}", quote(&brd.to_string())));
    let label = address.label.as_ref().map(|label| format!(", label = {}", quote(label)));
    let scope = (address.scope != 0).then(|| format!(", scope = {}", scope(address.scope)));
    let no_track = address.no_track.then(|| ", no_track = true".to_owned());
    let more: String = [dev, broadcast, label, scope, no_track].into_iter().flatten().collect();
    if more.is_empty() { net } else { format!("{{ address = {net}{more} }}") }
}

fn scope(scope: u8) -> String {
    let word = scope_word(scope);
    if word.starts_with(|c: char| c.is_ascii_digit()) { word } else { quote(&word) }
}
