//! The end of a router's part, and the handover of a master (I7).

use super::{
    ANNOUNCEMENT_GRACE, Cause, Door, Effects, Election, Expect, Fault, HANDOVER_GRACE, State, Transition,
    settling::is_of_the_link,
};
use crate::{receive::Advert, time::Time, types::Priority};

impl Election {
    /// Gives up the role with a farewell, so that peers need not wait, and contends like any other.
    pub(super) fn yield_role(&mut self, now: Time) -> Effects {
        if !matches!(self.state, State::Master(_)) {
            return Effects::default();
        }
        let Effects { first, send, .. } = self.farewell(now);
        Effects { first, send, ..self.listen(now, Cause::Group) }
    }

    /// Takes the router out of the election. A master says that it leaves. If it cannot even send, its peers wait longer than its
    /// door was open anyway, and it may go on in that time.
    pub(super) fn fault(&mut self, now: Time, fault: Fault) -> Effects {
        let farewell = if is_of_the_link(fault) { Effects::default() } else { self.farewell(now) };
        let Effects { first, send, .. } = farewell;
        self.interrupt(fault);
        match self.state {
            State::Stopped => return Effects::default(),
            State::Initialize(Some(known)) if known == fault => return Effects::default(),
            State::Leaving { .. } => return self.become_stopped(Cause::Fault(fault)),
            State::Initialize(_) | State::Backup(_) | State::Master(_) => {}
        }
        let effects = self.leave(State::Initialize(Some(fault)), Cause::Fault(fault));
        Effects { first, send, expect: Some(Expect::Nothing), ..effects }
    }

    /// Stops the router. A master makes before it breaks (I7): the door stays open for its successor to take over.
    pub(super) fn stop(&mut self, now: Time) -> Effects {
        match self.state {
            State::Master(master) if !master.was_silent(now) => {
                let (from, farewell) = (self.name(), self.farewell(now));
                self.state = State::Leaving { until: now + self.settings.interval.span(), successor: None };
                Effects {
                    expect: Some(Expect::Nothing),
                    transition: Some(Transition { from, to: self.name(), cause: Cause::Stop }),
                    ..farewell
                }
            }
            State::Leaving { .. } | State::Stopped => Effects::default(),
            State::Initialize(_) | State::Backup(_) | State::Master(_) => self.become_stopped(Cause::Stop),
        }
    }

    /// Stops the router, and closes its door before a successor is heard.
    pub(super) fn halt(&mut self, now: Time) -> Effects {
        if matches!(self.state, State::Stopped) {
            return Effects::default();
        }
        let Effects { first, send, .. } = self.farewell(now);
        Effects { first, send, ..self.become_stopped(Cause::Stop) }
    }

    pub(super) fn advert_as_leaving(&mut self, until: Time, advert: Advert, at: Time) -> Effects {
        if advert.priority == Priority::RELEASE {
            return Effects::default();
        }
        let grace = if advert.from_virtual_mac { HANDOVER_GRACE } else { ANNOUNCEMENT_GRACE };
        self.leave_by(until.min(at + grace), advert)
    }

    /// Ends a handover: the successor that was heard answers now. Without one, the claim is a conflict and changes nothing.
    pub(super) fn claimed(&mut self, at: Time) -> Effects {
        match self.state {
            State::Leaving { until, successor: Some(successor) } => self.leave_by(until.min(at), successor),
            State::Leaving { successor: None, .. }
            | State::Initialize(_)
            | State::Backup(_)
            | State::Master(_)
            | State::Stopped => Effects::default(),
        }
    }

    fn leave_by(&mut self, until: Time, successor: Advert) -> Effects {
        self.state = State::Leaving { until, successor: Some(successor) };
        self.lease = self.lease.cut_short(until);
        Effects { door: Some(Door::Open(self.lease)), ..Effects::default() }
    }
}
