//! What keepalived does: the yardstick, and the proof that the laboratory sees a double answer when there is one.

use std::{net::Ipv4Addr, time::Duration};

use anyhow::{Context as _, Result};
use tests::{
    Ask, Lab, Stamp, Timeline,
    daemons::{Daemon, Keepalived, Router},
    lab::CLIENT,
    timeline::Takeover,
    wire::Checksum,
};

const VRID: u8 = 51;
const VIP: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 51);
const LIMIT: Duration = Duration::from_secs(20);

fn pair(version: u8, advert_int: Duration) -> (Router, Router) {
    let auth_pass = (version == 2).then(|| "1111".to_owned());
    let first = Router { version, advert_int, auth_pass, ..Router::default() };
    (first.clone(), Router { priority: 90, ..first })
}

fn speaks(timeline: Timeline<'_>, host: &str) -> Option<Stamp> {
    timeline.adverts_by(VRID, host).find(|(_, advert)| advert.priority > 0).map(|(frame, _)| frame.at)
}

struct Outcome {
    takeover: Takeover,
    /// Requests answered by two hosts over three intervals after the takeover.
    two: tests::answers::Span,
    unanswered: tests::answers::Span,
}

/// r1 is master; `end` ends it; r2 takes over.
fn failure(
    version: u8,
    advert_int: Duration,
    end: impl FnOnce(&mut Keepalived) -> Result<()>,
) -> Result<Outcome> {
    let lab = Lab::with_routers(2)?;
    let (first, second) = pair(version, advert_int);
    let scratch = lab.scratch();
    let mut r1 = Keepalived::start(&lab.host("r1")?.namespace, &scratch, &first)?;
    let start = lab.wire().mark();
    lab.wire().until("r1 is master", start, LIMIT, |timeline| speaks(timeline, "r1"))?;
    let _r2 = Keepalived::start(&lab.host("r2")?.namespace, &scratch, &second)?;
    let mark = lab.wire().mark();
    lab.wire()
        .until("r1's adverts", mark, LIMIT, |timeline| timeline.adverts_by(VRID, "r1").nth(2).map(drop))?;
    let asker = lab.ask(Ask::broadcast(VIP, 1000))?;
    end(&mut r1)?;
    lab.wire().until("r2 is master", mark, LIMIT, |timeline| speaks(timeline, "r2"))?;
    std::thread::sleep(3 * advert_int);
    let answers = asker.finish();
    lab.wire().settle();
    let takeover = lab.wire().look(mark, |timeline| timeline.takeover(VRID, "r1", "r2"));
    assert_eq!(lab.wire().lost(), 0, "the capture lost frames");
    Ok(Outcome {
        takeover: takeover.context("r2 took over")?,
        two: answers.answered_by_two(),
        unanswered: answers.unanswered(),
    })
}

#[test]
fn keepalived_killed_or_frozen_goes_on_answering_beside_its_successor() {
    for (version, advert_int) in [(2, 1000), (3, 1000), (3, 10)] {
        let advert_int = Duration::from_millis(advert_int);
        let down = pair(version, advert_int).1.master_down();
        for (how, end) in [
            ("SIGKILL", Keepalived::kill as fn(&mut Keepalived) -> Result<()>),
            ("SIGSTOP", Keepalived::freeze),
        ] {
            let outcome = failure(version, advert_int, end).unwrap();
            println!(
                "keepalived v{version} {advert_int:?} {how}: late {:.3} ms, two answered {}, nobody {}",
                outcome.takeover.late_ms(down),
                outcome.two,
                outcome.unanswered
            );
            assert!(outcome.two.total >= 2 * advert_int, "the kernel goes on answering: {}", outcome.two);
        }
    }
}

#[test]
fn keepalived_that_leaves_in_order_does_not_answer_beside_its_successor_for_long() {
    // At 10 ms a busy machine alone makes two keepalived change roles.
    for version in [2, 3] {
        let advert_int = Duration::from_secs(1);
        let outcome = failure(version, advert_int, Keepalived::terminate).unwrap();
        println!(
            "keepalived v{version} {advert_int:?} SIGTERM: priority 0 after {:?} ms, successor {:.3} ms later, two answered {}, nobody {}",
            outcome.takeover.left.map(|left| left.ms_since(outcome.takeover.last_advert)),
            outcome.takeover.left.map_or(f64::NAN, |left| outcome.takeover.first_advert.ms_since(left)),
            outcome.two,
            outcome.unanswered
        );
        assert!(outcome.takeover.left.is_some(), "priority 0 is sent");
    }
}

#[test]
fn keepalived_sends_the_pseudo_header_in_version_3_and_plain_checksums_in_version_2() {
    for (version, checksum) in [(2, Checksum::Message), (3, Checksum::PseudoHeader)] {
        let lab = Lab::with_routers(1).unwrap();
        let (router, _) = pair(version, Duration::from_secs(1));
        let _r1 = Keepalived::start(&lab.host("r1").unwrap().namespace, &lab.scratch(), &router).unwrap();
        let advert = lab
            .wire()
            .until("an advert", Default::default(), LIMIT, |timeline| {
                timeline.adverts_by(VRID, "r1").next().map(|(_, advert)| advert.clone())
            })
            .unwrap();
        assert_eq!((advert.version, advert.checksum, advert.ttl), (version, checksum, 255));
        assert_eq!(advert.auth, (version == 2).then_some((1, *b"1111\0\0\0\0")));
    }
}

#[test]
fn the_laboratory_leaves_no_namespace_behind() {
    let lab = Lab::with_routers(1).unwrap();
    let name = lab.host(CLIENT).unwrap().namespace.name().to_owned();
    assert!(std::path::Path::new("/run/netns").join(&name).exists());
    drop(lab);
    assert!(!std::path::Path::new("/run/netns").join(&name).exists());
}
