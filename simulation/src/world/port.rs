//! Slow ports of the switch.

use vrrp_common::election::Settling;

use super::{Next, World};
use crate::{
    checkers::{Seen, Violation},
    faults::{Kind, Trouble},
    host::Host,
    port::DOWN,
};

impl World<'_> {
    /// The link goes down.
    pub(super) fn unplug(&mut self, host: usize) {
        self.network.shut(host, true);
        self.hosts[host].port.shut = true;
        self.hosts[host].port.settling = DOWN;
        self.tell(host, Host::relink);
    }

    /// It comes back, and the port stays shut.
    pub(super) fn plug(&mut self, index: usize, host: usize) {
        let Kind::SlowPort { hello, shut } = self.scenario.troubles[index].kind else { return };
        let since = Some(self.hosts[host].clock(self.now));
        self.hosts[host].port.settling = Settling { since, came_up: true, ..DOWN };
        self.tell(host, Host::relink);
        self.at(self.now + hello, Next::Hello(index));
        self.at(self.now + shut, Next::Forward(index));
    }

    /// The switch speaks its spanning tree, again and again.
    pub(super) fn hello(&mut self, index: usize) {
        let Trouble { kind: Kind::SlowPort { hello, .. }, host, .. } = self.scenario.troubles[index] else {
            return;
        };
        let port = self.hosts[host].port;
        if !port.shut {
            return;
        }
        if self.hosts[host].hear_bpdu(self.now) {
            self.trace.line(self.now, || format!("{host} hears a spanning tree"));
            self.tell(host, |_| ());
        }
        self.at(self.now + hello, Next::Hello(index));
    }

    /// The port lets everything through from now on, and somebody speaks before long.
    pub(super) fn forward(&mut self, index: usize) -> Result<(), Violation> {
        let host = self.scenario.troubles[index].host;
        self.trace.line(self.now, || format!("{host} is let through"));
        self.network.shut(host, false);
        self.hosts[host].port.shut = false;
        let unit = vrrp_common::time::nanos(self.scenario.plans[host].settings.interval.span());
        let moment = self.now + self.random.within(0, unit);
        self.at(moment, Next::Chatter(host));
        self.see(&Seen::Trouble { host })
    }

    /// A frame that is no advert.
    pub(super) fn chatter(&mut self, host: usize) {
        self.let_through(host);
    }

    pub(super) fn let_through(&mut self, host: usize) {
        let is_new = self.hosts[host].let_through(self.now);
        if is_new && self.hosts[host].runs() {
            self.wake_within(host, self.now);
        }
    }
}
