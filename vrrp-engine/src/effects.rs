//! Carrying out what an election says: close, queue, expect, note. Nothing else comes between.

use std::time::{Duration, SystemTime};

use vrrp_common::{
    election::{Door, Effects, Expect, Input, StateName, Transition},
    receive::Received,
    time::Time,
    types::Priority,
};

use crate::{
    engine::Engine,
    outside::{Outside, Plane},
    port::PortId,
    roster::RouterId,
    router::VirtualRouter,
    way_out::{Opens, WayOut},
};

/// An advert that waits to be sent with the others of its interface.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Queued {
    pub(crate) port: PortId,
    /// Whether it goes to peers, and not to the group.
    pub(crate) to_peers: bool,
    pub(crate) router: RouterId,
    pub(crate) priority: Priority,
}

/// A transition with its measured reaction.
#[derive(Clone, Debug)]
pub(crate) struct Reacted {
    pub(crate) transition: Transition,
    /// When it was decided.
    pub(crate) at: Time,
    pub(crate) wall: SystemTime,
    /// What failed then, where the cause is a fault; any other cause says enough.
    pub(crate) fault: Option<String>,
    /// From its cause (the deadline, the advert's stamp) to the decision.
    pub(crate) late: Duration,
    /// From the decision to the changed flag in the data plane.
    pub(crate) flip: Duration,
    /// What of that the kernel took to send the advert.
    pub(crate) send: Duration,
}

impl Reacted {
    /// The cause in words.
    pub(crate) fn because(&self) -> String {
        self.fault.clone().unwrap_or_else(|| self.transition.cause.to_string())
    }
}

impl<O: Outside> Engine<O> {
    /// Hands an input to a router's election and carries out the effects. Adverts are only queued: they leave
    /// together in [`flush`](Self::flush). `since` is when the cause came about.
    pub(crate) fn feed(
        &mut self,
        id: RouterId,
        at: Time,
        since: Time,
        input: Input,
        received: Option<&Received<'_>>,
    ) {
        let Some(router) = self.roster.get_mut(id) else { return };
        let key = router.key();
        let effects = self.outside.decide(key, &mut router.election, at, input);
        if let Some(door) = effects.door {
            let way_out = router.way_out.is_open();
            self.ports.doors_of(router, |plane, is_home| match door {
                // Nothing has left there.
                Door::Open(_) if is_home && !way_out => {}
                Door::Open(lease) => plane.open(router.slot, lease, at),
                Door::Close => plane.close(router.slot, at),
            });
        }
        if let Some(plane) = self.ports.plane_mut(router.home) {
            expect(plane, router, input, &effects, received);
        }
        router.queued.take_in(&effects);
        if effects.send.is_some() {
            self.outbox.due.push(id);
        }
        if let Some(transition) = effects.transition {
            let wall = self.outside.wall();
            self.outbox.transitions.push((id, router.take_transition(transition, (at, since, wall))));
        }
        self.attend(id, at, &effects, received);
    }
}

/// Tells the data plane at home what is to be expected there from now on.
fn expect(
    plane: &mut impl Plane,
    router: &VirtualRouter,
    input: Input,
    effects: &Effects,
    received: Option<&Received<'_>>,
) {
    if let Input::Configure(settings) = input {
        plane.set_priority(router.slot, settings.priority);
    }
    match (effects.expect, received) {
        (Some(Expect::This), Some(received)) => {
            plane.expect(router.slot, &received.advert, router.destination(), received.message);
        }
        (Some(Expect::This | Expect::Nothing), _) => plane.forget(router.slot),
        (None, _) => {}
    }
}

impl VirtualRouter {
    fn take_transition(
        &mut self,
        transition: Transition,
        (at, since, wall): (Time, Time, SystemTime),
    ) -> Reacted {
        if !matches!(transition.to, StateName::Master | StateName::Leaving) {
            self.way_out = WayOut::Open;
            self.opens = Opens::All;
        }
        self.last_word.change(&transition);
        Reacted {
            transition,
            at,
            fault: self.explain_cause(transition.cause),
            wall,
            late: at.since(since),
            flip: Duration::ZERO,
            send: Duration::ZERO,
        }
    }
}
