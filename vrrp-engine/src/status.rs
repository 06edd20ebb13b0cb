//! What `vrrpd status` shows: the same data as JSON and as text.

use std::{collections::BTreeMap, net::IpAddr, time::SystemTime};

use serde::{Deserialize, Serialize};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

mod words;

/// The whole daemon.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// `router_id` of the configuration.
    pub router_id: String,
    /// The daemon's version.
    pub version: String,
    /// In the order of the configuration.
    pub routers: Vec<RouterStatus>,
    /// By name.
    pub interfaces: Vec<InterfaceStatus>,
    /// The checks that something tracks, by kind and name.
    pub checks: Vec<CheckStatus>,
    /// Sync groups, in the order of the configuration.
    #[serde(default)]
    pub groups: Vec<GroupStatus>,
    /// The last run of each script, and the last mail.
    #[serde(default)]
    pub hooks: Vec<HookStatus>,
    /// The guard of all interfaces.
    #[serde(default)]
    pub guard: GuardStatus,
}

/// One virtual router.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RouterStatus {
    /// Its name in the configuration.
    pub name: String,
    /// The interface of its adverts.
    pub interface: String,
    /// Virtual router identifier.
    pub virtual_router_id: u8,
    /// Protocol version, 2 or 3.
    pub version: u8,
    /// `INIT`, `BACKUP`, `MASTER`, `FAULT`, `LEAVING` or `STOPPED`.
    pub state: String,
    /// Why it is in `FAULT`.
    pub fault: Option<String>,
    /// When the state last changed, RFC 3339, UTC.
    pub since: String,
    /// The configured priority.
    pub priority: u8,
    /// What it tracks, and what that does to it.
    pub track: Vec<TrackStatus>,
    /// The priority that it advertises when master.
    pub effective_priority: u8,
    /// The address that adverts are sent from.
    pub source: Option<IpAddr>,
    /// The present master: this router's own address when it is master.
    pub master_address: Option<IpAddr>,
    /// The present master's priority.
    pub master_priority: Option<u8>,
    /// Another box that is configured otherwise than this one, if there is one.
    #[serde(default)]
    pub mismatch: Option<Mismatch>,
    /// Another cluster with the same VRID on this interface, if there is one.
    #[serde(default)]
    pub clash: Option<Clash>,
    /// For how many intervals the master has been silent and has answered ARP all the same (`probe_before_takeover`).
    #[serde(default)]
    pub silent_master_answers: Option<u8>,
    /// Peers by unicast that were never heard: backups are silent, but so is one whose adverts do not arrive.
    #[serde(default)]
    pub unheard_peers: Vec<IpAddr>,
    /// The MAC address that goes with the virtual addresses.
    pub mac: String,
    /// The virtual addresses.
    pub addresses: Vec<String>,
    /// Derived times.
    pub timers: Timers,
    /// Counters since the daemon started.
    pub statistics: BTreeMap<String, u64>,
    /// The last transitions, oldest first.
    pub transitions: Vec<TransitionStatus>,
}

/// One check or interface that a router tracks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrackStatus {
    /// `vrrp_script nginx`, `interface eth1`.
    pub subject: String,
    /// `init` before the first result, `up`, `down`, or the number in a file.
    pub state: String,
    /// What it adds to the priority.
    pub points: i16,
    /// `fault`: because of it the router cannot take part. `waiting`: the router waits for its first result.
    pub effect: Option<String>,
}

/// Two boxes of a cluster that are configured differently.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mismatch {
    /// The other box.
    pub source: IpAddr,
    /// `version`, if that differs.
    pub version: Option<Difference>,
    /// `advert_int`, with the unit, if that differs.
    pub advert_int: Option<Difference>,
    /// The virtual addresses, if those differ.
    pub addresses: Option<AddressDifference>,
    /// Whether it discards what this router advertises, by the RFC and by keepalived. vrrpd does not, unless it is told to.
    pub is_deaf: bool,
}

/// One setting on two boxes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// The other box's.
    pub theirs: String,
    /// This one's.
    pub ours: String,
}

/// Virtual addresses that only one of two boxes has.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AddressDifference {
    /// Those of the other box.
    pub only_theirs: Vec<IpAddr>,
    /// Those of this one.
    pub only_ours: Vec<IpAddr>,
}

/// Another cluster with the same VRID, and none of these addresses.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Clash {
    /// Who speaks for it.
    pub source: IpAddr,
    /// Its priority.
    pub priority: u8,
    /// Where its adverts come from.
    pub mac: String,
    /// Whether that is the virtual MAC, which this router does not go by then.
    pub is_from_virtual_mac: bool,
}

impl Difference {
    /// Both in words.
    pub fn new(theirs: &impl ToString, ours: &impl ToString) -> Self {
        Self { theirs: theirs.to_string(), ours: ours.to_string() }
    }
}

impl Mismatch {
    /// What differs, each in words.
    #[must_use]
    pub fn differences(&self) -> Vec<String> {
        let setting = |name: &str, difference: &Option<Difference>| {
            difference
                .as_ref()
                .map(|Difference { theirs, ours }| format!("{name} {theirs} there, {ours} here"))
        };
        let listed = |list: &[IpAddr], where_not: &str| {
            let listed: Vec<_> = list.iter().map(ToString::to_string).collect();
            (!list.is_empty()).then(|| format!("{} not {where_not}", listed.join(", ")))
        };
        let addresses = self.addresses.iter().flat_map(|addresses| {
            let AddressDifference { only_theirs, only_ours } = addresses;
            let same_set = only_theirs.is_empty() && only_ours.is_empty();
            let twice = same_set.then(|| "an address listed twice there".to_owned());
            [listed(only_theirs, "here"), listed(only_ours, "there"), twice]
        });
        [setting("version", &self.version), setting("advert_int", &self.advert_int)]
            .into_iter()
            .chain(addresses)
            .flatten()
            .collect()
    }

    /// What comes of it.
    #[must_use]
    pub const fn consequence(&self) -> &'static str {
        if self.is_deaf {
            "it discards the adverts of this router, unless it is a vrrpd: as long as it is master it is not preempted"
        } else {
            "a backup follows its master all the same"
        }
    }
}

/// Times of a router, in microseconds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Timers {
    /// Own advertisement interval.
    pub advert_int_us: u64,
    /// The master's interval, learned.
    pub master_adver_int_us: u64,
    /// Skew_Time.
    pub skew_us: u64,
    /// Master_Down_Interval.
    pub master_down_us: u64,
    /// Until the next deadline: the next advert as master, the master's death as backup.
    pub deadline_in_us: Option<u64>,
    /// Since an advert of the master was last heard.
    pub last_heard_us_ago: Option<u64>,
    /// What is left of the lease; 0 when it is over.
    pub lease_remaining_us: u64,
}

/// One transition.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TransitionStatus {
    /// RFC 3339, UTC.
    pub at: String,
    /// The state before.
    pub from: String,
    /// The state after.
    pub to: String,
    /// Why.
    pub cause: String,
    /// From the cause to the decision, in microseconds.
    pub late_us: f64,
    /// From the decision to the changed flag in the data plane, in microseconds.
    pub flip_us: f64,
    /// What of that the kernel took to send the first advert, in microseconds.
    #[serde(default)]
    pub send_us: f64,
}

/// One check.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CheckStatus {
    /// Its name in the configuration.
    pub name: String,
    /// The table that it is configured in: `vrrp_script`.
    pub kind: String,
    /// `init` before the first result, `up`, `down`, or the number in a file.
    pub state: String,
    /// When the state last changed, RFC 3339, UTC.
    pub since: String,
    /// `good` or `bad`.
    pub last_result: Option<String>,
    /// What the last result was.
    pub last_reason: Option<String>,
    /// How long it took to come.
    pub last_took_us: Option<u64>,
    /// Results since the check was started.
    pub results: u64,
    /// Those that were bad.
    pub failures: u64,
    /// Those that did not come in time.
    pub timeouts: u64,
}

/// One sync group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GroupStatus {
    /// Its name in the configuration.
    pub name: String,
    /// `BACKUP`, `MASTER`, `FAULT` or `STOP`: the last state that all members have agreed on.
    pub state: Option<String>,
    /// Names of its routers.
    pub members: Vec<String>,
}

/// The last run of a script, or the last mail.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HookStatus {
    /// `INSTANCE NAME` or `GROUP NAME`.
    pub subject: String,
    /// The key that it is configured with: `notify_master`, `smtp_alert`.
    pub hook: String,
    /// The state that it was told of.
    pub state: String,
    /// When it was started, RFC 3339, UTC.
    pub at: String,
    /// `ok`, or what went wrong.
    pub outcome: String,
    /// How long it took.
    pub took_us: u64,
}

/// The guard: it keeps the kernel from answering for virtual addresses on other interfaces than their own.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct GuardStatus {
    /// Why there is none.
    pub failure: Option<String>,
    /// The interfaces that it is attached to.
    pub interfaces: Vec<String>,
    /// Those that it cannot be attached to, with why.
    pub unguarded: BTreeMap<String, String>,
    /// ARP questions for a virtual address that the kernel had while its door was shut.
    pub arp_dropped: u64,
    /// IPv4 packets to one.
    pub ipv4_dropped: u64,
    /// Frames with more than two priority tags.
    pub tags_too_deep: u64,
}

/// One interface.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct InterfaceStatus {
    /// Its name.
    pub name: String,
    /// Whether it is up, with carrier.
    pub up: bool,
    /// How the XDP program is attached; absent when it is not.
    pub xdp: Option<String>,
    /// Where the maps are pinned.
    pub pins: Option<String>,
    /// Frames by verdict since the program was first attached.
    pub frames: BTreeMap<String, u64>,
}

/// RFC 3339, UTC.
pub fn rfc3339(at: SystemTime) -> String {
    OffsetDateTime::from(at).format(&Rfc3339).unwrap_or_else(|_out_of_range| "unknown".into())
}
