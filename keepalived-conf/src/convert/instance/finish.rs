//! How the keywords of an instance go together, and the table that they come to.

use std::{collections::BTreeSet, time::Duration};

use super::{
    super::{
        Context, Given, address,
        garp::Garp,
        global::Global,
        value::IPV6,
        write::{Item, Writer, spell},
    },
    Instance,
};
use crate::{report::Severity, text::Place};
use vrrp_config::quote;

/// The most addresses that an advert counts.
const MOST_ADDRESSES: usize = 255;

impl Instance {
    /// Reports what is missing, and what keepalived makes of settings that contradict each other. `Some`: why the
    /// instance is left out as a whole.
    pub(in crate::convert) fn check(
        &mut self,
        global: &Global,
        context: &mut Context<'_>,
    ) -> Option<&'static str> {
        self.required(context);
        self.version = self.version.or(global.version);
        let strict = if self.strict.is_some() { "strict_mode" } else { "vrrp_strict" };
        self.strict = self.strict.or(global.strict);
        self.v3_checksum_as_v2 = self.v3_checksum_as_v2.or(global.v3_checksum_as_v2);
        self.owner_by_state(context);
        self.keep_strict(strict, context);
        self.preemption(context);
        self.round_interval(context);
        self.password(context);
        self.peers(context);
        self.refresh(global, context);
        self.left_out(context)
    }

    fn required(&self, context: &mut Context<'_>) {
        let required = [("interface", "interface eth0"), ("virtual_router_id", "virtual_router_id 51")];
        for (keyword, example) in required.into_iter().filter(|(keyword, _)| !self.seen.contains(keyword)) {
            let title = format!("`{}` has no `{keyword}`", self.name);
            let label = format!("expected `{keyword}` in this block");
            context.faults.push(self.place, title, label, format!("add a line: {example}"));
        }
    }

    /// With `state MASTER` keepalived drops both, and an owner preempts whatever it says.
    fn preemption(&mut self, context: &mut Context<'_>) {
        let master = self.state.is_some_and(|state| state.value);
        let owner = self.is_owner();
        let note = match (master, owner) {
            (true, _) => "not with state MASTER: dropped, as in keepalived",
            (false, true) => "without effect with priority 255: dropped",
            (false, false) => "without effect with nopreempt: dropped",
        };
        let never = self.preempt.filter(|given| !given.value);
        if let Some(Given { place, .. }) = never.filter(|_| master || owner) {
            context.report.push(Severity::Harmless, place, "nopreempt", note);
            self.preempt = None;
        }
        if (master || owner || never.is_some())
            && let Some(Given { place, .. }) = self.preempt_delay.take()
        {
            context.report.push(Severity::Harmless, place, "preempt_delay", note);
        }
    }

    pub(super) fn is_version_3(&self) -> bool {
        self.version.is_some_and(|version| version.value == 3)
    }

    fn round_interval(&mut self, context: &mut Context<'_>) {
        let Some(Given { value, place }) = self.advert_int else { return };
        let centiseconds = (value.as_millis() + 5) / 10;
        let rounded = if self.is_version_3() {
            Duration::from_millis(u64::try_from(centiseconds.clamp(1, 4095)).unwrap_or(1) * 10)
        } else {
            Duration::from_secs(u64::try_from(((value.as_millis() + 500) / 1000).clamp(1, 255)).unwrap_or(1))
        };
        if rounded != value {
            let note = format!("rounded to {rounded:?}, as keepalived does");
            context.report.push(Severity::Harmless, place, "advert_int", note);
            self.advert_int = Some(Given { value: rounded, place });
        }
    }

    /// Where it stands, if it does.
    pub(super) fn authentication_place(&self) -> Option<Place> {
        self.auth_type.map(|given| given.place).or(self.auth_pass.as_ref().map(|given| given.place))
    }

    fn password(&mut self, context: &mut Context<'_>) {
        let Some(place) = self.authentication_place() else { return };
        let complete = self.auth_type.is_some() && self.auth_pass.is_some();
        let (severity, note) = match self.auth_type {
            Some(Given { value: false, .. }) => (Severity::Unsupported, "AH is not supported: left out"),
            _ if self.is_version_3() => (Severity::Harmless, "not in version 3: left out, as in keepalived"),
            _ if complete => return,
            _ => (Severity::Harmless, "a type and a password belong together: left out, as in keepalived"),
        };
        context.report.push(severity, place, "authentication", note);
        (self.auth_type, self.auth_pass) = (None, None);
    }

    /// A block in which nothing stands is none, as in keepalived. One whose peers could not be carried over is one.
    fn peers(&mut self, context: &mut Context<'_>) {
        if let Some(place) = self.unicast.block.filter(|_| self.unicast.is_empty)
            && !self.unicast.fault_without
        {
            let note = "without peers: adverts by multicast, as in keepalived";
            context.report.push(Severity::Harmless, place, "unicast_peer", note);
            self.unicast.block = None;
        }
        let Some(place) = self.unicast.block else {
            if let Some(Given { place, .. }) = self.unicast.ttl.take() {
                let note = "no peers: without effect, as in keepalived";
                context.report.push(Severity::Harmless, place, "unicast_ttl", note);
            }
            return;
        };
        self.others_once(context);
        let looks = self.unicast.check_src.is_some_and(|given| given.value);
        if !looks && !self.unicast.peers.iter().any(super::Peer::has_bounds) {
            let note = "adverts of hosts that are not listed are dropped, as with check_unicast_src";
            context.report.push(Severity::Harmless, place, "unicast_peer", note);
        }
    }

    /// Each peer once, and this host not at all: keepalived sends to both, and nothing comes of it.
    fn others_once(&mut self, context: &mut Context<'_>) {
        let own = self.source.map(|given| given.value);
        let mut seen = BTreeSet::new();
        self.unicast.peers.retain(|peer| {
            let note = if own == Some(peer.address()) {
                "this host's own address: left out"
            } else if !seen.insert(peer.address()) {
                "a peer twice: once here"
            } else {
                return true;
            };
            context.report.push(Severity::Harmless, peer.place(), "unicast_peer", note);
            false
        });
    }

    /// Why it cannot be carried over at all.
    fn left_out(&mut self, context: &mut Context<'_>) -> Option<&'static str> {
        if self.has_torn_password && self.auth_pass.is_some() {
            return Some("its password has a character that is not one byte where it is cut: choose another");
        }
        let is_v6 = self.vips.first().is_some_and(|vip| vip.address().is_ipv6());
        if is_v6 || self.native_ipv6.is_some() {
            return Some(IPV6);
        }
        let vips = std::mem::take(&mut self.vips);
        self.vips = address::only_ipv4("virtual_ipaddress", vips, context);
        if self.vips.is_empty() {
            return Some("it has no virtual address that can be carried over");
        }
        self.no_more_than_fit(context);
        self.excluded_once(context);
        if self.unicast.block.is_some() && self.unicast.peers.is_empty() {
            return Some("it has no peer that can be carried over");
        }
        None
    }

    /// An advert has room for so many; the others are not in it.
    fn no_more_than_fit(&mut self, context: &mut Context<'_>) {
        if self.vips.len() <= MOST_ADDRESSES {
            return;
        }
        let more = self.vips.split_off(MOST_ADDRESSES);
        if let Some(first) = more.first() {
            let note =
                "an advert has room for 255: this and the others are excluded from it, as in keepalived";
            context.report.push(Severity::Harmless, first.place(), "virtual_ipaddress", note);
        }
        self.excluded.extend(more);
    }

    /// An address is in one list.
    fn excluded_once(&mut self, context: &mut Context<'_>) {
        let vips = &self.vips;
        self.excluded.retain(|excluded| {
            let twice = vips.iter().any(|vip| vip.address() == excluded.address());
            if twice {
                let note = format!("{} is in virtual_ipaddress too: once here", excluded.address());
                let keyword = "virtual_ipaddress_excluded";
                context.report.push(Severity::Different, excluded.place(), keyword, note);
            }
            !twice
        });
    }

    /// The table; `global` has the defaults.
    pub(in crate::convert) fn write(&self, global: &Global, writer: &mut Writer<'_, '_>) {
        writer.head("vrrp_instance", &self.name, self.place);
        writer.string("interface", self.interface.as_ref());
        self.write_role(writer);
        writer.show("accept", self.accept);
        if let Some(Given { value, place }) = self.source {
            let key = if self.unicast.block.is_some() { "unicast_src_ip" } else { "mcast_src_ip" };
            writer.line(key, &quote(&value.to_string()), place);
        }
        match &self.use_vmac {
            Some(Given { place, .. }) => writer.line("use_vmac", "true", *place),
            None => writer.default("use_vmac", "false"),
        }
        if let Some(Given { value: true, place }) = self.v3_checksum_as_v2 {
            writer.line("v3_checksum", &quote("rfc9568"), place);
        }
        write_garp(self.garp, global.garp, writer);
        if let Some(Given { value, place }) = &self.auth_pass {
            let table = format!("{{ auth_type = \"PASS\", auth_pass = {} }}", quote(value));
            writer.line("authentication", &table, *place);
        }
        self.write_unicast(writer);
        self.write_belongings(writer);
        self.tracks.write(writer);
        writer.show("dont_track_primary", self.dont_track_primary);
        self.hooks.write(writer);
        writer.remarks(&self.remarks);
    }

    /// With `vrrp_min_garp` a refresh sends nothing, unless `garp_master_refresh_repeat` says how much.
    pub(super) fn refresh(&mut self, global: &Global, context: &mut Context<'_>) {
        let none = |given: &Given<i64>| given.value == 0;
        let sends_none = self.garp.refresh_repeat.or(global.garp.refresh_repeat).is_some_and(|it| none(&it));
        let given = self.garp.refresh.or(global.garp.refresh).filter(|given| !none(given));
        if let Some(Given { place, .. }) = given.filter(|_| sends_none) {
            let note = "with vrrp_min_garp none is sent: left out, as in keepalived";
            context.report.push(Severity::Harmless, place, "garp_master_refresh", note);
            self.garp.refresh = Some(Given { value: 0, place });
        }
    }

    fn write_role(&self, writer: &mut Writer<'_, '_>) {
        match self.state {
            Some(Given { value, place }) => {
                writer.line("state", &quote(if value { "MASTER" } else { "BACKUP" }), place);
            }
            None => writer.default("state", &quote(if self.is_owner() { "MASTER" } else { "BACKUP" })),
        }
        writer.show("virtual_router_id", self.vrid);
        match self.version {
            Some(given) => writer.show("version", Some(given)),
            None => writer.default("version", "2"),
        }
        writer.show("priority", self.priority);
        if let Some(Given { value, place }) = self.advert_int {
            writer.line("advert_int", &spell(value), place);
        }
        writer.show("preempt", self.preempt);
        if let Some(Given { value, place }) = self.preempt_delay {
            writer.line("preempt_delay", &spell(value), place);
        }
    }

    fn write_unicast(&self, writer: &mut Writer<'_, '_>) {
        writer.show("unicast_ttl", self.unicast.ttl);
        let peers: Vec<Item> = self.unicast.peers.iter().map(super::Peer::to_item).collect();
        writer.list("unicast_peer", &peers);
    }

    fn write_belongings(&self, writer: &mut Writer<'_, '_>) {
        let items = |vips: &[super::Vip]| vips.iter().map(super::Vip::to_item).collect::<Vec<_>>();
        writer.list("virtual_ipaddress", &items(&self.vips));
        writer.list("virtual_ipaddress_excluded", &items(&self.excluded));
        let lines = |entries: &[super::route::Entry]| {
            entries.iter().map(super::route::Entry::to_item).collect::<Vec<_>>()
        };
        writer.list("virtual_routes", &lines(&self.routes));
        writer.list("virtual_rules", &lines(&self.rules));
    }
}

/// What the instance says, or else what holds for all. For a master of lower priority keepalived falls back on what holds
/// for all instances, vrrpd on what holds for this one.
fn write_garp(own: Garp, global: Garp, writer: &mut Writer<'_, '_>) {
    let repeat = own.repeat.or(global.repeat);
    let delay = own.delay.or(global.delay);
    let refresh = own.refresh.or(global.refresh);
    let inherited = |own: Option<Given<i64>>, global: Option<Given<i64>>| {
        own.map(|own| Given {
            value: global.map_or(KEEPALIVED_GARP, |global| global.value),
            place: own.place,
        })
    };
    let lower_prio_repeat =
        own.lower_prio_repeat.or(global.lower_prio_repeat).or_else(|| inherited(own.repeat, global.repeat));
    let lower_prio_delay =
        own.lower_prio_delay.or(global.lower_prio_delay).or_else(|| inherited(own.delay, global.delay));
    let given = [repeat, delay, refresh, lower_prio_repeat, lower_prio_delay];
    let Some(place) = given.into_iter().flatten().map(|given| given.place).next() else { return };
    let number = |key: &str, given: Option<Given<i64>>| given.map(|given| format!("{key} = {}", given.value));
    let seconds = |key: &str, given: Option<Given<i64>>| {
        given.map(|given| format!("{key} = {}", spell(Duration::from_secs(given.value.unsigned_abs()))))
    };
    let settings = [
        number("repeat", repeat),
        seconds("delay", delay),
        seconds("refresh", refresh),
        number("lower_prio_repeat", lower_prio_repeat),
        seconds("lower_prio_delay", lower_prio_delay),
    ];
    let settings: Vec<String> = settings.into_iter().flatten().collect();
    writer.line("garp", &format!("{{ {} }}", settings.join(", ")), place);
}

/// keepalived's default of how many, and after how many seconds again.
const KEEPALIVED_GARP: i64 = 5;
