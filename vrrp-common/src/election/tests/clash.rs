//! Adverts without an address of ours.

use super::*;

const fn other(last: u8, priority: u8) -> Advert {
    Advert { lists: Lists::Apart, ..advert(last, priority) }
}

#[test]
fn i11_another_cluster_with_the_same_vrid_is_not_followed() {
    let mut election = Election::new(SETTINGS);
    election.handle(ms(0), Input::Start);
    for second in 1..4 {
        let effects = election.hear(ms(second * 1_000), other(9, 200));
        assert_eq!(effects, Effects { remark: Some(Remark::Clash), ..Effects::default() });
    }
    assert_eq!(election.wake(ms(0) + MASTER_DOWN).transition.unwrap().to, StateName::Master);
    election.left(ms(3_700));
    assert_eq!(election.hear(ms(4_000), other(9, 200)).transition, None, "a master keeps its role");
    assert_eq!(election.clash(ms(5_000)).unwrap().advert.source, host(9));
    assert_eq!(election.clash(ms(8_001)), None, "it is gone");
}

#[test]
fn a_box_that_was_of_this_cluster_stays_a_peer_until_it_is_silent() {
    let mut election = Election::new(SETTINGS);
    election.handle(ms(0), Input::Start);
    election.hear(ms(1_000), advert(2, 200));
    // Here the list has changed, or there.
    assert_eq!(election.hear(ms(2_000), other(2, 200)).expect, Some(Expect::This));
    // What only the kernel has heard counts.
    election.wake_stamped(ms(30_000), ms(29_900));
    assert_eq!(election.hear(ms(30_000), other(2, 200)).expect, Some(Expect::This));
    assert_eq!(election.clash(ms(30_000)), None);
    // Silent for its master-down interval, it is a stranger.
    election.wake(ms(30_000) + MASTER_DOWN);
    assert_eq!(election.hear(ms(40_000), other(2, 200)).remark, Some(Remark::Clash));
}

#[test]
fn the_farewell_of_another_cluster_says_nothing() {
    let mut election = Election::new(SETTINGS);
    election.handle(ms(0), Input::Start);
    let before = election.deadline();
    election.hear(ms(2_900), other(9, 0));
    assert_eq!(election.deadline(), before);
}

#[test]
fn many_strangers_do_not_make_a_peer_unknown() {
    let mut election = Election::new(SETTINGS);
    election.handle(ms(0), Input::Start);
    election.hear(ms(1_000), advert(2, 200));
    for last in 10..40 {
        election.hear(ms(1_000 + u64::from(last)), other(last, 150));
    }
    assert_eq!(election.hear(ms(2_000), other(2, 200)).remark, None);
}
