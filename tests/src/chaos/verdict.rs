//! What the wire showed in an episode: gathered, and handed to the [judge].

use std::{io::Write, sync::Arc, time::Duration};

use anyhow::{Result, ensure};

use super::{
    Chaos, PAGES, PER_SECOND,
    cluster::{SECOND_CARD, VIRTUALS, Virtual, second_mac},
    judge::{self, Blow, Measured, Rules},
    schedule::{Episode, ROUTERS},
};
use crate::{Answers, Mac, Stamp, wait::Mark};

impl Chaos {
    /// Reads the wire of an episode.
    pub(super) fn verdict(
        &mut self,
        episode: &Episode,
        blows: &[Blow],
        (from, to): (Stamp, Stamp),
        mark: Mark,
        out: &mut dyn Write,
    ) -> Result<Vec<String>> {
        let wire = self.cluster.lab.wire();
        ensure!(wire.lost() == 0, "the capture lost frames: the machine is too busy");
        let mut violations = Vec::new();
        let mut told = Vec::new();
        let mut requests = 0;
        for (index, one) in VIRTUALS.iter().enumerate() {
            let answers = of_boxes(self.askers[index].answers_since(mark).within(from, to));
            let adverts = wire.look(mark, |timeline| {
                let adverts = timeline.adverts(one.vrid).filter(|(_, advert)| advert.priority > 0);
                adverts.map(|(frame, _)| (frame.at, frame.host.to_string())).collect::<Vec<_>>()
            });
            let rules = Rules {
                asked_every: Duration::from_secs(1) / PER_SECOND,
                advert_int: self.advert_int,
                master_down: &|number| self.cluster.master_down(one, number),
                stalled: &|from, to| self.floor.stalled(from, to),
                routers: 1..=ROUTERS,
            };
            let ruling = judge::judge(&answers, &adverts, blows, &rules);
            requests += answers.requests.len();
            violations.extend(ruling.violations.iter().map(|text| format!("VRID {}: {text}", one.vrid)));
            violations.extend(self.foreign_macs(one, mark));
            let (gap_at, gap) = self.visitors[index].longest_gap(from, to);
            violations.extend(self.no_pages(one, gap_at, gap));
            told.push((one.vrid, ruling, gap_at, gap));
        }
        self.summary.requests += requests;
        for (_, ruling, ..) in &told {
            self.summary.outage = longer(self.summary.outage, ruling.outage);
            self.summary.overlap = longer(self.summary.overlap, ruling.overlap);
        }
        self.print(episode, blows, from, &told, out)?;
        Ok(violations)
    }

    /// Pages come later than answers: the address is added by a thread of ordinary priority, and each attempt has its
    /// time. Whether there was a fault is judged by the answers.
    fn no_pages(&self, one: &Virtual, at: Stamp, gap: Duration) -> Option<String> {
        let master_down = (1..=ROUTERS).map(|number| self.cluster.master_down(one, number)).max()?;
        let stalled = self.floor.stalled(at, at + gap);
        let limit = master_down + PAGES + stalled;
        (gap > limit).then(|| {
            let vrid = one.vrid;
            format!("VRID {vrid}: no page for {gap:.1?}; {limit:.1?} is the most (machine {stalled:.1?})")
        })
    }

    /// Whoever spoke as the virtual address with another MAC than the virtual one.
    fn foreign_macs(&self, one: &Virtual, mark: Mark) -> Vec<String> {
        let virtual_mac = Mac::virtual_v4(one.vrid);
        self.cluster.lab.wire().look(mark, |timeline| {
            let claims = timeline.arp_claims(one.vip);
            // While its box is master, a second card's kernel may answer as it does for any address of the box.
            let claims = claims.filter(|(frame, _)| !frame.host.ends_with(SECOND_CARD));
            let foreign = claims.filter(|(frame, arp)| arp.sha != virtual_mac || frame.source != virtual_mac);
            foreign.map(|(frame, _)| format!("not the virtual MAC: {frame}")).take(3).collect()
        })
    }

    /// What the client's kernel has learnt.
    pub(super) fn learnt(&self) -> Result<Vec<String>> {
        let mut violations = Vec::new();
        for one in VIRTUALS {
            let mac = self.cluster.lab.client_neighbour(one.vip)?;
            let second = |mac| (1..=ROUTERS).any(|number| mac == second_mac(number));
            if mac.is_some_and(|mac| mac != Mac::virtual_v4(one.vrid) && !second(mac)) {
                violations.push(format!("the client has learnt {mac:?} for {}", one.vip));
            }
        }
        Ok(violations)
    }
}

/// The cards of a box are one host.
fn of_boxes(mut answers: Answers) -> Answers {
    for reply in answers.requests.iter_mut().flat_map(|request| &mut request.replies) {
        if let Some(host) = reply.host.strip_suffix(SECOND_CARD) {
            reply.host = Arc::from(host);
        }
    }
    answers
}

fn longer(one: Measured, other: Measured) -> Measured {
    if other.time > one.time { other } else { one }
}
