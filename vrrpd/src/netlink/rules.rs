//! Rules that say which table a packet's route is looked up in.

use futures_util::TryStreamExt;
use netlink_packet_route::{
    AddressFamily, RouteNetlinkMessage,
    route::RouteProtocol,
    rule::{self, RuleAttribute, RuleFlags, RuleHeader, RuleMessage},
};

use rtnetlink::IpVersion;

use super::{Change, Netlink, errno, routes::family};
use vrrp_config::{RuleAction, VirtualRule};

impl Netlink {
    /// Adds a rule. Whether it was missing.
    ///
    /// # Errors
    /// As the kernel says.
    pub(crate) async fn add_rule(&self, rule: &VirtualRule) -> Result<bool, rtnetlink::Error> {
        let message = message(rule);
        // The kernel would choose another priority for it, and take it for another rule.
        if rule.priority.is_none() && self.has_rule(&message).await? {
            return Ok(false);
        }
        match self.request(RouteNetlinkMessage::NewRule(message), Change::Add.flags(true)).await {
            Err(error) if errno(&error) == Some(libc::EEXIST) => Ok(false),
            result => result.map(|()| true),
        }
    }

    /// Removes a rule. One that is not there needs nothing.
    ///
    /// # Errors
    /// As the kernel says.
    pub(crate) async fn remove_rule(&self, rule: &VirtualRule) -> Result<(), rtnetlink::Error> {
        match self.request(RouteNetlinkMessage::DelRule(message(rule)), Change::Remove.flags(true)).await {
            Err(error) if errno(&error) == Some(libc::ENOENT) => Ok(()),
            result => result,
        }
    }

    async fn has_rule(&self, wanted: &RuleMessage) -> Result<bool, rtnetlink::Error> {
        let version =
            if wanted.header.family == AddressFamily::Inet6 { IpVersion::V6 } else { IpVersion::V4 };
        let present: Vec<RuleMessage> = self.handle.rule().get(version).execute().try_collect().await?;
        Ok(present.iter().any(|rule| same(wanted, rule)))
    }
}

/// Tells whether a rule of the kernel's is the one that was asked for, whatever priority it has been given.
fn same(wanted: &RuleMessage, present: &RuleMessage) -> bool {
    let header = RuleHeader {
        flags: present.header.flags & RuleFlags::Invert,
        // In the attributes: it may be more than a byte.
        table: wanted.header.table,
        ..present.header.clone()
    };
    header == wanted.header
        && wanted.attributes.iter().all(|attribute| present.attributes.contains(attribute))
}

fn message(rule: &VirtualRule) -> RuleMessage {
    let mut message = RuleMessage::default();
    let either = rule.from.or(rule.to);
    let (action, table) = match rule.action {
        RuleAction::Table(table) => (rule::RuleAction::ToTable, table),
        RuleAction::Blackhole => (rule::RuleAction::Blackhole, 0),
        RuleAction::Unreachable => (rule::RuleAction::Unreachable, 0),
        RuleAction::Prohibit => (rule::RuleAction::Prohibit, 0),
    };
    message.header = RuleHeader {
        family: family(either.map_or([0, 0, 0, 0].into(), |prefix| prefix.address)),
        dst_len: rule.to.map_or(0, |to| to.length),
        src_len: rule.from.map_or(0, |from| from.length),
        tos: rule.tos.unwrap_or(0),
        table: u8::try_from(table).unwrap_or(0),
        action,
        flags: if rule.not { RuleFlags::Invert } else { RuleFlags::empty() },
    };
    let (mark, mask) = rule.fwmark.unzip();
    message.attributes = [
        rule.from.filter(|from| from.length > 0).map(|from| RuleAttribute::Source(from.address)),
        rule.to.filter(|to| to.length > 0).map(|to| RuleAttribute::Destination(to.address)),
        rule.iif.clone().map(RuleAttribute::Iifname),
        rule.oif.clone().map(RuleAttribute::Oifname),
        mark.map(RuleAttribute::FwMark),
        mask.map(RuleAttribute::FwMask),
        rule.priority.map(RuleAttribute::Priority),
        (table > 0).then_some(RuleAttribute::Table(table)),
        Some(RuleAttribute::Protocol(RouteProtocol::KeepAlived)),
    ]
    .into_iter()
    .flatten()
    .collect();
    message
}
