//! The configuration: what somebody wrote ([`Tree`]), what it says ([`raw`]), what is wrong with it, and what the daemon
//! runs on ([`Config`]).
//!
//! ```text
//! TOML ────────┐
//! keepalived ──┴─► Tree ─► raw::File ─► valid::config ─► Config
//!   syntax          │        each value    how they go together
//!     └─────────────│───────────┴────────────┴──► Problems, all of them, where the Tree says that they stand
//!                   └─► TOML
//! ```
//!
//! Nothing here looks at the host: whether an interface exists is found out when it is used.

mod across;
mod address;
mod advice;
mod carriers;
mod check;
mod describe;
mod docs;
mod duration;
mod hook;
mod judge;
mod key;
mod keys;
mod overrides;
mod place;
pub mod problem;
mod raw;
mod route;
mod schema;
mod syntax;
mod table;
mod tree;
mod types;
mod unicast;
mod valid;
mod vocabulary;
mod write;

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
    time::Duration,
};

pub use address::no_virtual_address;
pub use advice::{Advice, advise};
pub use carriers::Carrier;
pub use check::{
    Check, CheckKind, FileCheck, HttpCheck, InitFile, ParamMatch, ProcessCheck, ProcessName, ScriptCheck,
    Subject, TcpCheck, Tracked, Weight,
};
pub use describe::describe;
pub use docs::{groups, rows, words};
pub use hook::{Hook, Hooks, Mail, MailTls, NotifyFifo, Program, SyncGroup, User};
pub use judge::{judge, parse, read};
pub use overrides::{EMBEDDED, Overrides};
pub use place::{Place, Source};
pub use problem::{Problems, render_bare};
pub use raw::{LineWord, ROUTE, RULE, Takes, is_account, is_host, is_mailbox, network, routing_table};
pub use route::{Prefix, RouteKind, RuleAction, VirtualRoute, VirtualRule};
pub use schema::schema;
pub use tree::{Kind, Node, Section, Table, Tree, Value};
pub use unicast::{Unicast, UnicastPeer};
pub use vocabulary::nearest;
pub use write::to_toml;
pub use write::{quote, quote_key};

use vrrp_common::types::{AdvertInterval, Family, Priority, Version, Vrid};

/// Everything the daemon runs on. Valid by construction: a `Config` starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Name of this host in logs.
    pub router_id: String,
    /// Routers in the order of the file. Everybody who needs one has the same, not a copy.
    pub routers: Vec<Arc<Router>>,
    /// All checks, in the order of the file.
    pub checks: Vec<Check>,
    /// In the order of the file.
    pub sync_groups: Vec<SyncGroup>,
    /// `script_user`: who scripts run as that name nobody. root if `None`.
    pub script_user: Option<User>,
    /// FIFO that transitions are written to.
    pub notify_fifo: Option<NotifyFifo>,
    /// Second FIFO that they are written to: keepalived has one FIFO for all its parts and one for VRRP.
    pub vrrp_notify_fifo: Option<NotifyFifo>,
    /// Destination of mails.
    pub mail: Option<Mail>,
    /// True if services may bind addresses that are not on this host, while the daemon runs.
    pub ip_nonlocal_bind: bool,
    /// `vrrp_startup_delay`: how long after the start no router takes part. At most [`MAX_STARTUP_DELAY`].
    pub startup_delay: Duration,
    /// `interface_up_down_delays`, in the order of the file, each interface once.
    pub interface_delays: Vec<InterfaceDelays>,
}

/// The longest `vrrp_startup_delay`, keepalived's.
pub const MAX_STARTUP_DELAY: Duration = Duration::from_micros(u32::MAX as u64);
/// The longest delay of a link, keepalived's.
pub const MAX_LINK_DELAY: Duration = Duration::from_secs(255);

/// One `[interface_up_down_delays.NAME]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InterfaceDelays {
    /// NAME, 1..=15 bytes.
    pub interface: String,
    /// Time that the link is to be down before it counts as down.
    pub down: Duration,
    /// Time that it is to be up before it counts as up.
    pub up: Duration,
}

/// One `[vrrp_instance.NAME]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Router {
    /// NAME.
    pub name: String,
    /// The interface that adverts are sent and heard on, 1..=15 bytes.
    pub interface: String,
    /// Unique on its interface and family.
    pub vrid: Vrid,
    /// The family of the adverts and of the virtual addresses.
    pub family: Family,
    /// Version 2 only with IPv4.
    pub version: Version,
    /// State that the router starts in.
    pub start: Start,
    /// 1..=255.
    pub priority: Priority,
    /// Whole seconds in version 2.
    pub advert_int: AdvertInterval,
    /// True if it takes the role from a master of lower priority.
    pub preempt: bool,
    /// Time that a master of lower priority is left alone, from when it is first heard. 0 s..=1000 s.
    pub preempt_delay: Duration,
    /// Time that silence is not believed, and nothing said, after the link came up, at most. `None`: by what is heard. Up to
    /// 1000 s.
    pub link_settle: Option<Duration>,
    /// True if packets to the virtual addresses are for this host.
    pub accept: bool,
    /// Source address of the adverts; the interface's first address that is not virtual if `None`.
    pub mcast_src_ip: Option<IpAddr>,
    /// True if the virtual addresses go with the virtual MAC, and not with the interface's own.
    pub use_vmac: bool,
    /// Checksum of IPv4 adverts of version 3, as it is sent.
    pub v3_checksum: Checksum,
    /// Gratuitous ARP on becoming master.
    pub garp: Garp,
    /// Mode in which the XDP program is attached. The same for all routers of an interface.
    pub xdp_mode: XdpMode,
    /// Password of version 2, padded with zeros (RFC 2338 §5.3.6.2).
    pub auth_pass: Option<[u8; 8]>,
    /// Virtual addresses in the order of the file, which is that of the advert. 1..=255, each once.
    pub addresses: Vec<VirtualAddress>,
    /// `virtual_ipaddress_excluded`: move with the role and are not in the advert. Each once, none in `addresses`.
    pub excluded: Vec<VirtualAddress>,
    /// `virtual_routes`: there while master.
    pub routes: Vec<VirtualRoute>,
    /// `virtual_rules`: there while master.
    pub rules: Vec<VirtualRule>,
    /// Adverts go to these peers; to the multicast group if `None`.
    pub unicast: Option<Unicast>,
    /// Subjects that its priority depends on.
    pub track: Vec<Tracked>,
    /// `dont_track_primary`: whether the interface of the adverts may be down without a fault.
    pub dont_track_primary: bool,
    /// `rfc_discards`: whether adverts that differ from what is configured here are discarded as RFC 3768 has it.
    pub rfc_discards: bool,
    /// `probe_before_takeover`: whether a master that falls silent is asked by ARP.
    pub probe_before_takeover: bool,
    /// `probe_limit`: for how many intervals one that answers is left alone. 1..=255.
    pub probe_limit: u8,
    /// Programs that are run when it changes its state.
    pub hooks: Arc<Hooks>,
}

impl Router {
    /// The address that adverts are to come from, if the configuration names one, and by which key.
    #[must_use]
    pub fn source(&self) -> Option<(&'static str, IpAddr)> {
        match &self.unicast {
            Some(unicast) => unicast.source.map(|source| ("unicast_src_ip", source)),
            None => self.mcast_src_ip.map(|source| ("mcast_src_ip", source)),
        }
    }
}

/// One entry of `virtual_ipaddress`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct VirtualAddress {
    /// The address that moves.
    pub address: IpAddr,
    /// 0..=32 or 0..=128.
    pub prefix_len: u8,
    /// The interface that carries it; the router's own if `None`.
    pub dev: Option<String>,
    /// `brd`: broadcast address of an IPv4 address.
    pub broadcast: Option<Ipv4Addr>,
    /// Label of an IPv4 address, 1..=15 bytes.
    pub label: Option<String>,
    /// True if `dev` may be down without a fault. Only with `dev`.
    pub no_track: bool,
    /// Scope as `ip address` takes it: 0 global, 200 site, 253 link, 254 host, or any number up to 255.
    pub scope: u8,
}

/// State that a router starts in, of `state`. The election decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// `MASTER`.
    Master,
    /// `BACKUP`.
    Backup,
}

/// Reach of `v3_checksum`: over what the checksum of an IPv4 advert of version 3 is sent. Both are accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checksum {
    /// With a pseudo-header, as RFC 5798 was read by keepalived, FRR and VPP.
    Rfc5798,
    /// Over the message alone (RFC 9568 §5.2.8).
    Rfc9568,
}

/// `garp`: gratuitous ARP on becoming master, and when another master is heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Garp {
    /// Number for each address, at once, and again after `delay`. 0..=255.
    pub repeat: u8,
    /// 0 s: no second round. Up to 1000 s.
    pub delay: Duration,
    /// One more round this often while master; 0 s: none. Up to 86,400 s.
    pub refresh: Duration,
    /// Number for each address when another master is heard that yields. 0..=255.
    pub lower_prio_repeat: u8,
    /// Time after which as many are sent again; 0 s: none. Up to 1000 s.
    pub lower_prio_delay: Duration,
}

/// `xdp_mode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum XdpMode {
    /// Native where the driver has it, generic on veth and where native is refused.
    Auto,
    /// In the driver, or not at all.
    Native,
    /// In the network stack.
    Generic,
}
