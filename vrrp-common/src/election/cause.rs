//! What an election says of itself: the names of its states, what changes one, and why.

use core::{fmt, net::IpAddr};

use super::Unsuitable;
use crate::receive::Advert;

/// Why a router cannot take part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// There is no such interface.
    InterfaceMissing,
    /// The interface is of a kind that cannot carry the router.
    Unsuitable(Unsuitable),
    /// The interface is down or has no carrier.
    InterfaceDown,
    /// The interface has no address to send adverts from.
    NoAddress,
    /// No interface of this host has the address that adverts are to come from.
    NoSource(IpAddr),
    /// The data plane is not attached to the interface.
    DataPlane,
    /// A virtual address could not be added.
    VirtualAddress,
    /// Something that the router depends on fails.
    Check,
    /// Another member of its sync group cannot take part.
    Group,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unsuitable(why) => return write!(f, "the interface {why}"),
            Self::NoSource(address) => {
                return write!(f, "no interface of this host has {address}, the source of the adverts");
            }
            Self::InterfaceMissing => "there is no such interface",
            Self::InterfaceDown => "the interface is down",
            Self::NoAddress => "the interface has no address to send adverts from",
            Self::DataPlane => "the data plane is not attached",
            Self::VirtualAddress => "a virtual address could not be added",
            Self::Check => "a check fails",
            Self::Group => "another member of its sync group cannot take part",
        })
    }
}

/// A change of state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transition {
    /// Before.
    pub from: StateName,
    /// After.
    pub to: StateName,
    /// Why.
    pub cause: Cause,
}

/// A state without its data, by keepalived's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StateName {
    /// Before the first start.
    Init,
    /// Backup.
    Backup,
    /// Master.
    Master,
    /// Cannot take part.
    Fault,
    /// Handing over.
    Leaving,
    /// Left.
    Stopped,
}

impl StateName {
    /// As it stands in logs and status.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Init => "INIT",
            Self::Backup => "BACKUP",
            Self::Master => "MASTER",
            Self::Fault => "FAULT",
            Self::Leaving => "LEAVING",
            Self::Stopped => "STOPPED",
        }
    }
}

impl fmt::Display for StateName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Why a state changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The interface became ready.
    Started,
    /// The owner of the addresses starts as master (RFC 9568 §6.4.1).
    Owner,
    /// An earlier daemon's lease is still running.
    Adopted,
    /// The link was away for less than its lease.
    Resumed,
    /// The switch speaks a spanning tree, and has let nothing through since the link came up.
    PortBlocked,
    /// The master was silent for Master_Down_Interval.
    MasterDown,
    /// The master said that it leaves, and Skew_Time is over.
    MasterReleased,
    /// Another master has the higher priority, or the same and the higher address (RFC 9568 §6.4.3).
    Outranked(Advert),
    /// Nothing could be sent for three intervals, so that a peer may have taken over.
    Silent,
    /// Stopped by the operator.
    Stop,
    /// The successor of a leaving master was heard.
    Succeeded(Advert),
    /// No successor was heard within one interval.
    NoSuccessor,
    /// Another member of its sync group has lost the role.
    Group,
    /// A master that cannot hear this one goes on, and answers.
    Unheard(Advert),
    /// The master was silent for as many intervals as [`Settings::probe_limit`](super::Settings::probe_limit) allows, although it answers ARP.
    ProbeLimit,
    /// See there.
    Fault(Fault),
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Started => f.write_str("started"),
            Self::Owner => f.write_str("owner of the addresses"),
            Self::Adopted => f.write_str("the lease of an earlier daemon is still running"),
            Self::Resumed => f.write_str("the link was away for less than the lease"),
            Self::PortBlocked => f.write_str("the switch has let nothing through since the link came up"),
            Self::MasterDown => f.write_str("master not heard for Master_Down_Interval"),
            Self::MasterReleased => f.write_str("master has left"),
            Self::Outranked(by) => write!(f, "{} advertises priority {}", by.source, by.priority),
            Self::Silent => f.write_str("no advert could be sent for three intervals"),
            Self::Stop => f.write_str("stopped"),
            Self::Succeeded(by) => write!(f, "{} has taken over", by.source),
            Self::Group => f.write_str("another member of its sync group has lost the role"),
            Self::NoSuccessor => f.write_str("no successor heard within one interval"),
            Self::Unheard(by) => {
                let Advert { source, priority, .. } = by;
                write!(
                    f,
                    "{source} is master with priority {priority}, answers, and discards the adverts of this router"
                )
            }
            Self::ProbeLimit => {
                f.write_str("master not heard for probe_limit intervals, although it answers ARP")
            }
            Self::Fault(fault) => fault.fmt(f),
        }
    }
}
