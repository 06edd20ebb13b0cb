//! Carrying out what an election says: close, send, open, tell. Nothing else comes between.

use std::{
    io,
    net::{IpAddr, Ipv4Addr},
    time::{Duration, SystemTime},
};

use vrrp_common::{
    election::{Cause, Door, Effects, Expect, Input, StateName},
    receive::Received,
    time::Time,
    types::Priority,
    wire::arp,
};

use super::{
    RouterKey,
    router::{Opened, Reacted, Router},
    run::Loop,
    statistics::micros,
    way_out::{Opens, WayOut},
};
use crate::{belongings::Place, clock::now, packet::BATCH};

/// Gratuitous ARP frames sent in one turn of the loop, so that adverts never wait for more.
const ANNOUNCEMENTS_PER_TURN: usize = 256;

/// An advert that waits to be sent with the others of its interface.
#[derive(Clone, Copy, Debug)]
pub(super) struct Queued {
    interface: usize,
    pub(super) router: usize,
    pub(super) priority: Priority,
}

/// Whether adverts can leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    There,
    /// They cannot, and the router goes on all the same (`dont_track_primary`).
    Lost,
    /// The link has gone a moment ago, which will be a fault.
    Unplugged,
}

impl Loop {
    /// Hands an input to a router's election and carries out the effects. Adverts are only queued: they leave
    /// together in [`flush`](Self::flush). `since` is when the cause came about.
    pub(super) fn feed(
        &mut self,
        index: usize,
        at: Time,
        since: Time,
        input: Input,
        received: Option<&Received<'_>>,
    ) {
        let Some(router) = self.routers.get_mut(index) else { return };
        let effects = router.election.handle(at, input);
        let Effects { door, expect, transition, .. } = effects;
        for position in router.stations() {
            let station = self.interfaces.get_mut(position);
            // Where another router is at home in this slot, it is that one's door.
            let station =
                station.filter(|station| position == router.interface || !station.houses(router.slot));
            let Some(port) = station.and_then(|station| station.port.as_mut()) else { continue };
            match door {
                // Nothing has left there.
                Some(Door::Open(_)) if position == router.interface && !router.way_out.is_open() => {}
                Some(Door::Open(lease)) => port.tables.open(router.slot, lease, at),
                Some(Door::Close) => port.tables.close(router.slot, at),
                None => {}
            }
        }
        let port = self.interfaces.get_mut(router.interface).and_then(|interface| interface.port.as_mut());
        if let Some(port) = port {
            if let Input::Configure(settings) = input {
                port.tables.set_priority(router.slot, settings.priority);
            }
            match (expect, received) {
                (Some(Expect::This), Some(received)) => {
                    let destination = router.destination();
                    port.tables.expect(router.slot, &received.advert, destination, received.message);
                }
                (Some(Expect::This | Expect::Nothing), _) => port.tables.forget(router.slot),
                (None, _) => {}
            }
        }
        router.queued.take_in(&effects);
        if effects.send.is_some() {
            self.outbox.push(index);
        }
        if let Some(transition) = transition {
            if !matches!(transition.to, StateName::Master | StateName::Leaving) {
                router.way_out = WayOut::Open;
                router.opens = Opens::All;
            }
            router.last_word.change(&transition);
            let reacted = Reacted {
                transition,
                at,
                fault: router.explain_cause(transition.cause),
                wall: SystemTime::now(),
                late: at.since(since),
                flip: Duration::ZERO,
                send: Duration::ZERO,
            };
            self.transitioned.push((index, reacted));
        }
        self.attend(index, &effects, received);
    }

    /// Sends what is queued, in batches by interface, and opens the doors of what has left. A second round has the farewells
    /// that an advert of their router goes before.
    pub(super) fn flush(&mut self) {
        if self.outbox.is_empty() {
            return;
        }
        let mut outbox = std::mem::take(&mut self.outbox);
        // Named twice, a router is sent for once in each round.
        outbox.sort_unstable();
        outbox.dedup();
        while !outbox.is_empty() {
            let ready: Vec<_> = outbox.iter().filter_map(|index| self.take_queued(*index)).collect();
            outbox.clear();
            outbox.extend(ready.iter().map(|queued| queued.router));
            self.send_round(ready);
        }
        self.outbox = outbox;
    }

    fn take_queued(&mut self, index: usize) -> Option<Queued> {
        let router = self.routers.get_mut(index)?;
        let priority = router.queued.take_next()?;
        router.prepare_advert(priority);
        Some(Queued { interface: router.interface, router: index, priority })
    }

    fn send_round(&mut self, mut ready: Vec<Queued>) {
        ready.sort_by_key(|queued| queued.interface);
        for run in ready.chunk_by(|a, b| a.interface == b.interface) {
            let (group, peers): (Vec<Queued>, _) =
                run.iter().copied().partition(|queued| !self.has_peers(queued));
            group.chunks(BATCH).for_each(|batch| self.send_batch(batch));
            peers.iter().for_each(|queued| self.send_to_peers(queued));
        }
    }

    fn send_batch(&mut self, batch: &[Queued]) {
        let mut rest = batch;
        while let Some((first, after)) = rest.split_first() {
            let at = now();
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

    fn send_some(&self, batch: &[Queued]) -> io::Result<usize> {
        let interface = batch.first().and_then(|queued| self.interfaces.get(queued.interface));
        let port =
            interface.and_then(|interface| interface.port.as_ref()).ok_or(io::ErrorKind::NotConnected)?;
        port.socket.send(batch.iter().filter_map(|queued| self.routers.get(queued.router)).map(Router::frame))
    }

    fn has_peers(&self, queued: &Queued) -> bool {
        self.routers.get(queued.router).is_some_and(|router| router.peers().is_some())
    }

    /// An advert that has reached one peer has left: that another is away must not cost this router its role.
    fn send_to_peers(&mut self, queued: &Queued) {
        let at = now();
        let port = self.interfaces.get(queued.interface).and_then(|interface| interface.port.as_ref());
        let (Some(port), Some(router)) = (port, self.routers.get(queued.router)) else { return };
        match port.unicast.send(router.packets()) {
            Ok(_) => self.have_left(std::slice::from_ref(queued), at),
            Err(error) => self.send_failed(queued, at, &error),
        }
    }

    fn have_left(&mut self, left: &[Queued], at: Time) {
        let returned = now();
        left.iter().for_each(|queued| self.sent(queued, at));
        if self.transitioned.is_empty() {
            return;
        }
        let opened = Opened { at: now(), send: returned.since(at) };
        for queued in left {
            if let Some(router) = self.routers.get_mut(queued.router) {
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
        if let Some(router) = self.routers.get_mut(queued.router).filter(|_| left) {
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
        let Some(router) = self.routers.get_mut(queued.router) else { return };
        router.statistics.send_failures += 1;
        if let Some(repeated) = router.remarks.send.admit(at) {
            tracing::error!(router = %router.config.name, %error, repeated, "advert could not be sent");
        }
    }

    /// Whether what a router sends can leave. A link without a carrier takes frames, and drops them.
    fn way_of(&self, index: usize) -> Way {
        let Some(router) = self.routers.get(index) else { return Way::There };
        let link = self.interfaces.get(router.interface).and_then(|interface| interface.link.as_ref());
        match link {
            Some(link) if !link.carrier && router.config.dont_track_primary => Way::Lost,
            Some(link) if !link.carrier => Way::Unplugged,
            Some(_) | None => Way::There,
        }
    }

    /// Tells of the transitions of this turn, now that the doors are as they shall be.
    pub(super) fn tell(&mut self) {
        let mut transitioned = std::mem::take(&mut self.transitioned);
        let done = now();
        for (index, mut reacted) in transitioned.drain(..) {
            let Some(router) = self.routers.get_mut(index) else { continue };
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
                // Not when it is wanted.
                router.prepare_advert(router.priority());
            }
            router.remember(reacted);
            self.tell_outside(index);
        }
        self.transitioned = transitioned;
        self.tell_groups();
    }

    /// Sends gratuitous ARP that is due, some of it per turn.
    pub(super) fn announce(&mut self, at: Time) {
        for index in 0..self.routers.len() {
            let Some(router) = self.routers.get_mut(index) else { return };
            if router.announces_at() > at {
                continue;
            }
            let repeat = router.announcements.take(at, &router.config.garp);
            self.queue_announcements(index, repeat);
        }
        let batch = self.announcements.len().min(ANNOUNCEMENTS_PER_TURN);
        let frames: Vec<_> = self.announcements.drain(..batch).collect();
        for (router, interface, address) in frames {
            self.announce_one(router, interface, address);
        }
    }

    fn queue_announcements(&mut self, index: usize, repeat: u8) {
        let Some(router) = self.routers.get(index) else { return };
        let key = router.key();
        let on = |place: &Place| self.positions.get(&place.interface).copied().unwrap_or(router.interface);
        let v4 = |place: &Place| match place.address.address {
            IpAddr::V4(address) => Some((key, on(place), address)),
            IpAddr::V6(_) => None,
        };
        let round: Vec<_> = router.belongings.places.iter().filter_map(v4).collect();
        for _ in 0..repeat {
            self.announcements.extend(&round);
        }
    }

    fn announce_one(&mut self, router: RouterKey, interface: usize, address: Ipv4Addr) {
        let index = self.find(router);
        let Some(interface) = self.interfaces.get(interface) else { return };
        let Some(router) = index.and_then(|index| self.routers.get_mut(index)) else { return };
        if router.election.name() != StateName::Master {
            return;
        }
        let Some(link) = &interface.link else { return };
        let frame = arp::gratuitous(router.mac_on(link.mac), address);
        let sent = interface.port.as_ref().map(|port| port.socket.send(std::iter::once(frame.as_slice())));
        if let Some(Ok(1)) = sent {
            router.statistics.announcements_sent += 1;
        }
    }
}

fn log_transition(router: &Router, reacted: &Reacted) {
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

/// The address that an advert of `router` would come from, if it is known.
pub(super) fn source(router: &Router) -> Option<IpAddr> {
    Some(router.election.settings().address).filter(|address| !address.is_unspecified())
}
