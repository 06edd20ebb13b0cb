//! Boxes that are none of the hosts, and machines that are suspended.

use vrrp_common::{election::Settings, types::Priority, wire::vrrp::ChecksumForm};

use super::{Next, World};
use crate::{
    faults::{Kind, Speech, Trouble},
    host::{frame, password},
};

impl World<'_> {
    /// All that hear anything hear a box that is configured like `host`, but for what `settings` say.
    pub(super) fn hear_stranger(&mut self, host: usize, settings: &Settings, priority: Priority) {
        let auth = password(settings.version, self.scenario.plans[host].password);
        let list = (self.hosts[host].list, auth);
        let Some(frame) = frame(settings, list, ChecksumForm::PseudoHeader, priority) else { return };
        let open: Vec<_> = (0..self.hosts.len()).filter(|to| !self.network.is_cut_off(*to)).collect();
        for to in open {
            let moment = self.network.carry_strange(&mut self.random, self.now, to);
            // From no host.
            self.at(moment, Next::Arrive { to, from: self.hosts.len(), serial: 0 });
            self.frames.insert(self.order, frame.clone());
        }
    }

    /// The box says that it is master, and goes on with that until its trouble ends.
    pub(super) fn rival(&mut self, index: usize) {
        let Trouble { kind: Kind::Rival { speech, period, flaps }, host, ends, .. } =
            self.scenario.troubles[index]
        else {
            return;
        };
        let settings = self.scenario.plans[host].settings;
        // A box has one address.
        let other = if flaps { Speech::draw(&mut self.random, settings) } else { speech };
        let speech = Speech { source: speech.source, ..other };
        self.speak(host, speech, speech.priority);
        let next = self.now + period;
        if ends.is_some_and(|ends| next < ends) {
            self.at(next, Next::Rival(index));
        }
    }

    /// The box is gone, with a farewell or without.
    pub(super) fn leave_or_not(&mut self, host: usize, speech: Speech) {
        if self.random.per_mille(500) {
            self.speak(host, speech, Priority::RELEASE);
        }
    }

    fn speak(&mut self, host: usize, speech: Speech, priority: Priority) {
        let Speech { interval, source, .. } = speech;
        self.trace.line(self.now, || {
            format!("{source} advertises priority {priority} ({interval}), and is no host")
        });
        let settings = self.scenario.plans[host].settings;
        self.hear_stranger(host, &Settings { interval, address: source.into(), ..settings }, priority);
    }

    /// What is on its way to the host is lost, and what it was about to do waits.
    pub(super) fn fall_asleep(&mut self, host: usize) {
        self.network.suspend(host, true);
        self.hosts[host].suspend(true);
    }

    pub(super) fn wake_up(&mut self, host: usize) {
        self.network.suspend(host, false);
        self.hosts[host].suspend(false);
        if self.hosts[host].runs() {
            self.wake_within(host, self.now);
        }
    }
}
