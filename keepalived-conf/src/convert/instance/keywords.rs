//! The keywords of `vrrp_instance`.

use std::time::Duration;

use super::{
    super::{Form, garp, global::SYNC_DAEMON},
    Instance, only,
};
use crate::vocabulary::{Keyword, carry, different, harmless, keep, unsupported};

const NO_MACVLAN: &str = "there is no macvlan";
const UNITS: Duration = Duration::from_secs(1000);

pub(crate) const INSTANCE: &[Keyword<Instance>] = &[
    carry("state", "state", "", Instance::state),
    keep("interface", "interface", "once for each router", Form::Name("the name of an interface")),
    keep("virtual_router_id", "virtual_router_id", "", Form::Integer(1, 255)),
    keep("version", "version", "2 unless given, as in keepalived", Form::FirstInteger(2, 3)),
    keep("priority", "priority", "", Form::Integer(1, 255)),
    carry("advert_int", "advert_int", "with unit; rounded as keepalived does", Instance::advert_int),
    keep("preempt", "preempt = true", "", Form::On),
    keep(
        "nopreempt",
        "preempt = false",
        "not with `state MASTER`, as in keepalived",
        Form::Sets("preempt", false),
    ),
    keep(
        "preempt_delay",
        "preempt_delay",
        "with unit; not with `state MASTER`, as in keepalived",
        Form::Seconds(Duration::ZERO, UNITS),
    ),
    keep("accept", "accept = true", "", Form::On),
    keep("no_accept", "accept = false", "without firewall rules", Form::Sets("accept", false)),
    carry("authentication", "authentication", "", Instance::authentication),
    carry("mcast_src_ip", "mcast_src_ip", "`unicast_src_ip` with peers", Instance::source),
    carry(
        "use_vmac",
        "use_vmac = true",
        "no macvlan; false unless given, as in keepalived",
        Instance::use_vmac,
    ),
    different("use_vmac_addr", "every address goes by `use_vmac` of its router"),
    harmless("vmac_xmit_base", NO_MACVLAN),
    unsupported("use_ipvlan", "there is no ipvlan"),
    unsupported("vmac_garp_intvl", "there is no macvlan; use `garp = { refresh }`"),
    keep("v3_checksum_as_v2", "v3_checksum = \"rfc9568\"", "newer than 2.2.7", Form::Switch),
    keep("garp_master_delay", "garp = { delay }", "with unit", Form::Within(0, 1000)),
    keep("garp_master_repeat", "garp = { repeat }", "", Form::Within(1, 255)),
    keep("garp_master_refresh", "garp = { refresh }", "with unit", Form::Within(0, 86_400)),
    carry("garp_master_refresh_repeat", "", "1 only", garp::refresh_repeat),
    keep("garp_lower_prio_delay", "garp = { lower_prio_delay }", "with unit", Form::Within(0, 1000)),
    keep("garp_lower_prio_repeat", "garp = { lower_prio_repeat }", "", Form::Within(0, 255)),
    carry("lower_prio_no_advert", "", "off only", garp::lower_prio_no_advert),
    carry(
        "higher_prio_send_advert",
        "",
        "always so, where the MAC address changes",
        garp::higher_prio_send_advert,
    ),
    carry("down_timer_adverts", "", "3 only", |router, statement, context| {
        only::number(router, statement, 3, "a master is down after 3 intervals and the skew", context);
    }),
    keep(
        "strict_mode",
        "accept = false",
        "its changes of `state`, `authentication`, `preempt_delay` and `accept`",
        Form::Switch,
    ),
    carry(
        "virtual_ipaddress",
        "virtual_ipaddress",
        "`dev`, `label`, `scope`, `brd`, `no_track`; no `peer`, no lifetimes",
        Instance::virtual_ipaddress,
    ),
    carry(
        "virtual_ipaddress_excluded",
        "virtual_ipaddress_excluded",
        "as `virtual_ipaddress`",
        Instance::excluded,
    ),
    carry("virtual_routes", "virtual_routes", "one way for each, tables by number", Instance::routes),
    carry("virtual_rules", "virtual_rules", "tables by number", Instance::rules),
    carry("unicast_src_ip", "unicast_src_ip", "`mcast_src_ip` without peers", Instance::source),
    carry("unicast_peer", "unicast_peer", "", Instance::unicast_peer),
    keep("unicast_ttl", "unicast_ttl", "", Form::Within(1, 255)),
    keep("check_unicast_src", "", "always: adverts of hosts that are not peers are dropped", Form::Switch),
    carry(
        "unicast_fault_no_peer",
        "",
        "an instance without peers is left out, where keepalived has a fault",
        |router, statement, _| {
            router.unicast.fault_without = true;
            router.unicast.block = router.unicast.block.or(Some(statement.place));
            router.unicast.is_empty |= router.unicast.peers.is_empty();
        },
    ),
    unsupported("old_unicast_checksum", "version 3 has one checksum for multicast and unicast"),
    keep("dont_track_primary", "dont_track_primary = true", "", Form::On),
    harmless("track_src_ip", "a router is always in FAULT while no interface has that address"),
    unsupported("linkbeat_use_polling", "links are watched by netlink"),
    unsupported("notify_master_rx_lower_pri", "counted as a losing advert, see `vrrpd status`"),
    harmless("skip_check_adv_addr", "always: a master with other addresses is heard, if one is shared"),
    unsupported("owner_ignore_adverts", "an owner answers adverts of lower priority"),
    unsupported("timer_expired_backup", "a master that was late steps down before it sends"),
    unsupported("thread_timer_expired", "a master that was late steps down before it sends"),
    unsupported("mcast_dst_ip", "adverts go to 224.0.0.18"),
    unsupported("vrf", "name the interface of the router in `interface`"),
    unsupported("garp_extra_if", "gratuitous ARP is for changes of the master; use `garp = { refresh }`"),
    different(
        "promote_secondaries",
        "every address is removed by itself; set net.ipv4.conf.IF.promote_secondaries",
    ),
    unsupported("no_virtual_ipaddress", "a router has one address at least"),
    unsupported("auth_hmac", "the trailer is let be and not checked"),
    carry("lvs_sync_daemon_interface", "", SYNC_DAEMON, only::sync_daemon),
    carry("lvs_sync_daemon", "", SYNC_DAEMON, only::sync_daemon),
    keep("native_ipv6", "", "the instance is left out: no IPv6 yet", Form::On),
    harmless("kernel_rx_buf_size", "adverts do not come by a socket"),
    harmless("debug", "no meaning in keepalived either"),
];

pub(crate) const AUTHENTICATION: &[Keyword<Instance>] = &[
    carry("auth_type", "auth_type", "PASS, version 2; no AH", Instance::auth_type),
    carry("auth_pass", "auth_pass", "the first 8 characters, as in keepalived", Instance::auth_pass),
];
