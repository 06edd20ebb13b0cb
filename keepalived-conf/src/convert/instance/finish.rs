//! Keywords of an instance that depend on each other, and the table that all of them come to.

use std::{collections::BTreeSet, time::Duration};

use vrrp_config::{Kind, Node, Place, Table, Tree, Value};

use super::{
    super::{Context, address, garp, global::Global, value::IPV6, write::spell},
    Instance, SOURCE,
    strict::OWNER,
};
use crate::report::Severity;

/// The most addresses that an advert counts.
const MOST_ADDRESSES: usize = 255;

/// Words that hold for all instances that say nothing else: their own, and the one in `global_defs`.
const OF_ALL: [(&str, &str); 3] =
    [("version", "vrrp_version"), ("strict_mode", "vrrp_strict"), ("v3_checksum_as_v2", "v3_checksum_as_v2")];

impl Instance {
    /// Reports what is missing, and does what keepalived does about settings that contradict each other. `Some`: why the
    /// instance is left out as a whole.
    pub(in crate::convert) fn check(
        &mut self,
        global: &Global,
        context: &mut Context<'_>,
    ) -> Option<&'static str> {
        self.required(context);
        let strict = if self.table.get("strict_mode").is_some() { "strict_mode" } else { "vrrp_strict" };
        for (own, of_all) in OF_ALL {
            if let (None, Some(node)) = (self.table.get(own), global.table.get(of_all)) {
                self.table.add(own, node.clone());
            }
        }
        // The priority decides what strict mode makes of the state, and that whether there is preemption.
        self.owner_by_state(context);
        self.keep_strict(strict, context);
        self.preemption(context);
        self.round_interval(context);
        self.password(context);
        self.peers(context);
        garp::settle(&mut self.table, &global.table, context);
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
        let (master, owner) = (self.is_to_be_master(), self.is_owner());
        let note = match (master, owner) {
            (true, _) => "not with state MASTER: dropped, as in keepalived",
            (false, true) => "without effect with priority 255: dropped",
            (false, false) => "without effect with nopreempt: dropped",
        };
        let never = self.table.flag("preempt") == Some(false);
        if never
            && (master || owner)
            && let Some(preempt) = self.table.take("preempt")
        {
            context.report.push(Severity::Harmless, preempt.place, "nopreempt", note);
        }
        if (master || owner || never)
            && let Some(delay) = self.table.take("preempt_delay")
        {
            context.report.push(Severity::Harmless, delay.place, "preempt_delay", note);
        }
    }

    pub(super) fn is_version_3(&self) -> bool {
        self.table.integer("version") == Some(3)
    }

    fn round_interval(&mut self, context: &mut Context<'_>) {
        let Some((given, place)) = self.advert_int else { return };
        let centiseconds = (given.as_millis() + 5) / 10;
        let rounded = if self.is_version_3() {
            Duration::from_millis(u64::try_from(centiseconds.clamp(1, 4095)).unwrap_or(1) * 10)
        } else {
            Duration::from_secs(u64::try_from(((given.as_millis() + 500) / 1000).clamp(1, 255)).unwrap_or(1))
        };
        if rounded != given {
            let note = format!("rounded to {rounded:?}, as keepalived does");
            context.report.push(Severity::Harmless, place, "advert_int", note);
            self.table.replace("advert_int", context.node(spell(rounded), place));
        }
    }

    /// Takes out type and password; where the first of them stands, if one does.
    pub(super) fn without_password(&mut self) -> Option<Place> {
        let (kind, password) = (self.table.take("auth_type"), self.table.take("auth_pass"));
        kind.or(password).map(|node| node.place)
    }

    fn password(&mut self, context: &mut Context<'_>) {
        let (kind, password) = (self.table.get("auth_type"), self.table.get("auth_pass"));
        let (severity, note) = match (kind, password) {
            (None, None) => return,
            (Some(kind), _) if kind.value.as_str() == Some("AH") => {
                (Severity::Unsupported, "AH is not supported: left out")
            }
            _ if self.is_version_3() => (Severity::Harmless, "not in version 3: left out, as in keepalived"),
            (Some(kind), Some(password)) => {
                let mut table = Table::default();
                let place = password.place;
                table.set("auth_type", kind.value.clone(), kind.place);
                table.set("auth_pass", password.value.clone(), place);
                self.without_password();
                return self.table.add("authentication", context.node(table, place));
            }
            _ => (Severity::Harmless, "a type and a password belong together: left out, as in keepalived"),
        };
        if let Some(place) = self.without_password() {
            context.report.push(severity, place, "authentication", note);
        }
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
            if let Some(ttl) = self.table.take("unicast_ttl") {
                let note = "no peers: without effect, as in keepalived";
                context.report.push(Severity::Harmless, ttl.place, "unicast_ttl", note);
            }
            return;
        };
        self.others_once(context);
        let looks = self.table.flag("check_unicast_src") == Some(true);
        if !looks && !self.unicast.peers.iter().any(super::Peer::has_bounds) {
            let note = "adverts of hosts that are not listed are dropped, as with check_unicast_src";
            context.report.push(Severity::Harmless, place, "unicast_peer", note);
        }
    }

    /// Each peer once, and this host not at all: keepalived sends to both, and nothing comes of it.
    fn others_once(&mut self, context: &mut Context<'_>) {
        let own = self.table.text(SOURCE).map(ToOwned::to_owned);
        let mut seen = BTreeSet::new();
        self.unicast.peers.retain(|peer| {
            let note = if own == Some(peer.address.to_string()) {
                "this host's own address: left out"
            } else if !seen.insert(peer.address) {
                "a peer twice: once here"
            } else {
                return true;
            };
            context.report.push(Severity::Harmless, peer.place, "unicast_peer", note);
            false
        });
    }

    /// Reason for which the instance cannot be carried over at all.
    fn left_out(&mut self, context: &mut Context<'_>) -> Option<&'static str> {
        if self.has_torn_password && self.table.get("authentication").is_some() {
            return Some("its password has a character that is not one byte where it is cut: choose another");
        }
        if self.is_v6() {
            return Some(IPV6);
        }
        let vips = std::mem::take(&mut self.vips);
        self.vips = address::only_ipv4("virtual_ipaddress", vips, context);
        if self.vips.is_empty() {
            return Some(self.why_no_address());
        }
        self.no_more_than_fit(context);
        self.excluded_once(context);
        if self.unicast.block.is_some() && self.unicast.peers.is_empty() {
            return Some("it has no peer that can be carried over");
        }
        None
    }

    /// keepalived takes an instance that names no address, and sends adverts without one; nobody who follows RFC 9568
    /// hears those, since it asks for at least one (§5.2.5).
    fn why_no_address(&self) -> &'static str {
        match (self.names_addresses, self.excluded.is_empty()) {
            (true, _) => "it has no virtual address that can be carried over",
            (false, false) => {
                "adverts have at least one address here: move one from virtual_ipaddress_excluded to \
                 virtual_ipaddress, on all boxes"
            }
            (false, true) => {
                "adverts have at least one address here: give it a virtual_ipaddress, on all boxes; one that nobody \
                 uses will do"
            }
        }
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

    /// Says the rest in our words, and moves it into the configuration.
    pub(in crate::convert) fn plant(mut self, tree: &mut Tree, context: &Context<'_>) {
        self.without_our_own_ways();
        let table = &mut self.table;
        if self.unicast.block.is_some()
            && let Some(source) = table.take(SOURCE)
        {
            table.add("unicast_src_ip", source);
        }
        if let Some(checksum) =
            table.take("v3_checksum_as_v2").filter(|node| node.value.as_bool() == Some(true))
        {
            table.add("v3_checksum", Node { value: "rfc9568".into(), ..checksum });
        }
        let nodes = |vips: Vec<super::Vip>| vips.into_iter().map(|vip| vip.into_node(context)).collect();
        let lines =
            |entries: &[super::route::Entry]| entries.iter().map(|one| one.to_node(context)).collect();
        let peers = self.unicast.peers.into_iter().map(|peer| peer.into_node(context)).collect();
        context.list(table, "unicast_peer", peers);
        context.list(table, "virtual_ipaddress", nodes(self.vips));
        context.list(table, "virtual_ipaddress_excluded", nodes(self.excluded));
        context.list(table, "virtual_routes", lines(&self.routes));
        context.list(table, "virtual_rules", lines(&self.rules));
        self.tracks.plant(table, context);
        let state = if table.integer("priority") == Some(OWNER) { "MASTER" } else { "BACKUP" };
        for (key, default) in
            [("state", Value::from(state)), ("version", 2.into()), ("use_vmac", false.into())]
        {
            if table.get(key).is_none() {
                table.add(key, context.default(default, self.place));
            }
        }
        context.plant(tree, Kind::Instance, &self.name, self.place, self.table);
    }

    /// Takes out what vrrpd does anyway, and what has been looked at.
    fn without_our_own_ways(&mut self) {
        for keyword in ["strict_mode", "check_unicast_src", "native_ipv6"] {
            self.table.take(keyword);
        }
    }
}
