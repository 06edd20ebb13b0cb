//! Random and mutated frames: program and model agree, frame by frame.

use std::collections::BTreeMap;

use vrrp_common::{abi::Verdict, receive::Peer, types::Mac};

use crate::{
    frames::{Arp, advert, ethernet, ipv4, message, tagged},
    model::{Door, Model, Router},
    rig::{NIC, Rig, entry, v4_slot},
};
use vrrp_dataplane::RouterEntry;

const FRAMES: usize = 10_000;

/// xorshift64*: small, and the same everywhere.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        (self.next() >> 33) as usize % bound
    }

    pub(crate) fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }
}

/// VRID, virtual MAC, accept mode, door, addresses.
const ROUTERS: [(u8, bool, bool, Door, &str); 6] = [
    (51, true, true, Door::Open, "192.0.2.51"),
    (52, true, true, Door::NotMaster, "192.0.2.52"),
    (53, true, true, Door::Lapsed, "192.0.2.53"),
    (54, true, false, Door::Open, "192.0.2.54"),
    (55, false, true, Door::Open, "192.0.2.55"),
    (UNICAST, true, true, Door::NotMaster, "192.0.2.56"),
];

/// The router with peers, those with the lowest TTL each may have (254 is the highest), and this host.
const UNICAST: u8 = 56;
const PEERS: [(&str, u8); 2] = [("192.0.2.2", 250), ("192.0.2.3", 0)];
const US: &str = "192.0.2.1";

fn prepare(rig: &mut Rig) -> Model {
    let mut model = Model { nic: NIC, ..Model::default() };
    for (vrid, use_vmac, accept, door, vip) in ROUTERS {
        let router = entry(vrid, use_vmac, accept);
        let router = RouterEntry { unicast: vrid == UNICAST, ..router };
        rig.router(&router, &[vip]);
        if router.unicast {
            let peers = PEERS.map(|(peer, min_ttl)| {
                let address = peer.parse().unwrap();
                Peer { address, min_ttl, max_ttl: 254 }
            });
            rig.tables().set_peers(v4_slot(vrid), &peers).unwrap();
        }
        match door {
            Door::Open => rig.open(vrid),
            Door::NotMaster => {}
            Door::Lapsed => rig.lapse(vrid),
        }
        let message = message(vrid, 100);
        let destination = if vrid == UNICAST { US } else { "224.0.0.18" };
        rig.expect_at(vrid, "192.0.2.2", destination, &message);
        let expected = Some(("192.0.2.2".parse().unwrap(), message));
        let peers = (vrid == UNICAST).then(|| PEERS.map(|(peer, ttl)| (peer.parse().unwrap(), ttl)).to_vec());
        model.routers.insert(vrid, Router { mac: router.mac, use_vmac, accept, door, expected, peers });
        model.vips.insert(vip.parse().unwrap(), vrid);
    }
    model
}

fn frame(random: &mut Random) -> Vec<u8> {
    const ADDRESSES: [&str; 8] = [
        "192.0.2.51",
        "192.0.2.52",
        "192.0.2.53",
        "192.0.2.54",
        "192.0.2.55",
        "192.0.2.200",
        "0.0.0.0",
        "192.0.2.2",
    ];
    let vmac = |vrid| Mac([0, 0, 0x5e, 0, 1, vrid]);
    let macs = [
        Mac::BROADCAST,
        NIC,
        vmac(51),
        vmac(52),
        vmac(53),
        vmac(54),
        vmac(55),
        vmac(99),
        Mac([2, 0, 0, 0, 0, 0xc1]),
    ];
    let (source, destination) = (random.one_of(&ADDRESSES), random.one_of(&ADDRESSES));
    let vrid = random.one_of(&[51, 52, 53, 54, 55, 56, 99]);
    let mut frame = match random.below(7) {
        0 => Arp {
            to: random.one_of(&macs),
            operation: random.one_of(&[1, 1, 2, 2, 3]),
            hardware: random.one_of(&[1, 1, 1, 6, 7]),
            ..Arp::request(random.one_of(&macs), source, destination)
        }
        .bytes(),
        1 => Arp { to: random.one_of(&macs), ..Arp::request(random.one_of(&macs), source, destination) }
            .bytes(),
        2 => ipv4(random.one_of(&macs), source, destination, 17, 64, &[], &[0; 12]),
        3 => advert("192.0.2.2", &message(vrid, random.one_of(&[100, 100, 0, 200]))),
        4 => ipv4(Mac::VRRP_GROUP_V4, source, "224.0.0.18", 112, 255, &[1; 8], &message(vrid, 100)),
        5 => {
            let (from, to) = (
                random.one_of(&["192.0.2.2", "192.0.2.3", "192.0.2.4"]),
                random.one_of(&[US, US, US, destination]),
            );
            let vrid = random.one_of(&[UNICAST, UNICAST, vrid]);
            let ttl = random.one_of(&[249, 250, 254, 255]);
            ipv4(NIC, from, to, 112, ttl, &[], &message(vrid, random.one_of(&[100, 100, 0])))
        }
        _ => ethernet(random.one_of(&macs), NIC, random.one_of(&[0x0800, 0x0806, 0x86dd, 0x8100, 0x88a8])),
    };
    for _ in 0..random.below(4) {
        mutate(&mut frame, random);
    }
    // What the test run takes at least.
    frame.resize(frame.len().max(14), 0);
    frame
}

fn mutate(frame: &mut Vec<u8>, random: &mut Random) {
    let at = random.below(frame.len());
    match random.below(6) {
        0 => frame[at] ^= 1 << random.below(8),
        1 => frame[at] = random.next() as u8,
        2 => frame.truncate(at),
        3 => frame.resize(frame.len() + random.below(40), random.next() as u8),
        4 if frame.len() >= 14 => *frame = tagged(frame, random.one_of(&[0, 0x2000, 7])),
        _ => {}
    }
    if frame.is_empty() {
        frame.push(0);
    }
}

fn without_limits(verdict: Verdict) -> Verdict {
    match verdict {
        Verdict::AdvertLimited => Verdict::AdvertJudged,
        Verdict::ArpConflictLimited => Verdict::ArpConflict,
        other => other,
    }
}

#[test]
fn ten_thousand_frames_get_the_models_verdict() {
    let seed = std::env::var("VRRPD_TEST_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(0x5eed);
    println!("VRRPD_TEST_SEED={seed}");
    let mut random = Random::new(seed);
    let mut rig = Rig::new();
    let model = prepare(&mut rig);
    let mut seen = BTreeMap::new();
    for number in 0..FRAMES {
        let frame = frame(&mut random);
        let outcome = rig.arrive(&frame);
        let verdict = outcome.verdict.map(without_limits);
        assert_eq!(verdict, Some(model.verdict(&frame)), "frame {number} of seed {seed}: {frame:02x?}");
        let reports =
            outcome.verdict.is_some_and(|v| matches!(v, Verdict::AdvertJudged | Verdict::ArpConflict));
        assert_eq!(outcome.events.len(), usize::from(reports), "frame {number} of seed {seed}");
        *seen.entry(verdict.unwrap().name()).or_insert(0) += 1;
    }
    println!("{seen:?}");
    // Every verdict of an arriving frame but those of limits.
    let possible =
        Verdict::ALL.len() - ["limited", "conflict_limited", "ring_full", "corrected", "dropped"].len();
    assert_eq!(seen.len(), possible, "{seen:?}");
}
