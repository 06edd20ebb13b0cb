//! Which addresses the tables of one data plane name, and behind which door: pure, by comparison of what routers want
//! with what is named.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    net::IpAddr,
};

use vrrp_common::abi::CLOSED_SLOT;

use crate::Ticket;

/// Addresses that no router has here any more.
#[derive(Debug, Default)]
pub(crate) struct Guarded {
    /// The kernel may have them, until the supervisor has looked after this ticket.
    lingering: BTreeMap<IpAddr, Ticket>,
    /// They lingered, and the kernel does not have them any more.
    free: BTreeSet<IpAddr>,
}

impl Guarded {
    /// Those that an earlier daemon has left, and nothing else.
    pub(crate) fn inherited(addresses: Vec<IpAddr>, ticket: Ticket) -> Self {
        let lingering = addresses.into_iter().map(|address| (address, ticket)).collect();
        Self { lingering, free: BTreeSet::new() }
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.lingering.is_empty()
    }

    /// What the tables are to name, each with its slot: what is wanted, and behind the closed door what lingers. What was
    /// named and is not wanted any more comes to linger with this ticket, and is returned too.
    pub(crate) fn assign(
        &mut self,
        wanted: &HashMap<IpAddr, u32>,
        named: impl Iterator<Item = IpAddr>,
        ticket: Ticket,
    ) -> (HashMap<IpAddr, u32>, Vec<IpAddr>) {
        let free = std::mem::take(&mut self.free);
        self.lingering.retain(|address, _| !wanted.contains_key(address));
        let known = |address: &IpAddr| {
            wanted.contains_key(address) || self.lingering.contains_key(address) || free.contains(address)
        };
        let new: Vec<IpAddr> = named.filter(|address| !known(address)).collect();
        self.lingering.extend(new.iter().map(|address| (*address, ticket)));
        let lingering = self.lingering.keys().map(|address| (*address, CLOSED_SLOT));
        (wanted.iter().map(|(address, slot)| (*address, *slot)).chain(lingering).collect(), new)
    }

    /// The supervisor has looked after this ticket, and of all that lingers the kernel has nothing but what `is_left`.
    /// Whether the tables are to be assigned anew.
    pub(crate) fn confirm(&mut self, ticket: Ticket, is_left: impl Fn(&IpAddr) -> bool) -> bool {
        let gone = self.lingering.iter().filter(|(address, since)| **since <= ticket && !is_left(address));
        let gone: Vec<IpAddr> = gone.map(|(address, _)| *address).collect();
        for address in &gone {
            self.lingering.remove(address);
            self.free.insert(*address);
        }
        !gone.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ADDRESSES: u8 = 6;

    fn address(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    #[derive(Clone, Debug)]
    enum Step {
        /// A reload, or a router that is buried: these addresses are wanted, each by one of three routers.
        Want(BTreeMap<u8, u32>),
        /// The supervisor makes the kernel have what is wanted of these, and looks; what it cannot remove stays.
        Look { held: BTreeSet<u8>, stuck: BTreeSet<u8> },
        /// The answer to the last look arrives.
        Answer,
        /// The daemon dies and the next one starts.
        Restart(BTreeMap<u8, u32>),
    }

    fn step() -> impl Strategy<Value = Step> {
        let wanted = || prop::collection::btree_map(0..ADDRESSES, 51..54_u32, 0..4);
        let some = || prop::collection::btree_set(0..ADDRESSES, 0..4);
        prop_oneof![
            wanted().prop_map(Step::Want),
            (some(), some()).prop_map(|(held, stuck)| Step::Look { held, stuck }),
            Just(Step::Answer),
            wanted().prop_map(Step::Restart),
        ]
    }

    #[derive(Default)]
    struct World {
        guarded: Guarded,
        tables: HashMap<IpAddr, u32>,
        wanted: HashMap<IpAddr, u32>,
        /// Of ours.
        kernel: BTreeSet<IpAddr>,
        ticket: Ticket,
        answer: Option<(Ticket, BTreeSet<IpAddr>)>,
    }

    impl World {
        fn want(&mut self, wanted: &BTreeMap<u8, u32>) {
            self.wanted = wanted.iter().map(|(last, slot)| (address(*last), *slot)).collect();
        }

        fn assign(&mut self) {
            let named = self.tables.keys().copied().collect::<Vec<_>>();
            let ticket = self.ticket.next();
            let (tables, new) = self.guarded.assign(&self.wanted, named.into_iter(), ticket);
            self.tables = tables;
            if !new.is_empty() {
                self.ticket = ticket;
            }
        }

        fn take(&mut self, step: &Step) {
            match step {
                Step::Want(wanted) => self.want(wanted),
                Step::Look { held, stuck } => {
                    let held = held.iter().map(|last| address(*last));
                    let held: BTreeSet<_> = held.filter(|held| self.wanted.contains_key(held)).collect();
                    let stuck: BTreeSet<_> = stuck.iter().map(|last| address(*last)).collect();
                    let left = self.kernel.iter().copied();
                    let left = left.filter(|one| stuck.contains(one) && !held.contains(one)).collect();
                    self.kernel = held.union(&left).copied().collect();
                    self.answer = Some((self.ticket, left));
                }
                Step::Answer => {
                    if let Some((ticket, left)) = self.answer.take() {
                        self.guarded.confirm(ticket, |address| left.contains(address));
                    }
                }
                Step::Restart(wanted) => {
                    self.answer = None;
                    self.ticket = Ticket::default().next();
                    let inherited = self.tables.keys().copied().collect();
                    self.guarded = Guarded::inherited(inherited, self.ticket);
                    self.want(wanted);
                }
            }
            self.assign();
        }

        fn settle(&mut self) {
            let everything = (0..ADDRESSES).collect();
            self.take(&Step::Look { held: everything, stuck: BTreeSet::new() });
            self.take(&Step::Answer);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

        /// I3 and I13: whatever the kernel has of ours is named, what is wanted is named as its router's and nobody
        /// else's, and when all has come to rest nothing else is.
        #[test]
        fn i3_i13_the_tables_name_all_that_the_kernel_has_and_come_to_what_is_wanted(
            steps in prop::collection::vec(step(), 1..40),
        ) {
            let mut world = World::default();
            for step in &steps {
                world.take(step);
                for address in &world.kernel {
                    prop_assert!(world.tables.contains_key(address), "{address} is unguarded after {step:?}");
                }
                for (address, slot) in &world.tables {
                    let wanted = world.wanted.get(address).copied().unwrap_or(CLOSED_SLOT);
                    prop_assert_eq!(*slot, wanted, "{} after {:?}", address, step);
                }
                for address in world.wanted.keys() {
                    prop_assert!(world.tables.contains_key(address), "{address} is missing after {step:?}");
                }
            }
            world.settle();
            prop_assert_eq!(&world.tables, &world.wanted);
        }
    }
}
