//! A router, for a person.

use std::time::Duration;

use vrrp_common::types::{Mac, Priority, Version};

use super::{
    super::{
        CheckKind, Checksum, Config, Router, Start, Subject, VirtualAddress, XdpMode, duration::spell,
        write::scope_word,
    },
    Line, role, under,
};

/// Lists longer than this are cut: the file has them.
const SHOWN: usize = 16;

/// Its settings, the timers that follow from them, and how elections end.
pub(super) fn lines(router: &Router, config: &Config) -> Vec<Line> {
    let mut lines = vec![("virtual router", identity(router)), ("virtual MAC", virtual_mac(router))];
    lines.extend(under("virtual addresses", router.addresses.iter().map(address)));
    lines.extend(belongings(router));
    lines.extend([("priority", priority(router, config)), ("starts as", start(router))]);
    let carriers = router.carriers().into_iter().map(|carrier| role::carrier(&carrier));
    let tracked = router.track.iter().map(|tracked| role::tracked(tracked, config));
    lines.extend(under("tracks", tracked.chain(carriers)));
    if router.dont_track_primary {
        lines.push(("own interface", format!("{} may be down without a fault", router.interface)));
    }
    lines.extend(timers(router));
    lines.extend([
        ("after link-up", link_settle(router)),
        ("preemption", preemption(router)),
        ("equal priority", "the higher address wins, between two masters".to_owned()),
        ("adverts from", source(router)),
    ]);
    lines.extend(peers(router));
    if router.rfc_discards {
        let what = "discarded as RFC 3768 has it, so that two may be master".to_owned();
        lines.push(("adverts that differ", what));
    }
    if router.probe_before_takeover {
        let limit = router.probe_limit;
        let what = format!("is asked by ARP, and left alone for up to {limit} intervals while it answers");
        lines.push(("a silent master", what));
    }
    match router.version {
        Version::V2 => lines.push(("authentication", authentication(router))),
        Version::V3 => lines.push(("checksum", checksum(router))),
    }
    lines.extend([
        ("gratuitous ARP", garp(router)),
        ("accepts packets", accept(router).to_owned()),
        ("XDP", xdp(router)),
    ]);
    lines.extend(role::hooks(&router.hooks));
    lines
}

/// Lines about what moves with the role and is in no advert.
fn belongings(router: &Router) -> Vec<Line> {
    let mut lines: Vec<_> = under("excluded addresses", cut(&router.excluded, address)).collect();
    lines.extend(under("routes", cut(&router.routes, ToString::to_string)));
    lines.extend(under("rules", cut(&router.rules, ToString::to_string)));
    lines
}

fn cut<T>(list: &[T], spell: impl Fn(&T) -> String) -> Vec<String> {
    let mut shown: Vec<_> = list.iter().take(SHOWN).map(spell).collect();
    let hidden = list.len() - shown.len();
    if hidden > 0 {
        shown.push(format!("and {hidden} more"));
    }
    shown
}

fn peers(router: &Router) -> Vec<Line> {
    let Some(unicast) = &router.unicast else { return Vec::new() };
    let spelled = unicast.peers.iter().map(|peer| match (peer.min_ttl, peer.max_ttl) {
        (0, 255) => peer.address.to_string(),
        (low, high) => format!("{}, heard with TTL {low} to {high}", peer.address),
    });
    let mut lines =
        vec![("adverts by unicast", format!("with TTL {}; all other hosts are unheard", unicast.ttl))];
    lines.extend(under("peers", spelled));
    lines
}

fn identity(router: &Router) -> String {
    let family = router.family.as_u8();
    format!("{} (IPv{family}), VRRP version {}", router.vrid, router.version.as_u8())
}

fn virtual_mac(router: &Router) -> String {
    if router.use_vmac {
        Mac::virtual_router(router.family, router.vrid).to_string()
    } else {
        format!("none: answers with the MAC of {} (use_vmac = false)", router.interface)
    }
}

fn address(address: &VirtualAddress) -> String {
    let mut line = format!("{}/{}", address.address, address.prefix_len);
    line.extend(address.dev.iter().map(|dev| format!(" dev {dev}")));
    line.extend(address.broadcast.iter().map(|broadcast| format!(" brd {broadcast}")));
    line.extend(address.label.iter().map(|label| format!(" label {label}")));
    line.extend((address.scope != 0).then(|| format!(" scope {}", scope_word(address.scope))));
    line.extend(address.no_track.then_some(" no_track"));
    line
}

fn priority(router: &Router, config: &Config) -> String {
    if router.priority == Priority::OWNER {
        return "255: owner of the addresses, master whenever it is up".to_owned();
    }
    let (mut low, mut high) = (i32::from(router.priority.as_u8()), i32::from(router.priority.as_u8()));
    for tracked in &router.track {
        if is_file(&tracked.subject, config) {
            return format!("{}, and what is in files, within 1 to 254", router.priority);
        }
        let value = i32::from(tracked.weight.value) * if tracked.weight.reverse { -1 } else { 1 };
        (low, high) = (low + value.min(0), high + value.max(0));
    }
    let (low, high) = (low.clamp(1, 254), high.clamp(1, 254));
    if low == high {
        return router.priority.to_string();
    }
    format!("{}, {low} to {high} with what it tracks", router.priority)
}

fn is_file(subject: &Subject, config: &Config) -> bool {
    let Subject::Check(index) = subject else { return false };
    config.checks.get(*index).is_some_and(|check| matches!(check.kind, CheckKind::File(_)))
}

fn start(router: &Router) -> String {
    match router.start {
        Start::Master if router.priority == Priority::OWNER => {
            "MASTER at once, as the owner of the addresses".to_owned()
        }
        Start::Master => {
            "BACKUP, as every router that is not the owner (state = \"MASTER\" is for priority 255)"
                .to_owned()
        }
        Start::Backup => "BACKUP, until no advert was heard for the master down time".to_owned(),
    }
}

fn timers(router: &Router) -> [(&'static str, String); 4] {
    let Router { advert_int, version, priority, .. } = *router;
    let learned = match version {
        Version::V2 => "",
        Version::V3 => "; follows the interval of the master that is heard",
    };
    [
        ("advert interval", advert_int.to_string()),
        ("skew time", format!("{}{learned}", spell(advert_int.skew(version, priority)))),
        (
            "master down time",
            format!(
                "{} of silence, then this router takes over",
                spell(advert_int.master_down(version, priority))
            ),
        ),
        (
            "lease",
            format!(
                "{} after its last advert a master falls silent, even if the daemon hangs",
                spell(advert_int.lease())
            ),
        ),
    ]
}

fn link_settle(router: &Router) -> String {
    let longest = match router.link_settle {
        Some(Duration::ZERO) => return "silence counts at once (link_settle = \"0s\")".to_owned(),
        Some(longest) => format!("for {} at most", spell(longest)),
        None if router.dont_track_primary => "for the master down time at most".to_owned(),
        None => format!(
            "for the master down time at most, or {} behind a spanning tree",
            spell(vrrp_common::election::SPANNING_TREE)
        ),
    };
    format!("waits for a frame that came through the switch port, {longest}")
}

fn preemption(router: &Router) -> String {
    match (router.preempt, router.preempt_delay) {
        (false, _) => "no: a master of lower priority keeps the role".to_owned(),
        (true, Duration::ZERO) => "takes the role from a master of lower priority".to_owned(),
        (true, delay) => format!("takes the role from a master of lower priority after {}", spell(delay)),
    }
}

fn source(router: &Router) -> String {
    match router.source() {
        Some((_, address)) => address.to_string(),
        None => format!("the first address of {} that is not virtual", router.interface),
    }
}

fn authentication(router: &Router) -> String {
    match router.auth_pass {
        Some(_) => "PASS, with a password (not shown)".to_owned(),
        None => "none".to_owned(),
    }
}

fn checksum(router: &Router) -> String {
    match router.v3_checksum {
        Checksum::Rfc5798 => "sent as keepalived and FRR do (rfc5798); both kinds are accepted".to_owned(),
        Checksum::Rfc9568 => "sent over the message alone (rfc9568); both kinds are accepted".to_owned(),
    }
}

fn garp(router: &Router) -> String {
    let garp = router.garp;
    let mut parts = Vec::new();
    if garp.repeat > 0 {
        let mut line = format!("{} for each address on becoming master", garp.repeat);
        line += &again(garp.delay);
        if !garp.refresh.is_zero() {
            line += &format!(", then every {}", spell(garp.refresh));
        }
        parts.push(line);
    }
    if garp.lower_prio_repeat > 0 {
        let again = again(garp.lower_prio_delay);
        parts.push(format!("{} when another master yields{again}", garp.lower_prio_repeat));
    }
    if parts.is_empty() { "none".to_owned() } else { parts.join("; ") }
}

fn again(delay: Duration) -> String {
    if delay.is_zero() { String::new() } else { format!(", again after {}", spell(delay)) }
}

fn accept(router: &Router) -> &'static str {
    if router.accept || router.priority == Priority::OWNER {
        "to the virtual addresses, as master"
    } else {
        "not to the virtual addresses; it answers ARP for them and forwards"
    }
}

fn xdp(router: &Router) -> String {
    match router.xdp_mode {
        XdpMode::Auto => "auto: in the driver where it can, else in the network stack".to_owned(),
        XdpMode::Native => "native: in the driver, or not at all".to_owned(),
        XdpMode::Generic => "generic: in the network stack".to_owned(),
    }
}
