//! What the program takes from near by instead of from afar: virtual addresses that share an entry, and the clock of
//! this tick.

use std::{net::IpAddr, time::Duration};

use vrrp_common::{
    abi::{CLOSED_SLOT, LEASE_AHEAD_NS, NEAR_VIP_ENTRIES, NearVip, Verdict},
    types::Mac,
};

use crate::{
    frames::{Arp, ipv4},
    rig::{LONG, NIC, Rig, entry, now, set_vips, until, v4_slot},
};

const CLIENT: Mac = Mac([0x02, 0, 0, 0, 0, 0xc1]);

fn ask(rig: &mut Rig, sender: &str, target: &str) -> Verdict {
    rig.arrive(&Arp::request(CLIENT, sender, target).bytes()).verdict.unwrap()
}

fn set(rig: &mut Rig, vrid: u8, vips: &[&str]) {
    let vips: Vec<IpAddr> = vips.iter().map(|vip| vip.parse().unwrap()).collect();
    set_vips(rig.tables(), v4_slot(vrid), &vips);
}

#[test]
fn addresses_that_share_an_entry_are_told_apart() {
    let [a, b, c] = ["10.0.16.0", "10.0.32.0", "10.0.48.0"];
    let index = |text: &str| NearVip::index_of(text.parse::<std::net::Ipv4Addr>().unwrap().octets());
    assert_eq!([index(a), index(b), index(c)], [0; 3]);
    let mut rig = Rig::new();
    rig.router(&entry(51, true, true), &[a]);
    rig.router(&entry(52, true, true), &[]);
    rig.open(51);
    rig.open(52);
    let verdicts = |rig: &mut Rig| [a, b, c, "0.0.0.0"].map(|target| ask(rig, "10.0.0.9", target));
    let (answered, not_ours) = (Verdict::ArpAnswered, Verdict::NotOurs);
    assert_eq!(verdicts(&mut rig), [answered, not_ours, not_ours, not_ours]);
    set(&mut rig, 52, &[b]);
    assert_eq!(verdicts(&mut rig), [answered, answered, not_ours, not_ours]);
    // A probe speaks as 0.0.0.0, which shares the entry too.
    assert_eq!(ask(&mut rig, "0.0.0.0", a), answered);
    // Each is its own router's.
    rig.tables().close(v4_slot(52), now());
    assert_eq!(verdicts(&mut rig), [answered, Verdict::ArpNotMaster, not_ours, not_ours]);
    set(&mut rig, 51, &[]);
    assert_eq!(verdicts(&mut rig), [not_ours, Verdict::ArpNotMaster, not_ours, not_ours]);
    // An address changes hands.
    set(&mut rig, 51, &[b]);
    assert_eq!(verdicts(&mut rig), [not_ours, answered, not_ours, not_ours]);
    set(&mut rig, 51, &[]);
    assert_eq!(verdicts(&mut rig), [not_ours; 4]);
}

#[test]
fn as_many_addresses_as_there_are_entries_twice_over_are_all_known() {
    let all: Vec<IpAddr> =
        (0..2 * NEAR_VIP_ENTRIES as u32).map(|n| IpAddr::from((0x0a00_0000 + n).to_be_bytes())).collect();
    let mut rig = Rig::new();
    rig.router(&entry(51, true, true), &[]);
    set_vips(rig.tables(), v4_slot(51), &all);
    for address in all.iter().step_by(97) {
        assert_eq!(ask(&mut rig, "192.0.2.9", &address.to_string()), Verdict::ArpNotMaster);
    }
    set_vips(rig.tables(), v4_slot(51), &all[..NEAR_VIP_ENTRIES]);
    for (n, address) in all.iter().enumerate().step_by(97) {
        let expected = if n < NEAR_VIP_ENTRIES { Verdict::ArpNotMaster } else { Verdict::NotOurs };
        assert_eq!(ask(&mut rig, "192.0.2.9", &address.to_string()), expected, "{address}");
    }
}

/// Asked so often that the clock of the tick is nearly always at hand: the lease ends to the nanosecond all the same.
#[test]
fn the_clock_of_the_tick_never_prolongs_a_lease() {
    let mut rig = Rig::new();
    rig.router(&entry(51, true, true), &["192.0.2.51"]);
    for _ in 0..4 {
        let lease = now() + Duration::from_nanos(LEASE_AHEAD_NS) + Duration::from_millis(13);
        rig.tables().open(v4_slot(51), until(lease), now());
        let (mut answered, mut lapsed) = (0, 0);
        while lapsed < 500 {
            let before = now();
            let verdict = ask(&mut rig, "192.0.2.9", "192.0.2.51");
            match verdict {
                Verdict::ArpAnswered => {
                    assert!(before < lease, "answered {:?} after the lease", before.since(lease));
                    answered += 1;
                }
                _ => {
                    assert!(now() >= lease, "{verdict:?} while the lease was good");
                    lapsed += 1;
                }
            }
        }
        assert!(answered > 1000, "asked too seldom to say anything: {answered}");
    }
}

/// The clock of the tick stands in for the lease, never for the role.
#[test]
fn a_closed_door_is_closed_in_the_same_tick() {
    let mut rig = Rig::new();
    rig.router(&entry(51, true, true), &["192.0.2.51"]);
    for _ in 0..500 {
        rig.tables().open(v4_slot(51), until(now() + LONG), now());
        assert_eq!(ask(&mut rig, "192.0.2.9", "192.0.2.51"), Verdict::ArpAnswered);
        rig.tables().renew(v4_slot(51), until(now()));
        assert_eq!(ask(&mut rig, "192.0.2.9", "192.0.2.51"), Verdict::ArpLeaseLapsed);
        rig.tables().close(v4_slot(51), now());
        assert_eq!(ask(&mut rig, "192.0.2.9", "192.0.2.51"), Verdict::ArpNotMaster);
    }
}

/// The interface may be in a bridge, or promiscuous for somebody else.
#[test]
fn traffic_to_a_virtual_address_at_another_stations_mac_is_that_stations() {
    let mut rig = Rig::new();
    rig.router(&entry(51, true, true), &["192.0.2.51"]);
    let mut verdict = |to: Mac| {
        let frame = ipv4(to, "192.0.2.9", "192.0.2.51", 6, 64, &[], &[0; 20]);
        rig.arrive(&frame).verdict.unwrap()
    };
    assert_eq!(verdict(CLIENT), Verdict::NotOurs);
    assert_eq!(verdict(NIC), Verdict::VipNotMaster);
    assert_eq!(verdict(Mac::BROADCAST), Verdict::VipNotMaster);
    assert_eq!(verdict(Mac([0, 0, 0x5e, 0, 1, 51])), Verdict::VmacNotMaster);
}

/// What no router has any more and the kernel may still have: silent, whoever had it and whoever is master.
#[test]
fn i3_addresses_in_the_closed_slot_are_never_answered() {
    let mut rig = Rig::new();
    rig.router(&entry(51, true, true), &["192.0.2.51", "192.0.2.52"]);
    rig.open(51);
    assert_eq!(ask(&mut rig, "192.0.2.9", "192.0.2.52"), Verdict::ArpAnswered);
    rig.tables().shut(CLOSED_SLOT, now());
    let wanted = [("192.0.2.51", v4_slot(51)), ("192.0.2.52", CLOSED_SLOT)];
    let wanted = wanted.map(|(address, slot)| (address.parse().unwrap(), slot)).into();
    rig.tables().assign(&wanted).unwrap();
    assert_eq!(ask(&mut rig, "192.0.2.9", "192.0.2.51"), Verdict::ArpAnswered);
    assert_eq!(ask(&mut rig, "192.0.2.9", "192.0.2.52"), Verdict::ArpNotMaster);
    let verdict = rig.arrive(&ipv4(NIC, "192.0.2.9", "192.0.2.52", 17, 64, &[], &[0; 8])).verdict;
    assert_eq!(verdict, Some(Verdict::VipNotMaster));
    let counts = [51, CLOSED_SLOT].map(|slot| rig.tables().router(slot).vips);
    assert_eq!(counts, [1, 1]);
}

/// It would stand in a map where no program looks.
#[test]
fn an_ipv6_address_is_refused_and_keeps_no_other_out() {
    let mut rig = Rig::new();
    rig.router(&entry(51, true, true), &["192.0.2.51"]);
    rig.open(51);
    let slot = v4_slot(51);
    let wanted = ["192.0.2.52", "2001:db8::51"].map(|vip| (vip.parse::<IpAddr>().unwrap(), slot)).into();
    let refused = rig.tables().assign(&wanted).unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::Unsupported, "{refused}");
    assert!(refused.to_string().contains("2001:db8::51"), "{refused}");
    let vips: Vec<_> = rig.tables().vips().collect();
    assert_eq!(vips, [("192.0.2.52".parse().unwrap(), slot)]);
    assert_eq!(ask(&mut rig, "192.0.2.9", "192.0.2.52"), Verdict::ArpAnswered);
}
