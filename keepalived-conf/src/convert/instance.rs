//! `vrrp_instance`.

mod finish;
mod keywords;
mod strict;

use std::{collections::BTreeSet, net::Ipv4Addr, time::Duration};

pub(crate) use self::keywords::{AUTHENTICATION, INSTANCE};
use super::{
    Context, Given,
    address::{self, Vip},
    garp::Garp,
    hook::{Hooks, Notifying},
    only,
    peer::{self, Peer},
    route,
    track::{Tracking, Tracks},
    vmac::Macvlans,
    write::Remark,
};
use crate::{
    report::Severity,
    text::Place,
    tree::Statement,
    vocabulary::{Target, walk},
};

/// A router in the making.
#[derive(Debug)]
pub(crate) struct Instance {
    pub(super) name: String,
    pub(super) place: Place,
    interface: Option<Given<String>>,
    /// Whether MASTER.
    state: Option<Given<bool>>,
    vrid: Option<Given<i64>>,
    version: Option<Given<i64>>,
    priority: Option<Given<i64>>,
    advert_int: Option<Given<Duration>>,
    preempt: Option<Given<bool>>,
    preempt_delay: Option<Given<Duration>>,
    accept: Option<Given<bool>>,
    strict: Option<Given<bool>>,
    /// `mcast_src_ip` or `unicast_src_ip`: one setting in keepalived.
    source: Option<Given<Ipv4Addr>>,
    /// With the name of the macvlan, if it says one.
    use_vmac: Option<Given<Option<String>>>,
    v3_checksum_as_v2: Option<Given<bool>>,
    garp: Garp,
    /// Whether PASS.
    auth_type: Option<Given<bool>>,
    auth_pass: Option<Given<String>>,
    /// The eighth byte is not the last of its character.
    has_torn_password: bool,
    dont_track_primary: Option<Given<bool>>,
    unicast: Unicast,
    vips: Vec<Vip>,
    excluded: Vec<Vip>,
    routes: Vec<route::Entry>,
    rules: Vec<route::Entry>,
    native_ipv6: Option<Place>,
    pub(super) tracks: Tracks,
    pub(super) hooks: Hooks,
    /// Keywords that are there, whatever their values are worth.
    seen: BTreeSet<&'static str>,
    remarks: Vec<Remark>,
}

/// The `unicast` keywords.
#[derive(Debug, Default)]
struct Unicast {
    ttl: Option<Given<i64>>,
    peers: Vec<Peer>,
    /// The block, even if nothing in it is carried over.
    block: Option<Place>,
    /// Whether nothing stands in it.
    is_empty: bool,
    /// `unicast_fault_no_peer`: a fault instead of multicast then.
    fault_without: bool,
    check_src: Option<Given<bool>>,
}

impl Target for Instance {
    fn remark(&mut self, place: Place, text: String) {
        self.remarks.push(Remark { place, text });
    }

    fn saw(&mut self, keyword: &'static str) {
        self.seen.insert(keyword);
    }
}

impl Tracking for Instance {
    fn tracks(&mut self) -> &mut Tracks {
        &mut self.tracks
    }
}

impl Notifying for Instance {
    fn hooks(&mut self) -> &mut Hooks {
        &mut self.hooks
    }
}

impl Instance {
    pub(super) fn new(name: String, place: Place) -> Self {
        Self {
            name,
            place,
            interface: None,
            state: None,
            vrid: None,
            version: None,
            priority: None,
            advert_int: None,
            preempt: None,
            preempt_delay: None,
            accept: None,
            strict: None,
            source: None,
            use_vmac: None,
            v3_checksum_as_v2: None,
            garp: Garp::default(),
            auth_type: None,
            auth_pass: None,
            has_torn_password: false,
            dont_track_primary: None,
            unicast: Unicast::default(),
            vips: Vec::new(),
            excluded: Vec::new(),
            routes: Vec::new(),
            rules: Vec::new(),
            native_ipv6: None,
            tracks: Tracks::default(),
            hooks: Hooks::default(),
            seen: BTreeSet::new(),
            remarks: Vec::new(),
        }
    }

    pub(super) fn vmac_name(&self) -> Option<&str> {
        self.use_vmac.as_ref()?.value.as_deref()
    }

    pub(super) const fn has_vmac(&self) -> bool {
        self.use_vmac.is_some()
    }

    pub(super) fn home(&self) -> Option<&str> {
        self.interface.as_ref().map(|given| given.value.as_str())
    }

    pub(super) fn vrid(&self) -> Option<i64> {
        self.vrid.map(|given| given.value)
    }

    pub(super) fn is_v6(&self) -> bool {
        self.native_ipv6.is_some() || self.vips.first().is_some_and(|vip| vip.address().is_ipv6())
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
        if let Some(given) = &mut self.interface
            && let Some(beneath) = macvlans.beneath(&given.value, "interface", given.place, context)
        {
            given.value = beneath;
        }
        for vip in self.vips.iter_mut().chain(&mut self.excluded) {
            vip.without_macvlan(macvlans, context);
        }
        for entry in self.routes.iter_mut().chain(&mut self.rules) {
            entry.without_macvlan(macvlans, context);
        }
        self.tracks.without_macvlans(macvlans, context);
        if let Some(own) = &self.interface {
            self.tracks.without_own(&own.value, context);
        }
    }

    fn state(&mut self, statement: &Statement, context: &mut Context<'_>) {
        let Some(word) = context.one(statement, "MASTER or BACKUP") else { return };
        let value = match word.text.as_str() {
            "MASTER" => true,
            "BACKUP" => false,
            name if name.starts_with('$') => return context.wrong(word, "expected MASTER or BACKUP"),
            name => {
                let note = format!("no state is called `{name}`: BACKUP, as in keepalived");
                context.note(Severity::Harmless, statement, note);
                self.state = Some(Given { value: false, place: statement.place });
                return;
            }
        };
        if self.state.is_some_and(|first| first.value) && !value {
            let note = "MASTER was said before: this is ignored, as in keepalived";
            return context.note(Severity::Harmless, statement, note);
        }
        context.set(statement, &mut self.state, Some(Given { value, place: statement.place }));
    }

    fn interface(&mut self, statement: &Statement, context: &mut Context<'_>) {
        let value = context.name(statement, "the name of an interface");
        context.set(statement, &mut self.interface, value);
    }

    /// keepalived takes 0.01 to 255 seconds and rounds to what the version can say.
    fn advert_int(&mut self, statement: &Statement, context: &mut Context<'_>) {
        let value = context.timer(statement, Duration::from_millis(10)..=Duration::from_secs(255));
        context.set(statement, &mut self.advert_int, value);
    }

    fn use_vmac(&mut self, statement: &Statement, context: &mut Context<'_>) {
        context.no_block(statement);
        // A name has no colon, a MAC address has.
        let name = statement.arguments().iter().take(2).find(|word| !word.text.contains(':'));
        let name = name.map(|word| word.text.clone());
        if let [first, ..] = statement.arguments() {
            let note = format!(
                "there is no macvlan, so none is called `{}` and none has a MAC of its own",
                first.text
            );
            context.note(Severity::Different, statement, note);
        }
        let value = Some(Given { value: name, place: statement.place });
        context.set(statement, &mut self.use_vmac, value);
    }

    /// `nopreempt`, `preempt`, `accept` and `no_accept`: words without a value.
    fn switch(
        field: &mut Option<Given<bool>>,
        value: bool,
        statement: &Statement,
        context: &mut Context<'_>,
    ) {
        context.no_block(statement);
        context.extra(statement, statement.arguments());
        *field = Some(Given { value, place: statement.place });
    }

    fn source(&mut self, statement: &Statement, context: &mut Context<'_>) {
        let Some(word) = context.one(statement, "an IP address") else { return };
        let value = context.host(statement.keyword(), word);
        context.set(statement, &mut self.source, value.map(|value| Given { value, place: statement.place }));
    }

    fn authentication(&mut self, statement: &Statement, context: &mut Context<'_>) {
        context.extra(statement, statement.arguments());
        if let Some(block) = context.block(statement) {
            walk(&[AUTHENTICATION], self, block, context);
        }
    }

    fn auth_type(&mut self, statement: &Statement, context: &mut Context<'_>) {
        let Some(word) = context.one(statement, "PASS or AH") else { return };
        let value = match word.text.as_str() {
            "PASS" => true,
            "AH" => false,
            _ => return context.wrong(word, "expected PASS or AH"),
        };
        context.set(statement, &mut self.auth_type, Some(Given { value, place: statement.place }));
    }

    /// The first eight bytes count.
    fn auth_pass(&mut self, statement: &Statement, context: &mut Context<'_>) {
        context.faults.secrets.extend(statement.arguments().iter().map(|word| word.place));
        let Some(word) = context.one(statement, "a password") else { return };
        if word.text.is_empty() || word.text.contains(char::is_control) {
            let help = "keepalived and vrrpd must have the same eight bytes: choose letters and digits";
            return context.faults.push(word.place, "bad password", "expected 1 to 8 printable bytes", help);
        }
        let value = word.text.get(..word.text.floor_char_boundary(8)).unwrap_or(&word.text).to_owned();
        if value.len() < word.text.len() {
            context.note(Severity::Harmless, statement, "cut to 8 bytes, as in keepalived");
        }
        // keepalived cuts within a character, and what is left of that is no text.
        self.has_torn_password = value.len() < word.text.len().min(8);
        context.set(statement, &mut self.auth_pass, Some(Given { value, place: statement.place }));
    }

    fn virtual_ipaddress(&mut self, statement: &Statement, context: &mut Context<'_>) {
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
        let items = route::routes(statement, &mut self.remarks, context);
        self.routes.extend(items);
    }

    fn rules(&mut self, statement: &Statement, context: &mut Context<'_>) {
        let items = route::rules(statement, &mut self.remarks, context);
        self.rules.extend(items);
    }
}
