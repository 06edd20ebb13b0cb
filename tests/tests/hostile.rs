//! I10: no frame, however malformed, moves the role, stalls the daemon or goes uncounted.

use std::{
    collections::BTreeMap,
    net::Ipv4Addr,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use anyhow::{Result, anyhow, ensure};
use serde_json::Value;
use tests::{
    Answers, Ask, Lab, Mac,
    daemons::{Router, Vrrpd},
    inject::{self, Flood, Random},
    lab::{CLIENT, router_address},
    scenario::{
        PER_SECOND, Pair, VIP, VRID, sole_owner_over, until_adverts, until_master, until_state, until_status,
    },
    wait::Mark,
    wire::{Arp, advert_frame, arp_frame},
};

const ADVERT_INT: Duration = Duration::from_millis(10);
/// Three intervals: the lease, and what a backup waits at least.
const LEASE: Duration = Duration::from_millis(30);
const WINDOW: Duration = Duration::from_secs(2);
const PER_MS: usize = 20;
/// So few that what the daemon judges of them stays within what one host may take.
const TIMES: usize = 8;
const FOREIGN: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 66);
const FOREIGN_MAC: Mac = Mac([2, 0, 0, 0, 0, 0x66]);
/// The first byte of the IPv4 header, and of the message behind it.
const IP: usize = 14;
const MESSAGE: usize = IP + 20;

/// A correct advert of a foreign router that loses against both.
fn weak() -> Vec<u8> {
    advert_frame(VRID, 1, ADVERT_INT, FOREIGN, &[VIP])
}

/// The same, with the priority of an owner: wrong in some other way, or it would rightly win.
fn strong() -> Vec<u8> {
    advert_frame(VRID, 255, ADVERT_INT, FOREIGN, &[VIP])
}

/// Floods both routers while the client asks: r1 stays master, its adverts keep coming, both daemons live on.
fn withstands(what: &str, make: impl FnMut() -> Vec<u8> + Send) -> Result<Pair> {
    let pair = Pair::start(ADVERT_INT)?;
    let asker = pair.lab.ask(Ask::broadcast(VIP, PER_SECOND))?;
    let mark = pair.lab.wire().mark();
    let sent = inject::flood(&pair.lab, WINDOW, PER_MS, make)?;
    let answers = asker.finish();
    pair.lab.wire().settle();
    ensure!(pair.lab.wire().lost() == 0, "the capture lost frames: the machine is too busy");
    let (asked, nobody) = (answers.requests.len(), answers.unanswered());
    let gap = longest_silence(&pair.lab, mark)?;
    println!(
        "{what}: {sent} frames; longest pause between adverts {gap:?}; of {asked} requests unanswered {nobody}"
    );
    ensure!(sent > 1000, "only {sent} frames sent");
    ensure!(gap < LEASE, "no advert of r1 for {gap:?}");
    ensure!(answers.by_host().keys().eq([&"r1"]), "answered by {:?}", answers.by_host());
    ensure!(nobody.requests * 50 <= asked, "of {asked} requests unanswered {nobody}");
    for (daemon, state) in [(&pair.r1, "MASTER"), (&pair.r2, "BACKUP")] {
        let status = daemon.status()?;
        ensure!(status["routers"][0]["state"] == state, "{status:#}");
        let moved = statistics(&status)["master_transitions"];
        ensure!(moved == u64::from(state == "MASTER"), "{moved} transitions to master of the {state}");
    }
    sole_owner_over(&pair.lab, "r1", 3 * pair.second.master_down())?;
    Ok(pair)
}

/// r2 says nothing, r1 nothing but adverts of its own priority.
fn longest_silence(lab: &Lab, mark: Mark) -> Result<Duration> {
    lab.wire().look(mark, |timeline| {
        ensure!(timeline.adverts_by(VRID, "r2").next().is_none(), "r2 speaks");
        let (mut last, mut longest) = (None, Duration::ZERO);
        for (frame, advert) in timeline.adverts_by(VRID, "r1") {
            ensure!(advert.priority == 100, "r1 advertises {}", advert.priority);
            longest = longest.max(last.map_or(Duration::ZERO, |last| frame.at - last));
            last = Some(frame.at);
        }
        Ok(longest)
    })
}

fn statistics(status: &Value) -> BTreeMap<String, u64> {
    numbers(&status["routers"][0]["statistics"])
}

fn numbers(object: &Value) -> BTreeMap<String, u64> {
    let entries = object.as_object().into_iter().flatten();
    entries.filter_map(|(name, value)| Some((name.clone(), value.as_u64()?))).collect()
}

/// All counters of a daemon's first router and first interface.
fn counters(daemon: &Vrrpd) -> Result<BTreeMap<String, u64>> {
    let status = daemon.status()?;
    let mut all = statistics(&status);
    all.extend(numbers(&status["interfaces"][0]["frames"]));
    Ok(all)
}

#[test]
fn i10_a_flood_of_random_adverts_changes_nothing() -> Result<()> {
    let mut random = Random::new(1);
    withstands("random adverts", move || {
        let mut frame = weak();
        frame.truncate(MESSAGE);
        frame.extend({
            let count = random.below(80);
            random.bytes(count)
        });
        // The VRID is right every other time, so that the flood gets past the first look.
        if random.below(2) == 0
            && let Some(vrid) = frame.get_mut(MESSAGE + 1)
        {
            *vrid = VRID;
        }
        let total = u16::try_from(frame.len() - IP).unwrap_or(u16::MAX);
        inject::with_ip(frame, |header| header[2..4].copy_from_slice(&total.to_be_bytes()))
    })
    .map(drop)
}

/// One byte differs: no such advert has a correct checksum.
#[test]
fn i10_a_flood_of_mutated_adverts_changes_nothing() -> Result<()> {
    let mut random = Random::new(2);
    let pair = withstands("mutated adverts", move || {
        let mut frame = strong();
        let at = IP + random.below(frame.len() - IP);
        frame[at] ^= u8::try_from(1 + random.below(255)).unwrap_or(1);
        frame
    })?;
    for daemon in [&pair.r1, &pair.r2] {
        let after = counters(daemon)?;
        for reason in
            ["advert_ip_header_errors", "advert_checksum_errors", "advert_ttl_errors", "advert_length_errors"]
        {
            ensure!(after[reason] > 0, "{reason} is not counted: {after:?}");
        }
    }
    Ok(())
}

#[test]
fn i10_a_flood_of_correct_adverts_of_low_priority_changes_nothing() -> Result<()> {
    withstands("correct adverts of low priority", weak).map(drop)
}

#[test]
fn i10_a_flood_of_a_strangers_farewells_changes_nothing() -> Result<()> {
    withstands("farewells of a stranger", || advert_frame(VRID, 0, ADVERT_INT, FOREIGN, &[VIP])).map(drop)
}

#[test]
fn i10_a_flood_of_arp_for_the_virtual_address_changes_nothing() -> Result<()> {
    let mut random = Random::new(3);
    let pair = withstands("ARP", move || {
        let mac = Mac([2, 0, 0, 0, 7, random.number().to_be_bytes()[0]]);
        let operation = [1, 2, 2, 9][random.below(4)];
        let (spa, tpa) = [(VIP, VIP), (FOREIGN, VIP), (VIP, FOREIGN)][random.below(3)];
        let arp = Arp { operation, sha: mac, spa, tha: Mac::BROADCAST, tpa };
        let mut frame = arp_frame(Mac::BROADCAST, mac, &arp);
        if random.below(4) == 0 {
            let at = IP + random.below(28);
            frame[at] = random.number().to_be_bytes()[0];
        }
        frame
    })?;
    let after = counters(&pair.r1)?;
    for reason in ["arp_conflict", "arp_conflict_limited", "arp_malformed", "address_conflicts"] {
        ensure!(after[reason] > 0, "{reason} is not counted: {after:?}");
    }
    let silent = counters(&pair.r2)?;
    ensure!(silent["arp_not_master"] > 0, "{silent:?}");
    Ok(())
}

/// Every wrong advert has the priority of an owner: if one were believed, the role would move.
fn wrong_adverts() -> Vec<(&'static str, Vec<u8>)> {
    let message = |change: fn(&mut [u8])| inject::with_message(strong(), change);
    let ip = |change: fn(&mut [u8])| inject::with_ip(strong(), change);
    let mut truncated = inject::with_ip(strong(), |header| header[3] = 20 + 6);
    truncated.resize(60, 0);
    let mut broken = strong();
    broken[MESSAGE + 6] ^= 0x55;
    let listed = advert_frame(VRID, 255, ADVERT_INT, FOREIGN, &[VIP; 3]);
    // What were two addresses is the authentication of version 2.
    let version_2 = inject::with_message(listed, |message| {
        (message[0], message[3], message[4], message[5]) = (0x21, 1, 1, 1);
    });
    let no_ip = inject::with_ip(strong(), |header| header[0] = 0x55);
    vec![
        ("advert_ttl_errors", ip(|header| header[8] = 254)),
        ("advert_unreadable", ip(|header| header[6] = 0x20)),
        ("advert_unreadable", ip(|header| header[7] = 1)),
        // With a password, which is not asked for here.
        ("authentication_type_mismatch", version_2),
        ("advert_ip_header_errors", no_ip),
        ("advert_version_errors", message(|message| message[0] = 0x41)),
        ("advert_type_errors", message(|message| message[0] = 0x32)),
        ("advert_length_errors", truncated),
        ("advert_length_errors", message(|message| message[3] = 7)),
        ("advert_length_errors", inject::carp(VRID, FOREIGN)),
        ("advert_checksum_errors", broken),
        ("advert_unknown_vrid", message(|message| message[1] = VRID + 1)),
        ("own_adverts_received", advert_frame(VRID, 255, ADVERT_INT, router_address(1), &[VIP])),
        ("no_address", advert_frame(VRID, 255, ADVERT_INT, FOREIGN, &[])),
        ("advertisement_interval_errors", message(|message| message[4..6].fill(0))),
        ("not_ours", inject::with_vlan(strong(), 7)),
    ]
}

#[test]
fn i10_every_wrong_advert_is_dropped_and_counted_under_its_reason() -> Result<()> {
    let pair = Pair::start(ADVERT_INT)?;
    pair.lab.keep_tags("r1")?;
    // Its own address is r1's alone.
    pair.lab.isolate("r2")?;
    for (reason, frame) in wrong_adverts() {
        let before = counters(&pair.r1)?[reason];
        inject::send(&pair.lab, &[frame], TIMES)?;
        until_status(&pair.r1, reason, |status| {
            let mut all = statistics(status);
            all.extend(numbers(&status["interfaces"][0]["frames"]));
            all.get(reason).is_some_and(|now| *now >= before + TIMES as u64)
        })?;
        let status = pair.r1.status()?;
        ensure!(status["routers"][0]["state"] == "MASTER", "{reason}: {status:#}");
    }
    let answers = tests::scenario::ask_for(&pair.lab, Ask::broadcast(VIP, PER_SECOND), WINDOW / 10)?;
    ensure!(answers.sole_owner()? == "r1", "{:?}", answers.by_host());
    Ok(())
}

#[test]
fn i10_carp_of_a_version_2_neighbour_is_no_advert() -> Result<()> {
    let second = Duration::from_secs(1);
    let router = Router { version: 2, advert_int: second, ..Default::default() };
    let pair = Pair::of(&router)?;
    inject::send(&pair.lab, &[inject::carp(VRID, FOREIGN)], 25)?;
    for daemon in [&pair.r1, &pair.r2] {
        until_status(daemon, "CARP is counted", |status| {
            numbers(&status["interfaces"][0]["frames"]).get("advert_length_errors").is_some_and(|n| *n >= 25)
        })?;
    }
    sole_owner_over(&pair.lab, "r1", second)
}

/// Options and padding are legal: a master yields to such an advert of higher priority.
#[test]
fn adverts_with_ip_options_and_with_padding_are_understood() -> Result<()> {
    let mut padded = strong();
    padded.resize(60, 0xee);
    let tagged = inject::with_vlan(strong(), 0);
    for (what, frame) in [("padding", padded), ("options", inject::with_option(strong())), ("VLAN 0", tagged)]
    {
        let pair = Pair::start(ADVERT_INT)?;
        pair.lab.keep_tags("r1")?;
        inject::send(&pair.lab, &[frame], 1)?;
        until_status(&pair.r1, what, |status| {
            // The router yields, and is master again a Master_Down_Interval later.
            status["routers"][0]["transitions"].to_string().contains(&FOREIGN.to_string())
        })?;
    }
    Ok(())
}

#[test]
fn short_frames_of_every_length_are_survived() -> Result<()> {
    let pair = Pair::start(ADVERT_INT)?;
    let arp = arp_frame(
        Mac::BROADCAST,
        FOREIGN_MAC,
        &Arp { operation: 1, sha: FOREIGN_MAC, spa: VIP, tha: Mac::ZERO, tpa: VIP },
    );
    for whole in [strong(), arp, inject::with_option(strong()), inject::with_vlan(strong(), 0)] {
        let shorter: Vec<_> = (15..whole.len().min(40)).map(|length| whole[..length].to_vec()).collect();
        inject::send(&pair.lab, &shorter, 1)?;
    }
    sole_owner_over(&pair.lab, "r1", 3 * pair.second.master_down())
}

/// So that not every moment brings an advert that might be lucky.
const UNHURRIED: Duration = Duration::from_millis(200);
/// Different ones: they are sent again and again.
const FORGED: usize = 3_000;
/// At least so many of them are shown.
const FORGED_PER_SECOND: u32 = 100_000;
/// So many are tried, and so many are a flood where others keep the processors busy.
const TRIED_PER_SECOND: u32 = FORGED_PER_SECOND / 5 * 6;
const STILL_A_FLOOD: u32 = FORGED_PER_SECOND / 4;

/// What a LAN can throw at a master a hundred thousand times a second, from hosts that are not there: wrong in every way that no
/// configuration accepts, and right, but losing.
fn forged() -> Vec<Vec<u8>> {
    let mut random = Random::new(4);
    let mut one = |number: usize| {
        let [a, b, ..] = random.number().to_be_bytes();
        let source = Ipv4Addr::new(192, 0, a, b.clamp(3, 250));
        let good = advert_frame(VRID, 1 + b % 80, UNHURRIED, source, &[VIP]);
        match number % 6 {
            0 => inject::with_ip(good, |header| header[8] = 64),
            1 => inject::with_message(good, |message| message[0] = 0x51),
            2 => inject::with_message(good, |message| message[3] = 9),
            3 => {
                let mut broken = good;
                broken[MESSAGE + 6] ^= 0x55;
                broken
            }
            _ => good,
        }
    };
    (0..FORGED).map(&mut one).collect()
}

/// The backup is given the better priority while the client asks.
fn outrank(pair: &mut Pair, flooded: bool) -> Result<Answers> {
    if flooded {
        until_status(&pair.r1, "the flood is there", |status| {
            numbers(&status["interfaces"][0]["frames"]).get("advert_limited").is_some_and(|n| *n > 1_000)
        })?;
    }
    let mark = pair.lab.wire().mark();
    let asker = pair.lab.ask(Ask::broadcast(VIP, PER_SECOND))?;
    until_adverts(&pair.lab, "r1", 3)?;
    pair.r2.reload(&Router { priority: 150, ..pair.second.clone() })?;
    until_master(&pair.lab, "r2", mark)?;
    until_state(&pair.r1, "BACKUP")?;
    until_adverts(&pair.lab, "r2", 10)?;
    Ok(asker.finish())
}

/// How long two answer then, with a flood from each processor.
fn overlap_when_outranked(flooded: bool) -> Result<Duration> {
    let mut pair = Pair::start(UNHURRIED)?;
    let (frames, stop) = (forged(), AtomicBool::new(!flooded));
    let client = pair.lab.host(CLIENT)?.namespace.clone();
    let processors = std::thread::available_parallelism()?.get().min(2);
    let each = TRIED_PER_SECOND / u32::try_from(processors)?;
    let flood = |processor| inject::flood_until(&client, each, &frames, processor, &stop);
    let (answers, floods) = std::thread::scope(|scope| {
        let flood = &flood;
        let floods: Vec<_> = (0..processors).map(|processor| scope.spawn(move || flood(processor))).collect();
        let answers = outrank(&mut pair, flooded);
        stop.store(true, Ordering::Relaxed);
        let sent =
            floods.into_iter().map(|flood| flood.join().map_err(|_| anyhow!("the flood broke off"))?);
        (answers, sent.collect::<Result<Vec<Flood>>>())
    });
    let (answers, floods) = (answers?, floods?);
    ensure!(pair.lab.wire().lost() == 0, "the capture lost frames: the machine is too busy");
    let moved = statistics(&pair.r1.status()?)["master_transitions"];
    ensure!(moved == 1, "r1 was master {moved} times");
    let overlap = answers.overlap("r1", "r2");
    let both = answers.answered_by_two().requests;
    println!("two answer for {overlap:?}, {both} requests");
    if flooded {
        is_flood(&floods)?;
    }
    Ok(overlap)
}

/// What others have taken of the processors is left out of account, down to a quarter of it.
fn is_flood(floods: &[Flood]) -> Result<()> {
    let sent: f64 = floods.iter().map(|flood| flood.per_second).sum();
    let share = floods.iter().map(|flood| flood.share).sum::<f64>() / floods.len() as f64;
    println!("{sent:.0} forged adverts a second, with {:.0} % of the processors", share * 100.0);
    ensure!(sent >= f64::from(STILL_A_FLOOD), "{sent:.0} adverts a second are no flood");
    let with_all = sent.max(sent / share);
    ensure!(with_all >= f64::from(FORGED_PER_SECOND), "{with_all:.0} adverts a second at most");
    Ok(())
}

#[test]
fn i1_a_flood_of_forged_adverts_does_not_keep_a_better_router_from_being_heard() -> Result<()> {
    let calm = overlap_when_outranked(false)?;
    let flooded = overlap_when_outranked(true)?;
    // A lost advert would cost an interval at least.
    ensure!(flooded < calm + UNHURRIED / 2, "{flooded:?}, {calm:?} without the flood");
    Ok(())
}
