//! Nothing happens: what the client gets through vrrpd's programs, through none with keepalived, and through none at
//! all.

use std::time::Duration;

use anyhow::{Context as _, Result};
use tests::{
    Lab,
    daemons::Router,
    scenario::{VIP, until_master},
};

use super::{
    PAGES, SUITE, Server,
    wrk::{Outcome, Watch, Wrk},
};
use crate::{
    Bench, Figure, Report,
    contender::{Contender, Node, forget_addresses},
    pair::HOSTS,
    progress,
};

/// Who holds the address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Holder {
    Daemon(Contender),
    /// The address is on the interface, and nobody minds it.
    Nobody,
}

impl Holder {
    const ALL: [Self; 3] =
        [Self::Daemon(Contender::Vrrpd), Self::Daemon(Contender::Keepalived), Self::Nobody];

    const fn name(self) -> &'static str {
        match self {
            Self::Daemon(contender) => contender.name(),
            Self::Nobody => "no program",
        }
    }
}

const ADVERT_INT: Duration = Duration::from_millis(100);

/// Rounds, and the time of each.
fn size(quick: bool) -> (usize, Duration) {
    (if quick { 3 } else { 6 }, Duration::from_secs(1))
}

pub(super) fn run(bench: &Bench, report: &mut Report) -> Result<()> {
    let lab = Lab::with_routers(1)?;
    let _server = Server::start(&lab, HOSTS[0])?;
    let (rounds, time) = size(bench.quick);
    let pages = if bench.quick { &PAGES[..1] } else { &PAGES };
    for (page, bytes) in pages {
        let mut outcomes: [Vec<Outcome>; Holder::ALL.len()] = Default::default();
        for _ in 0..rounds {
            for (holder, outcomes) in Holder::ALL.into_iter().zip(&mut outcomes) {
                outcomes.push(round(bench, &lab, holder, page, time).context(holder.name())?);
            }
        }
        let case = format!("nothing happens, {} KiB pages", bytes / 1024);
        for (holder, outcomes) in Holder::ALL.into_iter().zip(&outcomes) {
            add(report, &case, holder, outcomes);
        }
    }
    Ok(())
}

/// One measurement. The holder comes and goes, so that turns are as short as that.
fn round(bench: &Bench, lab: &Lab, holder: Holder, page: &str, time: Duration) -> Result<Outcome> {
    let router = Router { priority: 255, start_master: true, advert_int: ADVERT_INT, ..Router::default() };
    let namespace = &lab.host(HOSTS[0])?.namespace;
    // What the client knows of the last holder's MAC is not this one's.
    let forget = || lab.host(tests::lab::CLIENT)?.namespace.ip("neighbour flush dev eth0");
    match holder {
        Holder::Nobody => {
            forget_addresses(namespace, &router);
            namespace.ip(&format!("address add {VIP}/32 dev eth0"))?;
            forget()?;
            let outcome = Wrk::start(lab, page, time, Watch::Latency)?.finish();
            forget_addresses(namespace, &router);
            outcome
        }
        Holder::Daemon(contender) => {
            let mark = lab.wire().mark();
            let mut node = Node::start(contender, &bench.vrrpd, lab, HOSTS[0], &router)?;
            until_master(lab, HOSTS[0], mark)?;
            until_it_serves(lab)?;
            forget()?;
            let outcome = Wrk::start(lab, page, time, Watch::Latency)?.finish();
            node.daemon().terminate()?;
            outcome
        }
    }
}

/// The address comes after the first advert.
fn until_it_serves(lab: &Lab) -> Result<()> {
    let client = &lab.host(tests::lab::CLIENT)?.namespace;
    tests::wait::poll("the service", Duration::from_secs(10), || {
        let address = (VIP, 80).into();
        let limit = Duration::from_millis(200);
        client.run(|| Ok(std::net::TcpStream::connect_timeout(&address, limit).is_ok().then_some(())))
    })
}

fn add(report: &mut Report, case: &str, holder: Holder, outcomes: &[Outcome]) {
    let of = |metric, unit, value: fn(&Outcome) -> f64| {
        let samples: Vec<f64> = outcomes.iter().map(value).collect();
        Figure::new((SUITE, case, metric, unit), holder.name(), &samples)
    };
    let figures = [
        of("throughput", "requests/s", |outcome| outcome.requests_per_second),
        of("data", "MiB/s", |outcome| outcome.mebibytes_per_second),
        of("median latency", "ms", |outcome| outcome.median_ms),
        of("p99", "ms", |outcome| outcome.p99_ms),
        of("requests lost", "in a round", |outcome| outcome.lost),
    ];
    for figure in figures.into_iter().flatten() {
        progress(&format!(
            "{:10} {case:34} {:16} {:.3} {}",
            holder.name(),
            figure.metric,
            figure.median,
            figure.unit
        ));
        let headline = matches!(figure.metric, "throughput" | "p99");
        report.add(figure.headline(headline));
    }
}
