//! `vrrp_instance`.

mod finish;
mod keywords;
mod strict;

use std::{collections::BTreeSet, time::Duration};

use vrrp_config::{Place, Table};

pub(crate) use self::keywords::{AUTHENTICATION, INSTANCE};
use super::{
    Context,
    address::{self, Vip},
    only,
    peer::{self, Peer},
    route,
    track::{Moving, Tracks},
    vmac::Macvlans,
    write::spell,
};
use crate::{
    report::Severity,
    tree::Statement,
    vocabulary::{Target, walk},
};

/// A router in the making.
#[derive(Debug, Default)]
pub(crate) struct Instance {
    pub(super) name: String,
    pub(super) place: Place,
    table: Table,
    advert_int: Option<(Duration, Place)>,
    /// The name of its macvlan, if it says one.
    vmac_name: Option<String>,
    /// The eighth byte is not the last of its character.
    has_torn_password: bool,
    unicast: Unicast,
    vips: Vec<Vip>,
    /// Any stood in `virtual_ipaddress`, carried over or not.
    names_addresses: bool,
    excluded: Vec<Vip>,
    routes: Vec<route::Entry>,
    rules: Vec<route::Entry>,
    pub(super) tracks: Tracks,
    /// Keywords that are there, whatever their values are worth.
    seen: BTreeSet<&'static str>,
}

/// The peers, and what is said of them.
#[derive(Debug, Default)]
struct Unicast {
    peers: Vec<Peer>,
    /// The block, even if nothing in it is carried over.
    block: Option<Place>,
    /// Nothing stands in the block.
    is_empty: bool,
    /// `unicast_fault_no_peer`: a fault instead of multicast then.
    fault_without: bool,
}

impl Target for Instance {
    fn table(&mut self) -> &mut Table {
        &mut self.table
    }

    fn saw(&mut self, keyword: &'static str) {
        self.seen.insert(keyword);
    }
}

impl Moving for Instance {
    fn tracks(&mut self) -> &mut Tracks {
        &mut self.tracks
    }
}

/// The key of the address that adverts come from, until it is known whether they go to peers.
const SOURCE: &str = "mcast_src_ip";

impl Instance {
    pub(super) fn new(name: String, place: Place) -> Self {
        Self { name, place, ..Self::default() }
    }

    pub(super) fn vmac_name(&self) -> Option<&str> {
        self.vmac_name.as_deref()
    }

    pub(super) fn has_vmac(&self) -> bool {
        self.table.get("use_vmac").is_some()
    }

    pub(super) fn home(&self) -> Option<&str> {
        self.table.text("interface")
    }

    pub(super) fn vrid(&self) -> Option<i64> {
        self.table.integer("virtual_router_id")
    }

    pub(super) fn is_v6(&self) -> bool {
        self.table.get("native_ipv6").is_some()
            || self.vips.first().is_some_and(|vip| vip.address().is_ipv6())
    }

    pub(super) const fn is_unicast(&self) -> bool {
        self.unicast.block.is_some()
    }

    pub(super) const fn has_no_address(&self) -> bool {
        self.vips.is_empty()
    }

    /// Keeps the addresses that may stay; why not is said.
    pub(super) fn retain_addresses(
        &mut self,
        mut may_stay: impl FnMut(&Vip) -> Result<(), String>,
        context: &mut Context<'_>,
    ) {
        let lists =
            [("virtual_ipaddress", &mut self.vips), ("virtual_ipaddress_excluded", &mut self.excluded)];
        for (keyword, list) in lists {
            list.retain(|vip| {
                let stays = may_stay(vip);
                if let Err(note) = &stays {
                    context.report.push(Severity::Unsupported, vip.place(), keyword, note.clone());
                }
                stays.is_ok()
            });
        }
    }

    /// Names what is beneath each macvlan, and not itself among what it tracks.
    pub(super) fn without_macvlans(&mut self, macvlans: &Macvlans, context: &mut Context<'_>) {
        let beneath = self.table.get("interface").and_then(|node| {
            let name = node.value.as_str()?;
            Some((macvlans.beneath(name, "interface", node.place, context)?, node.place))
        });
        if let Some((beneath, place)) = beneath {
            self.table.replace("interface", context.node(beneath, place));
        }
        for vip in self.vips.iter_mut().chain(&mut self.excluded) {
            vip.without_macvlan(macvlans, context);
        }
        for entry in self.routes.iter_mut().chain(&mut self.rules) {
            entry.without_macvlan(macvlans, context);
        }
        self.tracks.without_macvlans(macvlans, context);
        if let Some(own) = self.table.text("interface") {
            self.tracks.without_own(own, context);
        }
    }

    fn state(&mut self, statement: &Statement, context: &mut Context<'_>) {
        let Some(word) = context.one(statement, "MASTER or BACKUP") else { return };
        let state = match word.text.as_str() {
            state @ ("MASTER" | "BACKUP") => state,
            name if name.starts_with('$') => return context.wrong(word, "expected MASTER or BACKUP"),
            name => {
                let note = format!("no state is called `{name}`: BACKUP, as in keepalived");
                context.note(Severity::Harmless, statement, note);
                self.table.replace("state", context.node("BACKUP", statement.place));
                return;
            }
        };
        if self.is_to_be_master() && state == "BACKUP" {
            let note = "MASTER was said before: this is ignored, as in keepalived";
            return context.note(Severity::Harmless, statement, note);
        }
        context.keep(&mut self.table, "state", statement, Some(state));
    }

    /// Tells whether the instance says MASTER.
    fn is_to_be_master(&self) -> bool {
        self.table.text("state") == Some("MASTER")
    }

    /// keepalived takes 0.01 to 255 seconds and rounds to what the version can say.
    fn advert_int(&mut self, statement: &Statement, context: &mut Context<'_>) {
        let given = context.timer(statement, Duration::from_millis(10)..=Duration::from_secs(255));
        context.keep(&mut self.table, "advert_int", statement, given.map(spell));
        self.advert_int = given.map(|given| (given, statement.place)).or(self.advert_int);
    }

    fn use_vmac(&mut self, statement: &Statement, context: &mut Context<'_>) {
        context.no_block(statement);
        // A name has no colon, a MAC address has.
        let name = statement.arguments().iter().take(2).find(|word| !word.text.contains(':'));
        self.vmac_name = name.map(|word| word.text.clone());
        if let [first, ..] = statement.arguments() {
            let note = format!(
                "there is no macvlan, so none is called `{}` and none has a MAC of its own",
                first.text
            );
            context.note(Severity::Different, statement, note);
        }
        context.keep(&mut self.table, "use_vmac", statement, Some(true));
    }

    fn source(&mut self, statement: &Statement, context: &mut Context<'_>) {
        let Some(word) = context.one(statement, "an IP address") else { return };
        let value = context.host(statement.keyword(), word).map(|address| address.to_string());
        context.keep(&mut self.table, SOURCE, statement, value);
    }

    fn authentication(&mut self, statement: &Statement, context: &mut Context<'_>) {
        context.extra(statement, statement.arguments());
        if let Some(block) = context.block(statement) {
            walk(&[AUTHENTICATION], self, block, context);
        }
    }

    fn auth_type(&mut self, statement: &Statement, context: &mut Context<'_>) {
        let Some(word) = context.one(statement, "PASS or AH") else { return };
        match word.text.as_str() {
            kind @ ("PASS" | "AH") => context.keep(&mut self.table, "auth_type", statement, Some(kind)),
            _ => context.wrong(word, "expected PASS or AH"),
        }
    }

    /// The first eight bytes count.
    fn auth_pass(&mut self, statement: &Statement, context: &mut Context<'_>) {
        context.faults.secrets.extend(statement.arguments().iter().map(|word| word.place));
        let Some(word) = context.one(statement, "a password") else { return };
        if word.text.is_empty() || word.text.contains(char::is_control) {
            let help = "keepalived and vrrpd must have the same eight bytes: choose letters and digits";
            return context.faults.push(word.place, "bad password", "expected 1 to 8 printable bytes", help);
        }
        let value = word.text.get(..word.text.floor_char_boundary(8)).unwrap_or(&word.text);
        if value.len() < word.text.len() {
            context.note(Severity::Harmless, statement, "cut to 8 bytes, as in keepalived");
        }
        // keepalived cuts within a character, and what is left of that is no text.
        self.has_torn_password = value.len() < word.text.len().min(8);
        context.keep(&mut self.table, "auth_pass", statement, Some(value));
    }

    fn virtual_ipaddress(&mut self, statement: &Statement, context: &mut Context<'_>) {
        self.names_addresses |= statement.block.as_ref().is_some_and(|block| !block.is_empty());
        let vips = address::addresses(statement, context);
        self.vips.extend(vips);
    }

    fn excluded(&mut self, statement: &Statement, context: &mut Context<'_>) {
        let vips = address::addresses(statement, context);
        self.excluded.extend(address::only_ipv4(statement.keyword(), vips, context));
    }

    fn unicast_peer(&mut self, statement: &Statement, context: &mut Context<'_>) {
        let nothing = statement.block.as_ref().is_none_or(Vec::is_empty);
        self.unicast.is_empty = nothing && (self.unicast.is_empty || self.unicast.block.is_none());
        self.unicast.block = Some(statement.place);
        self.unicast.peers.extend(peer::peers(statement, context));
    }

    fn routes(&mut self, statement: &Statement, context: &mut Context<'_>) {
        let items = route::routes(statement, &mut self.table.remarks, context);
        self.routes.extend(items);
    }

    fn rules(&mut self, statement: &Statement, context: &mut Context<'_>) {
        let items = route::rules(statement, &mut self.table.remarks, context);
        self.rules.extend(items);
    }
}
