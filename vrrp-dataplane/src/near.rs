//! `NEAR_VIPS`: the IPv4 addresses of `VIPS` again, where the program finds them by one load.

use std::{collections::HashMap, io, net::IpAddr, sync::atomic::Ordering};

use aya::maps::MapData;
use vrrp_common::abi::{self, NEAR_VIP_ENTRIES, NearVip};

use crate::mapping::Mapping;

/// The map, and what shares each of its entries.
pub(crate) struct NearVips {
    map: Mapping<NearVip>,
    sharing: HashMap<u32, Vec<NearVip>>,
}

impl NearVips {
    /// Makes the map say what `owners` says.
    pub(crate) fn new(map: &MapData, owners: &HashMap<[u8; 16], u32>) -> io::Result<Self> {
        let mut new = Self { map: Mapping::new(map, NEAR_VIP_ENTRIES)?, sharing: HashMap::new() };
        for (address, slot) in owners {
            if let Some(near) = near(*address, *slot) {
                new.sharing.entry(NearVip::index_of(near.address)).or_default().push(near);
            }
        }
        (0..NEAR_VIP_ENTRIES as u32).for_each(|index| new.store(index));
        Ok(new)
    }

    /// `address` is in `VIPS`, where it was not, or not with this slot.
    pub(crate) fn add(&mut self, address: [u8; 16], slot: u32) {
        let Some(near) = near(address, slot) else { return };
        let index = NearVip::index_of(near.address);
        let sharing = self.sharing.entry(index).or_default();
        sharing.retain(|other| other.address != near.address);
        sharing.push(near);
        self.store(index);
    }

    /// `address` is not in `VIPS` any more.
    pub(crate) fn remove(&mut self, address: [u8; 16]) {
        let Some(near) = near(address, NearVip::NONE) else { return };
        let index = NearVip::index_of(near.address);
        if let Some(sharing) = self.sharing.get_mut(&index) {
            sharing.retain(|other| other.address != near.address);
            self.store(index);
        }
    }

    fn store(&self, index: u32) {
        let entry = match self.sharing.get(&index).map_or(&[][..], Vec::as_slice) {
            [] => NearVip::default(),
            [one] => *one,
            [_, _, ..] => NearVip { slot: NearVip::SEVERAL, ..NearVip::default() },
        };
        self.map.u64(index, 0).store(bytemuck::cast(entry), Ordering::Release);
    }
}

fn near(address: [u8; 16], slot: u32) -> Option<NearVip> {
    match abi::address_from_bytes(address) {
        IpAddr::V4(v4) => Some(NearVip { address: v4.octets(), slot }),
        // `Tables::assign` lets none in; an entry has room for four bytes.
        IpAddr::V6(_) => None,
    }
}

/// Refuses an address of a family that the programs do not look for.
pub(crate) fn recognise(vip: IpAddr) -> io::Result<()> {
    match vip {
        IpAddr::V4(_) => Ok(()),
        IpAddr::V6(_) => {
            let text =
                format!("{vip} is an IPv6 address, which the data plane neither answers for nor guards");
            Err(io::Error::new(io::ErrorKind::Unsupported, text))
        }
    }
}
