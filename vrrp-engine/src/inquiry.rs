//! Questions by ARP whether another box answers for the addresses, and what is said when the role is given up to it: what elections
//! ask for beside adverts (I11).

use std::net::{IpAddr, Ipv4Addr};

use vrrp_common::{
    election::{Effects, Input, Remark, StateName},
    receive::Received,
    time::Time,
    types::{Family, Mac},
    wire::{
        arp,
        vrrp::{self, Header},
    },
};

use crate::{
    engine::Engine,
    mismatch,
    outside::{BATCH, Outside, Plane},
    roster::RouterId,
    router::VirtualRouter,
    state_change::{State, StateChange, Subject},
};

/// Addresses that are asked for: the first ones. One answer is enough.
const ASKED: usize = BATCH;

impl<O: Outside> Engine<O> {
    /// Carries out what an election wants beside doors and adverts.
    pub(crate) fn attend(
        &mut self,
        id: RouterId,
        at: Time,
        effects: &Effects,
        received: Option<&Received<'_>>,
    ) {
        if let Some(to) = effects.ask {
            self.ask(id, to, received);
        }
        if let Some(mac) = effects.moved_to {
            self.say_moved(id, mac);
        }
        match effects.remark {
            Some(Remark::Clash) => {
                if let Some((router, received)) = self.roster.get_mut(id).zip(received) {
                    mismatch::clash(router, received, at);
                }
                self.choose_mac(id);
            }
            Some(Remark::HandsOverInVain) => {
                if let Some(router) = self.roster.get_mut(id) {
                    mismatch::hands_over_in_vain(router, at);
                }
            }
            Some(Remark::SilentMasterAnswers) => self.split(id),
            None => {}
        }
        self.stop_asking(id);
    }

    /// Sends the question for the addresses that both have, or for all, as far as they are on the interface of the adverts.
    fn ask(&mut self, id: RouterId, to: Mac, received: Option<&Received<'_>>) {
        let Some(router) = self.roster.get_mut(id) else { return };
        // Asked again, it is asked for the same.
        if router.asked.is_empty() || received.is_some() {
            router.asked = router.addresses_at_home(received).take(ASKED).collect();
        }
        if router.asked.is_empty() {
            return;
        }
        let Some(port) = self.ports.get_mut(router.home) else { return };
        let (Some(link), Some(plane)) = (&port.link, port.plane.as_mut()) else { return };
        plane.set_asking(router.slot, true);
        let frames: Vec<_> =
            router.asked.iter().map(|address| arp::question(link.mac, *address, to)).collect();
        router.statistics.questions_sent += frames.len() as u64;
        // What does not leave is not answered, and asked again.
        let _unsent = plane.send(frames.iter().map(AsRef::as_ref));
    }

    /// Once nothing hangs on an answer any more, the data plane need not look for one.
    fn stop_asking(&mut self, id: RouterId) {
        let Some(router) = self.roster.get_mut(id) else { return };
        if router.asked.is_empty() || router.election.is_asking() {
            return;
        }
        router.asked.clear();
        if let Some(plane) = self.ports.plane_mut(router.home) {
            plane.set_asking(router.slot, false);
        }
    }

    /// Tells neighbours, who may know the MAC of this box for them, where the addresses are now. The frame comes from the interface's
    /// own MAC, so that switches do not learn the other one here.
    fn say_moved(&mut self, id: RouterId, to: Mac) {
        let Some(router) = self.roster.get(id).filter(|router| router.mac() != to) else { return };
        let Some(port) = self.ports.get_mut(router.home) else { return };
        let (Some(link), Some(plane)) = (&port.link, &mut port.plane) else { return };
        let frames: Vec<_> =
            router.asked.iter().map(|address| arp::elsewhere(link.mac, to, *address)).collect();
        let sent = plane.send_past_the_door(frames.iter().map(AsRef::as_ref));
        if let Err(error) = sent {
            tracing::warn!(router = %router.config.name, %error, "neighbours could not be told where the addresses are");
        }
    }

    /// Hands on what may be the answer to a question. Whether it was one.
    pub(crate) fn take_answer(&mut self, id: RouterId, at: Time, frame: &[u8]) -> bool {
        let Some(router) = self.roster.get(id) else { return false };
        let Some(claim) = arp::answer(frame, router.interface_mac()) else { return false };
        let wanted = router.asked.contains(&claim.address) && claim.mac != router.interface_mac();
        if wanted {
            self.feed(id, self.outside.now(), at, Input::Answered { at, mac: claim.mac }, None);
        }
        wanted
    }

    /// The master is silent and answers: tells whoever is told of changes of state.
    fn split(&mut self, id: RouterId) {
        let Some(router) = self.roster.get_mut(id) else { return };
        router.statistics.silent_masters_that_answer += 1;
        let name = &router.config.name;
        tracing::error!(
            router = %name, limit = router.config.probe_limit,
            "the master is silent and answers ARP: its adverts are lost on their way; look at multicast filters and IGMP snooping on the switch"
        );
        let change = StateChange {
            subject: Subject::Instance(name.clone()),
            state: State::Split,
            priority: router.priority().as_u8(),
        };
        if !self.report(change) {
            tracing::warn!("too much is under way: nobody is told of the split");
        }
    }

    /// Goes by the virtual MAC, or by the interface's own while another cluster speaks from the same virtual one: its healthy
    /// addresses would break, too. A running master stays where neighbours know it.
    pub(crate) fn choose_mac(&mut self, id: RouterId) {
        let Some(router) = self.roster.get_mut(id) else { return };
        let at = self.outside.now();
        let taken = router.election.clash(at).is_some_and(|clash| clash.advert.from_virtual_mac);
        let running = matches!(router.election.name(), StateName::Master | StateName::Leaving);
        let own = router.config.use_vmac && taken && (router.has_own_mac() || !running);
        if router.has_own_mac() == own {
            return;
        }
        router.set_own_mac(own);
        let name = &router.config.name;
        if own {
            tracing::warn!(router = %name, "another cluster has the virtual MAC: this router goes by its interface's own until that one is gone");
        } else {
            tracing::info!(router = %name, "the virtual MAC is free again: this router goes by it");
        }
        if running {
            router.announcements.start(at);
        }
        self.install(id);
    }
}

/// The addresses of an advert.
pub(crate) fn listed(received: &Received<'_>) -> impl Iterator<Item = IpAddr> {
    let count = Header::parse(received.message).map_or(0, |header| header.count);
    vrrp::addresses(received.message, Family::V4, count)
}

impl VirtualRouter {
    /// Its addresses on the interface of its adverts, or those of them that an advert lists as well.
    fn addresses_at_home(&self, received: Option<&Received<'_>>) -> impl Iterator<Item = Ipv4Addr> {
        let listed = received.map(|received| listed(received).collect::<Vec<_>>());
        let home = &self.config.interface;
        let at_home = self.config.addresses.iter().filter(move |vip| {
            vip.dev.as_ref().is_none_or(|dev| dev == home)
                && listed.as_ref().is_none_or(|listed| listed.contains(&vip.address))
        });
        at_home.filter_map(|vip| match vip.address {
            IpAddr::V4(address) => Some(address),
            IpAddr::V6(_) => None,
        })
    }

    /// When gratuitous ARP is due: not while the role may be about to be given up.
    pub(crate) fn announces_at(&self) -> Time {
        self.announcements.due_at().max(self.election.announces_from())
    }
}
