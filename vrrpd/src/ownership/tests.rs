//! Held against a model of the kernel's addresses, over any sequence of what may happen.

use std::collections::{BTreeMap, BTreeSet};

use proptest::{prelude::*, test_runner::TestRunner};

use super::*;
use vrrp_engine::Binding;

mod kernel;

use kernel::{Kernel, spot};

const INTERFACES: [&str; 2] = ["eth0", "eth1"];
const ADDRESSES: [&str; 6] =
    ["192.0.2.1", "192.0.2.100", "192.0.2.101", "198.51.100.7", "198.51.100.8", "203.0.113.9"];
const PREFIXES: [u8; 3] = [24, 28, 32];
/// Passes until nothing is left to be done.
const PASSES: usize = 3;

/// What may happen.
#[derive(Clone, Debug)]
enum Happening {
    /// A reload: these routers, each with addresses by interface, address and prefix.
    Configure(Vec<Vec<(usize, usize, usize)>>),
    /// A router takes or loses the role.
    Role(usize, bool),
    /// The operator adds an address of their own.
    ForeignAdd(usize, usize, usize),
    /// Somebody deletes an address, ours or not.
    ForeignDelete(usize, usize, usize),
    /// The daemon dies, and the next one starts on another configuration, as backup of all.
    Crash(Vec<Vec<(usize, usize, usize)>>),
    /// The operator sets the switch.
    Promote(usize, bool),
}

fn configuration() -> impl Strategy<Value = Vec<Vec<(usize, usize, usize)>>> {
    let place = (0..INTERFACES.len(), 0..ADDRESSES.len(), 0..PREFIXES.len());
    prop::collection::vec(prop::collection::vec(place, 0..4), 0..4)
}

fn happening() -> impl Strategy<Value = Happening> {
    let place = || (0..INTERFACES.len(), 0..ADDRESSES.len(), 0..PREFIXES.len());
    prop_oneof![
        3 => configuration().prop_map(Happening::Configure),
        4 => (0..4_usize, any::<bool>()).prop_map(|(router, master)| Happening::Role(router, master)),
        2 => place().prop_map(|(i, a, p)| Happening::ForeignAdd(i, a, p)),
        2 => place().prop_map(|(i, a, p)| Happening::ForeignDelete(i, a, p)),
        1 => configuration().prop_map(Happening::Crash),
        1 => (0..INTERFACES.len(), any::<bool>()).prop_map(|(i, on)| Happening::Promote(i, on)),
    ]
}

/// A deliberate defect in what is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Defect {
    /// The kernel is not told to keep secondary addresses.
    NoPromotion,
    /// The switch stays on.
    PromotionStays,
    /// What nobody claims goes, whoever has added it.
    RemovesOthers,
    /// An address is the same whatever its prefix.
    PrefixIgnored,
    /// What an earlier daemon has left stays.
    NoRecord,
    /// Events, not comparison: nothing is looked at again after what was done.
    OnePassWithoutPromotion,
}

/// The daemon, the kernel, and what must hold between them.
#[derive(Debug, Default)]
struct World {
    kernel: Kernel,
    configuration: Vec<Arc<Resources>>,
    masters: BTreeSet<usize>,
    holdings: Holdings<usize>,
    record: Record,
    /// What the tables name, which outlives the daemon.
    tables: BTreeMap<String, BTreeSet<IpAddr>>,
    defect: Option<Defect>,
}

impl World {
    fn happen(&mut self, happening: &Happening) {
        let at = |i: usize, a: usize, p: usize| spot(INTERFACES[i], ADDRESSES[a], PREFIXES[p]);
        match happening {
            Happening::Configure(routers) => self.configure(routers),
            Happening::Role(router, true) => drop(self.masters.insert(*router)),
            Happening::Role(router, false) => drop(self.masters.remove(router)),
            Happening::ForeignAdd(i, a, p) => self.kernel.add_foreign(&at(*i, *a, *p)),
            Happening::ForeignDelete(i, a, p) => self.kernel.delete_by_hand(&at(*i, *a, *p)),
            Happening::Promote(i, on) => self.kernel.set_promote(INTERFACES[*i], *on),
            Happening::Crash(routers) => {
                self.masters.clear();
                self.holdings.clear();
                self.record = Record::default();
                if self.defect != Some(Defect::NoRecord) {
                    for (interface, addresses) in &self.tables {
                        self.record.enter(interface, addresses.iter().copied());
                    }
                }
                self.configure(routers);
            }
        }
        self.hold();
        self.reconcile();
    }

    fn configure(&mut self, routers: &[Vec<(usize, usize, usize)>]) {
        let place = |(i, a, p): &(usize, usize, usize)| Binding {
            interface: INTERFACES[*i].to_owned(),
            address: VirtualAddress {
                address: ADDRESSES[*a].parse().unwrap(),
                prefix_len: PREFIXES[*p],
                dev: None,
                broadcast: None,
                label: None,
                scope: 0,
                no_track: false,
            },
        };
        let router = |places: &Vec<_>| {
            Arc::new(Resources { bindings: places.iter().map(place).collect(), routing: Vec::new() })
        };
        self.configuration = routers.iter().map(router).collect();
        for place in self.configuration.iter().flat_map(|router| &router.bindings) {
            // Every data plane that is concerned names it; here all are.
            for interface in INTERFACES {
                self.tables.entry(interface.to_owned()).or_default().insert(place.address.address);
                self.record.enter(interface, [place.address.address]);
            }
        }
    }

    fn hold(&mut self) {
        for router in 0..4 {
            let resources = self.configuration.get(router).filter(|_| self.masters.contains(&router));
            self.holdings.hold(router, format!("r{router}"), resources.cloned());
        }
    }

    fn reconcile(&mut self) {
        for _ in 0..PASSES {
            let operations = self.operations();
            if operations.is_empty() {
                return;
            }
            operations.iter().for_each(|operation| self.kernel.carry_out(operation));
            if self.defect == Some(Defect::OnePassWithoutPromotion) {
                return;
            }
        }
    }

    fn operations(&self) -> Vec<Operation> {
        let (claims, seen) = (self.holdings.claims(), self.kernel.seen());
        let mut operations = plan(&claims, &seen, &self.record, &self.kernel.promoting());
        let promotes = |operation: &Operation| matches!(operation, Operation::Promote { .. });
        match self.defect {
            Some(Defect::NoPromotion | Defect::OnePassWithoutPromotion) => {
                operations.retain(|operation| !promotes(operation));
            }
            Some(Defect::PromotionStays) => {
                operations.retain(|operation| !matches!(operation, Operation::Promote { on: false, .. }));
            }
            Some(Defect::RemovesOthers) => {
                let others = seen.iter().filter(|seen| !seen.marked && !claims.contains_key(&seen.spot));
                operations.extend(
                    others.map(|seen| Operation::Remove { spot: seen.spot.clone(), dependents: Vec::new() }),
                );
            }
            Some(Defect::PrefixIgnored) => {
                let claimed = |spot: &Spot| {
                    claims
                        .keys()
                        .any(|claim| (&claim.interface, claim.address) == (&spot.interface, spot.address))
                };
                operations.retain(|operation| match operation {
                    Operation::Remove { spot, .. } => !claimed(spot),
                    Operation::Mark(_) | Operation::Add(_) | Operation::Promote { .. } => true,
                });
            }
            Some(Defect::NoRecord) | None => {}
        }
        operations
    }

    /// The kernel has what the masters' configuration says, nothing of ours beside it, nothing of others is lost, and
    /// the switch is as the operator left it.
    fn check(&self) -> Result<(), String> {
        let claims = self.holdings.claims();
        for spot in claims.keys() {
            if !self.kernel.has(spot) {
                return Err(format!("{spot:?} is claimed and not there"));
            }
        }
        for seen in self.kernel.seen() {
            if seen.marked && !claims.contains_key(&seen.spot) {
                return Err(format!("{:?} is ours and not claimed", seen.spot));
            }
        }
        self.kernel.check()
    }
}

/// The first thing that did not hold, over any sequence of happenings.
fn run(defect: Option<Defect>, cases: u32) -> Result<(), String> {
    let config = ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() };
    let mut runner = TestRunner::new_with_rng(
        config,
        proptest::test_runner::TestRng::deterministic_rng(proptest::test_runner::RngAlgorithm::ChaCha),
    );
    let happenings = prop::collection::vec(happening(), 1..40);
    let outcome = runner.run(&happenings, |happenings| {
        let mut world = World { defect, ..World::default() };
        for happening in &happenings {
            world.happen(happening);
            world.check().map_err(TestCaseError::fail)?;
        }
        Ok(())
    });
    outcome.map_err(|error| error.to_string())
}

#[test]
fn i13_whatever_happens_the_kernel_comes_to_what_the_masters_say_and_nothing_of_others_is_lost() {
    run(None, 3_000).unwrap();
}

#[test]
fn i13_every_deliberate_defect_of_the_reconciler_is_found() {
    for defect in [
        Defect::NoPromotion,
        Defect::PromotionStays,
        Defect::RemovesOthers,
        Defect::PrefixIgnored,
        Defect::NoRecord,
        Defect::OnePassWithoutPromotion,
    ] {
        assert!(run(Some(defect), 3_000).is_err(), "{defect:?} is not found");
    }
}

fn claim(address: &str, prefix_len: u8) -> (Spot, Claim<usize>) {
    let vip = VirtualAddress {
        address: address.parse().unwrap(),
        prefix_len,
        dev: None,
        broadcast: None,
        label: None,
        scope: 0,
        no_track: false,
    };
    (spot("eth0", address, prefix_len), Claim { holder: 1, router: "LAN".into(), vip })
}

/// With `promote_secondaries` set around what removes: somebody may have added an address of the same network meanwhile.
fn promoted(operations: impl IntoIterator<Item = Operation>) -> Vec<Operation> {
    let promote = |on| Operation::Promote { interface: "eth0".into(), on };
    std::iter::once(promote(true)).chain(operations).chain([promote(false)]).collect()
}

#[test]
fn a_changed_prefix_is_there_before_the_old_one_goes() {
    let mut kernel = Kernel::default();
    let (old, new) = (spot("eth0", "192.0.2.100", 24), spot("eth0", "192.0.2.100", 32));
    kernel.carry_out(&Operation::Add(old.clone()));
    let mut record = Record::default();
    record.enter("eth0", ["192.0.2.100".parse().unwrap()]);
    let claims = BTreeMap::from([claim("192.0.2.100", 32)]);
    let operations = plan(&claims, &kernel.seen(), &record, &BTreeSet::new());
    let remove = Operation::Remove { spot: old, dependents: Vec::new() };
    assert_eq!(operations, promoted([Operation::Add(new), remove]));
}

#[test]
fn what_another_daemon_has_marked_and_this_one_has_not_on_record_is_left_alone() {
    let mut kernel = Kernel::default();
    kernel.carry_out(&Operation::Add(spot("eth1", "192.0.2.100", 24)));
    let mut record = Record::default();
    record.enter("eth0", ["192.0.2.100".parse().unwrap()]);
    record.enter("eth1", []);
    assert_eq!(plan::<usize>(&BTreeMap::new(), &kernel.seen(), &record, &BTreeSet::new()), []);
    assert_eq!(remaining::<usize>(&BTreeMap::new(), &kernel.seen(), &record), BTreeSet::new());
}

#[test]
fn what_pins_without_an_owner_name_is_ours_and_gets_the_mark() {
    let mut kernel = Kernel::default();
    let (kept, stale) = (spot("eth0", "192.0.2.100", 24), spot("eth0", "192.0.2.101", 24));
    kernel.add_foreign(&kept);
    kernel.add_foreign(&stale);
    let mut record = Record::default();
    record.enter_unmarked("eth0", [kept.address, stale.address]);
    let claims = BTreeMap::from([claim("192.0.2.100", 24)]);
    let operations = plan(&claims, &kernel.seen(), &record, &BTreeSet::new());
    let remove = Operation::Remove { spot: stale.clone(), dependents: Vec::new() };
    let mark = Operation::Mark(kept.clone());
    assert_eq!(operations, [vec![mark], promoted([remove])].concat());
    // Later an address without the mark is the operator's.
    record.marked();
    assert_eq!(plan(&claims, &kernel.seen(), &record, &BTreeSet::new()), []);
}

#[test]
fn another_label_or_scope_is_another_address() {
    let mut kernel = Kernel::default();
    let (at, mut claim) = claim("192.0.2.100", 24);
    kernel.carry_out(&Operation::Add(at.clone()));
    claim.vip.label = Some("eth0:vip".into());
    let mut record = Record::default();
    record.enter("eth0", [at.address]);
    let claims = BTreeMap::from([(at.clone(), claim)]);
    let operations = plan(&claims, &kernel.seen(), &record, &BTreeSet::new());
    let remove = Operation::Remove { spot: at.clone(), dependents: Vec::new() };
    assert_eq!(operations, promoted([remove, Operation::Add(at)]));
}

#[test]
fn two_routers_that_want_the_same_have_one_holder_and_only_it_takes_the_address_away() {
    let place = Binding { interface: "eth0".into(), address: claim("192.0.2.100", 24).1.vip };
    let resources = Arc::new(Resources { bindings: vec![place], routing: Vec::new() });
    let mut holdings = Holdings::default();
    holdings.hold(1, "A".into(), Some(Arc::clone(&resources)));
    holdings.hold(2, "B".into(), Some(resources));
    let at = spot("eth0", "192.0.2.100", 24);
    assert_eq!(holdings.claims()[&at].router, "A");
    holdings.hold(1, "A".into(), None);
    assert_eq!(holdings.claims()[&at].router, "B");
    holdings.hold(2, "B".into(), None);
    assert!(holdings.claims().is_empty());
}

#[test]
fn who_undoes_it_three_times_in_ten_seconds_is_named_and_met_once_a_second() {
    let at = |ms: u64| vrrp_common::time::Time::from_nanos(ms * 1_000_000);
    let mut hand = ForeignHand::default();
    let there = |hand: &mut ForeignHand<&str>| hand.seen([(&"a", true)].into_iter());
    assert_eq!(hand.missing(&"a", at(0)), Again::First);
    there(&mut hand);
    assert_eq!(hand.missing(&"a", at(100)), Again::Lost);
    there(&mut hand);
    assert_eq!(hand.missing(&"a", at(200)), Again::Lost);
    there(&mut hand);
    assert_eq!(hand.missing(&"a", at(300)), Again::Fought);
    there(&mut hand);
    assert_eq!(hand.missing(&"a", at(400)), Again::Wait(at(1_300)));
    assert_eq!(hand.missing(&"a", at(1_300)), Again::Lost);
    there(&mut hand);
    assert_eq!(hand.missing(&"a", at(1_400)), Again::Wait(at(2_300)));
    // Ten seconds of peace: it begins anew.
    assert_eq!(hand.missing(&"a", at(20_000)), Again::Lost);
    there(&mut hand);
    assert_eq!(hand.missing(&"a", at(20_001)), Again::Lost);
    // One whose interface has gone was undone by nobody.
    there(&mut hand);
    hand.excuse(|_| true);
    assert_eq!(hand.missing(&"a", at(40_000)), Again::First);
}
