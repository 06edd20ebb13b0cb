//! The protocol's quantities, each with its unit and range.

use core::{fmt, net::IpAddr, time::Duration};

/// Virtual router identifier, 1..=255 (RFC 9568 §5.2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Vrid(u8);

impl Vrid {
    /// `None` for 0, which no virtual router may have.
    #[must_use]
    pub const fn new(vrid: u8) -> Option<Self> {
        if vrid == 0 { None } else { Some(Self(vrid)) }
    }

    /// The identifier as it stands in an advert.
    #[must_use]
    pub const fn as_u8(self) -> u8 {
        self.0
    }
}

impl fmt::Display for Vrid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Priority in the election; higher wins (RFC 9568 §5.2.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Priority(u8);

impl Priority {
    /// The master leaves: never a router's own priority, only seen in adverts.
    pub const RELEASE: Self = Self(0);
    /// The default of keepalived and of RFC 9568.
    pub const DEFAULT: Self = Self(100);
    /// The router owns the addresses.
    pub const OWNER: Self = Self(255);

    /// Any priority, as an advert carries it.
    #[must_use]
    pub const fn new(priority: u8) -> Self {
        Self(priority)
    }

    /// The priority as it stands in an advert.
    #[must_use]
    pub const fn as_u8(self) -> u8 {
        self.0
    }
}

impl fmt::Display for Priority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Protocol version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// RFC 3768 (with the authentication field of RFC 2338): IPv4, whole seconds.
    V2,
    /// RFC 9568 (and RFC 5798): IPv4 and IPv6, centiseconds.
    V3,
}

impl Version {
    /// The version of this number, if it is one that is spoken here.
    #[must_use]
    pub const fn new(number: u8) -> Option<Self> {
        match number {
            2 => Some(Self::V2),
            3 => Some(Self::V3),
            _ => None,
        }
    }

    /// The number in the first half byte of an advert.
    #[must_use]
    pub const fn as_u8(self) -> u8 {
        match self {
            Self::V2 => 2,
            Self::V3 => 3,
        }
    }
}

/// Address family of a virtual router. One VRID may be used once in each (RFC 9568 §5.2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Family {
    /// The family that `address` belongs to.
    #[must_use]
    pub const fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(_) => Self::V4,
            IpAddr::V6(_) => Self::V6,
        }
    }

    /// 4 or 6.
    #[must_use]
    pub const fn as_u8(self) -> u8 {
        match self {
            Self::V4 => 4,
            Self::V6 => 6,
        }
    }

    /// Bytes of one address.
    #[must_use]
    pub const fn address_len(self) -> usize {
        match self {
            Self::V4 => 4,
            Self::V6 => 16,
        }
    }
}

/// Ethernet address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mac(pub [u8; 6]);

impl Mac {
    /// All stations.
    pub const BROADCAST: Self = Self([0xff; 6]);
    /// Where IPv4 adverts go: 224.0.0.18 as an Ethernet group.
    pub const VRRP_GROUP_V4: Self = Self([0x01, 0x00, 0x5e, 0x00, 0x00, 0x12]);
    /// Where IPv6 adverts go: ff02::12 as an Ethernet group.
    pub const VRRP_GROUP_V6: Self = Self([0x33, 0x33, 0x00, 0x00, 0x00, 0x12]);

    /// The virtual router's own address, 00-00-5E-00-01-VRID or 00-00-5E-00-02-VRID (RFC 9568 §7.3).
    #[must_use]
    pub const fn virtual_router(family: Family, vrid: Vrid) -> Self {
        let block = match family {
            Family::V4 => 1,
            Family::V6 => 2,
        };
        Self([0x00, 0x00, 0x5e, 0x00, block, vrid.as_u8()])
    }

    /// Sent to many: broadcast or multicast.
    #[must_use]
    pub const fn is_group(self) -> bool {
        self.0[0] & 1 == 1
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

/// Advertisement interval, in centiseconds: what version 3 puts on the wire, and 100 of them for each second of
/// version 2. 1..=25 500.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AdvertInterval(u16);

impl AdvertInterval {
    /// One second, the default of both versions.
    pub const DEFAULT: Self = Self(100);
    /// The longest that version 3 can say: 40.95 s (12 bits of centiseconds, RFC 9568 §5.2.7).
    pub const MAX_V3: Self = Self(4095);
    /// The longest that version 2 can say: 255 s (8 bits of seconds, RFC 3768 §5.3.7).
    pub const MAX_V2: Self = Self(25_500);

    /// `None` unless 1..=4095.
    #[must_use]
    pub const fn from_centiseconds(centiseconds: u16) -> Option<Self> {
        match centiseconds {
            1..=4095 => Some(Self(centiseconds)),
            _ => None,
        }
    }

    /// `None` for 0, which would be a flood.
    #[must_use]
    pub const fn from_seconds(seconds: u8) -> Option<Self> {
        match seconds {
            0 => None,
            _ => Some(Self(seconds as u16 * 100)),
        }
    }

    /// The one of which [`as_centiseconds`](Self::as_centiseconds) is this; `None` when there is none.
    #[must_use]
    pub const fn again(centiseconds: u16) -> Option<Self> {
        if centiseconds == 0 || centiseconds > Self::MAX_V2.0 { None } else { Some(Self(centiseconds)) }
    }

    /// In units of 10 ms.
    #[must_use]
    pub const fn as_centiseconds(self) -> u16 {
        self.0
    }

    /// In whole seconds, as version 2 sends it; `None` when it is no whole number of them.
    #[must_use]
    pub const fn as_seconds(self) -> Option<u8> {
        if self.0.is_multiple_of(100) { Some((self.0 / 100) as u8) } else { None }
    }

    /// As a span.
    #[must_use]
    pub const fn span(self) -> Duration {
        Duration::from_millis(self.0 as u64 * 10)
    }

    /// Skew_Time: a lower priority waits longer, by up to one interval. Version 3 counts in the master's interval
    /// (RFC 9568 §6.1), version 2 in seconds (RFC 3768 §6.1). In nanoseconds: whole centiseconds would make it 0 for
    /// every priority at short intervals, and all backups would promote at once.
    #[must_use]
    pub const fn skew(self, version: Version, priority: Priority) -> Duration {
        let unit_ns = match version {
            Version::V2 => 1_000_000_000,
            Version::V3 => self.0 as u64 * 10_000_000,
        };
        Duration::from_nanos((256 - priority.as_u8() as u64) * unit_ns / 256)
    }

    /// Master_Down_Interval (Active_Down_Interval): three intervals and the skew (RFC 9568 §6.1, RFC 3768 §6.1).
    #[must_use]
    pub const fn master_down(self, version: Version, priority: Priority) -> Duration {
        let three = Duration::from_millis(self.0 as u64 * 30);
        three.saturating_add(self.skew(version, priority))
    }

    /// How long after sending an advert its sender may go on answering. A peer that heard it waits three intervals
    /// and its skew; the lease ends a sixteenth of an interval before the three are over. That covers clocks that
    /// run apart by 2 % and an answer that is still under way.
    #[must_use]
    pub const fn lease(self) -> Duration {
        Duration::from_micros(self.0 as u64 * (30_000 - 10_000 / 16))
    }
}

impl fmt::Display for AdvertInterval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.span())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn skew_differs_for_every_priority_at_ten_milliseconds() {
        let fast = AdvertInterval::from_centiseconds(1).unwrap();
        for priority in 1..=254 {
            assert!(
                fast.skew(Version::V3, Priority::new(priority))
                    > fast.skew(Version::V3, Priority::new(priority + 1))
            );
        }
        assert_eq!(fast.master_down(Version::V3, Priority::new(254)), Duration::from_nanos(30_078_125));
    }

    #[test]
    fn version_2_skews_by_fractions_of_a_second_whatever_its_interval() {
        let slow = AdvertInterval::from_seconds(10).unwrap();
        assert_eq!(slow.skew(Version::V2, Priority::DEFAULT), Duration::from_nanos(609_375_000));
        assert_eq!(slow.skew(Version::V3, Priority::DEFAULT), Duration::from_nanos(6_093_750_000));
    }

    #[test]
    fn the_lease_ends_before_any_peer_can_take_over() {
        for centiseconds in [1, 10, 100, 4095] {
            let interval = AdvertInterval::from_centiseconds(centiseconds).unwrap();
            for version in [Version::V2, Version::V3] {
                let margin = interval.master_down(version, Priority::OWNER) - interval.lease();
                assert!(margin > interval.span() / 16, "{interval} {version:?}");
            }
        }
    }

    #[test]
    fn no_interval_is_zero_or_off_by_ten() {
        assert_eq!(AdvertInterval::from_centiseconds(0), None);
        assert_eq!(AdvertInterval::from_centiseconds(4096), None);
        assert_eq!(AdvertInterval::from_seconds(0), None);
        assert_eq!(AdvertInterval::from_seconds(255).unwrap(), AdvertInterval::MAX_V2);
        assert_eq!(AdvertInterval::from_centiseconds(1).unwrap().span(), Duration::from_millis(10));
        for interval in [AdvertInterval::DEFAULT, AdvertInterval::MAX_V3, AdvertInterval::MAX_V2] {
            assert_eq!(AdvertInterval::again(interval.as_centiseconds()), Some(interval));
        }
        assert_eq!([0, 25_501].map(AdvertInterval::again), [None; 2]);
        assert_eq!(AdvertInterval::MAX_V2.lease(), Duration::from_micros(25_500 * 29_375));
    }
}
