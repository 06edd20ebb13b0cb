//! Sending what elections have queued, and opening the doors of what has left.

use std::{io, time::Duration};

use vrrp_common::{
    election::{Cause, StateName},
    time::Time,
    types::Priority,
};

use crate::{
    effects::{Queued, Reacted},
    engine::Engine,
    outside::{BATCH, Outside, Plane},
    roster::RouterId,
    router::{Opened, VirtualRouter},
    statistics::micros,
};

/// Whether adverts can leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    There,
    /// They cannot, and the router goes on all the same (`dont_track_primary`).
    Lost,
    /// The link has gone a moment ago, which will be a fault.
    Unplugged,
}

impl<O: Outside> Engine<O> {
    /// Sends what is queued, in batches by interface, and opens the doors of what has left. A second round has the farewells
    /// that an advert of their router goes before.
    pub(crate) fn flush(&mut self) {
        if self.outbox.due.is_empty() {
            return;
        }
        let mut due = std::mem::take(&mut self.outbox.due);
        let mut ready = std::mem::take(&mut self.outbox.ready);
        // Named twice, a router is sent for once in each round.
        due.sort_unstable();
        due.dedup();
        while !due.is_empty() {
            ready.clear();
            ready.extend(due.iter().filter_map(|id| self.take_queued(*id)));
            due.clear();
            due.extend(ready.iter().map(|queued| queued.router));
            ready.sort_unstable_by_key(|queued| (queued.port, queued.to_peers, queued.router));
            for run in ready.chunk_by(|a, b| (a.port, a.to_peers) == (b.port, b.to_peers)) {
                self.send_run(run);
            }
        }
        self.outbox.ready = ready;
        // What was queued meanwhile is sent in the next turn.
        due.append(&mut self.outbox.due);
        self.outbox.due = due;
    }

    fn take_queued(&mut self, id: RouterId) -> Option<Queued> {
        let router = self.roster.get_mut(id)?;
        let priority = router.queued.take_next()?;
        router.prepare_advert(priority);
        Some(Queued { port: router.home, to_peers: router.peers().is_some(), router: id, priority })
    }

    /// Sends adverts of one interface, all to the group or all to peers.
    fn send_run(&mut self, run: &[Queued]) {
        if run.first().is_some_and(|queued| queued.to_peers) {
            run.iter().for_each(|queued| self.send_to_peers(queued));
        } else {
            run.chunks(BATCH).for_each(|batch| self.send_batch(batch));
        }
    }

    fn send_batch(&mut self, batch: &[Queued]) {
        let mut rest = batch;
        while let Some((first, after)) = rest.split_first() {
            let at = self.outside.now();
            match self.send_some(rest) {
                Ok(sent) if sent > 0 => {
                    let (left, unsent) = rest.split_at_checked(sent).unwrap_or((rest, &[]));
                    self.have_left(left, at);
                    rest = unsent;
                }
                Ok(_) => rest = after,
                Err(error) => {
                    self.send_failed(first, at, &error);
                    rest = after;
                }
            }
        }
    }

    fn send_some(&mut self, batch: &[Queued]) -> io::Result<usize> {
        let Some(first) = batch.first() else { return Ok(0) };
        let plane = self.ports.plane_mut(first.port).ok_or(io::ErrorKind::NotConnected)?;
        let routers = batch.iter().map_while(|queued| self.roster.get(queued.router));
        plane.send(routers.map_while(VirtualRouter::frame))
    }

    /// Sends to each peer. An advert that has reached one has left: that another is away must not cost this router its role.
    fn send_to_peers(&mut self, queued: &Queued) {
        let at = self.outside.now();
        let Some(router) = self.roster.get(queued.router) else { return };
        let plane = self.ports.plane_mut(queued.port).ok_or(io::ErrorKind::NotConnected.into());
        match plane.and_then(|plane| plane.send_to_peers(router.packets())) {
            Ok(_) => self.have_left(std::slice::from_ref(queued), at),
            Err(error) => self.send_failed(queued, at, &error),
        }
    }

    fn have_left(&mut self, left: &[Queued], at: Time) {
        let returned = self.outside.now();
        left.iter().for_each(|queued| self.sent(queued, at));
        if self.outbox.transitions.is_empty() {
            return;
        }
        let opened = Opened { at: self.outside.now(), send: returned.since(at) };
        for queued in left {
            if let Some(router) = self.roster.get_mut(queued.router) {
                router.opened = Some(opened);
            }
        }
    }

    fn sent(&mut self, queued: &Queued, at: Time) {
        let way = self.way_of(queued.router);
        if way == Way::Unplugged {
            return;
        }
        let left = way == Way::There;
        if let Some(router) = self.roster.get_mut(queued.router).filter(|_| left) {
            router.statistics.adverts_sent += 1;
            router.statistics.priority_zero_sent += u64::from(queued.priority == Priority::RELEASE);
        }
        self.advert_was_due(queued, at, left);
    }

    fn send_failed(&mut self, queued: &Queued, at: Time, error: &io::Error) {
        match self.way_of(queued.router) {
            // Who is told not to look at the interface goes on, but not as if the advert had left.
            Way::Lost => return self.advert_was_due(queued, at, false),
            Way::Unplugged => return,
            Way::There => {}
        }
        let Some(router) = self.roster.get_mut(queued.router) else { return };
        router.statistics.send_failures += 1;
        if let Some(repeated) = router.remarks.send.admit(at) {
            tracing::error!(router = %router.config.name, %error, repeated, "advert could not be sent");
        }
    }

    /// Whether what a router sends can leave. A link without a carrier takes frames, and drops them.
    pub(crate) fn way_of(&self, id: RouterId) -> Way {
        let Some(router) = self.roster.get(id) else { return Way::There };
        match self.ports.get(router.home).and_then(|port| port.link.as_ref()) {
            Some(link) if !link.carrier && router.config.dont_track_primary => Way::Lost,
            Some(link) if !link.carrier => Way::Unplugged,
            Some(_) | None => Way::There,
        }
    }

    /// Tells of the transitions of this turn, now that the doors are as they shall be.
    pub(crate) fn tell(&mut self) {
        let mut transitions = std::mem::take(&mut self.outbox.transitions);
        let done = self.outside.now();
        for (id, mut reacted) in transitions.drain(..) {
            let Some(router) = self.roster.get_mut(id) else { continue };
            let opened = router.opened.take().filter(|opened| opened.at >= reacted.at);
            reacted.flip = opened.map_or(done, |opened| opened.at).since(reacted.at);
            reacted.send = opened.map_or(Duration::ZERO, |opened| opened.send);
            log_transition(router, &reacted);
            if reacted.transition.to == StateName::Master {
                router.announcements.start(done);
                router.teaching.hurry(done);
            } else {
                router.announcements.stop();
                router.teaching.stop();
                // Now, and not when it is wanted: that would be between a deadline and the flag.
                router.prepare_advert(router.priority());
            }
            router.remember(reacted);
            self.tell_outside(id);
        }
        self.outbox.transitions = transitions;
        self.tell_groups();
    }
}

fn log_transition(router: &VirtualRouter, reacted: &Reacted) {
    let Reacted { transition, late, flip, send, .. } = reacted;
    // A start that failed elsewhere, which is what is to be read about.
    if (transition.from, transition.to) == (StateName::Init, StateName::Stopped) {
        return;
    }
    let (name, interface, vrid) = (&router.config.name, &router.config.interface, router.config.vrid);
    let (from, to) = (transition.from, transition.to);
    let cause = reacted.because();
    let (late_us, flip_us, send_us) = (micros(*late), micros(*flip), micros(*send));
    match transition.cause {
        Cause::Fault(_) | Cause::Silent | Cause::PortBlocked | Cause::Unheard(_) | Cause::ProbeLimit => {
            tracing::warn!(router = %name, %interface, %vrid, %from, %to, %cause, late_us, flip_us, send_us, "state changed");
        }
        Cause::Started
        | Cause::Owner
        | Cause::Adopted
        | Cause::Resumed
        | Cause::MasterDown
        | Cause::MasterReleased
        | Cause::Outranked(_)
        | Cause::Stop
        | Cause::Group
        | Cause::Succeeded(_)
        | Cause::NoSuccessor => {
            tracing::info!(router = %name, %interface, %vrid, %from, %to, %cause, late_us, flip_us, send_us, "state changed");
        }
    }
}
