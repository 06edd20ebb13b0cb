use proptest::{prelude::*, sample::subsequence};

use super::*;

const fn weight(value: i16) -> Weight {
    Weight { value, reverse: false }
}

const fn reversed(value: i16) -> Weight {
    Weight { value, reverse: true }
}

fn priority(base: u8, subjects: &[(Weight, Standing)]) -> u8 {
    tracking(base, subjects).priority.as_u8()
}

fn tracking(base: u8, subjects: &[(Weight, Standing)]) -> Tracking {
    let named = subjects.iter().enumerate();
    Tracking::of(
        Priority::new(base),
        named.map(|(n, (weight, standing))| (n.to_string(), *weight, *standing)),
    )
}

use Standing::{Bad, Good, Number, Waiting};

#[test]
fn a_positive_weight_raises_while_it_succeeds_and_a_negative_one_lowers_while_it_fails() {
    assert_eq!(priority(100, &[(weight(10), Good)]), 110);
    assert_eq!(priority(100, &[(weight(10), Bad)]), 100);
    assert_eq!(priority(100, &[(weight(-20), Good)]), 100);
    assert_eq!(priority(100, &[(weight(-20), Bad)]), 80);
}

// As keepalived 2.2.7 was seen to do it.
#[test]
fn reverse_turns_the_sign() {
    assert_eq!(priority(100, &[(reversed(10), Good)]), 90);
    assert_eq!(priority(100, &[(reversed(20), Bad)]), 100);
    assert_eq!(priority(100, &[(reversed(-20), Bad)]), 120);
    assert_eq!(priority(100, &[(reversed(-20), Good)]), 100);
}

#[test]
fn weight_zero_is_a_fault_while_it_fails_or_reversed_while_it_succeeds() {
    let faulted = |weight, standing| tracking(100, &[(weight, standing)]).faults().count() == 1;
    assert!(faulted(weight(0), Bad) && !faulted(weight(0), Good));
    assert!(!faulted(reversed(0), Bad) && faulted(reversed(0), Good));
    assert!(faulted(weight(0), Number(5)) && !faulted(weight(0), Number(0)));
    assert!(!faulted(reversed(0), Number(5)) && faulted(reversed(0), Number(0)));
}

#[test]
fn only_weight_zero_is_waited_for() {
    let awaited = |weight| tracking(100, &[(weight, Waiting)]).awaited().count();
    assert_eq!((awaited(weight(0)), awaited(reversed(0))), (1, 1));
    assert_eq!((awaited(weight(10)), awaited(weight(-10))), (0, 0));
    assert_eq!(priority(100, &[(weight(10), Waiting), (weight(-10), Waiting)]), 100);
}

#[test]
fn several_add_up_and_the_sum_stays_in_range() {
    assert_eq!(priority(100, &[(weight(10), Good), (weight(-20), Bad), (weight(5), Good)]), 95);
    assert_eq!(priority(250, &[(weight(100), Good), (weight(-50), Bad)]), 254, "only the sum is clamped");
    assert_eq!(priority(200, &[(weight(253), Good), (weight(-253), Bad)]), 200);
    assert_eq!(priority(2, &[(weight(-253), Bad), (weight(-253), Bad)]), 1);
}

#[test]
fn an_owner_keeps_255_and_still_faults() {
    assert_eq!(priority(255, &[(weight(-253), Bad), (weight(10), Good), (weight(9), Number(-99))]), 255);
    assert_eq!(tracking(255, &[(weight(9), Number(-99))]).faults().count(), 0);
    assert_eq!(tracking(255, &[(weight(0), Bad)]).faults().count(), 1);
}

#[test]
fn a_number_is_multiplied_and_faults_at_minus_254() {
    assert_eq!(priority(100, &[(weight(1), Number(7))]), 107);
    assert_eq!(priority(100, &[(weight(-2), Number(7))]), 86);
    assert_eq!(priority(100, &[(reversed(2), Number(7))]), 86);
    assert_eq!(priority(100, &[(weight(2), Number(i64::MAX))]), 254);
    let faults = |weight, number| tracking(100, &[(weight, Number(number))]).faults().count();
    assert_eq!((faults(weight(1), -253), faults(weight(1), -254)), (0, 1));
    assert_eq!((faults(weight(-127), 2), faults(reversed(253), i64::MAX)), (1, 1));
    assert_eq!(faults(weight(2), i64::MIN), 1);
}

#[test]
fn the_first_result_decides_alone() {
    for good in [true, false] {
        let mut health = Health::new(3, 3, false);
        assert_eq!(health.standing(), Waiting);
        assert!(health.observe(good));
        assert_eq!(health.standing(), if good { Good } else { Bad });
    }
}

#[test]
fn init_fail_has_to_rise_first() {
    let mut health = Health::new(2, 3, true);
    assert_eq!(health.standing(), Bad);
    assert!(!health.observe(true) && health.observe(true));
    assert_eq!(health.standing(), Good);
}

#[test]
fn results_must_come_in_a_row() {
    let mut health = Health::new(2, 3, false).resume(Good);
    let changes: Vec<bool> =
        [false, false, true, false, false, false].map(|good| health.observe(good)).into();
    assert_eq!(changes, [false, false, false, false, false, true]);
    assert_eq!(health.standing(), Bad);
    assert!(!health.observe(true) && !health.observe(false) && !health.observe(true) && health.observe(true));
}

fn standings() -> impl Strategy<Value = Standing> {
    prop_oneof![Just(Waiting), Just(Good), Just(Bad), any::<i64>().prop_map(Number)]
}

fn subjects() -> impl Strategy<Value = Vec<(Weight, Standing)>> {
    let weights = (-254..=254i16, any::<bool>()).prop_map(|(value, reverse)| Weight { value, reverse });
    prop::collection::vec((weights, standings()), 0..12)
}

proptest! {
    #[test]
    fn the_order_does_not_matter(subjects in subjects(), base in 1..=255u8, seed in any::<u64>()) {
        let one = tracking(base, &subjects);
        let mut shuffled = subjects;
        let length = shuffled.len().max(1);
        for step in 0..shuffled.len() {
            shuffled.swap(step, (seed.rotate_left(step as u32 * 7) as usize) % length);
        }
        let other = tracking(base, &shuffled);
        prop_assert_eq!(one.priority, other.priority);
        prop_assert_eq!(one.faults().count(), other.faults().count());
        prop_assert_eq!(one.awaited().count(), other.awaited().count());
    }

    #[test]
    fn the_effective_priority_is_in_range(subjects in subjects(), base in 1..=255u8) {
        let effective = priority(base, &subjects);
        let range = if base == 255 { 255..=255 } else { 1..=254 };
        prop_assert!(range.contains(&effective));
    }

    #[test]
    fn what_succeeds_more_never_ranks_lower(subjects in subjects(), base in 1..=254u8, better in subsequence((0..12usize).collect::<Vec<_>>(), 0..12)) {
        let plain = |(weight, standing): (Weight, Standing)| (Weight { reverse: false, ..weight }, match standing {
            Number(_) => Bad,
            other @ (Waiting | Good | Bad) => other,
        });
        let before: Vec<_> = subjects.into_iter().map(plain).filter(|(_, standing)| *standing != Waiting).collect();
        let mut after = before.clone();
        for index in better {
            if let Some((_, standing)) = after.get_mut(index) { *standing = Good; }
        }
        prop_assert!(priority(base, &after) >= priority(base, &before));
    }

    #[test]
    fn a_check_changes_only_after_as_many_results_in_a_row_as_it_is_told(
        rise in 1..6u16, fall in 1..6u16, init_fail in any::<bool>(), results in prop::collection::vec(any::<bool>(), 1..60),
    ) {
        let mut health = Health::new(rise, fall, init_fail);
        let (mut row, mut last) = (0u16, None);
        for (at, good) in results.into_iter().enumerate() {
            row = if last == Some(good) { row + 1 } else { 1 };
            last = Some(good);
            let before = health.standing();
            let changed = health.observe(good);
            prop_assert_eq!(changed, before != health.standing());
            let needed = if good { rise } else { fall };
            if changed {
                prop_assert!(row >= needed || (at == 0 && !init_fail));
            } else {
                let same = if good { Good } else { Bad };
                prop_assert!(row < needed || before == same);
            }
        }
    }
}
