//! After a time in which two were master: the one that stays is the one that neighbours and switches know (I12).
//!
//! Who stays says so whenever it hears another master that does not outrank it, or that leaves. Who yields is heard by it
//! for that: where nothing else has told that there was another master, it says its last word, an advert that loses.

use vrrp_common::{
    election::{Effects, StateName, Transition},
    receive::Advert,
    time::Time,
    types::Priority,
};

use crate::{
    Link, announce::pace, engine::Engine, flush::Way, outside::Outside, port::PortId, roster::RouterId,
    router::VirtualRouter,
};

/// Whether a router was master and nobody may know.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LastWord {
    owed: bool,
}

impl LastWord {
    /// The state has changed. A farewell that may have gone out with that is no last word: who did not hear this one as
    /// master did not hear that either.
    pub(crate) fn change(&mut self, transition: &Transition) {
        self.owed = match (transition.from, transition.to) {
            (_, StateName::Master) => false,
            (StateName::Master, StateName::Backup | StateName::Fault) => true,
            (
                _,
                StateName::Init
                | StateName::Backup
                | StateName::Fault
                | StateName::Leaving
                | StateName::Stopped,
            ) => self.owed,
        };
    }
}

impl VirtualRouter {
    /// Whether it became master within its last interval: a losing advert then is the last word of the one before.
    pub(crate) fn has_just_won(&self, now: Time) -> bool {
        let last = self.history.back();
        last.is_some_and(|last| {
            last.transition.to == StateName::Master && now.since(last.at) < self.config.advert_int.span()
        })
    }

    /// Whether an advert comes from a master that goes before this router.
    fn is_outranked_by(&self, advert: &Advert) -> bool {
        let settings = self.election.settings();
        (advert.priority, advert.source) > (settings.priority, settings.address)
    }
}

impl<O: Outside> Engine<O> {
    /// A router has judged an advert. `was_master`: it was master before that.
    pub(crate) fn heal(&mut self, id: RouterId, advert: &Advert, was_master: bool, at: Time) {
        let Some(router) = self.roster.get(id) else { return };
        let clash = router.election.clash(at);
        if clash.is_some_and(|clash| clash.advert.source == advert.source) {
            return;
        }
        match router.election.name() {
            StateName::Master if was_master => self.answer_another_master(id, at),
            StateName::Backup if router.last_word.owed && router.is_outranked_by(advert) => {
                self.say_last_word(id, advert);
            }
            StateName::Init
            | StateName::Backup
            | StateName::Master
            | StateName::Fault
            | StateName::Leaving
            | StateName::Stopped => {}
        }
    }

    /// With the other router of the other host those of its group have yielded, perhaps unheard.
    fn answer_another_master(&mut self, id: RouterId, at: Time) {
        let members = self.roster.get(id).map(|router| self.companions(router.key())).unwrap_or_default();
        for id in members.into_iter().chain([id]) {
            let router = self.roster.get_mut(id);
            let Some(router) = router.filter(|router| router.election.name() == StateName::Master) else {
                continue;
            };
            router.announcements.answer(at, pace(router.config.advert_int));
            router.teaching.hurry(at);
        }
    }

    /// Not where the master is heard to speak from the virtual MAC, as this one did: that advert has told all there is, but for that
    /// both are owners, which the other one is to know.
    fn say_last_word(&mut self, id: RouterId, advert: &Advert) {
        let is_reached = self.way_of(id) == Way::There;
        let Some(router) = self.roster.get_mut(id) else { return };
        router.last_word = LastWord::default();
        let all_is_told = router.uses_vmac() && advert.from_virtual_mac;
        let owners = advert.priority == Priority::OWNER && router.priority() == Priority::OWNER;
        if is_reached && (owners || !all_is_told) {
            router.queued.take_in(&Effects { send: Some(router.priority()), ..Effects::default() });
            self.outbox.due.push(id);
        }
    }

    /// An interface has changed: who has forgotten meanwhile where the addresses of masters are is told again.
    pub(crate) fn show_again(&mut self, port: PortId, before: Option<&Link>, at: Time) {
        let Some(link) = self.ports.get(port).and_then(|port| port.link.as_ref()) else {
            return;
        };
        let is_back = link.up && before.is_none_or(|before| !before.up);
        let has_another_mac = before.is_some_and(|before| before.mac != link.mac);
        if !is_back && !has_another_mac {
            return;
        }
        let concerned = |router: &VirtualRouter| {
            router.election.name() == StateName::Master
                && router.stations().any(|station| station == port)
                && (is_back || !router.uses_vmac())
        };
        for (_, router) in self.roster.iter_mut().filter(|(_, router)| concerned(router)) {
            router.announcements.start(at);
            router.teaching.hurry(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use vrrp_common::election::Cause;

    use super::*;

    #[test]
    fn who_was_master_owes_a_last_word_until_it_is_master_again() {
        use StateName::{Backup, Fault, Leaving, Master, Stopped};
        let mut word = LastWord::default();
        let steps = [
            (Backup, Fault, false),
            (Fault, Backup, false),
            (Backup, Master, false),
            (Master, Backup, true),
            (Backup, Fault, true),
            (Fault, Backup, true),
            (Backup, Master, false),
            (Master, Fault, true),
            (Fault, Master, false),
            (Master, Leaving, false),
            (Leaving, Stopped, false),
        ];
        for (from, to, owed) in steps {
            word.change(&Transition { from, to, cause: Cause::Started });
            assert_eq!(word.owed, owed, "{from} -> {to}");
        }
    }
}
