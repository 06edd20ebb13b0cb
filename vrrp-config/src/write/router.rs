//! The keys of a router, without what it tracks and its hooks.

use super::{
    super::{
        Router,
        address::v4,
        keys::{Field, set},
        table,
    },
    list, list_if_any,
};

/// The keys with which it is read as it is.
pub(super) fn keys(router: &Router) -> (table::Instance, table::Role) {
    let unicast = router.unicast.as_ref();
    let garp = table::Garp {
        repeat: set(router.garp.repeat),
        delay: set(router.garp.delay),
        refresh: set(router.garp.refresh),
        lower_prio_repeat: set(router.garp.lower_prio_repeat),
        lower_prio_delay: set(router.garp.lower_prio_delay),
    };
    let own = table::Instance {
        interface: set(router.interface.clone()),
        virtual_router_id: set(router.vrid.as_u8()),
        virtual_ipaddress: list(&router.addresses),
        version: set(router.version),
        state: set(router.start),
        priority: set(router.priority.as_u8()),
        advert_int: set(router.advert_int.span()),
        preempt: set(router.preempt),
        preempt_delay: set(router.preempt_delay),
        link_settle: router.link_settle.into(),
        accept: set(router.accept),
        mcast_src_ip: router.mcast_src_ip.and_then(v4).into(),
        use_vmac: set(router.use_vmac),
        v3_checksum: set(router.v3_checksum),
        garp: set(garp),
        xdp_mode: set(router.xdp_mode),
        authentication: router.auth_pass.map(authentication).into(),
    };
    let role = table::Role {
        virtual_ipaddress_excluded: list_if_any(&router.excluded),
        virtual_routes: list_if_any(&router.routes),
        virtual_rules: list_if_any(&router.rules),
        unicast_peer: unicast.map_or(Field::Absent(None), |unicast| list(&unicast.peers)),
        unicast_src_ip: unicast.and_then(|unicast| unicast.source).and_then(v4).into(),
        unicast_ttl: unicast.map(|unicast| unicast.ttl).into(),
        dont_track_primary: set(router.dont_track_primary),
        rfc_discards: set(router.rfc_discards),
        probe_before_takeover: set(router.probe_before_takeover),
        probe_limit: set(router.probe_limit),
    };
    (own, role)
}

fn authentication(password: [u8; 8]) -> table::Authentication {
    table::Authentication { auth_type: set(()), auth_pass: set(password) }
}
