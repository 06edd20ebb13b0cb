//! Routes and rules that go with the role.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

/// An address and how many of its bits count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Prefix {
    /// Bits behind `length` are 0.
    pub address: IpAddr,
    /// 0..=32 or 0..=128.
    pub length: u8,
}

/// One entry of `virtual_routes`, in the words of `ip route`: `"10.0.0.0/8 via 192.0.2.1 dev eth1 metric 10"`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct VirtualRoute {
    /// `unicast`, `blackhole`, `unreachable` or `prohibit`.
    pub kind: RouteKind,
    /// The destination; `default` is a prefix of length 0.
    pub to: Prefix,
    /// `via`.
    pub via: Option<IpAddr>,
    /// `dev`.
    pub dev: Option<String>,
    /// `src`: the preferred source address.
    pub src: Option<IpAddr>,
    /// `metric`.
    pub metric: Option<u32>,
    /// `table`; main (254) if `None`.
    pub table: Option<u32>,
    /// `scope`: 0 global, 200 site, 253 link, 254 host. The kernel's choice (link without `via`) if `None`.
    pub scope: Option<u8>,
    /// `proto`; 18 (keepalived's) if `None`.
    pub protocol: Option<u8>,
    /// `onlink`.
    pub onlink: bool,
    /// `mtu`.
    pub mtu: Option<u32>,
    /// `no_track`: whether `dev` may be down without a fault. Only with `dev`.
    #[serde(skip)]
    pub no_track: bool,
}

/// Effect of a route on packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum RouteKind {
    /// Hands them on.
    Unicast,
    /// Drops them.
    Blackhole,
    /// Says that the host is unreachable.
    Unreachable,
    /// Says that it is forbidden.
    Prohibit,
}

/// One entry of `virtual_rules`, in the words of `ip rule`: `"from 192.0.2.0/24 table 100 priority 1000"`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct VirtualRule {
    /// `not`: for what does not match.
    pub not: bool,
    /// `from`.
    pub from: Option<Prefix>,
    /// `to`.
    pub to: Option<Prefix>,
    /// `iif`.
    pub iif: Option<String>,
    /// `oif`.
    pub oif: Option<String>,
    /// `tos`.
    pub tos: Option<u8>,
    /// `fwmark MARK/MASK`.
    pub fwmark: Option<(u32, u32)>,
    /// Action of the rule.
    pub action: RuleAction,
    /// `priority` or `preference`; the kernel's choice if `None`.
    pub priority: Option<u32>,
    /// `no_track`: whether `iif` and `oif` may be down without a fault. Only with one of them.
    #[serde(skip)]
    pub no_track: bool,
}

/// Action of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum RuleAction {
    /// `table` or `lookup`.
    Table(u32),
    /// `blackhole`.
    Blackhole,
    /// `unreachable`.
    Unreachable,
    /// `prohibit`.
    Prohibit,
}
