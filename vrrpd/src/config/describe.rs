//! The effective settings for a person, with what follows from them.

use std::time::Duration;

use vrrp_common::types::{Mac, Priority, Version};

use super::{Checksum, Config, Router, Start, VirtualAddress, XdpMode, duration::spell, write::scope_word};

/// What each router will do: its settings, the timers that follow from them, and how elections end. Passwords are not
/// in it.
#[must_use]
pub fn describe(config: &Config) -> String {
    let mut out = format!("router_id {}\n", config.router_id);
    for router in &config.routers {
        out += &format!("\n{} on {}\n", router.name, router.interface);
        for (what, value) in lines(router) {
            out += format!("  {what:<19}{value}").trim_end();
            out.push('\n');
        }
    }
    out
}

fn lines(router: &Router) -> Vec<(&'static str, String)> {
    let mut lines = vec![("virtual router", identity(router)), ("virtual MAC", virtual_mac(router))];
    let headings = std::iter::once("virtual addresses").chain(std::iter::repeat(""));
    lines.extend(headings.zip(router.addresses.iter().map(address)));
    lines.extend([("priority", priority(router)), ("starts as", start(router))]);
    lines.extend(timers(router));
    lines.extend([
        ("preemption", preemption(router)),
        ("equal priority", "the higher address wins, between two masters".to_owned()),
        ("adverts from", source(router)),
    ]);
    match router.version {
        Version::V2 => lines.push(("authentication", authentication(router))),
        Version::V3 => lines.push(("checksum", checksum(router))),
    }
    lines.extend([
        ("gratuitous ARP", garp(router)),
        ("accepts packets", accept(router).to_owned()),
        ("XDP", xdp(router)),
    ]);
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
    line.extend(address.label.iter().map(|label| format!(" label {label}")));
    line.extend((address.scope != 0).then(|| format!(" scope {}", scope_word(address.scope))));
    line
}

fn priority(router: &Router) -> String {
    if router.priority == Priority::OWNER {
        "255: owner of the addresses, master whenever it is up".to_owned()
    } else {
        router.priority.to_string()
    }
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

fn preemption(router: &Router) -> String {
    match (router.preempt, router.preempt_delay) {
        (false, _) => "no: a master of lower priority keeps the role".to_owned(),
        (true, Duration::ZERO) => "takes the role from a master of lower priority".to_owned(),
        (true, delay) => format!("takes the role from a master of lower priority after {}", spell(delay)),
    }
}

fn source(router: &Router) -> String {
    match router.mcast_src_ip {
        Some(address) => address.to_string(),
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
    if garp.repeat == 0 {
        return "none".to_owned();
    }
    let mut line = format!("{} for each address on becoming master", garp.repeat);
    if !garp.delay.is_zero() {
        line += &format!(", again after {}", spell(garp.delay));
    }
    if !garp.refresh.is_zero() {
        line += &format!(", then every {}", spell(garp.refresh));
    }
    line
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
