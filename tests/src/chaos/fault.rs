//! What can befall one router, and what the wire may show of it.

use std::fmt;

/// What befalls one router.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// SIGKILL; healed by a start.
    Kill,
    /// SIGSTOP; healed by SIGCONT.
    Freeze,
    /// SIGTERM; healed by a start.
    Terminate,
    /// SIGHUP with an address more; healed by one with an address less.
    Reload,
    /// SIGHUP with other addresses for each virtual router. They stay until the next.
    Laid(Layout),
    /// SIGHUP without a virtual router, by its place in the file; healed by one with it.
    RouterRemoved(usize),
    /// SIGUSR2.
    Upgrade,
    /// Two signals, milliseconds apart; healed by a start if one of them was SIGTERM.
    Signals(Pair),
    /// The switch's port goes down: the carrier is lost.
    Carrier,
    /// `ip link set eth0 down`.
    Down,
    /// The interface is deleted; healed by another one with its name.
    Delete,
    /// The virtual addresses are removed by hand.
    VipRemoved,
    /// The interface's own address is removed by hand.
    AddressRemoved,
    /// The host gets one more address of its own, or loses it if it has it. It stays until the next.
    Own(Own),
    /// A second card of the host comes into the LAN, or goes if it is there. It stays until the next.
    SecondCard,
    /// `ip link set eth0 xdp off`.
    XdpOff,
    /// `bpftool link detach` of the XDP program.
    XdpDetached,
    /// `bpftool link detach` of the egress program.
    EgressDetached,
    /// The pins of the maps are removed.
    MapsUnpinned,
    /// All pins are removed.
    Unpinned,
    /// The directory of the pins is removed.
    DirectoryRemoved,
    /// The switch's port is blocked: the carrier stays.
    Isolated,
    /// The switch's port is blocked and opened several times.
    Flapping,
}

/// How the addresses beside those that the client asks for are shared out to the virtual routers of a router.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Layout {
    /// One of each network for each of them.
    #[default]
    Apart,
    /// Each has the other's.
    Swapped,
    /// The first has all.
    Merged,
    /// As they were, with other prefixes.
    Prefixes,
    /// As they were; the sections have each other's name, and so each other's VRID.
    Renamed,
}

/// Which address of its own a host gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Own {
    /// In the network of the interface.
    Near,
    /// In that of the virtual addresses that are foreign to the interface.
    Foreign,
}

/// Which signals, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pair {
    /// SIGHUP, SIGHUP.
    HupHup,
    /// SIGHUP, SIGTERM.
    HupTerm,
    /// SIGUSR2, SIGUSR2.
    Usr2Usr2,
    /// SIGUSR2, SIGHUP.
    Usr2Hup,
    /// SIGUSR2, SIGTERM.
    Usr2Term,
}

impl Pair {
    /// Whether the daemon is to end of it.
    #[must_use]
    pub const fn ends(self) -> bool {
        match self {
            Self::HupTerm | Self::Usr2Term => true,
            Self::HupHup | Self::Usr2Usr2 | Self::Usr2Hup => false,
        }
    }
}

/// How an outage of the virtual address after a fault of its master is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// None: the virtual address is answered throughout.
    None,
    /// The router falls silent at once or when its lease is over, and its successor waits for that.
    Silence,
    /// The router says that it leaves.
    Leaves,
    /// The router goes on in a part of the network of its own.
    Partition,
}

impl Fault {
    /// Each with how often it comes, relative to the others.
    pub const ALL: [(Self, usize); 33] = [
        (Self::Kill, 4),
        (Self::Freeze, 4),
        (Self::Terminate, 2),
        (Self::Reload, 2),
        (Self::Laid(Layout::Apart), 1),
        (Self::Laid(Layout::Swapped), 1),
        (Self::Laid(Layout::Merged), 1),
        (Self::Laid(Layout::Prefixes), 1),
        (Self::Laid(Layout::Renamed), 1),
        (Self::RouterRemoved(0), 1),
        (Self::RouterRemoved(1), 1),
        (Self::Upgrade, 2),
        (Self::Signals(Pair::HupHup), 1),
        (Self::Signals(Pair::HupTerm), 1),
        (Self::Signals(Pair::Usr2Usr2), 1),
        (Self::Signals(Pair::Usr2Hup), 1),
        (Self::Signals(Pair::Usr2Term), 1),
        (Self::Carrier, 3),
        (Self::Down, 2),
        (Self::Delete, 3),
        (Self::VipRemoved, 2),
        (Self::AddressRemoved, 2),
        (Self::Own(Own::Near), 2),
        (Self::Own(Own::Foreign), 2),
        (Self::SecondCard, 2),
        (Self::XdpOff, 1),
        (Self::XdpDetached, 3),
        (Self::EgressDetached, 1),
        (Self::MapsUnpinned, 1),
        (Self::Unpinned, 2),
        (Self::DirectoryRemoved, 1),
        (Self::Isolated, 3),
        (Self::Flapping, 2),
    ];

    /// What the wire may show of it.
    #[must_use]
    pub const fn effect(self) -> Effect {
        match self {
            Self::Reload
            | Self::Laid(_)
            | Self::Signals(Pair::HupHup)
            | Self::VipRemoved
            | Self::Own(_)
            | Self::SecondCard
            | Self::XdpOff
            | Self::MapsUnpinned
            | Self::Unpinned
            | Self::DirectoryRemoved => Effect::None,
            // The lease of the program before it runs on while the new one starts.
            Self::Kill
            | Self::Freeze
            | Self::Upgrade
            | Self::Signals(Pair::Usr2Usr2 | Pair::Usr2Hup | Pair::Usr2Term)
            | Self::Carrier
            | Self::Down
            | Self::Delete => Effect::Silence,
            Self::Terminate
            | Self::Signals(Pair::HupTerm)
            | Self::RouterRemoved(_)
            | Self::AddressRemoved
            | Self::XdpDetached
            | Self::EgressDetached => Effect::Leaves,
            Self::Isolated | Self::Flapping => Effect::Partition,
        }
    }

    /// The program after it may be there within the lease, and then say that it leaves.
    #[must_use]
    pub fn may_hand_over(self) -> bool {
        self == Self::Signals(Pair::Usr2Term)
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Kill => "SIGKILL",
            Self::Freeze => "SIGSTOP",
            Self::Terminate => "SIGTERM",
            Self::Reload => "SIGHUP",
            Self::Laid(Layout::Apart) => "addresses laid apart",
            Self::Laid(Layout::Swapped) => "addresses swapped",
            Self::Laid(Layout::Merged) => "addresses merged",
            Self::Laid(Layout::Prefixes) => "prefixes changed",
            Self::Laid(Layout::Renamed) => "VRIDs swapped",
            Self::RouterRemoved(0) => "first virtual router removed",
            Self::RouterRemoved(_) => "second virtual router removed",
            Self::Upgrade => "SIGUSR2",
            Self::Signals(Pair::HupHup) => "SIGHUP and SIGHUP",
            Self::Signals(Pair::HupTerm) => "SIGHUP and SIGTERM",
            Self::Signals(Pair::Usr2Usr2) => "SIGUSR2 and SIGUSR2",
            Self::Signals(Pair::Usr2Hup) => "SIGUSR2 and SIGHUP",
            Self::Signals(Pair::Usr2Term) => "SIGUSR2 and SIGTERM",
            Self::Carrier => "carrier lost",
            Self::Down => "interface down",
            Self::Delete => "interface deleted",
            Self::VipRemoved => "virtual addresses removed",
            Self::AddressRemoved => "own address removed",
            Self::Own(Own::Near) => "another own address",
            Self::Own(Own::Foreign) => "another own address beside the foreign ones",
            Self::SecondCard => "second card comes or goes",
            Self::XdpOff => "xdp off",
            Self::XdpDetached => "XDP detached",
            Self::EgressDetached => "egress detached",
            Self::MapsUnpinned => "maps unpinned",
            Self::Unpinned => "all unpinned",
            Self::DirectoryRemoved => "pins' directory removed",
            Self::Isolated => "port blocked",
            Self::Flapping => "port flaps",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
