//! What the program should decide, written again for the host: slowly, from the byte string, and from the rules and
//! not from the program.

use std::{collections::HashMap, net::Ipv4Addr};

use vrrp_common::{abi::Verdict, types::Mac};

/// A door at the moment of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Door {
    Open,
    NotMaster,
    Lapsed,
}

/// A router as the model knows it.
#[derive(Clone, Debug)]
pub(crate) struct Router {
    pub(crate) mac: Mac,
    pub(crate) use_vmac: bool,
    pub(crate) accept: bool,
    pub(crate) door: Door,
    /// Source and message of the expected advert.
    pub(crate) expected: Option<(Ipv4Addr, Vec<u8>)>,
    /// With unicast, the peers and the lowest TTL of each; the highest is 254, and this host 192.0.2.1.
    pub(crate) peers: Option<Vec<(Ipv4Addr, u8)>>,
}

/// The state of one interface.
#[derive(Clone, Debug, Default)]
pub(crate) struct Model {
    pub(crate) nic: Mac,
    pub(crate) routers: HashMap<u8, Router>,
    pub(crate) vips: HashMap<Ipv4Addr, u8>,
}

/// Limits aside: `AdvertJudged` stands for those that are limited too, and `ArpConflict` likewise.
impl Model {
    pub(crate) fn verdict(&self, frame: &[u8]) -> Verdict {
        let mut frame = frame.to_vec();
        for tags in 0.. {
            if frame.len() < 14 {
                return Verdict::NotOurs;
            }
            if !matches!(u16_at(&frame, 12), 0x8100 | 0x88a8) {
                break;
            }
            if tags == 2 {
                return Verdict::TagsTooDeep;
            }
            if frame.len() < 16 || u16_at(&frame, 14) & 0xfff != 0 || frame.len() < 18 {
                return Verdict::NotOurs;
            }
            frame.drain(12..16);
        }
        let destination = mac_at(&frame, 0);
        let ether_type = u16_at(&frame, 12);
        let ip = (ether_type == 0x0800 && frame.len() >= 34).then(|| &frame[14..]);
        if ether_type == 0x0806 {
            return self.arp(&frame);
        }
        if let Some(verdict) = self.virtual_mac(destination, ip) {
            return verdict;
        }
        let Some(ip) = ip else { return Verdict::NotOurs };
        let to = v4_at(ip, 16);
        if ip[9] == 112
            && let Some(verdict) = self.advert(ip, to)
        {
            return verdict;
        }
        let [a, b, c, d, e, _] = destination.0;
        let virtual_router = [a, b, c, d, e] == [0x00, 0x00, 0x5e, 0x00, 0x01];
        let hears = |router: &&Router| virtual_router || self.hears(destination, router);
        match self.owner(to).filter(hears) {
            None => Verdict::NotOurs,
            Some(router) => match router.door {
                Door::NotMaster => Verdict::VipNotMaster,
                Door::Lapsed => Verdict::VipLeaseLapsed,
                Door::Open if router.accept => Verdict::VipAdmitted,
                Door::Open => Verdict::VipNotAccepted,
            },
        }
    }

    fn owner(&self, address: Ipv4Addr) -> Option<&Router> {
        self.routers.get(self.vips.get(&address)?)
    }

    fn hears(&self, to: Mac, router: &Router) -> bool {
        to.is_group() || to == self.nic || to == router.mac
    }

    fn virtual_mac(&self, to: Mac, ip: Option<&[u8]>) -> Option<Verdict> {
        let [0x00, 0x00, 0x5e, 0x00, 0x01, vrid] = to.0 else { return None };
        let router = self.routers.get(&vrid).filter(|router| router.use_vmac)?;
        Some(match router.door {
            Door::NotMaster => Verdict::VmacNotMaster,
            Door::Lapsed => Verdict::VmacLeaseLapsed,
            Door::Open => match ip {
                Some(ip) if !router.accept && self.owner(v4_at(ip, 16)).is_some() => Verdict::VipNotAccepted,
                _ => Verdict::VmacAdmitted,
            },
        })
    }

    fn advert(&self, ip: &[u8], to: Ipv4Addr) -> Option<Verdict> {
        let to_group = to == Ipv4Addr::new(224, 0, 0, 18);
        let header = usize::from(ip[0] & 0xf) * 4;
        if u16_at(ip, 6) & 0x3fff != 0 || header < 20 || ip.len() < header + 2 {
            return to_group.then_some(Verdict::AdvertUnreadable);
        }
        let router = self.routers.get(&ip[header + 1]);
        let Some(router) = router.filter(|router| router.peers.is_none() == to_group) else {
            return to_group.then_some(Verdict::AdvertUnknownVrid);
        };
        let ttl = match &router.peers {
            None => 255..=255,
            Some(peers) => match peers.iter().find(|(peer, _)| *peer == v4_at(ip, 12)) {
                Some((_, min)) => *min..=254,
                None => return Some(Verdict::AdvertUnknownPeer),
            },
        };
        let expected = router.expected.as_ref().is_some_and(|(source, message)| {
            ip[0] == 0x45
                && ttl.contains(&ip[8])
                && crate::frames::checksum(&ip[..20]) == 0
                && usize::from(u16_at(ip, 2)) == 20 + message.len()
                && v4_at(ip, 12) == *source
                && (to_group || to == Ipv4Addr::new(192, 0, 2, 1))
                && ip.get(20..20 + message.len()) == Some(message)
        });
        Some(match unacceptable(ip, &ttl) {
            _ if expected => Verdict::AdvertExpected,
            Some(verdict) => verdict,
            None => Verdict::AdvertJudged,
        })
    }

    fn arp(&self, frame: &[u8]) -> Verdict {
        if frame.len() < 42
            || !matches!(u16_at(frame, 14), 1 | 6)
            || u16_at(frame, 16) != 0x0800
            || (frame[18], frame[19]) != (6, 4)
        {
            return Verdict::NotOurs;
        }
        let to = mac_at(frame, 0);
        let (operation, sha, spa, tpa) =
            (u16_at(frame, 20), mac_at(frame, 22), v4_at(frame, 28), v4_at(frame, 38));
        let hears = |router: &&Router| self.hears(to, router);
        let (speaker, asked) = (self.owner(spa).filter(hears), self.owner(tpa).filter(hears));
        if speaker.is_none() && asked.is_none() {
            return Verdict::NotOurs;
        }
        if !matches!(operation, 1 | 2) || sha.is_group() || sha == Mac::default() {
            return Verdict::ArpMalformed;
        }
        match (speaker, asked) {
            (Some(router), _) if router.door == Door::Open && sha == router.mac => Verdict::ArpOwnClaim,
            (Some(router), _) if router.door == Door::Open => Verdict::ArpConflict,
            (_, Some(router)) if spa != tpa => match router.door {
                Door::NotMaster => Verdict::ArpNotMaster,
                Door::Lapsed => Verdict::ArpLeaseLapsed,
                Door::Open if operation == 1 => Verdict::ArpAnswered,
                Door::Open => Verdict::ArpAdmitted,
            },
            (Some(router), _) if router.door == Door::Lapsed => Verdict::ArpLeaseLapsed,
            _ => Verdict::ArpMasterClaim,
        }
    }
}

/// What no configuration can accept, as far as the program looks.
fn unacceptable(ip: &[u8], ttl: &std::ops::RangeInclusive<u8>) -> Option<Verdict> {
    let plain = ip[0] == 0x45;
    let (total, header) = (usize::from(u16_at(ip, 2)), usize::from(ip[0] & 0xf) * 4);
    if !ttl.contains(&ip[8]) {
        return Some(Verdict::AdvertTtl);
    }
    if ip[0] >> 4 != 4 || (plain && crate::frames::checksum(&ip[..20]) != 0) {
        return Some(Verdict::AdvertIpHeader);
    }
    let message = &ip[header..];
    let version = message[0] >> 4;
    if version != 2 && version != 3 {
        return Some(Verdict::AdvertVersion);
    }
    if message[0] & 0xf != 1 {
        return Some(Verdict::AdvertType);
    }
    let needed = 8 + usize::from(*message.get(3).unwrap_or(&255)) * 4 + if version == 2 { 8 } else { 0 };
    if total < header + needed || ip.len() < total {
        return Some(Verdict::AdvertLength);
    }
    let message = &message[..needed];
    let length = needed as u16;
    let pseudo = [&ip[12..20], &[0, 112], &length.to_be_bytes(), message].concat();
    let right =
        crate::frames::checksum(message) == 0 || (version == 3 && crate::frames::checksum(&pseudo) == 0);
    (plain && total == 20 + needed && needed <= 256 && !right).then_some(Verdict::AdvertChecksum)
}

fn u16_at(bytes: &[u8], offset: usize) -> u16 {
    u16::from_be_bytes([bytes[offset], bytes[offset + 1]])
}

fn mac_at(bytes: &[u8], offset: usize) -> Mac {
    Mac(bytes[offset..offset + 6].try_into().unwrap())
}

fn v4_at(bytes: &[u8], offset: usize) -> Ipv4Addr {
    <[u8; 4]>::try_from(&bytes[offset..offset + 4]).unwrap().into()
}
