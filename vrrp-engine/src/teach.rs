//! Showing the switches where a virtual MAC is, on interfaces that no advert leaves from with that MAC: those of routers
//! with unicast peers, whose adverts the kernel sends, and those that only carry addresses.
//!
//! A switch that has forgotten it floods every frame to it, and one that knows it at the port of a master that is none any
//! more sends them there. So the master sends a frame from the virtual MAC to the virtual MAC, which every switch learns
//! from and none has to forward.

use std::time::Duration;

use vrrp_common::{election::StateName, time::Time, types::Mac, wire::loopback};

use crate::{
    announce::pace,
    engine::Engine,
    outside::{BATCH, Outside, Plane},
    port::PortId,
    roster::RouterId,
    router::VirtualRouter,
};

/// Routers that are due within this part of the pace are taken along, so that many fall into step; and it is no less from
/// one frame to the next, whatever happens.
const STEPS: u32 = 16;

/// When a router shows where its virtual MAC is.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Teaching {
    due: Option<Time>,
    /// From when on the next one may leave.
    free_at: Time,
}

impl Teaching {
    /// At once: the role is new, or the switches may have learnt otherwise.
    pub(crate) fn hurry(&mut self, now: Time) {
        let soon = now.max(self.free_at);
        self.due = Some(self.due.map_or(soon, |due| due.min(soon)));
    }

    /// It is master no more.
    pub(crate) fn stop(&mut self) {
        self.due = None;
    }

    /// Whether it is due or nearly so; plans the next one.
    fn take(&mut self, now: Time, pace: Duration) -> bool {
        let step = pace / STEPS;
        let due = now >= self.free_at && self.due.is_some_and(|due| due <= now + step);
        if due {
            *self = Self { due: Some(now + pace), free_at: now + step };
        }
        due
    }
}

impl VirtualRouter {
    /// When the switches are to be shown where its virtual MAC is.
    pub(crate) fn teaches_at(&self) -> Time {
        let here = self.uses_vmac() && (self.peers().is_some() || !self.secondaries.is_empty());
        self.teaching.due.filter(|_| here).unwrap_or(Time::NEVER)
    }

    /// The interfaces where nothing else shows it.
    fn classes(&self) -> impl Iterator<Item = PortId> + '_ {
        let home = self.peers().is_some();
        self.stations().filter(move |port| home || *port != self.home)
    }
}

/// What is to be shown where.
#[derive(Clone, Copy, Debug)]
struct Lesson {
    port: PortId,
    router: RouterId,
    slot: u32,
    mac: Mac,
}

impl<O: Outside> Engine<O> {
    /// Shows the switches where the virtual MACs are, as far as that is due, wherever a door is open.
    pub(crate) fn teach(&mut self, at: Time) {
        if self.roster.iter().map(VirtualRouter::teaches_at).min().is_none_or(|due| due > at) {
            return;
        }
        let mut lessons = Vec::new();
        for (id, router) in self.roster.iter_mut() {
            let concerned = router.teaches_at() != Time::NEVER;
            // A door that stands open for a successor is the successor's to show.
            if concerned
                && router.teaching.take(at, pace(router.config.advert_int))
                && router.election.name() == StateName::Master
            {
                let lesson = |port| Lesson { port, router: id, slot: router.slot, mac: router.mac() };
                lessons.extend(router.classes().map(lesson));
            }
        }
        lessons.sort_unstable_by_key(|lesson| (lesson.port, lesson.router));
        for lessons in lessons.chunk_by(|a, b| a.port == b.port) {
            lessons.chunks(BATCH).for_each(|batch| self.teach_on(batch));
        }
    }

    /// The same on one interface.
    fn teach_on(&mut self, lessons: &[Lesson]) {
        let now = self.outside.now();
        let Some(port) = lessons.first().map(|lesson| lesson.port) else { return };
        let Some(plane) = self.ports.plane_mut(port) else { return };
        let is_open = |lesson: &&Lesson| plane.running_lease(lesson.slot, now).is_some();
        let open: Vec<_> = lessons.iter().filter(is_open).collect();
        let frames: Vec<_> = open.iter().map(|lesson| loopback::frame(lesson.mac)).collect();
        // What does not leave is shown at the next time.
        let sent = plane.send(frames.iter().map(AsRef::as_ref)).unwrap_or(0);
        for lesson in open.iter().take(sent) {
            if let Some(router) = self.roster.get_mut(lesson.router) {
                router.statistics.virtual_mac_shown += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACE: Duration = Duration::from_secs(1);

    fn at(milliseconds: u64) -> Time {
        Time::from_nanos(milliseconds * 1_000_000)
    }

    #[test]
    fn i12_it_is_shown_at_once_and_then_once_in_each_pace() {
        let mut teaching = Teaching::default();
        assert!(!teaching.take(at(5_000), PACE));
        teaching.hurry(at(10_000));
        let shown: Vec<_> = (10_000..14_000).filter(|now| teaching.take(at(*now), PACE)).collect();
        assert_eq!(shown.len(), 5, "{shown:?}");
        assert!(shown[0] == 10_000 && shown.windows(2).all(|pair| pair[1] - pair[0] >= 937), "{shown:?}");
        teaching.stop();
        assert!(!teaching.take(at(60_000), PACE));
    }

    #[test]
    fn a_flood_of_losing_adverts_makes_sixteen_frames_a_second_at_most() {
        let mut teaching = Teaching::default();
        let taken = (10_000..11_000).filter(|now| {
            teaching.hurry(at(*now));
            teaching.take(at(*now), PACE)
        });
        assert!((2..=17).contains(&taken.count()));
    }
}
