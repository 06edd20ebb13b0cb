//! Which addresses each router's configuration gives to its virtual routers, and so what its kernel is to have.

use std::{collections::BTreeSet, fmt::Write as _, net::Ipv4Addr, time::Duration};

use super::{
    cluster::{VIRTUALS, Virtual},
    fault::{Layout, Own},
};
use crate::lab::router_address;

/// What a reload adds to the first, and takes away again.
const ADDED: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 53);
/// The first of them in each network; the other follows it. The second network is foreign to the interface, so that of
/// those that have one prefix there the later is the kernel's secondary address, which goes with the earlier.
const NEAR: [u8; 4] = [192, 0, 2, 61];
const FOREIGN: [u8; 4] = [203, 0, 113, 61];

/// What one router has been told, and what its operator has given it.
#[derive(Clone, Debug)]
pub(super) struct Told {
    /// Number of the router, from 1.
    number: u8,
    pub(super) layout: Layout,
    /// Whether the first has one address more.
    pub(super) more: bool,
    /// Which virtual router is left out, by its place in the file.
    pub(super) without: Option<usize>,
    /// Whether its other card is up.
    pub(super) second_card: bool,
    /// The host's own addresses beside its first.
    own: BTreeSet<String>,
}

impl Told {
    pub(super) fn new(number: u8) -> Self {
        let (layout, own) = (Layout::default(), BTreeSet::new());
        Self { number, layout, more: false, without: None, second_card: false, own }
    }

    /// As `vrrpd.toml`.
    pub(super) fn config(&self, advert_int: Duration) -> String {
        let mut text = String::new();
        for (place, virtual_router) in VIRTUALS.iter().enumerate() {
            if self.without == Some(place) {
                continue;
            }
            let mut router = virtual_router.router(self.number, advert_int);
            router.addresses = self.addresses(place);
            let section = router.vrrpd(&format!("r{}", self.number));
            // What is before the first section belongs to the file, once.
            let (head, section) = section.split_once("\n\n").unwrap_or(("", &section));
            let head = if text.is_empty() { head } else { "" };
            let _ = writeln!(text, "{head}\n\n{}", self.named(virtual_router, section));
        }
        text
    }

    fn named(&self, virtual_router: &Virtual, section: &str) -> String {
        let vrid = virtual_router.vrid;
        let other = VIRTUALS.iter().find(|other| other.vrid != vrid).map_or(vrid, |other| other.vrid);
        let name = if self.layout == Layout::Renamed { other } else { vrid };
        section.replace(&format!("[vrrp_instance.VI_{vrid}]"), &format!("[vrrp_instance.VI_{name}]"))
    }

    /// What a virtual router has, by its place in the file, each with its prefix.
    pub(super) fn addresses(&self, place: usize) -> Vec<String> {
        let mut addresses: Vec<_> =
            VIRTUALS.get(place).map(|one| format!("{}/32", one.vip)).into_iter().collect();
        let places: &[usize] = match (self.layout, place) {
            (Layout::Apart | Layout::Prefixes | Layout::Renamed, place) => &[place],
            (Layout::Swapped, place) => &[1 - place.min(1)],
            (Layout::Merged, 0) => &[0, 1],
            (Layout::Merged, _) => &[],
        };
        let prefixes = if self.layout == Layout::Prefixes { [32, 28] } else { [24, 24] };
        for place in places {
            for ([a, b, c, d], prefix) in [NEAR, FOREIGN].into_iter().zip(prefixes) {
                addresses.push(format!("{a}.{b}.{c}.{}/{prefix}", usize::from(d) + place));
            }
        }
        if self.more && place == 0 {
            addresses.push(format!("{ADDED}/32"));
        }
        addresses
    }

    /// All that the virtual routers have, with the VRID of each.
    pub(super) fn guarded(&self) -> BTreeSet<(String, u32)> {
        let places = VIRTUALS.iter().enumerate().filter(|(place, _)| self.without != Some(*place));
        places
            .flat_map(|(place, one)| {
                let addresses = self.addresses(place).into_iter();
                addresses
                    .map(|net| (net.split('/').next().unwrap_or_default().to_owned(), u32::from(one.vrid)))
            })
            .collect()
    }

    /// What the kernel is to have while this router is master of these, by their places.
    pub(super) fn kernel(&self, master_of: &[usize]) -> BTreeSet<String> {
        let moving = master_of.iter().flat_map(|place| self.addresses(*place));
        moving.chain(self.own.iter().cloned()).chain([self.first()]).collect()
    }

    /// The host's first own address.
    pub(super) fn first(&self) -> String {
        format!("{}/24", router_address(self.number))
    }

    /// The host's further own addresses.
    pub(super) fn own(&self) -> impl Iterator<Item = &String> {
        self.own.iter()
    }

    /// Whether it has one of these now, and did not before.
    pub(super) fn toggle(&mut self, own: Own) -> (String, bool) {
        let address = match own {
            Own::Near => format!("192.0.2.{}/24", 150 + self.number),
            Own::Foreign => format!("203.0.113.{}/24", 200 + self.number),
        };
        let has = !self.own.remove(&address);
        if has {
            self.own.insert(address.clone());
        }
        (address, has)
    }

    /// They have gone with the interface.
    pub(super) fn forget_own(&mut self) {
        self.own.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_layout_has_every_address_once() {
        let all = |layout| {
            let told = Told { layout, ..Told::new(1) };
            let mut all: Vec<_> = (0..2).flat_map(|place| told.addresses(place)).collect();
            all.iter_mut().for_each(|net| net.truncate(net.find('/').unwrap()));
            all.sort();
            all
        };
        let apart = all(Layout::Apart);
        assert_eq!(apart.len(), 6);
        for layout in [Layout::Swapped, Layout::Merged, Layout::Prefixes, Layout::Renamed] {
            assert_eq!(all(layout), apart, "{layout:?}");
        }
    }

    #[test]
    fn a_kernel_has_what_its_masters_have_and_what_is_its_own() {
        let mut told = Told { layout: Layout::Merged, ..Told::new(2) };
        assert_eq!(told.toggle(Own::Near), ("192.0.2.152/24".to_owned(), true));
        let second = told.kernel(&[1]);
        assert!(second.iter().eq(["192.0.2.152/24", "192.0.2.2/24", "192.0.2.52/32"]), "{second:?}");
        assert_eq!(told.kernel(&[0]).len(), 7);
        assert_eq!(told.toggle(Own::Near), ("192.0.2.152/24".to_owned(), false));
        assert!(told.kernel(&[]).iter().eq(["192.0.2.2/24"]));
        assert!(Told { without: Some(1), ..told }.guarded().iter().all(|(_, vrid)| *vrid == 51));
    }
}
