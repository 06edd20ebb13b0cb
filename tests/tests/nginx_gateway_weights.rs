//! Weights: the priority follows the service, is advertised at once, and the role follows the priority.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use tests::{
    Lab,
    daemons::Vrrpd,
    gateway::{Gateway, fetch},
    scenario::{PATIENCE, VIP, VRID, until_master, until_state, until_status},
    wait::Mark,
    web::Outage,
};

/// The priorities of both boxes, and what the check adds or takes.
#[derive(Clone, Copy, Debug)]
struct Case {
    priorities: [u8; 2],
    weight: i16,
    /// Of `r1`.
    preempt: bool,
}

impl Case {
    /// Of a box whose nginx does not run.
    fn without_service(&self, priority: u8) -> i16 {
        i16::from(priority) + self.weight.min(0)
    }

    fn with_service(&self, priority: u8) -> i16 {
        i16::from(priority) + self.weight.max(0)
    }

    fn config(&self, host: usize) -> String {
        let (priority, weight) = (self.priorities[host], self.weight);
        let preempt = host == 1 || self.preempt;
        format!(
            "[vrrp_script.chk_nginx]\n\
             script = \"/bin/sh -c 'kill -0 $(cat /run/nginx.pid)'\"\ninterval = \"100ms\"\n\
             [vrrp_instance.VI_1]\ninterface = \"eth0\"\nvirtual_router_id = {VRID}\nadvert_int = \"100ms\"\n\
             priority = {priority}\npreempt = {preempt}\nvirtual_ipaddress = [\"{VIP}/24\"]\n\
             track_script = [{{ name = \"chk_nginx\", weight = {weight} }}]\n"
        )
    }
}

fn until_priority(daemon: &Vrrpd, priority: i16) -> Result<()> {
    until_status(daemon, &format!("effective priority {priority}"), |status| {
        status["routers"][0]["effective_priority"] == priority
    })
}

/// How long a changed priority may take to the wire, beyond the check's own interval.
fn both(lab: &Lab, case: &Case) -> Result<(Gateway, Gateway)> {
    let (mut r1, mut r2) = (Gateway::new(lab, "r1")?, Gateway::new(lab, "r2")?);
    r1.start(lab, &case.config(0))?;
    until_master(lab, "r1", Mark::default())?;
    until_priority(r1.daemon()?, case.with_service(case.priorities[0]))?;
    r2.start(lab, &case.config(1))?;
    until_state(r2.daemon()?, "BACKUP")?;
    until_priority(r2.daemon()?, case.with_service(case.priorities[1]))?;
    Ok((r1, r2))
}

fn service_decides(case: Case) -> Result<()> {
    let lab = Lab::with_routers(2)?;
    let (mut r1, mut r2) = both(&lab, &case)?;
    let fetcher = fetch(&lab, VIP)?;
    fetcher.until_served_by("r1", Instant::now(), PATIENCE)?;

    let (mark, killed) = (lab.wire().mark(), Instant::now());
    r1.nginx.kill()?;
    fetcher.until_served_by("r2", killed, PATIENCE)?;
    let lowered = u8::try_from(case.without_service(case.priorities[0]))?;
    lab.wire().look(mark, |timeline| {
        let adverts = timeline.adverts_by(VRID, "r1").collect::<Vec<_>>();
        let first = adverts.iter().position(|(_, advert)| advert.priority == lowered);
        let first = first.with_context(|| format!("{lowered} was not advertised"))?;
        // At once, and not when the next advert was due.
        let gap = first.checked_sub(1).map(|before| adverts[first].0.at.ms_since(adverts[before].0.at));
        println!("{case:?}: {lowered} advertised {gap:.1?} ms after the advert before");
        Ok::<_, anyhow::Error>(())
    })?;
    until_priority(r1.daemon()?, case.without_service(case.priorities[0]))?;

    let started = Instant::now();
    r1.nginx.start()?;
    until_priority(r1.daemon()?, case.with_service(case.priorities[0]))?;
    if case.preempt {
        fetcher.until_served_by("r1", started, PATIENCE)?;
        until_state(r2.daemon()?, "BACKUP")?;
    } else {
        std::thread::sleep(Duration::from_secs(2));
        until_state(r2.daemon()?, "MASTER")?;
        until_state(r1.daemon()?, "BACKUP")?;
        let hosts = fetcher.so_far();
        ensure!(
            hosts.0.iter().rev().take(20).all(|fetch| fetch.page.as_deref() == Ok("r2")),
            "r2 has lost the role"
        );
    }
    let fetches = fetcher.finish();
    let outages: Vec<_> = fetches.outages().iter().map(Outage::length).collect();
    println!("{case:?}: without service for {outages:.0?}");
    Ok(())
}

#[test]
fn a_positive_weight_lifts_the_box_with_the_service_over_the_other() -> Result<()> {
    service_decides(Case { priorities: [91, 90], weight: 2, preempt: true })
}

#[test]
fn a_positive_weight_leaves_the_role_where_it_is_without_preemption() -> Result<()> {
    service_decides(Case { priorities: [91, 90], weight: 2, preempt: false })
}

#[test]
fn a_weight_of_minus_20_lowers_the_box_without_the_service_below_the_other() -> Result<()> {
    service_decides(Case { priorities: [100, 90], weight: -20, preempt: true })
}

#[test]
fn a_weight_of_minus_5_lowers_the_box_without_the_service_below_the_other() -> Result<()> {
    service_decides(Case { priorities: [101, 100], weight: -5, preempt: true })
}

#[test]
fn a_weight_of_minus_5_leaves_the_role_where_it_is_without_preemption() -> Result<()> {
    service_decides(Case { priorities: [101, 100], weight: -5, preempt: false })
}

/// 100 - 20 is 80: a backup of 80 does not preempt an equal, in keepalived neither (RFC 9568 §6.4.2). The weight must
/// be more than the difference.
#[test]
fn a_weight_that_only_makes_the_priorities_equal_moves_nothing() -> Result<()> {
    let case = Case { priorities: [100, 80], weight: -20, preempt: true };
    let lab = Lab::with_routers(2)?;
    let (mut r1, mut r2) = both(&lab, &case)?;
    let mark = lab.wire().mark();
    r1.nginx.kill()?;
    until_priority(r1.daemon()?, 80)?;
    std::thread::sleep(Duration::from_secs(1));
    until_state(r2.daemon()?, "BACKUP")?;
    lab.wire().look(mark, |timeline| {
        let masters = timeline.masters(VRID);
        ensure!(masters.keys().eq(["r1"].iter()), "adverts of {masters:?}");
        let last = timeline.adverts_by(VRID, "r1").next_back().context("r1 is silent")?;
        ensure!(last.1.priority == 80, "r1 advertises {}", last.1.priority);
        Ok(())
    })
}
